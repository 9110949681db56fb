"""Every transport, with a scripted peer and with a real gateway."""

from collections.abc import AsyncIterator

import pytest

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
