"""Types and functions with the guide's values: what it prints, what its tables and configurations say."""

import dataclasses
import inspect
import json
from typing import Any

import pytest

import flight_client
from flight_client import (
    Capability,
    ChannelInfo,
    ChannelType,
    ClientInfo,
    ClientType,
    ConnectionMode,
    ConnectionState,
    MessagePriority,
    MessageRouting,
    PlatformConfig,
    RealtimeMessage,
    RetryConfig,
    create_flight_core_client_info,
    create_memory_updates_channel,
    create_message_routing,
    enums,
    get_max_payload_size,
    get_memory_constraint,
    get_platform_capabilities,
    get_platform_config,
    to_json,
)
from flight_client._tables import NAMES
from flight_client.platforms import PLATFORMS, get_platform, platform_names

BASIC = ["basic-messaging", "memory-updates"]
HOST = [*BASIC, "component-events", "system-monitoring", "v6r-events"]

# platform: memory, mode, interval, retries, interval of retries, connect timeout and interval, connections, capabilities
TABLE: dict[str, tuple[Any, ...]] = {
    "dreamcast": ("16MB", "polling", 5000, 1, 5000, 30_000, 5000, 1, BASIC),
    "psp": ("32MB", "polling", 3000, 2, 3000, 10_000, 1000, None, [*BASIC, "component-events"]),
    "vita": ("512MB", "wifi", 1000, 3, 1000, 10_000, 1000, None, [*BASIC, "component-events", "system-monitoring"]),
    "v6r-cloud": ("host", "websocket", 1000, 3, 1000, 10_000, 1000, None, HOST),
    "web": ("host", "websocket", 1000, 3, 1000, 10_000, 1000, None, HOST),
    "host": ("host", "websocket", 1000, 3, 1000, 10_000, 1000, None, HOST),
    "micro": ("256KB", "wifi", 3000, 2, 3000, 10_000, 1000, None, [*BASIC, "component-events"]),
}


def test_every_platform_of_the_specification_is_in_this_table() -> None:
    assert list(TABLE) == [name for name in platform_names() if "like" not in PLATFORMS[name]]


@pytest.mark.parametrize("platform", TABLE)
def test_a_platform_has_the_values_of_the_guide(platform: str) -> None:
    memory, mode, interval, retries, retry_ms, timeout_ms, connect_ms, connections, capabilities = TABLE[platform]
    config = get_platform_config(platform)
    assert (config.platform, config.memory_constraint, config.connection_mode) == (platform, memory, mode)
    assert (config.update_interval_ms, config.max_retries) == (interval, retries)
    assert (config.connect_timeout_ms, config.retry_interval_ms) == (timeout_ms, connect_ms)
    assert (config.max_connections, config.capabilities) == (connections, capabilities)
    assert get_memory_constraint(platform) == memory
    polls = ["polling-mode"] if mode == "polling" else []
    assert get_platform_capabilities(platform) == capabilities + polls
    bits = sum(NAMES["capabilities"][name] for name in get_platform_capabilities(platform))
    assert bits == get_platform(platform).capability_bits  # what HELLO says is what the function says
    assert create_message_routing(platform, MessagePriority.NORMAL, False) == MessageRouting(
        False, RetryConfig(retries, retry_ms)
    )
    assert create_memory_updates_channel(platform).metadata["updateInterval"] == str(interval)
    assert get_max_payload_size(platform) == PLATFORMS[platform]["message_bytes"]
    assert (config.billing_enabled is not None) == (platform == "v6r-cloud")


