"""Events between JSON and records: the guide's names and values, nothing lost, nothing guessed."""

import importlib
import json
import math
import random
import sys
from typing import Any

import pytest

from flight_client._tables import LAYOUTS, NAMES
from flight_client.errors import CallerError, EventError
from flight_client.events import (
    EVENT_TYPES,
    CommandRequest,
    CommandResult,
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
from flight_client.gateway.engines.base import Batch, Entry, Source
from flight_client.gateway.json_protocol.batches import entry_fields, records_of
from flight_client.json_events import event_from_json, event_to_json
from flight_client.session.spec import MAX_MESSAGE_AGE_MS, MAX_MESSAGE_FUTURE_MS
from flight_client.sizes import human_readable
from flight_client.wire.records import records

NOW_MS = 1_750_000_000_000
SEED = 20251123


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"), (1023, "1023B"), (1024, "1KB"), (16_777_216, "16MB"), (8_808_038, "8.4MB"), (1_048_575, "1MB"),
        (512 << 20, "512MB"), (1536 << 30, "1.5TB"), ((1 << 64) - 2, "16EB"), (None, "unknown"),
    ],
)  # fmt: skip
def test_sizes_are_shown_as_a_person_says_them(size: int | None, text: str) -> None:
    assert human_readable(size) == text


def test_the_guides_memory_update_has_exactly_its_names() -> None:
    event = MemoryUpdate(16 << 20, 8_808_038, None, None, 0.1234)
    assert event_to_json(event, NOW_MS, "abcd0123", "dreamcast") == {
        "type": "memory-update",
        "data": {
            "timestamp": NOW_MS,
            "sessionId": "abcd0123",
            "platform": "dreamcast",
            "total": {"bytes": 16777216, "humanReadable": "16MB"},
            "used": {"bytes": 8808038, "humanReadable": "8.4MB"},
            "available": {"bytes": None, "humanReadable": "unknown"},
            "budget": {"bytes": None, "humanReadable": "unknown"},
            "fragmentationRatio": 0.1234,
        },
    }


def test_the_guides_component_and_machine_events_have_exactly_their_names() -> None:
    component = event_to_json(ComponentUpdate("a", "b", "1", "error", 1024, 5000, {"x": [1, None]}), NOW_MS, "s", "psp")
    assert component["data"] == {
        "timestamp": NOW_MS, "sessionId": "s", "platform": "psp", "id": "a", "name": "b", "version": "1", "state": "error",
        "memoryUsage": {"bytes": 1024, "humanReadable": "1KB"}, "createdAt": NOW_MS - 5000, "metadata": {"x": [1, None]},
    }  # fmt: skip
    machine = event_to_json(V6REvent("vm-scaling", "vm-1", None, {"to": "4"}), NOW_MS, "s", "v6r-cloud")
    assert machine["type"] == "v6r-event"
    assert machine["data"] == {
        "timestamp": NOW_MS, "sessionId": "s", "platform": "v6r-cloud", "eventType": "vm-scaling", "resource": "vm-1",
        "metadata": {"to": "4"},
    }  # fmt: skip


def random_value(rng: random.Random, entry: dict[str, Any], wide: bool) -> Any:
    kind = entry["kind"]
    if entry.get("optional") and rng.random() < 0.2:
        return None
    if "enum" in entry:
        return rng.choice(list(NAMES[entry["enum"]]))
    if kind in ("u8", "u16", "u32", "i16", "size"):
        bits = {"u8": 8, "u16": 16, "u32": 32, "i16": 16, "size": 64 if wide else 32}[kind]
        low = -(1 << bits - 1) + 1 if kind == "i16" else 0
        high = (1 << bits - (kind == "i16")) - 2
        number = rng.choice([low, high, rng.randint(low, high)])
        if entry["name"] == "created_age_ms":
            number %= 1 << 31
        return number / entry["scale"] if "scale" in entry else number
    length = rng.randint(0, entry["limit"] // 8)
    if kind == "text":
        return "".join(rng.choice('aä"\\\n\x00☃😀') for _ in range(length))
    if kind == "bytes":
        return rng.randbytes(min(length, 300))
    if kind == "map":
        return {f"k{n}": rng.choice(["", "v\u2028", "😀"]) for n in range(rng.randint(0, 8))}
    return {"n": rng.random(), "deep": [{"x": None}, True, rng.randint(-(1 << 60), 1 << 60)], "s": "ä"}


def random_event(rng: random.Random, layout: dict[str, Any]) -> Event:
    fields = [entry for entry in [*layout["fields"], *layout["tail"]] if not entry.get("reserved")]
    wide = rng.random() < 0.5
    return EVENT_TYPES[layout["name"]](**{entry["name"]: random_value(rng, entry, wide) for entry in fields})


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout["name"])
def test_every_event_comes_back_from_json_as_it_went(layout: dict[str, Any]) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    for _ in range(300):
        number, body = encode_event(random_event(rng, layout))
        event = decode_event(number, body)
        age_ms = rng.choice([0, 1, 32_767, 40_000, 30_000_000])
        text = json.dumps(event_to_json(event, NOW_MS - age_ms, "s", "host"))
        shown = json.loads(text)
        back, back_age_ms = event_from_json(shown["type"], shown["data"], NOW_MS)
        assert back == event
        assert back_age_ms == age_ms
        assert encode_event(back) == (number, body) or number & 0x80  # sizes go in 32 bits where they fit
        assert decode_event(*encode_event(back)) == event


