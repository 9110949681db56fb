"""Compilers and other programs that these tests start."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# Those that build_scripts/install_deps brings for development; a cross compiler is used where it happens to be.
PROMISED = {"gcc": "gcc", "g++": "g++", "clang": "clang", "clang++": "clang", "nm": "binutils", "cmake": "cmake"}
PROMISED |= {"make": "make", "pkg-config": "pkg-config"}

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def program(name: str) -> str:
    """Where a program is. Without it the test is skipped, and fails where CI promises it."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI") == "true" and name in PROMISED:
            pytest.fail(f"{name} is not installed: on Debian `apt install {PROMISED[name]}`")
        pytest.skip(f"{name} is not installed")
    return path


def strict(compiler: str) -> list[str]:
    """The strict flags for C that this compiler knows; clang has no third level of -Wcast-align and needs none."""
    align = "-Wcast-align" if compiler.startswith("clang") else "-Wcast-align=strict"
    return [*WARNINGS, align, "-Wstrict-prototypes", "-Wmissing-prototypes"]


def run(*command: str | Path, folder: Path | None = None, **environment: str) -> str:
    """What a command prints; the test fails with all that it said where it ends with an error.

    How long it may take is the test's limit, which ends the command with it: on a busy machine a second, shorter one here
    looked like a failure of what was run.
    """
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout
