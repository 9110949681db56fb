"""The rules of the session as steps between states. docs/protocol.md says them in words.

Two directions: events of the device to the store, entries of a channel to the device. Faults: the transport is switched
(what was on the old one is lost, or arrives late), a frame is
lost or comes twice, the device reboots, the gateway crashes with or without its log,
history is trimmed, the token expires. A rule can be left out (`without`): then the search must find what goes wrong.
"""

from collections.abc import Iterator

from .state import ATTACHING, AWAY, GREETING, READY, Carrier, Frame, State

RULES = {
    "generation check": "frames of an older transport are not taken",
    "ack after store": "the gateway acknowledges what is stored, not what has arrived",
    "next number only": "the gateway takes only the next expected number",
    "mark": "the store knows which counters it has, and WELCOME says it",
    "duplicate at device": "the device takes only the next expected number",
    "rewind at resume": "after ATTACH both sides send again what is not acknowledged",
    "fenced writer": "an older transport takes nothing of what waits for the device",
    "new numbers": "a new session begins with number 1",
    "new incarnation": "counters that begin again are those of a new incarnation",
    "epoch check": "an offset of another log means nothing: a GAP is told and everything offered",
    "offset advanced": "the position moves with every entry",
    "trim is told": "entries that were trimmed are a GAP",
    "token expiry": "after the token's end nothing is delivered",
    "device number check": "RESUMED says what is stored; the device lets go of that and no more",
}


class Violation(Exception):  # noqa: N818 - it is what the search looks for
    """An invariant does not hold."""


class Bounds:
    """How large the search is."""

    def __init__(self, events: int = 2, entries: int = 2, faults: int = 2, window: int = 2, queue: int = 2) -> None:
        self.events = events
        self.entries = entries
        self.faults = faults
        self.window = window
        self.queue = queue

    def __str__(self) -> str:
        return f"{self.events} events, {self.entries} entries, {self.faults} faults"


