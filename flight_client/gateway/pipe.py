"""A duplex connection in the gateway: the reader feeds the peer, one writer task sends what it has.

What carries the turns (a WebSocket, a link in memory) is behind `Carrier`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from flight_client.errors import FrameError
from flight_client.gateway.greeting import closing, greet, malformed
from flight_client.gateway.peer import Peer
from flight_client.gateway.peer_parts import Violation
from flight_client.gateway.registry import Registry
from flight_client.session import spec
from flight_client.wire.frames import FrameReader

_log = logging.getLogger("flight.gateway")

_TURN_BYTES = spec.POLL_BODY_BYTES // 2  # a turn ends behind the frame that passes this: within the limit of a message
_CLOSE_S = 2.0  # how long a device that is sent away may take to read why


class Carrier(Protocol):
    """What a duplex pipe needs of its connection. Every method may raise ConnectionError."""

    name: str

    async def receive(self) -> bytes:
        """The next whole frames. Raises Violation for what is no frames at all."""

    async def send(self, body: bytes) -> None:
        """Send whole frames; waits only while the buffers below are full."""

    def admit(self) -> None:
        """The session is known: what bounded a stranger need not bound it any more."""

    async def close(self) -> None:
        """Close, within a moment, also where the peer takes nothing; may be called twice."""


class DuplexPipe:
    """One connection, from its first frame to its end."""

    turn_based = False

    def __init__(self, registry: Registry, carrier: Carrier, address: str = "") -> None:
        """address: of the other side, for the audit log."""
        self._address = address
        self._registry = registry
        self._carrier = carrier
        self._peer: Peer | None = None
        self._reader = FrameReader()
        self._awake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._patience_ends = 0.0  # of the turn that is being sent, by the loop's clock; 0: none is
        self._stalled = False
        self._ending: bytes | None = None
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """There may be something to send."""
        self._awake.set()

    def end(self, code: int, retry_after_ms: int = 0, text: str = "") -> None:
        """Say why, then close."""
        if self._ending is None:
            said = closing if self._peer is None else self._peer.sealing.closing
            self._ending = said(code, retry_after_ms, text)
        self._awake.set()

    async def run(self) -> None:
        """Serve the connection to its end."""
        try:
            await self._greet()
            if self._peer is None:
                await self._carrier.close()
                return
            self._peer.attach(self, self._carrier.name)
            self._awake.set()  # for what came between the answer and this moment
            self._writer = self._loop.create_task(self._write())
            await self._read(self._peer)
        except ConnectionError:
            _log.debug("a connection ended")
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._peer is not None:
                self._peer.detach(self, self._registry.clock())
            if self._writer is not None:
                await self._end_writer(self._writer)

    async def _end_writer(self, writer: asyncio.Task[None]) -> None:
        if self._ending is None:
            writer.cancel()
        done, _ = await asyncio.wait({writer}, timeout=_CLOSE_S)
        if not done:
            writer.cancel()

    async def _greet(self) -> None:
        """The first frames, up to the one that leads to a session."""
        try:
            async with asyncio.timeout(spec.PREAUTH_MS / 1000):
                while self._peer is None:
                    data = await self._carrier.receive()
                    self._reader.allowed_flags = spec.FLAGS_PLAIN | spec.FLAG_AUTHENTICATED  # ATTACH has a tag
                    self._reader.feed(data, spec.HELLO_FRAME_BYTES)
                    if not self._reader.next():
                        continue
                    refused_for_good = self._reader.type not in (spec.TYPE_PROBE, spec.TYPE_ATTACH)
                    self._peer, reply = await greet(self._registry, self._reader, data, self._address)
                    if self._peer is not None:
                        self._reader.allowed_flags = self._peer.sealing.allowed_flags
                        self._carrier.admit()
                    await self._carrier.send(reply)
                    if refused_for_good:
                        return  # after RESET the device says HELLO on the same connection; after CLOSE it does not
        except FrameError as error:
            self._registry.unreadable(error)
            await self._send_last(closing(spec.CODE_MALFORMED, 0, error.what))
        except Violation as error:
            await self._send_last(malformed(self._registry, error.text))
        except TimeoutError:
            _log.debug("a connection did not say who it is in time")

    async def _read(self, peer: Peer) -> None:
        while peer.pipe is self and self._ending is None:
            try:
                data = await self._carrier.receive()
                if peer.pipe is not self or not self._take(peer, data):
                    return
            except FrameError as error:
                self._registry.unreadable(error)
                self.end(spec.CODE_MALFORMED, 0, error.what)
            except Violation as error:
                self._registry.counters.malformed += 1
                _log.warning("%s: %s", peer.source.device_id, error.text)
                self.end(error.code, 0, error.text)
                self._registry.drop(peer, error.code, error.text)

    def _take(self, peer: Peer, data: bytes) -> bool:
        """Feed the frames of one message; False when the session is over."""
        reader = self._reader
        now = self._registry.clock()
        reader.feed(data, spec.MAX_FRAME_BYTES)
        while reader.next():
            flags = peer.sealing.open(reader)
            if reader.type == spec.TYPE_CLOSE:
                self._registry.drop(peer, spec.CODE_OK)
                return False
            if reader.type == spec.TYPE_HELLO:
                raise Violation(spec.CODE_MALFORMED, "HELLO inside a session: open a new connection")
            peer.take(reader.type, flags, reader.channel, reader.seq, reader.ack, data, reader.start, reader.end, now)
        return True

    async def _write(self) -> None:
        peer = self._peer
        assert peer is not None
        try:
            while self._ending is None:
                await self._awake.wait()
                self._awake.clear()
                if self._ended():
                    break  # fenced meanwhile: what is taken now would be missing on the newer transport
                now = self._registry.clock()
                if peer.session.dead(now):
                    _log.info("%s: silent for two heartbeats", peer.source.device_id)
                    self._ending = peer.sealing.closing(spec.CODE_GOING_AWAY, 0, "no sign of life")
                    break
                body = peer.collect(_TURN_BYTES, now)
                self._wake_in(max(1, peer.session.wake_in_ms(now)) / 1000)
                if body:
                    self._patience_ends = self._loop.time() + 2 * peer.session.heartbeat_ms / 1000
                    await self._carrier.send(body)
                    self._patience_ends = 0.0
                    if len(body) >= _TURN_BYTES:
                        self._awake.set()
            if self._ending is not None:
                await self._send_last(self._ending)
        except ConnectionError:
            await self._give_up()
        except asyncio.CancelledError:
            if not self._stalled:
                raise
            await self._give_up()

    async def _give_up(self) -> None:
        """Close a connection whose peer takes nothing; it need not hear why."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self._carrier.close()

    def _ended(self) -> bool:
        """Whether the session has gone on elsewhere, or is over."""
        return self._ending is not None or self._peer is None or self._peer.pipe is not self

    def _wake_in(self, wait_s: float) -> None:
        """Wake the writer when an acknowledgement or a heartbeat is due.

        A timer that is due sooner stays: it wakes the writer for nothing, a few times a second at most, where one for each
        turn would cost more than the turn's frames.
        """
        at = self._loop.time() + wait_s
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._due)

    def _due(self) -> None:
        """Wake the writer. One that waits for a peer which takes nothing is ended: who reads nothing is dead too."""
        self._timer = None
        self._awake.set()
        if not self._patience_ends:
            return
        left_s = self._patience_ends - self._loop.time()
        if left_s > 0:
            self._wake_in(left_s)
        elif self._writer is not None:
            self._stalled = True
            self._writer.cancel()

    async def _send_last(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._carrier.send(frame)
                await self._carrier.close()
        except (ConnectionError, TimeoutError):
            _log.debug("a connection ended before it heard why")
            await self._give_up()
