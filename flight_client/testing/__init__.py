"""Test doubles for programs that use flight_client: fake time, a gateway in memory, peers made of a script, consoles.

Nothing here opens a socket or waits for a real second. The names below are the public ones; docs/testing.md explains them.
Importing this package imports nothing else: each name is fetched on first use. The gateway needs the extra `gateway`.
"""

from typing import TYPE_CHECKING

from flight_client.lazy import on_first_use

if TYPE_CHECKING:
    from .clock import FakeClock
    from .connection import Call, MockConnection, Recorded
    from .consoles import Quirks, SimulatedConsole
    from .frames import Frame, frames_of, of_kind
    from .gateway import MemoryGateway
    from .links import MemoryLink
    from .reader import Reader
    from .scripted import ScriptedPeer
    from .virtual_loop import Stuck, VirtualLoop
    from .waiting import eventually, within

__all__ = [
    "Call",
    "FakeClock",
    "Frame",
    "MemoryGateway",
    "MemoryLink",
    "MockConnection",
    "Quirks",
    "Reader",
    "Recorded",
    "ScriptedPeer",
    "SimulatedConsole",
    "Stuck",
    "VirtualLoop",
    "eventually",
    "frames_of",
    "of_kind",
    "within",
]

_HOME = {
    "Call": "connection",
    "FakeClock": "clock",
    "Frame": "frames",
    "MemoryGateway": "gateway",
    "MemoryLink": "links",
    "MockConnection": "connection",
    "Quirks": "consoles",
    "Reader": "reader",
    "Recorded": "connection",
    "ScriptedPeer": "scripted",
    "SimulatedConsole": "consoles",
    "Stuck": "virtual_loop",
    "VirtualLoop": "virtual_loop",
    "eventually": "waiting",
    "frames_of": "frames",
    "of_kind": "frames",
    "within": "waiting",
}


# The pytest plugin is loaded by every test run, also where nobody uses it.
__getattr__ = on_first_use(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
