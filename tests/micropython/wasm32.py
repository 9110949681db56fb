"""The 32-bit build of the interpreter: a WebAssembly module from npm, which Node.js runs. Bytecode only, no sockets."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.micropython.board import ROOT, TIMEOUT_S

HERE = Path(__file__).resolve().parent / "wasm"
MODULE = "node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs"
HEAP_BYTES = 1_000_000


def missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def module() -> Path:
    """Install the package that package-lock.json pins, by version and checksum, once per version."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            missing(f"no {tool}: build_scripts/install_deps brings it on Debian")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = ROOT / "build" / f"wasm32-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / MODULE).exists():
        making = folder.with_name(f"{folder.name}-{os.getpid()}")
        making.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, making)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode:
            shutil.rmtree(making)
            missing(f"npm could not install the 32-bit interpreter: {done.stderr[-400:]}")
        if folder.exists():
            shutil.rmtree(making)
        else:
            making.rename(folder)
    return folder / MODULE


def run(folder: Path, program: str, *arguments: str, heap: int = HEAP_BYTES) -> list[str]:
    """The lines of a program of this board, which must end well."""
    command = ["node", str(HERE / "run.mjs"), str(module()), str(folder), str(heap), program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{program} {arguments}:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}"
    return done.stdout.splitlines()
