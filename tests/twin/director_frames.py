"""The frames of a gateway that is made up: mostly what one would send, at times damaged, forged or impossible."""

from __future__ import annotations

import struct
from typing import Any, Protocol

from flight_client.session.spec import (
    CODE_STORE,
    FLAG_AUTHENTICATED,
    FLAG_MORE,
    PORTION_FLAG,
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
    TYPE_SKIP,
)
from tests.twin import steps
from tests.twin.steps import Reference

LIMIT = 1 << 30


class Source(Protocol):
    """Where the choices come from."""

    def below(self, limit: int) -> int:
        """A number below the limit."""

    def octets(self, count: int) -> bytes:
        """Any bytes."""


def step(kind: int, dt: int, random: int, args: bytes = b"") -> bytes:
    """The bytes of a step."""
    return struct.pack("<BIH", kind, dt, random) + args


class Frames:
    """Makes up frames for a session, and remembers who the gateway is."""

    def __init__(self, source: Source):
        self.source = source
        self.incarnation = b""
        self.epoch = b""
        self.reference: Reference
        self.flaky = False  # time passes in any steps
        self.longest_ms = 900  # else, that passes between two steps

    def one_in(self, n: int) -> bool:
        return self.source.below(n) == 0

    def pick(self, *choices: Any) -> Any:
        return choices[self.source.below(len(choices))]

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
            length = len(device)
            body = device + bytes(-length & 3)
            if self.one_in(4):
                length |= PORTION_FLAG
                body += struct.pack("<HH", self.pick(0, 1, self.source.below(65536)), 0)
            body += bytes(4 * self.source.below(6))
            two = self.offsets(channel)
            return two[8:] + two[:8] + bytes(23) + bytes((length,)) + body
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
