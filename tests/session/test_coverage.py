"""Every branch of the session's modules is reached by the tests of this folder, and by those that leave nothing to chance."""

import subprocess
import sys
from pathlib import Path

import pytest

from build_scripts import coverage_session
from tests.support.figures import Figure


@pytest.mark.timeout(300)
def test_every_branch_of_the_session_is_reached(tmp_path: Path, figure: Figure) -> None:
    files = coverage_session.measure(tmp_path)
    branches = sum(found.branches for found in files.values())
    figure(f"session: {branches} branches of {len(files)} modules, all reached by tests without chance")
    assert branches > 500
    assert len(files) > 25
    assert coverage_session.open_places(files) == []


def test_a_branch_that_is_left_out_is_named(tmp_path: Path) -> None:
    program = tmp_path / "half.py"
    program.write_text("def f(x):\n    if x:\n        return 1\n    return 2\n\n\nf(1)\n")
    data = tmp_path / "data"
    command = [
        sys.executable,
        "-m",
        "coverage",
        "run",
        "--rcfile=/dev/null",
        "--branch",
        f"--data-file={data}",
        str(program),
    ]
    subprocess.run(command, check=True, cwd=tmp_path)
    files = coverage_session.read(data, f"{tmp_path}/*")
    assert coverage_session.open_places(files) == [
        "half.py: line 4 is never reached",
        "half.py: from line 2 never to line 4",
    ]