@pytest.mark.parametrize(
    "shown",
    [
        {
            "platform": "dreamcast", "memoryConstraint": "16MB", "connectionMode": "polling", "updateInterval": 5000,
            "maxRetries": 1, "capabilities": ["basic-messaging", "memory-updates"],
        },
        {
            "platform": "psp", "memoryConstraint": "32MB", "connectionMode": "polling", "updateInterval": 3000,
            "maxRetries": 2, "capabilities": ["basic-messaging", "memory-updates", "component-events"],
        },
        {
            "platform": "vita", "memoryConstraint": "512MB", "connectionMode": "wifi", "updateInterval": 1000,
            "maxRetries": 3,
            "capabilities": ["basic-messaging", "memory-updates", "component-events", "system-monitoring"],
        },
    ],
    ids=lambda shown: shown["platform"],
)  # fmt: skip
def test_the_configurations_that_the_guide_shows_are_ours_in_json(shown: dict[str, Any]) -> None:
    assert shown.items() <= to_json(get_platform_config(shown["platform"])).items()


def test_the_guides_quick_starts_come_out_as_they_say() -> None:
    dreamcast = create_flight_core_client_info("dreamcast", "1.0.0")
    assert dreamcast.capabilities == ["basic-messaging", "memory-updates", "polling-mode"]
    assert dreamcast.client_type is ClientType.FLIGHT_CORE_NATIVE
    assert create_memory_updates_channel("dreamcast").metadata["updateInterval"] == "5000"
    assert get_memory_constraint("psp") == "32MB"
    routing = create_message_routing("psp", MessagePriority.NORMAL, False)
    assert (routing.max_retries, routing.retry_interval_ms) == (2, 3000)
    assert routing.requires_ack is False


def test_a_critical_message_is_acknowledged_whatever_was_asked() -> None:
    assert create_message_routing("psp", "critical", False).requires_ack
    assert create_message_routing("psp", MessagePriority.LOW, True).requires_ack


def test_the_enums_have_the_values_of_the_guide_and_of_the_spec() -> None:
    assert [*ClientType] == ["flight-core-native", "v6r-cloud", "web-browser", "host-tool"]
    assert [*MessagePriority] == ["low", "normal", "high", "critical"]
    assert ChannelType("system-monitoring") is ChannelType.SYSTEM_MONITORING
    assert ConnectionState("connected") is ConnectionState.CONNECTED
    assert [*ConnectionMode] == ["polling", "wifi", "websocket"]
    assert {str(name): NAMES["capabilities"][name] for name in Capability} == NAMES["capabilities"]
    for name, table in (("V6REventType", "v6r_event_types"), ("ComponentState", "component_states")):
        assert [*getattr(enums, name)] == list(NAMES[table])
    assert json.dumps([*ClientType][:1]) == '["flight-core-native"]'  # a member is its text


def test_every_enum_is_public() -> None:
    assert {name for name in enums.__all__ if getattr(flight_client, name) is getattr(enums, name)} == set(
        enums.__all__
    )


def test_a_secure_channel_keeps_what_the_guide_gives_it() -> None:
    channel = ChannelInfo("secure-admin-channel", ChannelType.SYSTEM_MONITORING, ["admin", "system-monitoring"])
    assert to_json(channel) == {
        "id": "secure-admin-channel",
        "channelType": "system-monitoring",
        "requiredPermissions": ["admin", "system-monitoring"],
        "metadata": {},
    }


def test_what_is_handed_out_can_be_changed_without_changing_the_platform() -> None:
    get_platform_capabilities("dreamcast").append("v6r-events")
    get_platform_config("dreamcast").capabilities.append("v6r-events")
    assert get_platform_config("dreamcast").capabilities == BASIC
    assert get_platform_capabilities("dreamcast") == [*BASIC, "polling-mode"]


@pytest.mark.parametrize(
    "kind", [ClientInfo, ChannelInfo, RealtimeMessage, MessageRouting, RetryConfig, PlatformConfig]
)
def test_a_value_of_a_public_type_never_changes(kind: type[Any]) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_every_public_name_says_what_it_is() -> None:
    silent = []
    for name in flight_client.__all__:
        value = getattr(flight_client, name)
        if callable(value) and not (inspect.getdoc(value) or "").strip():
            silent.append(name)
    assert not silent
