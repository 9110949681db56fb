"""A recording as lines for people and objects for programs: `flight capture show`.

One row is one frame or one happening. The columns are those of every sniffer: number, time, direction, type, then what the
header of a frame says. A number is that of its record, so that it can be found again, and so are those that a replay names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from flight_client._tables import CODES, NAMES
from flight_client.capture.format import CaptureFile
from flight_client.capture.happenings import HAPPENINGS, RECEIVE, Frame, Step
from flight_client.capture.header import codec_of
from flight_client.capture.replay import TYPE_NAMES, Moments, answer_name, wire_bytes
from flight_client.session.device import codes
from flight_client.session.spec import (
    FLAG_BATCH,
    SESSION_ID_BYTES,
    STATE_IDLE,
    TYPE_ATTACH,
    TYPE_CLOSE,
    TYPE_OPEN,
    TYPE_POLL,
    TYPE_RESET,
)

IN = "<-"
OUT = "->"
_FLAGS = {value: name for name, value in NAMES["flags"].items()}
_STATES = {value: name for name, value in NAMES["session_states"].items()}
_TRANSPORTS = {value: name for name, value in NAMES["transports"].items()}
_CODE_NAMES: dict[int, str] = {entry["value"]: entry["name"] for entry in CODES}
_COLUMNS = f"{'no.':>6} {'time':>10}    {'what':<10} {'flags':<22} {'ch':>4} {'seq':>6} {'ack':>6} {'bytes':>6}  info"


# Everybody does these all the time: they are shown with --all.
_QUIET = (
    "session.turn_done",
    "session.poll_soon",
    "session.packed",
    "session.pack_large",
    "session.recoded",
    "session.wake_in_ms",
    "session.sender.urgent",
)


@dataclass(slots=True)
class Row:
    """One line. `payload` is empty for what is no frame; so are the fields of a header 0."""

    record: int
    time_ms: int
    direction: str  # "->" to the gateway, "<-" from it, "" for what happened here
    what: str
    flags: list[str]
    channel: int
    seq: int
    ack: int
    size: int
    info: str
    payload: bytes

    def line(self) -> str:
        """For a person."""
        head = f"{self.record:>6} {self.time_ms / 1000:>10.3f} {self.direction:<2} {self.what:<10}"
        if not self.direction:
            return f"{head} {self.info}".rstrip()
        flags = ",".join(self.flags)
        numbers = f"{self.channel or '':>4} {self.seq or '':>6} {self.ack or '':>6} {self.size:>6}"
        return f"{head} {flags:<22} {numbers}  {self.info}".rstrip()

    def object(self) -> str:
        """For a program: one JSON object."""
        return json.dumps({**asdict(self), "payload": self.payload.hex()}, separators=(",", ":"))

    def dump(self) -> Iterator[str]:
        """The payload, 16 bytes a line, as `tcpdump -X` shows it."""
        for at in range(0, len(self.payload), 16):
            part = self.payload[at : at + 16]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            yield f"        {at:04x}  {part.hex(' '):<47}  {text}"


def title(header: dict[str, Any]) -> Iterator[str]:
    """What the header says, for a person; what others wrote into it reaches no terminal with control characters."""
    identity = header.get("identity")
    said = identity if isinstance(identity, dict) else {}
    yield f"recorded {_shown(header, 'recorded')} by flight {_shown(header, 'flight')}, protocol {_shown(header, 'protocol')}"
    yield f"device {_shown(said, 'device_id')}, platform {_shown(said, 'platform')}, {_shown(said, 'version')}"
    if header.get("secrets"):
        yield "this file holds its token and session id: show it to nobody"
    yield ""
    yield _COLUMNS


def rows(file: CaptureFile, *, everything: bool = False) -> Iterator[Row]:
    """The rows of a recording; with `everything` also looks at the session that led to nothing. Raises DamagedError."""
    codec = codec_of(file.header)
    transports = file.header.get("transports")
    lister = _Lister(transports if isinstance(transports, list) else [])
    for number, body in enumerate(file.records(), 1):
        yield from lister.rows(number, codec.read(body), everything)


class _Lister:
    def __init__(self, transports: list[Any]) -> None:
        self._moments = Moments()
        self._transports = transports
        self._index = 0
        self._state = STATE_IDLE

    def rows(self, number: int, step: Step, everything: bool) -> Iterator[Row]:
        self._moments.step(step)
        changes = step.state or {}
        self._index = changes.get("session.policy.index", self._index)
        if step.name == RECEIVE:
            yield self._received(number, step)
        elif step.sent is not None:
            yield self._framed(number, OUT, step.sent, "")
        else:
            info = self._happened(step)
            if info or everything:
                yield self._row(number, step.name.rpartition(".")[2], info)
        if changes.get("session.state", self._state) != self._state:
            self._state = changes["session.state"]
            yield self._row(number, "state", _STATES.get(self._state, str(self._state)))

    def _received(self, number: int, step: Step) -> Row:
        kind, flags, channel, seq, ack, payload = step.arguments[:6]
        assert isinstance(payload, bytes)
        frame = Frame(int(kind), int(flags), int(channel), int(seq), int(ack), payload)
        result = "" if step.result == codes.QUIET else answer_name(step, step.result).lower().replace("_", " ")
        return self._framed(number, IN, frame, result)

    def _framed(self, number: int, direction: str, frame: Frame, result: str) -> Row:
        said = [text for text in (_says(frame), result) if text]
        return Row(
            number, self._moments.since_start_ms, direction, TYPE_NAMES.get(frame.kind, f"type {frame.kind}"),
            [name for bit, name in _FLAGS.items() if frame.flags & bit and bit != FLAG_BATCH],
            frame.channel, frame.seq, frame.ack, wire_bytes(frame.flags, frame.payload), ", ".join(said), frame.payload,
        )  # fmt: skip

    def _row(self, number: int, what: str, info: str) -> Row:
        return Row(number, self._moments.since_start_ms, "", what, [], 0, 0, 0, 0, info, b"")

    def _happened(self, step: Step) -> str:
        """What it says of a happening that is no frame; nothing for those that everybody does all the time."""
        if step.name == "session.poll":
            shown = {codes.OPEN: f"open {self._transport()}", codes.DROP: "drop the transport", codes.PROBE: "probe"}
            return shown.get(step.result, "a letter" if step.result == codes.LETTER else "")
        if step.name in ("session.start", "session.opened", "session.failed", "session.close"):
            return self._transport()
        if step.name == "session.probed":
            return "it works" if step.arguments[0] else "it does not work"
        if step.name == "session.channels.add":
            return _text(bytes(step.arguments[0]) if isinstance(step.arguments[0], bytes) else b"")
        if step.name in _QUIET:
            return ""
        kinds_and_values = zip(HAPPENINGS[step.name], step.arguments, strict=True)
        return " ".join(f"{kind} {value}" for kind, value in kinds_and_values if isinstance(value, int)) or "-"

    def _transport(self) -> str:
        number = self._transports[self._index] if 0 <= self._index < len(self._transports) else 0
        return _TRANSPORTS.get(number, f"transport {number}")


def _says(frame: Frame) -> str:
    """The one thing that a reader wants to know of a frame of this type."""
    payload = frame.payload
    if frame.kind in (TYPE_ATTACH, TYPE_POLL) and len(payload) >= SESSION_ID_BYTES + 8:
        generation = int.from_bytes(payload[SESSION_ID_BYTES : SESSION_ID_BYTES + 4], "little")
        number = int.from_bytes(payload[SESSION_ID_BYTES + 4 : SESSION_ID_BYTES + 8], "little")
        return f"generation {generation}, {'next' if frame.kind == TYPE_ATTACH else 'number'} {number}"
    if frame.kind in (TYPE_CLOSE, TYPE_RESET) and payload:
        return _CODE_NAMES.get(payload[0], f"code {payload[0]}")
    if frame.kind == TYPE_OPEN and len(payload) > 20:
        return _text(payload[21 : 21 + payload[20]])
    return ""


def _text(text: bytes) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text.decode("utf-8", "replace"))


def _shown(said: dict[str, Any], key: str) -> str:
    return _text(str(said.get(key, "?"))[:80].encode("utf-8", "replace"))
