"""What a channel may be called and how it treats its events: fixed when the channel is made."""

from __future__ import annotations

import dataclasses

from ._tables import CHANNELS, NAMES
from .arguments import check_text, whole
from .errors import CallerError
from .session.spec import CHANNEL_NAME_BYTES, NUMBER_LIMIT, RETRY_COUNT, RETRY_INTERVAL_MS

LATEST_WINS = "latest-wins"
DROP_OLDEST = "drop-oldest"
REFUSE = "refuse"
POLICIES = (DROP_OLDEST, LATEST_WINS, REFUSE)

PRIORITIES: dict[str, int] = NAMES["priorities"]

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_/")


_USUAL = {channel["event"]: name for name, channel in CHANNELS.items()}


def usual_channel(event_name: str) -> str:
    """The channel that carries this type of event where nothing else is said; empty where none does."""
    return _USUAL.get(event_name, "")


def check_name(name: str) -> None:
    """Raises CallerError for what is not a channel name."""
    check_text("channel", name)
    sound = 0 < len(name) <= CHANNEL_NAME_BYTES and all(c in _NAME_CHARACTERS for c in name)
    if not sound or any(part in ("", ".", "..") for part in name.split("/")):
        raise CallerError(
            what="not a channel name",
            value=repr(name[:80]),
            next_step=f"use 1 to {CHANNEL_NAME_BYTES} of a-z, 0-9, '.', '-', '_' and '/', with a name between slashes",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class ChannelRules:
    """What happens to the events of one channel.

    policy: of lossy events when there is no room; critical ones are refused then, whatever it says. `latest-wins` also
    replaces the waiting event of the same key. priority: what goes first. expires_ms: how long after emit an event may
    still be sent, 0 = for ever. retries, retry_interval_ms: how often and after what time a critical batch goes again
    that the gateway's store refused; an outage spends nothing.
    """

    policy: str = DROP_OLDEST
    priority: str = "normal"
    expires_ms: int = 0
    retries: int = RETRY_COUNT
    retry_interval_ms: int = RETRY_INTERVAL_MS

    def check(self) -> None:
        """Raises CallerError for a value that cannot work."""
        for name, value, known in (("policy", self.policy, POLICIES), ("priority", self.priority, PRIORITIES)):
            check_text(name, value)
            if value not in known:
                raise CallerError(what=f"unknown {name}", value=value, next_step=f"use one of: {', '.join(known)}")
        for name in ("expires_ms", "retries", "retry_interval_ms"):
            whole(name, getattr(self, name), 0, NUMBER_LIMIT // 2 - 1)  # times are compared by their difference
