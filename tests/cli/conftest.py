"""Fixtures of the tests in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import GatewayProcess


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """`flight gateway` with the memory engine, one for all tests of a module."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    process = GatewayProcess(folder)
    process.start()
    yield process
    process.kill()
