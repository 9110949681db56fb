"""Fixtures of tests with a gateway; a conftest.py beside the tests names what it takes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A gateway with the memory engine."""
    made = Bench(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(params=["tcp", "websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)
