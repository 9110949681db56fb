"""Wrapping time, numbers in buffers, ages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.session.common import fields
from flight_client.session.common.clock import MASK, elapsed, later
from flight_client.session.common.profile import Profile, profile_of
from flight_client.session.spec import PROFILES
from flight_client.wire.records import encode_age

times = st.integers(0, MASK)
HALF = 1 << 29


@given(times, st.integers(-HALF, HALF - 1))
def test_what_was_added_is_what_has_elapsed_wherever_the_clock_wraps(then, wait_ms):
    assert elapsed(later(then, wait_ms), then) == wait_ms
    assert 0 <= later(then, wait_ms) <= MASK


def test_the_clock_wraps_at_30_bits():
    assert later(MASK, 1) == 0
    assert elapsed(0, MASK) == 1
    assert elapsed(MASK, 0) == -1
    assert elapsed(HALF, 0) == -HALF  # the first difference that cannot be told from the past


@given(st.integers(0, 0xFFFF), st.integers(0, 5))
def test_u16_comes_back(value, at):
    out = bytearray(8)
    fields.put_u16(out, at, value)
    assert fields.get_u16(out, at) == value
    assert out[at : at + 2] == value.to_bytes(2, "little")


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 4))
def test_u32_from_2_to_the_30_on_answers_minus_one(value, at):
    out = bytearray(8)
    fields.put_u32(out, at, value)
    assert out[at : at + 4] == value.to_bytes(4, "little")
    assert fields.get_u32(out, at) == (value if value < 1 << 30 else -1)


@pytest.mark.parametrize("value", [0, 1, 0xFFFF, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_u32_at_its_boundaries(value):
    assert fields.get_u32(value.to_bytes(4, "little"), 0) == (value if value < 1 << 30 else -1)


near_64 = st.one_of(
    st.integers(0, (1 << 64) - 1), st.sampled_from([0, 1, 255, 256, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
)


@given(near_64, near_64, st.integers(0, 3), st.integers(0, 3))
def test_64_bit_numbers_compare_as_numbers(a, b, a_at, b_at):
    left = bytes(a_at) + a.to_bytes(8, "little")
    right = bytes(b_at) + b.to_bytes(8, "little")
    assert fields.at_most(left, a_at, right, b_at) == (a <= b)
    assert fields.same(left, a_at, right, b_at, 8) == (a == b)


def test_neighbours_of_a_64_bit_number_compare():
    for shift in range(64):
        a = 1 << shift
        for b in (a - 1, a, a + 1):
            assert fields.at_most(a.to_bytes(8, "little"), 0, b.to_bytes(8, "little"), 0) == (a <= b)


@given(st.binary(max_size=20), st.integers(0, 4), st.integers(0, 255))
def test_copy_fill_and_is_zero_touch_what_they_name(data, at, value):
    out = bytearray(b"\xaa" * 32)
    fields.copy(out, at, data, 0, len(data))
    assert out == b"\xaa" * at + data + b"\xaa" * (32 - at - len(data))
    fields.fill(out, at, len(data), value)
    assert out == b"\xaa" * at + bytes((value,)) * len(data) + b"\xaa" * (32 - at - len(data))
    assert fields.is_zero(data, 0, len(data)) == (not any(data))


AGES = [0, 1, 31_999, 32_000, 32_766, 32_767, 32_768, 32_999, 33_000, 33_999, 60_000, 32_765_999, 32_766_000, 32_766_999,
        32_767_000, 32_767_001, 1 << 29]  # fmt: skip


@pytest.mark.parametrize("age_ms", AGES)
def test_an_age_is_written_as_the_wire_layer_writes_it(age_ms):
    assert fields.age_code(age_ms) == encode_age(age_ms)


@given(st.integers(0, (1 << 29) - 1))
def test_any_age_is_written_as_the_wire_layer_writes_it(age_ms):
    assert fields.age_code(age_ms) == encode_age(age_ms)


def test_every_second_has_one_form():
    for seconds in range(33, 0x7FFF):
        assert fields.age_code(seconds * 1000) == 0x8000 | seconds
    assert fields.age_code(32_768) == 0x8000 | 32
    assert fields.age_code(0x7FFF * 1000) == 0xFFFF


def test_an_age_below_zero_is_zero():
    assert fields.age_code(-1) == 0


def test_a_profile_is_known_by_its_name():
    for name, values in PROFILES.items():
        profile = profile_of(name)
        assert isinstance(profile, Profile)
        assert profile.platform == values[0]
        assert profile.transports
    assert profile_of("nothing-of-that-name") is None
