"""Frames as a test reads them: a message taken apart, each frame with its numbers and its payload."""

from __future__ import annotations

from dataclasses import dataclass

from .._tables import NAMES
from ..session import spec
from ..wire.frames import FrameReader

_KINDS = {number: name for name, number in NAMES["types"].items()}


@dataclass(slots=True)
class Frame:
    """One frame. `payload` is everything behind the header: what it says is in docs/protocol.md."""

    kind: int
    flags: int
    channel: int
    seq: int
    ack: int
    payload: bytes

    @property
    def name(self) -> str:
        """The name of its type, as in the reference: `hello`, `data` and so on."""
        return _KINDS.get(self.kind, str(self.kind))

    @property
    def code(self) -> int:
        """Of CLOSE, RESET and OPENED."""
        return self.payload[0]

    @property
    def text(self) -> str:
        """Of CLOSE and RESET."""
        return self.payload[8:].decode()


def frames_of(data: bytes) -> list[Frame]:
    """The frames of a message or of a polling request. A tag counts as payload: nobody checks it here.

    Raises FrameError for what is no whole frames.
    """
    reader = FrameReader(spec.FLAGS_SUPPORTED)
    reader.feed(data, spec.MAX_FRAME_BYTES)
    found = []
    while reader.next():
        payload = data[reader.start : reader.end]
        found.append(Frame(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, payload))
    return found


def of_kind(frames: list[Frame], kind: int | str) -> list[Frame]:
    """Those of one type, by its number or its name."""
    return [frame for frame in frames if kind in (frame.kind, frame.name)]
