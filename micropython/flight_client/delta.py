"""Reading delta batches (docs/protocol.md, Delta batches) into plain records. 32-bit words are added in two halves."""

from micropython import const

from .ages import age_ms
from .records import Record, fixed_words

_RECORD = const(-14)
_NO_ROOM = const(-2)
_LARGEST = const(65536)
_KEPT_WORDS = const(12)


class DeltaReader:
    """Of one frame at a time. `at` moves behind each part as it is read."""

    def __init__(self) -> None:
        self.at = 0
        self._end = 0
        self._data = bytearray()
        self._record = Record()
        self._bytes = 0  # as records, of this frame so far
        self._age = 0
        self._step = 0
        self._events = 0
        self._layouts = bytearray(4)
        self._words = bytearray(4)
        self._masks = [0] * 4
        self._count = 0
        self._kept = bytearray(4 * 4 * _KEPT_WORDS)
        self._high = 0  # of the number that was read last, its halves
        self._low = 0

    def unpack_into(self, data, start: int, end: int, out: bytearray, room: int) -> int:
        """The records as a frame without the flag would have them, from out[0] on; their bytes, below 0: refused."""
        self._data = data
        self.at = start
        self._end = end
        self._bytes = self._step = self._events = self._count = 0
        used = 0
        while self.at < end:
            wrote = self._entry(out, used, room) if data[self.at] & 0x40 else self._keyframe(out, used, room)
            if wrote < 0:
                return wrote
            used += wrote
        return used

    def _keyframe(self, out: bytearray, to: int, room: int) -> int:
        data, record = self._data, self._record
        size = record.next(data, self.at, self._end)
        if size < 0:
            return size
        layout = record.layout
        for i in range(self._count):
            if self._layouts[i] == layout:
                return _RECORD
        if size > _LARGEST - self._bytes:
            return _RECORD
        if to + size > room:
            return _NO_ROOM
        self._bytes += size
        fixed = fixed_words(layout)
        if fixed <= _KEPT_WORDS and self._count < 4:
            kept = self._count
            for i in range(fixed << 2):
                self._kept[kept * 4 * _KEPT_WORDS + i] = data[record.start + i]
            self._words[kept] = fixed
            self._layouts[kept] = layout
            self._masks[kept] = 0
            self._count += 1
        self._keep_age(record.age)
        for i in range(size):
            out[to + i] = data[self.at + i]
        self.at += size
        return size

    def _keep_age(self, age: int) -> None:
        self._step = age - self._age & 0xFFFF if self._events else 0
        self._age = age
        self._events += 1

    def _number(self) -> bool:
        """The next varint into the halves; False where it is cut, over 32 bits or longer than need be."""
        data = self._data
        at = self.at
        high = low = shift = 0
        while True:
            if at == self._end or shift > 28:
                return False
            byte = data[at]
            at += 1
            bits = byte & 0x7F
            if shift < 14:
                low |= bits << shift
            elif shift == 14:
                low |= (bits & 3) << 14
                high = bits >> 2
            else:
                high |= bits << shift - 16
            shift += 7
            if byte < 0x80:
                break
        if shift != 7 and (byte == 0 or (shift == 35 and byte > 15)):
            return False
        self.at = at
        self._high = high
        self._low = low
        return True

    def _entry(self, out: bytearray, to: int, room: int) -> int:
        control = self._data[self.at]
        kept = control & 3
        self.at += 1
        if control & 0xA0 or kept >= self._count:
            return _RECORD
        words = self._words[kept]
        if not self._read_age(control) or not self._read_mask(control, kept, words) or not self._read_values(kept):
            return _RECORD
        tail = 0
        if control & 16:
            if not self._number() or self._high > 1 or not self._low | self._high:
                return _RECORD
            tail = self._low | self._high << 16
            if tail > self._end - self.at >> 2 or tail > _LARGEST >> 2:
                return _RECORD
        return self._write(out, to, room, kept, words, tail)

    def _write(self, out: bytearray, to: int, room: int, kept: int, words: int, tail: int) -> int:
        count = words + tail << 2
        heads = 8 if count > 1016 else 4
        if heads + count > _LARGEST - self._bytes:
            return _RECORD
        if to + heads + count > room:
            return _NO_ROOM
        self._bytes += heads + count
        out[to] = self._layouts[kept]
        out[to + 1] = count >> 2 if heads == 4 else 255
        out[to + 2] = self._age & 0xFF
        out[to + 3] = self._age >> 8
        if heads == 8:
            out[to + 4] = count & 0xFF
            out[to + 5] = count >> 8 & 0xFF
            out[to + 6] = count >> 16
            out[to + 7] = 0
        to += heads
        at = kept * 4 * _KEPT_WORDS
        for i in range(words << 2):
            out[to + i] = self._kept[at + i]
        to += words << 2
        for i in range(tail << 2):
            out[to + i] = self._data[self.at + i]
        self.at += tail << 2
        return heads + count

    def _read_age(self, control: int) -> bool:
        age = self._age + self._step
        if control & 4:
            if not self._number() or self._high or not self._low:
                return False
            age += self._low >> 1 ^ (-1 if self._low & 1 else 0)
        self._keep_age(age & 0xFFFF)
        return age_ms(self._age) != -2

    def _read_mask(self, control: int, kept: int, words: int) -> bool:
        if not control & 8:
            return True
        if not self._number() or self._high or self._low >> words or self._low == self._masks[kept]:
            return False
        self._masks[kept] = self._low
        return True

    def _read_values(self, kept: int) -> bool:
        mask = self._masks[kept]
        word = kept * 4 * _KEPT_WORDS
        data = self._kept
        while mask:
            if mask & 1:
                if not self._number() or not self._high | self._low:
                    return False
                low = self._low >> 1 | (self._high & 1) << 15
                high = self._high >> 1
                if self._low & 1:
                    low ^= 0xFFFF
                    high ^= 0xFFFF
                low += data[word] | data[word + 1] << 8
                high += (data[word + 2] | data[word + 3] << 8) + (low >> 16)
                data[word] = low & 0xFF
                data[word + 1] = low >> 8 & 0xFF
                data[word + 2] = high & 0xFF
                data[word + 3] = high >> 8 & 0xFF
            mask >>= 1
            word += 4
        return True
