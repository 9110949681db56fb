"""Commands: an event that asks a device to do something, and the event that answers it.

Both are critical events on ordinary channels, so they are stored, delivered once and in order like any other. A command names
its target and a request number; an answer names the asker and that number. An asker that hears nothing asks again with the
same number, and a device that has carried a request out already only answers it again. See docs/protocol.md, Commands.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .arguments import check_bytes, check_function, check_seconds, check_text
from .clock import monotonic_ms
from .errors import CallerError, CommandFailedError, EventError, NotAnsweredError
from .events import CommandRequest, CommandResult, encode_event
from .handling import Handling
from .hooks import called
from .letters import DeadLetter
from .rules import ChannelRules, check_name
from .session.device.machine import DeviceSession
from .session.spec import NUMBER_LIMIT, STATE_READY
from .streams import RealtimeEvent

if TYPE_CHECKING:
    from .waiting import Waiters

_log = logging.getLogger("flight.client")

COMMANDS = "commands"
RESULTS = "command-results"

ANSWERED = 64  # requests whose answers a device remembers
_TEXT_BYTES = 120  # of a result

CommandHandler = Callable[[CommandRequest], object]
"""A function, or an async function, that answers bytes, or None for an empty answer; what it raises is the answer `failed`."""

_Handler = TypeVar("_Handler", bound=CommandHandler)


def _as_bytes(answer: object) -> bytes:
    """What a handler answered. bytes() alone would turn the number 3 into three zeros."""
    if answer is None:
        return b""
    if isinstance(answer, (bytes, bytearray, memoryview)):
        return bytes(answer)
    raise TypeError(f"the handler answered {type(answer).__name__}, not bytes or None")


class _Asker:
    """The requests of one client that wait for their answers."""

    def __init__(self, device_id: str) -> None:
        self._device_id = device_id
        self._waiting: dict[int, tuple[str, asyncio.Future[RealtimeEvent]]] = {}

    def expect(self, request: int, target: str) -> asyncio.Future[RealtimeEvent]:
        """The answer to come. Only the target itself may give it."""
        future: asyncio.Future[RealtimeEvent] = asyncio.get_running_loop().create_future()
        self._waiting[request] = target, future
        return future

    def forget(self, request: int) -> None:
        """Nobody waits for this any more."""
        del self._waiting[request]

    def take(self, event: RealtimeEvent) -> None:
        """A result of anybody to anybody."""
        result = event.data
        if not isinstance(result, CommandResult) or result.asker != self._device_id:
            return
        target, future = self._waiting.get(result.request, ("", None))
        if future is not None and not future.done() and target in ("", event.source.device_id):
            future.set_result(event)


class _Answerer:
    """The handlers of one device, and what they answered last."""

    def __init__(self, owner: Commanding) -> None:
        self.handlers: dict[str, CommandHandler] = {}
        self._owner = owner
        self._answered: OrderedDict[tuple[str, int], CommandResult] = OrderedDict()
        self._ahead_ms: float | None = None  # the gateway's clock less ours, as far as deliveries can tell
        self._received_ms = 0  # of the last delivery, by the gateway's clock

    async def take(self, event: RealtimeEvent) -> None:
        """A command to anybody."""
        command = event.data
        late = self._late_ms(event)
        if not isinstance(command, CommandRequest) or command.target not in ("", self._owner.device_id):
            return
        key = event.source.device_id, command.request
        result = self._answered.get(key)
        if result is None:
            if command.timeout_ms and late > command.timeout_ms:
                _log.warning("the command %r of %s came %d ms late: left", command.name, key[0], late)
                return
            handler = self.handlers.get(command.name) or self.handlers.get("")
            if handler is None and not command.target:
                return  # asked of everybody: others may know it
            result = self._answered[key] = await self._carry_out(handler, command, key[0])
            while len(self._answered) > ANSWERED:
                self._answered.popitem(last=False)
        await self._owner.channel(RESULTS).put(result, critical=True)

    async def _carry_out(self, handler: CommandHandler | None, command: CommandRequest, asker: str) -> CommandResult:
        if handler is None:
            return CommandResult(command.request, asker, "unknown")
        result = CommandResult(command.request, asker)
        try:
            result.data = _as_bytes(await called(handler, command))
            encode_event(result)
        except Exception as error:
            self._owner._hooks.report(f"the handler of the command {command.name!r} from {asker}")
            said = error.what if isinstance(error, EventError) else f"{type(error).__name__}: {error}"
            text = said.encode("utf-8", "replace")[:_TEXT_BYTES].decode("utf-8", "ignore")
            return CommandResult(command.request, asker, "failed", text)
        return result

    def _late_ms(self, event: RealtimeEvent) -> float:
        """How old a command is, as far as we can know.

        Its age when the gateway got it is told. How long it lay there is not, and our clock is not the gateway's; but no
        delivery is younger than the freshest one.
        """
        ahead = event.received_ms - time.monotonic() * 1000
        if (
            self._ahead_ms is None or event.received_ms < self._received_ms
        ):  # the first, or the gateway's clock was set back
            self._ahead_ms = ahead
        self._received_ms = event.received_ms
        self._ahead_ms = max(self._ahead_ms, ahead)
        return (event.age_ms or 0) + self._ahead_ms - ahead


class Commanding(Handling):
    """A part of the client; its methods belong to the event loop on which connect() ran."""

    device_id: str
    _session: DeviceSession
    _waiters: Waiters
    _asker: _Asker | None = None

    if TYPE_CHECKING:  # the client has it

        def _was_closed(self) -> CallerError: ...

    _answerers: dict[str, _Answerer]  # by channel

    def on_command(self, handler: CommandHandler, name: str = "", *, channel: str = COMMANDS) -> None:
        """Carry out commands of this name that are for this device, or with an empty name all that no other handler is for.

        One at a time, in order. What the handler answers (bytes, at most 320) goes back to who asked; where it raises, the
        answer says so and nothing is tried again. A request that was carried out is only answered again when it comes again.
        A command that is older than its asker waits for is left. The gateway hears of it a moment later: `await listening()`
        where a tool may ask at once.
        """
        self._driver.check_thread()
        check_function("handler", handler)
        check_text("name", name)
        check_name(channel)
        if channel not in self._answerers:
            answerer = _Answerer(self)
            self.on_event(answerer.take, CommandRequest.event_name, channels=[channel], retries=0)
            self._answerers[channel] = answerer
        self._answerers[channel].handlers[name] = handler

    def answers(self, name: str = "", *, channel: str = COMMANDS) -> Callable[[_Handler], _Handler]:
        """on_command() as a decorator; the function stays what it was.

            @client.answers("restart")
            async def restart(command): return b"done"

        It may stand where no event loop runs yet: the handler begins with connect() then. Raises as on_command() does.
        """
        check_text("name", name)
        check_name(channel)

        def take(handler: _Handler) -> _Handler:
            check_function("handler", handler)
            self._begin_or_keep(lambda: self.on_command(handler, name, channel=channel))
            return handler

        return take

    async def command(
        self,
        target: str,
        name: str,
        data: bytes = b"",
        *,
        timeout_s: float = 10.0,
        retries: int | None = None,
        retry_interval_ms: int | None = None,
        channel: str = COMMANDS,
    ) -> bytes:
        """Ask the device `target` (empty: whichever answers first) to carry out a command; what it answers.

        After the gateway has stored the command its answer may take `timeout_s`. Unanswered it goes again after the
        interval, as often as `retries` says (by default the channel's), and is then a dead letter with the cause
        `unanswered`. While there is no connection no time runs and no retry is spent. To cancel the call takes nothing back.

        Raises NotAnsweredError, CommandFailedError, and NotStoredError as publish() does; EventError for what does not fit.
        """
        self._driver.check_thread()
        check_text("target", target)
        check_text("name", name)
        check_bytes("data", data)
        requests = self.channel(channel)
        rules = ChannelRules(
            retries=requests.rules.retries if retries is None else retries,
            retry_interval_ms=requests.rules.retry_interval_ms if retry_interval_ms is None else retry_interval_ms,
        )
        rules.check()
        check_seconds("timeout_s", timeout_s)
        if not 0 < (timeout_s or 0) < NUMBER_LIMIT / 2000:
            raise CallerError(what="timeout_s is out of range", value=timeout_s, next_step="use seconds above 0")
        if self._asker is None:
            self._asker = _Asker(self.device_id)
            self.on_event(self._asker.take, CommandResult.event_name, channels=[RESULTS])
        asked = CommandRequest(name, target, bytes(data), secrets.randbits(32), int(timeout_s * 1000))
        layout, body = encode_event(asked)
        answer = self._asker.expect(asked.request, target)
        try:
            for tries in range(rules.retries + 1):
                if tries:
                    await asyncio.wait((answer,), timeout=rules.retry_interval_ms / 1000)
                if not answer.done():
                    await requests.publish(asked)
                if await self._answered(answer, timeout_s):
                    return self._said(asked, answer.result())
        finally:
            self._asker.forget(asked.request)
        letter = DeadLetter(channel, "unanswered", 0, True, layout, body, monotonic_ms())
        self._keep_letter(letter)
        raise NotAnsweredError(name, target, letter)

    async def _answered(self, answer: asyncio.Future[RealtimeEvent], timeout_s: float) -> bool:
        """Wait for the answer; only the time with a connection counts."""
        loop = asyncio.get_running_loop()
        left_s = timeout_s
        while left_s > 0 and not answer.done():
            await self._first(answer, connected=True, limit_s=None)
            begun_s = loop.time()
            await self._first(answer, connected=False, limit_s=left_s)
            left_s -= loop.time() - begun_s
        return answer.done()

    async def _first(self, answer: asyncio.Future[RealtimeEvent], *, connected: bool, limit_s: float | None) -> None:
        """Until there is an answer, or the connection is, or is not; or for so long. Raises what ended the client."""
        if answer.done() or (self._session.state == STATE_READY) is connected:
            return
        if not self._driver.running:
            raise self._was_closed()
        change = asyncio.ensure_future(self._waiters.until(lambda: (self._session.state == STATE_READY) is connected))
        try:
            await asyncio.wait((answer, change), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if change.done() and not answer.done():
                change.result()
        finally:
            change.cancel()

    def _said(self, asked: CommandRequest, event: RealtimeEvent) -> bytes:
        result = event.data
        assert isinstance(result, CommandResult)
        if result.code != "done":
            raise CommandFailedError(asked.name, event.source.device_id, result.code, result.text, result.data)
        return result.data
