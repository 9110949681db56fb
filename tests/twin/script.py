"""A session that is told step by step; the stories stand in scripts.py and scripts_pieces.py."""

from __future__ import annotations

import struct

from flight_client.session.device import codes
from flight_client.session.spec import (
    CODE_UNKNOWN_CHANNEL,
    CODE_UNKNOWN_SESSION,
    FLAG_AUTHENTICATED,
    STATE_IDLE,
    STATE_READY,
    STATE_WAITING,
    TYPE_HEARTBEAT,
    TYPE_REFUSED,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_WELCOME,
)
from tests.twin import steps
from tests.twin.director_frames import LIMIT
from tests.twin.director_frames import step as bytes_of

EPOCH = b"epoch--1"


class Script:
    """A session, a driver that obeys, and a gateway that says what it is told to say."""

    def __init__(
        self, platform: str, *transports: int, flags: int = 0, unpacked_bytes: int = 0, auth: int = 0, ways: int = 0
    ):
        head = struct.pack("<BI8s", steps.PLATFORMS.index(platform), LIMIT - 3000, bytes(8))
        wishes = struct.pack("<BBBI", flags, flags, 3, unpacked_bytes)
        self.setup = head + bytes((1, 8, len(transports))) + wishes + bytes((auth, ways)) + bytes(transports)
        self.auth = auth
        self.expires_in_ms = 0  # the token
        self.flags = flags  # that the gateway grants, both ways
        self.unpacked_bytes = 60000  # ... and what else
        self.window_bytes = 1 << 20
        self.frame_bytes = 1024
        self.incarnation = b"incarnat"
        self.packed_flags = 0  # how the driver writes records
        self.reference = steps.Reference(self.setup)
        self.steps: list[bytes] = []
        self.expires_ms = 0  # of what is packed
        self.retries = 3
        self.forges = False  # frames come without their tag
        self.works: bool | None = True  # what a probe finds; None: it is not answered

    def do(self, kind: int, args: bytes = b"", after: int = 0) -> int:
        """One step."""
        made = bytes_of(kind, after, 40503 * len(self.steps) & 0xFFFF, args)
        self.steps.append(made)
        return self.reference.step(made)

    def receive(
        self, kind: int, payload: bytes, channel: int = 0, seq: int = 0, ack: int = 0, after: int = 10, flags: int = 0
    ) -> int:
        """One frame from the gateway, with its tag where that was agreed on."""
        if self.auth and not self.forges:
            flags |= FLAG_AUTHENTICATED
        return self.do(steps.RECEIVE, struct.pack("<BBHII", kind, flags, channel, seq, ack) + payload, after)

    def run(self, after: int = 0) -> list[int]:
        """Poll until there is nothing to do, and obey. Returns the commands."""
        found: list[int] = []
        while (command := self.do(steps.POLL, after=0 if found else after)) != codes.NOTHING:
            while command in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
                found.append(command)
                self.do(steps.WAITING, bytes(10))
                command = self.packed()
            found.append(command)
            if command == codes.OPEN:
                self.do(steps.OPENED, b"nonce--1", 20)
            elif command == codes.TURN:
                self.do(steps.TURN_DONE, after=20)
            elif command == codes.PROBE and self.works is not None:
                self.do(steps.PROBED, bytes((self.works,)), 30)
        return found

    def packed(self, record_bytes: int = 16) -> int:
        """Two events."""
        treatment = struct.pack("<IBIB", self.expires_ms, self.retries, 2000, self.packed_flags)
        return self.do(steps.PACKED, struct.pack("<HHHB", record_bytes, 2, 1, 7) + treatment)

    def until_packing(self, critical: bool = True) -> int:
        """One event waits: poll until the session asks for it."""
        self.waiting(1 if critical else 0, 0 if critical else 1)
        while (command := self.do(steps.POLL)) not in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
            self.do(steps.TURN_DONE)
        return command

    def pack_large(self, asked: int, packed: int, critical: bool = True) -> int:
        """One event that takes more than a frame, or turns out smaller. Returns what the session said to that."""
        self.until_packing(critical)
        command = self.do(steps.PACK_LARGE, struct.pack("<I", asked))
        if command in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
            self.packed(packed)
        self.waiting(0)
        self.run()
        return command

    def next_gateway(self, window: int = 8) -> None:
        """Another gateway, with another agreement."""
        self.receive(TYPE_RESET, struct.pack("<BBHI", CODE_UNKNOWN_SESSION, 0, 0, 0))
        self.run()
        self.welcome(window=window)

    def pack_frames(self, count: int) -> None:
        """So many critical frames of 800 bytes, as far as they may go."""
        for _ in range(count):
            self.waiting(2)
            while (command := self.do(steps.POLL)) != codes.NOTHING:
                if command == codes.PACK_CRITICAL:
                    self.packed(800)
                    self.waiting(0)
                elif command == codes.TURN:
                    self.do(steps.TURN_DONE)

    def waiting(self, critical: int, lossy: int = 0, *priorities: int) -> None:
        """What the rings hold."""
        self.do(steps.WAITING, struct.pack("<IIBB", critical, lossy, *(priorities or (0, 0))))

    def welcome(
        self, heartbeat_ms: int = 5000, window: int = 8, frame_bytes: int = -1, epoch: bytes = EPOCH, auth: int = -1
    ) -> int:
        """The gateway takes us."""
        heads = b"session-id-of-16" + b"short-id" + self.incarnation + epoch + b"server-n"
        frame_bytes = self.frame_bytes if frame_bytes < 0 else frame_bytes
        numbers = struct.pack("<IHHIIII", heartbeat_ms, window, frame_bytes, 250, 0, 0, 60000)
        numbers += struct.pack(
            "<IIIBBBB", self.window_bytes, self.expires_in_ms, self.unpacked_bytes, self.flags, self.flags,
            self.auth if auth < 0 else auth, 0,
        )  # fmt: skip
        return self.receive(TYPE_WELCOME, heads + numbers)

    def connect(self) -> None:
        """From the start, or the next attempt, to ready."""
        if self.reference.session.state == STATE_IDLE:
            self.do(steps.START)
        self.run(after=30000 if self.reference.session.state == STATE_WAITING else 0)
        if self.reference.session.known:
            session = self.reference.session
            self.receive(TYPE_RESUMED, struct.pack("<4I", session.generation, session.store.base, 0, 250))
        else:
            self.welcome()
        assert self.reference.session.state == STATE_READY
        self.run()

    def fail(self, after: int = 100) -> None:
        """The transport dies."""
        self.do(steps.FAILED, after=after)

    def refuse_opening(self, times: int) -> None:
        """The present transport cannot be opened."""
        for _ in range(times):
            while self.do(steps.POLL, after=12000) != codes.OPEN:
                pass
            self.fail()

    def live(self, ms: int, every: int = 4000) -> list[int]:
        """Time passes; the gateway says that it is there."""
        found = []
        for _ in range(ms // every):
            self.receive(TYPE_HEARTBEAT, struct.pack("<II", 0, 0), after=every)
            found += self.run()
            if codes.OPEN in found:
                break
        return found


def refused(script: Script, seq: int, code: int = CODE_UNKNOWN_CHANNEL, events: int = 2, after: int = 10) -> int:
    """The gateway refuses a frame, or lossy events (seq 0)."""
    return script.receive(TYPE_REFUSED, struct.pack("<IBBHI", seq, code, 0, 0, events), after=after)
