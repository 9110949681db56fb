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
from flight_client.session.gateway import machine as gateway_machine
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    CODE_OK,
    CODE_STALE_GENERATION,
    CODE_STORE,
    CODE_UNKNOWN_CHANNEL,
    CODE_UNKNOWN_SESSION,
    FLAG_CRITICAL,
    GAP_EPOCH,
    GAP_TRIMMED,
    HEADER_BYTES,
    MODE_SUBSCRIBE,
    PROFILES,
    START_AFTER,
    TRANSPORT_POLLING,
    TRANSPORT_WEBSOCKET,
    TYPE_ATTACH,
    TYPE_CLOSE,
    TYPE_DATA,
    TYPE_DELIVER,
    TYPE_GAP,
    TYPE_HELLO,
    TYPE_OPEN,
    TYPE_OPENED,
    TYPE_POLL,
    TYPE_REFUSED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_SKIP,
    TYPE_WELCOME,
)
from tests.session.parts import NoProof, Store

EVENTS_PER_FRAME = 4


class Gateway:
    """A gateway of one device."""

    def __init__(self, store, window=8, heartbeat_ms=5000):
        self.store = store
        self.window = window
        self.heartbeat_ms = heartbeat_ms
        self.frame_bytes = 16384
        self.spread_ms = 250
        self.session = None
        self.session_id = b""
        self.sessions = 0
        self.hold = False  # keep frames unstored, as a slow engine would
        self.refuse = False  # refuse every batch: its channel is not open
        self.store_fails = False  # refuse every batch: it cannot be stored now
        self.waiting = []  # (seq, flags, payload, what the session has of it)
        self.opened = []
        self.channel = 0  # the channel that is subscribed
        self.position = 0  # what was sent to it last
        self.starts_after = 0
        self.polls = []
        self.resumes = 0
        self.frames_in = 0
        self.kinds_in = []
        self.closed = False
        self.refused_events = 0
        self.most_held = 0  # sequenced frames of the device that were not acknowledged at one time
        self.answer = None  # what to answer HELLO instead of WELCOME: (type, code, retry_after_ms)
        self.attach_answer = None  # the same for ATTACH

    def take(self, kind, flags, channel, seq, ack, payload, now, out):
        """One frame from the device; replies go to `out` as (kind, channel, seq, ack, payload)."""
        self.frames_in += 1
        self.kinds_in.append(kind)
        if kind == TYPE_HELLO:
            self.hello(payload, now, out)
        elif kind == TYPE_ATTACH or kind == TYPE_POLL:
            self.attach(kind, payload, now, out)
        elif self.session is not None:
            self.in_session(kind, flags, channel, seq, ack, payload, now)

    def hello(self, payload, now, out):
        hello = messages.read_hello(payload, 0, len(payload))
        if self.answer is not None:
            out.append((self.answer[0], 0, 0, 0, messages.ending(self.answer[1], self.answer[2], "no")))
            return
        incarnation = hello.incarnation
        if incarnation == bytes(8):
            self.store.incarnations += 1
            incarnation = bytes((self.store.incarnations, 1, 1, 1, 1, 1, 1, 1))
            self.store.mark = 0
            self.store.lossy = 0
        self.sessions += 1
        self.session_id = bytes((self.sessions & 255,)) + self.store.epoch + bytes(7)
        self.session = gateway_machine.GatewaySession(
            hello.window_frames, hello.window_bytes, self.heartbeat_ms, self.window
        )
        self.session.heard_at = self.session.sent_at = now
        self.session.lossy_stored = self.store.lossy
        self.session.spread_ms = self.spread_ms
        self.waiting = []
        self.channel = 0
        numbers = (
            self.heartbeat_ms,
            self.window,
            self.frame_bytes,
            self.spread_ms,
            self.store.mark,
            self.store.lossy,
            60000,
        )
        reply = messages.welcome(self.session_id, b"abcdefgh", incarnation, self.store.epoch, bytes(8), numbers)
        out.append((TYPE_WELCOME, 0, 0, 0, reply))

    def attach(self, kind, payload, now, out):
        asked = messages.read_attach(payload, 0, len(payload))
        if self.attach_answer is not None:
            out.append((self.attach_answer[0], 0, 0, 0, messages.ending(self.attach_answer[1], self.attach_answer[2])))
            return
        if self.session is None or asked.session_id != self.session_id:
            out.append((TYPE_RESET, 0, 0, 0, messages.ending(CODE_UNKNOWN_SESSION)))
            return
        if kind == TYPE_POLL:
            self.polls.append(now)
            if asked.generation != self.session.generation or not self.session.new_poll(asked.number):
                raise AssertionError("a poll of an older generation or number")
            self.session.ack_now(now)
            return
        if asked.generation <= self.session.generation:
            out.append((TYPE_RESET, 0, 0, 0, messages.ending(CODE_STALE_GENERATION)))
            return
        self.resumes += 1
        self.flush(now)
        if not self.session.attach(asked.generation, asked.number, now):
            raise AssertionError("the device attached with impossible numbers")
        reply = messages.resumed(asked.generation, self.session.ack(), self.store.lossy, self.spread_ms)
        out.append((TYPE_RESUMED, 0, 0, 0, reply))

    def in_session(self, kind, flags, channel, seq, ack, payload, now):
        session = self.session
        verdict = session.receive(seq, ack, now, len(payload) if seq else 0)
        if verdict == gateway_machine.VIOLATION:
            raise AssertionError("the device broke the numbers")
        self.most_held = max(self.most_held, session.next_in - session.ack())
        if verdict != gateway_machine.TAKE:
            return
        if kind == TYPE_OPEN:
            self.open(channel, messages.read_open(payload, 0, len(payload)))
        elif kind == TYPE_RESEND:
            session.rewind()
        elif kind == TYPE_CLOSE:
            self.closed = True
        elif kind == TYPE_SKIP:
            session.done(seq, now)
        elif kind == TYPE_DATA and (self.refuse or self.store_fails):
            events = (len(payload) - (8 if seq else 0)) // 4
            self.refused_events += events
            said = messages.refused(seq, CODE_UNKNOWN_CHANNEL if self.refuse else CODE_STORE, events)
            if seq:
                session.refuse(seq, channel, said)
            else:
                session.send(TYPE_REFUSED, 0, channel, said)
        elif kind == TYPE_DATA:
            if self.hold:
                self.waiting.append((seq, flags, payload, session.taken() if seq else None))
            else:
                self.keep(seq, flags, payload, now)

    def open(self, channel, asked):
        self.opened.append((asked.name, asked.mode, asked.start, asked.offset))
        position = 0
        if asked.mode == 0 and self.channel == channel:
            self.channel = 0
            self.session.forget(channel)
        if asked.mode & MODE_SUBSCRIBE:
            if self.channel != channel:
                self.starts_after = self.subscribe(channel, asked)
            position = self.starts_after
        answer = messages.opened(CODE_OK, asked.mode, self.store.epoch, position)
        self.session.control(TYPE_OPENED, channel, answer)

    def subscribe(self, channel, asked):
        """Where the stream begins; what it cannot give it announces."""
        self.channel = channel
        self.position = len(self.store.log)
        if asked.start == START_AFTER:
            self.position = asked.offset
            if asked.epoch != self.store.epoch:
                self.position = self.store.first - 1
                self.gap(channel, GAP_EPOCH, 0, self.position)
            elif asked.offset < self.store.first - 1:
                self.position = self.store.first - 1
                self.gap(channel, GAP_TRIMMED, asked.offset, self.position)
        return self.position

    def gap(self, channel, reason, after, to):
        self.session.send(TYPE_GAP, 0, channel, messages.gap(reason, self.store.epoch, after, to))

    def keep(self, seq, flags, payload, now):
        if flags & FLAG_CRITICAL:
            counter = get_u32(payload, 0)
            for at in range(8, len(payload), 4):
                if counter > self.store.mark:
                    self.store.critical_events.append(get_u32(payload, at))
                    self.store.mark = counter
                counter += 1
            self.session.done(seq, now)
        else:
            for at in range(0, len(payload), 4):
                self.store.lossy_events.append(get_u32(payload, at))
                self.store.lossy += 1
            self.session.lossy_stored = self.store.lossy

    def flush(self, now):
        """The slow engine has stored what it was given."""
        waiting = self.waiting
        self.waiting = []
        for seq, flags, payload, taken in waiting:
            if taken is None or taken[1] == gateway_machine.WAITS:
                self.keep(seq, flags, payload, now)

    def deliver(self, offset, previous, body, device=b"", channel=1):
        """One DELIVER, whatever the log says."""
        head = offset.to_bytes(8, "little") + previous.to_bytes(8, "little") + bytes(23)
        padding = bytes(-len(device) & 3)
        self.session.send(TYPE_DELIVER, 0, channel, head + bytes((len(device),)) + device + padding + body)

    def pull(self):
        """Move one entry of the log into the session; False when there is none or the window is full."""
        if self.channel == 0 or self.position >= len(self.store.log) or not self.session.can_send():
            return False
        self.position += 1
        self.deliver(self.position, self.position - 1, self.store.log[self.position - 1], b"", self.channel)
        return True

    def output(self, now, out):
        if self.session is None:
            return
        while True:
            frame = self.session.next_frame(now)
            if frame is not None:
                out.append((frame[0], frame[2], frame[3], self.session.ack(), frame[4]))
            elif not self.pull():
                return


