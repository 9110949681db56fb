"""What a plain program may do about its connection and its memory, and the hooks of a SyncClient."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .background import Background
from .error_handler import RealtimeErrorHandler
from .events import MemoryUpdate
from .hooks import Hook
from .letters import DeadLetter
from .observe import Gap, StateChange
from .pressure import MemoryPressure, PressureControl, PressureLevel
from .recovery import RecoveryHandler

if TYPE_CHECKING:
    from .client import Client

_StateChangeHook = TypeVar("_StateChangeHook", bound=Hook[StateChange])
_GapHook = TypeVar("_GapHook", bound=Hook[Gap])
_DeadLetterHook = TypeVar("_DeadLetterHook", bound=Hook[DeadLetter])
_MemoryPressureHook = TypeVar("_MemoryPressureHook", bound=Hook[MemoryPressure])


class SyncSteering:
    """A part of SyncClient; its methods may be called from any thread, hooks run on the background thread."""

    _client: Client
    _background: Background

    def pause(self) -> None:
        """As Client.pause(): radio off, until resume()."""
        self._background.call(self._client.pause)

    def resume(self) -> None:
        """As Client.resume()."""
        self._background.call(self._client.resume)

    def limit_rate(self, *, link_bytes_per_s: int | None = None, events_per_s: int | None = None) -> None:
        """As Client.limit_rate()."""
        self._background.call(
            lambda: self._client.limit_rate(link_bytes_per_s=link_bytes_per_s, events_per_s=events_per_s)
        )

    # Hooks. Each gives back what it was given, so it serves as a decorator: @client.on_state

    def on_state(self, hook: _StateChangeHook) -> _StateChangeHook:
        """Call `hook`, on the background thread, at every change of state or transport."""
        return self._background.call(lambda: self._client.on_state(hook))

    def on_gap(self, hook: _GapHook) -> _GapHook:
        """Call `hook`, on the background thread, when entries of a channel are missing and will not come."""
        return self._background.call(lambda: self._client.on_gap(hook))

    def on_dead_letter(self, hook: _DeadLetterHook) -> _DeadLetterHook:
        """Call `hook`, on the background thread, with each dead letter when it is written."""
        return self._background.call(lambda: self._client.on_dead_letter(hook))

    def on_pressure(self, hook: _MemoryPressureHook) -> _MemoryPressureHook:
        """Call `hook`, on the background thread, at each report of memory that is a warning or pressure, and once when calm."""
        return self._background.call(lambda: self._client.on_pressure(hook))

    # Recovery

    @property
    def recovery(self) -> RecoveryHandler:
        """As Client.recovery; called on the background thread."""
        return self._client.recovery

    @recovery.setter
    def recovery(self, handler: RecoveryHandler | None) -> None:
        def put() -> None:
            self._client.recovery = handler

        self._background.call(put)

    @property
    def error_handler(self) -> RealtimeErrorHandler:
        """As Client.error_handler; called on the background thread."""
        return self._client.error_handler

    @error_handler.setter
    def error_handler(self, handler: RealtimeErrorHandler | None) -> None:
        def put() -> None:
            self._client.error_handler = handler

        self._background.call(put)

    # Memory

    @property
    def pressure(self) -> PressureControl:
        """As Client.pressure: limits and default action, and what the memory allows. Its fields may be used in any thread."""
        return self._client.pressure

    def report_memory(self, update: MemoryUpdate) -> PressureLevel:
        """As Client.report_memory()."""
        return self._background.call(lambda: self._client.report_memory(update))

    def clear_event_history(self) -> int:
        """As Client.clear_event_history()."""
        return self._background.call(self._client.clear_event_history)

    def set_max_queue_size(self, events: int) -> int:
        """As Client.set_max_queue_size()."""
        return self._background.call(lambda: self._client.set_max_queue_size(events))

    def trigger_memory_optimization(self) -> int:
        """As Client.trigger_memory_optimization()."""
        return self._background.call(self._client.trigger_memory_optimization)
