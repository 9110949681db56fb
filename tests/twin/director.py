"""Makes up what happens to a session: mostly what a driver and a gateway would do, at times what neither may.

The choices come from a source of numbers, so that a seed, or hypothesis, decides. It looks at the reference session for what
would be plausible, and keeps the rules that the driver must keep: it packs only when asked, and no more than there is room.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Protocol

from flight_client.session.device import codes
from flight_client.session.spec import (
    CODE_STORE,
    FLAG_AUTHENTICATED,
    FLAG_MORE,
    FLAGS_BY_AGREEMENT,
    PROFILES,
    STATE_ATTACHING,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_PAUSED,
    STATE_STOPPED,
    STATE_WAITING,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DELIVER,
    TYPE_GAP,
    TYPE_HEARTBEAT,
    TYPE_OPENED,
    TYPE_REFUSED,
    TYPE_RENEWED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_SKIP,
    TYPE_WELCOME,
)
from tests.twin import steps
from tests.twin.steps import Reference

LIMIT = 1 << 30
BY_AGREEMENT = FLAGS_BY_AGREEMENT & 0x4C  # compressed, more, delta
RENEW_AT = LIMIT - 0x10000
CHANNELS = 6


class Source(Protocol):
    """Where the choices come from."""

    def below(self, limit: int) -> int:
        """A number below the limit."""

    def octets(self, count: int) -> bytes:
        """Any bytes."""


def step(kind: int, dt: int, random: int, args: bytes = b"") -> bytes:
    """The bytes of a step."""
    return struct.pack("<BIH", kind, dt, random) + args


class Director:
    """Chooses the steps of one session."""

    def __init__(self, source: Source):
        self.source = source
        self.setup = self.make_setup()
        self.reference = Reference(self.setup)
        self.last = codes.NOTHING  # what the last poll or packed asked for
        self.idle_steps = 0
        self.flaky = source.below(3) == 0  # transports die often; else connections live long
        self.longest_ms = self.pick(900, 4000, 9000)  # that passes between two steps, as a rule
        self.ends = source.below(4) == 0  # the application closes early
        self.worst = source.below(3) > 0  # the best transport works seldom
        self.incarnation = source.octets(8)
        self.epoch = source.octets(8)

    def one_in(self, n: int) -> bool:
        return self.source.below(n) == 0

    def pick(self, *choices: Any) -> Any:
        return choices[self.source.below(len(choices))]

    def make_setup(self) -> bytes:
        source = self.source
        now = self.pick(0, 1000, LIMIT - 5000, source.below(LIMIT))
        known = bytes(8) if self.one_in(2) else source.octets(8)
        transports: tuple[int, ...] = self.pick((), (), (3,), (1,), (2, 3), (1, 2, 3), (1, 2, 3, 4, 5))
        head = struct.pack("<BI8s", source.below(len(PROFILES)), now, known)
        flags = self.pick(0, BY_AGREEMENT, source.below(256) & BY_AGREEMENT)
        wishes = struct.pack("<BBBI", flags, self.pick(0, flags), 3, self.pick(0, 2000, 65536))
        ways = bytes((self.pick(0, 0, 1), source.below(4)))
        return head + bytes((source.below(2), CHANNELS, len(transports))) + wishes + ways + bytes(transports)

    def over(self) -> bool:
        """Whether nothing more will come of this session."""
        if self.reference.session.state in (STATE_CLOSED, STATE_STOPPED):
            self.idle_steps += 1
        return self.idle_steps > 3

    def dt(self) -> int:
        if not self.flaky and not self.one_in(12):
            return self.source.below(self.pick(5, 60, 900, self.longest_ms))
        kind = self.source.below(64)
        if kind < 40:
            return self.source.below(4) * self.source.below(40)
        if kind < 55:
            return self.source.below(1500)
        if kind < 62:
            return self.source.below(13000)
        if kind < 63:
            return self.source.below(130000)
        return int(self.pick(600000, 1 << 20, self.source.below(1 << 29), self.source.below(1 << 29)))

    def next(self) -> bytes:
        """The next step."""
        session = self.reference.session
        random = self.source.below(65536)
        if self.last == codes.RECODE:
            count = session.out.count
            return step(steps.RECODED, 0, random, struct.pack("<I", self.pick(0, count, self.source.below(count + 1))))
        if self.last in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
            if session.out.buffer is not session.out.large and self.one_in(6):
                large = self.pick(1500, 5000, self.source.below(20000), self.source.below(60000))
                return step(steps.PACK_LARGE, 0, random, struct.pack("<I", large))
            return step(steps.PACKED, 0, random, self.packing())
        if self.last in (codes.SEND, codes.DROP) and not self.one_in(12):
            return step(steps.POLL, 0, random)
        if self.last == codes.TURN and not self.one_in(6):
            return step(steps.TURN_DONE, self.pick(0, 0, self.source.below(300)), random)
        if self.last == codes.OPEN and not self.one_in(6):
            return self.opening(random)
        if self.last == codes.REFRESH and not self.one_in(4):
            return step(steps.TOKEN, self.source.below(500), random, bytes((self.source.below(4),)))
        if self.last == codes.PROBE and not self.one_in(4):
            return step(steps.PROBED, self.source.below(500), random, bytes((self.source.below(2),)))
        if self.one_in(40):
            return self.odd(random)
        if session.policy.probing and self.one_in(5):
            return step(steps.PROBED, self.source.below(500), random, bytes((self.source.below(2),)))
        if session.state in (STATE_CLOSED, STATE_STOPPED):
            return self.late(random)
        if self.one_in(3):
            return step(steps.POLL, self.dt() if self.one_in(2) else 0, random)
        if self.one_in(60):
            return self.application(random)
        by_state: dict[int, Callable[[int], bytes]] = {
            STATE_IDLE: self.idle,
            STATE_WAITING: self.waiting,
            STATE_OPENING: self.opening,
            STATE_GREETING: self.greeting,
            STATE_ATTACHING: self.attaching,
            STATE_CLOSING: self.closing,
            STATE_PAUSED: self.paused,
        }
        return by_state.get(session.state, self.ready)(random)

    def take(self, made: bytes) -> int:
        """Let the reference take a step and remember what it asked for."""
        answer = self.reference.step(made)
        if made[0] in (steps.POLL, steps.PACKED, steps.PACK_LARGE):
            self.last = answer
        else:
            self.last = codes.NOTHING
        return answer

    # One state each

    def idle(self, random: int) -> bytes:
        if self.one_in(2):
            return self.channel(random)
        if self.one_in(30):
            return step(steps.CLOSE, 0, random)
        if self.one_in(20):
            return step(
                steps.RESTORE,
                0,
                random,
                self.incarnation + struct.pack("<II", self.source.below(50), self.source.below(LIMIT)),
            )
        return step(steps.START, self.dt(), random)

    def waiting(self, random: int) -> bytes:
        if self.one_in(200):
            return step(steps.CLOSE, self.dt(), random)
        if self.one_in(5):
            return self.rings(random)
        if self.one_in(4):
            return step(steps.RECOVER, self.source.below(100), random, bytes((self.source.below(3),)))
        return step(steps.POLL, self.source.below(12000), random)

    def opening(self, random: int) -> bytes:
        if self.one_in(150):
            return step(steps.CLOSE, self.dt(), random)
        policy = self.reference.session.policy
        seldom = self.worst and policy.index == 0 and len(policy.transports) > 1 and not self.one_in(5)
        if seldom or self.one_in(6):
            return step(steps.FAILED, self.source.below(300), random)
        if self.one_in(12):
            return step(steps.POLL, self.source.below(40000), random)
        return step(steps.OPENED, self.source.below(300), random, self.source.octets(8))

    def greeting(self, random: int) -> bytes:
        if self.one_in(4):
            return self.trouble(random)
        return self.receive(TYPE_WELCOME, 0, 0, 0, self.welcome(), random)

    def attaching(self, random: int) -> bytes:
        if self.one_in(4):
            return self.trouble(random)
        session = self.reference.session
        store = session.store
        generation = session.generation + (self.one_in(15) and self.source.below(3))
        expected = self.near(store.base + self.source.below(store.sent + 1))
        lossy = self.lossy_count() if not self.one_in(25) else 0xFFFFFFFF
        payload = struct.pack("<4I", generation, expected, lossy, self.spread())
        return self.receive(TYPE_RESUMED, 0, 0, 0, self.damaged(payload), random)

    def trouble(self, random: int) -> bytes:
        kind = self.source.below(12)
        if kind < 3:
            return step(steps.FAILED, self.dt(), random)
        if kind == 3:
            return step(steps.CLOSE, self.dt(), random) if self.one_in(3) else step(steps.POLL, self.dt(), random)
        if kind < 6:
            return step(steps.POLL, self.source.below(40000), random)
        if kind == 6 and self.one_in(2):
            return self.receive(TYPE_RESUMED, 0, 0, 0, self.source.octets(16), random)
        if kind < 11:
            return self.receive(self.pick(TYPE_RESET, TYPE_CLOSE), 0, 0, 0, self.ending(), random)
        return self.frame(random)

    def ready(self, random: int) -> bytes:
        kind = self.source.below(100)
        if kind < 25:
            return self.rings(random)
        if kind < 70:
            return self.frame(random)
        if kind < 76:
            return self.channel(random)
        if kind < (80 if self.flaky else 77):
            return step(steps.FAILED, self.dt(), random)
        if kind == 80 or (kind == 82 and self.one_in(2)):
            return self.trouble(random)
        if kind == 81 or (self.ends and 82 < kind < 86):
            close = self.ends or self.one_in(8)
            return step(steps.CLOSE, self.dt(), random) if close else step(steps.SOON, 0, random)
        if kind < 84:
            return step(steps.SOON, self.dt(), random)
        if kind == 84 and self.one_in(4):
            return self.poke(random)
        if kind < 92:
            return step(steps.TURN_DONE, self.dt(), random)
        return step(steps.POLL, self.dt(), random)

    def paused(self, random: int) -> bytes:
        """Mostly it goes on."""
        if self.one_in(60):
            return step(steps.CLOSE, self.dt(), random)
        kind = self.pick(steps.POLL, steps.GO_ON, steps.GO_ON, steps.FAILED, steps.START, steps.PAUSE, steps.TURN_DONE)
        return step(kind, self.dt(), random)

    def application(self, random: int) -> bytes:
        """What the application wants of the connection, or a driver says of the machine."""
        if self.one_in(2):
            return step(self.pick(steps.PAUSE, steps.PAUSE, steps.GO_ON), self.dt(), random)
        if self.one_in(8):
            return step(steps.RECOVER, self.dt(), random, bytes((self.source.below(3),)))
        if self.one_in(8):
            return step(steps.TOKEN, self.dt(), random, bytes((self.source.below(4),)))
        value = (
            self.pick(0, 1, 3600, 1 + self.source.below(20000), 600000),
            self.pick(0, 1, 20, 1 + self.source.below(200), 600000),
            self.pick(0xFFFFFFFF, self.source.below(10001), self.source.below(1000)),
            self.source.below(2000),
            self.source.below(3),
        )
        what = self.source.below(5)
        return step(steps.POKE, self.dt(), random, struct.pack("<BI", 6 + what, value[what]))

    def closing(self, random: int) -> bytes:
        """Mostly what lets it end well: the rings run empty, everything is acknowledged, little time passes."""
        kind = self.source.below(20)
        if kind < 4:
            return self.trouble(random)
        if kind == 4:
            return self.poke(random)
        if kind < 7:
            counts = struct.pack("<IIBB", self.pick(0, 0, 0, 2), 0, 0, 0)
            return step(steps.WAITING, 0, random, counts)
        if kind < 12:
            store = self.reference.session.store
            return self.receive(TYPE_ACK, 0, 0, store.base + store.sent, struct.pack("<I", self.lossy_count()), random)
        if kind < 16:
            return step(steps.TURN_DONE, self.source.below(30), random)
        if kind < 18:
            return step(self.pick(steps.POLL, steps.POLL, steps.CLOSE), self.source.below(700), random)
        return self.ready(random)

    def late(self, random: int) -> bytes:
        """News for a session that is over."""
        if self.one_in(3):
            return self.frame(random)
        if self.one_in(3):
            return step(steps.ABANDON, 0, random)
        return step(self.pick(steps.FAILED, steps.POLL, steps.CLOSE, steps.START, steps.TURN_DONE), self.dt(), random)

    def odd(self, random: int) -> bytes:
        """Whatever, whenever: late news, early news."""
        kind = self.source.below(7)
        if kind == 0:
            return step(self.pick(steps.START, steps.TURN_DONE, steps.SOON, steps.FAILED), self.dt(), random)
        if kind == 1:
            return step(steps.OPENED, self.dt(), random, self.source.octets(8))
        if kind == 2:
            return step(steps.PROBED, self.dt(), random, bytes((self.source.below(2),)))
        if kind == 3:
            return self.receive(TYPE_WELCOME, 0, 0, 0, self.welcome(), random)
        if kind == 4:
            payload = self.source.octets(self.source.below(90))
            kind = 1 + self.source.below(19)
            return self.receive(kind, self.source.below(9), self.seq(), self.ack(), payload, random)
        return self.frame(random)

    # Parts

    def rings(self, random: int) -> bytes:
        counts = self.pick(0, 1, 3, self.source.below(200)), self.pick(0, 0, 1, self.source.below(200))
        priorities = self.source.below(4), self.source.below(4)
        return step(steps.WAITING, self.dt(), random, struct.pack("<IIBB", *counts, *priorities))

    def channel(self, random: int) -> bytes:
        if self.one_in(4):
            return step(steps.LEAVE, self.dt(), random, bytes((1 + self.source.below(CHANNELS),)))
        name = self.source.below(len(steps.NAMES))
        mode = self.pick(1, 2, 3, 3, 3)
        args = struct.pack("<BBHBB", mode, self.source.below(3), self.source.below(1000), name, self.one_in(6))
        return step(steps.CHANNEL, 0, random, args)

    def poke(self, random: int) -> bytes:
        what = self.source.below(5)
        value = RENEW_AT - 2 + self.source.below(4) if what < 4 else 500 + self.source.below(4000)
        return step(steps.POKE, 0, random, struct.pack("<BI", what, value))

    def packing(self) -> bytes:
        out = self.reference.session.out
        if self.one_in(10) or out.room < 8:
            return bytes(17)
        most = out.room // 4
        words = 1 + self.source.below(
            most if self.one_in(20) or (out.buffer is out.large and not self.one_in(4)) else min(most, 12)
        )
        events = 1 + self.source.below(min(words, 8))
        expires = self.pick(0, 0, 1 + self.source.below(500), 1 + self.source.below(20000))
        head = struct.pack("<HHHB", 4 * words, events, 1 + self.source.below(3), self.source.below(256))
        flags = self.reference.session.agreement.up & 0x44 if self.one_in(3) else 0
        return head + struct.pack(
            "<IBIB", expires, self.source.below(4), self.pick(2000, self.source.below(5000)), flags
        )

    def near(self, number: int) -> int:
        """A number, or at times one beside it, or one that the wire does not allow."""
        if self.one_in(12):
            number += self.pick(-1, 1, 2, 100)
        if self.one_in(150):
            return int(self.pick(LIMIT, 0xFFFFFFFF, LIMIT - 1, 0))
        return max(0, number) & 0xFFFFFFFF

    def seq(self) -> int:
        if self.one_in(2):
            return 0
        return min(self.near(self.reference.session.receipts.next_in), LIMIT - 1)

    def ack(self) -> int:
        store = self.reference.session.store
        if self.one_in(3):
            return 0
        return min(self.near(store.base + self.source.below(store.sent + 1)), LIMIT - 1)

    def lossy_count(self) -> int:
        tally = self.reference.session.tally
        return self.near(
            tally.lossy_confirmed + self.source.below(max(1, tally.lossy_handed - tally.lossy_confirmed + 1))
        )

    def spread(self) -> int:
        return int(self.pick(0, 250, 6000, self.source.below(100000), self.source.below(1 << 31)))

    def eight(self, known: bytes) -> bytes:
        """Eight bytes that are mostly the known ones."""
        return self.source.octets(8) if self.one_in(10) else known

    def damaged(self, payload: bytes) -> bytes:
        if self.one_in(30):
            return payload[: self.source.below(len(payload) + 1)]
        return payload + bytes(self.source.below(5)) if self.one_in(30) else payload

    def welcome(self) -> bytes:
        session = self.reference.session
        source = self.source
        known = self.incarnation if self.one_in(2) else bytes(session.identity.incarnation)
        heads = source.octets(24) + self.eight(known) + self.eight(self.epoch) + source.octets(8)
        heartbeat = self.pick(5000, 5000, 5000, 1000, source.below(1 << 31)) if not self.one_in(25) else 0
        window = self.pick(8, 1, 32, source.below(65536)) if not self.one_in(25) else 0
        frame = self.pick(640, 1024, 16384, 640, source.below(65536)) if not self.one_in(25) else 0
        held = session.next_counter - 1
        mark = self.near(max(0, held - source.below(10)) if self.one_in(2) else self.pick(0, held, source.below(60)))
        if self.one_in(300):
            mark = LIMIT - 1 - source.below(0x20000)
        numbers = struct.pack("<IHHIIII", heartbeat, window, frame, self.spread(), mark, self.lossy_count(), 60000)
        agreement = session.agreement
        bytes_ = self.pick(1 << 20, 1 << 20, 20000, source.below(1 << 31)) if not self.one_in(25) else 0
        unpacked = self.pick(65536, 65536, 3000, source.below(1 << 31))
        up = self.pick(agreement.sends, agreement.sends, agreement.sends & source.below(256))
        down = self.pick(agreement.reads, agreement.reads & source.below(256))
        auth = agreement.auth ^ int(self.one_in(40))
        if self.one_in(40):
            up = source.below(256)
        numbers += struct.pack(
            "<IIIBBBB", bytes_, self.pick(0, source.below(100000), source.below(1 << 31)), unpacked, up, down, auth, 0
        )
        return self.damaged(heads + numbers)

    def ending(self) -> bytes:
        text = self.source.octets(self.source.below(20))
        code = self.source.below(21) if not self.one_in(20) else self.source.below(256)
        if code in (1, 2, 3, 12, 13, 18) and not self.one_in(4):
            code = 4
        length = len(text) + (self.one_in(20) and 1)
        retry = self.pick(0, 0, self.source.below(20000), self.source.below(1 << 31))
        return self.damaged(struct.pack("<BBHI", code, 0, length, retry) + text)

    def frame(self, random: int) -> bytes:
        """A frame that a gateway would send to a ready session."""
        kinds = (
            (TYPE_ACK,) * 6 + (TYPE_DELIVER,) * 5 + (TYPE_OPENED, TYPE_OPENED, TYPE_GAP, TYPE_REFUSED, TYPE_HEARTBEAT)
        )
        kind = self.pick(*kinds, TYPE_RESEND, TYPE_SKIP, TYPE_RENEWED)
        if kind in (TYPE_RESET, TYPE_CLOSE):
            return self.receive(kind, 0, 0, self.ack(), self.ending(), random)
        channel = 1 + self.source.below(3) if not self.one_in(20) else self.source.below(65536)
        payload = self.damaged(self.payload(kind, channel))
        return self.receive(kind, channel, self.seq(), self.ack(), payload, random)

    def piece(self, payload: bytes) -> bytes:
        """A first or further piece of a payload, more or less."""
        pieces = self.reference.inbox.pieces
        if pieces.under_way() and not self.one_in(6):
            at = len(pieces.buffer)
            left = pieces._total - at
            size = left if self.one_in(2) else self.source.below(left + 2)
            body = (payload + bytes(200))[at : at + size] if not self.one_in(10) else bytes(size)
            return (
                struct.pack("<HHI", pieces._message, self.near(pieces._next) & 0xFFFF, self.near(pieces._total)) + body
            )
        total = len(payload) if not self.one_in(10) else self.source.below(100000)
        size = 1 + self.source.below(len(payload)) if payload else 0
        number = 0 if not self.one_in(8) else self.source.below(3)
        return struct.pack("<HHI", self.source.below(65536), number, total) + payload[:size]

    def payload(self, kind: int, channel: int) -> bytes:
        if kind == TYPE_ACK:
            return struct.pack("<I", self.lossy_count())
        if kind == TYPE_HEARTBEAT:
            return struct.pack("<II", self.lossy_count(), self.spread())
        if kind == TYPE_GAP:
            return struct.pack("<BBBB8s", 1 + self.source.below(5), 0, 0, 0, self.eight(self.epoch)) + self.offsets(
                channel
            )
        if kind == TYPE_OPENED:
            code = self.pick(0, 0, 0, 0, 3, 15)
            return struct.pack("<BBH8s8s", code, self.pick(3, 3, 1, 2, 0), 0, self.eight(self.epoch), self.offset())
        if kind == TYPE_REFUSED:
            store = self.reference.session.store
            seq = self.pick(0, self.near(store.base + self.source.below(max(1, store.sent))), self.near(store.base - 1))
            events = self.source.below(8) if not self.one_in(6) else self.source.below(LIMIT)
            return struct.pack("<IBBHI", seq, self.pick(15, CODE_STORE, CODE_STORE), 0, 0, self.near(events))
        if kind == TYPE_RENEWED:
            return self.renewed()
        if kind == TYPE_DELIVER:
            device = self.source.octets(self.source.below(9))
            body = device + bytes(-len(device) & 3) + bytes(4 * self.source.below(6))
            two = self.offsets(channel)
            return two[8:] + two[:8] + bytes(23) + bytes((len(device),)) + body
        return b""

    def renewed(self) -> bytes:
        unasked = self.one_in(3)
        code = 0 if unasked or not self.one_in(3) else self.pick(18, 3, 20)
        expires = self.pick(0, 3000, self.source.below(100000), self.source.below(1 << 31))
        return struct.pack("<BBHI", code, unasked, self.one_in(20) and 1, expires)

    def offset(self) -> bytes:
        return self.source.octets(8) if self.one_in(30) else struct.pack("<Q", self.source.below(20))

    def offsets(self, channel: int) -> bytes:
        """An offset, mostly the present one, and one behind it."""
        state = self.reference.session.channels.get(channel)
        first = struct.unpack("<Q", state.offset)[0] if state else 0
        if self.one_in(6):
            first += self.source.below(3)
        then = first + 1 + (self.one_in(8) and self.source.below(5))
        if self.one_in(20):
            then = self.source.below(30)
        if self.one_in(15):
            then += self.pick(1 << 32, 1 << 33, 1 << 63)
        return struct.pack("<QQ", first & (1 << 64) - 1, then & (1 << 64) - 1)

    def receive(self, kind: int, channel: int, seq: int, ack: int, payload: bytes, random: int) -> bytes:
        flags = self.pick(0x02, 0x22, 0x42) if kind == TYPE_DELIVER else 0
        if kind == TYPE_DELIVER and self.one_in(4):
            flags |= FLAG_MORE
            payload = self.piece(payload)
        if self.one_in(100):
            flags = self.source.below(256)
        if self.reference.session.agreement.auth and not self.one_in(60):
            flags |= FLAG_AUTHENTICATED
        args = struct.pack("<BBHII", kind, flags, channel, seq, ack) + payload
        return step(steps.RECEIVE, self.pick(0, 0, self.dt()), random, args)
