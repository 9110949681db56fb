"""Critical frames that were packed and are not yet acknowledged.

A ring of preallocated frame buffers; the events of one were packed straight into it. Slot i of the ring carries the
sequence number `base + i`, so numbers need no field of their own and a new session renumbers everything by setting one.
Go-back-N: the receiver accepts the next number only, so a resend starts at `cursor` and runs to the end.

A frame leaves by its acknowledgement. If it is given up instead (its events expired, or the gateway refused it for good),
its events go to the owner as a *letter* and the slot becomes a SKIP: it keeps its number, and has nothing to carry.

An event larger than a frame lies in a row of slots, one for each piece. They go, are refused, expire and are acknowledged
together: the gateway acknowledges none of them before it has stored the whole.
"""

from ..common.clock import elapsed, later
from ..common.fields import age_code, put_u16, put_u32
from ..common.reassembly import write_head
from ..spec import (
    CRITICAL_PREFIX_BYTES,
    DROP_CLOSED,
    DROP_EXPIRED,
    DROP_REFUSED,
    FLAG_MORE,
    FRAGMENT_HEAD_BYTES,
    HEADER_BYTES,
)

# What the gateway may have of a frame.
_NOTHING = 0  # it was never sent, or the gateway has said that it has not stored it
_MAYBE = 1  # it was sent, and no answer settled it
_FOR_EVER = 2  # it was sent to a log that is gone: no answer will settle it


