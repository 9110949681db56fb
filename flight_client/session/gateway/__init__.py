"""The role of the gateway."""
