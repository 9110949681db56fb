"""The session of a device: happenings and frames in, commands and frames out.

The driver owns the transport, the clock, the random source and the event rings. It tells what happened (start, opened,
failed, receive, turn_done, probed, close) and then calls poll() until that answers NOTHING. `now` is wrapping
milliseconds (common/clock.py), `random` is 16 fresh random bits. Not thread-safe: one driver, one thread.

How a frame leaves: poll() answers SEND with the header in out_type, out_flags, out_channel, out_seq, out_ack and the
payload in `out` from offset 16, out_bytes long; the driver seals the header in place and sends out[:total] at once,
before it calls poll() again.
"""

from ..common.clock import elapsed, later
from ..common.fields import fill, is_zero, put_u32, same
from ..common.profile import Profile
from ..spec import (
    ACK_DELAY_MS,
    ACK_TIMEOUT_MS,
    CLOSE_WAIT_MS,
    CRITICAL_PREFIX_BYTES,
    DEVICE_CHANNELS,
    FLAG_BATCH,
    FLAG_CHECKED,
    FLAG_CRITICAL,
    HEADER_BYTES,
    HELLO_FRAME_BYTES,
    NUMBER_LIMIT,
    POLL_BODY_BYTES,
    STATE_ATTACHING,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TRAILER_BYTES,
    TRANSPORT_POLLING,
    TYPE_ACK,
    TYPE_ATTACH,
    TYPE_CLOSE,
    TYPE_DATA,
    TYPE_HEARTBEAT,
    TYPE_HELLO,
    TYPE_OPEN,
    TYPE_POLL,
    TYPE_RESEND,
)
from . import states
from .channels import ChannelTable
from .codes import DROP, NOTHING, OPEN, PACK_CRITICAL, PACK_LOSSY, PROBE, SEND, TURN
from .identity import Identity
from .messages import Ending, Welcome, write_attach, write_close, write_hello, write_open, write_poll
from .policy import Policy
from .prover import Prover
from .store import SendStore
from .tally import Tally

# A session is renewed, once nothing waits for an acknowledgement, before a number could reach the limit.
RENEW_AT = NUMBER_LIMIT - 0x10000


