"""How old an event is, as its record says it."""

from micropython import const

_FUTURE = const(0x3FFEFFFF)  # above: a stamp that lies up to a minute ahead, set between two looks at the clock


def long_age(age_ms: int) -> int:
    """The code of an age of 32,768 ms or more; `age_ms` is the difference of two 30-bit clocks."""
    if age_ms > _FUTURE:
        return 0
    return 0x8000 | age_ms // 1000 if age_ms < 32767000 else 0xFFFF


def age_ms(code: int) -> int:
    """What a code says, in ms; -1 for unknown, -2 for one that no sender may write."""
    if code < 0x8000:
        return code
    if code == 0xFFFF:
        return -1
    code &= 0x7FFF
    return -2 if code < 32 else 32768 if code == 32 else code * 1000
