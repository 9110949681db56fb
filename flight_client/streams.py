"""Events on their way to the application: what arrived, from whom, and the iterator that hands it out."""

from __future__ import annotations

import asyncio
import dataclasses
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self

from .arguments import whole
from .errors import FlightError
from .events import Event

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # RealtimeEvent alone means one with any data; a question such as is_log_event() says which.
    _Data_co = TypeVar("_Data_co", bound=Event, default=Event, covariant=True)
else:
    from typing import TypeVar

    _Data_co = TypeVar("_Data_co", covariant=True)

T = TypeVar("T")

# Entries that one iterator holds before the oldest is dropped (and counted): a tool that stops reading for a while.
STREAM_EVENTS = 10000


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Who sent an event. `session_id` is the public short id of the sender's session, never its secret."""

    device_id: str
    platform: str
    session_id: str


@dataclasses.dataclass(slots=True)
class RealtimeEvent(Generic[_Data_co]):
    """One event as it was received.

    `timestamp_ms` is the time of the event in milliseconds since 1970: when the gateway got it, less its age. It is
    None where the age is unknown. `counter` is the sender's number of a critical event, 0 for a lossy one.
    """

    type: str
    data: _Data_co
    channel: str
    source: Source
    offset: int
    received_ms: int
    age_ms: int | None
    counter: int

    @property
    def timestamp_ms(self) -> int | None:
        """When it happened, by the gateway's clock."""
        return None if self.age_ms is None else self.received_ms - self.age_ms


class Stream(ABC, Generic[T]):
    """An asynchronous iterator that a client fills. Cancelling a wait loses nothing; a slow reader loses the oldest, counted.

    It belongs to the client's loop. `async with` closes it at the end.
    """

    def __init__(
        self,
        on_close: Callable[[Any], None],
        history_events: int = 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """check: raises for a caller on the wrong thread or loop."""
        self.dropped: int = 0
        """Items this stream dropped because nobody read it."""
        self.latest: T | None = None
        """The newest item that arrived, whether it was read or not."""
        self._recent: deque[T] = deque(maxlen=history_events)
        self._waiting: deque[T] = deque()
        self._wake = asyncio.Event()
        self._over = False
        self._error: FlightError | None = None
        self._on_close = on_close
        self._check = check

    @abstractmethod
    def put(self, event: RealtimeEvent) -> None:
        """An event for this stream arrived; the client calls this."""

    def _add(self, item: T) -> None:
        """Hand an item to the reader."""
        self.latest = item
        self._recent.append(item)
        if len(self._waiting) >= STREAM_EVENTS:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(item)
        self._wake.set()

    @property
    def recent(self) -> tuple[T, ...]:
        """The newest items that arrived, the oldest first: as many as the platform keeps, since the history was cleared."""
        return tuple(self._recent)

    def clear_history(self) -> int:
        """Forget `recent`; what was not read yet can still be read. Returns how many were forgotten."""
        self._check()
        return self.forget_recent()

    def forget_recent(self) -> int:
        """clear_history() as the client does it."""
        count = len(self._recent)
        self._recent.clear()
        return count

    def finish(self, error: FlightError | None) -> None:
        """No more will come; what waits can still be read. The client calls this."""
        self._over = True
        self._error = error
        self._wake.set()

    @property
    def ended(self) -> bool:
        """Whether no more will come; what waits can still be read."""
        return self._over

    @property
    def error(self) -> FlightError | None:
        """Why no more will come, if that was an error."""
        return self._error

    def close(self) -> None:
        """Stop listening. Whoever waits for the next item is told that none will come."""
        self._check()
        self.finish(None)
        self._waiting.clear()
        self._on_close(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if not await self.wait():
            raise StopAsyncIteration
        return self._waiting.popleft()

    async def wait(self) -> bool:
        """Wait until there is an item to take; False when none will come any more. Raises why, if that was an error."""
        self._check()
        while not self._waiting:
            if self._over:
                if self._error is not None:
                    raise self._error
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    def take(self, limit: int) -> list[T]:
        """What is there now, at most so many."""
        self._check()
        whole("limit", limit, 0, STREAM_EVENTS)
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]


class EventStream(Stream[RealtimeEvent]):
    """The events of Client.events(). `types`: which it lets through; empty: all."""

    def __init__(
        self,
        types: frozenset[str],
        on_close: Callable[[Any], None],
        history_events: int = 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """check: raises for a caller on the wrong thread or loop."""
        super().__init__(on_close, history_events, check)
        self.types = types

    def put(self, event: RealtimeEvent) -> None:
        """Hand an event to the reader, if it is of a wanted type."""
        if not self.types or event.type in self.types:
            self._add(event)
