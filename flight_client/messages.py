"""A message in the guide's form: RealtimeMessage, and how it is sent again."""

from __future__ import annotations

from dataclasses import dataclass

from . import arguments
from .enums import MessagePriority
from .platform_config import profile_named
from .session.spec import NUMBER_LIMIT, PLATFORM_BYTES


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """How often a message that was refused or not answered goes again, and after how many milliseconds each time.

    An outage spends nothing: resending after one never gives up. Raises CallerError for a value that cannot work.
    """

    max_retries: int
    retry_interval_ms: int

    def __post_init__(self) -> None:
        """Check both numbers."""
        arguments.whole("max_retries", self.max_retries, 0, 0xFFFF)
        arguments.whole("retry_interval_ms", self.retry_interval_ms, 0, NUMBER_LIMIT // 2 - 1)


@dataclass(frozen=True, slots=True)
class MessageRouting:
    """Whether a message is acknowledged, and how it is sent again. Raises CallerError for a value of another type."""

    requires_ack: bool
    retry_config: RetryConfig

    def __post_init__(self) -> None:
        """Check both."""
        arguments.truth("requires_ack", self.requires_ack)
        arguments.check_kind(
            "retry_config",
            self.retry_config,
            RetryConfig,
            "a RetryConfig",
            "give RetryConfig(max_retries, retry_interval_ms)",
        )

    @property
    def max_retries(self) -> int:
        """The same as in `retry_config`."""
        return self.retry_config.max_retries

    @property
    def retry_interval_ms(self) -> int:
        """The same as in `retry_config`, in milliseconds."""
        return self.retry_config.retry_interval_ms


@dataclass(frozen=True, slots=True)
class RealtimeMessage:
    """A message with a text of the application's own.

    timestamp_ms: when it was made, in milliseconds since 1970 (`timestamp` in JSON). payload: text, in JSON or otherwise;
    get_max_payload_size(platform) says how many bytes of it a platform takes. What it says is looked at by
    validate_realtime_message(), not here. Raises CallerError for a value of a type that no message can have.
    """

    id: str
    message_type: str
    timestamp_ms: int
    platform: str
    payload: str
    priority: MessagePriority
    routing: MessageRouting

    def __post_init__(self) -> None:
        """Check the types, and take "high" for MessagePriority.HIGH."""
        for name in ("id", "message_type", "payload"):
            arguments.text(name, getattr(self, name), empty=True)
        arguments.text("platform", self.platform, PLATFORM_BYTES)
        arguments.whole("timestamp_ms", self.timestamp_ms)
        object.__setattr__(self, "priority", arguments.word("priority", self.priority, MessagePriority))
        arguments.check_kind(
            "routing", self.routing, MessageRouting, "a MessageRouting", "make it with create_message_routing()"
        )


def create_message_routing(platform: str, priority: MessagePriority | str, requires_ack: bool) -> MessageRouting:
    """How a message of this priority is sent on a platform: with the platform's retries and their interval in milliseconds.

    A critical message is always acknowledged. For other retries give RetryConfig yourself, such as RetryConfig(3, 2000).
    Raises CallerError for an unknown platform or priority, and a requires_ack that is no bool.
    """
    profile = profile_named(platform)
    urgent = arguments.word("priority", priority, MessagePriority) is MessagePriority.CRITICAL
    wanted = arguments.truth("requires_ack", requires_ack)
    return MessageRouting(wanted or urgent, RetryConfig(profile["max_retries"], profile["retry_interval_ms"]))
