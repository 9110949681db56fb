"""Subscriptions to every channel that begins like a name: `vm-*`, or `*` for all.

A pattern follows the channels that somebody publishes in and that the token may read: those that are there, and those that begin
later, from their first entry. Each is a subscription of its own, with its own offsets, and counts like one.
"""

from __future__ import annotations

from collections.abc import Callable

from flight_client.errors import RefusedError
from flight_client.gateway.hub import Hub
from flight_client.gateway.names import check_beginning, inner_name, outer_name, printable, refusal
from flight_client.session import spec

PATTERNS = 16  # of one session

# follow(channel, whether it begins only now); a RefusedError of it is its own business
Follow = Callable[[str, bool], None]


class Patterns:
    """Those of one session."""

    def __init__(self, hub: Hub, org: str, follow: Follow) -> None:
        self._hub = hub
        self._org = org
        self._follow = follow
        self._followed: dict[str, set[str]] = {}  # pattern -> channels that are followed because of it

    def add(self, pattern: str) -> list[str]:
        """Begin; the channels that are there. RefusedError for one that cannot be."""
        check_beginning(pattern)
        if pattern in self._followed:
            raise refusal(spec.CODE_TOO_MANY, "already subscribed to", printable(pattern))
        if len(self._followed) >= PATTERNS:
            raise refusal(spec.CODE_TOO_MANY, "patterns are subscribed to", str(PATTERNS))
        if not self._followed:
            self._hub.watchers.add(self._begins)
        self._followed[pattern] = set()
        return self._matching(pattern)

    def note(self, pattern: str, channel: str) -> None:
        """A channel is followed because of this pattern."""
        self._followed[pattern].add(channel)

    def remove(self, pattern: str) -> set[str]:
        """End; the channels that were followed because of it. RefusedError for one that is not there."""
        found = self._followed.pop(pattern, None)
        if found is None:
            raise refusal(spec.CODE_UNKNOWN_CHANNEL, "not subscribed to", printable(pattern))
        if not self._followed:
            self.close()
        return found

    def of(self, channel: str) -> str:
        """The pattern that a channel fits; '' for none."""
        return next((pattern for pattern in self._followed if channel.startswith(pattern[:-1])), "")

    def forget(self, channel: str) -> None:
        """It is not followed any more."""
        for channels in self._followed.values():
            channels.discard(channel)

    def again(self) -> None:
        """Rights changed: follow what may be followed now."""
        for pattern in list(self._followed):
            for channel in self._matching(pattern):
                self._follow(channel, False)

    def close(self) -> None:
        """Watch no more."""
        self._hub.watchers.discard(self._begins)

    def _matching(self, pattern: str) -> list[str]:
        return [name for name in self._hub.published(self._org) if name.startswith(pattern[:-1])]

    def _begins(self, inner: str) -> None:
        channel = outer_name(inner)
        if inner_name(self._org, channel) == inner and self.of(channel):
            self._follow(channel, True)


def is_pattern(channel: str) -> bool:
    """Whether it stands for more than one channel: no channel's name has a `*`."""
    return channel.endswith("*")


def may_follow(hub: Hub, identity: object, channel: str) -> bool:
    """Whether a pattern of this identity goes for this channel. No note is made of those that it does not."""
    try:
        hub.open_channel(identity, channel, spec.MODE_SUBSCRIBE)
    except RefusedError:
        return False
    return True
