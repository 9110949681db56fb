"""CRC-32C, the header check, and the self-test."""

import random

from hypothesis import given
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from tests.core.plain import plain_check, plain_crc32c


def test_crc32c_of_the_digits_is_the_published_check_value() -> None:
    assert lib.flight_crc32c(b"123456789", 9, 0) == 0xE3069283


def test_crc32c_of_rfc_3720_vectors() -> None:
    assert lib.flight_crc32c(bytes(32), 32, 0) == 0x8A9136AA
    assert lib.flight_crc32c(b"\xff" * 32, 32, 0) == 0x62A8AB43
    assert lib.flight_crc32c(bytes(range(32)), 32, 0) == 0x46DD794E
    assert lib.flight_crc32c(bytes(range(31, -1, -1)), 32, 0) == 0x113FDB5C


@given(st.binary(max_size=64), st.integers(0, 64))
def test_crc32c_of_pieces_is_that_of_the_whole(data: bytes, cut: int) -> None:
    first, second = data[:cut], data[cut:]
    whole = lib.flight_crc32c(data, len(data), 0)
    assert whole == plain_crc32c(data)
    assert lib.flight_crc32c(second, len(second), lib.flight_crc32c(first, len(first), 0)) == whole


@given(st.binary(min_size=16, max_size=16))
def test_the_header_check_is_the_one_of_the_definition(header: bytes) -> None:
    assert lib.flight_header_check(header) == plain_check(header)


def test_the_header_check_is_the_same_at_every_alignment() -> None:
    header = random.Random(1).randbytes(16)
    memory = ffi.new("uint8_t[]", 24)
    for offset in range(8):
        ffi.buffer(memory)[offset : offset + 16] = header
        assert lib.flight_header_check(memory + offset) == plain_check(header)


def test_no_two_columns_of_the_check_cancel() -> None:
    columns = [lib.flight_header_check((1 << k).to_bytes(16, "little")) for k in range(128) if k // 8 != 3]
    columns += [1 << bit for bit in range(8)]  # the check byte itself
    assert len(columns) == len(set(columns)) == 128
    assert 0 not in columns


def test_the_self_test_passes() -> None:
    assert lib.flight_selftest(ffi.new("uint32_t[]", 320)) == 0


def test_the_self_test_refuses_a_misaligned_or_absent_scratch() -> None:
    memory = ffi.new("uint8_t[]", 1284)
    assert lib.flight_selftest(memory + 1) == -1
    assert lib.flight_selftest(ffi.NULL) == -1


def test_every_error_code_has_its_own_words() -> None:
    texts = [ffi.string(lib.flight_error_text(-code)).decode() for code in range(17)]
    assert texts[0] == "no error"
    assert len(set(texts)) == 17
    assert ffi.string(lib.flight_error_text(-17)) == ffi.string(lib.flight_error_text(-2147483648))
    assert ffi.string(lib.flight_error_text(7)) == b"no error"


def test_the_version_is_that_of_the_package() -> None:
    assert lib.flight_version() == 0x000100
