"""From the header of a recording to a fresh session: the same profile, identity, transports and limits.

A header is somebody else's text: every value is checked before memory is taken for it.
"""

from __future__ import annotations

from typing import Any

from flight_client.capture.fields import damaged
from flight_client.capture.happenings import HAPPENINGS, INPUTS, STATE, Codec, View, present
from flight_client.proof import SessionKey
from flight_client.session.common.profile import Profile, profile_of
from flight_client.session.device.identity import Identity
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession
from flight_client.session.spec import MAX_FRAME_BYTES, VERSION

_MOST_FRAMES = 4096
_MOST_NUMBER = (1 << 30) - 1
_MOST_CHANNELS = 0xFFFF
_MOST_NAMES = 60  # a mask of names is a number of 63 bits


class Subject:
    """A session that waits for its recorded happenings, and the names under which it is looked at."""

    def __init__(self, header: dict[str, Any]) -> None:
        """Raises DamagedError for a header that no recorder of this version wrote."""
        protocol = _number(header, "protocol")
        if protocol != VERSION:
            raise damaged("this version does not replay that version of the protocol", protocol)
        self.session: DeviceSession = session_of(header)
        self.inbox: Inbox = Inbox(self.session)
        self.codec: Codec = codec_of(header)
        lists = (self.codec.happenings, self.codec.inputs, self.codec.state)
        for said in lists:
            missing = set(said) - set(present(self.session, self.inbox, said))
            if missing:
                raise damaged("the session of this version has no such part", min(missing))
        self.view: View = View(self.session, self.inbox, self.codec.inputs, self.codec.state)


def codec_of(header: dict[str, Any]) -> Codec:
    """What reads the records behind this header."""
    known = (("happenings", HAPPENINGS), ("inputs", INPUTS), ("state", STATE))
    lists: list[list[str]] = []
    for key, names in known:
        value = header.get(key)
        said = [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
        if not 0 < len(said) <= _MOST_NAMES or len(set(said)) != len(said) or said != value:
            raise damaged(f"the header of the capture file has no list of {key}")
        for name in said:
            if name not in names:
                raise damaged("the capture file is of a version with other parts of a session", name)
        lists.append(said)
    return Codec(*lists)


def session_of(header: dict[str, Any]) -> DeviceSession:
    """A session as it was before its first happening."""
    profile = _profile(_object(header, "profile"))
    said = _object(header, "identity")
    identity = Identity(
        _text(said, "device_id").encode(),
        _text(said, "platform").encode(),
        _number(said, "platform_number"),
        _text(said, "version").encode(),
        _number(said, "client_type"),
    )
    identity.capabilities = _number(said, "capabilities")
    try:
        identity.boot[:] = bytes.fromhex(_text(said, "boot"))
    except ValueError as error:
        raise damaged("the header of the capture file has no boot number") from error
    if len(identity.boot) != 8 or not identity.fits():
        raise damaged("the header of the capture file has an identity that is too long")
    transports = _numbers(header.get("transports"), "transports")
    if not transports:
        raise damaged("the header of the capture file names no transport")
    return DeviceSession(profile, identity, SessionKey(), transports, _number(header, "channel_limit", _MOST_CHANNELS))


def _profile(said: dict[str, Any]) -> Profile:
    profile = profile_of("host")
    assert profile is not None  # it is in the spec
    names = {name for name, value in vars(profile).items() if isinstance(value, int | tuple)}
    if names != set(said):
        raise damaged("the profile in the capture file has other values than this version", sorted(names ^ set(said)))
    for name in names:
        if isinstance(getattr(profile, name), tuple):
            setattr(profile, name, _numbers(said[name], name))
        else:
            setattr(profile, name, _number(said, name))
    if not 64 <= profile.frame_bytes <= MAX_FRAME_BYTES or not 0 < profile.window_frames <= _MOST_FRAMES:
        raise damaged("the profile in the capture file takes more memory than any", profile.frame_bytes)
    return profile


def _object(said: dict[str, Any], key: str) -> dict[str, Any]:
    value = said.get(key)
    if not isinstance(value, dict):
        raise damaged(f"the header of the capture file has no {key}")
    return value


def _number(said: dict[str, Any], key: str, most: int = _MOST_NUMBER) -> int:
    value = said.get(key)
    if not isinstance(value, int) or not 0 <= value <= most:
        raise damaged(f"the header of the capture file has no sound {key}", value)
    return int(value)


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    if not isinstance(value, str) or not value.isascii():
        raise damaged(f"the header of the capture file has no sound {key}", value)
    return value


def _numbers(said: Any, key: str) -> tuple[int, ...]:
    if not isinstance(said, list) or not all(isinstance(item, int) and 0 <= item < 256 for item in said):
        raise damaged(f"the header of the capture file has no sound {key}", said)
    return tuple(said)
