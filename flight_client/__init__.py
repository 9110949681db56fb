"""Flight: a real-time messaging client for retro consoles and small devices.

    import asyncio
    from flight_client import Client, MemoryUpdate

The names below are the public ones; docs/ explains them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .lazy import on_first_use
from .version import __version__

if TYPE_CHECKING:
    from .channel_info import ChannelInfo, create_memory_updates_channel
    from .channels import Channel
    from .client import Client
    from .client_info import ClientInfo, create_flight_core_client_info
    from .connecting import establish_connection
    from .counting import Counters
    from .enums import (
        Capability,
        ChannelType,
        ClientType,
        CommandCode,
        ComponentState,
        ConnectionMode,
        EventType,
        LogLevel,
        MessagePriority,
        V6REventType,
    )
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
    from .guards import (
        is_command_request_event,
        is_command_result_event,
        is_component_update_event,
        is_frame_time_event,
        is_log_event,
        is_memory_update_event,
        is_payload_event,
        is_system_monitoring_event,
        is_v6r_event,
    )
    from .json_codec import decode_json, encode_json, from_json, to_json
    from .letters import DeadLetter
    from .messages import MessageRouting, RealtimeMessage, RetryConfig, create_message_routing
    from .metrics import MetricsSample, MetricsStream, PlatformPerformance, RealtimeMetrics
    from .observe import ConnectionState, Gap, Outcome, StateChange
    from .platform_config import (
        BatchingConfig,
        PlatformConfig,
        get_max_payload_size,
        get_memory_constraint,
        get_platform_capabilities,
        get_platform_config,
        register_platform,
    )
    from .presence import Presence, PresenceStream
    from .pressure import MemoryPressure, PressureLevel, PressureLimits
    from .recovery import handle_connection_error, register_recovery
    from .sizes import MemorySize, human_readable
    from .streams import EventStream, RealtimeEvent, Source
    from .sync_channels import SyncChannel
    from .sync_client import SyncClient
    from .sync_streams import SyncEventStream, SyncMetricsStream, SyncPresenceStream
    from .validation import MAX_MESSAGE_AGE_MS, Validation, validate_realtime_message

__all__ = [
    "MAX_MESSAGE_AGE_MS",
    "BatchingConfig",
    "CallerError",
    "Capability",
    "Channel",
    "ChannelInfo",
    "ChannelType",
    "Client",
    "ClientInfo",
    "ClientType",
    "CommandCode",
    "CommandFailedError",
    "CommandRequest",
    "CommandResult",
    "ComponentState",
    "ComponentUpdate",
    "ConnectionMode",
    "ConnectionState",
    "CoreMissingError",
    "Counters",
    "DeadLetter",
    "EventError",
    "EventStream",
    "EventType",
    "FlightError",
    "FrameError",
    "FrameTime",
    "Gap",
    "LinkError",
    "Log",
    "LogLevel",
    "MemoryPressure",
    "MemorySize",
    "MemoryUpdate",
    "MessagePriority",
    "MessageRouting",
    "MetricsSample",
    "MetricsStream",
    "NotAnsweredError",
    "NotStoredError",
    "Outcome",
    "Payload",
    "PeerError",
    "PlatformConfig",
    "PlatformPerformance",
    "Presence",
    "PresenceStream",
    "PressureLevel",
    "PressureLimits",
    "RealtimeErrorHandler",
    "RealtimeEvent",
    "RealtimeMessage",
    "RealtimeMetrics",
    "RefusedError",
    "RetryConfig",
    "Source",
    "StateChange",
    "SyncChannel",
    "SyncClient",
    "SyncEventStream",
    "SyncMetricsStream",
    "SyncPresenceStream",
    "SystemMonitoring",
    "V6REvent",
    "V6REventType",
    "Validation",
    "__version__",
    "create_flight_core_client_info",
    "create_memory_updates_channel",
    "create_message_routing",
    "decode_json",
    "encode_json",
    "establish_connection",
    "from_json",
    "get_max_payload_size",
    "get_memory_constraint",
    "get_platform_capabilities",
    "get_platform_config",
    "handle_connection_error",
    "human_readable",
    "is_command_request_event",
    "is_command_result_event",
    "is_component_update_event",
    "is_frame_time_event",
    "is_log_event",
    "is_memory_update_event",
    "is_payload_event",
    "is_system_monitoring_event",
    "is_v6r_event",
    "register_platform",
    "register_recovery",
    "to_json",
    "validate_realtime_message",
]

_HOME = {
    "Capability": "enums",
    "ChannelType": "enums",
    "ClientType": "enums",
    "CommandCode": "enums",
    "ComponentState": "enums",
    "ConnectionMode": "enums",
    "EventType": "enums",
    "LogLevel": "enums",
    "MessagePriority": "enums",
    "V6REventType": "enums",
    "BatchingConfig": "platform_config",
    "PlatformConfig": "platform_config",
    "get_max_payload_size": "platform_config",
    "get_memory_constraint": "platform_config",
    "get_platform_capabilities": "platform_config",
    "get_platform_config": "platform_config",
    "register_platform": "platform_config",
    "ClientInfo": "client_info",
    "create_flight_core_client_info": "client_info",
    "ChannelInfo": "channel_info",
    "create_memory_updates_channel": "channel_info",
    "MessageRouting": "messages",
    "RealtimeMessage": "messages",
    "RetryConfig": "messages",
    "create_message_routing": "messages",
    "is_command_request_event": "guards",
    "is_command_result_event": "guards",
    "is_component_update_event": "guards",
    "is_frame_time_event": "guards",
    "is_log_event": "guards",
    "is_memory_update_event": "guards",
    "is_payload_event": "guards",
    "is_system_monitoring_event": "guards",
    "is_v6r_event": "guards",
    "decode_json": "json_codec",
    "encode_json": "json_codec",
    "from_json": "json_codec",
    "to_json": "json_codec",
    "MAX_MESSAGE_AGE_MS": "validation",
    "Validation": "validation",
    "validate_realtime_message": "validation",
    "establish_connection": "connecting",
    "MemorySize": "sizes",
    "human_readable": "sizes",
    "CallerError": "errors",
    "Channel": "channels",
    "Client": "client",
    "CommandRequest": "events",
    "CommandFailedError": "errors",
    "CommandResult": "events",
    "ComponentUpdate": "events",
    "ConnectionState": "observe",
    "CoreMissingError": "errors",
    "Counters": "counting",
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


# `flight doctor` must start where the core is missing, and fast.
__getattr__: Callable[[str], Any] = on_first_use(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
