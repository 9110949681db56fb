"""The 32-bit build of the interpreter: a WebAssembly module from npm, which Node.js runs. Bytecode only, no sockets."""

import subprocess
from pathlib import Path

from tests.micropython.board import TIMEOUT_S
from tests.support.npm import installed

HERE = Path(__file__).resolve().parent / "wasm"
MODULE = "@micropython/micropython-webassembly-pyscript/micropython.mjs"
HEAP_BYTES = 1_000_000


def module() -> Path:
    """What Node.js runs; the package is installed once per version."""
    return installed(HERE) / "node_modules" / MODULE


def run(folder: Path, program: str, *arguments: str, heap: int = HEAP_BYTES) -> list[str]:
    """The lines of a program of this board, which must end well."""
    command = ["node", str(HERE / "run.mjs"), str(module()), str(folder), str(heap), program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{program} {arguments}:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}"
    return done.stdout.splitlines()
