"""What holds for every file of the project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.tree import GENERATED, ROOT, files, python_files, text

MODULE_LINES = 500
MICROPYTHON_LINES = 300

# Spelt in pieces, so that this file does not find itself.
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.-])/(work|farm|ro" + r"ot)/", re.MULTILINE)
REGISTRY = re.compile(
    r"pypi\.o" + r"rg|pythonhosted\.o" + r"rg|registry\.npmj" + r"s|deb\.debian\.o" + r"rg|"
    r"--(extra-)?index-u" + r"rl|registry *= *https?:|^deb +https?:|\"resolved\": *\"https?:",
    re.MULTILINE,
)


def readable_files() -> list[Path]:
    found = []
    for path in files():
        data = (ROOT / path).read_bytes()
        if b"\0" not in data:
            found.append(path)
    return found


def test_generated_files_are_what_the_spec_says() -> None:
    command = [sys.executable, "build_scripts/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = []
    for path in files():
        if path.suffix not in {".py", ".c", ".h"} or path.as_posix() in GENERATED:
            continue
        limit = MICROPYTHON_LINES if path.parts[0] == "micropython" else MODULE_LINES
        lines = len(text(path).splitlines())
        if lines > limit:
            long.append(f"{path}: {lines} lines, room for {limit}")
    assert not long, "\n".join(long)


def test_figures_are_told_and_not_printed() -> None:
    """What a test prints past the capture is lost where it runs in a process of its own: `figure` shows it at the end."""
    past = "capsys." + "disabled"
    assert not [str(path) for path in python_files("tests/") if past in text(path)]


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [str(path) for path in readable_files() if MACHINE_PATH.search(text(path))]
    assert not found


def test_no_file_names_a_package_registry() -> None:
    found = [str(path) for path in readable_files() if REGISTRY.search(text(path))]
    assert not found


def test_text_files_end_with_one_newline_and_have_no_carriage_returns() -> None:
    bad = []
    for path in readable_files():
        data = (ROOT / path).read_bytes()
        if b"\r" in data or (data and (not data.endswith(b"\n") or data.endswith(b"\n\n"))):
            bad.append(str(path))
    assert not bad


def test_every_module_of_the_package_says_what_it_is_for() -> None:
    silent = []
    for path in python_files("flight_client/"):
        first = text(path).lstrip()
        if not first.startswith(('"""', "#")):
            silent.append(str(path))
    assert not silent


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps no executable bit")
@pytest.mark.parametrize("script", [".ci/run", "build_scripts/install_deps"])
def test_scripts_can_be_started_and_have_no_syntax_error(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    done = subprocess.run(["bash", "-n", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
