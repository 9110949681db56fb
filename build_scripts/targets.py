"""The instruction sets that the core is proved and measured on: how to build a program for one and how to run it.

The programs need no C library: tests/target/runtime is all they have. Debian's gcc for SH-4 miscompiles in two passes; a
plugin, built here when it is first needed, skips them (tests/target/sh4_passes.cc).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from build_scripts import ctools

ROOT = Path(__file__).resolve().parents[1]
SESSION = sorted((ROOT / "csrc" / "src").glob("flight_session*.c"))
CORE = ctools.core_sources()
CODECS = ctools.codec_sources()
TESTS = ROOT / "tests" / "target"
RUNTIME = sorted((TESTS / "runtime").glob("*.c"))
OBJECTS = ROOT / "build" / "targets"
INCLUDES = [f"-I{ROOT / 'csrc' / folder}" for folder in ("include", "src")]
INCLUDES += [f"-I{ROOT / 'tests' / folder}" for folder in ("target/runtime", "target", "twin")]

# -ffreestanding brings the compiler's own stdint.h, for which no C library is needed; -fbuiltin lets it inline memcpy again,
# as it does for everybody who has a C library.
FREESTANDING = [
    "-std=c99",
    "-ffreestanding",
    "-fbuiltin",
    "-fno-stack-protector",
    "-fno-pic",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Werror",
]
LINK = ["-static", "-nostdlib", "-nostartfiles", "-Wl,-e,_start", "-Wl,--gc-sections", "-Wl,--build-id=none"]


@dataclass(frozen=True)
class Target:
    """One instruction set."""

    name: str
    compiler: str
    options: tuple[str, ...]
    no_float: tuple[str, ...]  # options under which floating point has no instructions
    emulator: str
    packages: str  # Debian's
    console: str

    def tool(self, name: str) -> str:
        """A program of this compiler's binutils, such as nm."""
        return self.compiler.removesuffix("gcc") + name


TARGETS = {
    target.name: target
    for target in (
        Target("x86_64", "gcc", ("-m64", "-no-pie"), ("-mgeneral-regs-only",), "qemu-x86_64", "gcc qemu-user", "host"),
        Target(
            "sh4",
            "sh4-linux-gnu-gcc",
            ("-m4", "-ml"),
            ("-m4-nofpu",),
            "qemu-sh4",
            "gcc-sh4-linux-gnu gcc-12-plugin-dev-sh4-linux-gnu g++ qemu-user",
            "dreamcast",
        ),
        Target(
            "mips",
            "mipsel-linux-gnu-gcc",
            ("-march=mips2", "-EL", "-mno-abicalls", "-G0"),
            ("-msoft-float",),
            "qemu-mipsel",
            "gcc-mipsel-linux-gnu qemu-user",
            "psp",
        ),
        Target(
            "arm",
            "arm-linux-gnueabihf-gcc",
            ("-mcpu=cortex-a9", "-mthumb", "-mfpu=vfpv3-d16"),
            ("-mgeneral-regs-only",),
            "qemu-arm",
            "gcc-arm-linux-gnueabihf qemu-user",
            "vita",
        ),
    )
}


def run(command: Sequence[str | Path], *, cwd: Path | None = None) -> str:
    """Output of a command that must succeed; its words are in the error when it does not."""
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode} of: {' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def plugin_headers() -> Path:
    """Where the plugin headers of the compiler for SH-4 are, or would be."""
    return Path(run(["sh4-linux-gnu-gcc", "-print-file-name=plugin"]).strip()) / "include"


@cache
def missing(target: Target) -> str:
    """What this machine lacks for a target, with advice; empty if nothing."""
    lacks = [name for name in (target.compiler, target.emulator) if shutil.which(name) is None]
    if target.name == "sh4" and not lacks:
        if shutil.which("g++") is None:
            lacks.append("g++")
        if not (plugin_headers() / "gcc-plugin.h").exists():
            lacks.append("gcc-plugin.h for sh4-linux-gnu-gcc")
    return f"{', '.join(lacks)} not found: on Debian `apt install {target.packages}`" if lacks else ""


def build_plugin(folder: Path) -> Path:
    """The plugin that keeps gcc for SH-4 from its two faulty passes."""
    plugin = folder / "sh4_passes.so"
    if not plugin.exists():
        options = ["-shared", "-fPIC", "-fno-rtti", "-w", f"-I{plugin_headers()}"]
        run(["g++", *options, TESTS / "sh4_passes.cc", "-o", plugin])
    return plugin


def compiler(target: Target, folder: Path, *, faulty: bool = False) -> list[str]:
    """The start of every compiler command. faulty: leave the passes of SH-4's gcc in that miscompile."""
    command = [target.compiler, *target.options, *FREESTANDING, *INCLUDES]
    if target.name == "sh4" and not faulty:
        command.append(f"-fplugin={build_plugin(folder)}")
    return command


def build(
    target: Target,
    folder: Path,
    name: str,
    sources: Iterable[Path],
    options: Sequence[str] = ("-O2",),
    own: Sequence[str] = (),
) -> Path:
    """A program of these sources and the runtime. own: options only for what is not the core's."""
    program = folder / f"{name}.{target.name}"
    objects = [
        compile_one(target, folder, source, [*options, *(() if source.is_relative_to(ROOT / "csrc") else own)])
        for source in (*RUNTIME, *sources)
    ]
    run([target.compiler, *target.options, *options, *LINK, *objects, "-o", program])
    return program


def compile_objects(
    target: Target, folder: Path, sources: Iterable[Path], options: Sequence[str], *, faulty: bool = False
) -> list[Path]:
    """One object file a source, named as it is, and gcc's call graph of it (.ci) beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = list(sources)
    for source in sources:
        kept = compile_one(target, folder.parent, source, options, faulty=faulty)
        for ending in (".o", ".ci"):
            shutil.copyfile(kept.with_suffix(ending), folder / f"{source.stem}{ending}")
    return [folder / f"{source.stem}.o" for source in sources]


@cache
def headers() -> str:
    """A hash of all headers that a source may include."""
    folders = (ROOT / "csrc", ROOT / "tests", ROOT / "benchmarks" / "core")
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.h")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def compiler_stamp(name: str) -> str:
    """Another compiler under the same name has another one."""
    state = Path(shutil.which(name) or name).stat()
    return f"{state.st_size} {state.st_mtime_ns}"


def compile_one(target: Target, folder: Path, source: Path, options: Sequence[str], *, faulty: bool = False) -> Path:
    """The object of one source: many programs hold the same one, so it is kept under a hash of what it is made of.

    gcc's call graph with the stack of each function is written with it, since it costs nothing then.
    """
    command = compiler(target, folder, faulty=faulty)
    words = [word for word in command if not word.startswith("-fplugin=")]
    words += [(TESTS / "sh4_passes.cc").read_text(encoding="utf-8")] * (len(command) - len(words))
    said = "\0".join([*words, *options, compiler_stamp(target.compiler), headers(), source.name])
    stamp = hashlib.sha256(said.encode() + source.read_bytes()).hexdigest()[:24]
    kept = OBJECTS / target.name / f"{source.stem}-{stamp}.o"
    if not (kept.exists() and kept.with_suffix(".ci").exists()):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            fresh = Path(name) / f"{source.stem}.o"
            run([*command, *options, "-fcallgraph-info=su", "-c", source, "-o", fresh])
            fresh.with_suffix(".ci").replace(kept.with_suffix(".ci"))
            fresh.replace(kept)  # last: where there is an object its call graph is there too
    return kept
