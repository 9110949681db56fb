"""An open line: bytes to and from a serial port or a TCP port, frames found among whatever else comes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

from ..errors import CallerError, LinkError
from ..session.spec import FLAGS_SUPPORTED
from ..wire.frames import StreamReader
from .address import Line
from .line_frames import LINE_FRAME_BYTES, LineFrame, from_line

_FRAMES = 64  # that wait for a reader before the line is not read any more
_SILENCE_S = 0.25  # no byte for so long inside a frame: its rest will not come
_WRITE_HIGH_BYTES = 2 * LINE_FRAME_BYTES  # a slow line must not be promised more than it takes
_CLOSE_S = 0.2


class LinePort(asyncio.Protocol):
    """One open line. receive() and send() raise ConnectionError when the port is gone."""

    def __init__(self) -> None:
        self._reader = StreamReader(
            LINE_FRAME_BYTES, allowed_flags=FLAGS_SUPPORTED
        )  # which were agreed the session knows
        self._frames: deque[LineFrame] = deque()
        self._transport: asyncio.Transport | None = None
        self._over: BaseException | None = None
        self._paused = False
        self._blocked = False
        self._silence: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._gone = asyncio.Event()

    @property
    def garbage_bytes(self) -> int:
        """Bytes that belonged to no frame, modulo 2^32."""
        return self._reader.garbage_bytes

    async def receive(self) -> LineFrame:
        """The next frame; what is damaged is passed over."""
        while not self._frames:
            if self._over is not None:
                raise ConnectionResetError(str(self._over) or "the line is gone")
            self._changed.clear()
            await self._changed.wait()
        frame = self._frames.popleft()
        if self._paused and self._transport is not None and len(self._frames) < _FRAMES // 2:
            self._paused = False
            self._transport.resume_reading()
        return frame

    async def send(self, data: bytes) -> None:
        """One frame as it goes over the line; waits while the line is busy."""
        if self._over is not None or self._transport is None:
            raise ConnectionResetError("the line is gone")
        self._transport.write(data)
        while self._blocked and self._over is None:
            self._writable.clear()
            await self._writable.wait()
        if self._over is not None:
            raise ConnectionResetError("the line is gone")

    async def close(self) -> None:
        """Let what was written go out, for a moment, and close the port; never raises."""
        transport = self._transport
        if self._silence is not None:
            self._silence.cancel()
        if transport is None or self._gone.is_set():
            return
        try:
            transport.close()
            async with asyncio.timeout(_CLOSE_S):
                await self._gone.wait()
        except (TimeoutError, OSError):
            pass
        finally:
            if not self._gone.is_set():
                transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.BaseProtocol."""
        transport = cast("asyncio.Transport", transport)  # of uvloop, which knows no asyncio.Transport, as well
        transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol."""
        self._reader.push(data)
        self._collect()
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(_SILENCE_S, self._silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.BaseProtocol."""
        self._over = self._over or exc or ConnectionResetError("the line was closed")
        if self._silence is not None:
            self._silence.cancel()
        self._changed.set()
        self._writable.set()
        self._gone.set()

    def pause_writing(self) -> None:
        """asyncio.BaseProtocol."""
        self._blocked = True

    def resume_writing(self) -> None:
        """asyncio.BaseProtocol."""
        self._blocked = False
        self._writable.set()

    # Inside

    def _collect(self) -> None:
        reader = self._reader
        while reader.next():
            frame = from_line(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, reader.payload)
            if frame is not None:
                self._frames.append(frame)
        if len(self._frames) >= _FRAMES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if self._frames:
            self._changed.set()

    def _silent(self) -> None:
        self._reader.give_up()
        self._collect()


async def open_line(line: Line) -> LinePort:
    """Open the port. Raises LinkError when it cannot be had, CallerError when the package for serial ports is missing."""
    loop = asyncio.get_running_loop()
    port = LinePort()
    try:
        if line.device:
            await _open_serial(loop, port, line)
        else:
            await loop.create_connection(lambda: port, line.host, line.port)
    except OSError as error:
        await port.close()
        raise LinkError(
            what=f"the line {line} cannot be opened",
            value=error.strerror or str(error),
            next_step="is the adapter plugged in, may this user open it (on Linux: group dialout), is another program "
            "using it?"
            if line.device
            else "is the program that offers this port running, psplink's `usbhostfs_pc` or a terminal server?",
        ) from error
    return port


async def _open_serial(loop: asyncio.AbstractEventLoop, port: LinePort, line: Line) -> None:
    try:
        from serialx import create_serial_connection
    except ImportError as error:
        raise CallerError(
            what="a serial port needs the package serialx",
            value=line.device,
            next_step="install it with `pip install 'flight-realtime[serial]'`",
        ) from error
    await create_serial_connection(loop, lambda: port, line.device, baudrate=line.baud)
