"""Every transport, with a scripted peer and with a real gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.conformance.transports.peers import GROUNDS, Ground, ground
from tests.support.bench import Watch


@pytest.fixture(params=list(GROUNDS), name="ground")
async def _ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    watch = Watch()
    async with ground(request.param) as made:
        yield made
    await watch.check()


@pytest.fixture(params=[name for name, kind in GROUNDS.items() if kind.duplex])
async def duplex(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    watch = Watch()
    async with ground(request.param) as made:
        yield made
    await watch.check()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Commands run on uvloop, programs mostly on asyncio's own: the transports keep their promises on both."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": uvloop.new_event_loop}
    if item.path.name == "test_scripted.py":
        factories["asyncio"] = asyncio.new_event_loop
    return factories
