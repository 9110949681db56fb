"""Steps of recorded sessions, taken by the Python reference. Common subset: runs on MicroPython too.

A step is a row of bytes (spec/traces/README.md); tests/twin/twin.c takes the same ones. After each step both give a snapshot:
all that a session holds, as numbers in one order.
"""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

from flight_client.session.common.clock import MASK
from flight_client.session.common.fields import get_u16
from flight_client.session.common.profile import Profile
from flight_client.session.device.codes import DELIVERED, DELIVERED_AFTER_HOLE, SEND
from flight_client.session.device.identity import Identity
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession
from flight_client.session.device.prover import Prover
from flight_client.session.spec import HEADER_BYTES, PROFILES

START = 0
OPENED = 1  # nonce
FAILED = 2
TURN_DONE = 3
PROBED = 4  # u8 works
CLOSE = 5
POLL = 6
PACKED = 7  # u16 bytes, u16 events, u16 channel, u8 first byte of the records, u32 expires_ms, u8 retries, u32 retry_ms, u8 flags
RECEIVE = 8  # u8 type, u8 flags, u16 channel, u32 seq, u32 ack, payload
WAITING = 9  # u32 critical, u32 lossy, u8 priority of each
CHANNEL = 10  # u8 mode, u8 start, u16 count, u8 number of its name, u8 own
SOON = 11
POKE = 12  # u8 what, u32 value: a counter near its limit, a small window, or a limit of the application
LEAVE = 13  # u8 number of a channel
ABANDON = 14
PACK_LARGE = 15  # u32 record_bytes
RECODED = 16  # u32 record_bytes
PAUSE = 17
GO_ON = 18
RECOVER = 19  # u8 advice
TOKEN = 20  # u8 which: 0 none
RESTORE = 21  # 8 bytes incarnation, u32 mark, u32 counted

PLATFORMS = ("dreamcast", "psp", "vita", "v6r-cloud", "web", "host", "micro")
NAMES = (b"events", b"log", b"a", b"b", b"memory-updates", b"x/y", b"events2", b"0", b"one-too-many")
TOKENS = (b"", b"token-two", b"", b"token-3")
_WORD = 0xFFFFFFFF


def u32(data, at):
    """A whole 32-bit number."""
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24


def add_bytes(hash_, data):
    """FNV-1a over bytes."""
    for byte in data:
        hash_ = (hash_ ^ byte) * 0x01000193 & _WORD
    return hash_


def add_words(hash_, words):
    """The same, 32 bits at a time."""
    for word in words:
        hash_ = (hash_ ^ word) * 0x01000193 & _WORD
    return hash_


class SumProof(Prover):
    """A proof that shows whether both sides were given the same; nobody could call it secret."""

    def __init__(self):
        self.key = 0

    def begin(self, token, client_nonce, server_nonce):
        self.key = add_bytes(add_bytes(add_bytes(0x811C9DC5, token), client_nonce), server_nonce)

    def attach(self, out, at, generation):
        self.poll(out, at, generation, 0)

    def poll(self, out, at, generation, number):
        for i in range(16):
            out[at + i] = ((self.key >> 8 * (i & 3)) + 7 * generation + 13 * number + i) & 255


