"""Simulated consoles: a client with a console's profile behind a network like the console's.

Intervals and limits are those of the platform's profile (spec/flight.toml), which the client and the gateway obey by
themselves. What a profile does not hold, the network and its bad habits, is in Quirks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..client import Client
from ..errors import CallerError
from ..platforms import Platform, get_platform
from .frames import Frame, frames_of
from .gateway import MemoryGateway
from .links import MemoryLink


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a console's network does to its programs."""

    network: str
    latency_ms: int
    """Each way."""
    bytes_per_s: int
    """Each way."""
    sleeps: bool
    """Whether the console can be put to sleep; its connections do not survive that, and the gateway is not told."""


QUIRKS: dict[str, Quirks] = {
    # A 33.6 kbit/s modem: 4,200 bytes a second, 100 ms from end to end and back.
    "dreamcast": Quirks("modem", 50, 4200, sleeps=False),
    # 802.11b: 200 kB/s is what to plan with; the switch that puts it to sleep ends the association.
    "psp": Quirks("802.11b", 10, 200_000, sleeps=True),
    # Wi-Fi with the screen dimmed: 50 kB/s; sockets must be opened anew after a suspend.
    "vita": Quirks("Wi-Fi, dimmed", 5, 50_000, sleeps=True),
}


class SimulatedConsole:
    """One console of a gateway in memory; its client is closed with the gateway."""

    def __init__(self, gateway: MemoryGateway, name: str, device_id: str = "", **other: Any) -> None:
        """name: dreamcast, psp or vita. device_id: by default the name with `-1`. other: as for Client."""
        if name not in QUIRKS:
            raise CallerError("unknown console", value=name, next_step=f"use one of: {', '.join(QUIRKS)}")
        self.platform: Platform = get_platform(name)
        """Its profile: intervals and limits."""
        self.quirks: Quirks = QUIRKS[name]
        self.link: MemoryLink = gateway.link(
            device_id or f"{name}-1", latency_ms=self.quirks.latency_ms, bytes_per_s=self.quirks.bytes_per_s
        )
        self.client: Client = gateway.client(device_id or f"{name}-1", platform=name, link=self.link, **other)

    @property
    def sent(self) -> list[list[Frame]]:
        """The turns that it sent, each with its frames; the newest thousand turns of both directions are kept."""
        return [frames_of(body) for way, body in self.link.turns if way == "up" and body]

    def sleep(self) -> None:
        """Put the console to sleep: nothing arrives any more, and nobody is told.

        The program would stand still meanwhile; this one goes on, and finds out as it would after waking up. Raises
        CallerError where the console has no such switch.
        """
        if not self.quirks.sleeps:
            raise CallerError(
                f"a {self.platform.name} does not sleep", value=self.platform.name, next_step="use link.cut(), or a psp"
            )
        self.link.silent = True

    def wake(self) -> None:
        """Wake it up: the network is back, and every connection that it had is dead."""
        self.link.cut()
        self.link.silent = False
