"""What a SyncClient listens to, for an ordinary `for`."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from .arguments import check_seconds, whole
from .metrics import MetricsSample
from .presence import Presence, PresenceStream
from .streams import STREAM_EVENTS, RealtimeEvent, Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .sync_client import SyncClient

T = TypeVar("T")

# Items that an iterator fetches from the background thread at once.
_FETCHED = 256


class SyncStream(Generic[T]):
    """An iterator, for one thread at a time. A slow reader loses the oldest, counted in `dropped`."""

    def __init__(self, stream: Stream[T], owner: SyncClient, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        """How long one step of a `for` may wait, in seconds; None: as long as it takes."""
        self._stream = stream
        self._owner = owner  # who holds a stream holds its client
        self._background = owner._background
        self._fetched: deque[T] = deque()

    @property
    def dropped(self) -> int:
        """Items this stream dropped because nobody read it."""
        return self._stream.dropped

    @property
    def latest(self) -> T | None:
        """The newest item that arrived, whether it was read or not."""
        return self._stream.latest

    @property
    def recent(self) -> tuple[T, ...]:
        """The newest items that arrived, the oldest first: as many as the platform keeps, since the history was cleared."""
        return self._background.call(lambda: self._stream.recent)

    def clear_history(self) -> int:
        """Forget `recent`; what was not read yet can still be read. Returns how many were forgotten."""
        return self._background.call(self._stream.clear_history)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return self.next(self.timeout_s)

    def next(self, timeout_s: float | None = None) -> T:
        """The next item. TimeoutError when none came in time; StopIteration when none will come any more.

        Raises CallerError for what is no time, and in a callback of this client, which cannot wait.
        """
        check_seconds("timeout_s", timeout_s)
        if not self._fetched and not self._fetch(timeout_s):
            raise StopIteration
        return self._fetched.popleft()

    def take(self, limit: int) -> list[T]:
        """What is there now, at most so many; never waits."""
        whole("limit", limit, 0, STREAM_EVENTS)
        first = [self._fetched.popleft() for _ in range(min(limit, len(self._fetched)))]
        return first + self._background.call(lambda: self._stream.take(limit - len(first)))

    def close(self) -> None:
        """Stop listening."""
        self._background.call(self._stream.close)
        self._fetched.clear()

    def _fetch(self, timeout_s: float | None) -> bool:
        if not self._background.running:  # closed: what came before can still be read
            self._fetched.extend(self._stream.take(_FETCHED))
            if not self._fetched and self._stream.error is not None:
                raise self._stream.error
            return bool(self._fetched)
        return self._background.wait(lambda: self._wait(timeout_s))

    async def _wait(self, timeout_s: float | None) -> bool:
        """What is taken goes to `_fetched` here, so that an interrupt of the thread that waits loses nothing."""
        async with asyncio.timeout(timeout_s):
            alive = await self._stream.wait()
        self._fetched.extend(self._stream.take(_FETCHED))
        return alive


class SyncEventStream(SyncStream[RealtimeEvent]):
    """The events of SyncClient.events()."""


class SyncMetricsStream(SyncStream[MetricsSample]):
    """The samples of SyncClient.metrics(): one per interval, made while somebody waits for it."""


class SyncPresenceStream(SyncStream[Presence]):
    """The changes of SyncClient.presence(), and in `members` everybody who is here or away now."""

    def __init__(self, stream: PresenceStream, owner: SyncClient, timeout_s: float | None) -> None:
        super().__init__(stream, owner, timeout_s)
        self._presence = stream

    @property
    def members(self) -> Mapping[str, Presence]:
        """As PresenceStream.members."""
        return self._background.call(lambda: self._presence.members)
