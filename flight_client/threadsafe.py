"""The calls into a client that any thread may make.

Each answers with a `concurrent.futures.Future`: `result(timeout)` waits for what the same call says on the loop. The
client itself, its channels and streams have no locks: any other call from another thread is refused with CallerError.
Which loop runs the client is the program's choice; nothing here makes one.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from .clock import monotonic_ms
from .driver import Driver
from .errors import CallerError, NotStoredError
from .events import Event, encode_event
from .observe import Outcome

if TYPE_CHECKING:
    from .client import Client

T = TypeVar("T")

_Emit = tuple[Callable[[], Outcome], "Future[Outcome]", int]


class Threadsafe:
    """Client.threadsafe. Between connect() and close() from any thread; before that, a client belongs to whoever made it."""

    def __init__(self, client: Client, driver: Driver) -> None:
        self.refused: int = 0
        """Events that found no room on their way to the loop."""
        self._client = client
        self._driver = driver
        self._lock = threading.Lock()
        self._emits: deque[_Emit] = deque()
        self._bytes = 0
        self._over = False
        platform = client.platform
        slots = max(platform.critical_slots, platform.lossy_slots)
        self._limit_events, self._limit_bytes = slots, slots * platform.slot_bytes

    def emit(
        self, channel: str, event: Event, *, critical: bool | None = None, expires_ms: int | None = None,
        key: Hashable = None,
    ) -> Future[Outcome]:  # fmt: skip
        """Channel.emit() of the channel with this name. Never blocks; what one thread emits keeps its order.

        On its way to the loop an event waits in a place as large as the queue; where that is full because the loop does not
        run, the answer is REFUSED_FULL at once. Raises EventError for an event that cannot be written.
        """
        layout, body = encode_event(event, self._client.platform.wide_sizes)
        stamp_ms = monotonic_ms()
        answer: Future[Outcome] = Future()

        def emit() -> Outcome:
            return self._client.channel(channel).emit_encoded(layout, body, stamp_ms, critical, expires_ms, key)

        with self._lock:
            loop, over = self._driver.loop, self._over or self._driver.ended
            if loop is None and not over:
                raise self._not_connected()
            full = len(self._emits) >= self._limit_events or self._bytes + len(body) > self._limit_bytes
            refusal = Outcome.REFUSED_CLOSED if over else Outcome.REFUSED_FULL if full else None
            first = not self._emits
            if refusal is None:
                self._bytes += len(body)
                self._emits.append((emit, answer, len(body)))
            elif refusal is Outcome.REFUSED_FULL:
                self.refused += 1
        if refusal is not None:
            answer.set_result(refusal)
        elif self._driver.is_own_thread():
            self._take()
        elif first and loop is not None:
            self._wake(loop)
        return answer

    def publish(
        self, channel: str, event: Event, *, timeout_s: float | None = None, expires_ms: int | None = None,
    ) -> Future[Outcome]:  # fmt: skip
        """Channel.publish(). To cancel the future is to cancel the call: the event goes on its way."""
        if self._over or self._driver.ended:
            answer: Future[Outcome] = Future()
            answer.set_exception(NotStoredError("closed", channel=channel))
            return answer

        async def publish() -> Outcome:
            return await self._client.channel(channel).publish(event, timeout_s=timeout_s, expires_ms=expires_ms)

        return self._run(publish)

    def flush(self, timeout_s: float | None = None) -> Future[bool]:
        """Client.flush()."""
        return self._run(lambda: self._client.flush(timeout_s))

    def close(self) -> Future[None]:
        """Client.close()."""
        if self._over or self._driver.ended:
            answer: Future[None] = Future()
            answer.set_result(None)
            return answer
        return self._run(self._client.close)

    def _run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        loop = self._driver.loop
        if loop is None:
            raise self._client._was_closed() if self._over or self._driver.ended else self._not_connected()
        if self._driver.is_own_thread():
            raise CallerError(
                what="threadsafe is for other threads: on the loop's own one, waiting for the answer would never end",
                value=threading.current_thread().name,
                next_step="await the same method of the client here",
            )
        return asyncio.run_coroutine_threadsafe(make(), loop)

    def _not_connected(self) -> CallerError:
        return CallerError(
            what="this client is not connected yet",
            value=self._client.device_id,
            next_step="let connect() begin on its loop before other threads use it",
        )

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self._take)
        except RuntimeError:  # the program ended its loop without close()
            self._refuse()

    # On the loop

    def _take(self) -> None:
        """Emit all that came. Without the lock: an emit may call a hook of the application, and an answer may be waited for
        by a callback.
        """
        for emit, answer, _ in self._taken():
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(emit())
                except Exception as error:
                    answer.set_exception(error)

    def _taken(self) -> deque[_Emit]:
        with self._lock:
            emits, self._emits = self._emits, deque()
            self._bytes = 0
        return emits

    def _refuse(self) -> None:
        for _, answer, _ in self._taken():
            if answer.set_running_or_notify_cancel():
                answer.set_result(Outcome.REFUSED_CLOSED)

    def _close(self) -> None:
        """The client is closed: what is on its way is refused, and so is what comes."""
        with self._lock:
            self._over = True
        self._refuse()
