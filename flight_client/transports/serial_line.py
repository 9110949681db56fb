"""A serial port or another byte pipe with a bridge at its far end: the device's side."""

from __future__ import annotations

import secrets

from ..errors import LinkError, PeerError
from ..session.spec import TYPE_CLOSE
from .address import Address
from .line_frames import DOUBLED, MISSING, NUMBERS, SESSION_FRAME_BYTES, judge, to_line
from .line_port import LinePort, open_line


class SerialTransport:
    """One connection on a line: a line itself has none, so each has a number that no other near it has."""

    turn_based = False
    hold_ms = 0

    def __init__(self, address: Address):
        self._address = address
        self._line = secrets.randbits(16)
        self._sent = 0
        self._expected = 0
        self._port: LinePort | None = None

    async def open(self) -> None:
        """Open the port; nothing is sent."""
        assert self._address.line is not None
        self._port = await open_line(self._address.line)

    async def send(self, body: bytes) -> bytes:
        """Send frames; waits while the line is busy."""
        assert self._port is not None
        try:
            for frame in to_line(body, self._line, self._sent):
                self._sent = (self._sent + 1) % NUMBERS
                await self._port.send(frame)
        except ConnectionError as error:
            raise self._ended(str(error)) from error
        except PeerError as error:
            raise LinkError(
                what=f"a turn does not fit the line: {error.what}",
                value=f"{len(body)} bytes",
                next_step=f"on a line a frame has at most {SESSION_FRAME_BYTES} bytes",
            ) from error
        return b""

    async def receive(self) -> bytes:
        """The next frame of this connection; those of older ones are passed over."""
        assert self._port is not None
        while True:
            try:
                found = await self._port.receive()
            except ConnectionError as error:
                raise self._ended(str(error)) from error
            if found.line != self._line:
                continue
            verdict = judge(found.number, self._expected)
            if found.kind == TYPE_CLOSE:  # said by somebody who may not know where we are in our numbers
                return found.frame
            if verdict == DOUBLED:
                continue
            if verdict == MISSING:
                raise self._ended(f"frames were lost: number {self._expected} is missing, {found.number} came")
            self._expected = (self._expected + 1) % NUMBERS
            return found.frame

    async def close(self) -> None:
        """Close the port."""
        if self._port is not None:
            await self._port.close()

    def _ended(self, text: str) -> LinkError:
        return LinkError(
            what=f"the connection over {self._address} ended",
            value=text,
            next_step="nothing: the client comes back by itself; if this is often, lower the baud rate or look at the cable",
        )
