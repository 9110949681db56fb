"""Fixtures for pytest, found by themselves where this package is installed beside it.

Nothing but pytest is imported before a test asks for a fixture. They work with every plugin for async tests, and without
one: what needs a loop is started by `async with` in the test, or by `flight_clock.run(...)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .clock import FakeClock
    from .connection import MockConnection
    from .gateway import MemoryGateway
    from .scripted import ScriptedPeer


@pytest.fixture
def flight_clock() -> FakeClock:
    """A fake clock: `flight_clock.run(story())`, or `with flight_clock:` in an async test."""
    from .clock import FakeClock

    return FakeClock()


@pytest.fixture
def flight_gateway() -> Iterator[MemoryGateway]:
    """A gateway in memory, not started: `async with flight_gateway:`. A test that leaves it running fails."""
    from .gateway import MemoryGateway

    gateway = MemoryGateway()
    yield gateway
    if gateway.running:
        pytest.fail("the gateway in memory was left running: use `async with flight_gateway:`", pytrace=False)


@pytest.fixture
def flight_peer() -> ScriptedPeer:
    """A scripted peer: `async with flight_peer:`."""
    from .scripted import ScriptedPeer

    return ScriptedPeer()


@pytest.fixture
def flight_connection() -> MockConnection:
    """A connection that records what is sent."""
    from .connection import MockConnection

    return MockConnection()


@pytest.fixture(params=["dreamcast", "psp", "vita"])
def flight_console(request: pytest.FixtureRequest) -> str:
    """The name of a console, one after the other: for SimulatedConsole(gateway, flight_console)."""
    return str(request.param)
