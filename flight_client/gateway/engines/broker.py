"""What the engines of shared brokers have in common: a queue in front, one connection at work, patience in between.

Theory of operation
- append() only queues. One task takes everything that waits into one group, and the next group goes when the answers
  to this one are there: the busier, the larger the groups.
- One task connects, looks at the log, and lets two others work: the writer of groups and the follower of the log. When
  either fails both end, and it connects again.
- While the broker is away batches wait for HOLD_S, since a restart takes less; then each is refused, and so is every
  new one at once, until the broker is back. Nothing is acknowledged meanwhile.
- A group whose connection broke may be stored or not. Its critical batches go again: the mark finds those that were
  stored. Its lossy batches fail: nothing could tell a second one from the first.
- A broker that comes back with another log, or with less of it, is noticed before anything is stored there. The epoch
  is another one then, and `on_new_log` tells the hub to let every session start anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flight_client.errors import CallerError, FlightError, LinkError
from flight_client.gateway.engines.base import (
    AppendResult,
    AppendStatus,
    Batch,
    Engine,
    EngineLimits,
    Entry,
    Health,
    OnEntry,
    OnResult,
    SkipRecords,
    StoreError,
    failed,
)
from flight_client.gateway.engines.broker_url import BrokerUrl

GROUP_LIMIT = 256  # batches that go to the broker together
GROUP_BYTES = 1 << 20
HOLD_S = 3.0  # how long batches wait for a broker that is away
CLOSE_WAIT_S = 10.0
_RETRY_FIRST_S = 0.05
_RETRY_MOST_S = 1.0

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Unusable(Exception):  # noqa: N818 - not shown to anybody: the connection is closed and opened again
    """The connection works, but what is behind it cannot be used as it is."""


class Shared:
    """A check that many wait for at once: each gets the outcome of one that began after it asked."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._after(self._running))
            self._next.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be left to ask
        await asyncio.shield(self._next)

    async def _after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        await self._check()


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    done: OnResult
    size: int


@dataclass(slots=True)
class _Question:
    """Work for the writer that is not an append: it keeps its place among the appends."""

    ask: Callable[[], Awaitable[Any]]
    result: asyncio.Future[Any]


