"""The resume record: what a device keeps of its numbers while it is switched off. 64 bytes, kept twice.

    0  u16      0x5246
    2  u8       1: the form of this record
    3  u8       0
    4  u32      serial: one more with every write
    8  8 bytes  incarnation
    16 8 bytes  epoch of the log that has the events
    24 u32      mark: every critical event up to this counter is settled
    28 u32, u32 critical events of earlier incarnations, low 30 bits and what is above
    36 u32      starts of the device
    40 4 bytes  CRC-32C of the device id
    44          zeros
    60 4 bytes  CRC-32C of all before

Two copies lie one behind the other, or in two sectors of a flash. A write goes over the older one, so that a write which the
power ends half way leaves the newer one whole. A device writes before it sends the first critical event of an incarnation;
a mark that is too low costs nothing, since the gateway has its own.
"""

from ..spec import RESUME_BYTES
from .clock import MASK, elapsed
from .fields import Buffer, copy, fill, get_u16, get_u32, is_zero, put_u16, put_u32, same

_MAGIC = 0x5246
_FORM = 1
_CRC_AT = RESUME_BYTES - 4

NONE = -1  # neither copy was ever written
DAMAGED = -2  # something was written, and neither copy is whole


class Resume:
    """The fields of one record."""

    def __init__(self) -> None:
        self.serial: int = 0
        self.incarnation: bytearray = bytearray(8)
        self.epoch: bytearray = bytearray(8)
        self.mark: int = 0
        self.before: int = 0  # critical events of earlier incarnations
        self.starts: int = 0
        self.device: bytearray = bytearray(4)

    def name(self, device_id: bytes) -> None:
        """The device that this record is of."""
        crc32c(device_id, 0, len(device_id), self.device, 0)

    def pack(self, out: bytearray, at: int) -> None:
        """Write 64 bytes."""
        fill(out, at, RESUME_BYTES, 0)
        put_u16(out, at, _MAGIC)
        out[at + 2] = _FORM
        put_u32(out, at + 4, self.serial)
        copy(out, at + 8, self.incarnation, 0, 8)
        copy(out, at + 16, self.epoch, 0, 8)
        put_u32(out, at + 24, self.mark)
        put_u32(out, at + 28, self.before & MASK)
        put_u32(out, at + 32, self.before >> 30)
        put_u32(out, at + 36, self.starts)
        copy(out, at + 40, self.device, 0, 4)
        crc32c(out, at, _CRC_AT, out, at + _CRC_AT)

    def unpack(self, data: Buffer, at: int) -> bool:
        """Read 64 bytes. False, and nothing is changed, when they are no whole record."""
        if not is_whole(data, at):
            return False
        self.serial = get_u32(data, at + 4)
        copy(self.incarnation, 0, data, at + 8, 8)
        copy(self.epoch, 0, data, at + 16, 8)
        self.mark = get_u32(data, at + 24)
        self.before = get_u32(data, at + 28) | get_u32(data, at + 32) << 30
        self.starts = get_u32(data, at + 36)
        copy(self.device, 0, data, at + 40, 4)
        return True


def is_whole(data: Buffer, at: int) -> bool:
    """Whether a record of this form stands there, undamaged."""
    if len(data) < at + RESUME_BYTES or get_u16(data, at) != _MAGIC or data[at + 2] != _FORM:
        return False
    crc = bytearray(4)
    crc32c(data, at, _CRC_AT, crc, 0)
    if not same(crc, 0, data, at + _CRC_AT, 4):
        return False
    numbers = (get_u32(data, at + 4), get_u32(data, at + 24), get_u32(data, at + 28), get_u32(data, at + 32))
    return min(numbers) >= 0 and get_u32(data, at + 36) >= 0


def newest(data: Buffer) -> int:
    """Of two copies, one behind the other: 0 or 1 for the newer whole one, NONE, or DAMAGED."""
    first, second = is_whole(data, 0), is_whole(data, RESUME_BYTES)
    if first and second:
        return 1 if elapsed(get_u32(data, RESUME_BYTES + 4), get_u32(data, 4)) > 0 else 0
    if first or second:
        return 0 if first else 1
    return NONE if _is_blank(data) else DAMAGED


def _is_blank(data: Buffer) -> bool:
    """Nothing, or what new files and erased flashes hold."""
    if is_zero(data, 0, len(data)):
        return True
    for i in range(len(data)):
        if data[i] != 0xFF:
            return False
    return True


def crc32c(data: Buffer, at: int, count: int, out: bytearray, to: int) -> None:
    """Write the CRC-32C of `count` bytes, little-endian; in two halves, which are small integers everywhere."""
    high = low = 0xFFFF
    for i in range(at, at + count):
        low ^= data[i]
        for _ in range(8):
            odd = low & 1
            low = low >> 1 | (high & 1) << 15
            high >>= 1
            if odd:
                high ^= 0x82F6
                low ^= 0x3B78
    put_u16(out, to, low ^ 0xFFFF)
    put_u16(out, to + 2, high ^ 0xFFFF)
