"""Compile the console ports and examples against the SDKs' own headers, and look up every symbol that they need there.

The SDKs are not part of the project: KOS_HEADERS, PSP_HEADERS, PSPLINK_HEADERS and VITA_HEADERS name a copy of their sources
(a clone is enough, nothing of it is built). A port without its variable is skipped, loudly. Nothing is linked or run.

    git clone --depth 1 https://github.com/KallistiOS/KallistiOS   KOS_HEADERS=KallistiOS
    git clone --depth 1 https://github.com/pspdev/pspsdk           PSP_HEADERS=pspsdk
    git clone --depth 1 https://github.com/pspdev/psplinkusb       PSPLINK_HEADERS=psplinkusb, beside PSP_HEADERS
    git clone --depth 1 https://github.com/vitasdk/vita-headers    VITA_HEADERS=vita-headers

Each port is checked by a seeded mistake too: a call that no header has, and one that no library has, must be found.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from build_scripts import amalgamate

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
WARNINGS = ["-Wall", "-Wextra", "-Wcast-align=strict", "-Wstrict-prototypes", "-Werror"]
NOT_LINUX = ["-U__linux__", "-Ulinux", "-U__unix__", "-Uunix", "-U__gnu_linux__"]
STANDARDS = ["c99", "gnu17", "gnu2x"]  # what programs choose, the PSP's and KallistiOS's compilers by themselves
OF_THE_COMPILER = {"_GLOBAL_OFFSET_TABLE_"}
OF_THE_LINKER = {"_gp"}  # what PSP_MODULE_INFO names of the linker's
OF_THE_CLIENT = re.compile(r"flight_\w+")
PSP_FOLDERS = [
    "libcglue",
    "base",
    "user",
    "kernel",
    "net",
    "utility",
    "rtc",
    "power",
    "debug",
    "sdk",
    "display",
    "ctrl",
    "ge",
    "wlan",
    "usb",
]
PSP_FLAGS = (
    *("-G0", "-march=mips2", "-mabi=eabi", "-msingle-float", "-fno-pic", "-mno-abicalls"),
    *("-D__PSP__=1", "-DPSP=1", "-D_PSP=1", "-D__psp__=1", "-D_PSP_FW_VERSION=600"),
)
# The call that sends, of each SDK, and what it is given: what the seeded mistakes are made of.
SENDS = {
    "send": "int, const void *, size_t, int",
    "sceNetInetSend": "int, const void *, size_t, int",
    "sceNetSend": "int, const void *, size_t, int",
    "usbAsyncWrite": "unsigned, const void *, int",
}


class SdkError(Exception):
    """What is wrong with the SDK's copy or with this machine, and what to do."""


@dataclass(frozen=True)
class Console:
    """How one SDK's compiler sees a port, with Debian's compiler in its place, and where its symbols are."""

    name: str
    variable: str
    port: str
    example: str  # empty: none of its own
    compiler: str
    flags: tuple[str, ...]
    includes: Callable[[Path, Path, Path], list[Path]]  # of the SDK, of newlib, of the compiler
    needed: str  # a file that shows that the folder is the right one
    symbols: Callable[[Path], set[str]]
    on: str = ""  # whose SDK has to be there too

    def tool(self, name: str) -> str:
        """A program of the compiler's binutils."""
        return self.compiler.removesuffix("gcc") + name


def texts(folder: Path, *patterns: str) -> Iterable[str]:
    """The files below a folder, as text."""
    for pattern in patterns:
        for path in sorted(folder.rglob(pattern)):
            yield path.read_text(encoding="utf-8", errors="replace")


DEFINED = re.compile(r"^[A-Za-z_][\w \t*]*?\b(\w+)[ \t]*(?:\([^;{]*\)\s*\{|=|;|__attribute__)", re.MULTILINE)


def defined_in(*folders: Path) -> set[str]:
    """What C sources define at file scope: functions with a body, and variables."""
    return {name for folder in folders for text in texts(folder, "*.c") for name in DEFINED.findall(text)}


def kos_symbols(sdk: Path) -> set[str]:
    """KallistiOS is C and some assembly, where its compiler's names begin with one underscore more."""
    labels = {
        name for text in texts(sdk / "kernel", "*.s", "*.S") for name in re.findall(r"^_(\w+):", text, re.MULTILINE)
    }
    return labels | defined_in(sdk / "kernel", sdk / "addons")


def psp_symbols(sdk: Path) -> set[str]:
    """The firmware's calls are imports in assembly; the rest of the SDK is C."""
    assembly = "\n".join(texts(sdk, "*.S"))
    imported = set(re.findall(r"IMPORT_FUNC\w*\s+[^,\n]*,[^,\n]*,(\w+)", assembly))
    labels = set(re.findall(r"^(\w+):", assembly, re.MULTILINE))
    return imported | labels | OF_THE_LINKER | defined_in(sdk)


