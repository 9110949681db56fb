"""Tests that need a tool of development: skipped where it is missing, but a failure where CI runs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from build_scripts import ctools, prove


def _needs(tool: Callable[[], str | Path]) -> pytest.MarkDecorator:
    try:
        tool()
    except ctools.ToolMissingError as error:
        # In CI nothing is skipped: there the test runs and fails with the same words.
        return pytest.mark.skipif(os.environ.get("CI") != "true", reason=str(error))
    return pytest.mark.skipif(False, reason="the tool is there")


needs_clang = _needs(ctools.clang)
needs_esbmc = _needs(prove.esbmc)
