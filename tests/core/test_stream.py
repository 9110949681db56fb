"""Frames out of a byte pipe that loses, damages and invents bytes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from tests.core.plain import build_frame

LIMIT = 128


class Pipe:
    """The stream of the core, fed in pieces of any size."""

    def __init__(self, limit: int = LIMIT, required_flags: int = 0x20, capacity: int = 0) -> None:
        capacity = capacity or 2 * limit
        self.memory = ffi.new("uint8_t[]", capacity)
        self.stream = ffi.new("flight_stream *")
        assert lib.flight_stream_init(self.stream, self.memory, capacity, limit, required_flags) == 0

    def take(self, data: bytes) -> list[bytes]:
        """Push data; the payloads of the frames found meanwhile."""
        found: list[bytes] = []
        while data:
            taken = lib.flight_stream_push(self.stream, data, len(data))
            data = data[taken:]
            more = self.drain()
            assert taken or more, "the stream is stuck"
            found += more
        return found

    def drain(self) -> list[bytes]:
        found = []
        frame = ffi.new("flight_frame *")
        while lib.flight_stream_next(self.stream, frame) > 0:
            found.append(bytes(ffi.buffer(frame.payload, frame.payload_bytes)))
        return found


ONE = build_frame(payload=b"one")
TWO = build_frame(payload=b"the second one", seq=6)


@pytest.mark.parametrize("cut", range(len(ONE + TWO) + 1))
def test_two_frames_glued_and_split_at_any_byte_are_found(cut: int) -> None:
    pipe = Pipe()
    assert pipe.take((ONE + TWO)[:cut]) + pipe.take((ONE + TWO)[cut:]) == [b"one", b"the second one"]
    assert pipe.stream.garbage_bytes == 0


def test_frames_are_found_byte_by_byte_after_before_and_between_garbage() -> None:
    pipe = Pipe()
    noise = b"\xf1\xf1\x00AT+CMD\r\n\xf1"
    found = []
    for byte in noise + ONE + noise + TWO + noise:
        found += pipe.take(bytes([byte]))
    assert found == [b"one", b"the second one"]
    # The last noise starts like a header and is shorter than one, so it waits.
    assert pipe.stream.garbage_bytes == 2 * len(noise)


def test_a_frame_that_lost_bytes_does_not_take_the_next_one_with_it() -> None:
    for lost in range(1, len(TWO)):
        damaged = TWO[:lost] + TWO[lost + 1 :]
        assert Pipe().take(damaged + ONE + ONE + TWO)[-3:] == [b"one", b"one", b"the second one"]


def test_a_damaged_frame_is_skipped_and_counted() -> None:
    pipe = Pipe()
    damaged = bytearray(TWO)
    damaged[20] ^= 1
    assert pipe.take(bytes(damaged) + ONE) == [b"one"]
    assert pipe.stream.garbage_bytes == len(TWO)


def test_an_unchecked_frame_is_garbage_where_checks_are_required() -> None:
    unchecked = build_frame(flags=0x02, payload=b"bare")
    assert Pipe().take(unchecked + ONE) == [b"one"]
    assert Pipe(required_flags=0).take(unchecked + ONE) == [b"bare", b"one"]


def test_a_frame_over_the_limit_is_garbage() -> None:
    large = build_frame(payload=bytes(LIMIT - 19))
    fits = build_frame(payload=bytes(LIMIT - 20))
    assert Pipe().take(large + ONE) == [b"one"]
    assert Pipe().take(fits + ONE) == [bytes(LIMIT - 20), b"one"]


def test_giving_up_on_an_unfinished_frame_frees_what_stands_behind_it() -> None:
    pipe = Pipe()
    assert pipe.take(build_frame(payload=bytes(100))[:16] + ONE) == []
    lib.flight_stream_give_up(pipe.stream)
    assert pipe.drain() == [b"one"]


@settings(max_examples=200)
@given(st.data())
def test_the_frames_found_do_not_depend_on_how_the_bytes_are_cut(data: st.DataObject) -> None:
    parts = data.draw(
        st.lists(
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from([ONE, TWO, ONE[:-1], TWO[5:], build_frame(payload=bytes(60))[:20], b"\xf1" * 20]),
            ),
            max_size=20,
        )
    )
    stream = b"".join(parts)
    whole = Pipe()
    expected = whole.take(stream)
    pieces = Pipe()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, 50))
        found += pieces.take(stream[:size])
        stream = stream[size:]
    assert found == expected
    assert pieces.stream.garbage_bytes == whole.stream.garbage_bytes


def hostile(size: int, limit: int) -> bytes:
    """Headers close together, each intact and promising a checked frame of the whole limit."""
    header = build_frame(payload=bytes(limit - 20))[:16]
    return header * (size // 16)


@pytest.mark.parametrize("limit", [128, 640, 4096])
def test_crcs_look_at_each_byte_a_few_times_at_most_whatever_arrives(limit: int) -> None:
    for seed, stream in enumerate([hostile(200_000, limit), random.Random(1).randbytes(200_000), b"\xf1" * 200_000]):
        pipe = Pipe(limit)
        assert pipe.take(stream) == [], seed
        assert pipe.stream.summed_bytes <= 4 * len(stream)


def test_a_stream_recovers_after_hostile_bytes() -> None:
    pipe = Pipe()
    assert pipe.take(hostile(10_000, LIMIT)) == []
    found = pipe.take(ONE * 40)
    assert found[-20:] == [b"one"] * 20


def test_bytes_are_moved_at_most_once_on_average() -> None:
    pipe = Pipe(limit=640)
    large = build_frame(payload=bytes(600))
    moved = 0
    for byte in large * 40:
        before = pipe.stream.start, pipe.stream.end
        lib.flight_stream_push(pipe.stream, bytes([byte]), 1)
        if before[0] and pipe.stream.start == 0:
            moved += before[1] - before[0]
        pipe.drain()
    assert moved <= len(large) * 40


def test_a_stream_refuses_a_buffer_below_two_frames_and_limits_out_of_range() -> None:
    stream = ffi.new("flight_stream *")
    memory = ffi.new("uint8_t[]", 4096)
    for capacity, limit, flags in [(1279, 640, 0), (4096, 19, 0), (4096, 65537, 0), (4096, 640, 0x80)]:
        assert lib.flight_stream_init(stream, memory, capacity, limit, flags) == -1
    assert lib.flight_stream_init(stream, ffi.NULL, 4096, 640, 0) == -1
    assert lib.flight_stream_init(stream, memory, 1280, 640, 0) == 0
