"""Replay: a fresh session is told what the recorded one was told, and has to do the same, byte for byte.

The first difference ends it and is said in words: the number of the record, its time, what was expected, what came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flight_client._tables import NAMES
from flight_client.capture.fields import DamagedError, damaged
from flight_client.capture.format import DAMAGED, LARGEST_RECORD_BYTES, CaptureFile
from flight_client.capture.happenings import HAPPENINGS, MAY_SEND, RECEIVE, TIME, WRITES_RECORDS, Frame, Step
from flight_client.capture.header import Subject
from flight_client.session.common.clock import MASK, elapsed
from flight_client.session.device import codes
from flight_client.session.spec import FLAG_CHECKED, HEADER_BYTES, TRAILER_BYTES

TYPE_NAMES = {value: name.upper() for name, value in NAMES["types"].items()}
_SHOWN_BYTES = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first went another way."""

    record: int  # 1 is the first behind the header
    time_ms: int  # since the first happening
    happening: str
    what: str
    expected: str
    came: str

    def __str__(self) -> str:
        return (
            f"record {self.record}, {self.time_ms / 1000:.3f} s, {self.happening}: {self.what}: "
            f"expected {self.expected}, came {self.came}"
        )


@dataclass(slots=True)
class Report:
    """What a replay found. `difference` is None when everything was the same."""

    happenings: int = 0
    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    duration_ms: int = 0
    difference: Difference | None = None
    ending: str = ""  # format.WHOLE, CUT or DAMAGED
    trouble: str = ""  # of the file, behind what was replayed

    @property
    def same(self) -> bool:
        """Whether everything that could be read was the same; a damaged file is not what was recorded."""
        return self.difference is None and self.ending != DAMAGED


class Moments:
    """The clock of a recording: a wrapping one, and the milliseconds since the first happening that had a time."""

    def __init__(self) -> None:
        self.now: int = 0
        self.since_start_ms: int = 0
        self._started = False

    def step(self, step: Step) -> None:
        """The next happening."""
        then, self.now = self.now, (self.now + step.wait_ms) & MASK
        if self._started:
            self.since_start_ms += elapsed(self.now, then)
        self._started = self._started or TIME in HAPPENINGS[step.name]


def replay(path: str | Path) -> Report:
    """Replay a whole file, or up to its first difference. Raises CallerError for a file that is no recording."""
    file = CaptureFile(path)
    try:
        subject = Subject(file.header)
        player = _Player(subject)
        try:
            for body in file.records():
                player.play(subject.codec.read(body))
                if player.report.difference is not None:
                    break
        except DamagedError as error:
            file.ending, file.trouble = DAMAGED, str(error)
        player.report.ending, player.report.trouble = file.ending, file.trouble
        return player.report
    finally:
        file.close()


def wire_bytes(flags: int, payload: bytes) -> int:
    """The bytes of a frame with this payload, without a tag."""
    return HEADER_BYTES + len(payload) + (TRAILER_BYTES if flags & FLAG_CHECKED else 0)


