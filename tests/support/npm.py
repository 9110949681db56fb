"""Packages of npm for tests: what a package-lock.json pins, by version and checksum, installed once per version."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from tests.project.tree import ROOT

_LIMIT_S = 120.0


def missing(reason: str) -> NoReturn:
    """A skip, and a failure where CI=true."""
    assert os.environ.get("CI") != "true", reason
    pytest.skip(reason)


def installed(folder: Path) -> Path:
    """Where the packages of this folder's lock file are: the folder with node_modules in it, and its programs beside that."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            missing(f"no {tool}: build_scripts/install_deps brings it on Debian")
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    made = ROOT / "build" / f"npm-{folder.parent.name}-{digest.hexdigest()[:12]}"
    if not made.exists():
        making = made.with_name(f"{made.name}-{os.getpid()}")
        shutil.copytree(folder, making)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        if done.returncode:
            shutil.rmtree(making)
            missing(f"npm could not install what {folder}/package-lock.json names: {done.stderr[-400:]}")
        try:
            making.rename(made)
        except OSError:  # another process was quicker
            shutil.rmtree(making)
    return made
