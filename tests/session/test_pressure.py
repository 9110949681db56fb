"""How memory is judged: strict limits, exact at the boundary, the same in C and in Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from flight_client.session.device.pressure import CALM, PRESSURE, WARNING, free_share, judge

UNKNOWN_BYTES = 0xFFFFFFFF
UNKNOWN_SHARE = 0xFFFF
TOTALS = (1, 2, 3, 7, 10, 11, 999, 1000, 1001, 16 << 20, 32 << 20, (512 << 20) - 1, 512 << 20, 0xFFFFFFFE)


def in_c(total, used, fragmentation):
    return lib.flight_pressure(total, used, fragmentation)


def boundary():
    """Each limit from both sides, for totals that 10 divides and for others."""
    for total in TOTALS:
        for used in {max(0, total * 9 // 10 + step) for step in (-1, 0, 1, 2)} | {0, total}:
            for fragmentation in (0, 2999, 3000, 3001, 3999, 4000, 4001, 10000):
                yield total, min(used, 0xFFFFFFFE), fragmentation


def test_c_and_python_agree_over_the_grid_of_boundaries():
    cases = list(boundary())
    assert len(cases) > 400
    assert {judge(*case) for case in cases} == {CALM, WARNING, PRESSURE}
    for case in cases:
        assert in_c(*case) == judge(*case), case


@given(st.integers(0, 0xFFFFFFFE), st.integers(0, 0xFFFFFFFE), st.integers(0, 0xFFFE))
def test_c_and_python_agree_everywhere(total, used, fragmentation):
    assert in_c(total, used, fragmentation) == judge(total, used, fragmentation)
    assert in_c(total, used, fragmentation) == expected(total, used, fragmentation)


def expected(total, used, fragmentation):
    """The guide's words, in whole numbers."""
    if (total and used * 10 > total * 9) or fragmentation > 4000:
        return PRESSURE
    return WARNING if fragmentation > 3000 else CALM


@pytest.mark.parametrize(
    ("total", "used", "fragmentation", "level"),
    [
        (1000, 900, 0, CALM),
        (1000, 901, 0, PRESSURE),
        (16 << 20, 15099494, 0, CALM),  # 0.9 is 15,099,494.4
        (16 << 20, 15099495, 0, PRESSURE),
        (1000, 0, 3000, CALM),
        (1000, 0, 3001, WARNING),
        (1000, 0, 4000, WARNING),
        (1000, 0, 4001, PRESSURE),
        (10, 11, 0, PRESSURE),
    ],
)
def test_a_value_that_equals_its_limit_is_below_the_level(total, used, fragmentation, level):
    assert judge(total, used, fragmentation) == in_c(total, used, fragmentation) == level


@pytest.mark.parametrize(
    ("total", "used", "fragmentation", "level"),
    [
        (-1, 5, -1, CALM),
        (0, 5, -1, CALM),
        (1000, -1, -1, CALM),
        (1000, 950, -1, PRESSURE),
        (-1, -1, 3500, WARNING),
        (-1, -1, 4500, PRESSURE),
    ],
)
def test_what_is_not_known_is_not_judged(total, used, fragmentation, level):
    assert judge(total, used, fragmentation) == level
    wire = (total % (1 << 32), used % (1 << 32), fragmentation % (1 << 16))  # all bits set
    assert in_c(*wire) == level


@given(
    st.integers(0, 10000),
    st.integers(0, 10000),
    st.integers(0, 10000),
    st.integers(0, 20000),
    st.integers(0, 20000),
    st.integers(0, 10000),
)
def test_limits_of_one_s_own_hold_in_both(warning, fragments, share, total, used, fragmentation):
    limits = ffi.new("flight_pressure_limits *", (warning, fragments, share))
    ours = judge(total, used, fragmentation, warning, fragments, share)
    assert lib.flight_pressure_by(limits, total, used, fragmentation) == ours


def test_the_free_share_is_rounded_down_and_unknown_where_a_number_is():
    assert free_share(3, 1) == 6666
    assert free_share(3, 0) == 10000
    assert free_share(3, 5) == 0
    assert free_share(0, 0) == free_share(-1, 5) == free_share(5, -1) == -1
