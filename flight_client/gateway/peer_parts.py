"""What a peer keeps count of, what it says of a device that breaks the protocol, how many connections a channel may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from flight_client.errors import FrameError
from flight_client.gateway.subscription import Subscription
from flight_client.platforms import PLATFORMS
from flight_client.session import spec
from flight_client.session.common.fields import get_u16, get_u32
from flight_client.wire.records import decode_age


class Violation(Exception):  # noqa: N818 - it ends a connection, it is not an error of this program
    """The device broke the protocol; `code` says how."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Pipe(Protocol):
    """The transport that a peer is attached to."""

    turn_based: bool

    def wake(self) -> None:
        """There is something to send, or to wait for."""

    def end(self, code: int, retry_after_ms: int = 0, text: str = "") -> None:
        """Tell the device why and close."""


class OpenChannel:
    """A channel that this peer opened."""

    __slots__ = ("inner", "mode", "name", "subscription")

    def __init__(self, name: str, mode: int, inner: str = "") -> None:
        self.name: str = name
        self.inner: str = inner or name  # in the hub and the log (names.py)
        self.mode: int = mode
        self.subscription: Subscription | None = None


class PeerCounters:
    """Events of one session, by what became of them."""

    __slots__ = ("failed", "frames_in", "frames_out", "received", "refused", "stored")

    def __init__(self) -> None:
        self.frames_in: int = 0  # frames, or messages of JSON
        self.frames_out: int = 0
        self.received: int = 0
        self.stored: int = 0
        self.refused: int = 0
        self.failed: int = 0


def modes_by_name(channels: Iterable[OpenChannel]) -> dict[str, int]:
    """What a device may do now, over all numbers of a name."""
    found: dict[str, int] = {}
    for channel in channels:
        found[channel.name] = found.get(channel.name, 0) | channel.mode
    return found


def one_too_many(channels: Mapping[int, OpenChannel], number: int, name: str, platform: str) -> int:
    """Under which number a platform that has a limit of connections per channel has to leave this one; 0: none."""
    # 0: any number. That a device has one session is another matter: the registry sees to it.
    most = PLATFORMS.get(platform, {}).get("max_connections", 0)
    others = [other for other, channel in channels.items() if channel.name == name and other != number]
    return others[0] if most and len(others) >= most else 0


def read_prefix(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Counter and held age of a critical batch. Raises FrameError for what no device may write."""
    if end - start < spec.CRITICAL_PREFIX_BYTES:
        raise FrameError("a critical batch without its counter")
    counter = get_u32(data, start)
    held = get_u16(data, start + 4)
    if counter <= 0 or get_u16(data, start + 6):
        raise FrameError("a counter of 0 or over the limit, or a reserved field that is not 0")
    decode_age(held)
    return counter, held
