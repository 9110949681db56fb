"""Handlers of received events, and the dead letters of those that went wrong in either direction.

A handler takes the events of its stream one by one, in order. A critical event whose handler raises is handed to it again, after
the interval and as often as was said; then it is a dead letter with the cause `handler`. Whatever comes behind it waits, in a
stream that is bounded like every other. What still waits when the client closes is handled within the moment that close()
has; of the rest the critical events become dead letters.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from .arguments import check_function, check_kind, texts, whole
from .clock import monotonic_ms
from .driver import Driver
from .error_handler import RealtimeErrorHandler
from .errors import CallerError, FlightError
from .events import encode_event
from .hooks import Hooks, called
from .letters import DeadLetter
from .outbox import Outbox
from .platforms import Platform
from .rules import ChannelRules
from .session.spec import RETRY_COUNT, RETRY_INTERVAL_MS
from .streams import STREAM_EVENTS, EventStream, RealtimeEvent
from .subscriptions import MOST_HISTORY, channels_of

if TYPE_CHECKING:
    from .channels import Channel

_log = logging.getLogger("flight.client")

EventHandler = Callable[[RealtimeEvent], object]
"""A function, or an async function; what it returns is not looked at."""

_Handler = TypeVar("_Handler", bound=EventHandler)


class _Worker:
    """One handler with its stream."""

    def __init__(self, owner: Handling, stream: EventStream, handler: EventHandler, rules: ChannelRules) -> None:
        self._owner = owner
        self._stream = stream
        self._handler = handler
        self._rules = rules

    async def run(self) -> None:
        """Until the stream ends."""
        try:
            async for event in self._stream:
                await self.handle(event)
        except FlightError as error:  # of the stream; the handler's own errors end in _tried()
            _log.info("a handler ends with its stream: %s", error)
        except asyncio.CancelledError:
            for event in self._stream.take(STREAM_EVENTS):
                self._give_up(event)
            raise

    async def handle(self, event: RealtimeEvent) -> None:
        """Hand the event over until that goes well, or may not be tried again."""
        try:
            for tries in range(self._rules.retries + 1):
                if tries:
                    await asyncio.sleep(self._rules.retry_interval_ms / 1000)
                if await self._tried(event) or not event.counter:
                    return
        except asyncio.CancelledError:
            self._give_up(event)
            raise
        self._give_up(event)

    async def _tried(self, event: RealtimeEvent) -> bool:
        try:
            await called(self._handler, event)
        except Exception as error:
            self._owner._hooks.report(f"the handler of {event.type} on {event.channel}, from {event.source.device_id},")
            self._owner._tell_message_error(event, error)
            return False
        return True

    def _give_up(self, event: RealtimeEvent) -> None:
        if event.counter:
            self._owner._write_letter(event, self._again(event))

    def _again(self, event: RealtimeEvent) -> Callable[[], bool]:
        def again() -> bool:
            if not self._owner._driver.running:
                return False
            self._owner._hooks.run(self.handle(event))
            return True

        return again


class Handling:
    """A part of the client; its methods belong to the event loop on which connect() ran."""

    platform: Platform
    _driver: Driver
    _hooks: Hooks
    _outbox: Outbox
    _early: list[Callable[[], object]]  # handlers that wait for connect()
    _error_handler: RealtimeErrorHandler

    if TYPE_CHECKING:  # the client has them

        def channel(self, name: str) -> Channel:
            """Client.channel()."""

        def events(self, *types: str, channels: Iterable[str] | None = None, history: int | None = None) -> EventStream:
            """Client.events()."""

        def _check_listening(self) -> None: ...

    @property
    def error_handler(self) -> RealtimeErrorHandler:
        """What is asked about failed connections and told of handlers that raise (error_handler.py); set your own."""
        return self._error_handler

    @error_handler.setter
    def error_handler(self, handler: RealtimeErrorHandler | None) -> None:
        self._driver.check_thread()
        if handler is None:
            handler = RealtimeErrorHandler()
        for name in ("handle_connection_error", "handle_message_error"):
            check_function(f"error_handler.{name}", getattr(handler, name, None))
        self._error_handler = handler

    def _tell_message_error(self, event: RealtimeEvent, error: Exception) -> None:
        try:
            self._error_handler.handle_message_error(event, error)
        except Exception:
            self._hooks.report("the error handler")

    def handles(
        self,
        *types: str,
        channels: Iterable[str] | None = None,
        history: int | None = None,
        retries: int = RETRY_COUNT,
        retry_interval_ms: int = RETRY_INTERVAL_MS,
    ) -> Callable[[_Handler], _Handler]:
        """on_event() as a decorator; the function stays what it was.

            @client.handles("memory-update")
            def show(event): ...

        It may stand where no event loop runs yet: the handler begins with connect() then. Raises as on_event() does, at once
        for arguments, at connect() for what only the gateway knows.
        """
        named = texts("channels", channels)
        channels_of(types, named)
        self._check_rules(retries, retry_interval_ms)
        if history is not None:
            whole("history", history, 0, MOST_HISTORY)

        def take(handler: _Handler) -> _Handler:
            check_function("handler", handler)
            self._begin_or_keep(
                lambda: self.on_event(
                    handler,
                    *types,
                    channels=named,
                    history=history,
                    retries=retries,
                    retry_interval_ms=retry_interval_ms,
                )
            )
            return handler

        return take

    def _begin_or_keep(self, begin: Callable[[], object]) -> None:
        """Now, or with connect() where no loop runs yet."""
        self._driver.check_thread()
        if self._driver.running or self._driver.ended:
            begin()
        else:
            self._early.append(begin)

    def _begin_early(self) -> None:
        """connect(): the loop is there. Each begins, also behind one that cannot; then the first error is raised."""
        early, self._early = self._early, []
        errors = []
        for begin in early:
            try:
                begin()
            except FlightError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    @staticmethod
    def _check_rules(retries: int, retry_interval_ms: int) -> ChannelRules:
        rules = ChannelRules(retries=retries, retry_interval_ms=retry_interval_ms)
        rules.check()
        return rules

    def on_event(
        self,
        handler: EventHandler,
        *types: str,
        channels: Iterable[str] | None = None,
        history: int | None = None,
        retries: int = RETRY_COUNT,
        retry_interval_ms: int = RETRY_INTERVAL_MS,
    ) -> EventStream:
        """Call `handler` with each event that events() would give, one at a time and in order. close() of the answer ends it.

        Where it raises, that is logged and counted; a lossy event is done with then. A critical one goes to it again
        `retries` times, each `retry_interval_ms` later, while the events behind it wait; then it is a dead letter with the
        cause `handler`, and replay() hands it to the same handler. An async function may wait, also for calls of the client.

        Raises CallerError as events() does, for a bad number, and where no event loop runs.
        """
        self._check_listening()
        check_function("handler", handler)
        rules = self._check_rules(retries, retry_interval_ms)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise CallerError(
                what="a handler needs the client's event loop", value="no loop runs", next_step="call it in a coroutine"
            ) from None
        stream = self.events(*types, channels=channels, history=history)
        self._hooks.run(_Worker(self, stream, handler, rules).run())
        return stream

    def _write_letter(self, event: RealtimeEvent, again: Callable[[], bool]) -> None:
        layout, body = encode_event(event.data, self.platform.wide_sizes)
        self._keep_letter(
            DeadLetter(event.channel, "handler", 0, False, layout, body, monotonic_ms(), event.source.device_id, again)
        )

    def _keep_letter(self, letter: DeadLetter) -> None:
        self._outbox.letters.add(letter)
        self._tell_letter(letter)

    # Dead letters

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The critical events that could not be delivered, or handled, the oldest first; also after close()."""
        self._driver.check_thread()
        return self._outbox.letters.all()

    def discard(self, *letters: DeadLetter) -> None:
        """Forget these dead letters."""
        self._driver.check_thread()
        _check_letters(letters)
        self._outbox.letters.remove(letters)

    def replay(self, *letters: DeadLetter) -> int:
        """Do dead letters again: these, or all that cannot double anything. Returns how many; they are no letters any more.

        An event that was not stored is emitted as a new critical event without an expiry. One whose handler raised goes to
        that handler once more. An event whose letter says `sent` may have been stored, or carried out, and to send it again
        may double it: that is why it has to be named.
        """
        self._driver.check_thread()
        _check_letters(letters)
        taken = []
        for letter in letters or [letter for letter in self.dead_letters() if not letter.sent]:
            done = letter.again() if letter.again else self.channel(letter.channel).replay(letter).accepted
            if not done:
                break
            taken.append(letter)
        self.discard(*taken)
        return len(taken)

    def _tell_letter(self, letter: DeadLetter) -> None:
        _log.warning("a critical event on %s is a dead letter: %s", letter.channel, letter.cause)
        self._hooks.letter.tell(letter)


def _check_letters(letters: tuple[DeadLetter, ...]) -> None:
    for letter in letters:
        check_kind("letters", letter, DeadLetter, "one of dead_letters()")
