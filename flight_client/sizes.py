"""A number of bytes, for programs and for people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import CallerError

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")


def human_readable(size: int | None) -> str:
    """A number of bytes for a person: `16MB`, `8.4MB`, `unknown`. Raises CallerError for what is no number."""
    if size is None:
        return "unknown"
    try:
        finite = math.isfinite(size)
    except (TypeError, OverflowError):
        finite = False
    if not finite:
        raise CallerError(
            "size is no number of bytes", value=size, next_step="give a whole number, or None where it is unknown"
        )
    step = 0
    while step < len(_UNITS) - 1 and size >= 1 << 10 * (step + 1):
        step += 1
    tenths = round(10 * size / (1 << 10 * step))
    if tenths >= 10240 and step < len(_UNITS) - 1:  # 1023.97KB is 1MB
        step, tenths = step + 1, 10
    return f"{tenths // 10}{_UNITS[step]}" if tenths % 10 == 0 else f"{tenths / 10}{_UNITS[step]}"


@dataclass(frozen=True, slots=True)
class MemorySize:
    """An amount of memory; `bytes` is None where it is unknown, which is not 0."""

    bytes: int | None

    @property
    def human_readable(self) -> str:
        """For a person: "16MB", "8.4MB", "unknown"."""
        return human_readable(self.bytes)


class MemoryViews:
    """The guide's names for the fields of a memory-update. They are read only: what they show stands in the fields."""

    __slots__ = ()
    total_bytes: int | None
    used_bytes: int | None
    available_bytes: int | None
    fragmentation: float | None

    @property
    def total(self) -> MemorySize:
        """Memory of the machine."""
        return MemorySize(self.total_bytes)

    @property
    def used(self) -> MemorySize:
        """Memory in use."""
        return MemorySize(self.used_bytes)

    @property
    def available(self) -> MemorySize:
        """Memory that can still be had."""
        return MemorySize(self.available_bytes)

    @property
    def fragmentation_ratio(self) -> float | None:
        """1 - largest free block / free, from 0 to 1; None where it is unknown."""
        return self.fragmentation


class ComponentViews:
    """The same for a component-update."""

    __slots__ = ()
    memory_bytes: int | None

    @property
    def memory_usage(self) -> MemorySize:
        """Memory of the component."""
        return MemorySize(self.memory_bytes)