class Model:
    """Steps from a state, with one rule left out or none."""

    def __init__(self, bounds: Bounds, without: str = "") -> None:
        assert without == "" or without in RULES
        self.bounds = bounds
        self._without = without

    def _has(self, rule: str) -> bool:
        return rule != self._without

    def start(self) -> State:
        return State()

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        """Everything that happens by itself."""
        yield from self._device(s)
        yield from self._gateway(s)
        for at, carrier in enumerate(s.carriers):
            if carrier.up:
                rest = _with(s, at, carrier._replace(up=carrier.up[1:]))
                yield f"gateway reads {carrier.up[0]} of #{carrier.number}", self._arrives(rest, carrier, carrier.up[0])
            if carrier.down and carrier.held_by_device:
                rest = _with(s, at, carrier._replace(down=carrier.down[1:]))
                yield f"device reads {carrier.down[0]}", self._hears(rest, carrier.down[0])

    def faults(self, s: State) -> Iterator[tuple[str, State]]:
        """What may go wrong, while the budget lasts."""
        if s.faults >= self.bounds.faults:
            return
        s = s._replace(faults=s.faults + 1)
        if s.phase != AWAY:
            late = tuple(c._replace(held_by_device=False, down=()) for c in s.carriers if c.up)
            gone = tuple(c for c in s.carriers if not c.held_by_device)
            yield "SWITCH, what was sent is lost", s._replace(phase=AWAY, carriers=gone)
            if any(c.held_by_device and c.up for c in s.carriers):
                yield "SWITCH, what was sent arrives late", s._replace(phase=AWAY, carriers=late)
        for at, carrier in enumerate(s.carriers):
            if carrier.up and carrier.up[0][0] == "DATA":
                yield f"LOSS of {carrier.up[0]}", _with(s, at, carrier._replace(up=carrier.up[1:]))
            if carrier.up and carrier.up[0][0] in ("HELLO", "ATTACH"):  # on polling that is a request of its own
                copy = Carrier(s.numbers + 1, carrier.up[:1], (), held_by_device=False)
                yield f"REPEAT of {carrier.up[0]}", s._replace(numbers=s.numbers + 1, carriers=(copy, *s.carriers))
            elif carrier.up and len(carrier.up) < self.bounds.queue:
                yield f"REPEAT of {carrier.up[0]}", _with(s, at, carrier._replace(up=(carrier.up[0], *carrier.up)))
            if carrier.down and len(carrier.down) < self.bounds.queue:
                twice = (carrier.down[0], *carrier.down)
                yield f"REPEAT of {carrier.down[0]}", _with(s, at, carrier._replace(down=twice))
        if s.life < 2:
            yield "REBOOT of the device", self._reboot(s)
        yield "CRASH of the gateway", self._crash(s)
        if s.epoch < 2:
            lost = self._crash(s)._replace(
                epoch=s.epoch + 1, stored=(), marks=State().marks, entries=0, first=1, must_be_here=s.base
            )
            yield "CRASH of the gateway, its log is lost", lost
        if s.entries >= s.first:
            yield "TRIM of the oldest entry", s._replace(first=s.first + 1)
        if s.token_ok and s.g_session:
            yield "EXPIRY of the token", s._replace(token_ok=False)

    # The device

    def _device(self, s: State) -> Iterator[tuple[str, State]]:
        if s.made < self.bounds.events:
            yield "application emits", s._replace(made=s.made + 1)
        if s.phase == AWAY:
            yield "device connects", self._connect(s)
        at = next((at for at, c in enumerate(s.carriers) if c.held_by_device), -1)
        if at < 0 or s.phase != READY or len(s.carriers[at].up) >= self.bounds.queue:
            return
        carrier = s.carriers[at]
        if s.cursor < min(s.made - s.base, self.bounds.window):
            event = s.base + s.cursor
            frame = ("DATA", s.base_seq + s.cursor, s.first_counter + event, s.life, event, s.next_in)
            yield f"device sends {frame}", _push_up(s._replace(cursor=s.cursor + 1), at, frame)
        silent = s.cursor and not s.pending and not carrier.up and not carrier.down and s.g_acked <= s.base_seq
        if silent and s.waits < s.faults:  # once for each loss: for ever would hide that it never helps
            yield "device has waited for an acknowledgement too long", s._replace(cursor=0, waits=s.waits + 1)
        if s.held_base < s.next_in and not any(_ack_of(f) == s.next_in for f in carrier.up):
            yield f"device acknowledges {s.next_in}", _push_up(s, at, ("ACK", s.next_in))
        if not s.token_ok and not any(f[0] == "TOKEN" for f in carrier.up):
            yield "device refreshes its token", _push_up(s, at, ("TOKEN",))

    def _connect(self, s: State) -> State:
        s = s._replace(numbers=s.numbers + 1)
        if s.session:
            generation = s.generation + 1
            frame: Frame = ("ATTACH", s.session, generation, s.next_in)
            s = s._replace(generation=generation, phase=ATTACHING)
        else:
            frame = self._hello(s)
            s = s._replace(phase=GREETING)
        return s._replace(carriers=(*s.carriers[-1:], Carrier(s.numbers, (frame,))))

    @staticmethod
    def _hello(s: State) -> Frame:
        return ("HELLO", s.incarnation, s.position)

    def _hears(self, s: State, frame: Frame) -> State:
        kind = frame[0]
        if kind == "CLOSE":
            return s._replace(phase=AWAY, carriers=tuple(c for c in s.carriers if not c.held_by_device))
        if s.phase == GREETING and kind == "WELCOME":
            return self._welcomed(s, frame)
        if s.phase == ATTACHING and kind == "RESUMED":
            return self._resumed(s, frame)
        if s.phase == ATTACHING and kind == "RESET":
            at = next(at for at, c in enumerate(s.carriers) if c.held_by_device)
            return _push_up(s._replace(session=0, phase=GREETING), at, self._hello(s))
        if s.phase != READY:
            return s
        if kind == "DELIVER" or kind == "GAP":
            s = self._takes(s, frame)
        return self._lets_go(s, _ack_of(frame))

    def _welcomed(self, s: State, frame: Frame) -> State:
        _, session, incarnation, mark = frame
        assert isinstance(session, int)
        assert isinstance(incarnation, int)
        assert isinstance(mark, int)
        s = s._replace(session=session, generation=0, phase=READY, next_in=1, cursor=0)
        if self._has("new numbers"):
            s = s._replace(base_seq=1)
        if s.incarnation != incarnation:
            s = s._replace(incarnation=incarnation, first_counter=mark + 1 - s.base)
        stored = mark - s.first_counter + 1  # of the events of this life
        return s._replace(base=max(s.base, min(stored, s.made)))

    def _resumed(self, s: State, frame: Frame) -> State:
        expected = frame[1]
        assert isinstance(expected, int)
        s = s._replace(phase=READY)
        if not self._has("device number check"):
            expected += 1
        s = self._lets_go(s, min(expected, s.base_seq + s.made - s.base))
        return s._replace(cursor=0) if self._has("rewind at resume") else s

    @staticmethod
    def _lets_go(s: State, ack: int) -> State:
        freed = ack - s.base_seq
        if freed <= 0:
            return s
        return s._replace(base=s.base + freed, base_seq=ack, cursor=max(0, s.cursor - freed))

    def _takes(self, s: State, frame: Frame) -> State:
        kind, seq, epoch, after, to, _ack = frame
        assert isinstance(seq, int)
        assert isinstance(epoch, int)
        assert isinstance(after, int)
        assert isinstance(to, int)
        if self._has("duplicate at device"):
            if seq != s.next_in:
                return s
            s = s._replace(next_in=seq + 1)
        else:
            s = s._replace(next_in=max(s.next_in, seq + 1))
        if kind == "GAP":
            return s._replace(app=(epoch, to), position=(epoch, to))
        known = s.app if s.app[0] else (epoch, after)
        if known[0] != epoch or to <= known[1]:
            raise Violation(f"entry {to} of log {epoch} was handed out behind {known}: doubled")
        if after != known[1]:
            raise Violation(f"entry {to} of log {epoch} was handed out behind {known}: something is missing in silence")
        s = s._replace(app=(epoch, to))
        return s._replace(position=(epoch, to)) if self._has("offset advanced") else s

    def _reboot(self, s: State) -> State:
        """The program starts anew; its queue and its place in the stream are gone, as the docs say."""
        gone = tuple(c._replace(held_by_device=False, down=()) for c in s.carriers if c.up)[-1:]
        again = State()
        incarnation = again.incarnation if self._has("new incarnation") else s.incarnation
        return s._replace(
            life=s.life + 1, incarnation=incarnation, session=0, generation=0, phase=AWAY, made=0, base=0, base_seq=1,
            cursor=0, first_counter=1, next_in=1, position=(0, 0), app=(0, 0), carriers=gone, must_be_here=0,
        )  # fmt: skip

    # The gateway

    def _crash(self, s: State) -> State:
        new = State()
        phase = AWAY
        return s._replace(
            g_session=0, g_generation=0, g_carrier=0, g_incarnation=0, g_next=1, g_acked=1, pending=(), held=(),
            held_base=1, g_cursor=0, follows=0, gap_first=False, token_ok=True, carriers=new.carriers, phase=phase,
        )  # fmt: skip

    def _gateway(self, s: State) -> Iterator[tuple[str, State]]:
        if s.entries < self.bounds.entries:
            yield "another tool publishes", s._replace(entries=s.entries + 1)
        if s.pending:
            yield "the store is done with a frame", self._stores(s)
        if s.g_session and len(s.held) < self.bounds.window:
            yield from self._pulls(s)
        at = next((at for at, c in enumerate(s.carriers) if c.number == s.g_carrier), -1)
        if at < 0 or len(s.carriers[at].down) >= self.bounds.queue:
            return
        if s.g_cursor < len(s.held) and (s.token_ok or not self._has("token expiry")):
            if not s.token_ok:
                raise Violation("an entry was delivered after the token's end")
            frame = (*s.held[s.g_cursor], s.g_acked)
            yield f"gateway sends {frame}", _push_down(s._replace(g_cursor=s.g_cursor + 1), at, frame)
        elif s.base_seq < s.g_acked and not any(_ack_of(f) == s.g_acked for f in s.carriers[at].down):
            yield f"gateway acknowledges {s.g_acked}", _push_down(s, at, ("ACK", s.g_acked))

    def _pulls(self, s: State) -> Iterator[tuple[str, State]]:
        seq = s.held_base + len(s.held)
        if s.gap_first:
            gap = ("GAP", seq, s.epoch, 0, s.first - 1)
            yield "gateway tells of the new log", s._replace(held=(*s.held, gap), gap_first=False, follows=s.first - 1)
        elif s.follows < s.first - 1:
            to = s.first - 1
            if self._has("trim is told"):
                trim = ("GAP", seq, s.epoch, s.follows, to)
                yield "gateway tells of trimmed entries", s._replace(held=(*s.held, trim), follows=to)
            else:
                yield "gateway skips trimmed entries", s._replace(follows=to)
        elif s.follows < s.entries:
            entry = ("DELIVER", seq, s.epoch, s.follows, s.follows + 1)
            yield "gateway takes an entry", s._replace(held=(*s.held, entry), follows=s.follows + 1)

    def _stores(self, s: State) -> State:
        seq, counter, life, event = s.pending[0]
        s = s._replace(pending=s.pending[1:])
        mark = s.marks[s.g_incarnation]
        if counter > mark or not self._has("mark"):
            if (life, event) in s.stored:
                raise Violation(f"event {event} of life {life} was stored twice")
            marks = list(s.marks)
            marks[s.g_incarnation] = max(mark, counter)
            s = s._replace(stored=(*s.stored, (life, event)), marks=tuple(marks))
        return s._replace(g_acked=max(s.g_acked, seq + 1))

    def _arrives(self, s: State, carrier: Carrier, frame: Frame) -> State:
        kind = frame[0]
        if kind == "HELLO":
            return self._greets(s, carrier, frame)
        if kind == "ATTACH":
            return self._attaches(s, carrier, frame)
        if carrier.number != s.g_carrier:
            if self._has("generation check"):
                return s
            if kind == "DATA":
                raise Violation(f"{frame} of transport #{carrier.number} was taken, the session is on #{s.g_carrier}")
        if kind == "TOKEN":
            return s._replace(token_ok=True)
        s = self._device_has(s, _ack_of(frame))
        if kind != "DATA":
            return s
        _, seq, counter, life, event, _ack = frame
        assert isinstance(seq, int)
        assert isinstance(counter, int)
        assert isinstance(life, int)
        assert isinstance(event, int)
        if seq != s.g_next and self._has("next number only"):
            return s
        s = s._replace(g_next=seq + 1, pending=(*s.pending, (seq, counter, life, event)))
        return s if self._has("ack after store") else s._replace(g_acked=seq + 1)

    def _greets(self, s: State, carrier: Carrier, frame: Frame) -> State:
        _, incarnation, position = frame
        assert isinstance(incarnation, int)
        assert isinstance(position, tuple)
        incarnations = s.incarnations
        if not incarnation:
            incarnation = incarnations = incarnations + 1
        session = s.sessions + 1
        # A new session ends the older one; what that had not stored is not stored any more: the marks are final.
        epoch, offset = position
        elsewhere = epoch not in (0, s.epoch) or offset > s.entries
        if not self._has("epoch check"):
            elsewhere = False
        s = s._replace(
            sessions=session, incarnations=incarnations, g_session=session, g_generation=0, g_carrier=carrier.number,
            g_incarnation=incarnation, g_next=1, g_acked=1, pending=(), held=(), held_base=1, g_cursor=0,
            follows=0 if elsewhere else offset, gap_first=elsewhere, token_ok=True,
        )  # fmt: skip
        s = _end_others(s, carrier.number)
        return _reply(s, carrier, ("WELCOME", session, incarnation, s.marks[incarnation] if self._has("mark") else 0))

    def _attaches(self, s: State, carrier: Carrier, frame: Frame) -> State:
        _, session, generation, expected = frame
        assert isinstance(generation, int)
        assert isinstance(expected, int)
        if session != s.g_session or generation <= s.g_generation:
            return _reply(s, carrier, ("RESET", 0))
        while s.pending:  # what was read from the older transport is stored before RESUMED says a number
            s = self._stores(s)
        s = self._device_has(s, expected)
        cursor = 0 if self._has("rewind at resume") and self._has("fenced writer") else len(s.held)
        s = s._replace(g_generation=generation, g_carrier=carrier.number, g_cursor=cursor)
        return _reply(_end_others(s, carrier.number), carrier, ("RESUMED", s.g_acked))

    @staticmethod
    def _device_has(s: State, ack: int) -> State:
        freed = ack - s.held_base
        if freed <= 0 or freed > len(s.held):
            return s
        return s._replace(held=s.held[freed:], held_base=ack, g_cursor=max(0, s.g_cursor - freed))

    # What must hold

    def check(self, s: State) -> None:
        """In every state."""
        here = [event for life, event in s.stored if life == s.life]
        if here != sorted(here):
            raise Violation(f"events {here} of this life were stored out of order")
        for event in range(s.must_be_here, s.base):
            if (s.life, event) not in s.stored:
                raise Violation(f"event {event} was let go by the device and is not stored")

    def check_rest(self, s: State) -> None:
        """Where nothing happens by itself any more: everything has arrived."""
        for event in range(s.must_be_here, s.made):
            if (s.life, event) not in s.stored:
                raise Violation(f"at rest, event {event} is not stored")
        if s.base != s.made:
            raise Violation(f"at rest, events from {s.base} on are not acknowledged")
        if s.app[0] not in (0, s.epoch) or (s.entries and s.app != (s.epoch, s.entries)):
            trimmed = s.first > s.entries and s.app[0] == 0
            if not trimmed:
                raise Violation(f"at rest, the application stands at {s.app} of log {s.epoch} with {s.entries} entries")


