"""Small C programs around the core, compiled and run by tests."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from build_scripts import ctools

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "csrc" / "src").glob("*.c"))
FLAGS = [
    "-std=c99",
    "-pedantic",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wcast-align=strict",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Werror",
    f"-I{ROOT / 'csrc' / 'include'}",
]


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed: on Debian `apt install gcc binutils`"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def linked(folder: Path, program: Path, *options: str) -> Path:
    """A program with the core behind it, whose objects are kept: they are the same for many programs."""
    compiler = [tool("gcc"), *FLAGS, *options]
    headers = ctools.stamp_of((ROOT / "csrc").rglob("*.h"), [])
    objects = [ctools.compile_one(source, compiler, headers) for source in ctools.core_sources()]
    binary = folder / "program"
    subprocess.run([*compiler, str(program), *map(str, objects), "-o", str(binary)], check=True)
    return binary


def run_c(folder: Path, program: str, *options: str) -> str:
    """Compile a program with the core and these options, run it, return what it prints."""
    source = folder / "program.c"
    source.write_text(program)
    run = subprocess.run([linked(folder, source, *options)], check=False, capture_output=True, text=True)
    assert run.returncode == 0, f"exit {run.returncode}: {run.stdout[-500:]}{run.stderr[-2000:]}"
    return run.stdout
