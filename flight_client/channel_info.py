"""What a channel is for: the guide's ChannelInfo."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import arguments
from .enums import ChannelType
from .platform_config import get_platform_config
from .rules import check_name


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel, what travels on it, and who may use it.

    id: the channel's name, as Client.channel() takes it. channel_type: what travels on it. required_permissions: a client needs
    all of them; with none nobody may, for an empty permission denies. They describe the channel: what a gateway asks for
    stands in its channels file. metadata: text to text.

    Raises CallerError for a value that cannot work. May be made in every thread; it never changes.
    """

    id: str
    channel_type: ChannelType
    required_permissions: list[str]
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value, and take "log" for ChannelType.LOG."""
        arguments.text("id", self.id)
        check_name(self.id)
        object.__setattr__(self, "channel_type", arguments.word("channel_type", self.channel_type, ChannelType))
        permissions = arguments.words("required_permissions", self.required_permissions, 64)
        object.__setattr__(self, "required_permissions", permissions)
        object.__setattr__(self, "metadata", arguments.text_map("metadata", self.metadata))


def create_memory_updates_channel(platform: str) -> ChannelInfo:
    """The channel on which machines report their memory, with how often this platform does.

    `metadata["updateInterval"]` is in milliseconds, as text: "5000" for a Dreamcast. Raises CallerError for an unknown platform.
    """
    config = get_platform_config(platform)
    kind = ChannelType.MEMORY_UPDATES
    metadata = {"platform": platform, "updateInterval": str(config.update_interval_ms)}
    return ChannelInfo(kind.value, kind, [kind.value], metadata)
