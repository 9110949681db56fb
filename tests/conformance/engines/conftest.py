"""Both engines, started and closed again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.engines.bench import Bench


@pytest.fixture(params=["memory", "sqlite"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench("memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'flight.db'}")
    await made.start()
    yield made
    await made.engine.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(f"sqlite:{tmp_path / 'flight.db'}")
    await made.start()
    yield made
    await made.engine.close()
