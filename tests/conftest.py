"""What a run of the tests has besides the tests: figures and costs at its end, the longest files at its beginning."""

import gc
import signal
from collections.abc import Iterator

import pytest

from flight_client.platforms import PLATFORMS
from tests.support.costs import Costs
from tests.support.figures import Figures
from tests.support.order import longest_first

pytest_plugins = ("tests.support.hangs",)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Figures())
    config.pluginmanager.register(Costs())
    if hasattr(config, "workerinput"):
        # A worker of pytest-xdist ignores Ctrl-C, which goes to the whole run; the programs that tests start must not.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


def pytest_collection_finish() -> None:
    """Some hundred tests collect garbage to hear what was left behind: that need not look at every test each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def platforms_as_they_were() -> Iterator[None]:
    """Platforms that a test registers are gone behind it."""
    before = dict(PLATFORMS)
    yield
    PLATFORMS.clear()
    PLATFORMS.update(before)
