"""Engines by URL: `open_engine("sqlite:flight.db", skip_records)` gives one, not yet started."""

from __future__ import annotations

from flight_client.errors import CallerError
from flight_client.gateway.engines.base import Engine, EngineLimits, SkipRecords

ENGINE_URLS = "memory: (lost at the end) or sqlite:PATH (one file, durable)"
_PLANNED = {"redis": "redis://", "rediss": "redis://", "amqp": "amqp://", "amqps": "amqp://"}


def check_engine_url(url: str) -> tuple[str, str]:
    """Split an engine URL into scheme and path, or refuse it with what is allowed."""
    scheme, colon, path = url.partition(":")
    if not colon:
        raise CallerError(what="the engine is not a URL", value=url, next_step=f"use {ENGINE_URLS}")
    if scheme in _PLANNED:
        # Without the rest: a broker's URL may carry a password.
        raise CallerError(
            what=f"the engine {_PLANNED[scheme]} is not built into this version",
            value=f"{scheme}:...",
            next_step=f"use {ENGINE_URLS}",
        )
    if scheme == "memory" and path:
        raise CallerError(what="the engine memory: takes nothing after the colon", value=url, next_step="use memory:")
    if scheme == "sqlite" and path in ("", ":memory:", "//", "///"):
        raise CallerError(
            what="the engine sqlite: needs the path of a file",
            value=url,
            next_step="use sqlite:PATH, or memory: for none",
        )
    if scheme not in ("memory", "sqlite") or "\0" in path:
        raise CallerError(what="the engine is not known", value=url, next_step=f"use {ENGINE_URLS}")
    return scheme, path


def open_engine(url: str, skip_records: SkipRecords, limits: EngineLimits | None = None) -> Engine:
    """The engine that the URL names. The modules are loaded here, so that one engine's needs are not the others'."""
    scheme, path = check_engine_url(url)
    if scheme == "memory":
        from flight_client.gateway.engines.memory import MemoryEngine

        return MemoryEngine(skip_records, limits)
    from flight_client.gateway.engines.sqlite import SqliteEngine

    return SqliteEngine(path, skip_records, limits)
