"""What a gateway delivers, read by the C code (deliveries.py) and by the form in Python: the same events, errors and words."""

import gc
import logging
import random
import struct
import tracemalloc

import pytest

from flight_client import deliveries
from flight_client._fast import Reader
from flight_client._tables import LAYOUTS
from flight_client.deliveries import _read_slowly, _source, read_delivery
from flight_client.errors import FlightError
from flight_client.events import (
    CommandResult,
    Event,
    FrameTime,
    Log,
    MemoryUpdate,
    Payload,
    SystemMonitoring,
    encode_event,
)
from flight_client.platforms import PLATFORMS
from flight_client.streams import RealtimeEvent
from flight_client.wire.records import write_record

_HEAD = struct.Struct("<QQQ8sIHBB")
ROUNDS = 1500
SEEDS = range(4)
# Ages that mean something, the largest of each form, and "unknown".
HELD = (0, 1, 0x7FFF, 0x8000 + 40, 0xFFFF)


def head(counter: int = 0, held: int = 0, platform: int = 1, device: bytes = b"psp-7", offset: int = 5) -> bytes:
    return _HEAD.pack(offset, 3, 1_700_000_000_000, b"short-01", counter, held, platform, len(device)) + device


def record(layout: int, body: bytes, age_ms: int | None) -> bytes:
    buffer = bytearray(len(body) + 8)
    return bytes(buffer[: write_record(buffer, 0, layout, age_ms, body)])


def a_number(rng: random.Random) -> int | None:
    return rng.choice((None, 0, 1, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 40, (1 << 64) - 2, rng.getrandbits(31)))


def an_event(rng: random.Random) -> Event:
    share = rng.choice((None, 0.0, 1.0, rng.random()))
    kind = rng.randrange(6)
    if kind == 0:
        return MemoryUpdate(a_number(rng), a_number(rng), a_number(rng), a_number(rng), share)
    if kind == 1:
        return SystemMonitoring(a_number(rng), cpu=share, temperature_c=rng.choice((None, -40.25, 0.0, 91.5)))
    if kind == 2:
        return FrameTime(1, rng.randrange(60_000), 60_000, rng.randrange(1, 200), rng.randrange(3))
    if kind == 3:
        return Log(rng.choice(("", "started", "späte Zeile")), "warning")
    return Payload(7, rng.randbytes(rng.randrange(9))) if kind == 4 else CommandResult(3, "pc", "done")


def damaged(rng: random.Random, body: bytes) -> bytes:
    """A body that no sender may write, mostly: other bits, or some words more."""
    changed = bytearray(body)
    for _ in range(rng.randrange(1, 4)):
        changed[rng.randrange(len(changed))] = rng.choice((0, 1, 0x7F, 0xFF))
    return bytes(changed) + bytes(4 * rng.randrange(3))


def seen(
    read: object, data: bytes, start: int, records_start: int, end: int, caplog: pytest.LogCaptureFixture
) -> tuple[object, list[str]]:
    """What came of it, and what was said about what was left out."""
    caplog.clear()
    found: object
    try:
        if read is read_delivery:
            events = read_delivery(data, start, records_start, end, "memory-updates")
        else:
            events = _read_slowly(data, start, data, records_start, end, "memory-updates", _source(data, start))
        found = [(event, type(event.data), event.timestamp_ms) for event in events]
    except FlightError as error:
        found = str(error)
    return found, [entry.getMessage() for entry in caplog.records]


