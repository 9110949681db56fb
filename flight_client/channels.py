"""A named stream of events, as a client sees it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

from ._tables import CHANNELS
from .arguments import check_flag, check_key, check_kind, check_seconds, refuse, whole
from .clock import monotonic_ms
from .emitters import Buffers, Emitter, NumberEmitter, all_of, bind, bind_number, check_event_type, quick_events
from .errors import CallerError, FlightError, NotStoredError
from .events import EVENT_TYPES, Event, MemoryUpdate, encode_event
from .history import Wanted
from .lanes import QueuedEvent
from .letters import DeadLetter
from .number_layouts import layout_of
from .observe import Outcome
from .publishing import Settled
from .rules import ChannelRules
from .session.spec import NUMBER_LIMIT
from .streams import RealtimeEvent

if TYPE_CHECKING:
    from .client import Client
    from .messages import RealtimeMessage

_CAUSES = {
    Outcome.REFUSED_FULL: "full",
    Outcome.REFUSED_TOO_LARGE: "too-large",
    Outcome.REFUSED_CHANNEL: "forbidden",
    Outcome.REFUSED_CLOSED: "closed",
}


class Channel:
    """One channel of a client; made by Client.channel()."""

    def __init__(self, client: Client, name: str, number: int, wide: bool, rules: ChannelRules):
        self.name = name
        self.rules = rules
        self._client = client
        self._number = number
        self._wide = wide
        self._critical = bool(CHANNELS.get(name, {}).get("critical", False))
        self._quick: dict[type[Any], Callable[[Any], Outcome | None] | None] = {}
        self._buffers: dict[type[Any], Buffers] = {}

    def emit(
        self, event: Event, *, critical: bool | None = None, expires_ms: int | None = None, key: Hashable = None
    ) -> Outcome:
        """Queue one event; never blocks and never waits.

        `critical` events are kept until the gateway stored them, and refused when the queue is full; the others are
        treated by the channel's policy then. By default component-events and v6r-events are critical. `expires_ms`:
        instead of the channel's. `key`: what the event is about, for `latest-wins`; by default its type.

        Returns what became of the event. Raises EventError for a value that the event's layout cannot carry. Call it
        on the client's event loop; elsewhere there is client.threadsafe.emit().
        """
        if critical is None and expires_ms is None and key is None:
            quick = self._quick.get(type(event))
            if quick is not None and (taken := quick(event)) is not None:
                return taken
        layout, body = encode_event(event, self._wide)
        outcome = self.emit_encoded(layout, body, monotonic_ms(), critical, expires_ms, key)
        if type(event) not in self._quick:
            self._learn(type(event))
        if isinstance(event, MemoryUpdate):
            self._client.report_memory(event)
        return outcome

    def _learn(self, kind: type[Any]) -> None:
        """From its second event on a class takes the short way, if it has one."""
        if kind in EVENT_TYPES.values():
            like, critical = self._like(None, None, None)
            self._quick[kind] = quick_events(self._client, kind, self._wide, like, critical)

    def _like(self, critical: bool | None, expires_ms: int | None, key: Hashable) -> tuple[QueuedEvent, bool]:
        """An event with everything but layout, body and stamp, and whether it is critical."""
        like, lane = self._queued(0, b"", 0, critical, expires_ms, key)
        like.key = key
        return like, lane

    def emitter(
        self,
        kind: type[Event],
        *,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Emitter:
        """A function that emits events of one class: it takes the fields, and everything else is settled here, once.

            emit = client.channel("frame-time").emitter(FrameTime)
            emit(16_000, 16_600, 18_000, 60)

        It answers and raises as emit() does, and CallerError for fields that the class does not have.
        """
        self._client._driver.check_thread()
        check_event_type(kind)
        like, lane = self._like(critical, expires_ms, key)
        return bind(self._client, kind, self._wide, like, lane)

    def number_emitter(self, kind: type[Event], field: str | None = None) -> NumberEmitter:
        """A function that emits one number as an event: a gauge, a counter, a time.

            frame_us = client.channel("frame-times").number_emitter(FrameTime)  # one frame an event
            cpu = client.channel("system").number_emitter(SystemMonitoring, "cpu")
            dropped = client.channel("system").number_emitter(SystemMonitoring, "dropped_events")
            frame_us(16_600), cpu(0.42), dropped(7)

        field: which one takes the number; the others are unknown. FrameTime has none: the number is its least, mean and
        greatest time, its count is 1. It answers and raises as emit() does. Lossy. Raises CallerError for a class that
        needs more than one number, and for a field that it does not have.
        """
        self._client._driver.check_thread()
        check_event_type(kind)
        return bind_number(self._client, kind, field, self._wide, self._like(False, None, None)[0])

    def emit_buffer(self, kind: type[Event], buffer: Any, *, wide: bool = True) -> int:
        """Emit events that lie in a buffer one behind the other, as their layout stands in the reference; how many were taken.

        buffer: bytes, a memoryview or any array, such as one of numpy; it is copied. kind: MemoryUpdate, SystemMonitoring or
        FrameTime. wide: sizes take 64 bits in it, else 32. Reserved bytes are 0. All have the same time and go the way of
        emit(). Raises CallerError for a buffer that cannot be such events; none of them is emitted then.
        """
        self._client._driver.check_thread()
        check_event_type(kind)
        check_flag("wide", wide)
        layout = layout_of(kind)
        if layout is None:
            raise refuse("kind", "has more than numbers", kind, "use emit_many()")
        buffers = self._buffers.get(kind)
        if buffers is None:
            buffers = self._buffers[kind] = Buffers(self._client, layout, *self._like(None, None, None), self.emit)
        return buffers.emit(buffer, wide)

    def emit_many(
        self,
        events: Iterable[Event],
        *,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> list[Outcome]:
        """emit() of several events at one moment, in their order; what became of each.

        All are written first: where one cannot be, EventError says so and none of them was emitted.
        """
        self._client._driver.check_thread()
        self._queued(0, b"", 0, critical, expires_ms, key)
        written = all_of(events)
        bodies, stamp_ms = [encode_event(event, self._wide) for event in written], monotonic_ms()
        outcomes = [self.emit_encoded(*body, stamp_ms, critical, expires_ms, key) for body in bodies]
        for event in written:
            if isinstance(event, MemoryUpdate):
                self._client.report_memory(event)
        return outcomes

    async def put(
        self,
        event: Event,
        *,
        timeout_s: float | None = None,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Outcome:
        """As emit(), but wait for room: for ever, or for `timeout_s`. REFUSED_FULL when that is over.

        A drop-oldest or latest-wins channel makes room by itself, so there only critical events ever wait.
        """
        self._client._driver.check_thread()
        check_seconds("timeout_s", timeout_s)
        queued, lane = self._queued(*encode_event(event, self._wide), monotonic_ms(), critical, expires_ms, key)
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await self._put_with_room(queued, lane)
        except TimeoutError:
            outcome = Outcome.REFUSED_FULL
        return self._client._refused(outcome)

    async def publish(
        self,
        event: Event,
        *,
        ack: bool = True,
        timeout_s: float | None = None,
        critical: bool | None = None,
        expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Outcome:
        """Send one event and come back when the gateway has stored it; Outcome.STORED is the only answer then.

        Waits for room in the queue first, through outages, and for as long as it takes or `timeout_s`. The event is
        critical. With `ack=False` it waits for room only, and the event is what `critical` or the channel says.

        Raises NotStoredError in every other case, with the cause, and with the dead letter where there is one. Its
        `pending` says whether the event is still on its way. To cancel the call, or to let its time run out, takes back
        nothing: an event that was accepted goes on its way; one that waited for room was never accepted.
        """
        self._client._driver.check_thread()
        check_seconds("timeout_s", timeout_s)
        check_flag("ack", ack)
        check_flag("critical", critical)
        if ack and critical is False:
            raise CallerError(
                what="a lossy event is never acknowledged", value="critical=False", next_step="leave out one of the two"
            )
        layout, body = encode_event(event, self._wide)
        queued, lane = self._queued(layout, body, monotonic_ms(), ack or critical, expires_ms, key)
        return await self._deliver(queued, lane, ack, timeout_s)

    async def _send(
        self, event: Event, message: RealtimeMessage, ack: bool, stamp_ms: int, timeout_s: float | None
    ) -> Outcome:
        """publish() of a message's event, which was made at `stamp_ms`, by the message's own routing."""
        routing = message.routing
        layout, body = encode_event(event, self._wide)
        queued, lane = self._queued(layout, body, stamp_ms, ack or None, None, None)
        queued.rules = dataclasses.replace(
            self.rules,
            priority=message.priority.value,
            retries=routing.max_retries,
            retry_interval_ms=routing.retry_interval_ms,
        )
        return await self._deliver(queued, lane, ack, timeout_s, dated=True)

    async def _deliver(
        self, queued: QueuedEvent, lane: bool, ack: bool, timeout_s: float | None, dated: bool = False
    ) -> Outcome:
        """The rest of publish(). dated: the event's stamp stays what it is, however long it waits for room."""
        outcome, settled = Outcome.REFUSED_FULL, None
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await self._put_with_room(queued, lane, dated)
                if ack and outcome.accepted:
                    settled = self._client._publications.watch(queued)
                    return await self._until_settled(settled)
        except TimeoutError:
            if settled is not None:
                return self._settled_by_now(settled)
        finally:
            if settled is not None:
                settled.cancel()
        if not self._client._refused(outcome).accepted:
            raise NotStoredError(_CAUSES[outcome], channel=self.name) from self._client._error
        return outcome

    async def _until_settled(self, settled: Settled) -> Outcome:
        try:
            return self._stored(await asyncio.shield(settled))
        except NotStoredError:
            raise
        except FlightError as error:
            raise NotStoredError("stopped", channel=self.name, pending=True) from error

    def _stored(self, letter: DeadLetter | None) -> Outcome:
        if letter is not None:
            raise NotStoredError(letter.cause, channel=self.name, letter=letter)
        return Outcome.STORED

    def _settled_by_now(self, settled: Settled) -> Outcome:
        """The time is over; the answer may have come in the same turn of the loop."""
        if settled.done() and settled.exception() is None:
            return self._stored(settled.result())
        raise NotStoredError("timeout", channel=self.name, pending=True) from None

    async def _put_with_room(self, queued: QueuedEvent, lane: bool, dated: bool = False) -> Outcome:
        while (outcome := self._client._put(queued, lane)) is Outcome.REFUSED_FULL:
            if not await self._client._until_room(queued.size, lane):
                return Outcome.REFUSED_CLOSED
            if not dated:
                queued.stamp_ms = monotonic_ms()
        return outcome

    def emit_encoded(
        self, layout: int, body: bytes, stamp_ms: int, critical: bool | None, expires_ms: int | None, key: Hashable
    ) -> Outcome:
        """emit() of an event that was written before, at `stamp_ms`."""
        queued, lane = self._queued(layout, body, stamp_ms, critical, expires_ms, key)
        return self._client._refused(self._client._put(queued, lane))

    def replay(self, letter: DeadLetter) -> Outcome:
        """Emit a dead letter again; its age goes on from when it was first emitted.

        Raises CallerError for what is no letter.
        """
        check_kind("letter", letter, DeadLetter, "one of dead_letters()")
        event = QueuedEvent(
            self._number, letter.layout, letter.body, letter.stamp_ms, self.rules, 0, (None, letter.layout)
        )
        return self._client._refused(self._client._put(event, True))

    async def history(
        self,
        limit: int = 100,
        *types: str,
        after: int | None = None,
        epoch: str | None = None,
        timeout_s: float | None = None,
    ) -> list[RealtimeEvent]:
        """What the gateway's log of this channel holds, the oldest first: the newest `limit` events (1 to 10,000).

        types: only of these types, among the newest `limit` entries. after: the first `limit` events behind this offset
        instead, such as the offset of an event of an earlier answer; 0: from the beginning of the log. Events that were sent
        together have one offset, and all with the last one's are given, beyond `limit` too: no page ends between them. What is
        not there any more is told to on_gap() then. epoch: the client's `epoch` when that offset was read; where the gateway
        has another log now, whose offsets mean something else, on_gap() is told so and the answer begins with that log.
        Waits for the connection, through outages, and as long as it takes or `timeout_s`.

        Raises LinkError when that is over, RefusedError where the gateway does not allow the channel, CallerError for a bad
        argument, on a closed client, and on a platform with one connection per channel that listens there already.
        """
        wanted = Wanted(self.name, types, limit, after, epoch)
        wanted.check()
        check_seconds("timeout_s", timeout_s)
        self._client._check_listening()
        self._client._check_connecting()
        return await self._client._history.read(wanted, timeout_s)

    def _queued(
        self, layout: int, body: bytes, stamp_ms: int, critical: bool | None, expires_ms: int | None, key: Hashable
    ) -> tuple[QueuedEvent, bool]:
        lasts_ms = self.rules.expires_ms
        if expires_ms is not None:
            whole("expires_ms", expires_ms, 0, NUMBER_LIMIT // 2 - 1)
            lasts_ms = expires_ms
        if critical is not None:
            check_flag("critical", critical)
        if key is not None:
            check_key("key", key)
        queued = QueuedEvent(
            self._number, layout, body, stamp_ms, self.rules, lasts_ms, (None, layout) if key is None else key
        )
        return queued, self._critical if critical is None else critical