def test_an_entry_keeps_its_times_to_the_quantum_that_the_age_has_on_the_wire() -> None:
    made = [NOW_MS, NOW_MS - 1, NOW_MS - 32_767, NOW_MS - 32_768, NOW_MS - 100_499, NOW_MS - MAX_MESSAGE_AGE_MS]
    out = records_of([("log", {"text": "x", "timestamp": at}) for at in made], NOW_MS)
    source = Source("one", 6, b"short123")
    batch = Batch("log", source, b"i" * 8, 7, len(made), 0, NOW_MS, out)
    fields = entry_fields(Entry(batch, 5, 4))
    back = [event["data"]["timestamp"] for event in fields["events"]]
    for was, now in zip(made, back, strict=True):
        quantum = 1 if NOW_MS - was < 32_768 else 1000
        assert abs(was - now) < quantum, (NOW_MS - was, NOW_MS - now)
    assert (fields["offset"], fields["previousOffset"], fields["counter"], fields["platform"]) == (5, 4, 7, "host")
    assert len(records(out, 0, len(out))) == len(made)


@pytest.mark.parametrize(
    ("kind", "data", "named", "value"),
    [
        ("nothing", {}, "type", "nothing"),
        ("log", {"text": "x", "Level": "info"}, "Level", "info"),
        ("log", {}, "text", None),
        ("log", {"text": 5}, "text", 5),
        ("log", {"text": "\ud800"}, "text", "\ud800"),
        ("log", {"text": "x", "timestamp": True}, "timestamp", True),
        ("log", {"text": "x", "timestamp": 1.5}, "timestamp", 1.5),
        ("log", {"text": "x", "timestamp": -1}, "timestamp", -1),
        (
            "log",
            {"text": "x", "timestamp": NOW_MS - MAX_MESSAGE_AGE_MS - 1},
            "timestamp",
            NOW_MS - MAX_MESSAGE_AGE_MS - 1,
        ),
        (
            "log",
            {"text": "x", "timestamp": NOW_MS + MAX_MESSAGE_FUTURE_MS + 1},
            "timestamp",
            NOW_MS + MAX_MESSAGE_FUTURE_MS + 1,
        ),
        ("memory-update", {"used": 5}, "used", 5),
        ("memory-update", {"used": {"byte": 5}}, "used", {"byte": 5}),
        ("memory-update", {"used": {"bytes": -1}}, "used_bytes", -1),
        ("memory-update", {"used": {"bytes": 1 << 64}}, "used_bytes", 1 << 64),
        ("memory-update", {"used": {"bytes": "5"}}, "used_bytes", "5"),
        ("memory-update", {"fragmentationRatio": math.inf}, "fragmentation", math.inf),
        ("memory-update", {"fragmentationRatio": 7.0}, "fragmentation", 7.0),
        ("component-update", {"id": "a", "name": "b", "state": "broken"}, "state", "broken"),
        ("component-update", {"id": "a", "name": "b", "createdAt": NOW_MS + 1}, "createdAt", NOW_MS + 1),
        ("component-update", {"id": "a", "name": "b", "metadata": []}, "metadata", []),
        ("component-update", {"id": "a", "name": "b" * 65}, "name", "b" * 65),
        ("v6r-event", {"eventType": "vm-lost", "resource": "r"}, "event_type", "vm-lost"),
        ("v6r-event", {"eventType": "vm-created", "resource": "r", "metadata": {"a": 1}}, "metadata", {"a": 1}),
        ("payload", {"kind": 1, "data": "no base64!"}, "data", "no base64!"),
        ("payload", {"kind": 1, "data": [1, 2]}, "data", [1, 2]),
        ("payload", {"kind": 70000, "data": ""}, "kind", 70000),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_event_is_refused_with_field_and_value(kind: str, data: dict[str, Any], named: str, value: Any) -> None:
    with pytest.raises(EventError) as found:
        records_of([("log", {"text": "fine"}), (kind, data)], NOW_MS)
    assert (found.value.field, found.value.value) == (named, value)
    assert found.value.what.startswith("events[1]: ")
    assert found.value.next_step


def test_every_event_type_is_named_and_its_unknown_values_are_null() -> None:
    events: list[Event] = [
        MemoryUpdate(), ComponentUpdate("", ""), SystemMonitoring(), V6REvent("vm-created", ""), Log(""),
        FrameTime(0, 0, 0, 0), Payload(0), CommandRequest(""), CommandResult(0, ""),
    ]  # fmt: skip
    assert {event.event_name for event in events} == set(EVENT_TYPES)
    shown = event_to_json(SystemMonitoring(cpu=0.0), NOW_MS, "s", "host")["data"]
    assert shown["cpu"] == 0.0
    assert shown["battery"] is None
    assert shown["temperatureC"] is None


def test_without_msgspec_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "flight_client.gateway.json_protocol.messages"
    monkeypatch.setitem(sys.modules, "msgspec", None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(CallerError) as found:
        importlib.import_module(name)
    assert found.value.next_step == "pip install 'flight-realtime[gateway]'"