@pytest.mark.parametrize("seed", SEEDS)
def test_both_forms_read_the_same_of_every_batch(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(seed)
    print(f"seed {seed}")
    caplog.set_level(logging.WARNING)
    read_events = left_out = refused = 0
    for _ in range(ROUNDS):
        front = rng.randbytes(rng.randrange(8))
        begin = head(rng.choice((0, 1, 0xFFFFFFFF)), rng.choice(HELD), rng.choice((1, 2, 200)))
        parts = []
        for _ in range(rng.randrange(1, 6)):
            layout, body = encode_event(an_event(rng), wide=rng.random() < 0.5)
            body = damaged(rng, body) if rng.random() < 0.2 else body
            parts.append(record(layout, body, rng.choice((None, 0, 20, 20, 70_000))))
        data = front + begin + b"".join(parts)
        cut = rng.randrange(4) if rng.random() < 0.05 else 0
        where = (data, len(front), len(front) + len(begin), len(data) - cut)
        quick, slow = seen(read_delivery, *where, caplog), seen(_read_slowly, *where, caplog)
        assert quick == slow, data.hex()
        read_events += len(quick[0]) if isinstance(quick[0], list) else 0
        left_out += len(quick[1])
        refused += isinstance(quick[0], str)
    assert read_events > ROUNDS
    assert left_out > ROUNDS / 20
    assert refused > ROUNDS / 50


@pytest.mark.parametrize("held", [0x8000, 0x8001])
def test_a_held_time_that_no_gateway_writes_is_refused_by_both(held: int, caplog: pytest.LogCaptureFixture) -> None:
    begin = head(held=held)
    data = begin + record(*encode_event(Log("x")), 0)
    where = (data, 0, len(begin), len(data))
    quick = seen(read_delivery, *where, caplog)
    assert isinstance(quick[0], str)
    assert quick == seen(_read_slowly, *where, caplog)


def test_plain_numbers_do_not_take_the_form_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each class with nothing but numbers, in both widths."""
    monkeypatch.setattr(deliveries, "_read_slowly", None)
    monkeypatch.setattr(deliveries, "decode_event", None)
    begin = head()
    for event in (MemoryUpdate(9, 4), SystemMonitoring(1), FrameTime(1, 2, 3, 4)):
        for wide in (False, True):
            data = begin + record(*encode_event(event, wide), 7)
            (found,) = read_delivery(data, 0, len(begin), len(data), "frame-times")
            assert found.data == event
            assert (found.type, found.channel, found.offset, found.age_ms) == (event.event_name, "frame-times", 5, 7)
    numbers = [spec["name"] for spec in LAYOUTS if not spec["tail"] and not any("enum" in f for f in spec["fields"])]
    assert sorted(numbers) == ["frame-time", "memory-update", "system-monitoring"]


def test_the_events_of_one_sender_share_their_source_and_another_platform_is_known_once_it_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layout, body = encode_event(FrameTime(1, 2, 3, 4))

    def source_of(platform: int, device: bytes = b"psp-7") -> object:
        begin = head(platform=platform, device=device)
        data = begin + record(layout, body, 0)
        (event,) = read_delivery(data, 0, len(begin), len(data), "frame-times")
        return event.source

    assert source_of(1) is source_of(1)
    assert source_of(1, b"psp-8") != source_of(1)
    assert getattr(source_of(201), "platform", "") == "other"
    monkeypatch.setitem(PLATFORMS, "handheld", {**PLATFORMS["psp"], "name": "handheld", "id": 201})
    assert getattr(source_of(201), "platform", "") == "handheld"
    for number in range(600):
        source_of(1, b"d%d" % number)
    assert len(deliveries._sources) <= 256


def test_reading_leaves_no_memory_behind() -> None:
    begin = head(counter=3)
    parts = [record(*encode_event(event), 20) for event in (MemoryUpdate(9, 4), FrameTime(1, 2, 3, 4), Log("x"))]
    broken = bytearray(encode_event(Log("x"))[1])
    broken[0] = 0xEE
    data = begin + b"".join([*parts, record(encode_event(Log("x"))[0], bytes(broken), 20)])
    logging.getLogger("flight.client").disabled = True
    before = 0
    tracemalloc.start()
    try:
        for turn in range(400):
            if turn == 100:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
            read_delivery(data, 0, len(begin), len(data), "logs")
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        logging.getLogger("flight.client").disabled = False
    assert grown < 2000


def plan(**changed: object) -> tuple[object, ...]:
    layout, wide, kind, names, name, bodies, used, fields = deliveries._plans()[0]
    known = {
        "layout": layout, "wide": wide, "kind": kind, "names": names, "name": name, "bodies": bodies, "used": used,
        "fields": fields,
    }  # fmt: skip
    return tuple((known | changed).values())


@pytest.mark.parametrize(
    "changed",
    [
        {"layout": 256}, {"used": 1000}, {"names": ("used_bytes",)}, {"kind": Log}, {"kind": object}, {"kind": 3},
        {"bodies": (4, 4)}, {"fields": ()}, {"fields": ((1, 2),)}, {"names": tuple("abcdefghijklmnop")},
    ],
    ids=str,
)  # fmt: skip
def test_a_table_that_is_wrong_is_refused(changed: dict[str, object]) -> None:
    names = tuple(RealtimeEvent.__slots__)
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Reader(lambda *_: None, RealtimeEvent, names, "event_name", (plan(**changed),))
    with pytest.raises(ValueError, match="layout"):
        Reader(lambda *_: None, RealtimeEvent, names, "event_name", (plan(), plan()))
    with pytest.raises(ValueError, match="slots"):
        Reader(lambda *_: None, RealtimeEvent, names[:7], "event_name", ())


@pytest.mark.parametrize("where", [(0, 45, 400), (0, -1, 60), (-1, 45, 60), (30, 45, 60), (0, 61, 60)])
def test_a_place_outside_the_data_is_refused(where: tuple[int, int, int]) -> None:
    begin = head()
    data = begin + record(*encode_event(FrameTime(1, 2, 3, 4)), 0)
    start, records_start, end = where
    with pytest.raises(ValueError, match="outside"):
        deliveries._READER.read(data, start, data, records_start, end, "x", None)


def test_a_buffer_that_changes_while_it_is_read_is_an_error() -> None:
    """Only the form in Python could do that, with a buffer that can be written."""
    begin = head()
    log = encode_event(Log("x"))
    data = bytearray(begin + record(*log, 0) + record(*log, 0))

    def spoil(*_: object) -> None:
        data[len(begin) :] = b"\xff" * (len(data) - len(begin))

    reader = Reader(spoil, RealtimeEvent, tuple(RealtimeEvent.__slots__), "event_name", ())
    with pytest.raises(ValueError, match="changed"):
        reader.read(data, 0, data, len(begin), len(data), "logs", None)
