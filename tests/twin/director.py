"""Makes up what happens to a session: mostly what a driver and a gateway would do, at times what neither may.

The choices come from a source of numbers, so that a seed, or hypothesis, decides. It looks at the reference session for what
would be plausible, and keeps the rules that the driver must keep: it packs only when asked, and no more than there is room.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from flight_client.session.device import codes
from flight_client.session.spec import (
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
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_WELCOME,
)
from tests.twin import steps
from tests.twin.director_frames import LIMIT, Frames, Source, step
from tests.twin.steps import Reference

BY_AGREEMENT = FLAGS_BY_AGREEMENT & 0x4C  # compressed, more, delta
RENEW_AT = LIMIT - 0x10000
CHANNELS = 6


class Director(Frames):
    """Chooses the steps of one session."""

    def __init__(self, source: Source):
        super().__init__(source)
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
            self.source.below(1 << 21),
        )
        what = self.source.below(6)
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
