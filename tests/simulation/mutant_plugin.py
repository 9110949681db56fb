"""A pytest plugin that runs tests with a mutant in place: `FLIGHT_MUTANT=name pytest -p tests.simulation.mutant_plugin`."""

import os
from contextlib import ExitStack

from .mutants import patched

_stack = ExitStack()


def pytest_configure() -> None:
    """Before anything is collected."""
    _stack.enter_context(patched(os.environ["FLIGHT_MUTANT"]))


def pytest_unconfigure() -> None:
    """At the end."""
    _stack.close()