class _Player:
    """Plays steps to one session."""

    def __init__(self, subject: Subject) -> None:
        self.report = Report()
        self._subject = subject
        self._moments = Moments()
        self._inputs: dict[str, int | bytes] = {}
        self._state: dict[str, int] = {}

    def play(self, step: Step) -> None:
        """One happening, and whether the same came of it."""
        report, moments = self.report, self._moments
        moments.step(step)
        report.happenings += 1
        report.duration_ms = max(report.duration_ms, moments.since_start_ms)
        _check(step)
        try:
            difference = next(self._differences(step), None)
        except Exception as error:  # a session that is fed what it cannot have met may fail in any way
            difference = ("the session failed", "an answer", f"{type(error).__name__}: {error}")
        if difference is not None:
            name = step.name.rpartition(".")[2]
            report.difference = Difference(report.happenings, moments.since_start_ms, name, *difference)

    def _differences(self, step: Step) -> Iterator[tuple[str, str, str]]:
        result = self._do(step)
        self._count(step)
        if result != step.result:
            yield "the answer is another", answer_name(step, step.result), answer_name(step, result)
        if step.sent is not None:
            yield from _frame_differences(step.sent, self._frame())
        self._state |= step.state or {}
        for name, value in zip(self._subject.codec.state, self._subject.view.state(), strict=True):
            if int(value) != self._state.get(name):
                yield f"{name} is another", str(self._state.get(name)), str(int(value))

    def _do(self, step: Step) -> int:
        view, session, now = self._subject.view, self._subject.session, self._moments.now
        self._inputs |= step.inputs
        for name, value in self._inputs.items():  # all of them: the session itself resets some in between
            view.put(name, value)
        if step.name in WRITES_RECORDS:
            _write_records(session.out.buffer, session.out.at, step.records)
        kinds = HAPPENINGS[step.name]
        arguments = [now if kind == TIME else value for kind, value in zip(kinds, step.arguments, strict=True)]
        if step.name == RECEIVE:
            payload = arguments[5]
            assert isinstance(payload, bytes)
            arguments[6:6] = [0, len(payload)]
        return int(view.method(step.name)(*arguments) or 0)

    def _count(self, step: Step) -> None:
        report = self.report
        if step.name == RECEIVE:
            flags, payload = step.arguments[1], step.arguments[5]
            assert isinstance(flags, int)
            assert isinstance(payload, bytes)
            report.frames_in += 1
            report.bytes_in += wire_bytes(flags, payload)
        elif step.sent is not None:
            report.frames_out += 1
            report.bytes_out += wire_bytes(step.sent.flags, step.sent.payload)

    def _frame(self) -> Frame:
        out = self._subject.session.out
        payload = bytes(out.buffer[HEADER_BYTES : HEADER_BYTES + out.count])
        return Frame(out.kind, out.flags, out.channel, out.seq, out.ack, payload)


def _check(step: Step) -> None:
    """What would make a session take memory without bounds."""
    if step.name == "session.pack_large":
        size = step.arguments[0]
        assert isinstance(size, int)
        if size > LARGEST_RECORD_BYTES:
            raise damaged("a record of the capture file asks for an event of that size", size)


def _write_records(buffer: bytearray, at: int, records: bytes) -> None:
    if at + len(records) > len(buffer):
        raise damaged("a record of the capture file has more bytes than the frame has room", len(records))
    buffer[at : at + len(records)] = records


def _frame_differences(expected: Frame, came: Frame) -> Iterator[tuple[str, str, str]]:
    if expected == came:
        return
    for name in ("kind", "flags", "channel", "seq", "ack"):
        old, new = getattr(expected, name), getattr(came, name)
        if old != new:
            shown = TYPE_NAMES if name == "kind" else {}
            what = "type" if name == "kind" else name
            yield f"{what} of the frame is another", str(shown.get(old, old)), str(shown.get(new, new))
    kind = TYPE_NAMES.get(expected.kind, str(expected.kind))
    old_bytes, new_bytes = expected.payload, came.payload
    pairs = enumerate(zip(old_bytes, new_bytes, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(old_bytes), len(new_bytes)))
    yield f"the payload of {kind} differs from byte {at} on", _some(old_bytes, at), _some(new_bytes, at)


def _some(payload: bytes, at: int) -> str:
    part = payload[at : at + _SHOWN_BYTES]
    more = "..." if at + _SHOWN_BYTES < len(payload) else ""
    return f"{part.hex(' ') or 'its end'}{more} of {len(payload)} bytes"


_COMMANDS = {
    getattr(codes, name): name
    for name in (
        "NOTHING", "OPEN", "DROP", "SEND", "PACK_CRITICAL", "PACK_LOSSY", "TURN", "PROBE", "LETTER", "RECODE",
        "TOO_LARGE",
    )
}  # fmt: skip
_RESULTS = {
    getattr(codes, name): name
    for name in (
        "QUIET", "DELIVERED", "DELIVERED_AFTER_HOLE", "MISSING", "ANSWERED", "CONNECTED", "ENDED", "EVENTS_REFUSED",
        "BROKEN",
    )
}  # fmt: skip
_COMMANDING = (*MAY_SEND, "session.pack_large", "session.recoded")


def answer_name(step: Step, result: int) -> str:
    """A result in the words of session/device/codes.py."""
    names = _RESULTS if step.name == RECEIVE else _COMMANDS if step.name in _COMMANDING else {}
    return names.get(result, str(result))
