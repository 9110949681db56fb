"""What each platform can do. The values stand in spec/flight.toml; this is how Python asks for them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ._profiles import PROFILES
from ._tables import NAMES
from .errors import CallerError
from .session.common.profile import Profile, profile_of
from .session.spec import HELLO_FRAME_BYTES

# What a platform is called whose number the spec does not have and nobody registered.
UNKNOWN_PLATFORM = "other"
# On a serial line, whatever the platform could take: the frames of the smallest one.
_LINE_PAYLOAD_BYTES = 512
_LINE_TIMEOUT_MS = 3000
_LINE_BACKOFF_MS = (50, 400)

PLATFORMS: dict[str, dict[str, Any]] = {profile["name"]: profile for profile in PROFILES}
"""Every value of each platform by name: those of the specification, and what register_platform() added."""


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
    history_events: int
    wide_sizes: bool
    max_connections: int = 0  # per channel; 0: no limit

    @property
    def capability_bits(self) -> int:
        """The capabilities as HELLO carries them, with `polling-mode` where polling is the only transport."""
        bits = 0
        for name in self.capabilities:
            bits |= NAMES["capabilities"][name]
        return bits | (NAMES["capabilities"]["polling-mode"] if self.transports == ("polling",) else 0)


def platform_names() -> list[str]:
    """All known platforms."""
    return list(PLATFORMS)


def get_platform(name: object) -> Platform:
    """The profile of a platform.

    Raises CallerError for a name that the spec does not have.
    """
    profile = PLATFORMS.get(name) if isinstance(name, str) else None
    if profile is None:
        known = ", ".join(PLATFORMS)
        raise CallerError(what="unknown platform", value=name, next_step=f"use one of: {known}")
    return Platform(
        name=profile["name"],
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
        history_events=profile["history_events"],
        wide_sizes=profile["memory_bytes"] == 0,
        max_connections=profile["max_connections"],
    )


def platform_name(number: int) -> str:
    """The name of a platform's number on the wire; UNKNOWN_PLATFORM for one that the spec does not have."""
    for name, profile in list(PLATFORMS.items()):  # a list: another thread may register a platform meanwhile
        if profile["id"] == number:
            return name
    return UNKNOWN_PLATFORM


def add_platform(profile: dict[str, Any]) -> None:
    """Make another platform known, with every value that those of the specification have (register_platform() is for users)."""
    PLATFORMS[profile["name"]] = profile


def session_profile(name: str) -> Profile:
    """What the session needs to know of a platform; of one that was added, its own values and else those of the one it is like.

    Raises CallerError for an unknown platform.
    """
    platform, values = get_platform(name), PLATFORMS[name]
    profile = profile_of(values.get("like", name))
    assert profile is not None  # the specification has the same names here and there
    if "like" in values:
        profile.platform = platform.number
        profile.transports = tuple(NAMES["transports"][transport] for transport in platform.transports)
        for key in ("update_interval_ms", "max_retries", "connect_timeout_ms", "connect_retry_interval_ms"):
            setattr(profile, key, values[key])
        profile.batch_events, profile.batch_delay_ms = values["batch_events"], values["batch_delay_ms"]
    return profile


def fit_for_a_line(platform: Platform, profile: Profile, *, only: bool) -> Platform:
    """Make a profile fit a serial line, whose frames are short; the platform with the same limits.

    only: the line is the only transport. Then no fleet comes back at once when it dies, and a device that lost a frame need
    not wait long.
    """
    profile.frame_bytes = min(profile.frame_bytes, HELLO_FRAME_BYTES)
    profile.payload_bytes = min(profile.payload_bytes, _LINE_PAYLOAD_BYTES)
    # A critical message lies in the window until all of its pieces are acknowledged: half of it, so that others get by.
    profile.message_bytes = min(profile.message_bytes, profile.window_frames // 2 * _LINE_PAYLOAD_BYTES)
    if only:
        profile.connect_timeout_ms = min(profile.connect_timeout_ms, _LINE_TIMEOUT_MS)
        profile.backoff_floor_ms, profile.backoff_cap_ms = _LINE_BACKOFF_MS
    return dataclasses.replace(platform, payload_bytes=profile.payload_bytes, message_bytes=profile.message_bytes)
