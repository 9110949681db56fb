"""The last resort for a test that hangs: its process says where each thread is, and ends.

pytest-timeout raises in the main thread, once for a test. Where that is caught, or the test hangs again while it is cleared
up, or the main thread waits in C, nothing would ever end the run; a run without an end says nothing about the other tests. A
process that ends is a failure with the name of the test: pytest-xdist says so, and with `--max-worker-restart 0`, as the Makefile
has it, begins no other one, which would be given the same test.
"""

import faulthandler
import os
import sys
from collections.abc import Generator
from typing import TextIO

import pytest

# Behind pytest-timeout, which is asked first: what it begins may take its time on a busy machine.
AFTER_TIMEOUT_S = 90.0
_LIMIT = "hang_after_s"


def limit_s(item: pytest.Item) -> float:
    """Seconds that a part of a test, its setting up, itself, its clearing up, may take; 0 where it may take as long as it likes."""
    marker = item.get_closest_marker("timeout")
    if marker is not None:
        allowed = float(marker.args[0] if marker.args else marker.kwargs["timeout"])
    else:
        option = item.config.getoption("timeout", None)
        allowed = float(item.config.getini("timeout") or 0) if option is None else float(option)
    return allowed + float(item.config.getini(_LIMIT)) if allowed > 0 else 0.0


class Hangs:
    """A plugin: holds a copy of the standard error stream, since pytest takes the stream itself while a test runs."""

    def __init__(self) -> None:
        self._stderr: TextIO = os.fdopen(os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2), "w")

    # For each part of a test: pytest stops the watch at every failure.
    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        return (yield from self._watched(item))

    def _watched(self, item: pytest.Item) -> Generator[None, object, object]:
        after_s = limit_s(item)
        if after_s:
            faulthandler.dump_traceback_later(after_s, file=self._stderr, exit=True)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def pytest_unconfigure(self) -> None:
        self._stderr.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        _LIMIT, "seconds behind its timeout at which the process of a hanging test ends", default=str(AFTER_TIMEOUT_S)
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Hangs())
