"""What a client does about a connection that failed: strategies by platform, replaceable, carried out by the policy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from .arguments import check_function, check_text
from .errors import CallerError, FlightError
from .platforms import platform_names
from .session.device.codes import ADVICE_BACK_OFF, ADVICE_NONE, ADVICE_POLLING

_log = logging.getLogger("flight.client")

FALLBACK_TO_POLLING = "fallback-to-polling"
RETRY_WITH_BACKOFF = "retry-with-backoff"
DEFAULT_RECOVERY = "default-recovery"

_ADVICE = {
    FALLBACK_TO_POLLING: ADVICE_POLLING,
    RETRY_WITH_BACKOFF: ADVICE_BACK_OFF,
    DEFAULT_RECOVERY: ADVICE_NONE,
}

RecoveryHandler = Callable[[Any, str], str]
"""Takes what went wrong and the platform's name, answers one of the three strategies."""


def _polling(_error: Exception, _platform: str) -> str:
    return FALLBACK_TO_POLLING


def _back_off(_error: Exception, _platform: str) -> str:
    return RETRY_WITH_BACKOFF


_FIRST: dict[str, RecoveryHandler] = {"dreamcast": _polling, "vita": _back_off}
_handlers = dict(_FIRST)


def handle_connection_error(error: Exception, platform: str) -> str:
    """The strategy for a failed connection of this platform (guide: RealtimeErrorHandler.handleConnectionError).

    `fallback-to-polling` (dreamcast): the next attempt is by polling, where that is one of the client's transports.
    `retry-with-backoff` (vita): a failure counts although the connection was healthy, so the waits grow one step sooner; the
    first attempt comes within the spread as everywhere.
    `default-recovery` (all others): the profile's rules alone: step down after its failures, return within the spread after a
    healthy connection. With each of them a server's hint is obeyed and attempts never end.
    """
    handler = next((one for name, one in list(_handlers.items()) if name == platform), None)
    return DEFAULT_RECOVERY if handler is None else handler(error, platform)


def register_recovery(platform: str, handler: RecoveryHandler | None) -> None:
    """Use `handler` for every client of a platform that has no handler of its own; None = the platform's first one.

    Raises CallerError for an unknown platform.
    """
    check_text("platform", platform)
    if handler is not None:
        check_function("handler", handler)
    if platform not in platform_names():
        raise CallerError(
            what="unknown platform", value=platform, next_step=f"use one of: {', '.join(platform_names())}"
        )
    chosen = handler or _FIRST.get(platform)
    if chosen is None:
        _handlers.pop(platform, None)
    else:
        _handlers[platform] = chosen


def advice(handler: RecoveryHandler, error: FlightError, platform: str) -> int:
    """What the policy is told; a handler that raises or answers something else changes nothing, and is logged."""
    try:
        strategy = handler(error, platform)
    except Exception:
        _log.exception("a recovery handler raised; the client goes on")
        return ADVICE_NONE
    if strategy not in _ADVICE:
        _log.error("a recovery handler answered %r; known: %s", strategy, ", ".join(_ADVICE))
    return _ADVICE.get(strategy, ADVICE_NONE)
