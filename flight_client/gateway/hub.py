"""The middle of the gateway: batches go to the engine, and what the engine has stored goes to every subscriber.

Nothing is fanned out before it is stored, so that no subscriber ever saw an event that a restart takes back. Fan-out
is one append to a queue per subscriber, with no task and no wait: a subscriber that does not read costs the others
nothing.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flight_client.errors import RefusedError
from flight_client.gateway.engines.base import (
    AppendResult,
    AppendStatus,
    Batch,
    Engine,
    Entry,
    OnResult,
    Source,
    failed,
)
from flight_client.gateway.fingerprints import Fingerprints, checksum
from flight_client.gateway.names import check_channel_name, inner_name, outer_name, printable, refusal
from flight_client.gateway.refused_events import RefusedEvents, RefusedList
from flight_client.gateway.routing import LEFT_OUT_CHANNEL, LeftOutKey, LeftOutNotes, left_out
from flight_client.gateway.subscription import Channel, Gap, SubscriberLimits, Subscription
from flight_client.session import spec
from flight_client.wire.coding import plain_records

__all__ = ["Gap", "Hub", "HubLimits", "SubscriberLimits", "Subscription"]

# permit(identity, channel, mode) -> whether this identity may publish (MODE_PUBLISH) or subscribe (MODE_SUBSCRIBE)
Permit = Callable[[Any, str, int], bool]
Key = tuple[str, bytes]  # device with its organisation, incarnation

_log = logging.getLogger("flight.gateway")


@dataclass(slots=True, frozen=True)
class HubLimits:
    channels: int = 1024
    subscriber: SubscriberLimits = field(default_factory=SubscriberLimits)
    channels_per_token: int = 256  # that the holder of a token made by opening them


@dataclass(slots=True)
class HubCounters:
    """Events, but for `batches`. published = stored + duplicate + failed once nothing is on its way to the engine."""

    batches: int = 0
    published: int = 0
    stored: int = 0
    duplicate: int = 0
    failed: int = 0
    delivered: int = 0  # taken by subscribers
    dropped: int = 0  # dropped from full subscriber queues
    conflicts: int = 0  # of the published: came with counters that had stood for other events


class Hub:
    """Publish and subscribe over one engine. All of it runs on one event loop."""

    def __init__(
        self,
        engine: Engine,
        limits: HubLimits | None = None,
        clock_ms: Callable[[], int] | None = None,
        *,
        permit: Permit,
    ) -> None:
        self.engine = engine
        self._limits = limits or HubLimits()
        self._clock_ms = clock_ms or _epoch_ms
        self._permit = permit
        self._channels: dict[str, Channel] = {}  # by inner name (names.py)
        self._made: Counter[str] = Counter()  # channels that there are because of the holder of a token
        self._on_the_way: dict[Key, list[int]] = {}  # critical: appends without a result, counter of the last event
        self._counters = HubCounters()
        self._fingerprints = Fingerprints()
        self.refused: dict[int, int] = {}
        """Events that sessions refused, by code."""
        self.refused_lately: RefusedList = RefusedList()
        """... the last of them by device."""
        self.left_out_notes: LeftOutNotes = LeftOutNotes()
        """What routing left out of binary senders' events, where somebody asks."""
        self.watchers: set[Callable[[str], None]] = set()
        """Told the inner name of each channel that somebody begins to publish in."""
        self.on_new_log: Callable[[], None] = lambda: None  # the engine has another log: end every session

    async def start(self) -> None:
        """Open the engine and learn where each channel stands."""
        self.engine.on_new_log = self._start_anew
        await self.engine.start(self._fan_out)
        for name in await self.engine.channels():
            bounds = await self.engine.bounds(name)
            self._channels[name] = Channel(name, bounds.last)

    async def close(self) -> None:
        """End every subscription, store what is queued, close the engine."""
        for channel in list(self._channels.values()):
            for subscription in channel.subscribers:
                subscription.close()
        await self.engine.close()

    def _start_anew(self, last: Mapping[str, int]) -> None:
        """From the engine: what everybody stood on is gone. Who opens a channel again is told so by the epoch."""
        self.on_new_log()
        for channel in list(self._channels.values()):
            for subscription in channel.subscribers:
                subscription.close()
        self._channels = {name: Channel(name, offset) for name, offset in last.items()}
        self._made.clear()
        self._fingerprints = Fingerprints()

    def now_ms(self) -> int:
        """The clock that entries are stamped with, ms since 1970."""
        return self._clock_ms()

    @property
    def epoch(self) -> bytes:
        return self.engine.epoch

    @property
    def subscriber_limits(self) -> SubscriberLimits:
        """What a subscription gets if nothing else is asked for; `_replace(entry_bytes=...)` fits it to a device."""
        return self._limits.subscriber

    def channels(self) -> list[str]:
        return sorted(self._channels)

    def overview(self, org: str) -> list[tuple[str, int, int]]:
        """Of every channel of an organisation its own name for it, last offset and number of subscribers, by name."""
        return [
            (outer_name(name), channel.last, len(channel.subscribers))
            for name, channel in sorted(self._channels.items())
            if inner_name(org, outer_name(name)) == name
        ]

    def published(self, org: str) -> list[str]:
        """An organisation's own names for the channels that have entries or a publisher."""
        return [
            outer_name(name)
            for name, channel in sorted(self._channels.items())
            if channel.reserved and inner_name(org, outer_name(name)) == name
        ]

    def _reserve(self, channel: Channel) -> None:
        """It stays, whoever listens."""
        if not channel.reserved:
            channel.reserved = True
            for watcher in list(self.watchers):
                watcher(channel.name)

    def left_out(self, channel: str, source: Source, batch: bytes) -> dict[str, int]:
        """How many who listen here will not be given some of a batch, by why (routing.py). For senders that can be told."""
        known = self._channels.get(channel)
        return left_out(known.subscribers, source, batch) if known is not None else {}

    def note_left_out(self, channel: str, source: Source, batch: bytes, coding: int, events: int) -> None:
        """From a binary session, of a stored batch: to be told in the channel `left-out`, if somebody follows it."""
        org = channel.rpartition(":")[0]
        known = self._channels.get(channel)
        if org in self.left_out_notes.asked_by and known is not None:
            found = left_out(known.subscribers, source, batch, coding)
            if found:
                self.left_out_notes.add(LeftOutKey(org, source.device_id, outer_name(channel)), events, found)

    def count_refused(self, code: int, events: int, sender: tuple[str, str, str]) -> None:
        """From a session: it did not take these. sender: organisation, device, and its name for the channel."""
        self.refused[code] = self.refused.get(code, 0) + events
        self.refused_lately.add(RefusedEvents(self._clock_ms(), *sender, code, events))

    def permits(self, identity: Any, name: str, mode: int) -> bool:
        """Whether this identity may do that."""
        return self._permit(identity, name, mode)

    def subscribers(self) -> int:
        return sum(len(channel.subscribers) for channel in self._channels.values())

    def counters(self) -> HubCounters:
        """A copy, with the open subscriptions added up."""
        now = self._counters
        total = HubCounters(
            now.batches, now.published, now.stored, now.duplicate, now.failed, now.delivered, now.dropped, now.conflicts
        )
        for channel in self._channels.values():
            for subscription in channel.subscribers:
                total.delivered += subscription.delivered_events
                total.dropped += subscription.dropped_events
        return total

    def open_channel(self, identity: Any, name: str, mode: int) -> str:
        """For OPEN: check name, permission and limit; gives the inner name, for publish() and subscribe(). RefusedError says with
        which code it is refused.

        A channel belongs to the organisation of the identity. Nobody can name one of another organisation, and what is said
        of limits counts only what its holder made.
        """
        check_channel_name(name)
        inner = inner_name(getattr(identity, "org", ""), name)
        for bit in (spec.MODE_PUBLISH, spec.MODE_SUBSCRIBE):
            if mode & bit and not self._permit(identity, name, bit):
                raise refusal(spec.CODE_FORBIDDEN, "publish" if bit == spec.MODE_PUBLISH else "subscribe", name)
        if mode & spec.MODE_PUBLISH:
            self._reserve(self._channel(inner, holder_of(identity)))
        elif inner not in self._channels:
            self._check_room(inner, holder_of(identity))
        return inner

    def publish(
        self, channel: str, source: Source, incarnation: bytes, counter: int, events: int, held: int, records: bytes,
        done: OnResult, coding: int = 0,
    ) -> None:  # fmt: skip
        """Store one batch; `done` is called once, before or after this returns. counter 0 = lossy. coding: how the
        records are written (flags delta, compressed); they are stored as they are.

        After a failure the caller hands over nothing newer of this incarnation before the failed batch has come again
        or was definitely refused. What was on its way at that time fails too, so that it cannot overtake.
        """
        self._counters.batches += 1
        self._counters.published += events
        try:
            self._channel(channel)
        except RefusedError as error:
            self._finish(events, failed(str(error)), done)
            return
        batch = Batch(channel, source, incarnation, counter, events, held, self._clock_ms(), records)
        batch.coding = coding
        if counter:
            self._publish_critical(batch, done)
        else:
            self.engine.append(batch, lambda result: self._finish(events, result, done))

    def _publish_critical(self, batch: Batch, done: OnResult) -> None:
        key = (batch.owner, batch.incarnation)
        events = batch.events
        records = batch.records
        if batch.coding:  # the same events may come again written in another way
            records = plain_records(records, 0, len(records), batch.coding)
        check = checksum(batch.channel, records)
        if self._fingerprints.differs(key, batch.counter, check):
            if not self._counters.conflicts:  # the first one only: a broken device must not fill the log
                _log.warning(
                    "device %r sent other events with counter %d, which it had used: they are acknowledged and not stored",
                    batch.source.device_id, batch.counter,
                )  # fmt: skip
            self._counters.conflicts += events
        ahead = self._on_the_way.setdefault(key, [0, 0])
        # A batch that goes back behind what is on its way is sent again: it has nothing to wait for.
        batch.follows = ahead[1] if ahead[1] < batch.counter else 0
        ahead[0] += 1
        ahead[1] = batch.counter + events - 1

        def settle(result: AppendResult) -> None:
            ahead[0] -= 1
            if not ahead[0] and self._on_the_way.get(key) is ahead:
                del self._on_the_way[key]
            if result.status is AppendStatus.STORED:
                self._fingerprints.stored(key, batch.counter, check)
            self._finish(events, result, done)

        self.engine.append(batch, settle)

    def _finish(self, events: int, result: AppendResult, done: OnResult) -> None:
        self._count(events, result)
        done(result)

    def _count(self, events: int, result: AppendResult) -> None:
        counters = self._counters
        if result.status is AppendStatus.STORED:
            counters.stored += result.events
            counters.duplicate += events - result.events
        elif result.status is AppendStatus.DUPLICATE:
            counters.duplicate += events
        else:
            counters.failed += events

    async def subscribe(
        self, name: str, start: int, on_ready: Callable[[], object], *, epoch: bytes = b"", offset: int = 0,
        count: int = 0, limits: SubscriberLimits | None = None, holder: str = "",
    ) -> Subscription:  # fmt: skip
        """For OPEN after open_channel(), by the inner name that it gave: follow a channel from now, from its last `count` entries, or after (epoch, offset)
        and `count` events of the entry behind that.

        `on_ready` is called when there is something to take, once until next() has given None.
        """
        own = limits or self._limits.subscriber
        if start == spec.START_LIVE:
            channel = self._channel(name, holder)
            return self._join(channel, own, on_ready, channel.last, channel.last, False)
        first, last = await self.engine.bounds(name)
        epoch_gap = False
        had = 0
        if start == spec.START_LAST:
            cursor = tail = await self.engine.before_last(name, count)
        elif start != spec.START_AFTER:
            raise refusal(spec.CODE_UNSUPPORTED, "the start is neither live, after nor last", str(start))
        elif epoch != self.engine.epoch or offset > last:
            # Another log, or one that lost its end: offsets of the old one mean nothing here, so everything is offered.
            epoch_gap = True
            cursor = 0
            tail = first - 1
        else:
            cursor, tail = offset, max(offset, first - 1)
            had = count
        return self._join(self._channel(name, holder), own, on_ready, cursor, tail, epoch_gap, had)

    def _join(
        self, channel: Channel, limits: SubscriberLimits, on_ready: Callable[[], object], cursor: int, tail: int,
        epoch_gap: bool, had: int = 0,
    ) -> Subscription:  # fmt: skip
        subscription = Subscription(self, channel, limits, on_ready, cursor, tail, epoch_gap, had)
        channel.subscribers += (subscription,)
        if outer_name(channel.name) == LEFT_OUT_CHANNEL:
            self.left_out_notes.asked_by.add(channel.name.rpartition(":")[0])
        return subscription

    def left(self, subscription: Subscription) -> None:
        """From Subscription.close()."""
        channel = subscription.channel
        channel.subscribers = tuple(other for other in channel.subscribers if other is not subscription)
        if not channel.subscribers and outer_name(channel.name) == LEFT_OUT_CHANNEL:
            self.left_out_notes.asked_by.discard(channel.name.rpartition(":")[0])
        if not channel.subscribers and not channel.reserved:
            self._channels.pop(channel.name, None)
            self._made[channel.holder] -= 1
            if self._made[channel.holder] <= 0:
                del self._made[channel.holder]
        self._counters.delivered += subscription.delivered_events
        self._counters.dropped += subscription.dropped_events

    def _fan_out(self, entry: Entry) -> None:
        """From the engine, for each entry once it is stored."""
        channel = self._channels.get(entry.channel)
        if channel is None:  # stored by another gateway, or a channel whose limit was lowered: it exists
            channel = self._channels[entry.channel] = Channel(entry.channel)
        channel.last = entry.offset
        if not channel.reserved:
            self._reserve(channel)
        for subscription in channel.subscribers:
            subscription.offer(entry)

    def _channel(self, name: str, holder: str = "") -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            check_channel_name(outer_name(name))
            self._check_room(name, holder)
            channel = self._channels[name] = Channel(name)
            channel.holder = holder
            self._made[holder] += 1
        return channel

    def _check_room(self, name: str, holder: str) -> None:
        """RefusedError unless one more channel may be made."""
        shown = printable(outer_name(name))
        if len(self._channels) >= self._limits.channels:
            raise refusal(spec.CODE_TOO_MANY, "the gateway has as many channels as it may", shown)
        if holder and self._made[holder] >= self._limits.channels_per_token:
            limit = self._limits.channels_per_token
            raise refusal(spec.CODE_TOO_MANY, f"holders of this token have made {limit} channels", shown)


def holder_of(identity: Any) -> str:
    """For whom what an identity makes is counted; empty where nobody is."""
    return getattr(identity, "holder", "")


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000
