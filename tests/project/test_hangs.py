"""A run of the tests has an end, whatever a test does."""

import subprocess
import sys
from pathlib import Path

import pytest

HANG_S = 60
ROOT = Path(__file__).parents[2]

# The second one is what pytest-timeout alone does not end: it has raised once, and the clearing up hangs.
TESTS = """
import signal
import threading
import pytest

@pytest.fixture
def stuck():
    yield
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    threading.Event().wait()

def test_before():
    pass

@pytest.mark.timeout(0.5)
def test_that_hangs_twice(stuck):
    threading.Event().wait()
"""
ANOTHER = "def test_in_another_file():\n    pass\n"


@pytest.mark.parametrize(
    "processes",
    [(), ("--numprocesses", "2", "--dist", "loadfile", "--max-worker-restart", "0")],
    ids=["alone", "beside others"],
)
def test_a_test_that_hangs_while_it_is_cleared_up_ends_with_its_process(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    (tmp_path / "test_a.py").write_text(TESTS)
    (tmp_path / "test_b.py").write_text(ANOTHER)
    command = [
        sys.executable, "-m", "pytest", "-p", "tests.support.hangs", "-p", "no:cacheprovider", "-p", "no:asyncio",
        "-p", "no:schemathesis", "-o", "hang_after_s=0.5", "--rootdir", str(tmp_path), *processes, str(tmp_path),
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert ended.returncode != 0
    assert "Timeout (0:00:01)!" in ended.stderr
    assert "in stuck" in ended.stderr
    if processes:
        assert "test_that_hangs_twice" in ended.stdout
        assert "2 passed" in ended.stdout  # the others say what they have
