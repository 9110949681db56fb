"""Packages from npm that tests of boards run with Node.js, pinned by a package-lock.json beside the test."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.micropython.board import ROOT

INSTALL_LIMIT_S = 300  # a package of some MB over a slow network


def missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def module(pinned: Path, path: str) -> Path:
    """A file of the package that pinned/package-lock.json names by version and checksum; installed once per version."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            missing(f"no {tool}: build_scripts/install_deps brings it on Debian")
    lock = (pinned / "package-lock.json").read_bytes()
    folder = ROOT / "build" / f"{pinned.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / path).exists():
        making = folder.with_name(f"{folder.name}-{os.getpid()}")
        making.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(pinned / name, making)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False)
        if done.returncode:
            shutil.rmtree(making)
            missing(f"npm could not install {pinned.name}: {done.stderr[-400:]}")
        if folder.exists():
            shutil.rmtree(making)
        else:
            making.rename(folder)
    return folder / path
