"""The enums of the public interface; each member is a str, its value in JSON.

Generated from spec/flight.toml by build_scripts/generate.py. Do not edit.
"""

from enum import StrEnum

__all__ = [
    "Capability",
    "ChannelType",
    "ClientType",
    "CommandCode",
    "ComponentState",
    "ConnectionMode",
    "ConnectionState",
    "EventType",
    "LogLevel",
    "MessagePriority",
    "V6REventType",
]


class ClientType(StrEnum):
    """What kind of program a client is."""

    FLIGHT_CORE_NATIVE = "flight-core-native"
    V6R_CLOUD = "v6r-cloud"
    WEB_BROWSER = "web-browser"
    HOST_TOOL = "host-tool"


class ChannelType(StrEnum):
    """The channels that every tool knows, by what travels on them."""

    MEMORY_UPDATES = "memory-updates"
    COMPONENT_EVENTS = "component-events"
    SYSTEM_MONITORING = "system-monitoring"
    V6R_EVENTS = "v6r-events"
    LOG = "log"
    FRAME_TIME = "frame-time"
    COMMANDS = "commands"
    COMMAND_RESULTS = "command-results"


class MessagePriority(StrEnum):
    """What goes first, the lowest first here; `critical` is also acknowledged."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class ConnectionState(StrEnum):
    """Where a client stands, as its user sees it."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"
    FAILED = "failed"


class ConnectionMode(StrEnum):
    """How a platform reaches a gateway: `wifi` is sockets first, then polling."""

    POLLING = "polling"
    WIFI = "wifi"
    WEBSOCKET = "websocket"


class Capability(StrEnum):
    """What a client can do; a device may announce less than its profile, never more."""

    BASIC_MESSAGING = "basic-messaging"
    MEMORY_UPDATES = "memory-updates"
    COMPONENT_EVENTS = "component-events"
    SYSTEM_MONITORING = "system-monitoring"
    V6R_EVENTS = "v6r-events"
    POLLING_MODE = "polling-mode"


class ComponentState(StrEnum):
    """What a component of a program does."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    ERROR = "error"


class V6REventType(StrEnum):
    """What happened to a virtual machine."""

    VM_CREATED = "vm-created"
    VM_STARTED = "vm-started"
    VM_STOPPED = "vm-stopped"
    VM_DELETED = "vm-deleted"
    VM_SCALING = "vm-scaling"


class CommandCode(StrEnum):
    """What became of a command."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class LogLevel(StrEnum):
    """How bad a line of a log is, the mildest first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EventType(StrEnum):
    """The types of events, one for each layout of the specification."""

    MEMORY_UPDATE = "memory-update"
    COMPONENT_UPDATE = "component-update"
    SYSTEM_MONITORING = "system-monitoring"
    V6R_EVENT = "v6r-event"
    LOG = "log"
    FRAME_TIME = "frame-time"
    PAYLOAD = "payload"
    COMMAND_REQUEST = "command-request"
    COMMAND_RESULT = "command-result"
