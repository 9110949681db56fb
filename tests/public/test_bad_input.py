"""Whatever a caller gives the public types and functions: a clear error of our tree, and never one from inside."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from flight_client import (
    BatchingConfig,
    CallerError,
    ChannelInfo,
    ClientInfo,
    MemoryUpdate,
    MessageRouting,
    PlatformConfig,
    RealtimeMessage,
    RetryConfig,
    create_flight_core_client_info,
    create_memory_updates_channel,
    create_message_routing,
    decode_json,
    encode_json,
    establish_connection,
    from_json,
    get_max_payload_size,
    get_memory_constraint,
    get_platform_capabilities,
    get_platform_config,
    register_platform,
    to_json,
    validate_realtime_message,
)
from flight_client import guards as questions
from flight_client.session.spec import MAX_MESSAGE_AGE_MS, MAX_MESSAGE_FUTURE_MS
from tests.support.waiting import within

UNSAFE = 1 << 53  # the first whole number that JavaScript cannot tell from its neighbour
ODD: list[Any] = [
    None, True, False, 0, -1, 1, UNSAFE, -UNSAFE, 1 << 70, 0.5, math.nan, math.inf, "", "x", "x" * 10_000, "\ud800", "\0", "Ä",
    "dreamcast ", "DREAMCAST", "16 MB", b"", b"psp", [], ["x"], [1], [["x"]], ["basic-messaging"] * 2, {}, {"a": 1}, {1: "a"},
    (), object(), int, print, iter("ab"),
]  # fmt: skip

ROUTING = MessageRouting(True, RetryConfig(3, 2000))
CONFIG = {
    "platform": "saturn", "memory_constraint": "2MB", "connection_mode": "polling", "update_interval_ms": 8000,
    "max_retries": 1, "capabilities": ["basic-messaging"], "connect_timeout_ms": 1, "retry_interval_ms": 1,
    "max_connections": 1, "batching": BatchingConfig(1, 0), "billing_enabled": True, "subscription_tier": "pro",
}  # fmt: skip
MESSAGE = {
    "id": "1", "message_type": "x", "timestamp_ms": 1, "platform": "psp", "payload": "", "priority": "low",
    "routing": ROUTING,
}  # fmt: skip
SOUND: dict[Callable[..., Any], dict[str, Any]] = {
    ClientInfo: {"client_type": "host-tool", "platform": "host", "version": "1", "capabilities": ["basic-messaging"]},
    ChannelInfo: {"id": "log", "channel_type": "log", "required_permissions": ["log"], "metadata": {"a": "b"}},
    RetryConfig: {"max_retries": 3, "retry_interval_ms": 2000},
    MessageRouting: {"requires_ack": True, "retry_config": RetryConfig(3, 2000)},
    BatchingConfig: {"max_events": 1, "max_delay_ms": 0},
    RealtimeMessage: MESSAGE,
    PlatformConfig: CONFIG,
    create_flight_core_client_info: {"platform": "psp", "version": "1.0.0"},
    create_memory_updates_channel: {"platform": "psp"},
    create_message_routing: {"platform": "psp", "priority": "low", "requires_ack": False},
    get_platform_config: {"platform": "psp"},
    get_platform_capabilities: {"platform": "psp"},
    get_memory_constraint: {"platform": "psp"},
    get_max_payload_size: {"platform": "psp"},
}
# Of the odd values, those that are right somewhere: (what, argument) -> the values.
RIGHT: dict[tuple[str, str], list[Any]] = {
    ("ClientInfo", "platform"): ["x", "\0", "Ä", "dreamcast ", "DREAMCAST", "16 MB"],
    ("ClientInfo", "version"): ["x", "\0", "Ä", "dreamcast ", "DREAMCAST", "16 MB"],
    ("ClientInfo", "capabilities"): [[], {}, ()],
    ("ChannelInfo", "id"): ["x"],
    ("ChannelInfo", "required_permissions"): [[], ["x"], {}, {"a": 1}, ()],
    ("ChannelInfo", "metadata"): [{}],
    ("RetryConfig", "max_retries"): [0, 1],
    ("RetryConfig", "retry_interval_ms"): [0, 1],
    ("MessageRouting", "requires_ack"): [True, False],
    ("BatchingConfig", "max_events"): [1],
    ("BatchingConfig", "max_delay_ms"): [0, 1],
    ("RealtimeMessage", "timestamp_ms"): [0, 1],
    ("PlatformConfig", "platform"): ["x"],
    ("PlatformConfig", "update_interval_ms"): [1],
    ("PlatformConfig", "max_retries"): [0, 1],
    ("PlatformConfig", "connect_timeout_ms"): [1],
    ("PlatformConfig", "retry_interval_ms"): [1],
    ("PlatformConfig", "max_connections"): [None, 1],
    ("PlatformConfig", "batching"): [None],
    ("PlatformConfig", "billing_enabled"): [None, True, False],
    ("PlatformConfig", "subscription_tier"): [None, "", "x", "\0", "Ä", "dreamcast ", "DREAMCAST", "16 MB"],
    ("create_flight_core_client_info", "version"): ["x", "\0", "Ä", "dreamcast ", "DREAMCAST", "16 MB"],
    ("create_message_routing", "requires_ack"): [True, False],
}
for _name in ("id", "message_type", "payload"):
    RIGHT["RealtimeMessage", _name] = [v for v in ODD if isinstance(v, str) and v != "\ud800"]
RIGHT["RealtimeMessage", "platform"] = RIGHT["ClientInfo", "platform"]


def may(function: Callable[..., Any], argument: str, value: Any) -> bool:
    """Whether this value is right here; iter() is a list of texts, of two that were never seen."""
    right = RIGHT.get((function.__name__, argument), [])
    if type(value) is type(iter("ab")):
        return (function.__name__, argument) == ("ChannelInfo", "required_permissions")
    return any(type(value) is type(item) and value == item for item in right)


def refusal_of(kind: type[Any], value: object) -> CallerError | None:
    try:
        from_json(kind, value)
    except CallerError as error:
        return error
    return None


@pytest.mark.parametrize("function", SOUND, ids=lambda function: function.__name__)
def test_a_wrong_argument_is_refused_with_its_value_and_what_to_do(function: Callable[..., Any]) -> None:
    sound = SOUND[function]
    function(**sound)
    for argument in sound:
        for value in ODD:
            given = iter("ab") if type(value) is type(iter("ab")) else value
            if may(function, argument, value):
                function(**sound | {argument: given})
                continue
            with pytest.raises(CallerError) as found:
                function(**sound | {argument: given})
            assert found.value.next_step, (argument, value)
            assert found.value.fault == "caller"
            assert len(str(found.value)) < 1000, (argument, value)


@pytest.mark.parametrize("argument", ["max_retries", "retry_interval_ms"])
def test_a_number_beyond_what_javascript_reads_exactly_is_named_as_that(argument: str) -> None:
    with pytest.raises(CallerError, match="JavaScript") as found:
        RetryConfig(**{"max_retries": 1, "retry_interval_ms": 1, argument: UNSAFE})
    assert argument in found.value.what
    with pytest.raises(CallerError, match="JavaScript"):
        RealtimeMessage(**{**MESSAGE, "timestamp_ms": UNSAFE})  # type: ignore[arg-type]
    assert RealtimeMessage(**{**MESSAGE, "timestamp_ms": UNSAFE - 1}).timestamp_ms == UNSAFE - 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind", [ClientInfo, ChannelInfo, RetryConfig, MessageRouting, BatchingConfig, RealtimeMessage, PlatformConfig]
)
def test_json_with_a_wrong_member_is_refused_and_its_sender_is_at_fault(kind: type[Any]) -> None:
    sound = to_json(kind(**SOUND[kind]))
    assert from_json(kind, sound) == kind(**SOUND[kind])
    for name in sound:
        for value in [odd for odd in ODD if type(odd) is not type(iter("ab"))]:
            error = refusal_of(kind, sound | {name: value})
            assert error is None or (error.fault, bool(error.next_step)) == ("peer", True), (name, value)
    with pytest.raises(CallerError, match="Bogus"):
        from_json(kind, sound | {"Bogus": 1})
    assert from_json(kind, sound | {"Bogus": 1}, lenient=True) == from_json(kind, sound)


def test_what_is_no_json_and_no_object_is_refused() -> None:
    for value in [*ODD, "{", "[1]", '{"a"}', '{"a":1}', "NaN", '"\\ud800"', "1e999", b"\xff", "[" * 100_000]:
        with pytest.raises(CallerError):
            decode_json(ClientInfo, value)
        with pytest.raises(CallerError):
            from_json(ClientInfo, value)
        with pytest.raises(CallerError):
            from_json(value, {})
        with pytest.raises(CallerError):
            to_json(value)
        with pytest.raises(CallerError):
            encode_json(value)
    with pytest.raises(CallerError, match="MemoryUpdate"):
        to_json(MemoryUpdate())  # type: ignore[arg-type]  # an event has no time: a RealtimeEvent has


def test_a_platform_is_not_registered_under_another_ones_name_or_number() -> None:
    sound = PlatformConfig(**CONFIG)  # type: ignore[arg-type]
    taken = PlatformConfig(**CONFIG | {"platform": "psp"})  # type: ignore[arg-type]
    calls: list[tuple[PlatformConfig, dict[str, Any]]] = [(taken, {}), (sound, {"number": 2}), (sound, {"number": 256})]
    for config, named in [*calls, (sound, {"like": "neptune"})]:
        with pytest.raises(CallerError):
            register_platform(config, **named)
    for value in ODD:
        with pytest.raises(CallerError):
            register_platform(value)
    with pytest.raises(CallerError):
        get_platform_config("saturn")


def test_a_question_about_anything_is_answered_no() -> None:
    names = [name for name in vars(questions) if name.startswith("is_")]
    assert len(names) == 9
    for name in names:
        assert [getattr(questions, name)(value) for value in [*ODD, MemoryUpdate()]] == [False] * (len(ODD) + 1)


def test_what_is_no_message_is_not_valid_and_the_reason_is_a_sentence() -> None:
    sound = to_json(RealtimeMessage(**MESSAGE))  # type: ignore[arg-type]
    assert validate_realtime_message(sound)
    for value in ODD:
        found = validate_realtime_message(value, explain=True)
        assert not found
        assert found.reason
        assert validate_realtime_message(value) is False
        for name in sound:
            assert isinstance(validate_realtime_message(sound | {name: value}), bool)
    for wrong in ({"explain": 1}, {"now_ms": "x"}, {"now_ms": -1}, {"transit_ms": 0.5}, {"now_ms": UNSAFE}):
        with pytest.raises(CallerError):
            validate_realtime_message(sound, **wrong)


async def test_nobody_is_connected_with_wrong_arguments() -> None:
    psp = create_flight_core_client_info("psp", "1.0.0")
    beyond = ClientInfo("flight-core-native", "psp", "1", ["basic-messaging", "v6r-events"])  # type: ignore[arg-type]
    nowhere = "http://127.0.0.1:1"
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((beyond, "psp", "token"), {}),
        ((psp, "vita", "token"), {}),
        ((psp, "psp", ""), {}),
        ((psp, "psp", "token"), {"address": "ftp://x:1"}),
        ((psp, "psp", "token"), {"address": nowhere, "device_id": "not good"}),
        ((ClientInfo("host-tool", "neptune", "1", []), "neptune", "token"), {}),  # type: ignore[arg-type]
    ]
    calls += [((value, "psp", "token"), {"address": nowhere}) for value in ODD]
    calls += [((psp, value, "token"), {"address": nowhere}) for value in ODD]
    calls += [
        ((psp, "psp", value), {"address": nowhere})
        for value in ODD
        if not callable(value) and not isinstance(value, str)
    ]
    for arguments, named in calls:
        with pytest.raises(CallerError):
            await within(establish_connection(*arguments, **named))


def test_a_message_may_be_exactly_as_old_and_as_far_ahead_as_the_limits_say() -> None:
    now_ms = 1_750_000_000_000
    sound = {
        "id": "m", "messageType": "t", "platform": "host", "payload": "", "priority": "high",
        "routing": {"requiresAck": False, "retryConfig": {"maxRetries": 0, "retryIntervalMs": 0}},
    }  # fmt: skip

    def valid(timestamp_ms: int, platform: str = "host", transit_ms: int = 0) -> bool:
        message = sound | {"timestamp": timestamp_ms, "platform": platform}
        return validate_realtime_message(message, now_ms=now_ms, transit_ms=transit_ms)

    assert [valid(now_ms - MAX_MESSAGE_AGE_MS - more) for more in (0, 1)] == [True, False]
    assert [valid(now_ms + MAX_MESSAGE_FUTURE_MS + more) for more in (0, 1)] == [True, False]
    assert [valid(1, "psp", MAX_MESSAGE_AGE_MS + more) for more in (0, 1)] == [True, False]
