"""Critical frames that were packed and are not yet acknowledged.

A ring of preallocated frame buffers; the events of one were packed straight into it. Slot i of the ring carries the
sequence number `base + i`, so numbers need no field of their own and a new session renumbers everything by setting one.
Go-back-N: the receiver accepts the next number only, so a resend starts at `cursor` and runs to the end.
"""

from ..common.clock import elapsed
from ..common.fields import age_code, get_u32, put_u16, put_u32
from ..spec import CRITICAL_PREFIX_BYTES, HEADER_BYTES


class SendStore:
    """`frames` slots of `frame_bytes` each."""

    def __init__(self, frames: int, frame_bytes: int):
        self.frames = frames
        self.window_bytes = 0x3FFFFFFF  # payload that may be unacknowledged before another frame is sent
        self.base = 1  # sequence number of the oldest slot
        self.used = 0
        self.cursor = 0  # slots [0, cursor) were sent on this transport
        self.sent = 0  # slots [0, sent) were sent in this session
        self.events_held = 0
        self.acked_events = 0  # freed by the last call of acknowledge()
        self.refused_events = 0  # the same, of frames the gateway refused
        self._head = 0
        self._sent_bytes = 0  # payload of the slots [0, cursor)
        self._buffers = [bytearray(frame_bytes) for _ in range(frames)]
        self._bytes = [0] * frames
        self._events = [0] * frames
        self._channel = [0] * frames
        self._packed_at = [0] * frames
        self._sent_at = [0] * frames
        self._refused = [0] * frames

    def room(self) -> bool:
        """Whether another frame can be packed."""
        return self.used < self.frames

    def free_buffer(self) -> bytearray:
        """The buffer of the next slot; only with room()."""
        return self._buffers[(self._head + self.used) % self.frames]

    def commit(self, record_bytes: int, events: int, channel: int, counter: int, now: int) -> None:
        """Take the packed buffer as the newest frame; its records begin behind the critical prefix."""
        slot = (self._head + self.used) % self.frames
        buffer = self._buffers[slot]
        put_u32(buffer, HEADER_BYTES, counter)
        put_u16(buffer, HEADER_BYTES + 4, 0)
        put_u16(buffer, HEADER_BYTES + 6, 0)
        self._bytes[slot] = CRITICAL_PREFIX_BYTES + record_bytes
        self._events[slot] = events
        self._channel[slot] = channel
        self._packed_at[slot] = now
        self._refused[slot] = 0
        self.used += 1
        self.events_held += events

    def to_send(self, window: int) -> bool:
        """Whether a frame waits to be sent, or sent again, on this transport, and the window has room for it."""
        return self.cursor < self.used and self.window_open(window)

    def window_open(self, window: int) -> bool:
        """Whether the gateway takes another frame beside those that it has not acknowledged."""
        return self.cursor < window and self._sent_bytes < self.window_bytes

    def take(self, now: int) -> int:
        """The next slot to send: sets how long it was held and moves the cursor. Its number is base + cursor before."""
        slot = (self._head + self.cursor) % self.frames
        put_u16(self._buffers[slot], HEADER_BYTES + 4, age_code(elapsed(now, self._packed_at[slot])))
        self._sent_at[slot] = now
        self._sent_bytes += self._bytes[slot]
        self.cursor += 1
        if self.cursor > self.sent:
            self.sent = self.cursor
        return slot

    def buffer(self, slot: int) -> bytearray:
        """The whole frame buffer of a slot."""
        return self._buffers[slot]

    def payload_bytes(self, slot: int) -> int:
        """Payload length of a slot's frame."""
        return self._bytes[slot]

    def channel(self, slot: int) -> int:
        """Channel of a slot's frame."""
        return self._channel[slot]

    def oldest_wait_ms(self, now: int) -> int:
        """How long the oldest frame that was sent waits for its acknowledgement; 0 when none does."""
        return elapsed(now, self._sent_at[self._head]) if self.cursor else 0

    def rewind(self) -> None:
        """Send everything again."""
        self.cursor = 0
        self._sent_bytes = 0

    def acknowledge(self, ack: int) -> bool:
        """Free all frames below `ack`. False: the number acknowledges what was never sent."""
        self.acked_events = 0
        self.refused_events = 0
        if ack > self.base + self.sent:
            return False
        while self.base < ack:
            self._free_oldest()
        return True

    def acknowledge_counters(self, mark: int) -> None:
        """Free all frames whose critical counters are at or below `mark`: they were stored before."""
        self.acked_events = 0
        self.refused_events = 0
        while self.used and self._last_counter(self._head) <= mark:
            self._free_oldest()

    def refuse(self, seq: int) -> bool:
        """The gateway refused this frame: its events count as refused when it is acknowledged. False: it was already."""
        if seq < self.base:
            return False
        self._refused[(self._head + seq - self.base) % self.frames] = 1
        return True

    def was_sent(self, seq: int) -> bool:
        """Whether this number was sent in this session."""
        return 0 < seq < self.base + self.sent

    def clear(self) -> None:
        """Forget everything; the owner has counted events_held."""
        while self.used:
            self._free_oldest()

    def renumber(self) -> None:
        """A new session: number from 1, nothing sent yet."""
        self.base = 1
        self.rewind()
        self.sent = 0
        for i in range(self.frames):
            self._refused[i] = 0  # the new session decides again

    def recount(self, counter: int) -> int:
        """A new incarnation: give the events new counters from `counter`; returns the next free one."""
        for i in range(self.used):
            slot = (self._head + i) % self.frames
            put_u32(self._buffers[slot], HEADER_BYTES, counter)
            counter += self._events[slot]
        return counter

    def _last_counter(self, slot: int) -> int:
        return get_u32(self._buffers[slot], HEADER_BYTES) + self._events[slot] - 1

    def _free_oldest(self) -> None:
        events = self._events[self._head]
        self.events_held -= events
        if self._refused[self._head]:
            self.refused_events += events
        else:
            self.acked_events += events
        if self.cursor:
            self.cursor -= 1
            self._sent_bytes -= self._bytes[self._head]
        self._head = (self._head + 1) % self.frames
        self.base += 1
        self.used -= 1
        if self.sent:
            self.sent -= 1