def vita_symbols(sdk: Path) -> set[str]:
    """The firmware's calls are keys of the tables that the libraries are made of."""
    return {name for text in texts(sdk / "db", "*.yml") for name in re.findall(r"^\s+(\w+): 0x", text, re.MULTILINE)}


def psp_of_psplink() -> Path:
    """The SDK that psplink stands on."""
    sdk = folder_of(CONSOLES["psp"])
    if sdk is None:
        raise SdkError("PSPLINK_HEADERS needs PSP_HEADERS: psplink stands on PSPSDK")
    return sdk


CONSOLES: dict[str, Console] = {
    console.name: console
    for console in (
        Console(
            "kos",
            "KOS_HEADERS",
            "flight_port_kos.c",
            "dreamcast",
            "sh4-linux-gnu-gcc",
            (
                *("-ml", "-m4", "-mfsrra", "-mfsca", "-ffunction-sections", "-fdata-sections"),
                *("-matomic-model=soft-gusa", "-ftls-model=local-exec"),
                *("-D__DREAMCAST__", "-D_arch_dreamcast=1", "-D_arch_sub_pristine=1", "-D__KOS_GCC_32MB__=1"),
            ),
            lambda sdk, newlib, own: [
                *(sdk / "include", sdk / "kernel" / "arch" / "dreamcast" / "include", sdk / "addons" / "include"),
                *(own, newlib),
            ],
            "include/kos/net.h",
            kos_symbols,
        ),
        Console(
            "psp",
            "PSP_HEADERS",
            "flight_port_psp.c",
            "psp",
            "mipsel-linux-gnu-gcc",
            PSP_FLAGS,
            lambda sdk, newlib, own: [*(sdk / folder for folder in PSP_FOLDERS), newlib, own],
            "net/pspnet_inet.h",
            psp_symbols,
        ),
        Console(
            "psplink",
            "PSPLINK_HEADERS",
            "flight_port_psplink.c",
            "",
            "mipsel-linux-gnu-gcc",
            PSP_FLAGS,
            lambda sdk, newlib, own: [
                sdk / "usbhostfs",
                *CONSOLES["psp"].includes(psp_of_psplink(), newlib, own),
            ],
            "usbhostfs/usbasync.h",
            lambda sdk: psp_symbols(psp_of_psplink()) | psp_symbols(sdk / "libusbhostfs"),
            on="psp",
        ),
        Console(
            "vita",
            "VITA_HEADERS",
            "flight_port_vita.c",
            "vita",
            "arm-linux-gnueabihf-gcc",
            (
                *("-mcpu=cortex-a9", "-mfpu=neon", "-mfloat-abi=hard", "-mthumb", "-fno-pic"),
                *("-D__vita__", "-D__VITA__"),
            ),
            lambda sdk, newlib, own: [sdk / "include", newlib, own],
            "include/psp2/net/net.h",
            vita_symbols,
        ),
    )
}


def folder_of(console: Console) -> Path | None:
    """The SDK's copy, or None where none is named."""
    named = os.environ.get(console.variable, "")
    if not named:
        return None
    for folder in (Path(named), Path(named) / "src", Path(named).parent):
        if (folder / console.needed).is_file():
            return folder.resolve()
    raise SdkError(f"{console.variable}={named}: there is no {console.needed}; name the folder of the SDK's sources")


@cache
def newlib_headers() -> Path:
    """The headers of the C library that all three SDKs have."""
    folder = Path(os.environ.get("NEWLIB_HEADERS", "/usr/include/newlib"))
    if not (folder / "newlib.h").is_file():
        raise SdkError(f"{folder}: no newlib.h; on Debian `apt install libnewlib-dev`, or name it in NEWLIB_HEADERS")
    return folder


@cache
def newlib_names() -> set[str]:
    """What newlib's headers declare as functions."""
    return {name for text in texts(newlib_headers(), "*.h") for name in re.findall(r"\b(\w+)\s*\(", text)}


def compiler_of(console: Console, sdk: Path) -> list[str]:
    """The start of every compiler command."""
    program = shutil.which(console.compiler)
    if program is None:
        raise SdkError(f"{console.compiler} is not installed: on Debian `apt install gcc-{console.compiler[:-4]}`")
    asked = subprocess.run([program, "-print-file-name=include"], capture_output=True, text=True, check=True)
    folders = console.includes(sdk, newlib_headers(), Path(asked.stdout.strip()))
    command = [program, "-O2", *WARNINGS, "-nostdinc", *NOT_LINUX, *console.flags, f"-I{CSRC / 'include'}"]
    return command + [word for folder in folders for word in ("-isystem", str(folder))]


