"""Every error that this package raises on purpose.

    FlightError                what, value, next_step, and whose fault it is
     +-- CallerError           the program that calls: a wrong argument, a wrong order of calls
     |    +-- EventError       an event that cannot be sent or read as it is: field, value, limit
     +-- PeerError             the other side sent something that this side cannot accept
     |    +-- FrameError       bytes that are no valid frame or batch: the core's error code
     |         +-- TagError    a frame without its right authentication tag
     +-- LinkError             the network or the host in between; trying again may help
     +-- RefusedError          the gateway said no: code, name, fatal
     +-- NotStoredError        publish() could not bring its event to the gateway: cause, letter
     +-- NotAnsweredError      no device answered a command: letter
     +-- CommandFailedError    the device says that a command failed: code, text, data
     +-- CoreMissingError      the C core is not built or does not fit (an ImportError too)

All of them can be shown to a person as they are: what happened, with what value, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_client._tables import CODES

if TYPE_CHECKING:
    from flight_client.letters import DeadLetter

__all__ = [
    "CallerError",
    "CommandFailedError",
    "CoreMissingError",
    "EventError",
    "FlightError",
    "FrameError",
    "LinkError",
    "NotAnsweredError",
    "NotStoredError",
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


class NotStoredError(FlightError):
    """publish() ended without its event being stored; the one thing it never does is to say nothing.

    cause: of an event that was never accepted "full", "too-large", "forbidden" or "closed"; of one that was accepted and
    is a dead letter now (`letter`) "refused", "expired", "too-large" or "closed"; of one that is still on its way
    "timeout" or "stopped". `pending` says whether it still is: then it may be stored yet, and to publish it again may
    double it. `sent` says whether the gateway may have stored it all the same.
    """

    def __init__(
        self, cause: str, *, channel: str, letter: DeadLetter | None = None, pending: bool = False, sent: bool = False
    ) -> None:
        try:
            what, fault, next_step = _NOT_STORED[cause]
        except (KeyError, TypeError):
            raise CallerError(
                "cause is none of publish()", value=cause, next_step=f"use one of: {', '.join(_NOT_STORED)}"
            ) from None
        if cause == "refused" and letter is not None and letter.code:
            entry = _code_entry(letter.code)
            what, next_step = f"{what}: {entry['text']}", entry["next"]
        super().__init__(f"an event was not stored: {what}", value=channel, next_step=next_step, fault=fault)
        self.cause = cause
        self.channel = channel
        self.letter = letter
        self.pending = pending
        self.sent: bool = sent or (letter is not None and letter.sent)


_NOT_STORED = {
    "full": ("the queue is full", "link", "try again later, or give it a longer timeout_s"),
    "too-large": ("it is larger than the platform or the gateway allows", "caller", "make it smaller"),
    "forbidden": ("the gateway does not allow this channel", "none", "ask for a token whose roles allow it"),
    "closed": ("the client was closed", "caller", "publish before close(), or make a new client"),
    "refused": ("the gateway refused it", "none", "see its dead letter; replay() sends it again"),
    "expired": ("its time was over before it could go", "link", "give it a longer expires_ms"),
    "timeout": ("no answer in time; it is still on its way", "link", "wait with flush(); do not publish it again"),
    "stopped": (
        "the client has stopped for good; it waits here",
        "none",
        "see last_error; close() makes it a dead letter",
    ),
}


class NotAnsweredError(FlightError):
    """A command was stored, asked again as often as it may be, and never answered. It may have been carried out.

    `letter` is its dead letter, cause `unanswered`.
    """

    def __init__(self, name: str, target: str, letter: DeadLetter) -> None:
        super().__init__(
            f"no answer to the command {name!r}",
            value=target,
            next_step="is the device on, and does it handle commands? replay() of the letter asks once more",
            fault="peer",
        )
        self.letter = letter


class CommandFailedError(FlightError):
    """A device answered that it could not do what it was asked. `code` is `failed` or `unknown`."""

    def __init__(self, name: str, device_id: str, code: str, text: str, data: bytes) -> None:
        said = "the device does not know it" if code == "unknown" else text or "the device does not say why"
        super().__init__(
            f"the command {name!r} was not carried out: {said}",
            value=device_id,
            next_step="see the program on the device",
            fault="peer",
        )
        self.device_id = device_id
        self.code = code
        self.text = text
        self.data = data


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


def file_step(error: OSError) -> str:
    """What to do about a file that could not be opened, for the `next_step` of who needs it."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "check the path: there is nothing at it"
    if isinstance(error, IsADirectoryError):
        return "name a file: this is a folder"
    if isinstance(error, PermissionError):
        return "give this user the right to it"
    return f"look at the disk, or name another file ({error.strerror or error})"
