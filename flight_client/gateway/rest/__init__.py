"""REST under /v1/: publish, history, channels, presence, described by OpenAPI (docs/rest.md)."""
