"""The quick part of the static analysis; clang-tidy, which takes longer, runs with `make analyze`."""

import pytest

from build_scripts import analyze, ctools


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["gcc -fanalyzer", "cppcheck"])
def test_the_core_gives_the_analyzer_nothing_to_say(name: str) -> None:
    try:
        said = analyze.CHECKS[name]()
    except ctools.ToolMissingError as error:
        pytest.skip(str(error))
    assert said.strip() == ""
