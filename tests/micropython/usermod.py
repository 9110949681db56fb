"""MicroPython with the module in C: the Unix port of a source tree that FLIGHT_MICROPYTHON names, built once per state of it.

No package registry has MicroPython's sources, so without that folder the module is not built: what needs it is skipped.
"""

import functools
import os
import subprocess
from pathlib import Path

import pytest

from build_scripts import amalgamate
from tests.micropython.board import ROOT

MODULE = ROOT / "micropython" / "usermod" / "flight"
BUILD = ROOT / "build" / "usermod"
# What the Unix port is built without: these need submodules, and have nothing to do with the module.
WITHOUT = (
    "MICROPY_PY_SSL=0",
    "MICROPY_SSL_MBEDTLS=0",
    "MICROPY_PY_BTREE=0",
    "MICROPY_PY_FFI=0",
    "MICROPY_PY_BLUETOOTH=0",
)
BUILD_LIMIT_S = 600


def sources() -> Path:
    """MicroPython's own, of somebody who has them."""
    named = os.environ.get("FLIGHT_MICROPYTHON")
    if not named:
        pytest.skip("FLIGHT_MICROPYTHON names no source tree of MicroPython, and no package registry has one")
    return Path(named).resolve()


def make(folder: Path, *words: str) -> None:
    """make, in a folder, quietly."""
    done = subprocess.run(
        ["make", "-C", str(folder), "-j2", *words],
        env={name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ},
        capture_output=True,
        text=True,
        timeout=BUILD_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


@functools.cache
def interpreter() -> Path:
    """The interpreter with the module in it; the build folder is ours, but mpy-cross is built in the source tree."""
    tree = sources()
    amalgamate.main(["--output", str(BUILD / "c")])
    make(tree / "mpy-cross")
    words = [
        "VARIANT=standard",
        f"BUILD={BUILD / 'unix'}",
        f"USER_C_MODULES={MODULE.parent}",
        f"FLIGHT_C={BUILD / 'c'}",
    ]
    make(tree / "ports" / "unix", *words, *WITHOUT, "FROZEN_MANIFEST=")
    return BUILD / "unix" / "micropython"