def compile_one(command: list[str], source: Path, standard: str, out: Path) -> str:
    """What the compiler says; empty where all is well."""
    done = subprocess.run(
        [*command, f"-std={standard}", "-c", str(source), "-o", str(out)], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    return said or (f"exit {done.returncode}" if done.returncode else "")


def needed_symbols(console: Console, compiled: Path) -> set[str]:
    """What an object wants from others; weak ones may be missing."""
    done = subprocess.run([console.tool("nm"), "-u", str(compiled)], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in done.stdout.splitlines() if line.split()[0] == "U"}


def unknown_symbols(console: Console, compiled: Path, known: set[str]) -> list[str]:
    """What neither the SDK nor newlib nor the client has."""
    wanted = needed_symbols(console, compiled) - OF_THE_COMPILER
    return sorted(
        name
        for name in wanted
        if name not in known and name not in newlib_names() and not OF_THE_CLIENT.fullmatch(name)
    )


def check_sources(console: Console, sdk: Path, folder: Path) -> list[str]:
    """Problems of the port and the example; none where all is well."""
    command = compiler_of(console, sdk)
    known = console.symbols(sdk)
    sources = [CSRC / "ports" / console.port]
    if console.example:
        sources.append(CSRC / "examples" / console.example / "main.c")
    problems = check_client(command, folder)
    for source in sources:
        out = folder / f"{console.name}-{source.stem}.o"
        name = source.relative_to(ROOT)
        said = {standard: compile_one(command, source, standard, out) for standard in STANDARDS}
        bad = [f"{name} as {standard}:\n{text}" for standard, text in said.items() if text]
        problems += bad
        if not bad:
            missing = unknown_symbols(console, out, known)
            problems += [f"{name}: the SDK has no {symbol}" for symbol in missing]
            count = len(needed_symbols(console, out))
            print(f"  {name}: {', '.join(STANDARDS)} without a warning; {count} symbols looked up")
    return problems


def check_client(command: list[str], folder: Path) -> list[str]:
    """The two files that a program copies, with the SDK's C library in place of this machine's."""
    amalgamate.amalgamate(folder)
    said = compile_one(command, folder / "flight.c", "gnu17", folder / "flight.o")
    if not said:
        print("  flight.c: gnu17 without a warning")
    return [f"flight.c:\n{said}"] if said else []


def check_itself(console: Console, sdk: Path, folder: Path) -> list[str]:
    """Two mistakes in a copy of the port that must be found."""
    command = compiler_of(console, sdk)
    text = (CSRC / "ports" / console.port).read_text(encoding="utf-8")
    call = re.search(rf"\b({'|'.join(SENDS)})\(", text)
    assert call is not None, f"{console.port} sends nothing"
    broken = folder / f"broken-{console.name}.c"
    out = folder / f"broken-{console.name}.o"
    broken.write_text(text.replace(call[0], f"{call[1]}d("), encoding="utf-8")
    problems = [] if compile_one(command, broken, "gnu17", out) else [f"a call of {call[1]}d() was not noticed"]
    declared = f"\nint {call[1]}d({SENDS[call[1]]});\n"
    place = max(found.end() for found in re.finditer(r"^#include .*$", text, re.MULTILINE))
    broken.write_text((text[:place] + declared + text[place:]).replace(call[0], f"{call[1]}d("), encoding="utf-8")
    said = compile_one(command, broken, "gnu17", out)
    if said:
        problems.append(f"the seeded mistake does not compile:\n{said}")
    elif unknown_symbols(console, out, console.symbols(sdk)) != [f"{call[1]}d"]:
        problems.append(f"a declaration of {call[1]}d(), which no library has, was not noticed")
    return problems


def check(console: Console) -> tuple[str, list[str]]:
    """What became of one console: a word, and its problems."""
    sdk = folder_of(console)
    under = CONSOLES[console.on] if console.on else console
    if sdk is None or folder_of(under) is None:
        return f"SKIPPED: {(console if sdk is None else under).variable} is not set", []
    with tempfile.TemporaryDirectory() as name:
        problems = check_sources(console, sdk, Path(name)) + check_itself(console, sdk, Path(name))
    return ("FAILED" if problems else "ok"), problems


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("consoles", nargs="*", metavar="CONSOLE", help=f"of {', '.join(CONSOLES)} (default: all)")
    options = parser.parse_args(arguments)
    strange = [name for name in options.consoles if name not in CONSOLES]
    if strange:
        parser.error(f"{strange[0]} is no console that there is a port for: {', '.join(CONSOLES)}")
    failed = False
    words = {}
    for name in options.consoles or CONSOLES:
        print(f"check-sdk {name}")
        try:
            words[name], problems = check(CONSOLES[name])
        except SdkError as error:
            words[name], problems = "FAILED", [str(error)]
        for problem in problems:
            print(f"check-sdk {name}: {problem}", file=sys.stderr)
        failed |= words[name] == "FAILED"
    for name, word in words.items():
        print(f"check-sdk {name}: {word}")
    if any(word.startswith("SKIPPED") for word in words.values()):
        print(
            "What was skipped was NOT checked; `python -m build_scripts.check_sdk --help` says how to get the headers."
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
