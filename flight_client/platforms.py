"""What each platform can do. The values stand in spec/flight.toml; this is how Python asks for them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ._tables import NAMES, PROFILES
from .errors import CallerError

_BY_NAME: dict[str, dict[str, Any]] = {profile["name"]: profile for profile in PROFILES}


@dataclasses.dataclass(frozen=True, slots=True)
class Platform:
    """A platform profile. Sizes in bytes, times in milliseconds; memory_bytes is 0 where the host decides."""

    name: str
    number: int
    client_type: str
    memory: str
    memory_bytes: int
    transports: tuple[str, ...]
    update_interval_ms: int
    capabilities: tuple[str, ...]
    payload_bytes: int
    message_bytes: int
    slot_bytes: int
    critical_slots: int
    lossy_slots: int
    batch_events: int
    wide_sizes: bool

    @property
    def capability_bits(self) -> int:
        """The capabilities as HELLO carries them, with `polling-mode` where polling is the only transport."""
        bits = 0
        for name in self.capabilities:
            bits |= NAMES["capabilities"][name]
        return bits | (NAMES["capabilities"]["polling-mode"] if self.transports == ("polling",) else 0)


def platform_names() -> list[str]:
    """All known platforms."""
    return list(_BY_NAME)


def get_platform(name: str) -> Platform:
    """The profile of a platform.

    Raises CallerError for a name that the spec does not have.
    """
    profile = _BY_NAME.get(name)
    if profile is None:
        known = ", ".join(_BY_NAME)
        raise CallerError(what="unknown platform", value=name, next_step=f"use one of: {known}")
    return Platform(
        name=name,
        number=profile["id"],
        client_type=profile["client_type"],
        memory=profile["memory"],
        memory_bytes=profile["memory_bytes"],
        transports=tuple(profile["transports"]),
        update_interval_ms=profile["update_interval_ms"],
        capabilities=tuple(profile["capabilities"]),
        payload_bytes=profile["payload_bytes"],
        message_bytes=profile["message_bytes"],
        slot_bytes=profile["slot_bytes"],
        critical_slots=profile["critical_slots"],
        lossy_slots=profile["lossy_slots"],
        batch_events=profile["batch_events"],
        wide_sizes=profile["memory_bytes"] == 0,
    )


def platform_name(number: int) -> str:
    """The name of a platform's number on the wire; 'other' for one that the spec does not have."""
    for name, profile in _BY_NAME.items():
        if profile["id"] == number:
            return name
    return "other"
