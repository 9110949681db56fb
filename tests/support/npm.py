"""Packages from npm that a package-lock.json pins, by version and checksum, installed once per version below build/."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALL_S = 120


def missing(reason: str) -> None:
    """Skip the test, but never where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def installed(folder: Path, name: str) -> Path:
    """Where the packages of this folder's package-lock.json are; name: for the folder below build/."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            missing(f"no {tool}: build_scripts/install_deps brings it on Debian")
    lock = (folder / "package-lock.json").read_bytes()
    found = ROOT / "build" / f"{name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not found.exists():
        making = found.with_name(f"{found.name}-{os.getpid()}")
        making.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(folder / file, making)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode:
            shutil.rmtree(making)
            missing(f"npm could not install {name}: {done.stderr[-400:]}")
        if found.exists():
            shutil.rmtree(making)
        else:
            making.rename(found)
    return found / "node_modules"
