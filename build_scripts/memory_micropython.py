"""What the client for MicroPython takes where its code is not in RAM: read in place from ROMFS, or frozen into firmware.

ROMFS is measured with the interpreter of the tests: the image lies in its heap and is not counted. For freezing the
interpreter is built anew, so it is measured only where FLIGHT_MICROPYTHON names a folder with MicroPython's source: its unix
port for this machine and, where arm-linux-gnueabihf-gcc and qemu-arm are installed, for a processor of 32 bits. Nothing of
that source is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from build_scripts import build_micropython
from tests.micropython.board import Board, environment, figure, install_compiled

PARTS = ("core", "session", "client", "full")
PROGRAM = """\
import gc
def live():
    gc.collect()
    return gc.mem_alloc()
start = live()
import flight_client.core
print('core', live() - start)
import flight_client.session
print('session', live() - start)
import flight_client.client
print('client', live() - start)
import flight_client.stream, flight_client.websocket, flight_client.polling
print('full', live() - start)
"""
_FROM_ROM = """\
import sys, vfs
with open('image', 'rb') as file:
    vfs.mount(vfs.VfsRom(file.read()), '/rom')
sys.path.insert(0, '/rom')
"""
HEAPS_KB = range(24, 100, 2)
# What the unix port need not have, and what its source brings only with submodules.
_WITHOUT = (
    "MICROPY_SSL_MBEDTLS=0",
    "MICROPY_PY_SSL=0",
    "MICROPY_PY_FFI=0",
    "MICROPY_PY_BTREE=0",
    "MICROPY_PY_BLUETOOTH=0",
)
_ARM = "arm-linux-gnueabihf-"


def _number(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, 0x80 | value & 0x7F)
    return bytes(out)


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _records(folder: Path) -> bytes:
    out = b""
    for path in sorted(folder.iterdir()):
        name = _number(len(path.name)) + path.name.encode()
        out += _record(4, name + _records(path)) if path.is_dir() else _record(5, name + _record(2, path.read_bytes()))
    return out


def romfs_image(folder: Path) -> bytes:
    """A ROMFS (MicroPython 1.25 and later) with what is in the folder."""
    body = _records(folder)
    size = _number(len(body))
    if (3 + len(size) + len(body)) % 2:
        size = b"\x80" + size
    return b"\xd2\xcd\x31" + size + body


def from_romfs(folder: Path, package: Path) -> dict[str, int]:
    """Bytes after import of each part; `package` is compiled."""
    root = folder / "root"
    shutil.copytree(package, root / "flight_client")
    nothing = folder / "nothing"
    nothing.mkdir()
    board = Board(folder / "board", package=nothing)
    (board.folder / "flight_client").rmdir()
    (board.folder / "image").write_bytes(romfs_image(root))
    (board.folder / "ram.py").write_text(_FROM_ROM + PROGRAM)
    lines = board.run("ram.py", heap="4m")
    return {part: figure(lines, part) for part in PARTS}


def firmwares(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Interpreters with the client frozen into them, as far as they can be made here: bits, and the command that runs one."""
    source = os.environ.get("FLIGHT_MICROPYTHON")
    if not source:
        return
    build_micropython.build(folder / "compiled-for-freezing")
    library = folder / "no-library"
    library.mkdir()
    (library / "README.md").touch()  # the build asks for this file; none of the library is used
    manifest = folder / "manifest.py"
    ours = folder / "compiled-for-freezing" / "manifest.py"
    manifest.write_text(f'include("$(MPY_DIR)/extmod/asyncio")\ninclude("{ours}")\n')
    words = ["make", "-C", f"{source}/ports/unix", "VARIANT=standard", *_WITHOUT]
    words += [f"MPY_LIB_DIR={library}", f"FROZEN_MANIFEST={manifest}"]
    subprocess.run(["make", "-C", f"{source}/mpy-cross"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*words, f"BUILD={folder}/unix-64"], check=True, stdout=subprocess.DEVNULL)
    yield 64, [f"{folder}/unix-64/micropython"]
    if shutil.which(f"{_ARM}gcc") and shutil.which("qemu-arm"):
        more = [f"CROSS_COMPILE={_ARM}", "LDFLAGS_EXTRA=-static", f"BUILD={folder}/unix-32"]
        subprocess.run([*words, *more], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield 32, ["qemu-arm", f"{folder}/unix-32/micropython"]


def _run(command: list[str], where: Path, timeout_s: float) -> tuple[int, list[str]]:
    try:
        done = subprocess.run(
            command, cwd=where, env=environment(where), capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, []
    return done.returncode, done.stdout.splitlines()


def frozen(folder: Path, gateway: int, token: str) -> dict[str, int]:
    """Bytes after import, and the smallest heap in KB, of each firmware that can be made: `core.32`, `heap.poll.64` ..."""
    found: dict[str, int] = {}
    for bits, command in firmwares(folder):
        where = folder / f"run-{bits}"
        where.mkdir()
        shutil.copy(Path(build_micropython.ROOT) / "tests/micropython/programs/smallest_run.py", where)
        (where / "token").write_text(token)
        (where / "ram.py").write_text(PROGRAM)
        _, lines = _run([*command, "-X", "heapsize=2m", "ram.py"], where, 60)
        found.update({f"{part}.{bits}": figure(lines, part) for part in PARTS})
        for style in ("poll", "asyncio"):
            for size in HEAPS_KB:
                words = [*command, "-X", f"heapsize={size}k", "smallest_run.py", str(gateway), style]
                if _run(words, where, 8)[0] == 0:
                    found[f"heap.{style}.{bits}"] = size
                    break
    return found


def readable(folder: Path) -> dict[str, int]:
    """The package before it is put together, for comparison."""
    install_compiled(folder, readable=True)
    board = Board(folder / "board", package=folder / "flight_client")
    program = PROGRAM.replace("flight_client.core", "flight_client.ring, flight_client.frame").replace(
        "import flight_client.session\n",
        "import flight_client.session.device.machine, flight_client.session.device.inbox\n",
    )
    (board.folder / "ram.py").write_text(
        program.replace("flight_client.client", "flight_client.client, flight_client.channel")
    )
    lines = board.run("ram.py", heap="4m")
    return {part: figure(lines, part) for part in PARTS}
