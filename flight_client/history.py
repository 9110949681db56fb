"""Reading what a channel's log holds: a question with an end, over the same session as everything else.

Theory of operation
- The wire has no request for history; it has subscriptions that begin in the past. So the end of the log is asked first, by
  a subscription that begins live and is left at once: OPENED tells behind which offset it begins.
- Then a second one begins in the past, and ends when it has reached that offset. What comes meanwhile belongs to nobody.
- Both resume like any other subscription, so an outage in the middle costs time and no event.
- A platform with one connection per channel (dreamcast) has both under the number that it publishes with.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from .arguments import refuse, text, whole
from .errors import CallerError, LinkError
from .platforms import Platform
from .session.device.channels import ChannelState
from .session.device.machine import DeviceSession
from .session.spec import MODE_SUBSCRIBE, START_LAST, START_LIVE, STATE_READY
from .streams import STREAM_EVENTS, RealtimeEvent, Stream
from .subscriptions import MOST_HISTORY, Subscriptions, channels_of

_EPOCH = re.compile("[0-9a-f]{16}")

Until = Callable[[Callable[[], bool]], Coroutine[Any, Any, None]]
"""Client._until: wait for something to become true; raises what ended the client."""


class Wanted(NamedTuple):
    """What is asked for."""

    channel: str
    types: tuple[str, ...]
    limit: int
    after: int | None
    epoch: str | None

    def check(self) -> None:
        """Raises CallerError for what cannot be asked."""
        channels_of(self.types, [self.channel])
        whole("limit", self.limit, 1, STREAM_EVENTS)
        if self.after is not None:
            whole("after", self.after, 0, (1 << 63) - 1)
        if self.epoch is not None:
            if _EPOCH.fullmatch(text("epoch", self.epoch)) is None:
                raise refuse(
                    "epoch", "is none", self.epoch, "give the client.epoch of the time when the offset was read"
                )
            if self.after is None:
                raise refuse("epoch", "names the log of an offset, and there is none", self.epoch, "give after= too")


class _Collector(Stream[RealtimeEvent]):
    """The newest events, or behind an offset the first ones, so many of them."""

    def __init__(self, wanted: Wanted, subscriptions: Subscriptions) -> None:
        super().__init__(subscriptions.forget, 0, subscriptions.check)
        self.found: list[RealtimeEvent] = []
        self._wanted = wanted

    @property
    def full(self) -> bool:
        """Whether no other entry is wanted: of those behind an offset the first."""
        return self._wanted.after is not None and len(self.found) >= self._wanted.limit

    def check_ended(self) -> None:
        """Raises why the gateway gives nothing, or what ended the client."""
        if self.error is not None:
            raise self.error

    def put(self, event: RealtimeEvent) -> None:
        """Take an event of the log."""
        wanted = self._wanted
        if wanted.types and event.type not in wanted.types:
            return
        if self.full and event.offset != self.found[-1].offset:
            return  # the rest of one entry belongs to it: who goes on behind its offset would never see it
        self.found.append(event)
        if wanted.after is None and len(self.found) > wanted.limit:
            del self.found[0]


class History:
    """Reads history for one client, one channel at a time."""

    def __init__(self, session: DeviceSession, subscriptions: Subscriptions, platform: Platform, until: Until) -> None:
        self._session = session
        self._subscriptions = subscriptions
        self._until = until
        self._alone = platform.max_connections == 1
        self._turn = asyncio.Lock()

    async def read(self, wanted: Wanted, timeout_s: float | None) -> list[RealtimeEvent]:
        """Channel.history(), of what was checked."""
        try:
            async with asyncio.timeout(timeout_s), self._turn:
                return await self._read(wanted)
        except TimeoutError:
            raise LinkError(
                what=f"the history of {wanted.channel} did not come in time",
                value=f"{timeout_s} s",
                next_step="is the client connected? see its state, and give it a longer timeout_s",
            ) from None

    async def _read(self, wanted: Wanted) -> list[RealtimeEvent]:
        await self._until(lambda: self._session.state == STATE_READY)
        epoch, end = await self._end_of(wanted)
        asked = epoch if wanted.epoch is None else bytes.fromhex(wanted.epoch)
        collector = _Collector(wanted, self._subscriptions)
        try:
            state = self._open(collector, wanted.channel, START_LAST, min(wanted.limit, MOST_HISTORY))
            if wanted.after is not None:  # OPEN says `after` for a stream that stands somewhere
                state.epoch[:] = asked
                state.offset[:] = wanted.after.to_bytes(8, "little")
                state.positioned = True
            await self._until(
                lambda: collector.ended or self._reached(state, asked, epoch, end) or self._has_all(collector, state)
            )
            collector.check_ended()
        finally:
            collector.close()
        return collector.found

    async def _end_of(self, wanted: Wanted) -> tuple[bytes, int]:
        """Epoch and last offset of a log."""
        mark = _Collector(wanted, self._subscriptions)
        try:
            state = self._open(mark, wanted.channel, START_LIVE, 0)
            await self._until(lambda: mark.ended or (state.opened and state.positioned))
            mark.check_ended()
            return bytes(state.epoch), int.from_bytes(state.offset, "little")
        finally:
            mark.close()

    def _open(self, stream: _Collector, channel: str, start: int, count: int) -> ChannelState:
        items = self._session.channels.items
        if self._alone and any(s.name == channel.encode() and s.mode & MODE_SUBSCRIBE for s in items):
            raise CallerError(
                what="this platform has one connection per channel, and it listens there already",
                value=channel,
                next_step="begin that stream with events(history=...) instead",
            )
        number = self._subscriptions.add(stream, channel, start, count, own=not self._alone)
        return items[number - 1]

    @staticmethod
    def _has_all(collector: _Collector, state: ChannelState) -> bool:
        """Whether it is full, and the entry of the last event, which may come in portions, is whole."""
        return collector.full and int.from_bytes(state.offset, "little") >= collector.found[-1].offset

    @staticmethod
    def _reached(state: ChannelState, asked: bytes, epoch: bytes, end: int) -> bool:
        """Whether the stream stands at the end that the log had, or the log is a third one now.

        asked: the epoch of the offset behind which it began. From another one GAP leads to the beginning of this log.
        """
        if not state.positioned:
            return False
        if bytes(state.epoch) == epoch:
            return int.from_bytes(state.offset, "little") >= end
        return bytes(state.epoch) != asked
