"""LZ4 blocks: the same as the reference library reads and writes, and nothing outside the declared size."""

import random

import lz4.block
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from flight_client.errors import CallerError, FrameError
from flight_client.wire import compress_payload, decompress_payload, records

ARGUMENT, NO_ROOM, TOO_LARGE, COMPRESSED = -1, -2, -5, -15
TEXT = b"a line of a log, and another line of a log, and one more line of the same log; " * 12


def compress(data: bytes, capacity: int | None = None) -> bytes | int:
    capacity = len(data) + len(data) // 250 + 24 if capacity is None else capacity
    out, table = ffi.new("uint8_t[]", capacity + 8), ffi.new("uint16_t[]", 512)
    ffi.buffer(out)[:] = b"\xa5" * (capacity + 8)
    size = lib.flight_compress(data, len(data), out, capacity, table)
    assert bytes(ffi.buffer(out))[max(size, 0) if size > 0 else capacity :][-8:] == b"\xa5" * 8
    return bytes(ffi.buffer(out, size)) if size >= 0 else size


def decompress(data: bytes, capacity: int = 65536) -> bytes | int:
    out = ffi.new("uint8_t[]", capacity + 8)
    ffi.buffer(out)[:] = b"\xa5" * (capacity + 8)
    size = lib.flight_decompress(data, len(data), out, capacity)
    assert bytes(ffi.buffer(out))[capacity:] == b"\xa5" * 8
    if size >= 0:
        assert bytes(ffi.buffer(out))[size:capacity] == b"\xa5" * (capacity - size), "written behind the declared size"
    return bytes(ffi.buffer(out, size)) if size >= 0 else size


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """From noise to repetition: pieces of an alphabet of any size, with copies of earlier parts."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    alphabet = chance.randbytes(chance.choice([1, 2, 5, 40, 256]))
    data = bytearray()
    for _ in range(draw(st.integers(1, 12))):
        data += bytes(chance.choice(alphabet) for _ in range(chance.choice([1, 3, 14, 15, 16, 100, 270, 1000])))
        start = chance.randrange(len(data))
        data += data[start : start + chance.choice([0, 4, 18, 19, 20, 273, 274, 275, 3000])]
    return bytes(data)


@settings(max_examples=200)
@given(payloads())
def test_the_reference_library_reads_what_we_write_and_we_read_what_it_writes(data: bytes) -> None:
    ours = compress(data)
    assert isinstance(ours, bytes)
    assert int.from_bytes(ours[:4], "little") == len(data)
    assert lz4.block.decompress(ours[4:], uncompressed_size=len(data)) == data
    assert decompress(ours, len(data)) == data
    for mode in ("default", "high_compression"):
        theirs = lz4.block.compress(data, mode=mode, store_size=True)
        assert decompress(theirs, len(data)) == data


@pytest.mark.parametrize("size", [1, 2, 11, 12, 13, 14, 15, 16, 17, 255, 256, 65535, 65536])
def test_lengths_at_the_edges_come_back(size: int) -> None:
    for data in (bytes(size), random.Random(size).randbytes(size)):
        ours = compress(data)
        assert isinstance(ours, bytes)
        assert decompress(ours) == data == lz4.block.decompress(ours)


def test_a_repeating_text_shrinks_about_as_much_as_with_the_reference_library() -> None:
    ours = compress(TEXT)
    assert isinstance(ours, bytes)
    assert len(ours) <= 1.1 * len(lz4.block.compress(TEXT)) + 4


@pytest.mark.parametrize("capacity", range(150))
def test_every_capacity_is_respected_when_compressing(capacity: int) -> None:
    whole = compress(TEXT)
    assert isinstance(whole, bytes)
    assert compress(TEXT, capacity) == (whole if capacity >= len(whole) else NO_ROOM)


def test_a_declared_size_over_the_buffer_is_refused_before_anything_is_written() -> None:
    data = compress(TEXT)
    assert isinstance(data, bytes)
    assert decompress(data, len(TEXT) - 1) == NO_ROOM
    assert decompress(data, len(TEXT)) == TEXT


@pytest.mark.parametrize("declared", [0, 1, len(TEXT) - 1, len(TEXT) + 1, 65537, 2**31, 2**32 - 1])
def test_output_over_or_under_the_declared_size_is_refused(declared: int) -> None:
    data = compress(TEXT)
    assert isinstance(data, bytes)
    assert decompress(declared.to_bytes(4, "little") + data[4:]) == COMPRESSED


def test_a_size_beyond_what_a_block_can_hold_is_refused_before_any_work() -> None:
    bomb = (65536).to_bytes(4, "little") + bytes([0x1F, 0, 1, 0]) + b"\xff" * 200 + b"\x00"
    assert lib.flight_unpacked_bytes(bomb, len(bomb)) == COMPRESSED
    assert lib.flight_unpacked_bytes((255).to_bytes(4, "little") + b"x", 5) == 255
    assert lib.flight_unpacked_bytes((256).to_bytes(4, "little") + b"x", 5) == COMPRESSED


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"", "no block"),
        (bytes([0x10]), "literal missing"),
        (bytes([0xF0]), "length missing"),
        (bytes([0xF0]) + b"\xff" * 300, "length without end"),
        (bytes([0x10, 65, 0, 0]), "offset 0"),
        (bytes([0x10, 65, 2, 0, 0x00]), "reference before the start"),
        (bytes([0x10, 65, 1]), "offset cut"),
        (bytes([0x00, 1, 0, 0x00]), "reference into nothing"),
        (bytes([0x1F, 65, 1, 0]), "match length cut"),
        (bytes([0x14, 65, 1, 0, 0x00]), "match over the declared size"),
        (bytes([0x12, 65, 1, 0]), "nothing behind the last match"),
        (bytes([0x85]) + b"AAAAAAAA", "a match announced in the last sequence"),
        (bytes([0x90]) + b"AAAAAAAAA", "literals over the declared size"),
    ],
)
def test_broken_blocks_are_refused(block: bytes, why: str) -> None:
    assert decompress((8).to_bytes(4, "little") + block) == COMPRESSED, why


def test_every_truncation_is_refused() -> None:
    data = compress(TEXT)
    assert isinstance(data, bytes)
    assert {decompress(data[:size]) for size in range(len(data))} == {COMPRESSED}


@given(st.integers(0, 65536), st.binary(max_size=200))
def test_random_blocks_stay_inside_the_declared_size(declared: int, block: bytes) -> None:
    found = decompress(declared.to_bytes(4, "little") + block, 65536)
    if isinstance(found, bytes):
        assert len(found) == declared
        assert lz4.block.decompress(block, uncompressed_size=declared) == found
    else:
        assert found == COMPRESSED


def test_compressing_twice_is_not_undone_twice() -> None:
    inner = compress_payload(bytes([7, 1, 0, 0, 1, 0, 0, 0]) * 500)
    assert inner is not None
    outer = compress_payload(inner * 20)
    assert outer is not None
    assert decompress_payload(outer) == inner * 20
    with pytest.raises(FrameError, match="event record"):
        records(inner, 0, len(inner))


def test_a_payload_that_does_not_shrink_is_left_alone() -> None:
    assert compress_payload(random.Random(1).randbytes(500)) is None
    assert compress_payload(b"") is compress_payload(b"x") is None
    assert decompress_payload(compress_payload(TEXT) or b"") == TEXT


def test_payloads_over_the_limits_are_refused_with_words() -> None:
    with pytest.raises(CallerError, match="too large"):
        compress_payload(bytes(65537))
    data = compress_payload(TEXT) or b""
    with pytest.raises(FrameError, match=f"declares {len(TEXT)} bytes"):
        decompress_payload(data, 100)
    with pytest.raises(FrameError, match="damaged"):
        decompress_payload(data[:-1])


def test_bad_arguments_are_refused() -> None:
    out, table = ffi.new("uint8_t[]", 8), ffi.new("uint16_t[]", 512)
    assert lib.flight_compress(ffi.NULL, 1, out, 8, table) == ARGUMENT
    assert lib.flight_compress(b"x", 1, ffi.NULL, 8, table) == ARGUMENT
    assert lib.flight_compress(b"x", 1, out, 8, ffi.NULL) == ARGUMENT
    assert lib.flight_compress(b"x", 0, out, 8, table) == TOO_LARGE
    assert lib.flight_compress(bytes(65537), 65537, out, 8, table) == TOO_LARGE
    assert lib.flight_compress(b"x", 1, out, 3, table) == NO_ROOM
    assert lib.flight_decompress(ffi.NULL, 8, out, 8) == ARGUMENT
    assert lib.flight_decompress(bytes([1, 0, 0, 0, 0x10, 65]), 6, ffi.NULL, 8) == ARGUMENT
