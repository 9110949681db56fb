"""What the checks of the C core share: which compiler, where programs are built, running them side by side."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "verify"
CORE = ROOT / "csrc" / "src"
INCLUDE = ROOT / "csrc" / "include"
PORTS = ROOT / "csrc" / "ports"
TESTS = ROOT / "tests"

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1"]
# Leaks are no concern of a core without malloc, and looking for them fails in some containers.
SANITIZER_ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0"}

Item = TypeVar("Item")
Result = TypeVar("Result")


class ToolMissingError(RuntimeError):
    """A tool of development that this machine lacks."""


def find_tool(*names: str, package: str) -> str:
    """The first of these programs that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise ToolMissingError(
        f"{names[0]} is not installed: on Debian `apt install {package}`, elsewhere the same by name"
    )


def clang() -> str:
    """A clang with sanitizers and libFuzzer; CLANG= chooses another one."""
    return find_tool(
        *filter(None, [os.environ.get("CLANG")]), "clang-19", "clang", package="clang-19 libclang-rt-19-dev"
    )


# What these begin with is the console client: its tests are in tests/codecs and tests/console, not in tests/ctest.
CONSOLE = ("flight_client", "flight_http", "flight_sha1", "flight_websocket")


def core_sources() -> list[Path]:
    """The C files of the core, without the session and the console client."""
    others = {*session_sources(), *console_sources()}
    return [path for path in sorted(CORE.glob("*.c")) if path not in others]


def console_sources() -> list[Path]:
    """The C files of the console client, its codecs among them."""
    return [path for path in sorted(CORE.glob("*.c")) if path.name.startswith(CONSOLE)]


def codec_sources() -> list[Path]:
    """The codecs alone, which need nothing of the core."""
    return [path for path in console_sources() if not path.name.startswith("flight_client")]


def session_sources() -> list[Path]:
    """The C files of the session: tests/twin is their test program."""
    return sorted(CORE.glob("flight_session*.c"))


def python_sources() -> list[Path]:
    """flight_client._fast, which is C for CPython alone."""
    return sorted((ROOT / "csrc" / "python").glob("*.c"))


def python_includes() -> list[str]:
    """Where its headers are: the core's, and those of the Python that runs this."""
    return [f"-I{INCLUDE}", f"-isystem{sysconfig.get_paths()['include']}"]


def twin_sources() -> list[Path]:
    """The session's own test program, without the session and the core."""
    return [*sorted((TESTS / "twin").glob("*.c")), *sorted((TESTS / "twin" / "program").glob("*.c"))]


def corpus_sources() -> list[Path]:
    """The enumerated corpus as a library: without its main."""
    return [path for path in sorted((TESTS / "corpus").glob("*.c")) if path.name != "main.c"]


def model_sources() -> list[Path]:
    """What test program and fuzz targets compare the core with."""
    return [TESTS / "fuzz" / "ring_model.c", TESTS / "fuzz" / "store_model.c"]


def ctest_sources() -> list[Path]:
    """The core's own test program, without the core."""
    return [*sorted((TESTS / "ctest").glob("*.c")), *model_sources(), *corpus_sources()]


def sim_sources() -> list[Path]:
    """The simulated console: a port for tests."""
    return sorted(PORTS.glob("flight_port_sim*.c"))


def host_ports() -> list[Path]:
    """The ports that this machine can compile: the others need their SDK."""
    return [PORTS / "flight_port_posix.c", *sim_sources()]


def header_has(function: str) -> bool:
    """Whether flight.h, a part of it, or a header of the console client offers this call already."""
    private = [path for path in sorted(CORE.glob("*.h")) if path.name.startswith(CONSOLE)]
    paths = [*sorted(INCLUDE.glob("flight*.h")), *private]
    headers = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return f" {function}(" in headers.replace("*", " ")


def run(command: Sequence[str | Path], timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program with its output kept; the caller judges it."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        cwd=ROOT,
        errors="replace",
        env={**os.environ, **SANITIZER_ENVIRONMENT},
    )


def stamp_of(paths: Iterable[Path], words: Iterable[str]) -> str:
    """One text for these files' contents and these words."""
    digest = hashlib.sha256("\0".join(words).encode())
    for path in sorted(set(paths)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def compile_one(source: Path, options: Sequence[str], headers: str) -> Path:
    """The object of one source, kept below build/verify under the hash of everything that it is made of."""
    target = BUILD / "objects" / f"{source.stem}-{stamp_of([source], [headers, *options])[:24]}.o"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".o", delete=False) as file:
            fresh = Path(file.name)
        done = run([*options, "-c", str(source), "-o", str(fresh)])
        if done.returncode != 0:
            fresh.unlink(missing_ok=True)  # clang has removed it already
            raise RuntimeError(f"{source.name} does not compile: {shlex.join(options)}\n{done.stderr}")
        fresh.replace(target)
    return target


def program(
    name: str,
    sources: Sequence[Path],
    flags: Sequence[str],
    compiler: str | None = None,
    more: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Build a program below build/verify; what is there from the same bytes already is taken as it is.

    more: options of single sources, by the names of their files.
    """
    folders = (
        INCLUDE,
        CORE,
        PORTS,
        TESTS / "corpus",
        TESTS / "fuzz",
        TESTS / "ctest",
        TESTS / "twin",
        TESTS / "twin" / "program",
    )
    options = [compiler or clang(), *WARNINGS, *flags, *[f"-I{folder}" for folder in folders]]
    headers = stamp_of([path for folder in (INCLUDE, CORE, PORTS, TESTS) for path in folder.rglob("*.h")], [])
    extra = more or {}
    objects = side_by_side(
        lambda source: compile_one(source, [*options, *extra.get(source.name, ())], headers), sources
    )
    target = BUILD / name
    stamp = "\n".join(map(str, objects))
    kept = target.with_suffix(".stamp")
    if not (target.exists() and kept.exists() and kept.read_text(encoding="utf-8") == stamp):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Another process may link the same one at this moment: whoever is last puts the same bytes in the same place.
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            fresh = Path(folder) / target.name
            done = run([options[0], *flags, *map(str, objects), "-o", str(fresh)])
            if done.returncode != 0:
                raise RuntimeError(f"{name} does not link:\n{done.stderr}")
            fresh.replace(target)
        kept.write_text(stamp, encoding="utf-8")
    return target


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Do the work on all items, one for each processor at a time; results in the order of the items."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(work, items))
