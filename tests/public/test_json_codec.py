"""The public types as JSON: with msgspec and without it the same, nothing lost on the way to the wire and back."""

import json
import math
import random
from typing import Any

import pytest

from flight_client import (
    CallerError,
    EventError,
    MemoryUpdate,
    RealtimeEvent,
    Source,
    SystemMonitoring,
    decode_json,
    encode_json,
    from_json,
    is_memory_update_event,
    json_codec,
    json_text,
    to_json,
)
from flight_client.client_info import ClientInfo
from flight_client.events import decode_event, encode_event
from flight_client.gateway.json_protocol import messages
from flight_client.messages import MessageRouting, RetryConfig

SEED = 20251124
NOW_MS = 1_750_000_000_000
SOURCE = Source("my-dc", "dreamcast", "77b0c1d2")


@pytest.fixture(params=["msgspec", "plain"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "plain":
        monkeypatch.setattr(json_text, "_fast", None)
    else:
        assert json_text._fast is not None
    return str(request.param)


def memory_event(rng: random.Random) -> RealtimeEvent:
    sizes = [rng.choice([None, 0, (1 << 64) - 2, 1 << 53, rng.getrandbits(40)]) for _ in range(4)]
    data = MemoryUpdate(sizes[0], sizes[1], sizes[2], sizes[3], rng.choice([None, 0.0, 1.0, rng.random()]))
    return RealtimeEvent("memory-update", data, "memory-updates", SOURCE, 7, NOW_MS, rng.randrange(5000), 3)


def test_an_event_goes_through_json_and_gives_the_bytes_that_it_would_have_had_without(backend: str) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}, {backend}")
    for _ in range(200):
        event = memory_event(rng)
        back = decode_json(RealtimeEvent, encode_json(event))
        assert encode_event(back.data) == encode_event(event.data)
        assert back.data == decode_event(*encode_event(event.data))
        assert (back.timestamp_ms, back.type, back.channel) == (event.timestamp_ms, event.type, event.channel)
        assert (back.source.platform, back.source.session_id) == ("dreamcast", "77b0c1d2")
        assert encode_json(back) == encode_json(event)


def test_an_event_has_every_member_of_the_guide_and_its_rounded_values() -> None:
    data = MemoryUpdate(16 << 20, 8_808_038, None, None, 0.123456)
    shown = to_json(RealtimeEvent("memory-update", data, "memory-updates", SOURCE, 7, NOW_MS, None, 0))
    assert set(shown) == {"type", "data"}
    wanted = {"timestamp", "sessionId", "platform", "total", "used", "available", "fragmentationRatio"}
    assert wanted <= set(shown["data"])
    assert shown["data"]["timestamp"] == NOW_MS
    assert shown["data"]["fragmentationRatio"] == 0.1235
    assert shown["data"]["available"] == {"bytes": None, "humanReadable": "unknown"}


def test_a_value_that_the_wire_cannot_carry_is_refused_in_json_too() -> None:
    event = RealtimeEvent("system-monitoring", SystemMonitoring(cpu=7.0), "system-monitoring", SOURCE, 1, NOW_MS, 0, 0)
    with pytest.raises(EventError, match="cpu") as found:
        to_json(event)
    assert found.value.fault == "caller"
    wrong = {"type": "system-monitoring", "data": {"timestamp": NOW_MS, "cpu": 7.0}}
    with pytest.raises(EventError, match="cpu") as found:
        from_json(RealtimeEvent, wrong)
    assert found.value.fault == "peer"


@pytest.mark.parametrize(
    "value",
    [
        {}, {"type": 5, "data": {}}, {"type": "nothing", "data": {"timestamp": 1}}, {"type": "log", "data": []},
        {"type": "log", "data": {"text": "x"}}, {"type": "log", "data": {"text": "x", "timestamp": 1 << 53}},
        {"type": "log", "data": {"text": "x", "timestamp": "1"}},
        {"type": "log", "data": {"text": "x", "timestamp": 1, "platform": 5}}, {"type": "log", "data": {"timestamp": 1}},
        {"type": "log", "data": {"text": "x", "timestamp": 1, "new": 1}},
        {"type": "log", "data": {"text": "x", "timestamp": 1}, "new": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_event_is_refused_and_its_sender_is_at_fault(value: dict[str, Any]) -> None:
    with pytest.raises(CallerError) as found:
        from_json(RealtimeEvent, value)
    assert found.value.fault == "peer"


def test_what_a_newer_gateway_adds_is_passed_over_where_that_is_asked_for() -> None:
    value = {"type": "log", "data": {"text": "x", "timestamp": 1, "new": 1}, "newer": 2}
    assert from_json(RealtimeEvent, value, lenient=True).timestamp_ms == 1


@pytest.mark.parametrize(
    "text",
    [
        "1", " 1 ", "1.0", "1e2", "-0", "01", "1 2", "NaN", "-Infinity", "1e999", '"\\ud83d\\ude00"', '"\\ud800"', '"\\uD800x"', '"\ud800"', '{"\ud800":1}', '"a\x01"',
        '{"a":1,"a":2}', "18446744073709551616", "-9223372036854775809", "\ufeff1", "{", "", "[1,]", "'a'", b'"\xff"', "[" * 9000,
    ],
    ids=lambda text: repr(text)[:20],
)  # fmt: skip
def test_both_ways_of_reading_text_agree(text: str | bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome() -> str:
        try:
            return repr(json_text.read(text))
        except CallerError as error:
            return f"refused, {error.fault}"

    fast = outcome()
    monkeypatch.setattr(json_text, "_fast", None)
    assert outcome() == fast


def test_the_gateways_messages_have_the_members_of_the_public_types() -> None:
    for ours, theirs in (
        (ClientInfo, messages.ClientInfo),
        (MessageRouting, messages.Routing),
        (RetryConfig, messages.RetryConfig),
    ):
        assert list(json_codec.names_of(ours)) == list(theirs.__struct_encode_fields__)


def test_text_is_as_short_as_json_can_be(backend: str) -> None:
    text = encode_json(RetryConfig(3, 2000))
    assert text == b'{"maxRetries":3,"retryIntervalMs":2000}'
    assert decode_json(RetryConfig, memoryview(text)) == RetryConfig(3, 2000)
    assert json.loads(text) == to_json(RetryConfig(3, 2000)), backend


def test_a_type_checker_follows_the_question() -> None:
    event = memory_event(random.Random(SEED))
    assert is_memory_update_event(event)
    used: int | None = event.data.used.bytes  # mypy would refuse this of an event that is not known
    assert used == event.data.used_bytes


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_refused_and_never_null(number: float) -> None:
    for value in (number, {"a": [None, number]}):
        with pytest.raises(CallerError, match="cannot be written as JSON"):
            json_text.write(value)
    assert json_text.write({"a": None, "b": "null"}) == b'{"a":null,"b":"null"}'
