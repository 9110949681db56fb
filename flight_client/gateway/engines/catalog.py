"""Engines by URL: `open_engine("sqlite:flight.db", skip_records)` gives one, not yet started."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from flight_client.errors import CallerError
from flight_client.gateway.engines.base import Engine, EngineLimits, SkipRecords
from flight_client.gateway.engines.broker_url import DEFAULT_PORTS, parse_broker_url

ENGINE_URLS = (
    "memory: (lost at the end), sqlite:PATH (one file, durable), redis://HOST or rediss://HOST (shared by gateways),"
    " amqp://HOST or amqps://HOST (RabbitMQ, shared by gateways)"
)
# scheme -> module that it needs, extra that brings it
_NEEDS = {
    "redis": ("redis", "redis"),
    "rediss": ("redis", "redis"),
    "amqp": ("aio_pika", "rabbitmq"),
    "amqps": ("aio_pika", "rabbitmq"),
}

EngineMaker = Callable[[str, SkipRecords, EngineLimits | None], Engine]
"""Makes an engine, not yet started, of what stands behind the colon of its URL."""

_own: dict[str, EngineMaker] = {}


def register_engine(scheme: str, make: EngineMaker) -> None:
    """Let `scheme:...` name an engine of your own in this process. Raises CallerError for a scheme that is taken or no word."""
    if scheme in ("memory", "sqlite", *_NEEDS) or not scheme.isalnum() or not scheme.islower():
        raise CallerError(
            what="an engine of your own needs a scheme of its own",
            value=scheme,
            next_step="use a word of a-z and 0-9 that no engine here has",
        )
    _own[scheme] = make


def check_engine_url(url: str) -> tuple[str, str]:
    """Split an engine URL into scheme and path, or refuse it with what is allowed. No broker is asked."""
    scheme, colon, path = url.partition(":")
    if not colon:
        raise CallerError(what="the engine is not a URL", value=url, next_step=f"use {ENGINE_URLS}")
    if scheme in _own:
        return scheme, path
    if scheme in _NEEDS:
        parse_broker_url(url)
        _check_installed(scheme)
        return scheme, path
    if scheme == "memory" and path:
        raise CallerError(what="the engine memory: takes nothing after the colon", value=url, next_step="use memory:")
    if scheme == "sqlite" and path in ("", ":memory:", "//", "///"):
        raise CallerError(
            what="the engine sqlite: needs the path of a file",
            value=url,
            next_step="use sqlite:PATH, or memory: for none",
        )
    if scheme not in ("memory", "sqlite") or "\0" in path:
        raise CallerError(what="the engine is not known", value=shown_url(url), next_step=f"use {ENGINE_URLS}")
    return scheme, path


def shown_url(url: str) -> str:
    """The URL for a person to read: without user and password."""
    scheme = url.partition(":")[0]
    if scheme in DEFAULT_PORTS:
        return parse_broker_url(url).shown
    start, secret, host = url.rpartition("@")
    return f"{start.partition(':')[0]}://...@{host}" if secret and "://" in start else url


def _check_installed(scheme: str) -> None:
    module, extra = _NEEDS[scheme]
    if importlib.util.find_spec(module) is None:
        raise CallerError(
            what=f"the engine {scheme}:// needs the Python package {module}, which is not installed",
            value=f"{scheme}:...",
            next_step=f"pip install 'flight-realtime[gateway,{extra}]'",
        )


def open_engine(url: str, skip_records: SkipRecords, limits: EngineLimits | None = None) -> Engine:
    """The engine that the URL names. The modules are loaded here, so that one engine's needs are not the others'."""
    scheme, path = check_engine_url(url)
    if scheme in _own:
        return _own[scheme](path, skip_records, limits)
    if scheme == "memory":
        from flight_client.gateway.engines.memory import MemoryEngine

        return MemoryEngine(skip_records, limits)
    if scheme in ("redis", "rediss"):
        from flight_client.gateway.engines.redis import RedisEngine

        return RedisEngine(parse_broker_url(url), skip_records, limits)
    if scheme in ("amqp", "amqps"):
        from flight_client.gateway.engines.rabbitmq import RabbitMqEngine

        return RabbitMqEngine(parse_broker_url(url), skip_records, limits)
    from flight_client.gateway.engines.sqlite import SqliteEngine

    return SqliteEngine(path, skip_records, limits)
