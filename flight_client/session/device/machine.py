"""The session of a device: happenings and frames in, commands and frames out.

The driver owns the transport, the clock, the random source and the event rings. It tells what happened (start, opened,
failed, receive, turn_done, probed, pause, go_on, close) and then calls poll() until that answers NOTHING. `now` is wrapping
milliseconds (common/clock.py), `random` is 16 fresh random bits. Not thread-safe: one driver, one thread.

How a frame leaves: poll() answers SEND with the frame in `out` (outgoing.py); the driver seals the header in place and
sends the frame at once, before it calls poll() again.

The parts: states.py says what follows what, policy.py when and where to connect, sender.py what goes next, receipts.py
what we owe for what came in, store.py what may have to go again, inbox.py what a received frame means.
"""

from ..common.clock import LONGEST_MS, elapsed, later
from ..common.fields import Buffer, fill, is_zero, same
from ..common.profile import Profile
from ..spec import (
    AUTH_NONE,
    CLOSE_WAIT_MS,
    DEVICE_CHANNELS,
    FATAL_CODES,
    FLAG_AUTHENTICATED,
    FLAG_CHECKED,
    HEADER_BYTES,
    NUMBER_LIMIT,
    STATE_ATTACHING,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_PAUSED,
    STATE_READY,
    STATE_WAITING,
    TAG_BYTES,
    TRAILER_BYTES,
    TRANSPORT_POLLING,
    TYPE_ATTACH,
    TYPE_HELLO,
    TYPE_POLL,
)
from . import states
from .agreement import Agreement
from .batching import Batching
from .channels import ChannelTable
from .codes import ADVICE_BACK_OFF, ADVICE_POLLING, DROP, NOTHING, OPEN, PROBE, REFRESH, SEND, TURN
from .identity import Identity
from .messages import Ending, Welcome, write_attach, write_hello, write_poll
from .outgoing import Outgoing
from .policy import Policy
from .prover import Prover
from .receipts import Receipts
from .renewal import Renewal
from .sender import Sender
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
        self.policy: Policy = Policy(profile, transports if transports else profile.transports)
        self.channels: ChannelTable = ChannelTable(channel_limit)
        self.batching: Batching = Batching(profile)
        self.store: SendStore = SendStore(profile.window_frames, profile.frame_bytes)
        self.tally: Tally = Tally()
        self.agreement: Agreement = Agreement(profile)
        self.welcome: Welcome = Welcome()
        self.ending: Ending = Ending()
        self.prover = prover
        self.state: int = STATE_IDLE
        self.reason: int = 0  # the code that stopped us
        self.fatal_codes: tuple[int, ...] = FATAL_CODES  # the driver may put the application's judgement here
        self.generation: int = 0
        self.known: bool = False  # we hold a session that ATTACH may go on with
        self.resumed: bool = False  # the present connection went on with it
        self.nonce: bytearray = bytearray(8)  # the driver fills it with random bytes before opened()
        self.waiting_critical = 0  # events in the rings: the driver sets both before poll()
        self.waiting_lossy = 0
        self.critical_priority = 0  # of what waits: the driver may set both too
        self.lossy_priority = 0
        self.next_counter: int = 1  # counter of the next critical event
        self.counted: int = 0  # critical events of earlier incarnations
        self.out: Outgoing = Outgoing(profile.frame_bytes)
        self.receipts: Receipts = Receipts(profile)
        self.renewal: Renewal = Renewal()
        self.sender: Sender = Sender(self)
        self._epoch = bytearray(8)  # of the log that has counted our events
        self._log_kept = True  # WELCOME told of the same log and incarnation as before
        self._open_asked = False  # OPEN of this attempt was answered
        self._drop_first = False
        self._greeted = False  # HELLO or ATTACH of this attempt went out
        self._deadline = 0
        self._retry_at = 0
        self._close_at = 0
        self._heard_at = 0
        self._in_turn = False
        self._awaiting = False  # a turn is with the transport, the next one waits for turn_done()
        self._turn_at = 0
        self._poll_number = 0
        self._poll_now = False
        self._renew = False  # numbers ran out: a new session on a new transport
        self._pausing = False  # pause() was called, and a turn is still under way

    # What happened

    def start(self, now: int) -> None:
        """The application wants to be connected."""
        self._go(states.START)

    def adapt(self) -> None:
        """Let lossy events collect, and keep to the profile's link rate; without it everything goes as soon as it may."""
        self.batching.begin()
        self.sender.limit_link(self.profile.link_bytes_per_s)

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
        if self.state < STATE_OPENING or self.state > STATE_CLOSING:  # a tuple of states would take heap
            return
        if self._pausing:
            self._leave(now)
            return
        self.policy.failed(now)
        self._go(states.FAILED)
        self._retry_at = later(now, self.policy.wait_ms(random))

    def restore(self, incarnation: Buffer, mark: int, counted: int) -> None:
        """Go on with the numbers of a resume record (common/resume.py); before start()."""
        self.identity.incarnation[:] = incarnation
        self.next_counter = mark + 1
        self.counted = counted

    def settled_counter(self) -> int:
        """Every critical event of this incarnation up to this counter is settled."""
        return self.store.first_counter(self.next_counter) - 1

    def recover(self, advice: int) -> None:
        """The application's judgement of the failure that we wait after (codes.py: ADVICE_)."""
        if self.state != STATE_WAITING:
            return
        if advice == ADVICE_POLLING:
            self.policy.use(TRANSPORT_POLLING)
        elif advice == ADVICE_BACK_OFF:
            self.policy.back_off()

    def turn_done(self, now: int) -> None:
        """The transport takes the next turn: the reply to a poll was read, or the bytes are with the socket."""
        self._awaiting = False
        if self.polling():
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

    def pause(self, now: int) -> None:
        """The application wants no connection for now: the turn under way ends, for a second at most, then the link goes."""
        if self.state == STATE_READY and (self._in_turn or self._awaiting) and not self._pausing:
            self._pausing = True
            self._deadline = later(now, CLOSE_WAIT_MS)
        elif not self._pausing and self.state != STATE_CLOSING:
            self._leave(now)

    def go_on(self, now: int) -> None:
        """The application wants a connection again: at once."""
        self._pausing = False
        self._go(states.GO_ON)

    def close(self, now: int) -> None:
        """The application closes: what is queued may go for another second."""
        if self.state != STATE_CLOSING:
            self._close_at = later(now, CLOSE_WAIT_MS)
        self._pausing = False
        self._go(states.CLOSE)

    # What to do next

    def poll(self, now: int, random: int) -> int:
        """The next command for the driver (codes.py)."""
        if self._pausing and self._may_leave(now):
            self._leave(now)
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
        if state == STATE_PAUSED and self._drop_first:
            self._drop_first = False
            return DROP
        return NOTHING

    def wake_in_ms(self, now: int) -> int:
        """How long poll() has nothing to do if nothing happens; never more than a heartbeat."""
        if self.state == STATE_WAITING:
            return max(0, -elapsed(now, self._retry_at))
        if (self.state == STATE_OPENING and not self._open_asked) or (self.state == STATE_READY and self._renew):
            return 0
        if STATE_OPENING <= self.state <= STATE_ATTACHING:  # a tuple of states would take heap
            return max(0, -elapsed(now, self._deadline))
        if self.state == STATE_PAUSED and self._drop_first:
            return 0
        wait = self.sender.heartbeat_ms
        if self.state != STATE_READY and self.state != STATE_CLOSING:
            return wait
        wait = self.store.hold_ms(now, wait) or wait
        wait = self.renewal.wake_in_ms(now, wait)
        if self._pausing:
            wait = min(wait, -elapsed(now, self._deadline))
        polling = self.polling()
        if self._awaiting or not polling:
            wait = min(wait, self._silent_ms() + 1 - elapsed(now, self._heard_at))
        if self.state == STATE_CLOSING:
            wait = min(wait, -elapsed(now, self._close_at))
        if not self._awaiting and polling:
            since = elapsed(now, self._turn_at)
            interval = self.profile.update_interval_ms - since
            urgent = 0 if self._poll_now else self.sender.urgent_in_ms(now, max(0, interval))
            wait = min(wait, interval, max(self.profile.poll_floor_ms - since, urgent))
        elif not self._awaiting:
            wait = self.sender.wake_in_ms(now, wait)
        return max(0, self.policy.probe_wait_ms(now, wait) if self.state == STATE_READY else wait)

    def packed(self, record_bytes: int, events: int, channel: int, now: int, flags: int = 0) -> int:
        """The driver packed events as PACK_ asked; answers SEND, or NOTHING when there were none."""
        return self.sender.packed(record_bytes, events, channel, now, flags)

    def pack_large(self, record_bytes: int) -> int:
        """The first event does not fit the room that PACK_ named: PACK_ again, NOTHING to wait, or TOO_LARGE."""
        return self.sender.pack_large(record_bytes)

    def recoded(self, record_bytes: int) -> int:
        """The driver wrote records without their coding, as RECODE asked; answers NOTHING, or LETTER with 0 bytes."""
        return self.sender.recoded(record_bytes)

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
                count = write_hello(self.out.control, self.identity, self.profile, self.agreement, self.nonce)
                return self.emit(TYPE_HELLO, FLAG_CHECKED, 0, 0, self.out.control, count)
            self.generation += 1
            count = write_attach(self.out.control, self.welcome.session_id, self.generation, self.receipts.next_in)
            self.prover.attach(self.out.control, HEADER_BYTES + 24, self.generation)
            return self.emit(TYPE_ATTACH, FLAG_CHECKED, 0, 0, self.out.control, count)
        if elapsed(now, self._deadline) >= 0:
            self.failed(now, random)
            return DROP
        return NOTHING

    def _poll_ready(self, now: int, random: int) -> int:
        if self.state == STATE_READY and self.renewal.ask_due(now):
            return REFRESH
        polling = self.polling()
        over = self.state == STATE_CLOSING and elapsed(now, self._close_at) >= 0
        if over and (polling or self._awaiting or self.sender.close_sent):
            self._go(states.DONE)
            return DROP
        if self._renew or (elapsed(now, self._heard_at) > self._silent_ms() and (self._awaiting or not polling)):
            self.known = self.known and not self._renew
            self._renew = False
            self.failed(now, random)
            return DROP
        if self._awaiting:
            return NOTHING
        if polling and not self._in_turn and self.sender.close_sent:
            self._go(states.DONE)
            return DROP
        if polling and not self._in_turn and self._poll_due(now):
            return self._begin_turn(now)
        if not polling or self._in_turn:
            command = self.sender.next_frame(now)
            if command != NOTHING:
                self._in_turn = True
                return command
        if self._in_turn:
            return self._end_turn(now)
        if self.sender.close_sent:
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
        count = write_poll(self.out.control, self.welcome.session_id, self.generation, self._poll_number)
        self.prover.poll(self.out.control, HEADER_BYTES + 24, self.generation, self._poll_number)
        return self.emit(TYPE_POLL, FLAG_CHECKED, 0, 0, self.out.control, count)

    def _end_turn(self, now: int) -> int:
        self._in_turn = False
        self.sender.turn_ended(now)
        self.out.turn_bytes = 0
        self._turn_at = now
        self._awaiting = True
        return TURN

    def emit(self, kind: int, flags: int, channel: int, seq: int, buffer: bytearray, count: int) -> int:
        """This frame goes out next, with our acknowledgement if we are in a session; answers SEND.

        Where frames are authenticated, all but HELLO have the flag: the driver writes the tag behind the payload.
        """
        if self.agreement.auth != AUTH_NONE and kind != TYPE_HELLO:
            flags |= FLAG_AUTHENTICATED
        self.out.put(kind, flags, channel, seq, buffer, count)
        self.sender.left(kind, flags, count)
        self.out.ack = self.receipts.next_in if self.state == STATE_READY or self.state == STATE_CLOSING else 0
        if self.out.ack:
            self.receipts.unacked = 0
        return SEND

    def _may_leave(self, now: int) -> bool:
        """Whether the turn under way is over, or has taken too long."""
        return self.state != STATE_READY or not (self._in_turn or self._awaiting) or elapsed(now, self._deadline) >= 0

    def _leave(self, now: int) -> None:
        """Pause: the link goes with the next poll()."""
        self._pausing = False
        if STATE_OPENING <= self.state <= STATE_READY:
            self._drop_first = True
            self.policy.paused(now)
        self._open_asked = False
        self._go(states.PAUSE)

    # Small answers

    def polling(self) -> bool:
        """Whether the present transport answers turns only."""
        return self.policy.transport() == TRANSPORT_POLLING

    def _silent_ms(self) -> int:
        return self.profile.connect_timeout_ms if self.polling() else 2 * self.sender.heartbeat_ms

    def _poll_due(self, now: int) -> bool:
        since = elapsed(now, self._turn_at)
        soon = since >= self.profile.poll_floor_ms and (self._poll_now or self.sender.urgent(now))
        return soon or since >= self.profile.update_interval_ms

    def close_due(self, now: int) -> bool:
        """Whether a closing session has waited long enough for its queue."""
        return elapsed(now, self._close_at) >= 0

    def may_number(self) -> bool:
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
        self.sender.new_transport()
        self.renewal.new_transport()
        self.store.settled(self.resumed or self._log_kept)
        self.policy.ready(now)
        self.channels.ask_again(not self.resumed)
        self.tally.connections += 1
        self._heard_at = now
        self.sender.sent_at = now
        self.out.turn_bytes = 0
        self.receipts.new_transport()
        self._turn_at = later(now, -self.profile.update_interval_ms)
        self._go(states.RESUMED if self.resumed else states.WELCOMED)

    def begin(self) -> None:
        """Take over what WELCOME granted: numbers start again, what the gateway holds is settled."""
        welcome = self.welcome
        self.known = True
        self.resumed = False
        self.generation = 0
        self.receipts.begin()
        self._poll_number = 0
        self.sender.heartbeat_ms = min(welcome.heartbeat_ms, LONGEST_MS)
        self.agreement.begin(welcome)
        self.sender.window = self.agreement.window_out_frames
        self.sender.window_bytes = self.agreement.window_out_bytes
        self.out.frame_room = self.agreement.frame_bytes
        self.out.behind_bytes = TRAILER_BYTES + (TAG_BYTES if self.agreement.auth != AUTH_NONE else 0)
        self.policy.announce(welcome.spread_ms)
        self.prover.begin(self.identity.token, self.nonce, welcome.server_nonce)
        incarnation = self.identity.incarnation
        self._log_kept = same(self._epoch, 0, welcome.epoch, 0, 8)
        if is_zero(incarnation, 0, 8) or not same(incarnation, 0, welcome.incarnation, 0, 8):
            self.counted = max(0, self.counted + self.settled_counter() - welcome.mark)
            incarnation[:] = welcome.incarnation
            self._log_kept = False
            self.next_counter = self.store.recount(welcome.mark + 1)
            self.tally.lossy_restart(0, log_replaced=True)
        self.store.acknowledge_counters(welcome.mark)
        self.tally.acknowledged(self.store)
        if self.next_counter <= welcome.mark:
            self.next_counter = welcome.mark + 1
        self.tally.lossy_restart(welcome.lossy_stored, not same(self._epoch, 0, welcome.epoch, 0, 8))
        self._epoch[:] = welcome.epoch
        self.store.renumber()

    def forged(self, now: int, random: int) -> None:
        """A frame came without its right tag: not from our peer, so it says nothing of our session."""
        self.tally.forged += 1
        self.failed(now, random)

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
