"""Frames one behind the other on a TCP connection; both ends use it.

TCP delivers bytes undamaged and in order or breaks, so bytes that are no frame mean a peer that speaks something else:
the reader is strict and the connection over, where a reader that looks for the next frame would hide the mistake.

Memory is bounded before anybody is known: the buffer begins with the room of one frame of the limit, and grows only as far
as a frame needs whose header was read, up to the limit of the day. While it is full the socket is not read.
"""

from __future__ import annotations

import asyncio
from typing import cast

from ..session.spec import MAX_FRAME_BYTES
from ..wire.whole import whole_frames

_FIRST_BYTES = 4096
# What may wait below send() before it waits: a turn and a frame.
_WRITE_HIGH_BYTES = 65536


class FrameStream(asyncio.BufferedProtocol):
    """One connection; send() and receive() raise ConnectionError when it is over, receive() FrameError for no frames."""

    def __init__(self, limit_bytes: int = MAX_FRAME_BYTES, *, one_by_one: bool = False) -> None:
        """limit_bytes: of the largest frame taken. one_by_one: receive() gives single frames until admit()."""
        self._limit = limit_bytes
        self._one = one_by_one
        self._buffer = bytearray(min(limit_bytes, _FIRST_BYTES))
        self._filled = 0
        self._transport: asyncio.Transport | None = None
        self._paused = False  # we do not read
        self._blocked = False  # the socket does not take more
        self._discarding = False
        self._over: BaseException | None = None
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._gone = asyncio.Event()

    def admit(self, limit_bytes: int = MAX_FRAME_BYTES) -> None:
        """The peer is known: larger frames, and as many at a time as there are."""
        self._limit = limit_bytes
        self._one = False

    @property
    def transport(self) -> asyncio.Transport | None:
        """What carries it, once there is a connection."""
        return self._transport

    @property
    def buffered_bytes(self) -> int:
        """Room that is taken for what was received and not handed out: for tests."""
        return len(self._buffer)

    async def receive(self) -> bytes:
        """The next whole frames."""
        while True:
            end = whole_frames(self._buffer, 0, self._filled, self._limit, one=self._one)
            if end:
                return self._take(end)
            if self._over is not None:
                raise ConnectionResetError("the connection ended in the middle of a frame" if self._filled else "ended")
            self._make_room()
            self._changed.clear()
            await self._changed.wait()

    async def send(self, body: bytes) -> None:
        """Hand whole frames to the socket; waits while its buffer is full."""
        if self._over is not None or self._transport is None:
            raise ConnectionResetError("ended")
        self._transport.write(body)
        while self._blocked and self._over is None:
            self._writable.clear()
            await self._writable.wait()
        if self._over is not None:
            raise ConnectionResetError("ended")

    async def close(self, linger_s: float = 0.0) -> None:
        """Send what was handed over, close. linger_s: how long the peer may take to read that and to close as well.

        A socket that is closed while bytes lie unread in it is reset, and the peer might lose our last words: so they are
        read and thrown away meanwhile.
        """
        transport = self._transport
        if transport is None or self._gone.is_set():
            return
        self._discarding = True
        self._filled = 0
        self._resume()
        try:
            if linger_s > 0:
                async with asyncio.timeout(linger_s):
                    if not transport.can_write_eof():  # TLS, which says goodbye in its own way
                        transport.close()
                    elif not transport.is_closing():
                        transport.write_eof()
                    await self._gone.wait()
        except (TimeoutError, OSError):
            pass
        finally:
            transport.abort()

    def abort(self) -> None:
        """Reset the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.BaseProtocol."""
        transport = cast("asyncio.Transport", transport)  # of uvloop, which knows no asyncio.Transport, as well
        transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio.BufferedProtocol: where the next bytes go; never empty, because a full buffer is not read into."""
        return memoryview(self._buffer)[0 if self._discarding else self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio.BufferedProtocol."""
        if self._discarding:
            return
        self._filled += nbytes
        if self._filled == len(self._buffer) and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> bool:
        """asyncio.BufferedProtocol: the peer says nothing more; there is no half of a conversation here."""
        self._end(ConnectionResetError("ended"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.BaseProtocol."""
        self._end(exc or ConnectionResetError("ended"))
        self._gone.set()

    def pause_writing(self) -> None:
        """asyncio.BaseProtocol."""
        self._blocked = True

    def resume_writing(self) -> None:
        """asyncio.BaseProtocol."""
        self._blocked = False
        self._writable.set()

    # Inside

    def _take(self, end: int) -> bytes:
        body = bytes(memoryview(self._buffer)[:end])
        rest = self._filled - end
        self._buffer[:rest] = self._buffer[end : self._filled]
        self._filled = rest
        self._resume()
        return body

    def _make_room(self) -> None:
        """No whole frame, and perhaps no room for one: whole_frames() has seen that its length is within the limit."""
        size = len(self._buffer)
        if self._filled == size:
            grown = bytearray(min(2 * size, self._limit))
            grown[:size] = self._buffer
            self._buffer = grown
            self._resume()

    def _resume(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _end(self, error: BaseException) -> None:
        self._over = self._over or error
        self._changed.set()
        self._writable.set()