class BrokerEngine(Engine):
    """An engine on a server that several gateways share."""

    durable = True
    title: str  # the server's name for people
    # What its library raises when the server is away or says no, and Unusable.
    link_errors: tuple[type[Exception], ...]

    def __init__(self, url: BrokerUrl, skip_records: SkipRecords, limits: EngineLimits | None = None) -> None:
        self.url = url
        self._skip_records = skip_records
        self._limits = limits or EngineLimits()
        self._queue: deque[_Waiting | _Question] = deque()
        self._waiting_bytes = 0
        self._waiting_batches = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._on_entry: OnEntry | None = None
        self._task: asyncio.Task[None] | None = None
        self._hold: asyncio.TimerHandle | None = None
        self._open = False
        self._up = False
        self._refusing = False
        self._failed = 0
        self._trouble = ""
        self._note = ""  # a weakness of the server's configuration
        self.epoch: bytes = b""

    # What each broker does in its own way

    @abstractmethod
    async def _connect(self) -> None:
        """Connect and find the log, or what is new about it: sets `epoch` and calls `on_new_log`."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Close whatever _connect() opened. May be called at any time, and twice."""

    @abstractmethod
    async def _follow(self) -> None:
        """Hand on what is stored, until the connection fails."""

    @abstractmethod
    async def _store(self, batches: Sequence[Batch], results: list[AppendResult | None]) -> None:
        """Give each batch its result. What has none when this raises may be stored or not."""

    @abstractmethod
    def _explain(self, error: BaseException) -> FlightError:
        """The library's error in our words: whose fault, what, and the next step."""

    # Life

    async def start(self, on_entry: OnEntry) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_entry = on_entry
        try:
            await self._connect_at_first()
        except BaseException:
            await self._disconnect()
            raise
        self._open = True
        self._set_up()
        self._task = self._loop.create_task(self._run())

    async def _connect_at_first(self) -> None:
        """A few times, since two gateways that make the same log at one moment may disturb each other; then say why."""
        for pause_s in (0.1, 0.2, 0.4, 0.0):
            try:
                await self._connect()
                return
            except self.link_errors as error:
                told = self._explain(error)
                if isinstance(told, CallerError) or not pause_s:
                    raise told from error
            await self._disconnect()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, keeps no secret

    async def close(self) -> None:
        if self._task is None:
            return
        self._open = False
        if self._up and self._waiting_batches:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), CLOSE_WAIT_S)
        task, self._task = self._task, None
        await _end([task])
        if self._hold is not None:
            self._hold.cancel()
        self._up = False
        self._refuse_waiting(f"{self._where()} was closed before the batch was stored")
        await self._disconnect()

    async def _run(self) -> None:
        """Connected at first. Ends only when it is cancelled."""
        pause_s = _RETRY_FIRST_S
        while True:
            error = await self._work() if self._up else await self._reconnect()
            if error is None:
                pause_s = _RETRY_FIRST_S
                continue
            self._set_down(self._explain(error))
            await self._disconnect()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, keeps no secret
            pause_s = min(2 * pause_s, _RETRY_MOST_S)

    async def _work(self) -> BaseException:
        """Write and follow until one of them fails."""
        tasks = [self._loop.create_task(self._write()), self._loop.create_task(self._follow())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [one for one in outcomes if one is not None and not isinstance(one, asyncio.CancelledError)]
        error = errors[0] if errors else Unusable("the connection ended")
        if not isinstance(error, (FlightError, *self.link_errors)):
            _log.error("the work with %s failed", self._where(), exc_info=error)
        return error

    async def _reconnect(self) -> BaseException | None:
        try:
            await self._connect()
        except self.link_errors as error:
            return error
        except FlightError as error:
            return error
        except Exception as error:  # whatever it is, the gateway goes on and tries again
            _log.exception("connecting to %s failed", self._where())
            return error
        self._set_up()
        return None

    def _set_up(self) -> None:
        if self._trouble:
            _log.warning("%s works again", self._where())
        self._up = True
        self._refusing = False
        self._trouble = ""
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        self._wake.set()

    def _set_down(self, error: FlightError) -> None:
        if str(error) != self._trouble:
            self._trouble = str(error)
            _log.error("%s", self._trouble)
        if self._up:
            self._up = False
            self._hold = self._loop.call_later(HOLD_S, self._hold_over)

    def _hold_over(self) -> None:
        self._hold = None
        self._refusing = True
        self._refuse_waiting(self._away())

    def _away(self) -> str:
        return f"nothing can be stored now: {self._trouble}; the devices send again"

    def _where(self) -> str:
        return f"{self.title} at {self.url.shown}"

    # Writing

    def append(self, batch: Batch, done: OnResult) -> None:
        size = len(batch.records)
        limits = self._limits
        if not self._open:
            self._finish(done, failed(f"{self._where()} is not open; start the gateway again"))
        elif self._refusing:
            self._finish(done, failed(self._away()))
        elif self._waiting_batches >= limits.queue_entries or self._waiting_bytes + size > limits.queue_bytes:
            self._finish(
                done,
                failed(
                    f"{self._where()} is too slow: {self._waiting_batches} batches ({self._waiting_bytes} bytes) wait;"
                    " the devices send again, a faster server or fewer events help"
                ),
            )
        else:
            self._waiting_batches += 1
            self._waiting_bytes += size
            self._queue.append(_Waiting(batch, done, size))
            self._wake.set()

    async def _write(self) -> None:
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            first = self._queue[0]
            if isinstance(first, _Question):
                self._queue.popleft()
                await self._answer(first)
                continue
            await self._write_group(self._take_group())

    def _take_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        total = 0
        while self._queue and len(group) < GROUP_LIMIT and total < GROUP_BYTES:
            one = self._queue[0]
            if isinstance(one, _Question):
                break
            self._queue.popleft()
            group.append(one)
            total += one.size
        return group

    async def _write_group(self, group: list[_Waiting]) -> None:
        results: list[AppendResult | None] = [None] * len(group)
        try:
            await self._store([one.batch for one in group], results)
        except BaseException:
            self._after_failure(group, results)
            raise
        for one, result in zip(group, results, strict=True):
            self._settle(one, result or failed(f"{self._where()} gave no answer; the devices send again"))

    def _after_failure(self, group: list[_Waiting], results: list[AppendResult | None]) -> None:
        again: list[_Waiting] = []
        for one, result in zip(group, results, strict=True):
            if result is not None:
                self._settle(one, result)
            elif one.batch.counter:
                again.append(one)
            else:
                self._settle(one, failed(f"the connection to {self._where()} broke: nobody knows whether it is stored"))
        self._queue.extendleft(reversed(again))

    def _settle(self, one: _Waiting, result: AppendResult) -> None:
        self._waiting_batches -= 1
        self._waiting_bytes -= one.size
        self._finish(one.done, result)
        if not self._waiting_batches:
            self._idle.set()

    def _finish(self, done: OnResult, result: AppendResult) -> None:
        if result.status is AppendStatus.FAILED:
            self._failed += 1
        try:
            done(result)
        except Exception:
            _log.exception("the result of an append could not be given")

    def _refuse_waiting(self, what: str) -> None:
        while self._queue:
            one = self._queue.popleft()
            if isinstance(one, _Waiting):
                self._settle(one, failed(what))
            elif not one.result.done():
                one.result.set_exception(self._store_error(what))

    def _hand_on(self, entry: Entry) -> None:
        on_entry = self._on_entry
        if on_entry is None:
            return
        try:
            on_entry(entry)
        except Exception:
            _log.exception("handing on entry %d of %r failed", entry.offset, entry.channel)

    def _log_unreadable(self, channel: str, offset: int, error: FlightError) -> None:
        _log.error("entry %d of %r at %s: %s", offset, channel, self.url.shown, error)

    def _take_epoch(self, epoch: bytes, last: Mapping[str, int]) -> None:
        """The log's identity, at first or after it changed, and where its channels end."""
        known, self.epoch = self.epoch, epoch
        if known and known != epoch:
            _log.error("%s came back with another log: every session and subscriber starts anew", self._where())
            if self.on_new_log is not None:
                self.on_new_log(last)

    # Questions

    async def _ask_in_turn(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask when every append made before has its result."""
        if not self._open or not self._up:
            raise self._store_error("it is not open" if not self._open else self._trouble)
        result: asyncio.Future[T] = self._loop.create_future()
        self._queue.append(_Question(ask, result))
        self._wake.set()
        return await result

    async def _answer(self, question: _Question) -> None:
        try:
            answer = await question.ask()
        except BaseException as error:
            if not question.result.done():
                known = isinstance(error, self.link_errors)
                question.result.set_exception(self._store_error(str(self._explain(error)) if known else repr(error)))
            raise
        if not question.result.done():
            question.result.set_result(answer)

    async def _ask_now(self, ask: Callable[[], Awaitable[T]]) -> T:
        if not self._open or not self._up:
            raise self._store_error("it is not open" if not self._open else self._trouble)
        try:
            return await ask()
        except self.link_errors as error:
            raise self._store_error(str(self._explain(error))) from error

    def _store_error(self, why: str) -> StoreError:
        return StoreError(
            what=f"the log could not be asked ({why})",
            value=self.url.shown,
            next_step=f"see whether {self.title} runs; it is tried again",
        )

    def health(self) -> Health:
        if not self._open:
            ok, text = False, f"{self._where()} is not open"
        elif not self._up:
            ok, text = False, self._trouble
        else:
            ok, text = True, f"stores in {self._where()}" + (f"; {self._note}" if self._note else "")
        return Health(ok, text, self._waiting_batches, self._waiting_bytes, self._failed)

    def _warn(self, note: str) -> None:
        """Say once what the server's configuration makes of our promises."""
        if note and note != self._note:
            _log.warning("%s: %s", self._where(), note)
        self._note = note

    def _unreachable(self, error: BaseException) -> LinkError:
        return LinkError(
            what=f"{self.title} cannot be reached ({_short(error)})",
            value=self.url.shown,
            next_step=f"start {self.title}, or check host and port of --engine",
        )

    def _refused(self, error: BaseException, next_step: str) -> CallerError:
        return CallerError(what=f"{self.title} said no ({_short(error)})", value=self.url.shown, next_step=next_step)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: a client library may swallow a cancellation while it connects."""
    left = set(tasks)
    for task in tasks:
        task.add_done_callback(_heard)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.05)


def _heard(task: asyncio.Task[None]) -> None:
    """A library may answer its cancellation with a broken connection: no news to anybody. Heard even where the wait is cancelled."""
    if not task.cancelled():
        task.exception()


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
