"""Which frame a ready session sends next: control before events, critical before lossy, receipts last.

Two buckets hold events back, and nothing else: `link` the bytes of everything that leaves, so that a modem gets no more than
it drains, and `pace` the events that are packed, by the application's own limit. What is not an event passes both; it is
counted, so that events wait for it. On a transport that sends at any time lossy events collect (batching.py).

Lossy events of a higher priority than the critical ones that wait may go first, but never two frames in a row; after
LOSSY_AFTER critical frames one of waiting lossy events goes in any case. So neither lane starves the other.
"""

from ..common.clock import elapsed
from ..common.fields import put_u32
from ..common.reassembly import write_head
from ..spec import (
    ACK_TIMEOUT_MS,
    CRITICAL_PREFIX_BYTES,
    DROP_TOO_LARGE,
    FLAG_BATCH,
    FLAG_CHECKED,
    FLAG_CRITICAL,
    FLAG_MORE,
    FRAGMENT_HEAD_BYTES,
    HEADER_BYTES,
    NUMBER_LIMIT,
    POLL_BODY_BYTES,
    STATE_CLOSING,
    TRAILER_BYTES,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DATA,
    TYPE_HEARTBEAT,
    TYPE_OPEN,
    TYPE_POLL,
    TYPE_RESEND,
    TYPE_SKIP,
    TYPE_TOKEN,
)
from .bucket import Bucket
from .codes import LETTER, NOTHING, PACK_CRITICAL, PACK_LOSSY, RECODE, TOO_LARGE
from .messages import write_close, write_open, write_token

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from .machine import DeviceSession


LOSSY_AFTER = 8

# POLL: session id, generation, number, proof.
_POLL_FRAME_BYTES = HEADER_BYTES + 40 + TRAILER_BYTES


