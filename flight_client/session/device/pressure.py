"""How a machine's memory is doing, by the numbers of a memory-update event. Equal to the C core's flight_pressure.

Shares are whole 1/10000, as the wire carries them, and compared without rounding. Limits are strict: a value that equals
its limit is below the level. A number that is not known is -1 and not judged.
"""

from ..spec import PRESSURE_FRAGMENTATION, PRESSURE_USED, WARNING_FRAGMENTATION

CALM = 0
WARNING = 1  # the free memory is cut into small pieces
PRESSURE = 2  # little is left, or only in small pieces


def judge(
    total_bytes: int,
    used_bytes: int,
    fragmentation: int,
    warning_fragmentation: int = WARNING_FRAGMENTATION,
    pressure_fragmentation: int = PRESSURE_FRAGMENTATION,
    pressure_used: int = PRESSURE_USED,
) -> int:
    """CALM, WARNING or PRESSURE."""
    if total_bytes > 0 and used_bytes >= 0 and used_bytes * 10000 > total_bytes * pressure_used:
        return PRESSURE
    if fragmentation > pressure_fragmentation:
        return PRESSURE
    return WARNING if fragmentation > warning_fragmentation else CALM


def free_share(total_bytes: int, used_bytes: int) -> int:
    """Free memory in 1/10000, rounded down; -1 where it is not known."""
    if total_bytes <= 0 or used_bytes < 0:
        return -1
    return max(0, total_bytes - used_bytes) * 10000 // total_bytes
