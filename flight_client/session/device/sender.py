"""Which frame a ready session sends next: control before events, critical before lossy, receipts last.

Lossy events of a higher priority than the critical ones that wait may go first, but never two frames in a row; after
LOSSY_AFTER critical frames one of waiting lossy events goes in any case. So neither lane starves the other.
"""

from ..common.clock import elapsed
from ..common.fields import put_u32
from ..spec import (
    ACK_TIMEOUT_MS,
    CRITICAL_PREFIX_BYTES,
    FLAG_BATCH,
    FLAG_CRITICAL,
    HEADER_BYTES,
    NUMBER_LIMIT,
    POLL_BODY_BYTES,
    STATE_CLOSING,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DATA,
    TYPE_HEARTBEAT,
    TYPE_OPEN,
    TYPE_RESEND,
    TYPE_SKIP,
)
from .codes import LETTER, NOTHING, PACK_CRITICAL, PACK_LOSSY
from .messages import write_close, write_open

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from .machine import DeviceSession


LOSSY_AFTER = 8


class Sender:
    """The sending side of one session; poll() of the machine asks it while the session is ready or closing."""

    def __init__(self, session: "DeviceSession"):
        self.session = session
        self.window = session.profile.window_frames
        self.window_bytes = NUMBER_LIMIT  # the gateway's, once it has said so
        self.heartbeat_ms = session.profile.heartbeat_ms
        self.sent_at = 0  # when the last turn began
        self.close_sent = False
        self._packing = NOTHING
        self._run = 0  # critical frames packed since lossy events went last

    def next_frame(self, now: int) -> int:
        """SEND or PACK_ for the next frame of this turn, or NOTHING."""
        session = self.session
        out = session.out
        if out.turn_bytes > POLL_BODY_BYTES - 2 * out.frame_room:
            return NOTHING
        number = session.channels.next_unopened()
        if number:
            count = write_open(out.control, session.channels.items[number - 1])
            session.channels.sent_open(number)
            return session.emit(TYPE_OPEN, 0, number, 0, out.control, count)
        if session.receipts.resend_wanted:
            session.receipts.resend_wanted = False
            return session.emit(TYPE_RESEND, 0, 0, 0, out.control, 0)
        command = self._next_events(now)
        return command if command != NOTHING else self._housekeeping(now)

    def packed(self, record_bytes: int, events: int, channel: int, now: int) -> int:
        """The driver packed events as PACK_ asked; answers SEND, or NOTHING when there were none."""
        session = self.session
        if events == 0:
            return NOTHING
        if self._packing == PACK_CRITICAL:
            out = session.out
            counter = session.next_counter
            session.store.commit(record_bytes, events, channel, counter, now, out.expires_ms, out.retries, out.retry_ms)
            self._run += 1
            session.next_counter += events
            return self._send_stored(now)
        self._run = 0
        session.tally.lossy_handed += events
        session.tally.lossy_settled += events
        return session.emit(TYPE_DATA, FLAG_BATCH, channel, 0, session.out.lossy, record_bytes)

    def urgent(self, now: int) -> bool:
        """Whether something should not wait for the profile's update interval."""
        session = self.session
        store = session.store
        if session.channels.unopened or store.to_send(self.window, self.window_bytes, now):
            return True
        if session.state == STATE_CLOSING:
            return True
        return (session.waiting_critical > 0 and store.room()) or session.receipts.half_a_window()

    def wake_in_ms(self, now: int, longest_ms: int) -> int:
        """How long a duplex transport has nothing to send if nothing happens; at most `longest_ms`."""
        resend_in = ACK_TIMEOUT_MS + 1 - self.session.store.oldest_wait_ms(now)
        wait = min(longest_ms, self.heartbeat_ms - elapsed(now, self.sent_at), resend_in)
        return self.session.receipts.ack_in_ms(now, wait)

    def _next_events(self, now: int) -> int:
        session = self.session
        store = session.store
        ready = store.to_send(self.window, self.window_bytes, now)
        if not ready and store.oldest_wait_ms(now) > ACK_TIMEOUT_MS:
            session.tally.resent_frames += store.cursor
            store.rewind()
            ready = store.to_send(self.window, self.window_bytes, now)
        if ready:
            if store.expire(now):
                session.tally.expired += store.letter_events
                return LETTER
            return self._send_stored(now)
        if session.waiting_lossy and session.may_number() and (self._lossy_first() or not self._critical_room()):
            session.out.pack_into(session.out.lossy, 0)
            self._packing = PACK_LOSSY
            return PACK_LOSSY
        if self._critical_room() and session.may_number():
            session.out.pack_into(store.free_buffer(), CRITICAL_PREFIX_BYTES)
            self._packing = PACK_CRITICAL
            return PACK_CRITICAL
        return NOTHING

    def _critical_room(self) -> bool:
        """Whether critical events wait and may be packed: a whole frame must fit the windows."""
        session = self.session
        store = session.store
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
        flags = FLAG_CRITICAL | FLAG_BATCH
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
