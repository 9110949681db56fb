"""The event that everybody sends: memory of a machine, as nine integers of which eight are from the program."""

from __future__ import annotations

import struct

MANY = 64

FIELDS = ("channel", "kind", "flags", "seq", "time_ms", "total", "used", "available", "budget", "fragmentation")
# Whole numbers as a program has them; the sizes differ from event to event, as they do in life.
VALUES = [
    (3, 1, 0, number, 1_800_000_000_000 + number, 512 << 20, (200 << 20) + 4096 * number, (312 << 20) - 4096 * number, 400 << 20, 17)
    for number in range(MANY)
]  # fmt: skip

PACKED = struct.Struct("<HBBIQQQQQHxx")


def pack_many() -> bytearray:
    """The base: MANY times one pack_into of a kept buffer."""
    buffer = _BUFFER
    pack_into = PACKED.pack_into
    for channel, kind, flags, seq, time_ms, total, used, available, budget, fragmentation in VALUES:
        pack_into(buffer, 0, channel, kind, flags, seq, time_ms, total, used, available, budget, fragmentation)
    return buffer


_BUFFER = bytearray(PACKED.size)
