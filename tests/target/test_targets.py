"""The core on the processors it is for: x86-64, SH-4 (Dreamcast), MIPS (PSP) and ARM (Vita), as bare programs under qemu.

"It compiles" proves nothing there: Debian's gcc for SH-4 drops compares, and qemu lets unaligned accesses pass that stop a
console. So known answers run on every one, random cases must give the same hashes on all, and a build with traps runs at
every alignment.
"""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from build_scripts import targets
from build_scripts.targets import CORE, TARGETS, TESTS, Target
from tests.support.figures import Figure
from tests.target.vectors import Vectors, make_vectors, write_c

# Another seed: FLIGHT_SEED=7 make test TESTS=tests/target
SEED = int(os.environ.get("FLIGHT_SEED", "1"))
CONSOLES = [name for name in TARGETS if name != "x86_64"]
MEMORY_FUNCTIONS = {"memcpy", "memmove", "memset", "memcmp"}
SANITIZE = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-fno-sanitize-recover=all"]
HANGS_AFTER_S = 60  # no answer of a program that should trap
HANGS_AFTER_CPU_S = (
    2  # of the processor's time, so that a busy machine is no hang; the program takes a tenth of a second
)


def target(name: str) -> Target:
    found = TARGETS[name]
    lacks = targets.missing(found)
    if lacks:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name}: {lacks}")
        pytest.skip(lacks)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("targets")
    if not targets.missing(TARGETS["sh4"]):
        targets.build_plugin(made)
    return made


@pytest.fixture(scope="module")
def vectors(folder: Path) -> Vectors:
    made = make_vectors(SEED)
    write_c(made, folder / "vectors.c")
    return made


@pytest.fixture(scope="module")
def sources(folder: Path, vectors: Vectors) -> list[Path]:
    parts = ("main.c", "known_answers.c", "corpus.c", "delta.c")
    return [*(TESTS / part for part in parts), folder / "vectors.c"]


@pytest.fixture(scope="module")
def outputs(folder: Path, sources: list[Path]) -> dict[str, list[str]]:
    """What the test program prints on each instruction set that this machine can build for."""

    def build_and_run(item: Target) -> list[str]:
        program = targets.build(item, folder, "main", [*CORE, *sources])
        return targets.run([item.emulator, program]).splitlines()

    can = [item for item in TARGETS.values() if not targets.missing(item)]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((item.name for item in can), pool.map(build_and_run, can), strict=True))


@pytest.mark.parametrize("name", TARGETS)
def test_known_answers_hold_and_random_cases_agree_on(
    name: str, outputs: dict[str, list[str]], vectors: Vectors, figure: Figure
) -> None:
    target(name)
    cases = int(outputs[name][-1].split()[1])
    golden = f"{vectors.golden} of them from frames.json" if vectors.golden else "no frames.json yet"
    figure(f"{name}: {vectors.count} known answers ({golden}), {cases} cases in all, seed {SEED}")
    known = {line.split()[0]: int(line.split()[1]) for line in outputs[name]}
    assert [known[part] for part in ("crc", "check", "frame", "batch")] == [
        len(vectors.crcs),
        len(vectors.checks),
        len(vectors.frames),
        len(vectors.batches),
    ]
    assert outputs[name] == next(iter(outputs.values())), f"seed {SEED}"


@pytest.mark.parametrize("name", CONSOLES)
def test_no_undefined_behaviour_at_any_alignment_on(name: str, folder: Path, sources: list[Path]) -> None:
    item = target(name)
    program = targets.build(item, folder, "sanitized", [*CORE, *sources], ["-O1", *SANITIZE], ["-DROUNDS=200u"])
    assert "total" in targets.run([item.emulator, program])


@pytest.mark.parametrize("options", [["-Os", "-DFLIGHT_CRC=4"], ["-O2", "-DFLIGHT_CRC=0"]], ids=" ".join)
@pytest.mark.parametrize("name", CONSOLES)
def test_the_other_ways_to_the_crc_give_the_same_answers_on(
    name: str, options: list[str], folder: Path, sources: list[Path]
) -> None:
    item = target(name)
    program = targets.build(item, folder, "other", [*CORE, *sources], options, ["-DROUNDS=200u"])
    assert "total" in targets.run([item.emulator, program])