class Reference:
    """One session of the reference, made from the bytes of a set-up."""

    def __init__(self, setup: bytes) -> None:
        platform = PLATFORMS[setup[0]]
        self.profile = Profile(PROFILES[platform])
        identity = Identity(b"twin-1", platform.encode(), self.profile.platform, b"1.0", 1)
        identity.token = b"token" if setup[13] else b""
        identity.capabilities = 0x23
        identity.boot[:] = b"boot-num"
        identity.incarnation[:] = setup[5:13]
        self.now = u32(setup, 1)
        transports = tuple(setup[25 : 25 + setup[15]])
        self.session = DeviceSession(self.profile, identity, SumProof(), transports, setup[14])
        agreement = self.session.agreement
        agreement.reads = setup[16]
        agreement.sends = setup[17]
        agreement.lanes = setup[18]
        agreement.unpacked_bytes = u32(setup, 19)
        agreement.auth = setup[23]
        self.session.renewal.renewable = setup[24] & 1 != 0
        if setup[24] & 2:
            self.session.adapt()
        self.inbox = Inbox(self.session)
        self.answer = 0
        self.sends = False
        self.delivers = False

    def step(self, step: bytes) -> int:
        """Take one step; what the session answered."""
        session = self.session
        kind = step[0]
        self.now = (self.now + u32(step, 1)) & MASK
        random = get_u16(step, 5)
        answer = 0
        if kind == POLL:
            answer = session.poll(self.now, random)
        elif kind == RECEIVE:
            answer = self.inbox.receive(
                step[7], step[8], get_u16(step, 9), u32(step, 11), u32(step, 15), step, 19, len(step), self.now, random
            )
        elif kind == PACKED:
            answer = self.packed(step)
        elif kind == WAITING:
            session.waiting_critical = u32(step, 7)
            session.waiting_lossy = u32(step, 11)
            session.critical_priority = step[15]
            session.lossy_priority = step[16]
        elif kind == CHANNEL:
            answer = session.channels.add(NAMES[step[11]], step[7], step[8], get_u16(step, 9), step[12] != 0)
        elif kind == PACK_LARGE:
            answer = session.pack_large(u32(step, 7))
        elif kind == RECODED:
            answer = session.recoded(u32(step, 7))
        elif kind == ABANDON:
            answer = int(session.store.abandon())
        else:
            self.happens(kind, step, random)
        self.answer = answer
        self.delivers = kind == RECEIVE and (answer == DELIVERED or answer == DELIVERED_AFTER_HOLE)
        self.sends = answer == SEND and (kind == POLL or kind == PACKED)
        return answer

    def packed(self, step):
        out = self.session.out
        record_bytes = get_u16(step, 7)
        for i in range(record_bytes):
            out.buffer[out.at + i] = (step[13] + i) & 255
        out.expires_ms = u32(step, 14)
        out.retries = step[18]
        out.retry_ms = u32(step, 19)
        return self.session.packed(record_bytes, get_u16(step, 9), get_u16(step, 11), self.now, step[23])

    def happens(self, kind, step, random):
        session = self.session
        if kind == START:
            session.start(self.now)
        elif kind == OPENED:
            session.nonce[:] = step[7:15]
            session.opened(self.now)
        elif kind == FAILED:
            session.failed(self.now, random)
        elif kind == TURN_DONE:
            session.turn_done(self.now)
        elif kind == PROBED:
            session.probed(step[7] != 0, self.now)
        elif kind == CLOSE:
            session.close(self.now)
        elif kind == SOON:
            session.poll_soon()
        elif kind == LEAVE:
            if session.channels.get(step[7]) is not None:
                session.channels.leave(step[7])
        elif kind == PAUSE:
            session.pause(self.now)
        elif kind == GO_ON:
            session.go_on(self.now)
        elif kind == RECOVER:
            session.recover(step[7])
        elif kind == TOKEN:
            self.token(step[7])
        elif kind == RESTORE:
            session.restore(step[7:15], u32(step, 15), u32(step, 19))
        else:
            self.poke(step[7], u32(step, 8))

    def token(self, which):
        if which:
            self.session.renewal.supply(TOKENS[which])
        else:
            self.session.renewal.none(self.now)

    def limit(self, what, value):
        if what == 6:
            self.session.sender.limit_link(value)
        elif what == 7:
            self.session.sender.limit_pace(value)
        elif what == 8:
            self.session.batching.memory(value if value < 1 << 31 else -1)
        elif what == 9:
            self.session.batching.limit_queue(value)
        elif what == 10:
            self.session.sender.flushing = value
        else:
            self.session.fatal_codes = tuple([code for code in range(32) if value >> code & 1])

    def poke(self, what, value):
        if what == 0:
            self.session.generation = value
        elif what == 1:
            self.session.next_counter = value
        elif what == 2:
            self.session.tally.lossy_handed = value
        elif what == 3:
            self.session.store.base = value
        elif what == 4:
            self.session.sender.window_bytes = value
        elif what == 5:
            self.session.sender.window = value
        else:
            self.limit(what, value)

    def payload(self):
        """The payload of the frame that goes out."""
        out = self.session.out
        return out.buffer[HEADER_BYTES : HEADER_BYTES + out.count]

    def digest(self) -> int:
        """The sum over the snapshot and, where the last step answered SEND, the payload."""
        total = add_words(0x811C9DC5, self.snapshot())
        return add_bytes(total, self.payload()) if self.sends else total

    def snapshot(self) -> list[int]:
        """All that the session holds, each number as 32 bits."""
        words = (
            self.machine()
            + self.policy()
            + self.sides()
            + self.limits()
            + self.token_words()
            + self.received()
            + self.welcome()
            + self.tally()
        )
        return [int(word) & _WORD for word in words + self.store() + self.channels()]

    def machine(self):
        session = self.session
        words = [
            session.state, session.reason, session.known, session.resumed, session.generation,
            session.next_counter, session._poll_number, session._open_asked, session._drop_first,
            session._greeted, session._in_turn, session._awaiting, session._poll_now, session._renew,
            session._log_kept, session.critical_priority, session.lossy_priority,
            session._deadline, session._retry_at, session._close_at, session._heard_at,
            session._turn_at, session.wake_in_ms(self.now), session.policy.transport(),
            session._pausing, session.counted, session.counted >> 32, session.settled_counter(),
            sum([1 << code for code in session.fatal_codes]),
        ]  # fmt: skip
        return words + pair(session._epoch) + pair(session.identity.incarnation)

    def policy(self):
        policy = self.session.policy
        return [
            policy.index, policy.switches, policy.spread_ms, policy.probe_at, policy.probing,
            policy._attempt, policy._failures, policy._ready_at, policy._was_ready,
            policy._upgraded, policy._flapped, policy._stepped_down, policy._probe_wait_ms,
            policy._hint_ms, policy.failed_total, policy.probe_target(),
        ]  # fmt: skip

    def sides(self):
        receipts = self.session.receipts
        sender = self.session.sender
        out = self.session.out
        return [
            receipts.next_in, receipts.unacked, receipts._asked, receipts.resend_wanted, receipts._ack_at,
            sender.window, sender.heartbeat_ms, sender.sent_at, sender.close_sent,
            sender.window_bytes, sender._run,
            sender._needs, sender._messages, sender._piece, sender._piece_at, sender._piece_end, sender._piece_flags,
            sender._piece_channel, out.expires_ms, out.retries, out.retry_ms,
            out.kind, out.flags, out.channel, out.seq, out.ack,
            out.count, out.at, out.room, out.frame_room, out.turn_bytes, out.behind_bytes, out.most_events,
            sender.flushing,
        ]  # fmt: skip

    def limits(self):
        sender = self.session.sender
        batching = self.session.batching
        words = []
        for bucket in (sender.link, sender.pace):
            words += [bucket.per_s, bucket._most, bucket._level, bucket._at]
        return words + [
            batching.events, batching.delay_ms, batching.queue_events, batching._parts, batching._most_queued,
            batching._collecting, batching._due, batching._since, batching._begun,
        ]  # fmt: skip

    def token_words(self):
        renewal = self.session.renewal
        renewed = self.inbox.renewed
        return [
            renewal.renewable, renewal.over, renewal._step, renewal._timed, renewal._due_at, renewal._tried,
            add_bytes(0x811C9DC5, renewal.token), add_bytes(0x811C9DC5, self.session.identity.token),
            renewed.code, renewed.unasked, renewed.expires_in_ms, self.inbox._proven,
        ]  # fmt: skip

    def received(self):
        inbox = self.inbox
        ending = self.session.ending
        words = [
            inbox.event_channel, inbox.event_records - inbox.event_start, inbox.event_end - inbox.event_records,
            inbox.gap_reason, inbox.refused_code, ending.code, ending.retry_after_ms,
            ending.text_start - 19 if ending.text_start else 0, ending.text_end - ending.text_start,
        ]  # fmt: skip
        records = inbox.event_data[inbox.event_records : inbox.event_end]
        words += [inbox.event_flags, add_bytes(0x811C9DC5, records) if self.delivers else 0]
        pieces = inbox.pieces
        words += [
            pieces._total, len(pieces.buffer), pieces.abandoned, pieces._message, pieces._next, pieces._channel, pieces._flags,
        ]  # fmt: skip
        return words + pair(inbox.gap_epoch) + pair(inbox.gap_after) + pair(inbox.gap_to)

    def welcome(self):
        welcome = self.session.welcome
        agreement = self.session.agreement
        words = pair(welcome.session_id) + pair(welcome.session_id, 8) + pair(welcome.short_id)
        words += pair(welcome.incarnation) + pair(welcome.epoch) + pair(welcome.server_nonce)
        return words + [
            welcome.heartbeat_ms, welcome.window_frames, welcome.frame_bytes, welcome.spread_ms,
            welcome.window_bytes, welcome.mark, welcome.lossy_stored, welcome.session_ttl_ms,
            welcome.token_expires_in_ms, welcome.unpacked_bytes, welcome.flags_up, welcome.flags_down, welcome.auth,
            agreement.up, agreement.down, agreement.unpacked_out_bytes, agreement.window_bytes,
        ]  # fmt: skip

    def tally(self):
        tally = self.session.tally
        return [
            tally.critical_acked, tally.refused, tally.expired, tally.too_large, tally.lossy_settled, tally.link_dropped,
            tally.unconfirmed, tally.lossy_handed, tally.lossy_confirmed, tally.delivered_entries,
            tally.duplicates, tally.resent_frames, tally.connections, tally.forged,
        ]  # fmt: skip

    def store(self):
        store = self.session.store
        words = [
            store.base, store.used, store.cursor, store.sent, store.events_held,
            store.acked_events, store._head, store.bytes_out, store._hold_seq, store._hold_until,
            store.letter_slot, store.letter_events, store.letter_cause, store.letter_sent,
        ]  # fmt: skip
        for i in range(store.frames):
            words += [
                store._bytes[i], store._events[i], store._channel[i], store._skip[i], store._packed_at[i],
                store._expires_ms[i], store._retries[i], store._retry_ms[i], store._doubt[i],
                store._flags[i], store._counter[i], store._span[i], store._piece[i], store._behind[i],
                store._sent_at[i],
            ]  # fmt: skip
        return words

    def channels(self):
        table = self.session.channels
        words = [table.unopened, len(table.items), table._unanswered, table._asked_at]
        for state in table.items:
            words += [
                state.mode,
                state.start,
                state.count,
                state.asked,
                state.opened,
                state.leaving,
                state.own,
                state.code,
                state.positioned,
                state.taken,
            ]
            words += pair(state.epoch) + pair(state.offset)
        return words


def pair(data, at=0):
    """Eight bytes as two words."""
    return [u32(data, at), u32(data, at + 4)]
