"""The gateway's side of the harness: a gateway of one device over a store that outlives it. Common subset, too."""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

from flight_client.session.common.fields import get_u32
from flight_client.session.gateway import machine as gateway_machine
from flight_client.session.gateway import messages
from flight_client.session.gateway.agreement import Agreement
from flight_client.session.gateway.parts import Parts, pieces_of
from flight_client.session.spec import (
    CODE_EXPIRED_TOKEN,
    CODE_OK,
    CODE_STALE_GENERATION,
    CODE_STORE,
    CODE_UNKNOWN_CHANNEL,
    CODE_UNKNOWN_SESSION,
    FLAG_CRITICAL,
    FLAG_DELTA,
    FLAG_MORE,
    FLAGS_BY_AGREEMENT,
    GAP_EPOCH,
    GAP_TRIMMED,
    MODE_SUBSCRIBE,
    START_AFTER,
    TYPE_ACK,
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
    TYPE_RENEWED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_SKIP,
    TYPE_TOKEN,
    TYPE_WELCOME,
)


class Gateway:
    """A gateway of one device."""

    def __init__(self, store, window=8, heartbeat_ms=5000):
        self.store = store
        self.window = window
        self.heartbeat_ms = heartbeat_ms
        self.window_bytes = 1 << 20
        self.reads = 0  # flags by agreement that it understands
        self.sends = 0
        self.agreement = None
        self.frame_bytes = 16384
        self.spread_ms = 250
        self.session = None
        self.session_id = b""
        self.token_expires_in_ms = 0
        self.tokens = []  # (now, token) of every TOKEN
        self.token_answers = []  # codes; 0 where none is left
        self.lost_answers = 0  # OPENED that get lost on their way
        self.sessions = 0
        self.hold = False  # keep frames unstored, as a slow engine would
        self.refuse = False  # refuse every batch: its channel is not open
        self.store_fails = False  # refuse every batch: it cannot be stored now
        self.frame_room = 0
        self.parts = None
        self.cutting = []
        self.waiting = []  # (what the session has of its frames, flags, payload)
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
        """One frame from the device; replies go to `out` as (kind, flags, channel, seq, ack, payload)."""
        self.frames_in += 1
        self.kinds_in.append(kind)
        if kind == TYPE_HELLO:
            self.hello(payload, now, out)
        elif kind == TYPE_ATTACH or kind == TYPE_POLL:
            self.attach(kind, payload, now, out)
            if (
                ack and self.session is not None and not self.session.acknowledge(ack)
            ):  # POLL says what the last reply brought
                raise AssertionError("the device acknowledged what was never sent")
        elif self.session is not None:
            self.in_session(kind, flags, channel, seq, ack, payload, now)

    def hello(self, payload, now, out):
        hello = messages.read_hello(payload, 0, len(payload))
        self.agreement = Agreement(hello, self.reads, self.sends, 4096)
        if self.answer is not None:
            out.append((self.answer[0], 0, 0, 0, 0, messages.ending(self.answer[1], self.answer[2], "no")))
            return
        incarnation = hello.incarnation
        if incarnation == bytes(8):
            self.store.incarnations += 1
            incarnation = bytes((self.store.incarnations, 1, 1, 1, 1, 1, 1, 1))
            self.store.mark = 0
            self.store.lossy = 0
        self.sessions += 1
        self.parts = Parts(4096)
        self.frame_room = hello.frame_bytes - 20
        self.cutting = []
        self.session_id = bytes((self.sessions & 255,)) + self.store.epoch + bytes(7)
        self.session = gateway_machine.GatewaySession(
            hello.window_frames, hello.window_bytes, self.heartbeat_ms, self.window, self.window_bytes
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
            self.window_bytes,
            self.token_expires_in_ms,
            self.agreement.unpacked_in_bytes,
            self.agreement.up,
            self.agreement.down,
            self.agreement.auth,
        )
        reply = messages.welcome(self.session_id, b"abcdefgh", incarnation, self.store.epoch, bytes(8), numbers)
        out.append((TYPE_WELCOME, 0, 0, 0, 0, reply))

    def attach(self, kind, payload, now, out):
        asked = messages.read_attach(payload, 0, len(payload))
        if self.attach_answer is not None:
            out.append(
                (self.attach_answer[0], 0, 0, 0, 0, messages.ending(self.attach_answer[1], self.attach_answer[2]))
            )
            return
        if self.session is None or asked.session_id != self.session_id:
            out.append((TYPE_RESET, 0, 0, 0, 0, messages.ending(CODE_UNKNOWN_SESSION)))
            return
        if kind == TYPE_POLL:
            self.polls.append(now)
            if asked.generation != self.session.generation or not self.session.new_poll(asked.number):
                raise AssertionError("a poll of an older generation or number")
            self.session.ack_now(now)
            return
        if asked.generation <= self.session.generation:
            out.append((TYPE_RESET, 0, 0, 0, 0, messages.ending(CODE_STALE_GENERATION)))
            return
        self.resumes += 1
        self.flush(now)
        self.parts.new_transport()
        if not self.session.attach(asked.generation, asked.number, now):
            raise AssertionError("the device attached with impossible numbers")
        reply = messages.resumed(asked.generation, self.session.ack(), self.store.lossy, self.spread_ms)
        out.append((TYPE_RESUMED, 0, 0, 0, 0, reply))

    def in_session(self, kind, flags, channel, seq, ack, payload, now):
        session = self.session
        if session.paused and seq:
            kind, seq = TYPE_ACK, 0
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
        elif kind == TYPE_TOKEN:
            self.token(payload, now)
        elif kind == TYPE_SKIP:
            for frame in self.parts.give_up() if self.parts.under_way() else ():
                session.done(frame[0], now)
            session.done(seq, now)
        elif kind == TYPE_DATA:
            self.data(flags, channel, seq, payload, now)

    def token(self, payload, now):
        """A new token, or one that is refused; None = no answer."""
        self.tokens.append((now, messages.read_token(payload, 0, len(payload))))
        code = self.token_answers.pop(0) if self.token_answers else 0
        if code == 0:
            self.session.paused = False
            self.session.control(TYPE_RENEWED, 0, messages.renewed(0, self.token_expires_in_ms))
        elif code is not None:
            self.session.control(TYPE_RENEWED, 0, messages.renewed(code, 0, "no"))

    def end_token(self):
        """The token's time is over: nothing is delivered or stored before there is another one."""
        self.session.paused = True
        self.session.control(TYPE_RENEWED, 0, messages.renewed(CODE_EXPIRED_TOKEN, 0, "", True))

    def data(self, flags, channel, seq, payload, now):
        """A batch, or a piece of one."""
        if flags & FLAGS_BY_AGREEMENT & ~self.agreement.up:
            raise AssertionError("a flag that was not agreed on")
        if flags & FLAG_DELTA:
            self.store.coded += 1
        session = self.session
        frames = [session.taken()] if seq else []
        whole = payload
        if flags & FLAG_MORE and seq:
            whole = self.parts.take_critical(frames[0], flags, channel, payload, 0, len(payload))
        elif flags & FLAG_MORE:
            whole = self.parts.take_lossy(flags, channel, payload, 0, len(payload))
        elif seq and self.parts.under_way():
            whole = None
        if whole is None:
            raise AssertionError("a piece that does not follow")
        if not whole:
            return
        if flags & FLAG_MORE:
            self.store.wholes += 1
            if seq:
                frames = self.parts.finish()
            whole = whole[: 12 if seq else 4]  # one event: its number stands for the rest
        if self.refuse or self.store_fails:
            events = (len(whole) - (8 if seq else 0)) // 4
            self.refused_events += events
            said = messages.refused(seq, CODE_UNKNOWN_CHANNEL if self.refuse else CODE_STORE, events)
            if seq:
                session.refuse(frames[0][0], channel, said)
            else:
                session.send(TYPE_REFUSED, 0, channel, said)
        elif self.hold:
            self.waiting.append((frames, flags, whole))
        else:
            self.keep(frames, flags, whole, now)

    def open(self, channel, asked):
        self.opened.append((asked.name, asked.mode, asked.start, asked.offset))
        position = 0
        if asked.mode == 0 and self.channel == channel:
            self.channel = 0
            self.session.forget(channel)
            if self.cutting:
                self.cutting = []
                self.session.send(TYPE_SKIP, 0, channel, b"")
        if asked.mode & MODE_SUBSCRIBE:
            if self.channel != channel:
                self.starts_after = self.subscribe(channel, asked)
            position = self.starts_after
        answer = messages.opened(CODE_OK, asked.mode, self.store.epoch, position)
        if self.lost_answers:
            self.lost_answers -= 1
        else:
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

    def keep(self, frames, flags, payload, now):
        if flags & FLAG_CRITICAL:
            counter = get_u32(payload, 0)
            for at in range(8, len(payload), 4):
                if counter > self.store.mark:
                    self.store.critical_events.append(get_u32(payload, at))
                    self.store.mark = counter
                counter += 1
            for frame in frames:
                self.session.done(frame[0], now)
        else:
            for at in range(0, len(payload), 4):
                self.store.lossy_events.append(get_u32(payload, at))
                self.store.lossy += 1
            self.session.lossy_stored = self.store.lossy

    def flush(self, now):
        """The slow engine has stored what it was given."""
        waiting = self.waiting
        self.waiting = []
        for frames, flags, payload in waiting:
            if not frames or frames[0][1] == gateway_machine.WAITS:
                self.keep(frames, flags, payload, now)

    def deliver(self, offset, previous, body, device=b"", channel=1):
        """One DELIVER, whatever the log says."""
        head = offset.to_bytes(8, "little") + previous.to_bytes(8, "little") + bytes(23)
        padding = bytes(-len(device) & 3)
        payload = head + bytes((len(device),)) + device + padding + body
        if len(payload) <= self.frame_room or not self.agreement.down & FLAG_MORE:
            self.session.send(TYPE_DELIVER, 0, channel, payload)
            return
        self.cutting = pieces_of(payload, offset, self.frame_room)
        self.store.wholes_out += 1
        self.cut(channel)

    def cut(self, channel):
        """Send the next piece of an entry that is larger than a frame."""
        self.session.send(TYPE_DELIVER, FLAG_MORE, channel, self.cutting.pop())

    def pull(self):
        """Move one entry of the log into the session; False when there is none or the window is full."""
        if self.channel == 0 or not self.session.can_send():
            return False
        if self.cutting:
            self.cut(self.channel)
            return True
        if self.position >= len(self.store.log):
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
                out.append((frame[0], frame[1], frame[2], frame[3], self.session.ack(), frame[4]))
            elif not self.pull():
                return