class Sender:
    """The sending side of one session; poll() of the machine asks it while the session is ready or closing."""

    def __init__(self, session: "DeviceSession"):
        self.session = session
        self.window: int = session.profile.window_frames
        self.window_bytes = NUMBER_LIMIT  # the gateway's, once it has said so
        self.heartbeat_ms: int = session.profile.heartbeat_ms
        self.link: Bucket = Bucket(0, 0, 1)
        self.pace: Bucket = Bucket(0, 0, 1)
        self.flushing = 0  # the application waits for so many flushes: nothing collects
        self.sent_at: int = 0  # when the last turn began
        self.close_sent: bool = False
        self._packing = NOTHING
        self._needs = 0  # slots of the store that a large critical event waits for
        self._messages = 0  # payloads cut so far
        self._piece = 0  # number of the next piece of the lossy payload in out.large
        self._piece_at = 0  # ... where it begins, and where the payload ends
        self._piece_end = 0
        self._piece_flags = 0
        self._piece_channel = 0
        self._run = 0  # critical frames packed since lossy events went last

    def limit_link(self, bytes_per_s: int) -> None:
        """So many bytes may leave per second, a second's worth at once; 0 = no limit."""
        session = self.session
        session.profile.link_bytes_per_s = bytes_per_s
        self.link = Bucket(bytes_per_s, max(bytes_per_s, session.profile.frame_bytes), 1)
        session.batching.settle()

    def limit_pace(self, events_per_s: int) -> None:
        """So many events may leave per second, a second's worth at once; 0 = no limit."""
        self.pace = Bucket(events_per_s, events_per_s, 1)

    def left(self, kind: int, flags: int, count: int) -> None:
        """A frame goes out. POLL is counted at the end of its turn, or it would leave no room for events."""
        if kind != TYPE_POLL:
            self.link.take(HEADER_BYTES + count + (TRAILER_BYTES if flags & FLAG_CHECKED else 0))

    def turn_ended(self, now: int) -> None:
        """All frames of a turn are with the transport."""
        if self.session.polling():
            self.link.take(_POLL_FRAME_BYTES)
        self.sent_at = now

    def next_frame(self, now: int) -> int:
        """SEND or PACK_ for the next frame of this turn, or NOTHING."""
        session = self.session
        out = session.out
        if out.turn_bytes > POLL_BODY_BYTES - 2 * out.frame_room:
            return NOTHING
        patience_ms = session.profile.connect_timeout_ms
        session.channels.remind(now, patience_ms)
        session.renewal.remind(now, patience_ms)
        number = session.channels.next_unopened()
        if number:
            count = write_open(out.control, session.channels.items[number - 1])
            session.channels.sent_open(number, now)
            return session.emit(TYPE_OPEN, 0, number, 0, out.control, count)
        if session.renewal.to_send():
            session.renewal.sent(now)
            count = write_token(out.control, session.renewal.token)
            return session.emit(TYPE_TOKEN, 0, 0, 0, out.control, count)
        if session.receipts.resend_wanted:
            session.receipts.resend_wanted = False
            return session.emit(TYPE_RESEND, 0, 0, 0, out.control, 0)
        command = self._next_events(now)
        return command if command != NOTHING else self._housekeeping(now)

    def packed(self, record_bytes: int, events: int, channel: int, now: int, flags: int = 0) -> int:
        """The driver packed events as PACK_ asked; answers SEND, or NOTHING when there were none.

        flags: how the records are written, of those that were agreed on.
        """
        session = self.session
        if events == 0:
            return NOTHING
        out = session.out
        if out.buffer is out.large and not self._fits_a_frame(record_bytes):
            return self._packed_large(record_bytes, channel, now, flags)
        self.pace.take(events)
        if self._packing == PACK_CRITICAL:
            counter = session.next_counter
            session.store.commit(
                record_bytes, events, channel, counter, now, out.expires_ms, out.retries, out.retry_ms, flags
            )  # fmt: skip
            self._run += 1
            session.next_counter += events
            return self._send_stored(now)
        self._run = 0
        session.tally.lossy_handed += events
        session.tally.lossy_settled += events
        return session.emit(TYPE_DATA, FLAG_BATCH | flags, channel, 0, session.out.lossy, record_bytes)

    def pack_large(self, record_bytes: int) -> int:
        """The event that PACK_ asked for does not fit a frame: PACK_ again, with more room and for this event alone.

        NOTHING: it waits until the store has room for its pieces. TOO_LARGE: it can never go.
        """
        session = self.session
        agreement = session.agreement
        critical = self._packing == PACK_CRITICAL
        prefix = CRITICAL_PREFIX_BYTES if critical else 0
        total = prefix + record_bytes
        if not agreement.up & FLAG_MORE or total > agreement.unpacked_out_bytes or self._chunk() < 1:
            return TOO_LARGE
        if critical:
            pieces = (total + self._chunk() - 1) // self._chunk()
            most = min(session.store.frames, self.window)
            if pieces > most or total + pieces * FRAGMENT_HEAD_BYTES > self.window_bytes:
                return TOO_LARGE
            if session.store.frames - session.store.used < pieces:
                self._needs = pieces
                return NOTHING
        session.out.pack_large(prefix, record_bytes)
        return self._packing

    def _chunk(self) -> int:
        """Bytes of a large payload in one piece."""
        return self.session.out.frame_room - HEADER_BYTES - self.session.out.behind_bytes - FRAGMENT_HEAD_BYTES

    def _fits_a_frame(self, record_bytes: int) -> bool:
        """Whether what lies in out.large turned out to be small; then it is where a frame's events belong."""
        out = self.session.out
        count = out.at - HEADER_BYTES + record_bytes
        if count > self._chunk() + FRAGMENT_HEAD_BYTES:
            return False
        critical = self._packing == PACK_CRITICAL
        buffer = self.session.store.free_buffer() if critical else out.lossy
        buffer[HEADER_BYTES : HEADER_BYTES + count] = memoryview(out.large)[HEADER_BYTES : HEADER_BYTES + count]
        return True

    def _packed_large(self, record_bytes: int, channel: int, now: int, flags: int) -> int:
        """One event lies in out.large."""
        session = self.session
        out = session.out
        self._messages = self._messages + 1 & 0xFFFF
        if self._packing == PACK_CRITICAL:
            session.store.commit_pieces(
                out.large, record_bytes, self._chunk(), self._messages, 1, channel, session.next_counter, now,
                out.expires_ms, out.retries, out.retry_ms, flags,
            )  # fmt: skip
            self._run += 1
            session.next_counter += 1
            return self._send_stored(now)
        self._run = 0
        session.tally.lossy_handed += 1
        session.tally.lossy_settled += 1
        self._piece = 0
        self._piece_at = HEADER_BYTES
        self._piece_end = HEADER_BYTES + record_bytes
        self._piece_flags = FLAG_BATCH | FLAG_MORE | flags
        self._piece_channel = channel
        return self._send_piece()

    def _send_piece(self) -> int:
        """The next piece of the lossy payload."""
        out = self.session.out
        size = min(self._chunk(), self._piece_end - self._piece_at)
        write_head(out.lossy, HEADER_BYTES, self._messages, self._piece, self._piece_end - HEADER_BYTES)
        start = HEADER_BYTES + FRAGMENT_HEAD_BYTES
        out.lossy[start : start + size] = memoryview(out.large)[self._piece_at : self._piece_at + size]
        self._piece += 1
        self._piece_at += size
        count = FRAGMENT_HEAD_BYTES + size
        return self.session.emit(TYPE_DATA, self._piece_flags, self._piece_channel, 0, out.lossy, count)

    def new_transport(self) -> None:
        """What was under way unsequenced is lost with the old transport."""
        self._piece_at = self._piece_end

    def urgent(self, now: int) -> bool:
        """Whether something should not wait for the profile's update interval."""
        session = self.session
        if session.channels.unopened or session.renewal.to_send() or session.state == STATE_CLOSING:
            return True
        if session.renewal.over:
            return False
        if session.receipts.half_a_window():
            return True
        if self._may_go(now):
            return self.link.wait_ms(now) == 0
        return self._may_pack() and self._held_ms(now) == 0

    def urgent_in_ms(self, now: int, longest_ms: int) -> int:
        """How long urgent() is going to say no if nothing happens; at most `longest_ms`."""
        if self.urgent(now):
            return 0
        if self.session.renewal.over:
            return longest_ms
        if self._may_go(now):
            return min(longest_ms, self.link.wait_ms(now))
        return min(longest_ms, self._held_ms(now)) if self._may_pack() else longest_ms

    def wake_in_ms(self, now: int, longest_ms: int) -> int:
        """How long a duplex transport has nothing to send if nothing happens; at most `longest_ms`."""
        session = self.session
        patience_ms = session.profile.connect_timeout_ms
        wait = session.receipts.ack_in_ms(now, min(longest_ms, self.heartbeat_ms - elapsed(now, self.sent_at)))
        wait = session.channels.remind_in_ms(now, patience_ms, session.renewal.remind_in_ms(now, patience_ms, wait))
        if session.renewal.over:
            return wait
        wait = min(wait, ACK_TIMEOUT_MS + 1 - session.store.oldest_wait_ms(now))
        held = self._held_ms(now)
        if held and (self._may_go(now) or (session.waiting_critical and session.store.room())):
            wait = min(wait, held)
        if session.waiting_lossy:
            held = max(held, session.batching.due_in_ms(session.waiting_lossy, now))
            wait = min(wait, held) if held else wait
        return wait

    def _may_go(self, now: int) -> bool:
        """Whether something lies packed and may go by the windows."""
        return self._piece_at < self._piece_end or self.session.store.to_send(self.window, self.window_bytes, now) > 0

    def _may_pack(self) -> bool:
        """Whether events wait that should not wait for the profile's update interval."""
        session = self.session
        if session.waiting_critical and session.store.room():
            return True
        lossy = session.waiting_lossy
        return lossy > 0 and (self.flushing > 0 or session.batching.full(lossy))

    def _held_ms(self, now: int) -> int:
        """How long the buckets hold events back."""
        return max(self.link.wait_ms(now), self.pace.wait_ms(now))

    def _lossy_due(self, now: int) -> bool:
        """Whether lossy events go that wait; a turn of a polling transport takes along what there is."""
        session = self.session
        due = session.batching.due(session.waiting_lossy, now)
        if session.waiting_lossy == 0 or not session.may_number():
            return False
        return due or self.flushing > 0 or session.state == STATE_CLOSING or session.polling()

    def _next_events(self, now: int) -> int:
        session = self.session
        store = session.store
        if session.renewal.over:
            return NOTHING  # the gateway takes no events before it has a new token
        ready = store.to_send(self.window, self.window_bytes, now)
        if not ready and store.oldest_wait_ms(now) > ACK_TIMEOUT_MS:
            session.tally.resent_frames += store.cursor
            store.rewind()
            ready = store.to_send(self.window, self.window_bytes, now)
        if ready:
            if store.expire(now):
                session.tally.expired += store.letter_events
                return LETTER
            if self.link.wait_ms(now):
                return NOTHING
            return self._send_stored(now) if self._sendable() else self._recode()
        if self.link.wait_ms(now):
            return NOTHING
        if self._piece_at < self._piece_end:
            return self._send_piece()
        if self.pace.wait_ms(now):
            return NOTHING
        session.out.most_events = self.pace.room(now, session.batching.events)
        if self._lossy_due(now) and (self._lossy_first() or not self._critical_room()):
            session.out.pack_into(session.out.lossy, 0)
            self._packing = PACK_LOSSY
            return PACK_LOSSY
        if self._critical_room() and session.may_number():
            session.out.pack_into(store.free_buffer(), CRITICAL_PREFIX_BYTES)
            self._packing = PACK_CRITICAL
            return PACK_CRITICAL
        return NOTHING

    def _sendable(self) -> bool:
        """Whether this gateway takes the next frame as it was packed: for another one, perhaps."""
        return (
            not self.session.store.flags(self.session.store.next_slot()) & ~self.session.agreement.up and self._fits()
        )

    def _fits(self) -> bool:
        session = self.session
        room = session.out.frame_room - HEADER_BYTES - session.out.behind_bytes
        return session.store.fits(room, self.window, self.window_bytes, session.agreement.unpacked_out_bytes)

    def _recode(self) -> int:
        """The frame was packed for a gateway that took more than this one does."""
        store = self.session.store
        out = self.session.out
        slot = store.next_slot()
        if store.flags(slot) & FLAG_MORE or not self._fits():
            return self.recoded(0)
        out.pack_into(store.buffer(slot), CRITICAL_PREFIX_BYTES)
        out.count = store.payload_bytes(slot) - CRITICAL_PREFIX_BYTES
        out.flags = store.flags(slot)
        return RECODE

    def recoded(self, record_bytes: int) -> int:
        """The driver wrote the records plain, as RECODE asked; 0 where they do not fit: the events cannot go any more."""
        session = self.session
        if record_bytes:
            session.store.recode(record_bytes)
            return NOTHING
        session.store.give_up(DROP_TOO_LARGE)
        session.tally.too_large += session.store.letter_events
        return LETTER

    def _critical_room(self) -> bool:
        """Whether critical events wait and may be packed: a whole frame must fit the windows."""
        session = self.session
        store = session.store
        if store.frames - store.used < self._needs:
            return False
        self._needs = 0
        if not session.waiting_critical or not store.room() or store.used >= self.window or store.cursor < store.used:
            return False
        return store.used == 0 or store.bytes_out + session.out.frame_room <= self.window_bytes

    def _lossy_first(self) -> bool:
        session = self.session
        if self._run >= LOSSY_AFTER:
            return True
        return session.lossy_priority > session.critical_priority and self._run > 0

    def _send_stored(self, now: int) -> int:
        store = self.session.store
        seq = store.base + store.cursor
        slot = store.take(now)
        if store.skipped(slot):
            return self.session.emit(TYPE_SKIP, 0, 0, seq, store.buffer(slot), 0)
        flags = FLAG_CRITICAL | FLAG_BATCH | store.flags(slot)
        channel = store.channel(slot)
        return self.session.emit(TYPE_DATA, flags, channel, seq, store.buffer(slot), store.payload_bytes(slot))

    def _housekeeping(self, now: int) -> int:
        if self.close_sent:
            return NOTHING
        session = self.session
        control = session.out.control
        if session.state == STATE_CLOSING:
            drained = session.store.used == 0 and session.waiting_critical == 0
            if drained or session.close_due(now):
                self.close_sent = True
                return session.emit(TYPE_CLOSE, 0, 0, 0, control, write_close(control, 0))
        if session.receipts.ack_due(now):
            put_u32(control, HEADER_BYTES, 0)
            return session.emit(TYPE_ACK, 0, 0, 0, control, 4)
        if not session.polling() and elapsed(now, self.sent_at) >= self.heartbeat_ms:
            self.sent_at = now
            put_u32(control, HEADER_BYTES, session.tally.lossy_handed)
            put_u32(control, HEADER_BYTES + 4, 0)
            return session.emit(TYPE_HEARTBEAT, 0, 0, 0, control, 8)
        return NOTHING
