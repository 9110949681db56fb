"""The JSON protocol `flight.v1.json`, for browsers, cloud peers and whoever has a JSON reader (docs/json.md)."""