class World:
    """The device, the gateway behind a pipe, and the time."""

    def __init__(self, transports=(TRANSPORT_WEBSOCKET,), platform="vita", seed=1):
        self.now = 0x3FFFFF00  # the clock wraps soon: it must not matter
        self.seed = seed
        self.profile = Profile(PROFILES[platform])
        identity = Identity(b"vita-1", platform.encode(), self.profile.platform, b"1.0", 1)
        identity.token = b"token"
        self.prover = NoProof()
        self.device = DeviceSession(self.profile, identity, self.prover, transports)
        self.inbox = Inbox(self.device)
        self.store = Store(b"epoch--1")
        self.gateway = Gateway(self.store)
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
        if command == codes.OPEN:
            self.open(device.policy.transport())
        elif command == codes.DROP:
            self.pipe_open = False
            self.body = []
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
        events = [get_u32(buffer, at + 4 * i) for i in range(store.letter_events)]
        self.letters.append((why, store.letter_sent, events))

    def sum_up(self, frame):
        total = self.checksum
        for i in range(5):
            total = (total * 31 + frame[i]) & 0xFFFFFF
        for byte in frame[5]:
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
        events = min(len(ring), device.out.room // 4, EVENTS_PER_FRAME)
        for i in range(events):
            put_u32(device.out.buffer, device.out.at + 4 * i, ring.pop(0))
        if ring is self.critical:
            device.out.expires_ms = self.expires_ms
            if self.retries >= 0:
                device.out.retries = self.retries
        return device.packed(4 * events, events, 1, self.now)

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
                self.gateway.take(kind, flags, channel, seq, ack, payload, self.now, out)
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
        for kind, channel, seq, ack, payload in frames:
            self.receive(kind, channel, seq, ack, payload)

    def receive(self, kind, channel=0, seq=0, ack=0, payload=b""):
        """The device reads one frame."""
        result = self.inbox.receive(kind, channel, seq, ack, payload, 0, len(payload), self.now, self.random())
        self.log.append((kind, seq, ack, result))
        if result == codes.DELIVERED or result == codes.DELIVERED_AFTER_HOLE:
            self.delivered.append(bytes(payload[self.inbox.event_records : self.inbox.event_end]))
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
        return accepted - settled - queued - tally.refused - tally.expired - tally.link_dropped - tally.unconfirmed

    def law(self):
        if self.keep_law and self.balance(self.accepted) != 0:
            raise AssertionError("accepted is not settled + queued + dropped")