def _with(s: State, at: int, carrier: Carrier) -> State:
    if not carrier.held_by_device and not carrier.up:  # an old transport that is empty is no longer of interest
        return s._replace(carriers=(*s.carriers[:at], *s.carriers[at + 1 :]))
    return s._replace(carriers=(*s.carriers[:at], carrier, *s.carriers[at + 1 :]))


def _push_up(s: State, at: int, frame: Frame) -> State:
    carrier = s.carriers[at]
    return _with(s, at, carrier._replace(up=(*carrier.up, frame)))


def _push_down(s: State, at: int, frame: Frame) -> State:
    carrier = s.carriers[at]
    return _with(s, at, carrier._replace(down=(*carrier.down, frame)))


def _end_others(s: State, number: int) -> State:
    """A transport that is not the session's any more is told so."""
    for at, carrier in enumerate(s.carriers):
        if carrier.number != number and carrier.held_by_device:
            s = _push_down(s, at, ("CLOSE",))
    return s


def _reply(s: State, carrier: Carrier, frame: Frame) -> State:
    for at, other in enumerate(s.carriers):
        if other.number == carrier.number and other.held_by_device:
            return _push_down(s, at, frame)
    return s


def _ack_of(frame: Frame) -> int:
    """The acknowledgement that a frame carries: its last field."""
    ack = frame[-1]
    return ack if isinstance(ack, int) and frame[0] in ("DATA", "ACK", "DELIVER", "GAP") else 0
