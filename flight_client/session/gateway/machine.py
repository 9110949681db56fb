"""The gateway's half of one session: numbers, acknowledgements, resends, fencing.

It outlives transports like the device's half. The gateway's connection feeds it frames and takes frames from it; the
channel hub tells it what was stored. `now` is wrapping milliseconds. Not thread-safe.

A critical frame is acknowledged only after the hub reported it stored, and frames are reported in any order:
`_pending` keeps them in order of arrival and the acknowledgement moves past what is done at its head. A frame that cannot
be stored is refused: nothing from its number on is taken until the device has read that and answers with the same number,
DATA again or SKIP. So what is acknowledged is stored, and what is refused is not.
"""

from ..common.clock import elapsed, later
from ..spec import (
    ACK_DELAY_MS,
    NUMBER_LIMIT,
    RECEIVE_BYTES,
    TYPE_ACK,
    TYPE_DELIVER,
    TYPE_GAP,
    TYPE_HEARTBEAT,
    TYPE_REFUSED,
    TYPE_RESEND,
    TYPE_SKIP,
)
from . import messages

# receive()
TAKE = 0  # a new frame: process it
IGNORE = 1  # a duplicate, or a jump over missing frames: acknowledged again, otherwise nothing
VIOLATION = 2  # a number that the session does not allow: RESET

# What became of a frame that was taken.
WAITS = 0
DONE = 1
FORGOTTEN = 2  # a frame before it, or it, was refused: it comes again

# Answers that may wait for a device: one for each channel that a tool may open, and some.
_CONTROL_FRAMES = 320

# A frame that waits to be sent: type, flags, channel, seq, payload.
TYPE_CHECKING = False  # the tests run this role on MicroPython too, which cannot write the type
if TYPE_CHECKING:
    Frame = tuple[int, int, int, int, bytes]
else:
    Frame = tuple


