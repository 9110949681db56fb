"""Payloads larger than a frame: cut, put together, and refused where they do not fit together."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client._core import ffi, lib

ARGUMENT, NO_ROOM, TOO_LARGE, TYPE, FLAGS, NUMBER, FRAGMENT = -1, -2, -5, -9, -10, -11, -16
DATA = random.Random(5).randbytes(1000)


def cut(
    payload: bytes, limit: int, flags: int = 0x22, channel: int = 7, message: int = 1, kind: int = 13
) -> list[bytes]:
    """The fragments of a payload as whole frames."""
    kept = ffi.from_buffer("uint8_t[]", payload)
    fields = {"type": kind, "flags": flags, "channel": channel, "payload": kept, "payload_bytes": len(payload)}
    cutter, buffer = ffi.new("flight_fragmenter *"), ffi.new("uint8_t[]", limit + 8)
    assert lib.flight_fragment_start(cutter, ffi.new("flight_frame *", fields), message) == 0
    found: list[bytes] = []
    while True:
        ffi.buffer(buffer)[:] = b"\xa5" * (limit + 8)
        size = lib.flight_fragment_next(cutter, buffer, limit, len(found) + 1, 3)
        assert size >= 0
        assert bytes(ffi.buffer(buffer))[size:] == b"\xa5" * (limit + 8 - size)
        if size == 0:
            return found
        found.append(bytes(ffi.buffer(buffer, size)))


class Joiner:
    def __init__(self, capacity: int = 2000) -> None:
        self.capacity = capacity
        self.memory = ffi.new("uint8_t[]", capacity + 8)
        ffi.buffer(self.memory)[:] = b"\xa5" * (capacity + 8)
        self.state = ffi.new("flight_reassembly *")
        self.frame, self.whole = ffi.new("flight_frame *"), ffi.new("flight_frame *")
        assert lib.flight_reassembly_init(self.state, self.memory, capacity) == 0

    def push(self, data: bytes) -> bytes | int:
        """The whole payload, 0 while it is not there yet, or the error."""
        kept = ffi.from_buffer("uint8_t[]", data)
        assert lib.flight_frame_decode(kept, len(data), 65536, self.frame) == len(data)
        size = lib.flight_reassembly_push(self.state, self.frame, self.whole)
        assert bytes(ffi.buffer(self.memory))[self.capacity :] == b"\xa5" * 8
        return bytes(ffi.buffer(self.whole.payload, size)) if size > 0 else size


@given(st.integers(1, 1000), st.integers(29, 700), st.sampled_from([0x02, 0x22, 0x23]))
def test_what_was_cut_is_put_together_again(size: int, limit: int, flags: int) -> None:
    frames, joiner = cut(DATA[:size], limit, flags), Joiner(size)
    assert all(len(frame) <= limit for frame in frames)
    assert [joiner.push(frame) for frame in frames] == [0] * (len(frames) - 1) + [DATA[:size]]
    whole = joiner.whole
    assert (whole.type, whole.flags, whole.channel, whole.seq, whole.ack) == (13, flags, 7, len(frames), 3)
    assert joiner.state.abandoned == 0


def test_the_largest_payload_goes_in_the_smallest_pieces() -> None:
    data = random.Random(2).randbytes(65536)
    joiner = Joiner(65536)
    assert [joiner.push(frame) for frame in cut(data, 25, flags=0)][-1] == data


def test_a_payload_over_the_buffer_is_refused_at_its_first_fragment() -> None:
    frames, joiner = cut(DATA, 200), Joiner(999)
    assert [joiner.push(frame) for frame in frames] == [TOO_LARGE] + [FRAGMENT] * (len(frames) - 1)
    assert bytes(ffi.buffer(joiner.memory, 999)) == b"\xa5" * 999


def test_a_missing_fragment_ends_the_payload_and_the_next_one_starts_afresh() -> None:
    frames, joiner = cut(DATA, 200), Joiner()
    assert joiner.push(frames[0]) == 0
    assert [joiner.push(frame) for frame in frames[2:]] == [FRAGMENT] * (len(frames) - 2)
    assert joiner.state.abandoned == 1
    assert [joiner.push(frame) for frame in cut(DATA, 200, message=2)][-1] == DATA


def test_a_lost_end_is_not_completed_by_the_next_message() -> None:
    first, second, joiner = cut(DATA, 200), cut(DATA[::-1], 200, message=2), Joiner()
    for frame in first[:3]:
        assert joiner.push(frame) == 0
    assert [joiner.push(frame) for frame in second[3:]] == [FRAGMENT] * (len(second) - 3)
    assert [joiner.push(frame) for frame in first[3:]][-1] == DATA


def test_foreign_and_repeated_fragments_are_refused_and_do_no_harm() -> None:
    frames, joiner = cut(DATA, 200), Joiner()
    for number, frame in enumerate(frames[:-1]):
        assert joiner.push(frame) == 0
        assert joiner.push(cut(DATA, 200, channel=8)[number + 1]) == FRAGMENT
        assert joiner.push(cut(DATA, 200, kind=14)[number + 1]) == FRAGMENT
        assert joiner.push(cut(DATA, 200, message=9)[number + 1]) == FRAGMENT
        if number:
            assert joiner.push(frame) == FRAGMENT
    assert joiner.push(frames[-1]) == DATA
    assert joiner.state.abandoned == 0


def test_a_fragment_of_the_same_message_with_another_size_or_flags_ends_it() -> None:
    for other in (cut(DATA[:-1], 200), cut(DATA, 200, flags=0x23)):
        frames, joiner = cut(DATA, 200), Joiner()
        assert joiner.push(frames[0]) == 0
        assert joiner.push(other[1]) == FRAGMENT
        assert joiner.push(frames[1]) == FRAGMENT
        assert joiner.state.abandoned == 1


def test_more_bytes_than_declared_end_the_payload() -> None:
    joiner = Joiner()
    assert joiner.push(cut(DATA[:100], 80)[0]) == 0
    assert joiner.push(bytes(cut(DATA[:100], 40)[1])) == 0
    long = ffi.new("flight_frame *", {"type": 13, "flags": 0x2A, "channel": 7, "payload_bytes": 500})
    body = ffi.new("uint8_t[]", bytes([1, 0, 2, 0, 100, 0, 0, 0]) + bytes(492))
    long.payload = body
    assert lib.flight_reassembly_push(joiner.state, long, joiner.whole) == FRAGMENT
    assert joiner.state.total_bytes == 0


@pytest.mark.parametrize("size", range(9))
def test_a_fragment_without_a_head_or_a_byte_is_refused(size: int) -> None:
    joiner = Joiner()
    frame = ffi.new("flight_frame *", {"type": 13, "flags": 0x0A, "payload_bytes": size})
    body = ffi.new("uint8_t[]", bytes([1, 0, 0, 0, 1, 0, 0, 0]))
    frame.payload = body
    assert lib.flight_reassembly_push(joiner.state, frame, joiner.whole) == FRAGMENT


@pytest.mark.parametrize("total", [0, 2001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_sizes_out_of_range_are_refused(total: int) -> None:
    joiner = Joiner()
    frame = ffi.new("flight_frame *", {"type": 13, "flags": 0x0A, "payload_bytes": 9})
    body = ffi.new("uint8_t[]", bytes([1, 0, 0, 0]) + total.to_bytes(4, "little") + b"x")
    frame.payload = body
    assert lib.flight_reassembly_push(joiner.state, frame, joiner.whole) == TOO_LARGE


def test_a_hello_is_never_cut_nor_put_together() -> None:
    joiner, cutter = Joiner(), ffi.new("flight_fragmenter *")
    body = ffi.new("uint8_t[]", bytes([1, 0, 0, 0, 2, 0, 0, 0, 1]))
    frame = ffi.new("flight_frame *", {"type": 1, "flags": 0x08, "payload": body, "payload_bytes": 9})
    assert lib.flight_reassembly_push(joiner.state, frame, joiner.whole) == FRAGMENT
    assert lib.flight_fragment_start(cutter, frame, 1) == TYPE


def test_bad_arguments_are_refused() -> None:
    joiner, cutter, buffer = Joiner(), ffi.new("flight_fragmenter *"), ffi.new("uint8_t[]", 100)
    frame = ffi.new("flight_frame *", {"type": 13, "flags": 0x02, "payload": buffer, "payload_bytes": 50})
    assert lib.flight_reassembly_push(joiner.state, frame, joiner.whole) == ARGUMENT
    assert lib.flight_reassembly_init(joiner.state, buffer, 0) == ARGUMENT
    assert lib.flight_fragment_start(ffi.NULL, frame, 1) == ARGUMENT
    assert lib.flight_fragment_start(cutter, frame, 1) == 0
    assert lib.flight_fragment_next(cutter, buffer, 24, 0, 0) == NO_ROOM
    assert lib.flight_fragment_next(cutter, buffer, 100, 2**30, 0) == NUMBER
    frame.flags = 0x80
    assert lib.flight_fragment_start(cutter, frame, 1) == 0
    assert lib.flight_fragment_next(cutter, buffer, 100, 0, 0) == FLAGS
    for size in (0, 65537):
        frame.payload_bytes = size
        assert lib.flight_fragment_start(cutter, frame, 1) == TOO_LARGE
