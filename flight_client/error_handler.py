"""What a client does about errors, in one object that a program may replace (guide: RealtimeErrorHandler).

A subclass of RealtimeErrorHandler with answers of its own is set with `client.error_handler = MyHandler()`.
"""

from __future__ import annotations

import logging

from .arguments import check_kind, check_text
from .recovery import handle_connection_error

_log = logging.getLogger("flight.client")


class RealtimeErrorHandler:
    """The default answers. Its methods are called on the client's loop and must not block.

    One that raises, or answers something else, is logged and changes nothing.
    """

    def handle_connection_error(self, error: Exception, platform: str) -> str:
        """What to do about a connection that failed, by platform.

        Answers `fallback-to-polling` (dreamcast), `retry-with-backoff` (vita) or `default-recovery` (all others), or what
        register_recovery() was told; recovery.py says what the client makes of each. Raises CallerError for what is no
        error or no text.
        """
        check_kind("error", error, Exception, "an exception")
        check_text("platform", platform)
        return handle_connection_error(error, platform)

    def handle_message_error(self, message: object, error: Exception) -> None:
        """A handler of on_event() raised: log messageId, messageType and error.

        Called at every attempt. A critical event whose handler raised as often as it may is a dead letter with the cause
        `handler` then, whatever this does. message: the received event; any object with `id` and `message_type` does.
        """
        check_kind("error", error, Exception, "an exception")
        _log.error(
            "Message processing error: messageId=%s messageType=%s error=%s",
            message_id(message),
            message_type(message),
            error,
        )


def message_id(message: object) -> str:
    """What names a message in a log: its own id, or of a received event channel, offset and number."""
    own = getattr(message, "id", None)
    if own is not None:
        return str(own)
    channel, offset = getattr(message, "channel", None), getattr(message, "offset", None)
    if channel is None or offset is None:
        return "unknown"
    counter = getattr(message, "counter", 0)
    return f"{channel}/{offset}/{counter}" if counter else f"{channel}/{offset}"


def message_type(message: object) -> str:
    """The type of a message or of a received event."""
    return str(getattr(message, "message_type", None) or getattr(message, "type", None) or type(message).__name__)
