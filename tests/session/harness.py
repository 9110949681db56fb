"""A device session and a gateway session joined by a pipe that a test can cut. Common subset: runs on MicroPython too.

Frames travel as fields, not as bytes: this tests the session, the wire layer has tests of its own. Time is a number that
the test moves. An event is 4 bytes: its number.
"""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

from flight_client.session.common.clock import MASK
from flight_client.session.common.fields import get_u32, put_u32
from flight_client.session.common.profile import Profile
from flight_client.session.device import codes
from flight_client.session.device.identity import Identity
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession
from flight_client.session.spec import (
    AUTH_NONE,
    DROP_TOO_LARGE,
    FLAG_AUTHENTICATED,
    FLAG_DELTA,
    FLAG_MORE,
    HEADER_BYTES,
    PROFILES,
    TRANSPORT_POLLING,
    TRANSPORT_WEBSOCKET,
    TYPE_RESET,
)
from tests.session.harness_gateway import Gateway
from tests.session.parts import NoProof, Store

EVENTS_PER_FRAME = 4


def is_large(number):
    """Which of the numbered events are larger than a frame."""
    return number % 6 >= 4


class World:
    """The device, the gateway behind a pipe, and the time."""

    def __init__(self, transports=(TRANSPORT_WEBSOCKET,), platform="vita", seed=1, frame_bytes=0, adapts=False):
        self.now = 0x3FFFFF00  # the clock wraps soon: it must not matter
        self.seed = seed
        self.profile = Profile(PROFILES[platform])
        self.large = frame_bytes > 0  # some events are larger than a frame, and both sides know of pieces
        if self.large:
            self.profile.frame_bytes = frame_bytes
            self.profile.window_frames = max(4, self.profile.window_frames)
        identity = Identity(b"vita-1", platform.encode(), self.profile.platform, b"1.0", 1)
        identity.token = b"token"
        self.prover = NoProof()
        self.device = DeviceSession(self.profile, identity, self.prover, transports)
        if adapts:
            self.device.adapt()
        if self.large:
            self.device.agreement.reads = self.device.agreement.sends = FLAG_MORE | FLAG_DELTA
            self.device.agreement.unpacked_bytes = 4096
        self.inbox = Inbox(self.device)
        self.store = Store(b"epoch--1")
        self.gateway = Gateway(self.store)
        if self.large:
            self.gateway.reads = self.gateway.sends = FLAG_MORE | FLAG_DELTA
        self.recoded = 0
        self.too_large = 0  # critical events that could not go, so large as they were
        self.too_large_lossy = 0
        self.reachable = {1, 2, 3, 4, 5}
        self.mute = set()  # transports whose opening neither succeeds nor fails
        self.pipe_open = False
        self.body = []  # frames of the present turn
        self.critical = []  # events waiting in the rings
        self.lossy = []
        self.delivered = []
        self.gaps = []
        self.happened = []
        self.probes = []
        self.lose_replies = False
        self.lose_requests = False
        self.slow_turns = False  # the transport takes what it is given, and does not say when it is done
        self.cut_after = -1  # the pipe dies after this many more frames reached the gateway
        self.accepted = 0
        self.expires_ms = 0  # of the critical events that are packed from now on
        self.retries = -1  # the same; -1 = as the session says
        self.letters = []  # (why, may have been stored, events) of each critical frame that was given up
        self.opens = []
        self.refreshes = []  # when the device asked for a token
        self.new_tokens = []  # what the source answers; b"" or nothing left = none
        self.slow_tokens = False  # it does not answer
        self.sent = []  # (now, type, seq, ack) of every frame
        self.log = []
        self.checksum = 1
        self.keep_law = True  # check the law of conservation after every command and every frame

    def random(self):
        self.seed = (self.seed * 1103515 + 12345) & MASK
        return self.seed >> 14

    def emit(self, number, critical=True):
        """The application emits an event."""
        (self.critical if critical else self.lossy).append(number)
        self.accepted += 1

    def start(self):
        self.device.start(self.now)
        self.run()

    def run(self):
        """Drive the device until it has nothing to do at this time."""
        for _ in range(2000):
            self.device.waiting_critical = len(self.critical)
            self.device.waiting_lossy = len(self.lossy)
            command = self.device.poll(self.now, self.random())
            if command == codes.NOTHING:
                if not self.replies():
                    return
            else:
                self.obey(command)
            self.law()
        raise AssertionError("the device does not come to rest")

    def obey(self, command):
        device = self.device
        if command == codes.PACK_CRITICAL or command == codes.PACK_LOSSY:
            command = self.pack(self.critical if command == codes.PACK_CRITICAL else self.lossy)
        if command == codes.RECODE:
            self.recoded += 1
            command = device.recoded(device.out.count)  # the harness writes its events the same way with any flag
        if command == codes.OPEN:
            self.open(device.policy.transport())
        elif command == codes.DROP:
            self.pipe_open = False
            self.body = []
        elif command == codes.REFRESH:
            self.refreshes.append(self.now)
            token = self.new_tokens.pop(0) if self.new_tokens else b""
            if token:
                device.renewal.supply(token)
            elif not self.slow_tokens:
                device.renewal.none(self.now)
        elif command == codes.PROBE:
            target = device.policy.probe_target()
            self.probes.append((self.now, target))
            device.probed(target in self.reachable, self.now)
        elif command == codes.SEND:
            payload = bytes(device.out.buffer[HEADER_BYTES : HEADER_BYTES + device.out.count])
            frame = (device.out.kind, device.out.flags, device.out.channel, device.out.seq, device.out.ack, payload)
            self.body.append(frame)
            self.sent.append((self.now, device.out.kind, device.out.seq, device.out.ack))
            self.sum_up(frame)
        elif command == codes.LETTER:
            self.letter("expired")
        elif command == codes.TURN:
            self.turn()

    def letter(self, why):
        """The events of a frame that was given up: they lie in its buffer still."""
        store = self.device.store
        buffer = store.buffer(store.letter_slot)
        at = HEADER_BYTES + 8
        if self.large and store._behind[store.letter_slot]:
            at += 8
        if store.letter_cause == DROP_TOO_LARGE:
            why = "too-large"
        events = [get_u32(buffer, at + 4 * i) for i in range(store.letter_events)]
        self.letters.append((why, store.letter_sent, events))

    def sum_up(self, frame):
        total = self.checksum
        for i in range(5):
            total = (total * 31 + frame[i]) & 0xFFFFFF
        for byte in frame[5][:80]:
            total = (total * 31 + byte) & 0xFFFFFF
        self.checksum = total

    def open(self, transport):
        self.opens.append((self.now, transport))
        if transport in self.mute:
            return
        if transport in self.reachable:
            self.pipe_open = True
            self.body = []
            self.device.opened(self.now)
        else:
            self.device.failed(self.now, self.random())

    def pack(self, ring):
        device = self.device
        if self.large and is_large(ring[0]):
            return self.pack_large(ring)
        events = min(len(ring), device.out.room // 4, EVENTS_PER_FRAME, device.out.most_events)
        for i in range(events):
            if self.large and is_large(ring[0]):
                events = i
                break
            put_u32(device.out.buffer, device.out.at + 4 * i, ring.pop(0))
        self.treat(ring)
        return device.packed(4 * events, events, 1, self.now, device.agreement.up & FLAG_DELTA)

    def treat(self, ring):
        out = self.device.out
        if ring is self.critical:
            out.expires_ms = self.expires_ms
            if self.retries >= 0:
                out.retries = self.retries

    def pack_large(self, ring):
        """An event of its own: its number, and bytes that only pieces can carry, or nearly."""
        device = self.device
        room = device.out.frame_room
        size = 4 * (room * (1 + ring[0] % 3) // 4) + 40
        code = device.pack_large(size)
        if code == codes.TOO_LARGE:
            if ring is self.critical:
                self.too_large += 1
                self.letters.append(("too-large", False, [ring[0]]))
            else:
                self.too_large_lossy += 1
            ring.pop(0)
            return device.packed(0, 0, 0, self.now)
        if code == codes.NOTHING:
            return code
        number = ring.pop(0)
        for i in range(0, size, 4):
            put_u32(device.out.buffer, device.out.at + i, number)
        if number % 6 == 5:
            size = 4  # as if compression had helped that much
        self.treat(ring)
        return device.packed(size, 1, 1, self.now)

    def turn(self):
        frames, self.body = self.body, []
        if not self.pipe_open:
            return
        polling = self.polling()
        out = []
        if not self.lose_requests:
            for kind, flags, channel, seq, ack, payload in frames:
                if self.cut_after == 0:
                    self.cut_after = -1
                    self.cut()
                    return
                self.cut_after = max(-1, self.cut_after - 1)
                self.gateway.take(kind, flags & ~FLAG_AUTHENTICATED, channel, seq, ack, payload, self.now, out)
        if self.lose_replies or self.lose_requests:
            self.gateway.output(self.now, [])  # sent, and lost
            if not polling and not self.slow_turns:
                self.device.turn_done(self.now)
            return
        self.gateway.output(self.now, out)
        self.feed(out)
        if not self.slow_turns:
            self.device.turn_done(self.now)

    def polling(self):
        return self.device.policy.transport() == TRANSPORT_POLLING

    def replies(self):
        """What the gateway says unasked; False when it says nothing."""
        if not self.pipe_open or self.polling():
            return False
        out = []
        self.gateway.output(self.now, out)
        if self.lose_replies or self.lose_requests:
            return False
        self.feed(out)
        return bool(out)

    def feed(self, frames):
        for kind, flags, channel, seq, ack, payload in frames:
            bare = kind == TYPE_RESET or self.device.agreement.auth == AUTH_NONE
            self.receive(kind, channel, seq, ack, payload, flags if bare else flags | FLAG_AUTHENTICATED)

    def receive(self, kind, channel=0, seq=0, ack=0, payload=b"", flags=0):
        """The device reads one frame."""
        result = self.inbox.receive(kind, flags, channel, seq, ack, payload, 0, len(payload), self.now, self.random())
        self.log.append((kind, seq, ack, result))
        if result == codes.DELIVERED or result == codes.DELIVERED_AFTER_HOLE:
            self.delivered.append(bytes(self.inbox.event_data[self.inbox.event_records : self.inbox.event_end]))
        if result == codes.MISSING or result == codes.DELIVERED_AFTER_HOLE:
            self.gaps.append((self.inbox.gap_reason, bytes(self.inbox.gap_after), bytes(self.inbox.gap_to)))
        if result == codes.EVENTS_REFUSED and self.device.store.letter_slot >= 0:
            self.letter("refused")
        if result:
            self.happened.append(result)
        self.law()
        return result

    def cut(self):
        """The transport dies."""
        self.pipe_open = False
        self.body = []
        self.device.failed(self.now, self.random())

    def restart_gateway(self, store=None):
        """The gateway process dies and comes back with what its store kept."""
        self.cut()
        if store is not None:
            self.store = store
        older = self.gateway
        self.gateway = Gateway(self.store, older.window, older.heartbeat_ms)
        self.gateway.reads = older.reads
        self.gateway.sends = older.sends
        self.gateway.window_bytes = older.window_bytes

    def advance(self, ms):
        """Move the clock; nobody looks at it."""
        self.now = (self.now + ms) & MASK

    def pass_ms(self, ms, step=10):
        """Let time pass; the driver looks at the session every `step` ms."""
        while ms > 0:
            self.advance(min(step, ms))
            ms -= step
            self.run()

    def sleep_ms(self, ms):
        """Let time pass; the driver sleeps as long as the session says. Returns how often it woke up."""
        self.run()
        turns = 0
        while ms > 0:
            wait = self.device.wake_in_ms(self.now)
            if self.gateway.session is not None and self.pipe_open and not self.polling():
                wait = min(wait, self.gateway.session.wake_in_ms(self.now))
            wait = min(max(1, wait), ms)
            self.advance(wait)
            ms -= wait
            self.run()
            turns += 1
        return turns

    def balance(self, accepted):
        """accepted - (settled + queued + dropped) of the device: 0 when the law holds."""
        tally = self.device.tally
        queued = len(self.critical) + len(self.lossy) + self.device.store.events_held
        settled = tally.critical_acked + tally.lossy_settled
        dropped = tally.refused + tally.expired + tally.too_large + tally.link_dropped + tally.unconfirmed
        return accepted - settled - queued - dropped - self.too_large - self.too_large_lossy

    def law(self):
        if self.keep_law and self.balance(self.accepted) != 0:
            raise AssertionError("accepted is not settled + queued + dropped")
