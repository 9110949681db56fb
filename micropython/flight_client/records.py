"""Records of a batch, one after another; every form that is not the one right one is refused."""

from micropython import const

from .ages import age_ms
from .layouts import FIXED

_RECORD = const(-14)


def fixed_words(layout: int) -> int:
    """32-bit words of a layout's fixed part; 0 where there is no such layout."""
    wide = layout >> 7
    layout = (layout & 0x7F) * 2 + wide
    return FIXED[layout] if layout < len(FIXED) else 0


class Record:
    """The record that next() read last; its body is data[start:end]."""

    def __init__(self) -> None:
        self.layout = 0
        self.age = 0  # as the code on the wire
        self.start = 0
        self.end = 0

    def next(self, data: bytearray, at: int, end: int) -> int:
        """The bytes of the record at `at`, 0 at the end, below 0 where it is none."""
        have = end - at
        if have == 0:
            return 0
        if have < 4:
            return _RECORD
        layout = data[at]
        count = data[at + 1] << 2
        start = at + 4
        if count == 1020:
            if have < 8 or data[at + 7]:
                return _RECORD
            count = data[at + 4] | data[at + 5] << 8 | data[at + 6] << 16
            if count <= 1016 or count > 65536 or count & 3:
                return _RECORD
            start = at + 8
        fixed = fixed_words(layout)
        age = data[at + 2] | data[at + 3] << 8
        if count > end - start or fixed == 0 or count < fixed << 2 or age_ms(age) == -2:
            return _RECORD
        self.layout = layout
        self.age = age
        self.start = start
        self.end = start + count
        return self.end - at


def count_records(data: bytearray, at: int, end: int) -> int:
    """How many records stand there; below 0 where one is none."""
    record = Record()
    found = 0
    while at < end:
        size = record.next(data, at, end)
        if size < 0:
            return size
        at += size
        found += 1
    return found
