"""The OpenAPI 3.1 description, made from the tables that route."""

from __future__ import annotations

from typing import Any

from flight_client.gateway.rest.routes import ANSWER_TEXTS, ROUTES, Route
from flight_client.gateway.rest.schemas import SCHEMAS, ref
from flight_client.version import __version__


def description() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flight gateway",
            "version": __version__,
            "description": "Publish to channels, read their logs, see who is connected.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.text,
        "security": [{"token": []}] if route.right else [],
        "responses": {
            str(status): {
                "description": ANSWER_TEXTS[status],
                "content": {"application/json": {"schema": ref(schema)}},
            }
            for status, schema in route.answers
        },
    }
    if route.parameters:
        found["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.place == "path",
                "description": parameter.text,
                "schema": parameter.schema,
            }
            for parameter in route.parameters
        ]
    if route.body:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(route.body)}}}
    return found
