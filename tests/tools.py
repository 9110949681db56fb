"""Tests that need a tool of development: skipped where it is missing, but a failure where CI runs."""

import os

import pytest

from build_scripts import ctools


def _missing() -> str:
    try:
        ctools.clang()
    except ctools.ToolMissingError as error:
        return str(error)
    return ""


# In CI nothing is skipped: there the test runs and fails with the same words.
needs_clang = pytest.mark.skipif(bool(_missing()) and os.environ.get("CI") != "true", reason=_missing() or "clang")
