"""Of which type an event is, in a form that type checkers follow: `event.data` has its own type behind the question.

    if is_memory_update_event(event):
        print(event.data.used.human_readable)

Each takes anything, is True for a RealtimeEvent with data of that type and False for everything else, never raises, and may
be called from every thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import (
    CommandRequest,
    CommandResult,
    ComponentUpdate,
    FrameTime,
    Log,
    MemoryUpdate,
    Payload,
    SystemMonitoring,
    V6REvent,
)
from .streams import RealtimeEvent

if TYPE_CHECKING:
    from typing_extensions import TypeIs
else:  # for whoever asks for the types of a function while it runs: Python has TypeIs from 3.13 on
    from typing import TypeGuard as TypeIs


def is_memory_update_event(event: object) -> TypeIs[RealtimeEvent[MemoryUpdate]]:
    """Whether this is a memory-update."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, MemoryUpdate)


def is_component_update_event(event: object) -> TypeIs[RealtimeEvent[ComponentUpdate]]:
    """Whether this is a component-update."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, ComponentUpdate)


def is_v6r_event(event: object) -> TypeIs[RealtimeEvent[V6REvent]]:
    """Whether this is a v6r-event."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, V6REvent)


def is_system_monitoring_event(event: object) -> TypeIs[RealtimeEvent[SystemMonitoring]]:
    """Whether this is a system-monitoring."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, SystemMonitoring)


def is_log_event(event: object) -> TypeIs[RealtimeEvent[Log]]:
    """Whether this is a log."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, Log)


def is_frame_time_event(event: object) -> TypeIs[RealtimeEvent[FrameTime]]:
    """Whether this is a frame-time."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, FrameTime)


def is_payload_event(event: object) -> TypeIs[RealtimeEvent[Payload]]:
    """Whether this is a payload."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, Payload)


def is_command_request_event(event: object) -> TypeIs[RealtimeEvent[CommandRequest]]:
    """Whether this is a command-request."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, CommandRequest)


def is_command_result_event(event: object) -> TypeIs[RealtimeEvent[CommandResult]]:
    """Whether this is a command-result."""
    return isinstance(event, RealtimeEvent) and isinstance(event.data, CommandResult)
