"""Which frame a ready session sends next: control before critical, critical before lossy, receipts last."""

from ..common.clock import elapsed
from ..common.fields import put_u32
from ..spec import (
    ACK_TIMEOUT_MS,
    CRITICAL_PREFIX_BYTES,
    FLAG_BATCH,
    FLAG_CRITICAL,
    HEADER_BYTES,
    POLL_BODY_BYTES,
    STATE_CLOSING,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DATA,
    TYPE_HEARTBEAT,
    TYPE_OPEN,
    TYPE_RESEND,
)
from .codes import NOTHING, PACK_CRITICAL, PACK_LOSSY
from .messages import write_close, write_open

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from .machine import DeviceSession


class Sender:
    """The sending side of one session; poll() of the machine asks it while the session is ready or closing."""

    def __init__(self, session: "DeviceSession"):
        self.session = session
        self.window = session.profile.window_frames
        self.heartbeat_ms = session.profile.heartbeat_ms
        self.sent_at = 0  # when the last turn began
        self.close_sent = False
        self._packing = NOTHING

    def next_frame(self, now: int) -> int:
        """SEND or PACK_ for the next frame of this turn, or NOTHING."""
        session = self.session
        out = session.out
        if out.turn_bytes > POLL_BODY_BYTES - 2 * out.frame_room:
            return NOTHING
        number = session.channels.next_unopened()
        if number:
            session.channels.sent_open(number)
            state = session.channels.items[number - 1]
            return session.emit(TYPE_OPEN, 0, number, 0, out.control, write_open(out.control, state))
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
            session.store.commit(record_bytes, events, channel, session.next_counter, now)
            session.next_counter += events
            return self._send_stored(now)
        session.tally.lossy_handed += events
        session.tally.lossy_settled += events
        return session.emit(TYPE_DATA, FLAG_BATCH, channel, 0, session.out.lossy, record_bytes)

    def urgent(self) -> bool:
        """Whether something should not wait for the profile's update interval."""
        session = self.session
        if session.channels.unopened or session.store.to_send(self.window) or session.state == STATE_CLOSING:
            return True
        return (session.waiting_critical > 0 and session.store.room()) or session.receipts.half_a_window()

    def wake_in_ms(self, now: int, longest_ms: int) -> int:
        """How long a duplex transport has nothing to send if nothing happens; at most `longest_ms`."""
        resend_in = ACK_TIMEOUT_MS + 1 - self.session.store.oldest_wait_ms(now)
        wait = min(longest_ms, self.heartbeat_ms - elapsed(now, self.sent_at), resend_in)
        return self.session.receipts.ack_in_ms(now, wait)

    def _next_events(self, now: int) -> int:
        session = self.session
        store = session.store
        if not store.to_send(self.window) and store.oldest_wait_ms(now) > ACK_TIMEOUT_MS:
            session.tally.resent_frames += store.cursor
            store.rewind()
        if store.to_send(self.window):
            return self._send_stored(now)
        if session.waiting_critical and store.room() and store.used < self.window and session.may_number():
            session.out.pack_into(store.free_buffer(), CRITICAL_PREFIX_BYTES)
            self._packing = PACK_CRITICAL
            return PACK_CRITICAL
        if session.waiting_lossy and session.may_number():
            session.out.pack_into(session.out.lossy, 0)
            self._packing = PACK_LOSSY
            return PACK_LOSSY
        return NOTHING

    def _send_stored(self, now: int) -> int:
        store = self.session.store
        seq = store.base + store.cursor
        slot = store.take(now)
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
