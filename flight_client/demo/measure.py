"""What a process of this machine really uses. Nothing is invented: what cannot be measured is unknown."""

from __future__ import annotations

import dataclasses

import psutil

from ..events import MemoryUpdate


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """Bytes; None is unknown."""

    total: int | None
    used: int | None
    available: int | None


def own_memory() -> Memory:
    """This process's resident memory beside the host's total and available memory."""
    host = psutil.virtual_memory()
    return Memory(host.total, psutil.Process().memory_info().rss, host.available)


def memory_update(budget_bytes: int) -> MemoryUpdate:
    """The measurement as an event; `budget_bytes` is what the platform's profile would have, 0 where it has none."""
    memory = own_memory()
    return MemoryUpdate(
        total_bytes=memory.total,
        used_bytes=memory.used,
        available_bytes=memory.available,
        budget_bytes=budget_bytes or None,
        fragmentation=None,  # the largest free block of a process is not a thing that this system tells
    )
