"""One frame: written, read, and refused for every damage that the checks promise to find."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from flight_client._tables import NAMES
from tests.core.plain import build_frame

NO_ROOM, TOO_LARGE, MAGIC, CHECK, VERSION, TYPE, FLAGS, NUMBER, LENGTH, CRC = -2, -5, -6, -7, -8, -9, -10, -11, -12, -13
EVENT = bytes(range(48))


def decode(data: bytes, limit: int = 65536) -> int:
    return lib.flight_frame_decode(data, len(data), limit, ffi.new("flight_frame *"))


def encode(payload: bytes, flags: int = 0x22, capacity: int = 65536, **fields: int) -> tuple[int, bytes]:
    frame = ffi.new("flight_frame *", {"type": 13, "flags": flags, "payload_bytes": len(payload), **fields})
    kept = ffi.from_buffer("uint8_t[]", payload)
    frame.payload = kept
    out = ffi.new("uint8_t[]", capacity)
    size = lib.flight_frame_encode(out, capacity, frame)
    return size, bytes(ffi.buffer(out, max(size, 0)))


def test_a_frame_has_the_bytes_of_the_worked_example() -> None:
    size, data = encode(bytes.fromhex("deadbeef"), channel=7, seq=5, ack=9)
    assert size == 24
    assert data.hex(" ") == "f1 0d 22 1d 04 00 07 00 05 00 00 00 09 00 00 00 de ad be ef e2 8a 26 59"


def test_a_48_byte_event_framed_alone_takes_68_bytes_and_72_with_crc() -> None:
    record = bytes([7, 12, 0, 0]) + EVENT
    assert encode(record, flags=0x02)[0] == 68
    assert encode(record, flags=0x22)[0] == 72


@given(
    st.sampled_from(sorted(NAMES["types"].values())),
    st.sampled_from([0, 1, 2, 3, 0x20, 0x23]),
    st.integers(0, 65535),
    st.integers(0, 2**30 - 1),
    st.integers(0, 2**30 - 1),
    st.binary(max_size=100),
    st.integers(0, 7),
)
def test_what_is_written_is_read_back_at_every_alignment(
    type_: int, flags: int, channel: int, seq: int, ack: int, payload: bytes, offset: int
) -> None:
    size, data = encode(payload, flags, type=type_, channel=channel, seq=seq, ack=ack)
    assert data == build_frame(type_, flags, channel, seq, ack, payload)
    memory = ffi.new("uint8_t[]", size + 8)
    ffi.buffer(memory)[offset : offset + size] = data
    frame = ffi.new("flight_frame *")
    assert lib.flight_frame_decode(memory + offset, size, size, frame) == size
    assert (frame.type, frame.flags, frame.channel, frame.seq, frame.ack) == (type_, flags, channel, seq, ack)
    assert frame.payload - memory == offset + 16
    assert bytes(ffi.buffer(frame.payload, frame.payload_bytes)) == payload


def flips(bits: range, data: bytes) -> list[bytes]:
    """Data with each one and each two of these bits flipped."""
    number = int.from_bytes(data, "little")
    single = [number ^ 1 << a for a in bits]
    double = [number ^ 1 << a ^ 1 << b for a, b in itertools.combinations(bits, 2)]
    return [changed.to_bytes(len(data), "little") for changed in single + double]


def test_every_flip_of_one_or_two_bits_in_a_header_is_refused_without_a_crc() -> None:
    data = build_frame(flags=0x02, seq=0x12345678, ack=0x2A55AA55, payload=b"1234")
    changed = flips(range(128), data)
    assert len(changed) == 128 + 128 * 127 // 2
    assert {decode(item) for item in changed} <= {MAGIC, CHECK}


def test_every_flip_of_one_or_two_bits_in_a_checked_frame_is_refused() -> None:
    data = build_frame(payload=b"flight!!")
    changed = flips(range(8 * len(data)), data)
    assert all(decode(item) < 0 for item in changed)


@pytest.mark.parametrize("flags", [0x02, 0x22])
def test_every_truncation_needs_more_bytes_and_is_never_accepted(flags: int) -> None:
    data = build_frame(flags=flags, payload=EVENT)
    assert [decode(data[:size]) for size in range(len(data))] == [0] * len(data)
    assert decode(data) == decode(data + b"behind it") == len(data)


def test_bytes_that_are_no_header_are_refused_at_the_first_byte() -> None:
    assert decode(b"G") == decode(b"GET / HTTP/1.1\r\n") == MAGIC


@pytest.mark.parametrize("first", [first for first in range(0xF0, 0x100) if first != 0xF1])
def test_another_version_is_refused_as_such(first: int) -> None:
    assert decode(build_frame(first=first)) == VERSION


def test_exactly_the_types_of_the_spec_are_known() -> None:
    accepted = {type_ for type_ in range(256) if decode(build_frame(type=type_)) > 0}
    assert accepted == set(NAMES["types"].values())
    assert decode(build_frame(type=0)) == decode(build_frame(type=200)) == TYPE


def test_exactly_the_supported_flags_are_accepted() -> None:
    accepted = {flags for flags in range(256) if decode(build_frame(flags=flags)) > 0}
    assert accepted == {flags for flags in range(256) if flags & ~0x7F == 0}
    assert decode(build_frame(flags=0x90)) == decode(build_frame(flags=0x80)) == FLAGS


@pytest.mark.parametrize("number", [2**30, 2**31, 2**32 - 1])
def test_numbers_over_30_bits_are_refused_both_ways(number: int) -> None:
    assert decode(build_frame(seq=number)) == decode(build_frame(ack=number)) == NUMBER
    assert encode(b"", seq=number)[0] == encode(b"", ack=number)[0] == NUMBER


def test_a_frame_over_the_receivers_limit_is_refused_before_it_has_arrived() -> None:
    data = build_frame(payload=EVENT)
    assert decode(data, limit=len(data)) == len(data)
    assert decode(data, limit=len(data) - 1) == LENGTH
    assert decode(build_frame(length=65535)[:16]) == LENGTH  # 16 + 65535 + 4 is over 64 KiB


def test_a_length_that_does_not_belong_to_the_payload_is_refused() -> None:
    assert decode(build_frame(payload=EVENT, length=47)) == CRC
    assert decode(build_frame(payload=EVENT, length=49)) == 0


def test_seal_takes_the_largest_frame_and_not_a_byte_more() -> None:
    assert encode(bytes(65536 - 20))[0] == 65536
    assert encode(bytes(65536 - 19))[0] == TOO_LARGE
    assert encode(EVENT, capacity=68)[0] == 68
    assert encode(EVENT, capacity=67)[0] == NO_ROOM


def test_seal_refuses_what_decode_would_refuse() -> None:
    assert encode(b"", type=0)[0] == encode(b"", type=22)[0] == TYPE
    assert encode(b"", flags=0x80)[0] == FLAGS


def test_a_payload_that_overlaps_its_frame_is_moved_whole() -> None:
    memory = ffi.new("uint8_t[]", 100)
    ffi.buffer(memory)[0:48] = EVENT
    frame = ffi.new("flight_frame *", {"type": 13, "payload": memory, "payload_bytes": 48})
    assert lib.flight_frame_encode(memory, 100, frame) == 64
    assert bytes(ffi.buffer(memory, 64))[16:] == EVENT


def test_a_refused_frame_leaves_the_fields_alone() -> None:
    frame = ffi.new("flight_frame *", {"seq": 99})
    data = build_frame(payload=EVENT)[:-1] + b"?"
    assert lib.flight_frame_decode(data, len(data), 65536, frame) == CRC
    assert frame.seq == 99


def test_null_pointers_are_refused() -> None:
    frame = ffi.new("flight_frame *", {"type": 13, "payload_bytes": 1})
    out = ffi.new("uint8_t[]", 32)
    assert lib.flight_frame_seal(ffi.NULL, 32, frame) == -1
    assert lib.flight_frame_encode(out, 32, frame) == -1
    assert lib.flight_frame_decode(ffi.NULL, 0, 32, frame) == -1
