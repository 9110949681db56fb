"""Which names the gateway takes from strangers, and how it shows them: a name ends up in logs, URLs and pages."""

from __future__ import annotations

import re

from flight_client.errors import RefusedError
from flight_client.session import spec

_CHANNEL = re.compile(r"[a-z0-9._/-]+", re.ASCII)
_DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)
_SHOWN_CHARACTERS = 48
GATEWAY_ID = "gateway"  # under which gateways speak themselves; with a colon and an address behind it among several


def check_channel_name(name: str) -> str:
    """The name itself, or RefusedError(bad-name)."""
    if not 1 <= len(name) <= spec.CHANNEL_NAME_BYTES or _CHANNEL.fullmatch(name) is None:
        raise refusal(spec.CODE_BAD_NAME, "channel", printable(name))
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise refusal(spec.CODE_BAD_NAME, "channel with an empty part, '.' or '..' between slashes", printable(name))
    return name


def check_beginning(pattern: str) -> str:
    """The beginning of channels' names with one `*` behind it, as it is, or RefusedError(bad-name)."""
    beginning = pattern.removesuffix("*")
    if beginning or not pattern:
        check_channel_name(beginning.rstrip("/") or beginning)
    return pattern


def check_device_id(device_id: str) -> str:
    """The device id itself, or RefusedError(bad-name)."""
    if not 1 <= len(device_id) <= spec.DEVICE_ID_BYTES or _DEVICE_ID.fullmatch(device_id) is None:
        allowed = f"1 to {spec.DEVICE_ID_BYTES} of A-Z, a-z, 0-9 and . _ : -, a letter or digit first"
        raise refusal(spec.CODE_BAD_NAME, f"device id, allowed are {allowed}", printable(device_id))
    return device_id


def inner_name(org: str, channel: str) -> str:
    """The name of an organisation's channel in the hub and the log: one that nobody can ask for from outside, where a
    channel's name has no colon. The default organisation's channels have their plain names.
    """
    return f"{org}:{channel}" if org else channel


def outer_name(name: str) -> str:
    """What an organisation calls its channel."""
    return name.rpartition(":")[2]


def owner_of(org: str, device_id: str) -> str:
    """A device within its organisation: the same id elsewhere is another device. A device id has no slash."""
    return f"{org}/{device_id}" if org else device_id


def owner_in(channel: str, device_id: str) -> str:
    """The same, by the inner name of a channel of that organisation."""
    return owner_of(channel.rpartition(":")[0], device_id)


def printable(value: object) -> str:
    """Somebody else's text for a log or a message: bounded, quoted, without control characters."""
    text = value if isinstance(value, str) else str(value)
    shown = ascii(text[:_SHOWN_CHARACTERS])
    return shown if len(text) <= _SHOWN_CHARACTERS else f"{shown}... ({len(text)} characters)"


def refusal(code: int, what: str, value: str) -> RefusedError:
    """A refusal whose text fits the frame that carries it. The table of codes adds what to do next."""
    return RefusedError(code, f"{what}: {value}".encode()[: spec.TEXT_BYTES].decode(errors="ignore"))