class GatewaySession:
    """The state of one session; identity and keys are the registry's business."""

    def __init__(
        self, window_frames: int, window_bytes: int, heartbeat_ms: int, window_in: int = 64,
        window_in_bytes: int = RECEIVE_BYTES,
    ):  # fmt: skip
        """The device's receive window in frames and bytes, the heartbeat, and the window that we granted."""
        self.generation: int = 0
        self.next_in: int = 1  # next number to accept
        self.next_out: int = 1  # next number to give
        self.lossy_stored = 0  # lossy events of the incarnation that the engine holds
        self.heartbeat_ms = heartbeat_ms
        self.heard_at: int = 0
        self.sent_at: int = 0
        self.spread_ms = 0
        self.paused = False  # the token has ended: only unsequenced frames go
        self.out_frames: int = 0
        self.duplicates: int = 0
        self._window_frames = window_frames
        self._window_bytes = window_bytes
        self._window_in = window_in
        self._window_in_bytes = window_in_bytes
        self._acked_next = 1  # all below it are stored
        self._pending: list[list[int]] = []  # [seq, state, bytes]; at most a window, so that pop(0) is cheap
        self._pending_bytes = 0
        self._refused_out = 0  # our number of the last refusal: the device must have it before it goes on
        self._held: list[Frame] = []  # sent, not yet acknowledged
        self._held_bytes = 0
        self._base_out = 1
        self._cursor = 0  # _held[:cursor] was sent on this transport
        self._control: list[Frame] = []
        self._unacked_in = 0
        self._ack_at = 0
        self._resend_asked = 0
        self._poll_number = 0

    # What comes in

    def receive(self, seq: int, ack: int, now: int, payload_bytes: int = 0) -> int:
        """Check the numbers of one frame, and its size against the window."""
        self.heard_at = now
        if ack and not self.acknowledge(ack):
            return VIOLATION
        if seq == 0:
            return TAKE
        if seq == self.next_in:
            if self._base_out <= self._refused_out:
                return IGNORE  # sent before the device knew of the refusal
            over = self._pending_bytes + payload_bytes > self._window_in_bytes
            if len(self._pending) >= self._window_in or (over and self._pending):
                return VIOLATION
            self.next_in = seq + 1
            self._pending.append([seq, WAITS, payload_bytes])
            self._pending_bytes += payload_bytes
            self._resend_asked = 0
            return TAKE
        if seq < self.next_in:
            self.duplicates += 1
            self.want_ack(now)
            return IGNORE
        if seq - self.next_in >= NUMBER_LIMIT // 2:
            return VIOLATION
        if self._resend_asked != self.next_in:  # a gap provokes one request, not one per frame
            self._resend_asked = self.next_in
            self._control.append((TYPE_RESEND, 0, 0, 0, b""))
        return IGNORE

    def done(self, seq: int, now: int) -> None:
        """This frame is stored, or has nothing to store: it may be acknowledged."""
        pending = self._pending
        for entry in pending:
            if entry[0] == seq:
                entry[1] = DONE
        while pending and pending[0][1] == DONE:
            self._acked_next = pending[0][0] + 1
            self._pending_bytes -= pending.pop(0)[2]
        self.want_ack(now)

    def taken(self) -> list[int]:
        """The frame that was taken last: its second field is WAITS, DONE or FORGOTTEN."""
        return self._pending[-1]

    def refuse(self, seq: int, channel: int, payload: bytes) -> None:
        """This frame is not stored: it and all behind it are forgotten, and come again or as SKIP."""
        pending = self._pending
        while pending and pending[-1][0] >= seq:
            entry = pending.pop()
            entry[1] = FORGOTTEN
            self._pending_bytes -= entry[2]
        self.next_in = seq
        self._resend_asked = seq  # the refusal says what to send
        self._refused_out = self.next_out
        self.send(TYPE_REFUSED, 0, channel, payload)

    def settled(self) -> bool:
        """Whether nothing waits for the store."""
        return not self._pending

    def acknowledge(self, ack: int) -> bool:
        """The device has everything below `ack`. False: it acknowledges what was never sent."""
        if ack > self.next_out:
            return False
        while self._base_out < ack:
            self._held_bytes -= len(self._held.pop(0)[4])
            self._base_out += 1
            if self._cursor:
                self._cursor -= 1
        return True

    def rewind(self) -> None:
        """Send everything again that is not acknowledged."""
        self._cursor = 0

    def attach(self, generation: int, next_expected: int, now: int) -> bool:
        """A newer transport takes over. False: its numbers are impossible."""
        if next_expected < self._base_out or not self.acknowledge(next_expected):
            return False
        self.generation = generation
        self._cursor = 0
        for i in range(
            len(self._held)
        ):  # RESUMED says what was stored, and the device sends the rest: a refusal is old
            if self._held[i][0] == TYPE_REFUSED:
                self._held_bytes -= len(self._held[i][4])
                self._held[i] = (TYPE_SKIP, 0, 0, self._held[i][3], b"")
        self._control.clear()
        self._unacked_in = 0
        self._resend_asked = 0
        self._refused_out = 0
        self._poll_number = 0
        self.heard_at = now
        self.sent_at = now
        return True

    def new_poll(self, number: int) -> bool:
        """Whether this polling request is new; a repeated one is answered again, its lossy events are not counted."""
        if number <= self._poll_number:
            return False
        self._poll_number = number
        return True

    # What goes out

    def flooded(self) -> bool:
        """Whether answers pile up because the device does not read, or does not acknowledge, what it provoked."""
        return len(self._control) > _CONTROL_FRAMES or len(self._held) > 2 * self._window_frames + _CONTROL_FRAMES

    def control(self, kind: int, channel: int, payload: bytes) -> None:
        """An unsequenced frame: reserved room, before everything else."""
        self._control.append((kind, 0, channel, 0, payload))

    def can_send(self) -> bool:
        """Whether the device's window has room for another sequenced frame."""
        return len(self._held) < self._window_frames and self._held_bytes < self._window_bytes

    def send(self, kind: int, flags: int, channel: int, payload: bytes) -> None:
        """A sequenced frame; kept until it is acknowledged."""
        self._held.append((kind, flags, channel, self.next_out, payload))
        self._held_bytes += len(payload)
        self.next_out += 1

    def forget(self, channel: int) -> None:
        """The device left this channel: entries on their way to it would be taken for those of what it opens next."""
        for i in range(len(self._held)):
            kind, _, number, seq, payload = self._held[i]
            if number == channel and (kind == TYPE_DELIVER or kind == TYPE_GAP):
                self._held_bytes -= len(payload)
                self._held[i] = (TYPE_SKIP, 0, number, seq, b"")  # the channel: pieces of it are worth nothing

    def held(self) -> int:
        """Frames that were not yet acknowledged."""
        return len(self._held)

    def next_frame(self, now: int) -> Frame | None:
        """The next frame to put on the transport, or None."""
        if self._control:
            return self._out(self._control.pop(0), now)
        if self._cursor < len(self._held) and not self.paused:
            frame = self._held[self._cursor]
            self._cursor += 1
            return self._out(frame, now)
        if self._unacked_in and elapsed(now, self._ack_at) >= 0:
            return self._out((TYPE_ACK, 0, 0, 0, messages.counts(self.lossy_stored)), now)
        if elapsed(now, self.sent_at) >= self.heartbeat_ms:
            payload = messages.counts(self.lossy_stored, self.spread_ms)
            return self._out((TYPE_HEARTBEAT, 0, 0, 0, payload), now)
        return None

    def ack(self) -> int:
        """The acknowledgement that every outgoing frame carries."""
        return self._acked_next

    def want_ack(self, now: int) -> None:
        """Acknowledge soon: at once when half a window waits, otherwise within the delay."""
        if self._unacked_in == 0:
            self._ack_at = later(now, ACK_DELAY_MS)
        self._unacked_in += 1
        if self._unacked_in * 2 >= self._window_in:
            self._ack_at = now

    def ack_now(self, now: int) -> None:
        """A polling reply says everything at once."""
        self._unacked_in += 1
        self._ack_at = now

    def wake_in_ms(self, now: int) -> int:
        """How long next_frame() has nothing if nothing happens."""
        if self._control or (self._cursor < len(self._held) and not self.paused):
            return 0
        wait = self.heartbeat_ms - elapsed(now, self.sent_at)
        if self._unacked_in:
            wait = min(wait, -elapsed(now, self._ack_at))
        return max(0, wait)

    def dead(self, now: int) -> bool:
        """Whether the device has been silent for two heartbeats."""
        return elapsed(now, self.heard_at) > 2 * self.heartbeat_ms

    def _out(self, frame: Frame, now: int) -> Frame:
        self.sent_at = now
        self._unacked_in = 0
        self.out_frames += 1
        return frame
