"""Events: to the wire and back, and every value that does not fit is refused with its name."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client._tables import LAYOUTS, NAMES
from flight_client.errors import CallerError, EventError
from flight_client.events import (
    EVENT_TYPES,
    ComponentUpdate,
    Event,
    FrameTime,
    Log,
    MemoryUpdate,
    Payload,
    SystemMonitoring,
    V6REvent,
    decode_event,
    encode_event,
)

U16 = st.integers(0, 65535)
U32 = st.integers(0, 2**32 - 1)
KNOWN_U32 = st.none() | st.integers(0, 2**32 - 2)
SIZE = st.none() | st.integers(0, 2**64 - 2)
SHARE = st.none() | st.integers(0, 65534).map(lambda number: number / 10000)
HUNDREDTH = st.none() | st.integers(0, 65534).map(lambda number: number / 100)
DEGREES = st.none() | st.integers(-32768, 32767).filter(lambda number: number != -1).map(lambda number: number / 100)
CHARACTERS = st.characters(exclude_categories=["Cs"])


def text(limit: int) -> st.SearchStrategy[str]:
    return st.text(CHARACTERS, max_size=limit).filter(lambda value: len(value.encode()) <= limit)


SMALL_JSON = st.dictionaries(
    text(8),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text(8) | st.lists(st.integers(0, 9)),
    max_size=4,
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(MemoryUpdate, SIZE, SIZE, SIZE, SIZE, SHARE),
    st.builds(
        ComponentUpdate,
        text(64),
        text(64),
        text(32),
        st.sampled_from(sorted(NAMES["component_states"])),
        SIZE,
        KNOWN_U32,
        SMALL_JSON,
    ),
    st.builds(SystemMonitoring, SIZE, SIZE, SIZE, KNOWN_U32, SHARE, SHARE, DEGREES, HUNDREDTH, SHARE),
    st.builds(
        V6REvent,
        st.sampled_from(sorted(NAMES["v6r_event_types"])),
        text(128),
        st.none() | text(64),
        st.dictionaries(text(8), text(8), max_size=4),
    ),
    st.builds(Log, text(480), st.sampled_from(sorted(NAMES["log_levels"]))),
    st.builds(FrameTime, U32, U32, U32, U16, U16),
    st.builds(Payload, U16, st.binary(max_size=200)),
)


@given(EVENTS, st.booleans())
def test_every_event_comes_back_as_it_was(event: Event, wide: bool) -> None:
    layout, body = encode_event(event, wide)
    assert len(body) % 4 == 0
    back = decode_event(layout, body)
    assert back == event
    assert encode_event(back, bool(layout & 0x80)) == (layout, body)


@given(st.sampled_from(sorted(range(1, 8)) + [0x81, 0x82, 0x83]), st.binary(max_size=64))
def test_bytes_are_refused_or_mean_an_event_that_is_written_the_same_way(layout: int, body: bytes) -> None:
    try:
        event = decode_event(layout, body)
    except EventError:
        return
    assert encode_event(event, bool(layout & 0x80)) == (layout, body)


def test_there_is_a_class_for_every_layout_of_the_spec() -> None:
    assert set(EVENT_TYPES) == {layout["name"] for layout in LAYOUTS}


def test_a_body_has_the_bytes_of_the_worked_example() -> None:
    layout, body = encode_event(MemoryUpdate(16777216, 8808038, 7969178, None, 0.125))
    assert layout == 1
    assert body == struct.pack("<IIIIHH", 16777216, 8808038, 7969178, 0xFFFFFFFF, 1250, 0)


def test_unknown_stays_unknown_and_zero_stays_zero() -> None:
    assert decode_event(*encode_event(MemoryUpdate())) == MemoryUpdate()
    assert decode_event(*encode_event(SystemMonitoring(cpu=0.0))) == SystemMonitoring(cpu=0.0)
    assert decode_event(*encode_event(V6REvent("vm-created", "vm"))) == V6REvent("vm-created", "vm", None)
    assert decode_event(*encode_event(V6REvent("vm-created", "vm", ""))) == V6REvent("vm-created", "vm", "")


@pytest.mark.parametrize(
    ("used_bytes", "wide", "layout"),
    [(2**32 - 2, False, 1), (2**32 - 1, False, 0x81), (2**40, False, 0x81), (1, True, 0x81)],
)
def test_sizes_take_64_bits_where_asked_and_where_32_are_too_few(used_bytes: int, wide: bool, layout: int) -> None:
    encoded = encode_event(MemoryUpdate(used_bytes=used_bytes), wide)
    assert encoded[0] == layout
    assert decode_event(*encoded) == MemoryUpdate(used_bytes=used_bytes)


def test_a_float_is_rounded_to_the_resolution_of_its_field() -> None:
    event = SystemMonitoring(cpu=1 / 3, temperature_c=-0.01)
    assert decode_event(*encode_event(event)) == SystemMonitoring(cpu=0.3333, temperature_c=-0.01)


@pytest.mark.parametrize(
    ("event", "field", "limit"),
    [
        (MemoryUpdate(used_bytes=-1), "used_bytes", (0, 2**32 - 2)),
        (MemoryUpdate(used_bytes=2**64 - 1), "used_bytes", (0, 2**64 - 2)),
        (MemoryUpdate(used_bytes=1.5), "used_bytes", None),  # type: ignore[arg-type]
        (MemoryUpdate(used_bytes=True), "used_bytes", None),
        (MemoryUpdate(fragmentation=-0.1), "fragmentation", (0, 6.5534)),
        (MemoryUpdate(fragmentation=6.5535), "fragmentation", (0, 6.5534)),
        (MemoryUpdate(fragmentation=math.nan), "fragmentation", None),
        (MemoryUpdate(fragmentation=math.inf), "fragmentation", None),
        (MemoryUpdate(fragmentation="0.5"), "fragmentation", None),  # type: ignore[arg-type]
        (SystemMonitoring(temperature_c=400), "temperature_c", (-327.67, 327.67)),
        (SystemMonitoring(temperature_c=-400), "temperature_c", (-327.67, 327.67)),
        (ComponentUpdate("a", "b", created_age_ms=2**32 - 1), "created_age_ms", (0, 2**32 - 2)),
        (ComponentUpdate("a", "b", state="asleep"), "state", ("active", "inactive", "error")),
        (ComponentUpdate("a" * 65, "b"), "id", 64),
        (ComponentUpdate("a", "ä" * 33), "name", 64),
        (ComponentUpdate("a", "b", metadata={"x": "y" * 512}), "metadata", 512),
        (ComponentUpdate("a", "b", metadata={"x": math.nan}), "metadata", None),
        (ComponentUpdate("a", "b", metadata={"x": object()}), "metadata", None),
        (ComponentUpdate("a", "b", metadata=[1]), "metadata", None),  # type: ignore[arg-type]
        (V6REvent("vm-created", "r", metadata={"x": 1}), "metadata", None),  # type: ignore[dict-item]
        (V6REvent("vm-created", None), "resource", None),  # type: ignore[arg-type]
        (Log("x" * 481), "text", 480),
        (Log("\ud800"), "text", None),
        (Log("x", None), "level", None),  # type: ignore[arg-type]
        (FrameTime(1, 2, 3, 65536), "count", (0, 65535)),
        (FrameTime(None, 2, 3, 4), "minimum_us", None),  # type: ignore[arg-type]
        (Payload(1, bytes(59993)), "data", 59992),
        (Payload(1, "text"), "data", None),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_field_and_limit(event: Event, field: str, limit: Any) -> None:
    with pytest.raises(EventError) as caught:
        encode_event(event)
    assert caught.value.field == field
    assert caught.value.fault == "caller"
    assert caught.value.next_step
    assert field in str(caught.value)
    if limit is not None:
        assert caught.value.limit == limit
        assert caught.value.value == getattr(event, field)


def test_what_is_not_an_event_is_refused() -> None:
    with pytest.raises(CallerError, match="not an event"):
        encode_event({"used_bytes": 1})  # type: ignore[arg-type]


def log_body(raw: bytes, level: int = 1, reserved: int = 0) -> bytes:
    body = struct.pack("<BBHH", level, reserved, 0, len(raw)) + raw
    return body + bytes(-len(body) % 4)


def map_body(raw: bytes) -> bytes:
    body = struct.pack("<BBHH", 1, 0, 0, 1) + b"r" + struct.pack("<HH", 0xFFFF, len(raw)) + raw
    return body + bytes(-len(body) % 4)


@pytest.mark.parametrize(
    ("layout", "body", "field"),
    [
        (5, log_body(b"\xff"), "text"),
        (5, log_body(b"\xed\xa0\x80"), "text"),
        (5, log_body(b"ok", level=9), "level"),
        (5, log_body(b"ok", reserved=1), "reserved_a"),
        (5, struct.pack("<BBHH", 1, 0, 0, 9) + b"??", "text"),
        (5, log_body(b"okay")[:-2] + b"??", "padding"),
        (5, log_body(b"ok") + bytes(4), "padding"),
        (5, log_body(b"x" * 481), "text"),
        (5, b"\x01\0\0\0", "text"),
        (5, b"\x01\0\0", "body"),
        (5, b"\x01\0\0\0\xff\xff\0\0", "text"),
        (4, map_body(b"{"), "metadata"),
        (4, map_body(b"[]"), "metadata"),
        (4, map_body(b'{"a":1}'), "metadata"),
        (4, map_body(b'{"a":"b","a":"c"}'), "metadata"),
        (4, map_body(b'{"a":NaN}'), "metadata"),
        (4, map_body(b'{"a":1e999}'), "metadata"),
        (4, map_body(b'{"a":"\\ud800"}'), "metadata"),
        (4, map_body(b'{"a":"\xff"}'), "metadata"),
        (4, map_body(b"[" * 500), "metadata"),
        (4, map_body(b""), "metadata"),
        (1, bytes(16), "body"),
        (1, bytes(24), "padding"),
        (1, bytes(18) + b"\x01\0", "reserved"),
    ],
)
def test_a_body_that_no_sender_writes_is_refused_and_is_the_peers_fault(layout: int, body: bytes, field: str) -> None:
    with pytest.raises(EventError) as caught:
        decode_event(layout, body)
    assert caught.value.field == field
    assert caught.value.fault == "peer"


@pytest.mark.parametrize("layout", [0, 10, 0x80, 0x84, 0x87, 0x88, 255])
def test_an_unknown_layout_is_refused(layout: int) -> None:
    with pytest.raises(EventError) as caught:
        decode_event(layout, bytes(64))
    assert caught.value.value == layout
    assert caught.value.fault == "peer"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_may_be_any_kind_of_bytes(kind: type[bytes]) -> None:
    assert decode_event(5, kind(log_body(b"ok"))) == Log("ok")