class SendStore:
    """`frames` slots of `frame_bytes` each."""

    def __init__(self, frames: int, frame_bytes: int):
        self.frames = frames
        self.base: int = 1  # sequence number of the oldest slot
        self.used: int = 0
        self.cursor: int = 0  # slots [0, cursor) were sent on this transport
        self.sent: int = 0  # slots [0, sent) were sent in this session
        self.bytes_out: int = 0  # payload of the slots [0, cursor)
        self.events_held: int = 0
        self.acked_events: int = 0  # freed by the last call of acknowledge()
        self.letter_slot: int = (
            -1
        )  # the frame that was given up last: its events lie in its buffer until the next command
        self.letter_events: int = 0
        self.letter_cause: int = DROP_EXPIRED
        self.letter_sent: bool = False  # the gateway may have stored it: nobody can say
        self._hold_seq = 0  # a refused frame: it and what follows wait ...
        self._hold_until = 0  # ... until then
        self._head = 0
        self._buffers = [bytearray(frame_bytes) for _ in range(frames)]
        self._bytes = [0] * frames
        self._events = [0] * frames
        self._channel = [0] * frames
        self._packed_at = [0] * frames
        self._expires_ms = [0] * frames  # after packed_at; 0 = never
        self._retries = [0] * frames  # answered refusals that may still be answered by sending again
        self._retry_ms = [0] * frames
        self._sent_at = [0] * frames
        self._doubt = [0] * frames  # _NOTHING, _MAYBE, _FOR_EVER
        self._flags = [0] * frames  # how its records are written, and FLAG_MORE for a piece
        self._counter = [0] * frames  # of the first event of its batch
        self._span = [0] * frames  # events of the whole batch; _events has them at its last piece only
        self._piece = [0] * frames  # 0 for a whole frame and for the first piece
        self._behind = [0] * frames  # pieces that follow
        self._skip = [0] * frames  # given up: SKIP takes its number

    def room(self) -> bool:
        """Whether another frame can be packed."""
        return self.used < self.frames

    def free_buffer(self) -> bytearray:
        """The buffer of the next slot; only with room()."""
        return self._buffers[self.free_slot()]

    def free_slot(self) -> int:
        """The slot that commit() takes next; only with room()."""
        return (self._head + self.used) % self.frames

    def commit(
        self, record_bytes: int, events: int, channel: int, counter: int, now: int, expires_ms: int = 0,
        retries: int = 0, retry_ms: int = 0, flags: int = 0,
    ) -> None:  # fmt: skip
        """Take the packed buffer as the newest frame; its records begin behind the critical prefix.

        expires_ms: when the last of its events expires, 0 = never. retries: how often it goes again after the gateway
        refused it with a code that allows that, each time retry_ms later. flags: how its records are written.
        """
        slot = self.free_slot()
        _write_prefix(self._buffers[slot], counter)
        self._keep(slot, CRITICAL_PREFIX_BYTES + record_bytes, events, counter, flags)
        self._events[slot] = events
        self._channel[slot] = channel
        self._packed_at[slot] = now
        self._expires_ms[slot] = expires_ms
        self._retries[slot] = retries
        self._retry_ms[slot] = retry_ms
        self.used += 1
        self.events_held += events

    def commit_pieces(
        self, large: bytearray, record_bytes: int, chunk: int, message: int, events: int, channel: int, counter: int,
        now: int, expires_ms: int, retries: int, retry_ms: int, flags: int,
    ) -> None:  # fmt: skip
        """Take a batch that is larger than a frame, from its buffer into as many slots as it takes, `chunk` bytes each.

        The caller has made sure that there are enough of them. The rest is as with commit().
        """
        total = CRITICAL_PREFIX_BYTES + record_bytes
        count = (total + chunk - 1) // chunk
        _write_prefix(large, counter)
        for number in range(count):
            slot = self.free_slot()
            at = number * chunk
            size = min(chunk, total - at)
            buffer = self._buffers[slot]
            write_head(buffer, HEADER_BYTES, message, number, total)
            start = HEADER_BYTES + FRAGMENT_HEAD_BYTES
            buffer[start : start + size] = memoryview(large)[HEADER_BYTES + at : HEADER_BYTES + at + size]
            self._keep(slot, FRAGMENT_HEAD_BYTES + size, events, counter, flags | FLAG_MORE)
            self._piece[slot] = number
            self._behind[slot] = count - 1 - number
            self._events[slot] = 0 if self._behind[slot] else events
            self._channel[slot] = channel
            self._packed_at[slot] = now
            self._expires_ms[slot] = expires_ms
            self._retries[slot] = retries
            self._retry_ms[slot] = retry_ms
            self.used += 1
        self.events_held += events

    def _keep(self, slot: int, payload_bytes: int, span: int, counter: int, flags: int) -> None:
        self._bytes[slot] = payload_bytes
        self._counter[slot] = counter
        self._span[slot] = span
        self._flags[slot] = flags
        self._piece[slot] = 0
        self._behind[slot] = 0
        self._doubt[slot] = _NOTHING
        self._skip[slot] = 0

    def to_send(self, window: int, window_bytes: int, now: int) -> bool:
        """Whether a frame waits to be sent, or sent again, on this transport, and the window has room for it."""
        if self.cursor >= self.used or self.cursor >= window or self.hold_ms(now, 1):
            return False
        room = window_bytes - self.bytes_out
        return self.cursor == 0 or self._bytes[(self._head + self.cursor) % self.frames] <= room

    def hold_ms(self, now: int, longest_ms: int) -> int:
        """How long the next frame waits because it was refused; 0 when it need not, at most `longest_ms`."""
        if self._hold_seq == 0 or self.base + self.cursor != self._hold_seq:
            return 0
        return max(0, min(longest_ms, -elapsed(now, self._hold_until)))

    def expire(self, now: int) -> bool:
        """Give the frame at the cursor up if its time is over; only with to_send(). True: there is a letter."""
        slot = (self._head + self.cursor) % self.frames
        limit_ms = self._expires_ms[slot]
        if self._skip[slot] or self._piece[slot] or limit_ms == 0 or elapsed(now, self._packed_at[slot]) < limit_ms:
            return False
        self._give_up(slot, DROP_EXPIRED)
        return True

    def next_slot(self) -> int:
        """The slot at the cursor; only with to_send()."""
        return (self._head + self.cursor) % self.frames

    def flags(self, slot: int) -> int:
        """How the records of a slot's frame are written."""
        return self._flags[slot]

    def fits(self, frame_payload_bytes: int, pieces: int, window_bytes: int, unpacked_bytes: int) -> bool:
        """Whether a gateway with these limits can take the frame at the cursor, and all pieces with it."""
        slot = self.next_slot()
        if self._skip[slot] or self._piece[slot]:
            return True  # the first piece was asked
        if self._bytes[slot] > frame_payload_bytes:
            return False
        if not self._behind[slot]:
            return True
        count = self._behind[slot] + 1
        total = 0
        for i in range(count):
            total += self._bytes[(slot + i) % self.frames]
        heads = count * FRAGMENT_HEAD_BYTES
        return count <= pieces and total <= window_bytes and total - heads <= unpacked_bytes

    def recode(self, record_bytes: int) -> None:
        """The records of the slot at the cursor are plain now."""
        slot = self.next_slot()
        self._bytes[slot] = CRITICAL_PREFIX_BYTES + record_bytes
        self._flags[slot] = 0

    def give_up(self, cause: int) -> None:
        """Give the frame at the cursor up: there is a letter."""
        self._give_up(self.next_slot(), cause)

    def take(self, now: int) -> int:
        """The next slot to send: sets how long it was held and moves the cursor. Its number is base + cursor before."""
        slot = (self._head + self.cursor) % self.frames
        if not self._skip[slot]:
            if not self._piece[slot]:
                put_u16(self._buffers[slot], self._prefix_at(slot) + 4, age_code(elapsed(now, self._packed_at[slot])))
            if self._doubt[slot] == _NOTHING:
                self._doubt[slot] = _MAYBE
        self._sent_at[slot] = now
        if self._hold_seq == self.base + self.cursor:
            self._hold_seq = 0
        self.bytes_out += self._bytes[slot]
        self.cursor += 1
        if self.cursor > self.sent:
            self.sent = self.cursor
        return slot

    def buffer(self, slot: int) -> bytearray:
        """The whole frame buffer of a slot."""
        return self._buffers[slot]

    def payload_bytes(self, slot: int) -> int:
        """Payload length of a slot's frame; 0 for a SKIP."""
        return self._bytes[slot]

    def channel(self, slot: int) -> int:
        """Channel of a slot's frame."""
        return self._channel[slot]

    def skipped(self, slot: int) -> bool:
        """Whether the frame was given up, so that SKIP takes its number."""
        return self._skip[slot] != 0

    def oldest_wait_ms(self, now: int) -> int:
        """How long the oldest frame that was sent waits for its acknowledgement; 0 when none does."""
        return elapsed(now, self._sent_at[self._head]) if self.cursor else 0

    def rewind(self) -> None:
        """Send everything again."""
        self.cursor = 0
        self.bytes_out = 0

    def settled(self, same_log: bool) -> None:
        """A new transport: what the gateway has not acknowledged it has not stored, if its log is the one we sent to."""
        self._hold_seq = 0
        for i in range(self.frames):
            if self._doubt[i] == _MAYBE:
                self._doubt[i] = _NOTHING if same_log else _FOR_EVER

    def acknowledge(self, ack: int) -> bool:
        """Free all frames below `ack`. False: the number acknowledges what was never sent."""
        self.acked_events = 0
        if ack > self.base + self.sent:
            return False
        while self.base < ack:
            self._free_oldest()
        return True

    def acknowledge_counters(self, mark: int) -> None:
        """Free all frames whose critical counters are at or below `mark`: they were stored before."""
        self.acked_events = 0
        while self.used and (self._skip[self._head] or self._last_counter(self._head) <= mark):
            self._free_oldest()

    def refuse(self, seq: int, again: bool, now: int) -> bool:
        """The gateway did not store this frame, and takes nothing behind it before it got an answer for this number.

        `again`: the code allows another try. The frame waits for it if it has one left; else it is given up, and there
        is a letter. False: no such frame is under way.
        """
        if seq < self.base or seq >= self.base + self.sent:
            return False
        slot = (self._head + seq - self.base) % self.frames
        seq -= self._piece[slot]  # the whole batch is refused
        if seq < self.base:
            return False  # its first piece was acknowledged
        slot = (slot - self._piece[slot]) % self.frames
        while self.cursor > seq - self.base:
            self.cursor -= 1
            self.bytes_out -= self._bytes[(self._head + self.cursor) % self.frames]
        for i in range(self._behind[slot] + 1):
            part = (slot + i) % self.frames
            if self._doubt[part] == _MAYBE:
                self._doubt[part] = _NOTHING
        self._hold_seq = 0
        if self._skip[slot]:
            return True
        if again and self._retries[slot]:
            self._retries[slot] -= 1
            self._hold_seq = seq
            self._hold_until = later(now, self._retry_ms[slot])
        else:
            self._give_up(slot, DROP_REFUSED)
        return True

    def abandon(self) -> bool:
        """The owner closes: the oldest frame that has events leaves with a letter. False when there is none."""
        while self.used:
            if self.cursor:
                self.bytes_out -= self._bytes[self._head]
            skipped = self._skip[self._head]
            self._give_up(self._head, DROP_CLOSED)
            self._free_oldest()
            if not skipped:
                return True
        return False

    def renumber(self) -> None:
        """A new session: number from 1, nothing sent yet."""
        self.base = 1
        self.cursor = 0
        self.bytes_out = 0
        self.sent = 0

    def recount(self, counter: int) -> int:
        """A new incarnation: give the events new counters from `counter`; returns the next free one."""
        for i in range(self.used):
            slot = (self._head + i) % self.frames
            self._counter[slot] = counter
            if not self._piece[slot]:
                put_u32(self._buffers[slot], self._prefix_at(slot), counter)
            counter += self._events[slot]
        return counter

    def _prefix_at(self, slot: int) -> int:
        return HEADER_BYTES + (FRAGMENT_HEAD_BYTES if self._flags[slot] & FLAG_MORE else 0)

    def first_counter(self, following: int) -> int:
        """The counter of the oldest event that is not settled; `following` where all are."""
        for i in range(self.used):
            slot = (self._head + i) % self.frames
            if not self._skip[slot]:
                return self._counter[slot]
        return following

    def _last_counter(self, slot: int) -> int:
        return self._counter[slot] + self._span[slot] - 1

    def _give_up(self, slot: int, cause: int) -> None:
        """The events leave; the numbers stay. A whole frame, or a first piece, that is not among those under way."""
        self.letter_slot = slot
        self.letter_cause = cause
        for _ in range(self._behind[slot] + 1):
            self.letter_events = self._events[slot]  # of the last piece: it has them
            self.letter_sent = self._doubt[slot] != _NOTHING
            self._events[slot] = 0
            self._bytes[slot] = 0
            self._flags[slot] = 0
            self._skip[slot] = 1
            slot = (slot + 1) % self.frames
        self.events_held -= self.letter_events

    def _free_oldest(self) -> None:
        events = self._events[self._head]
        self.events_held -= events
        self.acked_events += events
        if self.cursor:
            self.cursor -= 1
            self.bytes_out -= self._bytes[self._head]
        if self.sent:
            self.sent -= 1
        self._head = (self._head + 1) % self.frames
        self.base += 1
        self.used -= 1


def _write_prefix(buffer: bytearray, counter: int) -> None:
    put_u32(buffer, HEADER_BYTES, counter)
    put_u16(buffer, HEADER_BYTES + 4, 0)
    put_u16(buffer, HEADER_BYTES + 6, 0)
