"""What a program asks and says about platforms: the guide's PlatformConfig, and platforms of one's own.

Everything here is data of spec/flight.toml, may be called from every thread, and fails with CallerError only.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Any

from . import arguments
from .enums import Capability, ConnectionMode
from .errors import CallerError
from .platforms import PLATFORMS, add_platform, get_platform
from .session.spec import NUMBER_LIMIT, PLATFORM_BYTES

_TRANSPORTS = {
    ConnectionMode.POLLING: ["polling"],
    ConnectionMode.WIFI: ["tcp", "websocket", "polling"],
    ConnectionMode.WEBSOCKET: ["websocket", "polling"],
}
_MEMORY = re.compile(r"([1-9][0-9]{0,5})(KB|MB|GB)", re.ASCII)
_UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{PLATFORM_BYTES - 1}}}", re.ASCII)
_LONGEST_MS = NUMBER_LIMIT // 2 - 1  # times are compared by their difference
_OWN_NUMBERS = 0x80  # of platforms that are not of the specification: 128 to 255


@dataclass(frozen=True, slots=True)
class BatchingConfig:
    """How events are collected into one frame: until there are `max_events`, or the oldest has waited `max_delay_ms`."""

    max_events: int
    max_delay_ms: int

    def __post_init__(self) -> None:
        """Raises CallerError for a value that cannot work."""
        arguments.whole("max_events", self.max_events, 1, 1024)
        arguments.whole("max_delay_ms", self.max_delay_ms, 0, _LONGEST_MS)


@dataclass(frozen=True, slots=True)
class PlatformConfig:
    """What is set for a platform. Times in milliseconds.

    memory_constraint: such as "16MB", or "host" where memory is not the limit. connection_mode: "polling", "wifi" (raw TCP,
    then WebSocket, then polling) or "websocket" (then polling). update_interval_ms: between two polls, or two reports;
    `updateInterval` in JSON. max_retries: of a message that was refused or not answered; an outage spends none.
    capabilities: names of Capability, without `polling-mode`, which the mode says. connect_timeout_ms, retry_interval_ms: of an
    attempt to connect, and between two (the guide's `timeout` and `retryInterval`). max_connections: of a device per channel;
    None = any number. batching: None = as the most similar platform of the specification. billing_enabled,
    subscription_tier: of cloud peers; None where that means nothing.

    Raises CallerError for a value that cannot work. May be made in every thread; it never changes.
    """

    platform: str
    memory_constraint: str
    connection_mode: ConnectionMode
    update_interval_ms: int
    max_retries: int
    capabilities: list[str]
    connect_timeout_ms: int = 10_000
    retry_interval_ms: int = 1_000
    max_connections: int | None = None
    batching: BatchingConfig | None = None
    billing_enabled: bool | None = None
    subscription_tier: str | None = None

    def __post_init__(self) -> None:
        """Check every value, and take "polling" for ConnectionMode.POLLING."""
        if _NAME.fullmatch(arguments.text("platform", self.platform)) is None:
            raise arguments.refuse(
                "platform", "is no name", self.platform, f"use 1 to {PLATFORM_BYTES} of a-z, 0-9 and '-'"
            )
        memory_bytes(self.memory_constraint)
        mode = arguments.word("connection_mode", self.connection_mode, ConnectionMode)
        object.__setattr__(self, "connection_mode", mode)
        arguments.whole("update_interval_ms", self.update_interval_ms, 1, _LONGEST_MS)
        arguments.whole("max_retries", self.max_retries, 0, 0xFFFF)
        arguments.whole("connect_timeout_ms", self.connect_timeout_ms, 1, _LONGEST_MS)
        arguments.whole("retry_interval_ms", self.retry_interval_ms, 1, _LONGEST_MS)
        if self.max_connections is not None:
            arguments.whole("max_connections", self.max_connections, 1, 0xFFFF)
        if self.batching is not None:
            arguments.check_kind(
                "batching",
                self.batching,
                BatchingConfig,
                "a BatchingConfig",
                "give BatchingConfig(max_events, max_delay_ms), or None",
            )
        if self.billing_enabled is not None:
            arguments.truth("billing_enabled", self.billing_enabled)
        if self.subscription_tier is not None:
            arguments.text("subscription_tier", self.subscription_tier, 64, empty=True)
        object.__setattr__(self, "capabilities", _capabilities(self.capabilities))


def get_platform_config(platform: str) -> PlatformConfig:
    """What is set for a platform, of the specification or registered. Raises CallerError for an unknown name."""
    profile = profile_named(platform)
    cloud = profile["client_type"] == "v6r-cloud"
    return PlatformConfig(
        platform=platform,
        memory_constraint=profile["memory"],
        connection_mode=profile["connection_mode"],
        update_interval_ms=profile["update_interval_ms"],
        max_retries=profile["max_retries"],
        capabilities=profile["capabilities"],
        connect_timeout_ms=profile["connect_timeout_ms"],
        retry_interval_ms=profile["connect_retry_interval_ms"],
        max_connections=profile["max_connections"] or None,
        batching=BatchingConfig(profile["batch_events"], profile["batch_delay_ms"]),
        billing_enabled=profile["billing_enabled"] if cloud else None,
        subscription_tier=profile["subscription_tier"] if cloud else None,
    )


def get_platform_capabilities(platform: str) -> list[str]:
    """What a client of this platform announces: its config's list, then `polling-mode` where its mode is polling.

    A new list each time. Raises CallerError for an unknown platform.
    """
    profile = profile_named(platform)
    polls = [Capability.POLLING_MODE.value] if profile["connection_mode"] == ConnectionMode.POLLING else []
    return [*profile["capabilities"], *polls]


def get_memory_constraint(platform: str) -> str:
    """The memory of a platform for a person: "16MB", or "host". Raises CallerError for an unknown platform."""
    return str(profile_named(platform)["memory"])


def get_max_payload_size(platform: str) -> int:
    """The largest payload of one message, in bytes of UTF-8; in pieces where the platform puts pieces together.

    Raises CallerError for an unknown platform.
    """
    return int(profile_named(platform)["message_bytes"])


def register_platform(config: PlatformConfig, *, like: str = "", number: int = 0) -> None:
    """Make a platform known to this process, under the name that it has in `config`.

    Client(platform=...) and every function here take the name from then on; a gateway has to be told the same in its own
    process before the first client comes. like: the platform of the specification whose limits hold for what PlatformConfig
    does not say (frames, queues, history, the retry interval of messages); by default the one that its memory suggests.
    number: what stands for the platform on the wire, 128 to 255 and the same on both sides; by default made from the name.
    To register a name again replaces what it means for clients that are made later.

    Raises CallerError for a name of the specification, a number that another platform has, and an unknown `like`.
    """
    arguments.check_kind("config", config, PlatformConfig, "a PlatformConfig", "give PlatformConfig(platform=..., ...)")
    known = PLATFORMS.get(config.platform)
    if known is not None and known["id"] < _OWN_NUMBERS:
        raise CallerError(
            "this platform is part of the specification", value=config.platform, next_step="register another name"
        )
    arguments.whole("number", number, 0, 255)
    chosen = number or _OWN_NUMBERS + zlib.crc32(config.platform.encode()) % _OWN_NUMBERS
    taken = next(
        (p["name"] for p in list(PLATFORMS.values()) if p["id"] == chosen and p["name"] != config.platform), None
    )
    if taken is not None or chosen < _OWN_NUMBERS:
        what = f"belongs to {taken}" if taken else "is one of the specification's"
        raise CallerError(f"the number of the platform {what}", value=chosen, next_step="give another one, 128 to 255")
    base = profile_named(like or _similar(memory_bytes(config.memory_constraint)))
    add_platform(_profile(config, base, chosen))


def profile_named(platform: object) -> dict[str, Any]:
    """Every value of a platform. Raises CallerError for an unknown name."""
    arguments.text("platform", platform)
    return PLATFORMS[get_platform(platform).name]


def memory_bytes(constraint: object) -> int:
    """Of a memory constraint in words; 0 where the host decides. Raises CallerError."""
    if constraint == "host":
        return 0
    found = _MEMORY.fullmatch(constraint) if isinstance(constraint, str) else None
    if found is None:
        raise arguments.refuse("memory_constraint", "is no size", constraint, 'write "16MB", "256KB", or "host"')
    return int(found[1]) * _UNITS[found[2]]


def _capabilities(given: object) -> list[str]:
    found = arguments.words("capabilities", given)
    for name in found:
        arguments.word("capabilities", name, Capability)
    if Capability.POLLING_MODE in found:
        raise arguments.refuse(
            "capabilities", "name polling-mode, which the connection mode says", given, "leave it out here"
        )
    if Capability.BASIC_MESSAGING not in found:
        raise arguments.refuse(
            "capabilities", "lack basic-messaging", given, "add it: without it there is no messaging"
        )
    return [str(name) for name in found]


def _similar(memory: int) -> str:
    """The platform of the specification whose limits a machine with so much memory can afford."""
    if not memory:
        return "host"
    fitting = [p for p in list(PLATFORMS.values()) if p["id"] < _OWN_NUMBERS and 0 < p["memory_bytes"] <= memory]
    return str(max(fitting, key=lambda p: p["memory_bytes"])["name"]) if fitting else "micro"


def _profile(config: PlatformConfig, base: dict[str, Any], number: int) -> dict[str, Any]:
    batching = config.batching or BatchingConfig(base["batch_events"], base["batch_delay_ms"])
    return base | {
        "name": config.platform,
        "id": number,
        "like": base.get("like", base["name"]),
        "memory": config.memory_constraint,
        "memory_bytes": memory_bytes(config.memory_constraint),
        "connection_mode": config.connection_mode.value,
        "transports": _TRANSPORTS[config.connection_mode],
        "update_interval_ms": config.update_interval_ms,
        "max_retries": config.max_retries,
        "connect_timeout_ms": config.connect_timeout_ms,
        "connect_retry_interval_ms": config.retry_interval_ms,
        "max_connections": config.max_connections or 0,
        "capabilities": list(config.capabilities),
        "batch_events": batching.max_events,
        "batch_delay_ms": batching.max_delay_ms,
        "billing_enabled": bool(config.billing_enabled),
        "subscription_tier": config.subscription_tier or "",
    }
