"""Little-endian fields in buffers, without a temporary object.

32-bit numbers of the wire stay below 2^30 (spec: number_limit), so that they are small integers on every board;
`get_u32` answers -1 for a larger one, and the caller refuses the frame.
"""

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    Buffer = bytearray | bytes | memoryview
else:
    Buffer = bytes  # MicroPython does not evaluate annotations, and cannot unite types


def get_u16(data: Buffer, at: int) -> int:
    """An unsigned 16-bit number."""
    return data[at] | data[at + 1] << 8


def get_u32(data: Buffer, at: int) -> int:
    """An unsigned 32-bit number below 2^30, or -1."""
    high = data[at + 3]
    if high > 0x3F:
        return -1
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | high << 24


def put_u16(data: bytearray, at: int, value: int) -> None:
    """Write an unsigned 16-bit number."""
    data[at] = value & 0xFF
    data[at + 1] = value >> 8 & 0xFF


def put_u32(data: bytearray, at: int, value: int) -> None:
    """Write an unsigned 32-bit number."""
    data[at] = value & 0xFF
    data[at + 1] = value >> 8 & 0xFF
    data[at + 2] = value >> 16 & 0xFF
    data[at + 3] = value >> 24 & 0xFF


def copy(out: bytearray, to: int, data: Buffer, at: int, count: int) -> None:
    """Copy `count` bytes; a loop, because a slice takes heap on MicroPython."""
    for i in range(count):
        out[to + i] = data[at + i]


def fill(out: bytearray, at: int, count: int, value: int) -> None:
    """Set `count` bytes to one value."""
    for i in range(count):
        out[at + i] = value


def same(a: Buffer, a_at: int, b: Buffer, b_at: int, count: int) -> bool:
    """Whether `count` bytes are equal."""
    for i in range(count):
        if a[a_at + i] != b[b_at + i]:
            return False
    return True


def is_zero(data: Buffer, at: int, count: int) -> bool:
    """Whether `count` bytes are all 0."""
    for i in range(count):
        if data[at + i]:
            return False
    return True


def at_most(a: Buffer, a_at: int, b: Buffer, b_at: int) -> bool:
    """Whether the 64-bit number in `a` is less than or equal to the one in `b`."""
    for i in range(7, -1, -1):
        if a[a_at + i] != b[b_at + i]:
            return a[a_at + i] < b[b_at + i]
    return True


def age_code(age_ms: int) -> int:
    """An age as it stands on the wire: milliseconds, then seconds, then `unknown` (spec: frame.age_*)."""
    if age_ms < 0x8000:
        return age_ms if age_ms > 0 else 0
    seconds = age_ms // 1000
    return 0x8000 | seconds if seconds < 0x7FFF else 0xFFFF
