"""One thread with one event loop, owned by one object: what a plain program needs to use what is asynchronous.

The loop is nobody else's: it is no thread's current loop and no policy's. The thread is a daemon, so that an interpreter
that ends never waits for it; whoever owns it closes it before that.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from .errors import CallerError, FlightError

T = TypeVar("T")

_LOOKUPS = 8
_JOIN_S = 2.0
_DRAIN_S = 0.2


class Background:
    """Runs calls on its own thread; made idle, started by the first call."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.RLock()  # a garbage collection in here may close what its owner forgot
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._closing = False
        self._ended = False
        self._waiting: set[Future[Any]] = set()
        self._last: asyncio.Task[None] | None = None

    @property
    def started(self) -> bool:
        """Whether there is, or was, a thread."""
        return self._loop is not None

    @property
    def running(self) -> bool:
        """Whether calls go to the thread: it was started and has not ended."""
        return self._loop is not None and not self._ended

    @property
    def forked(self) -> bool:
        """Whether this is a child process: its thread stayed in the parent."""
        return self._pid not in (0, os.getpid())

    def is_own_thread(self) -> bool:
        """Whether the caller is a callback on the background thread."""
        return self._thread is threading.current_thread()

    def call(self, function: Callable[[], T]) -> T:
        """The result of a function that does not wait, run on the thread; at once where that is this one, or has ended."""
        self._check_process()
        if self.is_own_thread():
            return function()
        answer: Future[T] = Future()

        def run() -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(function())
                except BaseException as error:
                    answer.set_exception(error)

        with self._lock:
            loop = self._started()
            if loop is not None:
                self._waiting.add(answer)
                loop.call_soon_threadsafe(run)
        return function() if loop is None else self._result(answer)

    def wait(self, make: Callable[[], Coroutine[Any, Any, T]], closed: FlightError | None = None) -> T:
        """The result of a coroutine that runs on the thread. Interrupting the wait cancels the coroutine.

        closed: what to raise when the thread has ended, or ends meanwhile.
        """
        self._check_process()
        if self.is_own_thread():
            raise CallerError(
                what=f"a callback of this {self._what} cannot wait: it runs on the thread that it would wait for",
                value=threading.current_thread().name,
                next_step="emit() and close() work here; for the rest hand a note to another thread",
            )
        with self._lock:
            loop = self._started()
            if loop is None:
                raise closed or self._closed()
            answer = asyncio.run_coroutine_threadsafe(make(), loop)
            self._waiting.add(answer)
        return self._result(answer, closed)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `last`, then end the thread. On the thread itself, a callback, this only begins."""
        if self.forked:
            return
        with self._lock:
            loop, first = self._loop, not self._closing
            self._closing = True
            if loop is None:
                self._ended = True
            elif first:
                loop.call_soon_threadsafe(self._begin_to_end, last)
        if self._thread is not None and not self.is_own_thread():
            self._thread.join(_JOIN_S)

    def _result(self, answer: Future[T], closed: FlightError | None = None) -> T:
        try:
            return answer.result()
        except CancelledError:
            raise closed or self._closed() from None
        except BaseException:
            answer.cancel()
            raise
        finally:
            with self._lock:
                self._waiting.discard(answer)

    def _started(self) -> asyncio.AbstractEventLoop | None:
        """The loop, from its first use on; None when it is over."""
        if self._ended:
            return None
        if self._loop is None:
            self._pid = os.getpid()
            self._loop = asyncio.new_event_loop()
            self._loop.set_default_executor(_Lookups())
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="flight-client", daemon=True)
            self._thread.start()
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        finally:
            with self._lock:
                self._ended = True  # nothing new is scheduled from here on
            loop.run_until_complete(self._drain())
            loop.close()
            with self._lock:
                for answer in self._waiting:
                    answer.cancel()  # nobody may wait for ever

    async def _drain(self) -> None:
        """What came in the last moment gets its answer."""
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_DRAIN_S)

    def _begin_to_end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._last = asyncio.get_running_loop().create_task(self._end(last))

    async def _end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await last()
        finally:
            asyncio.get_running_loop().stop()

    def _check_process(self) -> None:
        if self.forked:
            raise CallerError(
                what=f"this {self._what} belongs to the process that made it; its thread and its connection are there",
                value=f"process {self._pid}, here is {os.getpid()}",
                next_step="make a new one after fork()",
            )

    def _closed(self) -> CallerError:
        return CallerError(what=f"this {self._what} was closed", value=self._what, next_step="make a new one")


class _Lookups(ThreadPoolExecutor):
    """Name lookups, on threads that an interpreter which ends does not wait for: a resolver may hang for half a minute."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._free = threading.Semaphore(_LOOKUPS)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """A thread of its own for each call."""
        answer: Future[T] = Future()
        if not self._free.acquire(blocking=False):
            answer.set_exception(OSError("too many name lookups hang; is the resolver reachable?"))
            return answer

        def run() -> None:
            try:
                if answer.set_running_or_notify_cancel():
                    answer.set_result(fn(*args, **kwargs))
            except BaseException as error:
                answer.set_exception(error)
            finally:
                self._free.release()

        threading.Thread(target=run, name="flight-lookup", daemon=True).start()
        return answer
