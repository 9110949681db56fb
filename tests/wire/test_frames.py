"""Frames through Python: written, read from messages, found in streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.errors import CallerError, FrameError
from flight_client.wire import FrameReader, StreamReader, encode_frame, seal_frame
from tests.core.plain import build_frame

Seen = tuple[int, int, int, int, int, bytes]


def read_all(data: bytes | bytearray | memoryview, limit: int = 65536) -> list[Seen]:
    reader = FrameReader()
    reader.feed(data, limit)
    found = []
    while reader.next():
        payload = bytes(data[reader.start : reader.end])
        found.append((reader.type, reader.flags, reader.channel, reader.seq, reader.ack, payload))
    return found


@given(
    st.lists(
        st.tuples(
            st.integers(1, 19),
            st.sampled_from([0, 0x22, 0x23]),
            st.integers(0, 65535),
            st.integers(0, 2**30 - 1),
            st.integers(0, 2**30 - 1),
            st.binary(max_size=60),
        ),
        max_size=4,
    ),
    st.sampled_from([bytes, bytearray, memoryview]),
)
def test_frames_of_one_message_are_read_back_from_any_kind_of_bytes(
    frames: list[Seen], kind: type[bytes] | type[bytearray] | type[memoryview]
) -> None:
    assert read_all(kind(b"".join(encode_frame(*frame) for frame in frames))) == frames


def test_sealing_in_place_gives_the_same_bytes_as_encoding() -> None:
    buffer = bytearray(100)
    buffer[16:20] = b"data"
    size = seal_frame(buffer, 13, 0x22, 7, 5, 9, 4)
    assert bytes(buffer[:size]) == encode_frame(13, 0x22, 7, 5, 9, b"data") == build_frame(payload=b"data")
    assert seal_frame(memoryview(buffer)[50:], 13, 0, 7, 5, 9, 4) == 20


@pytest.mark.parametrize(
    "fields",
    [
        (0, 0, 0, 0, 0, b""),
        (13, 0x80, 0, 0, 0, b""),
        (13, 0, 65536, 0, 0, b""),
        (13, 0, -1, 0, 0, b""),
        (13, 0, 0, 2**30, 0, b""),
        (13, 0, 0, 0, 2**40, b""),
        (13, 0, 0, 0, 0, bytes(65536)),
    ],
)
def test_fields_that_cannot_be_sent_are_the_callers_fault(fields: Seen) -> None:
    with pytest.raises(CallerError) as caught:
        encode_frame(*fields)
    assert f"channel={fields[2]}" in str(caught.value)
    assert caught.value.fault == "caller"
    assert caught.value.next_step


def test_a_payload_longer_than_the_buffer_is_refused() -> None:
    with pytest.raises(CallerError, match="too small"):
        seal_frame(bytearray(20), 13, 0, 0, 0, 0, 5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "do not start with a Flight header"),
        (build_frame(payload=b"data")[:-1], "the frame is cut: only 23"),
        (build_frame()[:7], "the frame is cut: only 7"),
        (build_frame(payload=b"data")[:-1] + b"?", "CRC does not match"),
        (build_frame(payload=bytes(100)), "limit of 64 bytes"),
        (build_frame(first=0xF2), "another protocol version"),
        (build_frame(type=99), "type is not known"),
        (build_frame(flags=0x04), "flag is not known"),
        (build_frame(seq=2**30), "does not fit 30 bits"),
        (bytes([0xF1, 13, 0, 0]) + bytes(12), "its check does not match"),
    ],
)
def test_a_malformed_message_says_what_is_wrong_where_and_shows_it(data: bytes, words: str) -> None:
    good = build_frame()
    reader = FrameReader()
    reader.feed(good + data, 64)
    assert reader.next()
    with pytest.raises(FrameError, match=words) as caught:
        reader.next()
    assert caught.value.offset == len(good)
    assert caught.value.value == data[:16].hex()
    assert caught.value.fault == "peer"
    assert not reader.next(), "nothing behind a broken frame is read"


@pytest.mark.parametrize("flag", [0x04, 0x08, 0x40])
def test_a_flag_that_needs_an_agreement_is_refused_until_there_is_one(flag: int) -> None:
    data = encode_frame(13, 0x20 | flag, 0, 0, 1, b"data") + build_frame()
    reader = FrameReader()
    reader.feed(data)
    with pytest.raises(FrameError, match="flag is not known"):
        reader.next()
    assert not reader.next()
    reader.allowed_flags |= flag
    reader.feed(data)
    assert reader.next()
    assert reader.flags == 0x20 | flag
    assert len(stream_all(StreamReader(64), data)) == 1
    assert len(stream_all(StreamReader(64, allowed_flags=0x22 | flag), data)) == 2


def test_an_empty_message_has_no_frame() -> None:
    assert read_all(b"") == []


@pytest.mark.parametrize("data", ["text", None, memoryview(bytes(16)).cast("I"), memoryview(bytes(40))[::2]])
def test_what_is_not_bytes_is_the_callers_fault(data: object) -> None:
    with pytest.raises(CallerError):
        FrameReader().feed(data, 64)  # type: ignore[arg-type]  # what the test is about


def stream_all(reader: StreamReader, data: bytes) -> list[Seen]:
    reader.push(data)
    found = []
    while reader.next():
        found.append((reader.type, reader.flags, reader.channel, reader.seq, reader.ack, reader.payload))
    return found


@pytest.mark.parametrize("size", [1, 7, 100, 5000, 100_000])
def test_a_stream_gives_every_frame_whatever_the_size_of_the_pieces(size: int) -> None:
    frames = [(13, 0x22, 7, number, 9, bytes([number]) * number) for number in range(1, 200)]
    data = b"noise".join(encode_frame(*frame) for frame in frames)
    reader = StreamReader(640)
    found = []
    for start in range(0, len(data), size):
        found += stream_all(reader, data[start : start + size])
    assert found == frames
    assert reader.garbage_bytes == 5 * 198
    assert reader.summed_bytes <= len(data)


def test_pushing_before_the_last_push_was_read_is_refused() -> None:
    reader = StreamReader(64)
    reader.push(bytes(1000))
    with pytest.raises(CallerError, match="still waiting"):
        reader.push(b"more")
    assert not reader.next()
    reader.push(b"")
    assert not reader.next()


def test_a_stream_takes_unchecked_frames_only_where_told_to() -> None:
    data = encode_frame(8, 0, 0, 0, 1, bytes(8))
    assert stream_all(StreamReader(64), data) == []
    assert stream_all(StreamReader(64, checked_only=False), data) == [(8, 0, 0, 0, 1, bytes(8))]


def test_giving_up_frees_the_frame_behind_an_unfinished_one() -> None:
    reader = StreamReader(64)
    assert stream_all(reader, build_frame(payload=bytes(40))[:16] + build_frame()) == []
    reader.give_up()
    assert reader.next()


@pytest.mark.parametrize("limit", [-1, 0, 19, 65537])
def test_an_impossible_limit_is_refused(limit: int) -> None:
    with pytest.raises(CallerError, match="limit"):
        StreamReader(limit)
