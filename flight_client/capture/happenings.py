"""Everything that enters a session, and what of its state is compared after each step.

A session has no clock, no chance and no I/O: its driver calls the methods of HAPPENINGS and sets the fields of INPUTS. So
whoever knows these knows all that the session will do. tests/capture/test_complete.py holds this list to the session.

A happening is written as: its number in the list of the header, the milliseconds since the one before, the inputs that
changed, its arguments, then what came of it: the result, a frame that goes out, the changes of state.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from flight_client.capture.fields import FieldReader, damaged, put_bytes, put_number, put_signed
from flight_client.session.common.clock import MASK
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession

TIME = "time"  # the session's clock, as every argument `now`
NUMBER = "number"
SIGNED = "signed"
BYTES = "bytes"
MASKED = "masked"  # bytes: a token

# The methods, and what their arguments are. Those that only ask are here too: what they answer is compared, and the session
# may remember that it was asked. What a session does not have is left out.
# `inbox.receive` has its payload instead of a buffer and two bounds.
HAPPENINGS: dict[str, tuple[str, ...]] = {
    "session.start": (TIME,),
    "session.opened": (TIME,),
    "session.failed": (TIME, NUMBER),
    "session.turn_done": (TIME,),
    "session.forged": (TIME, NUMBER),
    "session.restore": (BYTES, NUMBER, NUMBER),
    "session.adapt": (),
    "session.pause": (TIME,),
    "session.go_on": (TIME,),
    "session.recover": (SIGNED,),
    "session.policy.use": (NUMBER,),
    "session.probed": (NUMBER, TIME),
    "session.close": (TIME,),
    "session.poll": (TIME, NUMBER),
    "session.poll_soon": (),
    "session.wake_in_ms": (TIME,),
    "session.sender.urgent": (TIME,),
    "session.packed": (NUMBER, NUMBER, NUMBER, TIME, NUMBER),
    "session.pack_large": (NUMBER,),
    "session.recoded": (NUMBER,),
    "session.sender.limit_link": (NUMBER,),
    "session.sender.limit_pace": (NUMBER,),
    "session.batching.memory": (SIGNED,),
    "session.batching.limit_queue": (NUMBER,),
    "session.renewal.supply": (MASKED,),
    "session.renewal.none": (TIME,),
    "session.channels.add": (BYTES, NUMBER, NUMBER, NUMBER, NUMBER),
    "session.channels.leave": (NUMBER,),
    "inbox.receive": (NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, BYTES, TIME, NUMBER),
}
WRITES_RECORDS = ("session.packed", "session.recoded")  # before these the driver has written into the frame
MAY_SEND = ("session.poll", "session.packed")  # these answer SEND: a frame goes out
RECEIVE = "inbox.receive"

# What the driver sets. Some the session sets too; what stands in a recording is what was there when it mattered.
INPUTS: dict[str, str] = {
    "session.waiting_critical": NUMBER,
    "session.waiting_lossy": NUMBER,
    "session.critical_priority": NUMBER,
    "session.lossy_priority": NUMBER,
    "session.nonce": BYTES,
    "session.identity.token": MASKED,
    "session.identity.incarnation": BYTES,
    "session.out.expires_ms": NUMBER,
    "session.out.retries": NUMBER,
    "session.out.retry_ms": NUMBER,
    "session.fatal_codes": BYTES,
    "session.sender.flushing": NUMBER,
    "session.renewal.renewable": NUMBER,
    "session.agreement.reads": NUMBER,
    "session.agreement.sends": NUMBER,
    "session.agreement.lanes": NUMBER,
    "session.agreement.auth": NUMBER,
    "session.agreement.unpacked_bytes": NUMBER,
    "session.agreement.window_bytes": NUMBER,
}

# Compared after every step, by their names.
STATE: tuple[str, ...] = (
    "session.state",
    "session.reason",
    "session.generation",
    "session.known",
    "session.resumed",
    "session.next_counter",
    "session.channels.unopened",
    "session.store.base",
    "session.store.used",
    "session.store.cursor",
    "session.store.sent",
    "session.store.bytes_out",
    "session.store.events_held",
    "session.store.letter_slot",
    "session.store.letter_cause",
    "session.store.letter_sent",
    "session.receipts.next_in",
    "session.receipts.unacked",
    "session.receipts.resend_wanted",
    "session.policy.index",
    "session.policy.switches",
    "session.policy.spread_ms",
    "session.policy.probing",
    "session.agreement.up",
    "session.agreement.down",
    "session.out.frame_room",
    "session.sender.heartbeat_ms",
    "session.tally.critical_acked",
    "session.tally.refused",
    "session.tally.expired",
    "session.tally.too_large",
    "session.tally.lossy_settled",
    "session.tally.link_dropped",
    "session.tally.unconfirmed",
    "session.tally.lossy_handed",
    "session.tally.lossy_confirmed",
    "session.tally.delivered_entries",
    "session.tally.duplicates",
    "session.tally.resent_frames",
    "session.tally.connections",
    "inbox.event_channel",
    "inbox.gap_reason",
    "inbox.refused_code",
)


@dataclass(slots=True)
class Frame:
    """One frame as the session sees it: without its check, its CRC and its tag, which follow from the rest."""

    kind: int
    flags: int
    channel: int
    seq: int
    ack: int
    payload: bytes


@dataclass(slots=True)
class Step:
    """One happening and what came of it."""

    name: str
    wait_ms: int  # since the step before; wraps as the clock does
    inputs: dict[str, int | bytes]  # those that changed
    arguments: list[int | bytes]  # TIME stands as 0: it is the moment of the step
    records: bytes = b""  # what the driver had written into the frame
    result: int = 0
    sent: Frame | None = None
    state: dict[str, int] | None = None  # what changed


class View:
    """The values of one session under the names of this module."""

    def __init__(self, session: DeviceSession, inbox: Inbox, inputs: list[str], state: list[str]) -> None:
        """Raises AttributeError for a name that this session does not have."""
        self._root = SimpleNamespace(session=session, inbox=inbox)
        self._owners = {name: attrgetter(name.rpartition(".")[0])(self._root) for name in inputs}
        self._inputs = attrgetter(*inputs)
        self._state = attrgetter(*state)
        self.inputs()
        self.state()

    def inputs(self) -> tuple[Any, ...]:
        """The values of the inputs, in the order of their names."""
        values = self._inputs(self._root)
        return tuple(bytes(value) if isinstance(value, bytearray | tuple) else value for value in values)

    def state(self) -> tuple[int, ...]:
        """The values of the state, in the order of their names."""
        values: tuple[int, ...] = self._state(self._root)
        return values

    def put(self, name: str, value: int | bytes) -> None:
        """Set an input."""
        owner, last = self._owners[name], name.rpartition(".")[2]
        old = getattr(owner, last)
        if isinstance(old, bytearray):
            assert isinstance(value, bytes)  # INPUTS says so
            old[:] = value
        else:
            setattr(owner, last, tuple(value) if isinstance(old, tuple) and isinstance(value, bytes) else value)

    def method(self, name: str) -> Any:
        """The method of a happening."""
        return attrgetter(name)(self._root)

    def wrap(self, name: str, method: Any) -> None:
        """Put another method in the place of one; for this session only."""
        path, _, last = name.rpartition(".")
        setattr(attrgetter(path)(self._root), last, method)


def present(session: DeviceSession, inbox: Inbox, names: Any) -> list[str]:
    """Those of the names that this session has: a part that is not there says nothing."""
    root = SimpleNamespace(session=session, inbox=inbox)
    found = []
    for name in names:
        try:
            attrgetter(name)(root)
        except AttributeError:
            continue
        found.append(name)
    return found


class Codec:
    """Steps as bytes, with the names that the header of a file has."""

    def __init__(self, happenings: list[str], inputs: list[str], state: list[str]) -> None:
        self.happenings = happenings
        self.inputs = inputs
        self.state = state
        self._number = {name: number for number, name in enumerate(happenings)}
        self._input_number = {name: number for number, name in enumerate(inputs)}
        self._state_number = {name: number for number, name in enumerate(state)}

    def write(self, step: Step) -> bytearray:
        """The body of a record."""
        out = bytearray((self._number[step.name],))
        put_number(out, step.wait_ms)
        put_number(out, sum(1 << self._input_number[name] for name in step.inputs))
        for name, value in step.inputs.items():
            _put(out, INPUTS[name], value)
        for kind, value in zip(HAPPENINGS[step.name], step.arguments, strict=True):
            _put(out, kind, value)
        if step.name in WRITES_RECORDS:
            put_bytes(out, step.records)
        put_signed(out, step.result)
        if step.name in MAY_SEND:
            _put_frame(out, step.sent)
        changes = step.state or {}
        put_number(out, sum(1 << self._state_number[name] for name in changes))
        for state_value in changes.values():
            put_signed(out, state_value)
        return out

    def read(self, body: bytes) -> Step:
        """A step from the body of a record. Raises DamagedError."""
        if body[0] >= len(self.happenings):
            raise damaged("a record of the capture file has a number that its header does not name", body[0])
        name = self.happenings[body[0]]
        reader = FieldReader(body, 1)
        wait_ms = reader.number() & MASK
        inputs = {key: _get(reader, INPUTS[key]) for key in _masked(reader.number(), self.inputs)}
        step = Step(name, wait_ms, inputs, [_get(reader, kind) for kind in HAPPENINGS[name]])
        if name in WRITES_RECORDS:
            step.records = reader.bytes()
        step.result = reader.signed()
        if name in MAY_SEND:
            step.sent = _get_frame(reader)
        step.state = {key: reader.signed() for key in _masked(reader.number(), self.state)}
        if reader.left:
            raise damaged("a record of the capture file is longer than what it says", reader.left)
        return step


def _masked(mask: int, names: list[str]) -> list[str]:
    if mask >> len(names):
        raise damaged("a record of the capture file names what its header does not", mask)
    return [name for number, name in enumerate(names) if mask >> number & 1]


def _put(out: bytearray, kind: str, value: int | bytes) -> None:
    if isinstance(value, int):
        if kind == SIGNED:
            put_signed(out, value)
        elif kind != TIME:  # the moment of the step says it
            put_number(out, value)
    else:
        put_bytes(out, value)


def _get(reader: FieldReader, kind: str) -> int | bytes:
    if kind == TIME:
        return 0
    if kind == SIGNED:
        return reader.signed()
    return reader.number() if kind == NUMBER else reader.bytes()


def _put_frame(out: bytearray, frame: Frame | None) -> None:
    if frame is None:
        out.append(0)
        return
    out.append(1)
    for value in (frame.kind, frame.flags, frame.channel, frame.seq, frame.ack):
        put_number(out, value)
    put_bytes(out, frame.payload)


def _get_frame(reader: FieldReader) -> Frame | None:
    if not reader.number():
        return None
    kind, flags, channel, seq, ack = (reader.number() for _ in range(5))
    return Frame(kind, flags, channel, seq, ack, reader.bytes())
