"""How full the heap is, as the body of a memory-update event.

    report = MemoryReport(client.channel("memory-updates"))
    ...
    report.emit()      # every now and then; takes no heap where the board cannot show its mem_info

total and used are of the garbage collector. The largest free block is not to be had by a call: micropython.mem_info() prints
it. Where the board lets a program read what it prints (os.dupterm) fragmentation is told, else it is unknown.
"""

import gc
import os
import sys
from struct import pack_into

import micropython
from micropython import const

_UNKNOWN = const(0xFFFF)
_TEXT_BYTES = const(320)


class _Printed:
    """Takes what mem_info() prints."""

    def __init__(self) -> None:
        self.text = bytearray(_TEXT_BYTES)
        self.count = 0

    def write(self, data) -> int:
        for byte in data:
            if self.count < _TEXT_BYTES:
                self.text[self.count] = byte
                self.count += 1
        return len(data)

    def readinto(self, buffer):
        """Nothing is ever typed here."""
        return


def largest_free_bytes(text: bytes) -> int:
    """Of the text of mem_info(): its largest row of free blocks in bytes; -1 where it does not say that."""
    _, found, rest = text.partition(b"max free sz: ")
    words = rest.split()
    if not found or not words or not words[0].isdigit():
        return -1
    # A block is four words of the machine.
    return int(words[0]) * (32 if sys.maxsize > 0x7FFFFFFF else 16)


def fragmentation(largest_bytes: int, free_bytes: int) -> int:
    """1 - largest free block / free, in 1/10000."""
    if largest_bytes < 0 or free_bytes <= 0:
        return _UNKNOWN
    return max(0, 10000 - largest_bytes * 10000 // free_bytes)


class MemoryReport:
    """One emitter of memory-update events; `budget_bytes`: what the program may use, 0 for unknown."""

    def __init__(self, channel, budget_bytes: int = 0) -> None:
        self._emitter = channel.emitter(1, 20)
        self._session = channel._client.session
        self._dupterm = getattr(os, "dupterm", None)
        # Halves, so that no number is too large for a small integer.
        self._budget_low = budget_bytes & 0xFFFF if budget_bytes else _UNKNOWN
        self._budget_high = budget_bytes >> 16 if budget_bytes else _UNKNOWN

    def emit(self) -> int:
        """Queue the event; and let the client send smaller batches where little memory is left."""
        body = self._emitter.body
        used = gc.mem_alloc()
        free = gc.mem_free()
        pack_into(
            "<IIIHHH", body, 0, used + free, used, free, self._budget_low, self._budget_high, self._fragmentation(free)
        )
        self._session.batching.memory(free * 10000 // (used + free))
        return self._emitter.emit()

    def _fragmentation(self, free: int) -> int:
        if self._dupterm is None:
            return _UNKNOWN
        printed = _Printed()
        before = self._dupterm(printed)
        micropython.mem_info()
        self._dupterm(before)
        return fragmentation(largest_free_bytes(bytes(printed.text[: printed.count])), free)
