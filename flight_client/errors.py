"""Every error that this package raises on purpose.

    FlightError                what, value, next_step, and whose fault it is
     +-- CallerError           the program that calls: a wrong argument, a wrong order of calls
     |    +-- EventError       an event that cannot be sent or read as it is: field, value, limit
     +-- PeerError             the other side sent something that this side cannot accept
     |    +-- FrameError       bytes that are no valid frame or batch: the core's error code
     |         +-- TagError    a frame without its right authentication tag
     +-- LinkError             the network or the host in between; trying again may help
     +-- RefusedError          the gateway said no: code, name, fatal
     +-- CoreMissingError      the C core is not built or does not fit (an ImportError too)

All of them can be shown to a person as they are: what happened, with what value, and what to do next.
"""

from typing import Any

from flight_client._tables import CODES

__all__ = [
    "CallerError",
    "CoreMissingError",
    "EventError",
    "FlightError",
    "FrameError",
    "LinkError",
    "PeerError",
    "RefusedError",
    "TagError",
]

_SHOWN_CHARACTERS = 120


class FlightError(Exception):
    """The root of the tree. `fault` is "caller", "peer", "link" or "none"."""

    fault: str = "none"

    def __init__(self, what: str, *, value: object = None, next_step: str = "", fault: str | None = None) -> None:
        self.what = what
        self.value = value
        self.next_step = next_step
        if fault is not None:
            self.fault = fault
        super().__init__(what)

    def __str__(self) -> str:
        text = self.what
        if self.value is not None:
            shown = repr(self.value)
            if len(shown) > _SHOWN_CHARACTERS:
                shown = shown[: _SHOWN_CHARACTERS - 3] + "..."
            text += f" (got {shown})"
        return f"{text}. Next: {self.next_step}" if self.next_step else text


class CallerError(FlightError):
    """The calling program has to change something."""

    fault = "caller"


class PeerError(FlightError):
    """The other side broke the protocol; this side goes on without that message or connection."""

    fault = "peer"


class LinkError(FlightError):
    """The way to the other side is broken or absent."""

    fault = "link"


class FrameError(PeerError):
    """Bytes that are not a valid frame or batch. `code` is the core's error number, `offset` where in the bytes."""

    def __init__(self, what: str, *, code: int = 0, offset: int = 0, value: object = None, next_step: str = "") -> None:
        super().__init__(what, value=value, next_step=next_step or "drop the connection and start a new one")
        self.code = code
        self.offset = offset


class TagError(FrameError):
    """A frame that cannot be shown to come from the other side: nothing of it was used. The session goes on."""


class EventError(CallerError):
    """An event with a value that its layout cannot carry. Nothing was sent, and nothing is ever cut to fit."""

    def __init__(
        self,
        what: str,
        *,
        field: str = "",
        value: object = None,
        limit: object = None,
        next_step: str = "",
        fault: str | None = None,
    ) -> None:
        super().__init__(what, value=value, next_step=next_step, fault=fault)
        self.field = field
        self.limit = limit


class RefusedError(FlightError):
    """The gateway refused, for a reason from the table of codes. `fatal`: trying again will not help."""

    def __init__(self, code: int, text: str = "") -> None:
        entry = _code_entry(code)
        what = f"refused by the gateway: {entry['text']}"
        super().__init__(f"{what} ({text})" if text else what, next_step=entry["next"], fault=entry["fault"])
        self.code = code
        self.name: str = entry["name"]
        self.fatal: bool = entry["fatal"]
        self.text = text


class CoreMissingError(FlightError, ImportError):
    """The C core cannot be loaded."""


def _code_entry(code: int) -> dict[str, Any]:
    for entry in CODES:
        if entry["value"] == code:
            return entry
    return {
        "name": f"code-{code}",
        "fatal": False,
        "fault": "peer",
        "text": f"code {code}, which this version does not know",
        "next": "update this side, or look the code up in the gateway's reference",
    }
