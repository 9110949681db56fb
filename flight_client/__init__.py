"""Flight: a real-time messaging client for retro consoles and small devices.

    import asyncio
    from flight_client import Client, MemoryUpdate

The names below are the public ones; docs/ explains them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .channels import Channel
    from .client import Client
    from .error_handler import RealtimeErrorHandler
    from .errors import (
        CallerError,
        CommandFailedError,
        CoreMissingError,
        EventError,
        FlightError,
        FrameError,
        LinkError,
        NotAnsweredError,
        NotStoredError,
        PeerError,
        RefusedError,
    )
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
    from .letters import DeadLetter
    from .metrics import MetricsSample, MetricsStream, PlatformPerformance, RealtimeMetrics
    from .observe import ConnectionState, Counters, Gap, Outcome, StateChange
    from .presence import Presence, PresenceStream
    from .pressure import MemoryPressure, PressureLevel, PressureLimits
    from .recovery import handle_connection_error, register_recovery
    from .streams import EventStream, RealtimeEvent, Source
    from .sync_channels import SyncChannel
    from .sync_client import SyncClient
    from .sync_streams import SyncEventStream, SyncMetricsStream, SyncPresenceStream

__all__ = [
    "CallerError",
    "Channel",
    "Client",
    "CommandFailedError",
    "CommandRequest",
    "CommandResult",
    "ComponentUpdate",
    "ConnectionState",
    "CoreMissingError",
    "Counters",
    "DeadLetter",
    "EventError",
    "EventStream",
    "FlightError",
    "FrameError",
    "FrameTime",
    "Gap",
    "LinkError",
    "Log",
    "MemoryPressure",
    "MemoryUpdate",
    "MetricsSample",
    "MetricsStream",
    "NotAnsweredError",
    "NotStoredError",
    "Outcome",
    "Payload",
    "PeerError",
    "PlatformPerformance",
    "Presence",
    "PresenceStream",
    "PressureLevel",
    "PressureLimits",
    "RealtimeErrorHandler",
    "RealtimeEvent",
    "RealtimeMetrics",
    "RefusedError",
    "Source",
    "StateChange",
    "SyncChannel",
    "SyncClient",
    "SyncEventStream",
    "SyncMetricsStream",
    "SyncPresenceStream",
    "SystemMonitoring",
    "V6REvent",
    "__version__",
    "handle_connection_error",
    "register_recovery",
]

_HOME = {
    "CallerError": "errors",
    "Channel": "channels",
    "Client": "client",
    "CommandRequest": "events",
    "CommandFailedError": "errors",
    "CommandResult": "events",
    "ComponentUpdate": "events",
    "ConnectionState": "observe",
    "CoreMissingError": "errors",
    "Counters": "observe",
    "DeadLetter": "letters",
    "EventError": "errors",
    "EventStream": "streams",
    "FlightError": "errors",
    "FrameError": "errors",
    "FrameTime": "events",
    "Gap": "observe",
    "LinkError": "errors",
    "Log": "events",
    "MemoryUpdate": "events",
    "MetricsSample": "metrics",
    "MetricsStream": "metrics",
    "NotAnsweredError": "errors",
    "NotStoredError": "errors",
    "register_recovery": "recovery",
    "handle_connection_error": "recovery",
    "PressureLimits": "pressure",
    "PressureLevel": "pressure",
    "MemoryPressure": "pressure",
    "Outcome": "observe",
    "Payload": "events",
    "PeerError": "errors",
    "PlatformPerformance": "metrics",
    "Presence": "presence",
    "PresenceStream": "presence",
    "RealtimeErrorHandler": "error_handler",
    "RealtimeMetrics": "metrics",
    "RealtimeEvent": "streams",
    "RefusedError": "errors",
    "Source": "streams",
    "StateChange": "observe",
    "SyncChannel": "sync_channels",
    "SyncClient": "sync_client",
    "SyncEventStream": "sync_streams",
    "SyncMetricsStream": "sync_streams",
    "SyncPresenceStream": "sync_streams",
    "SystemMonitoring": "events",
    "V6REvent": "events",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: `flight doctor` must start where the core is missing, and fast."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
