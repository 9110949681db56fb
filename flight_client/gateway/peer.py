"""One session as the gateway sees it: its numbers, its channels, and what waits for its device.

A peer outlives its transports. The transport that is attached is its `pipe`; a newer one fences the older. Everything runs
on one event loop and nothing here waits, but for the store and the history of a channel, which answer later.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from flight_client.clock import monotonic_ms
from flight_client.errors import FlightError, FrameError, RefusedError
from flight_client.gateway.engines.base import AppendResult, AppendStatus, Entry, Source
from flight_client.gateway.hub import Gap, Hub
from flight_client.gateway.peer_parts import (
    OpenChannel,
    PeerCounters,
    Pipe,
    Violation,
    modes_by_name,
    one_too_many,
    read_prefix,
)
from flight_client.gateway.routing import left_out_layouts
from flight_client.gateway.sealing import Sealing
from flight_client.gateway.tenure import Tenure, TooOften
from flight_client.proof import SessionKey
from flight_client.session import spec
from flight_client.session.common.clock import elapsed
from flight_client.session.gateway import machine, messages
from flight_client.session.gateway.agreement import Agreement
from flight_client.session.gateway.parts import Parts, pieces_of
from flight_client.wire.coding import CODINGS, count_coded

_log = logging.getLogger("flight.gateway")

_MODES = spec.MODE_PUBLISH | spec.MODE_SUBSCRIBE
# A session is renewed before a number could reach the limit; the device's own numbers are its business.
_RENEW_AT = spec.NUMBER_LIMIT - 0x10000
# The longest DELIVER payload: with its header it fits a turn, and a polling reply of two turns stays within its limit.
_ENTRY_BYTES = spec.POLL_BODY_BYTES // 2 - spec.HEADER_BYTES - spec.TRAILER_BYTES


# Flags by agreement that this gateway reads, and that it sends.
READS = SENDS = spec.FLAG_DELTA | spec.FLAG_COMPRESSED | spec.FLAG_MORE


class Peer:
    """One session of one device."""

    def __init__(
        self,
        hub: Hub,
        tenure: Tenure,
        hello: messages.Hello,
        source: Source,
        session_id: bytes,
        key: SessionKey,
        incarnation: bytes,
        heartbeat_ms: int,
        window_in: tuple[int, int],
        channel_limit: int,
    ) -> None:
        self.hub = hub
        self.tenure = tenure
        self.source = source
        self.session_id = session_id
        self.key = key
        self.incarnation = incarnation
        self.platform: str = hello.platform.decode()
        self.version: str = hello.version.decode("utf-8", "replace")
        self._left_out = left_out_layouts(self.platform, hello.capabilities)
        # A device may ask for any window; what waits for it here stays within what a subscriber may hold.
        window_out = min(hello.window_frames, spec.SUBSCRIBER_ENTRIES), min(hello.window_bytes, spec.SUBSCRIBER_BYTES)
        self.session: machine.GatewaySession = machine.GatewaySession(*window_out, heartbeat_ms, *window_in)
        self.agreement: Agreement = Agreement(hello, READS, SENDS, spec.UNPACKED_BYTES)
        self.counters: PeerCounters = PeerCounters()
        self.pipe: Pipe | None = None
        self.transport: str = ""
        self.detached_at: int = 0
        self.gone: bool = False
        self.poll_lock: asyncio.Lock = asyncio.Lock()
        self.sealing: Sealing = Sealing(self.session, self.agreement, key.tags)
        self._frame_room = min(hello.frame_bytes - spec.HEADER_BYTES - self.sealing.behind_bytes, _ENTRY_BYTES)
        self._parts = Parts(self.agreement.unpacked_in_bytes)
        self._messages = 0  # payloads that were cut so far
        self._pieces: list[bytes] = []  # of the entry that is being cut, for _pieces_of
        self._pieces_of = (0, 0)  # its channel and flags
        self._channel_limit = channel_limit
        self._channels: dict[int, OpenChannel] = {}
        self._ready: deque[int] = deque()  # channels whose subscription has something
        self._ready_set: set[int] = set()
        self._unsettled = 0  # appends and opens without an answer
        self._settle_waiters: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # Transports

    def attach(self, pipe: Pipe, transport: str) -> None:
        """This transport is the current one from now on; the older is told and closed."""
        older, self.pipe = self.pipe, pipe
        self.transport = transport
        self._parts.new_transport()
        if older is not None and older is not pipe:
            older.end(spec.CODE_STALE_GENERATION)
        if self.session.paused:
            self._tell_end()

    def detach(self, pipe: Pipe, now: int) -> None:
        """This transport is gone; the session stays for its time to live."""
        if self.pipe is pipe:
            self.pipe = None
            self.detached_at = now

    @property
    def attached(self) -> bool:
        """Whether a transport leads to the device now."""
        return self.pipe is not None

    def away_ms(self, now: int) -> int:
        """How long the device has been silent on a transport of turns, or without a transport."""
        if self.pipe is None:
            return elapsed(now, self.detached_at)
        return elapsed(now, self.session.heard_at) if self.pipe.turn_based else 0

    def end_transport(self, code: int, retry_after_ms: int, text: str) -> None:
        """Tell the device why and close; the session stays."""
        if self.pipe is not None:
            self.pipe.end(code, retry_after_ms, text)

    def wake(self) -> None:
        """Something may be sent."""
        if self.pipe is not None:
            self.pipe.wake()

    def discard(self, code: int, text: str = "") -> None:
        """The session is over: leave all channels, tell the device."""
        if self.gone:
            return
        self.gone = True
        for channel in self._channels.values():
            if channel.subscription is not None:
                channel.subscription.close()
        for task in self._tasks:
            task.cancel()
        pipe, self.pipe = self.pipe, None
        if pipe is not None:
            pipe.end(code, 0, text)

    async def settle(self, timeout_s: float) -> bool:
        """Wait until the store and the hub have answered everything that came in. False when it takes too long."""
        if not self._unsettled:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settle_waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        return True

    def _settled(self) -> None:
        self._unsettled -= 1
        if not self._unsettled:
            waiters, self._settle_waiters = self._settle_waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    # What comes in

    def take(
        self, kind: int, flags: int, channel: int, seq: int, ack: int, data: bytes, start: int, end: int, now: int,
        fresh: bool = True,
    ) -> None:  # fmt: skip
        """One frame inside the session. `fresh` is False for a polling request that came before: lossy events count once.

        Raises Violation when the device broke the protocol.
        """
        self.counters.frames_in += 1
        if seq and kind not in (spec.TYPE_DATA, spec.TYPE_SKIP):
            raise Violation(spec.CODE_MALFORMED, f"frame type {kind} has no sequence number")
        if flags & spec.FLAGS_BY_AGREEMENT and kind != spec.TYPE_DATA:
            raise Violation(spec.CODE_MALFORMED, f"frame type {kind} does not take the flags {flags:#04x}")
        if seq and self.tenure.ended():  # not taken: it comes again once the token is a new one
            kind, seq = spec.TYPE_ACK, 0
        verdict = self.session.receive(seq, ack, now, end - start if seq else 0)
        if verdict == machine.VIOLATION:
            raise Violation(spec.CODE_SEQUENCE, f"sequence {seq}, acknowledgement {ack}")
        if verdict == machine.IGNORE:
            self.wake()
            return
        if kind == spec.TYPE_DATA:
            if seq or fresh:
                self._data(flags, channel, seq, data, start, end, now)
        elif kind == spec.TYPE_OPEN:
            self._open(channel, messages.read_open(data, start, end))
        elif kind == spec.TYPE_SKIP and seq:
            for frame in self._parts.give_up() if self._parts.under_way() else ():
                self.session.done(frame[0], now)
            self.session.done(seq, now)
        elif kind == spec.TYPE_TOKEN:
            self._renew(messages.read_token(data, start, end), now)
        elif kind == spec.TYPE_RESEND:
            self.session.rewind()
            self.wake()
        elif kind not in (spec.TYPE_ACK, spec.TYPE_HEARTBEAT):
            raise Violation(spec.CODE_MALFORMED, f"frame type {kind} does not belong here")
        if self.session.flooded():
            raise Violation(spec.CODE_TOO_MANY, "answers are provoked and not read")
        if ack and self._ready:
            self.wake()

    def _data(self, flags: int, number: int, seq: int, data: bytes, start: int, end: int, now: int) -> None:
        critical = flags & spec.FLAG_CRITICAL
        if bool(critical) != bool(seq) or not flags & spec.FLAG_BATCH:
            raise Violation(spec.CODE_MALFORMED, "critical batches are sequenced, lossy ones are not")
        if not self.agreement.may_send(bool(critical)):
            raise Violation(spec.CODE_MALFORMED, "a lane that HELLO did not ask for")
        frames = [self.session.taken()] if seq else []
        if flags & spec.FLAG_MORE:
            whole = self._piece(frames, flags, number, data, start, end)
            if not whole:
                return
            if seq:
                frames = self._parts.finish()
            data, start, end = whole, 0, len(whole)
        elif seq and self._parts.under_way():
            raise Violation(spec.CODE_MALFORMED, "a batch between the pieces of another")
        self._batch(flags, number, frames, data, start, end)

    def _piece(self, frames: list[list[int]], flags: int, number: int, data: bytes, start: int, end: int) -> bytes:
        """One piece of a batch; the whole with the last one."""
        if frames:
            whole = self._parts.take_critical(frames[0], flags, number, data, start, end)
        else:
            whole = self._parts.take_lossy(flags, number, data, start, end)
        if whole is None:
            limit = self.agreement.unpacked_in_bytes
            raise Violation(spec.CODE_MALFORMED, f"a piece that does not follow, or of more than {limit} bytes")
        return whole

    def _batch(self, flags: int, number: int, frames: list[list[int]], data: bytes, start: int, end: int) -> None:
        """A whole batch. frames: what GatewaySession.taken() gave for the frames of a critical one, else empty."""
        seq = frames[0][0] if frames else 0
        critical = flags & spec.FLAG_CRITICAL
        counter = held = 0
        try:
            if critical:
                counter, held = read_prefix(data, start, end)
                start += spec.CRITICAL_PREFIX_BYTES
            events = count_coded(data, start, end, flags, self.agreement.unpacked_in_bytes)
        except FrameError as error:
            raise Violation(spec.CODE_MALFORMED, error.what) from None
        if not events or counter + events > spec.NUMBER_LIMIT:
            raise Violation(spec.CODE_MALFORMED, "an empty batch, or counters over the limit")
        self.counters.received += events
        channel = self._channels.get(number)
        if channel is None or not channel.mode & spec.MODE_PUBLISH:
            self.tenure.note_batch_refused(number, "", "unknown-channel")
            self._refuse(seq, number, events, spec.CODE_UNKNOWN_CHANNEL)
            return
        if self.tenure.ended():
            self.tenure.note_batch_refused(number, channel.name, "expired-token")
            self._refuse(seq, number, events, spec.CODE_EXPIRED_TOKEN)
            return
        self._unsettled += 1
        inner, records, coding = channel.inner, bytes(data[start:end]), flags & CODINGS

        def done(result: AppendResult) -> None:
            self._stored(frames, number, events, result)
            if self.hub.left_out_notes.asked_by and result.status is AppendStatus.STORED:
                self.hub.note_left_out(inner, self.source, records, coding, events)

        self.hub.publish(inner, self.source, self.incarnation, counter, events, held, records, done, coding)

    def _refuse(self, seq: int, number: int, events: int, code: int) -> None:
        self.counters.refused += events
        self.hub.count_refused(code, events, self.tenure.sender(self.source, self._channels.get(number)))
        payload = messages.refused(seq, code, events)
        if seq:
            self.session.refuse(seq, number, payload)
        else:
            self.session.send(spec.TYPE_REFUSED, 0, number, payload)
        self.wake()

    def _stored(self, frames: list[list[int]], number: int, events: int, result: AppendResult) -> None:
        """The store has answered; frames as in _batch()."""
        self._settled()
        if self.gone or (frames and frames[0][1] == machine.FORGOTTEN):
            return
        if result.status is AppendStatus.FAILED:
            self.counters.failed += events
            _log.error("%s: an append failed: %s", self.source.device_id, result.error)
            self._refuse(frames[0][0] if frames else 0, number, events, spec.CODE_STORE)
            return
        self.counters.stored += result.events
        self.session.lossy_stored = result.lossy_stored
        for frame in frames:
            self.session.done(frame[0], monotonic_ms())
        if frames:
            self.wake()

    # Channels

    def _open(self, number: int, asked: messages.Open | None) -> None:
        if asked is None or number == 0 or asked.mode & ~_MODES:
            raise Violation(spec.CODE_MALFORMED, "OPEN cannot be read")
        if asked.mode == 0:
            self._leave(number)
            self._answer(number, spec.CODE_OK, 0, 0)
            return
        name = asked.name.decode("ascii", "replace")
        try:
            known = self._channels.get(number)
            if known is not None and known.name != name:
                self._leave(number)
            elif known is None and len(self._channels) >= self._channel_limit:
                raise RefusedError(spec.CODE_TOO_MANY, f"{self._channel_limit} channels are open")
            inner = self.hub.open_channel(self.tenure.identity, name, asked.mode)
        except RefusedError as error:
            self.tenure.note_refused(name, asked.mode, error.name)
            self._answer(number, error.code, 0, 0, error.text)
            return
        older = one_too_many(self._channels, number, name, self.platform)
        if older:
            self._leave(older)
            self._answer(older, spec.CODE_REPLACED, 0, 0, f"{name} is open as {number} now")
        channel = self._channels.setdefault(number, OpenChannel(name, 0, inner))
        channel.mode |= asked.mode
        if not asked.mode & spec.MODE_SUBSCRIBE:
            self._answer(number, spec.CODE_OK, channel.mode, 0)
        elif channel.subscription is not None:
            self._answer(number, spec.CODE_OK, channel.mode, channel.subscription.starts_after)
        else:
            self._unsettled += 1
            task = asyncio.get_running_loop().create_task(self._subscribe(number, channel, asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _subscribe(self, number: int, channel: OpenChannel, asked: messages.Open) -> None:
        try:
            limits = self.hub.subscriber_limits._replace(
                entry_bytes=self._entry_limit(), flags=self.agreement.down,
                unpacked_bytes=self.agreement.unpacked_out_bytes, layouts_left_out=self._left_out,
            )  # fmt: skip
            subscription = await self.hub.subscribe(
                channel.inner, asked.start, lambda: self._is_ready(number), holder=self.tenure.identity.holder,
                epoch=asked.epoch, offset=asked.offset, count=asked.count, limits=limits,
            )  # fmt: skip
        except RefusedError as error:
            channel.mode &= ~spec.MODE_SUBSCRIBE
            self._answer(number, error.code, 0, 0, error.text)
        except FlightError as error:
            channel.mode &= ~spec.MODE_SUBSCRIBE
            self._answer(number, spec.CODE_STORE, 0, 0, error.what)
        else:
            if self.gone or self._channels.get(number) is not channel or channel.subscription is not None:
                subscription.close()
                return
            channel.subscription = subscription
            self._answer(number, spec.CODE_OK, channel.mode, subscription.starts_after)
            self._is_ready(number)
        finally:
            self._settled()

    def _answer(self, number: int, code: int, mode: int, offset: int, text: str = "") -> None:
        payload = messages.opened(code, mode, self.hub.epoch, offset, text)
        self.session.control(spec.TYPE_OPENED, number, payload)
        self.wake()

    def _leave(self, number: int) -> None:
        channel = self._channels.pop(number, None)
        if channel is not None and channel.subscription is not None:
            channel.subscription.close()
            self.session.forget(number)
            if self._pieces_of[0] == number and self._pieces:  # the device waits for the rest
                self._pieces.clear()
                self.session.send(spec.TYPE_SKIP, 0, number, b"")

    def _is_ready(self, number: int) -> None:
        if number not in self._ready_set:
            self._ready_set.add(number)
            self._ready.append(number)
        self.wake()

    # The token

    def _renew(self, token: bytes | None, now: int) -> None:
        if token is None:
            raise Violation(spec.CODE_MALFORMED, "TOKEN cannot be read")
        try:
            self.tenure.renew(token, self.source.device_id, now)
        except TooOften:
            raise Violation(spec.CODE_TOO_MANY, "one token after the other") from None
        except RefusedError as error:
            _log.info("%s: a new token was refused: %s", self.source.device_id, error.what)
            self.tenure.note("refresh-refused", code=error.name, text=error.text)
            self.session.control(spec.TYPE_RENEWED, 0, messages.renewed(error.code, 0, error.text))
        else:
            self.session.paused = False
            self.session.control(spec.TYPE_RENEWED, 0, messages.renewed(spec.CODE_OK, self.tenure.left_ms()))
            self.tenure.note_identity("refreshed")
            self.check_channels()
        self.wake()

    def open_channels(self) -> dict[str, int]:
        """Channels that are open, with their modes."""
        return modes_by_name(self._channels.values())

    def check_channels(self) -> None:
        """What the token or the rules do not allow any more is left, and the device hears why."""
        for number, channel in list(self._channels.items()):
            try:
                self.hub.open_channel(self.tenure.identity, channel.name, channel.mode)
            except RefusedError as error:
                self.tenure.note_refused(channel.name, channel.mode, error.name)
                self._leave(number)
                self._answer(number, error.code, 0, 0, error.text)

    def _look_at_token(self) -> None:
        """At its end nothing is delivered any more; the device hears so once on each transport."""
        if self.tenure.ended() and not self.session.paused:
            self.session.paused = True
            self._tell_end()

    def _tell_end(self) -> None:
        self.session.control(spec.TYPE_RENEWED, 0, messages.renewed(spec.CODE_EXPIRED_TOKEN, 0, unasked=True))
        self.wake()

    # What goes out

    def collect(self, limit_bytes: int, now: int) -> bytes:
        """The frames to send now, at most about `limit_bytes`; b'' when there is nothing."""
        out: list[bytes] = []
        size = 0
        session = self.session
        if session.next_out >= _RENEW_AT:
            self.discard(spec.CODE_UNKNOWN_SESSION, "its numbers run out: a new session goes on")
            return b""
        self._look_at_token()
        while size < limit_bytes:
            frame = session.next_frame(now)
            if frame is None:
                if not session.can_send() or not self._pull():
                    break
                continue
            kind, flags, channel, seq, payload = frame
            data = self.sealing.frame(kind, flags, channel, seq, session.ack(), payload)
            out.append(data)
            size += len(data)
        self.counters.frames_out += len(out)
        return b"".join(out)

    def _pull(self) -> bool:
        """Move one entry from a subscription into the session, the channels in turn. False when none has anything."""
        if self._next_piece():
            return True
        while self._ready:
            number = self._ready.popleft()
            channel = self._channels.get(number)
            item = channel.subscription.next() if channel is not None and channel.subscription is not None else None
            if item is None:
                self._ready_set.discard(number)
                continue
            self._ready.append(number)
            if isinstance(item, Gap):
                payload = messages.gap(item.reason, self.hub.epoch, item.after, item.to)
                self.session.send(spec.TYPE_GAP, 0, number, payload)
                return True
            coding, payload = 0, item.payload
            if isinstance(item, Entry):
                coding, payload = item.form_for(self.agreement.down, self.agreement.unpacked_out_bytes)
            flags = spec.FLAG_BATCH | (spec.FLAG_CRITICAL if item.counter else 0) | coding
            if len(payload) > self._frame_room:
                self._messages += 1
                self._pieces = pieces_of(payload, self._messages, self._frame_room)
                self._pieces_of = number, flags | spec.FLAG_MORE
                return self._next_piece()
            self.session.send(spec.TYPE_DELIVER, flags, number, payload)
            return True
        return False

    def _next_piece(self) -> bool:
        """Send a piece of the entry that is being cut, if one is."""
        if not self._pieces:
            return False
        number, flags = self._pieces_of
        self.session.send(spec.TYPE_DELIVER, flags, number, self._pieces.pop())
        return True

    def _entry_limit(self) -> int:
        """The longest DELIVER payload that this device can be given."""
        if self.agreement.down & spec.FLAG_MORE:
            return max(self._frame_room, min(self.agreement.unpacked_out_bytes, spec.UNPACKED_BYTES))
        return self._frame_room
