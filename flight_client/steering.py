"""What an application may do about its connection and its memory, beside using them."""

from __future__ import annotations

from typing import TypeVar

from .arguments import check_function, whole
from .clock import monotonic_ms
from .driver import Driver
from .error_handler import RealtimeErrorHandler
from .errors import FlightError
from .events import MemoryUpdate
from .hooks import Hook, Hooks
from .letters import DeadLetter
from .observe import Gap, StateChange
from .pressure import MemoryPressure, PressureControl, PressureLevel
from .recovery import RecoveryHandler, advice
from .session.device.machine import DeviceSession
from .session.spec import NUMBER_LIMIT

_StateChangeHook = TypeVar("_StateChangeHook", bound=Hook[StateChange])
_GapHook = TypeVar("_GapHook", bound=Hook[Gap])
_DeadLetterHook = TypeVar("_DeadLetterHook", bound=Hook[DeadLetter])
_MemoryPressureHook = TypeVar("_MemoryPressureHook", bound=Hook[MemoryPressure])


class Steering:
    """A part of the client; its methods belong to the event loop on which connect() ran."""

    _driver: Driver
    _hooks: Hooks
    _session: DeviceSession
    _pressure: PressureControl
    _recovery: RecoveryHandler | None = None
    _error_handler: RealtimeErrorHandler

    def pause(self) -> None:
        """Radio off: let the connection go, try nothing, spend nothing, keep what is queued, until resume().

        What was handed to the transport gets up to a second to arrive. The state is then DISCONNECTED; emit() goes on
        queueing by the rules of its channel, and expiries run on. The gateway keeps a session for two minutes; a longer pause
        costs no critical event either, but a new session may tell streams of a gap. Does nothing on a closed client.
        """
        self._driver.check_thread()
        self._session.pause(monotonic_ms())
        self._driver.wake()

    def resume(self) -> None:
        """Radio on: connect at once, without the wait that follows a failure. Does nothing where pause() was not called."""
        self._driver.check_thread()
        self._session.go_on(monotonic_ms())
        self._driver.wake()

    def limit_rate(self, *, link_bytes_per_s: int | None = None, events_per_s: int | None = None) -> None:
        """Send no more than this on average, a second's worth at once; 0 = no limit, None = as it is.

        link_bytes_per_s: bytes of all frames, instead of the platform's figure: what the slowest part of the way drains. What
        is beyond it waits in the client's queues, where it can expire and be overtaken, and not in a modem. events_per_s:
        your own limit. Acknowledgements, heartbeats and whatever else is no event never wait. Raises CallerError for a
        number below 0.
        """
        self._driver.check_thread()
        for name, value in (("link_bytes_per_s", link_bytes_per_s), ("events_per_s", events_per_s)):
            if value is not None:
                whole(name, value, 0, NUMBER_LIMIT - 1)
        if link_bytes_per_s is not None:
            self._session.sender.limit_link(link_bytes_per_s)
        if events_per_s is not None:
            self._session.sender.limit_pace(events_per_s)
        self._driver.wake()

    # Hooks. Each gives back what it was given, so it serves as a decorator: @client.on_state

    def on_state(self, hook: _StateChangeHook) -> _StateChangeHook:
        """Call `hook` at every change of state or transport. hooks.py says what a hook may do."""
        self._driver.check_thread()
        check_function("hook", hook)
        self._hooks.state.add(hook)
        return hook

    def on_gap(self, hook: _GapHook) -> _GapHook:
        """Call `hook` when entries of a channel are missing and will not come. hooks.py says what a hook may do."""
        self._driver.check_thread()
        check_function("hook", hook)
        self._hooks.gap.add(hook)
        return hook

    def on_dead_letter(self, hook: _DeadLetterHook) -> _DeadLetterHook:
        """Call `hook` with each dead letter when it is written. hooks.py says what a hook may do."""
        self._driver.check_thread()
        check_function("hook", hook)
        self._hooks.letter.add(hook)
        return hook

    # Recovery

    @property
    def recovery(self) -> RecoveryHandler:
        """What decides about a failed connection (recovery.py); set your own: it takes error and platform.

        It is asked after each failure that is not final, must not block, and answers `fallback-to-polling`,
        `retry-with-backoff` or `default-recovery`. By default it is that of `error_handler`; None makes it so again.
        """
        return self._recovery or self._error_handler.handle_connection_error

    @recovery.setter
    def recovery(self, handler: RecoveryHandler | None) -> None:
        self._driver.check_thread()
        if handler is not None:
            check_function("recovery", handler)
        self._recovery = handler

    def on_failure(self, error: FlightError) -> int:
        """The connection failed (Listener)."""
        return advice(self.recovery, error, self._pressure.platform.name)

    # Memory

    @property
    def pressure(self) -> PressureControl:
        """Limits and default action of the judgement of memory, and what it allows at the moment."""
        return self._pressure

    def report_memory(self, update: MemoryUpdate) -> PressureLevel:
        """Tell the client how this machine's memory is doing, without sending it; emit() of a MemoryUpdate tells it too.

        Batches and queue follow the free memory. On dreamcast and psp pressure is relieved (trigger_memory_optimization)
        before the hooks of on_pressure() are called; on other platforms only the hooks are.
        """
        self._driver.check_thread()
        level = self._pressure.report(update)
        self._driver.wake()
        return level

    def on_pressure(self, hook: _MemoryPressureHook) -> _MemoryPressureHook:
        """Call `hook` at each report of memory that is a warning or pressure, and once when all is calm again."""
        self._driver.check_thread()
        self._pressure.add_hook(hook)
        return hook

    def clear_event_history(self) -> int:
        """Forget the events that streams keep as `recent`, and the last values. Returns how many of `recent`."""
        self._driver.check_thread()
        return self._pressure.clear_history()

    def set_max_queue_size(self, events: int) -> int:
        """Let at most so many lossy events wait: 1 to the platform's number. Returns how many were dropped for it.

        The oldest are dropped, with the cause `pressure`; critical events stay. Raises CallerError for another number.
        """
        self._driver.check_thread()
        dropped = self._pressure.set_queue(events)
        self._driver.wake()
        return dropped

    def trigger_memory_optimization(self) -> int:
        """Clear the event history, keep the newest 10 lossy events, then collect garbage. Returns how many were dropped.

        The queue stays that short until a report of memory is better than pressure.
        """
        self._driver.check_thread()
        dropped = self._pressure.relieve()
        self._driver.wake()
        return dropped