@pytest.mark.parametrize("name", CONSOLES)
def test_the_sanitized_build_would_trap_on(name: str, folder: Path) -> None:
    item = target(name)
    passes = targets.build(item, folder, "passes", [TESTS / "misaligned.c"], ["-O1"])
    traps = targets.build(item, folder, "traps", [TESTS / "misaligned.c"], ["-O1", *SANITIZE])
    if name != "mips":  # there qemu itself refuses
        targets.run([item.emulator, passes])
    done = subprocess.run([item.emulator, str(traps)], capture_output=True, check=False, timeout=HANGS_AFTER_S)
    assert done.returncode == 134 or done.returncode < 0


# --- what the compiler makes of it ---


def symbols(item: Target, objects: list[Path]) -> tuple[set[str], set[str]]:
    """Defined ones, and needed ones that none of the objects defines."""
    listed = targets.run([item.tool("nm"), "-P", *objects]).splitlines()
    words = [line.split() for line in listed if len(line.split()) >= 2]
    defined = {name for name, kind, *_ in words if kind != "U"}
    return defined, {name for name, kind, *_ in words if kind == "U"} - defined


def section_bytes(item: Target, objects: list[Path], *starts: str) -> int:
    """Bytes of all sections whose names start so."""
    rows = targets.run([item.tool("size"), "-A", *objects]).splitlines()
    cut = [row.split() for row in rows]
    return sum(int(row[1]) for row in cut if len(row) == 3 and row[0].startswith(starts))


@pytest.mark.parametrize("name", TARGETS)
def test_the_core_needs_four_memory_functions_and_no_variable_on(name: str, folder: Path) -> None:
    item = target(name)
    for level in ("-O2", "-Os"):
        objects = targets.compile_objects(item, folder / f"plain{level}.{name}", CORE, [level])
        defined, needed = symbols(item, objects)
        assert needed <= MEMORY_FUNCTIONS, level
        assert "flight_selftest" in defined or "_flight_selftest" in defined
        assert section_bytes(item, objects, ".text") > 0
        assert section_bytes(item, objects, ".data", ".bss", ".sdata", ".sbss", ".tdata", ".tbss") == 0, level


@pytest.mark.parametrize("name", TARGETS)
def test_the_core_uses_no_floating_point_on(name: str, folder: Path) -> None:
    # Where the processor has none, gcc refuses it or calls its library: then a symbol is missing.
    item = target(name)
    objects = targets.compile_objects(item, folder / f"whole.{name}", CORE, ["-O1", *item.no_float])
    assert symbols(item, objects)[1] <= MEMORY_FUNCTIONS


# --- SH-4: the fault of Debian's gcc 12 ---


def link_and_run(item: Target, folder: Path, name: str, objects: list[Path]) -> str:
    """Last line of the output, or how else it ended."""
    program = folder / name
    targets.run([item.compiler, *item.options, *targets.LINK, *objects, "-o", program])
    limited = ["bash", "-c", f'ulimit -t {HANGS_AFTER_CPU_S} && exec "$@"', "limited", item.emulator, str(program)]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    if done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        return "hangs"
    return (done.stdout.splitlines() or [""])[-1] if done.returncode in {0, 1} else f"ends with {done.returncode}"


@pytest.mark.parametrize("level", ["-O2", "-Os"])
def test_the_self_test_finds_every_file_that_gcc_for_sh4_miscompiles(
    level: str, folder: Path, sources: list[Path], figure: Figure
) -> None:
    # One file of the core at a time is compiled without the plugin. Where its code comes out wrong, which all the other
    # tests together show, the self-test alone must show it too.
    item = target("sh4")
    support = [*targets.RUNTIME, TESTS / "main.c"]
    whole = targets.compile_objects(item, folder / "support", [*targets.RUNTIME, *sources], ["-O2", "-DROUNDS=200u"])
    alone = targets.compile_objects(item, folder / "alone", support, ["-O2", "-DSELFTEST_ONLY"])
    good = targets.compile_objects(item, folder / f"good{level}", CORE, [level])
    faulty = targets.compile_objects(item, folder / f"faulty{level}", CORE, [level], faulty=True)
    found = {}
    for at, changed in enumerate(faulty):
        if changed.read_bytes() != good[at].read_bytes():
            core = [*good[:at], changed, *good[at + 1 :]]
            found[changed.stem] = link_and_run(item, folder, "selftest-mixed", [*alone, *core])
            if found[changed.stem].startswith("total"):
                assert link_and_run(item, folder, "whole-mixed", [*whole, *core]).startswith("total"), changed.stem
    caught = {stem: end for stem, end in found.items() if not end.startswith("total")}
    figure(
        f"sh4 {level} without the plugin: {caught}; changed without effect: {sorted({*found} - {*caught})}",
    )
    if not found:
        pytest.skip("this gcc writes the same code with and without the two passes")
    assert caught
