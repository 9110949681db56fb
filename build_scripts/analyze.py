"""Static analysis of the C core: gcc -fanalyzer, cppcheck and clang-tidy, which must have nothing to say.

`python -m build_scripts.analyze` runs all three. What is switched off is switched off below, with its reason.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from build_scripts import ctools

GCC = [
    "-std=c99",
    "-O0",
    "-Wall",
    "-Wextra",
    "-fanalyzer",
    "-Werror",
    # gcc 12 takes a loop over the first `count` elements for one that runs where count is 0; clang's analyzer and the
    # sanitizers look for the same.
    "-Wno-analyzer-use-of-uninitialized-value",
]
CPPCHECK = [
    "--enable=warning,style,performance,portability",
    "--std=c99",
    "--error-exitcode=1",
    "--inline-suppr",
    "--quiet",
    "--suppress=missingIncludeSystem",
    "--suppress=unusedStructMember",  # a header is looked at alone
    "--suppress=knownConditionTrueFalse:*/flight_crc.c",  # known in a build without the processor's instruction
    "--suppress=toomanyconfigs",  # each transport is a macro: the compilers see the mixtures (tests/packaging)
    "--suppress=unmatchedSuppression",
]
TIDY = [
    "-*",
    "bugprone-*",
    "cert-*",
    "clang-analyzer-*",
    "performance-*",
    "portability-*",
    # Arguments of one type side by side are how buffers and sizes come in C.
    "-bugprone-easily-swappable-parameters",
    # The caller's aligned memory becomes an object of the core; init functions check the alignment, -Wcast-align the rest.
    "-bugprone-casting-through-void",
    # memcpy_s and its like are no part of a freestanding C library.
    "-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling",
    # Shifts by a literal, and 16-bit values that C widens to int: -Wconversion looks at what matters of that.
    "-bugprone-signed-bitwise",
    # 32-bit products that end as an offset: all are sizes below 64 KiB or inside the caller's ring.
    "-bugprone-implicit-widening-of-multiplication-result",
    # A table of sizes has equal ones.
    "-bugprone-branch-clone",
    # Reserved names: none; but guards and macros start with FLIGHT_, and `flight_` types end as they like.
    "-bugprone-reserved-identifier",
    "-cert-dcl37-c",
    "-cert-dcl51-cpp",
]


def gcc() -> str:
    """What gcc's analyzer says, nothing where all is well."""
    found = []
    sources = [*ctools.core_sources(), *ctools.console_sources(), *ctools.host_ports(), *ctools.python_sources()]
    for source in sources:
        command: list[str | Path] = [
            ctools.find_tool("gcc", package="gcc"),
            *GCC,
            *ctools.python_includes(),
            "-c",
            source,
            "-o",
            "/dev/null",
        ]
        found.append(ctools.run(command).stderr)
    return "".join(found)


def cppcheck(mixtures: int = 12) -> str:
    """What cppcheck says. mixtures: how many ways of defining the macros of a file it looks at."""
    program = ctools.find_tool("cppcheck", package="cppcheck")
    done = ctools.run(
        [
            program,
            *CPPCHECK,
            f"--max-configs={mixtures}",
            f"-I{ctools.INCLUDE}",
            f"-I{ctools.CORE}",
            ctools.CORE,
            *ctools.host_ports(),
            *ctools.python_sources(),
        ]
    )
    return done.stdout + done.stderr


def clang_tidy() -> str:
    """What clang-tidy says."""
    beside = Path(sys.executable).parent / "clang-tidy"
    program = (
        str(beside) if beside.exists() else ctools.find_tool("clang-tidy", "clang-tidy-19", package="clang-tidy-19")
    )
    command: list[str | Path] = [
        program,
        f"--checks={','.join(TIDY)}",
        "--warnings-as-errors=*",
        "--quiet",
        *ctools.core_sources(),
        *ctools.console_sources(),
        *ctools.host_ports(),
        *ctools.python_sources(),
    ]
    done = ctools.run([*command, "--", "-std=c99", *ctools.python_includes()])
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


CHECKS: dict[str, Callable[[], str]] = {"gcc -fanalyzer": gcc, "cppcheck": cppcheck, "clang-tidy": clang_tidy}
# Two mixtures beside the default one: every further one finds the same and costs as much.
QUICK: dict[str, Callable[[], str]] = {"gcc -fanalyzer": gcc, "cppcheck": lambda: cppcheck(3)}


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="without clang-tidy and most mixtures of macros; a tool that is missing is named, no more",
    )
    options = parser.parse_args(arguments)
    checks = QUICK if options.quick else CHECKS
    try:
        said = dict(zip(checks, ctools.side_by_side(lambda check: check(), checks.values()), strict=True))
    except ctools.ToolMissingError as error:
        print(f"analyze: {error}", file=sys.stderr)
        return 0 if options.quick and os.environ.get("CI") != "true" else 1
    for name, text in said.items():
        print(f"{name}: {'nothing to say' if not text.strip() else text}")
    return 1 if any(text.strip() for text in said.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
