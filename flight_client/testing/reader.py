"""Events of one stream, taken in numbers."""

from __future__ import annotations

from ..streams import EventStream, RealtimeEvent
from .waiting import HANG_S, within


class Reader:
    """Takes events out of a stream; what does not come fails the test instead of hanging it."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream

    async def take(self, count: int, limit_s: float = HANG_S) -> list[RealtimeEvent]:
        """The next `count` events. Raises AssertionError, with what did come, when they do not."""
        found: list[RealtimeEvent] = []

        async def read() -> None:
            while len(found) < count:
                found.append(await anext(self.stream))

        try:
            await within(read(), limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; {len(found)} of {count} events came, the last: {found[-3:]}") from None
        return found

    async def rest(self, limit_s: float = HANG_S) -> list[RealtimeEvent]:
        """What is there when the stream has ended. Raises AssertionError when it does not end."""

        async def read() -> list[RealtimeEvent]:
            return [event async for event in self.stream]

        return await within(read(), limit_s)
