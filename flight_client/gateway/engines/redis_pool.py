"""Connections to Redis that are never replaced in silence, and that write their commands in C.

The library's pool puts a fresh connection in the place of one that was cut while nobody used it. Redis may have been started
again meanwhile, with less of the log than before: whoever appends or follows must hear of it, so that the log is looked at
before anything is stored or handed on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError


class _Packing:
    """The library reads its answers in C and writes its commands in Python, which cost a third of an append."""

    def pack_commands(self, commands: Iterable[tuple[Any, ...]]) -> list[bytes]:
        """All commands as the bytes that go out. Their names are single words, as ours are."""
        return [b"".join([pack_command(tuple(command)) for command in commands])]


class PackingConnection(_Packing, Connection):  # type: ignore[misc]  # the library's own types say the same in other words
    """Plain TCP."""


class PackingSSLConnection(_Packing, SSLConnection):  # type: ignore[misc]  # the library's own types, as the one above
    """TLS."""


class StrictPool(BlockingConnectionPool):
    """Each of its connections is opened once. One that was lost is an error for whoever would use it next, and the end of
    the others: whoever waits for an answer hears of it too.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._opened: set[int] = set()

    async def ensure_connection(self, connection: Any) -> None:
        """Raises the library's ConnectionError for a connection that was lost."""
        if id(connection) in self._opened and await _is_lost(connection):
            await self.disconnect(inuse_connections=True)
            raise RedisConnectionError("the connection was lost")
        self._opened.add(id(connection))  # the pool keeps its connections as long as it lives
        await super().ensure_connection(connection)


async def _is_lost(connection: Any) -> bool:
    """Whether it was closed, or holds an answer that nobody waits for."""
    try:
        return not connection.is_connected or bool(await connection.can_read())
    except (RedisError, OSError):
        return True
