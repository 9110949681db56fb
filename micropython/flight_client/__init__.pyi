"""The public names, as a type checker sees them."""

from .channel import REFUSED_CHANNEL, REFUSED_CLOSED, REFUSED_MEMORY, Channel, Received
from .client import Client
from .events import (
    CommandRequest,
    CommandResult,
    ComponentUpdate,
    EventError,
    FrameTime,
    Log,
    MemoryUpdate,
    Payload,
    SystemMonitoring,
    V6REvent,
)
from .ring import QUEUED, REFUSED_FULL, REFUSED_TOO_LARGE

__all__ = [
    "QUEUED",
    "REFUSED_CHANNEL",
    "REFUSED_CLOSED",
    "REFUSED_FULL",
    "REFUSED_MEMORY",
    "REFUSED_TOO_LARGE",
    "Channel",
    "Client",
    "CommandRequest",
    "CommandResult",
    "ComponentUpdate",
    "EventError",
    "FrameTime",
    "Log",
    "MemoryUpdate",
    "Payload",
    "Received",
    "SystemMonitoring",
    "V6REvent",
]
