"""The quick part of the static analysis; clang-tidy and more mixtures of macros, which take longer, run with `make analyze`."""

import pytest

from build_scripts import analyze, ctools


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", analyze.QUICK)
def test_the_core_gives_the_analyzer_nothing_to_say(name: str) -> None:
    try:
        said = analyze.QUICK[name]()
    except ctools.ToolMissingError as error:
        pytest.skip(str(error))
    assert said.strip() == ""
