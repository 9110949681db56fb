"""Getting the peers: client libraries by pip into a folder of their own, servers out of Debian's packages, npm's by its lock.

Nothing is installed into the system or into .venv. A peer that is out of reach is not measured, and the reason is told.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from build_scripts.peers import NotMeasuredError, telling_line
from tests.support import npm

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "bench-peers"
PYTHON = CACHE / "python"
PACKAGES = ("nats-py==2.16.0", "aiomqtt==2.5.1", "python-socketio==5.18.1", "uvicorn==0.54.0")
NPM = Path(__file__).resolve().parent / "npm"


def library(name: str) -> Any:
    """A client library of a peer, or one that the tests have anyway."""
    if not PYTHON.is_dir():
        making = CACHE / f"python-{os.getpid()}"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            str(making),
        ]
        done = subprocess.run([*command, *PACKAGES], capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            shutil.rmtree(making, ignore_errors=True)
            raise NotMeasuredError(f"pip has not all of {', '.join(PACKAGES)}: {telling_line(done.stderr)}")
        making.rename(PYTHON)
    if str(PYTHON) not in sys.path:
        sys.path.append(str(PYTHON))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotMeasuredError(f"no Python package {name}") from error


def program(name: str, package: str = "", inside: str = "") -> Path:
    """A program of this machine, or a file of a Debian package that is unpacked and not installed."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found and not inside:
        return Path(found)
    if not package:
        raise NotMeasuredError(f"no {name} on this machine")
    place = CACHE / package
    if not place.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["apt-get", "download", "-q", package], cwd=CACHE, capture_output=True, text=True, check=False, timeout=150
        )
        packed = next(iter(CACHE.glob(f"{package}_*.deb")), None)
        if done.returncode or packed is None:
            raise NotMeasuredError(f"apt-get has no {package} here: {telling_line(done.stderr)}")
        subprocess.run(["dpkg-deb", "-x", str(packed), str(place)], check=True)
    return place / (inside or f"usr/sbin/{name}")


def npm_folder() -> Path:
    try:
        return npm.installed(NPM)
    except BaseException as error:  # pytest's skip is no Exception
        raise NotMeasuredError(str(error)) from None