class DeviceSession:
    """One client's session; see the module for how it is driven."""

    def __init__(
        self,
        profile: Profile,
        identity: Identity,
        prover: Prover,
        transports: tuple[int, ...] | None = None,
        channel_limit: int = DEVICE_CHANNELS,
    ):
        self.profile = profile
        self.identity = identity
        self.policy = Policy(profile, transports if transports else profile.transports)
        self.channels = ChannelTable(channel_limit)
        self.store = SendStore(profile.window_frames, profile.frame_bytes)
        self.tally = Tally()
        self.welcome = Welcome()
        self.ending = Ending()
        self.prover = prover
        self.state = STATE_IDLE
        self.reason = 0  # the code that stopped us
        self.generation = 0
        self.known = False  # we hold a session that ATTACH may go on with
        self.resumed = False  # the present connection went on with it
        self.nonce = bytearray(8)  # the driver fills it with random bytes before opened()
        self.waiting_critical = 0  # events in the rings: the driver sets both before poll()
        self.waiting_lossy = 0
        self.next_in = 1  # next sequence number expected from the gateway
        self.next_counter = 1  # counter of the next critical event
        self.out_type = 0
        self.out_flags = 0
        self.out_channel = 0
        self.out_seq = 0
        self.out_ack = 0
        self.out_bytes = 0
        self.out_at = 0
        self.out_room = 0
        self._control = bytearray(HELLO_FRAME_BYTES)
        self._lossy = bytearray(profile.frame_bytes)
        self.out = self._control
        self._frame_room = profile.frame_bytes
        self._window = profile.window_frames
        self._heartbeat_ms = profile.heartbeat_ms
        self._epoch = bytearray(8)  # of the log that has counted our events
        self._packing = NOTHING
        self._open_asked = False  # OPEN of this attempt was answered
        self._drop_first = False
        self._greeted = False  # HELLO or ATTACH of this attempt went out
        self._deadline = 0
        self._retry_at = 0
        self._close_at = 0
        self._close_sent = False
        self._unacked_in = 0
        self._ack_at = 0
        self._resend_wanted = False
        self._resend_asked = 0  # the number for which a resend was asked on this transport
        self._heard_at = 0
        self._sent_at = 0
        self._in_turn = False
        self._turn_bytes = 0
        self._awaiting = False  # a turn is with the transport, the next one waits for turn_done()
        self._turn_at = 0
        self._poll_number = 0
        self._poll_now = False
        self._renew = False  # numbers ran out: a new session on a new transport

    # What happened

    def start(self, now: int) -> None:
        """The application wants to be connected."""
        self._go(states.START)

    def opened(self, now: int) -> None:
        """The transport that OPEN asked for is open; `nonce` is filled."""
        if self.state != STATE_OPENING:
            return
        self._heard_at = now
        self._greeted = False
        self._in_turn = False
        self._awaiting = False
        if self.generation >= RENEW_AT:
            self.known = False
        self._go(states.OPENED_KNOWN if self.known else states.OPENED_NEW)

    def failed(self, now: int, random: int) -> None:
        """The transport could not be opened, or died."""
        if self.state in (STATE_IDLE, STATE_WAITING, STATE_CLOSED, STATE_STOPPED):
            return
        self.policy.failed(now)
        self._go(states.FAILED)
        self._retry_at = later(now, self.policy.wait_ms(random))

    def turn_done(self, now: int) -> None:
        """The transport takes the next turn: the reply to a poll was read, or the bytes are with the socket."""
        self._awaiting = False
        if self._polling():
            self._turn_at = now

    def probed(self, works: bool, now: int) -> None:
        """The throw-away connection got its answer, or did not."""
        if not self.policy.probing:
            return
        if works and self.state == STATE_READY:
            self.policy.upgrade()
            self._go(states.UPGRADE)
            self._open_asked = False
            self._drop_first = True
            return
        self.policy.probe_failed(now)

    def close(self, now: int) -> None:
        """The application closes: what is queued may go for another second."""
        if self.state != STATE_CLOSING:
            self._close_at = later(now, CLOSE_WAIT_MS)
        self._go(states.CLOSE)

    # What to do next

    def poll(self, now: int, random: int) -> int:
        """The next command for the driver (codes.py)."""
        state = self.state
        if state == STATE_READY or state == STATE_CLOSING:
            return self._poll_ready(now, random)
        if state == STATE_WAITING:
            if elapsed(now, self._retry_at) < 0:
                return NOTHING
            self._go(states.DUE)
            self._open_asked = False
            return self._poll_opening(now, random)
        if state == STATE_OPENING:
            return self._poll_opening(now, random)
        if state == STATE_GREETING or state == STATE_ATTACHING:
            return self._poll_greeting(now, random)
        return NOTHING

    def wake_in_ms(self, now: int) -> int:
        """How long poll() has nothing to do if nothing happens; never more than a heartbeat."""
        if self.state == STATE_WAITING:
            return max(0, -elapsed(now, self._retry_at))
        if (self.state == STATE_OPENING and not self._open_asked) or (self.state == STATE_READY and self._renew):
            return 0
        if STATE_OPENING <= self.state <= STATE_ATTACHING:  # a tuple of states would take heap
            return max(0, -elapsed(now, self._deadline))
        wait = self._heartbeat_ms
        if self.state != STATE_READY and self.state != STATE_CLOSING:
            return wait
        polling = self._polling()
        if self._awaiting or not polling:
            wait = min(wait, self._silent_ms() + 1 - elapsed(now, self._heard_at))
        if self.state == STATE_CLOSING:
            wait = min(wait, -elapsed(now, self._close_at))
        if not self._awaiting and polling:
            due = self.profile.poll_floor_ms if self._urgent(now) else self.profile.update_interval_ms
            wait = min(wait, due - elapsed(now, self._turn_at))
        elif not self._awaiting:
            resend_in = ACK_TIMEOUT_MS + 1 - self.store.oldest_wait_ms(now)
            wait = min(wait, self._heartbeat_ms - elapsed(now, self._sent_at), resend_in)
            if self._unacked_in:
                wait = min(wait, -elapsed(now, self._ack_at))
        return max(0, self.policy.probe_wait_ms(now, wait) if self.state == STATE_READY else wait)

    def packed(self, record_bytes: int, events: int, channel: int, now: int) -> int:
        """The driver packed events as PACK_ asked; answers SEND, or NOTHING when there were none."""
        if events == 0:
            return NOTHING
        if self._packing == PACK_CRITICAL:
            self.store.commit(record_bytes, events, channel, self.next_counter, now)
            self.next_counter += events
            return self._send_stored(now)
        self.tally.lossy_handed += events
        self.tally.lossy_settled += events
        return self._emit(TYPE_DATA, FLAG_BATCH, channel, 0, self._lossy, record_bytes)

    # One state each

    def _poll_opening(self, now: int, random: int) -> int:
        if self._drop_first:  # an upgrade: the old transport goes before the new one comes
            self._drop_first = False
            return DROP
        if not self._open_asked:
            self._open_asked = True
            self._deadline = later(now, self.profile.connect_timeout_ms)
            return OPEN
        if elapsed(now, self._deadline) >= 0:
            self.failed(now, random)
            return DROP
        return NOTHING

    def _poll_greeting(self, now: int, random: int) -> int:
        if self._in_turn:
            self._in_turn = False
            self._awaiting = True
            self._turn_at = now
            return TURN
        if not self._greeted:
            self._greeted = True
            self._in_turn = True
            self._deadline = later(now, self.profile.connect_timeout_ms)
            if self.state == STATE_GREETING:
                count = write_hello(self._control, self.identity, self.profile, self.nonce)
                return self._emit(TYPE_HELLO, FLAG_CHECKED, 0, 0, self._control, count)
            self.generation += 1
            count = write_attach(self._control, self.welcome.session_id, self.generation, self.next_in)
            self.prover.attach(self._control, HEADER_BYTES + 24, self.generation)
            return self._emit(TYPE_ATTACH, FLAG_CHECKED, 0, 0, self._control, count)
        if elapsed(now, self._deadline) >= 0:
            self.failed(now, random)
            return DROP
        return NOTHING

    def _poll_ready(self, now: int, random: int) -> int:
        polling = self._polling()
        over = self.state == STATE_CLOSING and elapsed(now, self._close_at) >= 0
        if over and (polling or self._awaiting or self._close_sent):
            self._go(states.DONE)
            return DROP
        if self._renew or (elapsed(now, self._heard_at) > self._silent_ms() and (self._awaiting or not polling)):
            self.known = self.known and not self._renew
            self._renew = False
            self.failed(now, random)
            return DROP
        if self._awaiting:
            return NOTHING
        if polling and not self._in_turn and self._close_sent:
            self._go(states.DONE)
            return DROP
        if polling and not self._in_turn and self._poll_due(now):
            return self._begin_turn(now)
        if not polling or self._in_turn:
            command = self._next_frame(now)
            if command != NOTHING:
                self._in_turn = True
                return command
        if self._in_turn:
            return self._end_turn(now)
        if self._close_sent:
            self._go(states.DONE)
            return DROP
        if self.state == STATE_READY and self.policy.probe_due(now):
            self.policy.probing = True
            return PROBE
        return NOTHING

    def _begin_turn(self, now: int) -> int:
        self._in_turn = True
        self._poll_now = False
        self._heard_at = now  # the silence that counts on polling begins with the request
        self._poll_number += 1
        count = write_poll(self._control, self.welcome.session_id, self.generation, self._poll_number)
        self.prover.poll(self._control, HEADER_BYTES + 24, self.generation, self._poll_number)
        return self._emit(TYPE_POLL, FLAG_CHECKED, 0, 0, self._control, count)

    def _end_turn(self, now: int) -> int:
        self._in_turn = False
        self._turn_bytes = 0
        self._sent_at = now
        self._turn_at = now
        self._awaiting = True
        return TURN

    # Frames, in order of importance

    def _next_frame(self, now: int) -> int:
        if self._turn_bytes > POLL_BODY_BYTES - 2 * self._frame_room:
            return NOTHING
        number = self.channels.next_unopened()
        if number:
            self.channels.sent_open(number)
            state = self.channels.items[number - 1]
            return self._emit(TYPE_OPEN, 0, number, 0, self._control, write_open(self._control, state))
        if self._resend_wanted:
            self._resend_wanted = False
            return self._emit(TYPE_RESEND, 0, 0, 0, self._control, 0)
        if not self.store.to_send(self._window) and self.store.oldest_wait_ms(now) > ACK_TIMEOUT_MS:
            self.tally.resent_frames += self.store.cursor
            self.store.rewind()
        if self.store.to_send(self._window):
            return self._send_stored(now)
        if self.waiting_critical and self.store.room() and self.store.used < self._window:
            if self._may_number():
                return self._pack(PACK_CRITICAL, self.store.free_buffer(), CRITICAL_PREFIX_BYTES)
        if self.waiting_lossy and self._may_number():
            return self._pack(PACK_LOSSY, self._lossy, 0)
        return self._housekeeping(now)

    def _housekeeping(self, now: int) -> int:
        if self._close_sent:
            return NOTHING
        if self.state == STATE_CLOSING:
            drained = self.store.used == 0 and self.waiting_critical == 0
            if drained or elapsed(now, self._close_at) >= 0:
                self._close_sent = True
                return self._emit(TYPE_CLOSE, 0, 0, 0, self._control, write_close(self._control, 0))
        if self._unacked_in and (elapsed(now, self._ack_at) >= 0 or self._unacked_in * 2 >= self.profile.window_frames):
            put_u32(self._control, HEADER_BYTES, 0)
            return self._emit(TYPE_ACK, 0, 0, 0, self._control, 4)
        if not self._polling() and elapsed(now, self._sent_at) >= self._heartbeat_ms:
            self._sent_at = now
            put_u32(self._control, HEADER_BYTES, self.tally.lossy_handed)
            put_u32(self._control, HEADER_BYTES + 4, 0)
            return self._emit(TYPE_HEARTBEAT, 0, 0, 0, self._control, 8)
        return NOTHING

    def _send_stored(self, now: int) -> int:
        seq = self.store.base + self.store.cursor
        slot = self.store.take(now)
        buffer = self.store.buffer(slot)
        flags = FLAG_CRITICAL | FLAG_BATCH
        return self._emit(TYPE_DATA, flags, self.store.channel(slot), seq, buffer, self.store.payload_bytes(slot))

    def _pack(self, lane: int, buffer: bytearray, prefix_bytes: int) -> int:
        self._packing = lane
        self.out = buffer
        self.out_at = HEADER_BYTES + prefix_bytes
        self.out_room = self._frame_room - self.out_at - TRAILER_BYTES
        return lane

    def _emit(self, kind: int, flags: int, channel: int, seq: int, buffer: bytearray, count: int) -> int:
        self.out_type = kind
        self.out_flags = flags
        self.out_channel = channel
        self.out_seq = seq
        self.out_ack = self.next_in if self.state == STATE_READY or self.state == STATE_CLOSING else 0
        self.out_bytes = count
        self.out = buffer
        self._turn_bytes += HEADER_BYTES + count
        if self.out_ack:
            self._unacked_in = 0
        return SEND

    # Small answers

    def _polling(self) -> bool:
        return self.policy.transport() == TRANSPORT_POLLING

    def _silent_ms(self) -> int:
        return self.profile.connect_timeout_ms if self._polling() else 2 * self._heartbeat_ms

    def _urgent(self, now: int) -> bool:
        if self._poll_now or self.channels.unopened or self.store.to_send(self._window) or self.state == STATE_CLOSING:
            return True
        return (self.waiting_critical > 0 and self.store.room()) or self._unacked_in * 2 >= self.profile.window_frames

    def _poll_due(self, now: int) -> bool:
        since = elapsed(now, self._turn_at)
        return since >= self.profile.update_interval_ms or (since >= self.profile.poll_floor_ms and self._urgent(now))

    def _may_number(self) -> bool:
        """Whether numbers are left; when they run out and nothing is held, the session starts anew."""
        if max(self.next_counter, self.store.base + self.store.used, self.tally.lossy_handed) < RENEW_AT:
            return True
        if self.store.used == 0:
            fill(self.identity.incarnation, 0, 8, 0)
            self._renew = True
        return False

    def _go(self, happening: int) -> None:
        self.state = states.next_state(self.state, happening)

    # What the inbox reports (receive.py)

    def session_lost(self) -> None:
        """The gateway does not know our session: HELLO on the same transport."""
        self.known = False
        self._greeted = False
        self._in_turn = False
        self._go(states.RESET)

    def session_ready(self, now: int) -> None:
        """WELCOME or RESUMED was read: frames may flow."""
        self.store.rewind()
        self.policy.ready(now)
        self.channels.ask_again(not self.resumed)
        self.tally.connections += 1
        self._heard_at = now
        self._sent_at = now
        self._turn_bytes = 0
        self._unacked_in = self._resend_asked = 0
        self._resend_wanted = False
        self._turn_at = later(now, -self.profile.update_interval_ms)
        self._go(states.RESUMED if self.resumed else states.WELCOMED)

    def begin(self) -> None:
        """Take over what WELCOME granted: numbers start again, what the gateway holds is settled."""
        welcome = self.welcome
        self.known = True
        self.resumed = False
        self.generation = 0
        self.next_in = 1
        self._poll_number = 0
        self._heartbeat_ms = welcome.heartbeat_ms
        self._window = min(self.profile.window_frames, welcome.window_frames)
        self._frame_room = min(self.profile.frame_bytes, welcome.frame_bytes)
        self.policy.announce(welcome.spread_ms)
        self.prover.begin(self.identity.token, self.nonce, welcome.server_nonce)
        incarnation = self.identity.incarnation
        if is_zero(incarnation, 0, 8) or not same(incarnation, 0, welcome.incarnation, 0, 8):
            incarnation[:] = welcome.incarnation
            self.next_counter = self.store.recount(welcome.mark + 1)
            self.tally.lossy_restart(0, log_replaced=True)
        self.store.acknowledge_counters(welcome.mark)
        self.tally.acknowledged(self.store)
        if self.next_counter <= welcome.mark:
            self.next_counter = welcome.mark + 1
        self.tally.lossy_restart(welcome.lossy_stored, not same(self._epoch, 0, welcome.epoch, 0, 8))
        self._epoch[:] = welcome.epoch
        self.store.renumber()

    def sequenced(self, seq: int, now: int) -> bool:
        """Accept only the next number; anything else is acknowledged again, a jump asks once for a resend."""
        if self._unacked_in == 0:
            self._ack_at = later(now, ACK_DELAY_MS)
        self._unacked_in += 1
        if seq == self.next_in:
            self.next_in += 1
            return True
        if seq > self.next_in:
            self._resend_wanted = self._resend_wanted or self._resend_asked != self.next_in
            self._resend_asked = self.next_in
        else:
            self.tally.duplicates += 1
        return False

    def stop(self, code: int) -> None:
        """A refusal that no retry can heal."""
        self.reason = code
        self._go(states.FATAL)

    def poll_soon(self) -> None:
        """The gateway has more for us than one reply held."""
        self._poll_now = True

    def heard(self, now: int) -> None:
        """Any frame is a sign of life."""
        self._heard_at = now
        self.policy.heard()
