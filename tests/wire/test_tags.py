"""Tags through the C core: what is sealed on one side passes on the other, and nothing near it does."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client.errors import CallerError, FrameError, TagError
from flight_client.session import spec
from flight_client.wire.frames import FrameReader, encode_frame
from flight_client.wire.tags import DOWN, UP, FrameTags

KEY = b"k" * 32
READS = spec.FLAGS_PLAIN | spec.FLAG_AUTHENTICATED


def ends(key: bytes = KEY) -> tuple[FrameTags, FrameTags]:
    device, gateway = FrameTags(UP, DOWN), FrameTags(DOWN, UP)
    device.begin(key)
    gateway.begin(key)
    return device, gateway


def passes(tags: FrameTags, frame: bytes, generation: int) -> bytes | None:
    """The payload without its tag, or None."""
    reader = FrameReader(READS)
    reader.feed(frame)
    try:
        assert reader.next()
        tags.check(generation, reader)
    except FrameError:
        return None
    return frame[reader.start : reader.end]


@given(
    payload=st.binary(max_size=300),
    generation=st.integers(0, spec.NUMBER_LIMIT - 1),
    seq=st.integers(0, spec.NUMBER_LIMIT - 1),
    checked=st.booleans(),
    key=st.binary(min_size=1, max_size=80),
)
def test_what_one_side_seals_the_other_opens_and_python_computes(
    payload: bytes, generation: int, seq: int, checked: bool, key: bytes
) -> None:
    device, gateway = ends(key)
    flags = 2 | (spec.FLAG_CHECKED if checked else 0)
    frame = device.encode(generation, spec.TYPE_DATA, flags, 7, seq, 9, payload)
    assert passes(gateway, frame, generation) == payload
    assert passes(device, frame, generation) is None
    assert passes(gateway, frame, (generation + 1) % spec.NUMBER_LIMIT) is None
    end = 16 + len(payload)
    number = b"" if seq else bytes(8)
    covered = b"frame\0" + generation.to_bytes(4, "little") + number + frame[:end]
    assert frame[end : end + 8] == hmac.digest(key, covered, "sha256")[:8]


def test_unsequenced_data_passes_once_and_in_order_in_each_generation() -> None:
    device, gateway = ends()
    first, second = (device.encode(1, spec.TYPE_DATA, 2, 7, 0, 9, b"the same") for _ in range(2))
    assert first != second
    assert passes(gateway, second, 1) is None
    assert passes(gateway, first, 1) == b"the same"
    assert passes(gateway, first, 1) is None
    ack = device.encode(1, spec.TYPE_ACK, 0, 0, 0, 9, bytes(4))
    assert passes(gateway, ack, 1) == passes(gateway, ack, 1) == bytes(4)  # says what it said
    assert passes(gateway, second, 1) == b"the same"
    assert passes(gateway, second, 1) is None
    again = device.encode(2, spec.TYPE_DATA, 2, 7, 0, 9, b"the same")
    assert passes(gateway, again, 2) == b"the same"
    assert passes(gateway, again, 2) is None


@pytest.mark.parametrize("checked", [0, spec.FLAG_CHECKED])
def test_no_changed_bit_passes(checked: int) -> None:
    device, gateway = ends()
    frame = device.encode(1, spec.TYPE_DATA, 2 | checked, 7, 0, 9, b"an event")
    for bit in range(8 * len(frame)):
        bad = bytearray(frame)
        bad[bit // 8] ^= 1 << bit % 8
        assert passes(gateway, bytes(bad), 1) is None, bit


def test_a_header_that_is_changed_and_sealed_anew_does_not_pass() -> None:
    device, gateway = ends()
    payload = device.encode(1, spec.TYPE_DATA, 2, 7, 3, 9, b"an event")[16:]
    flags = 2 | spec.FLAG_AUTHENTICATED
    assert passes(gateway, encode_frame(spec.TYPE_DATA, flags, 7, 3, 9, payload), 1) == b"an event"
    for fields in ((14, flags, 7, 3, 9), (13, flags | 1, 7, 3, 9), (13, flags, 6, 3, 9), (13, flags, 7, 4, 9), (13, flags, 7, 3, 10)):  # fmt: skip
        assert passes(gateway, encode_frame(*fields, payload), 1) is None, fields
    for cut in range(len(payload)):
        assert passes(gateway, encode_frame(13, flags, 7, 3, 9, payload[:cut]), 1) is None, cut


def test_a_missing_and_a_wrong_tag_are_told_apart_for_people() -> None:
    _, gateway = ends()
    for flags, what in ((2, "missing"), (2 | spec.FLAG_AUTHENTICATED, "wrong")):
        reader = FrameReader(READS)
        reader.feed(encode_frame(13, flags, 1, 0, 0, bytes(12)))
        assert reader.next()
        with pytest.raises(TagError, match=what):
            gateway.check(0, reader)
        assert reader.end == 28


def test_without_a_key_nothing_passes_and_nothing_is_sealed() -> None:
    device, _ = ends()
    keyless = FrameTags(DOWN, UP)
    assert passes(keyless, device.encode(0, 13, 2, 1, 0, 0, b"x"), 0) is None
    with pytest.raises(AssertionError):
        keyless.encode(0, 13, 2, 1, 0, 0, b"x")


def test_a_frame_that_cannot_be_written_says_why() -> None:
    device, _ = ends()
    for fields in ((0, 2, 1, 0, 0), (13, 0x82, 1, 0, 0), (13, 2, 1, 1 << 30, 0), (13, 2, 1 << 16, 0, 0)):
        with pytest.raises(CallerError, match="cannot be written"):
            device.encode(0, *fields, b"x")
    with pytest.raises(CallerError):
        device.seal(0, bytearray(16 + 7), 13, 2, 1, 0, 0, 0)
    with pytest.raises(CallerError):
        device.seal(0, bytearray(70000), 13, 2, 1, 0, 0, 65536 - 16 - 7)
    assert device.seal(0, bytearray(70000), 13, 2, 1, 0, 0, 65536 - 16 - 8) == 65536
