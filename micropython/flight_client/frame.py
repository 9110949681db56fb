"""Frames: the header with its check, and the CRC where there is one. Numbers and order of checks: docs/protocol.md, 3."""

from struct import pack_into

from micropython import const

from .fast import crc32c_into, header_check

_FIRST = const(0xF1)
_HEADER = const(16)
_TRAILER = const(4)
_CHECKED = const(0x20)
_TYPES = const(21)
_LARGEST = const(65536)

# Answers of read(), as in the C core.
CUT = 0
MAGIC = -6
CHECK = -7
VERSION = -8
TYPE = -9
FLAGS = -10
NUMBER = -11
LENGTH = -12
CRC = -13
RECORD = -14


def seal_into(buffer: bytearray, kind: int, flags: int, channel: int, seq: int, ack: int, payload_bytes: int) -> int:
    """Make a frame of a buffer whose payload stands at 16; the bytes of the whole."""
    pack_into("<BBBBHHII", buffer, 0, _FIRST, kind, flags, 0, payload_bytes, channel, seq, ack)
    buffer[3] = header_check(buffer, 0)
    payload_bytes += _HEADER
    if flags & _CHECKED:
        crc32c_into(buffer, 0, payload_bytes, buffer, payload_bytes)
        payload_bytes += _TRAILER
    return payload_bytes


class Frame:
    """The header of the frame that read() took last; its payload is data[start:end]."""

    def __init__(self) -> None:
        self.type = 0
        self.flags = 0
        self.channel = 0
        self.seq = 0
        self.ack = 0
        self.start = 0
        self.end = 0
        self._crc = bytearray(4)

    def read(self, data: bytearray, at: int, end: int, limit: int, allowed_flags: int) -> int:
        """The bytes of the frame at `at`; CUT where there are not enough before `end`; below 0 what is wrong."""
        have = end - at
        if have < _HEADER:
            return MAGIC if have > 0 and data[at] & 0xF0 != 0xF0 else CUT
        flags = data[at + 2]
        if data[at] & 0xF0 != 0xF0:
            return MAGIC
        if header_check(data, at) != data[at + 3]:
            return CHECK
        if data[at] != _FIRST:
            return VERSION
        if not 0 < data[at + 1] <= _TYPES:
            return TYPE
        if flags & ~allowed_flags:
            return FLAGS
        if data[at + 11] > 0x3F or data[at + 15] > 0x3F:
            return NUMBER
        total = _HEADER + (data[at + 4] | data[at + 5] << 8)
        behind = at + total
        if flags & _CHECKED:
            total += _TRAILER
        if total > limit or total > _LARGEST:
            return LENGTH
        if have < total:
            return CUT
        if flags & _CHECKED:
            crc = self._crc
            crc32c_into(data, at, behind - at, crc, 0)
            for i in range(4):
                if crc[i] != data[behind + i]:
                    return CRC
        self.type = data[at + 1]
        self.flags = flags
        self.channel = data[at + 6] | data[at + 7] << 8
        self.seq = data[at + 8] | data[at + 9] << 8 | data[at + 10] << 16 | data[at + 11] << 24
        self.ack = data[at + 12] | data[at + 13] << 8 | data[at + 14] << 16 | data[at + 15] << 24
        self.start = at + _HEADER
        self.end = behind
        return total
