"""The ring's barriers, read off the instructions for ARM and MIPS, whose processors may reorder memory accesses.

No emulator on an x86 host shows such reordering, so what is checked is the code: the load of the other side's position is
followed by a barrier before any other access, and between the last store into a slot and the store that publishes it stands
a barrier. SH-4 is not among them: it is a single processor that keeps its own order, and gcc has no barrier for it.
"""

import itertools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from build_scripts import targets

# The inline calls as functions, and where the fields of a ring are, said in the assembly.
PROBE = """
#include "flight.h"

int probe_reserve(flight_ring *ring, void **body);
int probe_reserve(flight_ring *ring, void **body)
{
    return flight_ring_reserve(ring, 7, FLIGHT_LAYOUT_PAYLOAD, 48, body);
}

int probe_commit(flight_ring *ring, uint32_t now_ms);
int probe_commit(flight_ring *ring, uint32_t now_ms)
{
    return flight_ring_commit(ring, now_ms);
}

void probe_offsets(void);
void probe_offsets(void)
{
    __asm__("@OFFSET head %0" : : "i"(offsetof(flight_ring, head)));
    __asm__("@OFFSET next %0" : : "i"(offsetof(flight_ring, next)));
    __asm__("@OFFSET tail %0" : : "i"(offsetof(flight_ring, tail)));
}
"""

# What each path must hold: the position that it observes, and the one that it publishes.
PATHS = {
    "probe_reserve": ("head", ""),
    "flight_ring_reserve_any": ("head", ""),
    "probe_commit": ("", "tail"),
    "flight_ring_put": ("head", "tail"),
    "flight_ring_peek": ("tail", ""),
    "flight_ring_release": ("tail", "head"),
    "flight_batch_pack": ("tail", "head"),
    "flight_delta_pack": ("tail", "head"),
}
# The files that know what a slot is.
RING = [source for source in targets.CORE if "flight_slots.h" in source.read_text(encoding="utf-8")]
BUILDS = {"arm": ("arm", "-mthumb"), "arm without Thumb": ("arm", "-marm"), "mips": ("mips", "-O2")}


@dataclass(frozen=True)
class Access:
    """One instruction that touches memory, or a barrier. Offsets: those from a register that is not the stack's."""

    kind: str  # load, store, barrier, call
    offsets: frozenset[int] = frozenset()


def access(operation: str, arguments: str) -> Access | None:
    if operation in {"dmb", "sync"}:
        return Access("barrier")
    if re.fullmatch(r"blx?|jalr?|bal", operation):
        return Access("call")
    kind = re.match(r"(?:ld|l[bhw]u?$)|(?P<store>st|s[bhw]$)", operation)
    if kind is None or re.search(r"\b(sp|r13)\b", arguments):
        return None
    place = re.search(r"\[\w+(?:, #(-?\d+))?\]|(-?\d+)\(\w+\)", arguments)
    first = int(place[1] or place[2] or 0) if place else -1
    offsets = {first, first + 4} if re.match(r"(ldr|str)d", operation) else {first}
    return Access("store" if kind["store"] else "load", frozenset(offsets))


@dataclass
class Code:
    """One function: what it does to memory, in the order of its instructions, and the functions that it names."""

    accesses: list[Access] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def functions(disassembly: str) -> dict[str, Code]:
    found: dict[str, Code] = {}
    code = Code()
    for line in disassembly.splitlines():
        head = re.match(r"[0-9a-f]+ <(\w+)>:", line)
        relocation = re.match(r"\s*[0-9a-f]+: R_\w+\s+(?:\.text\.)?(\w+)", line)
        instruction = re.match(r"\s*[0-9a-f]+:\s+(\S+)\s*([^;@]*)", line)
        if head:
            code = found[head[1]] = Code()
        elif relocation:
            code.names.add(relocation[1])
        elif instruction:
            one = access(instruction[1].removesuffix(".w"), instruction[2])
            code.accesses += [one] if one else []
    return found


def reached(found: dict[str, Code], name: str) -> list[list[Access]]:
    """The function itself and those of the core that it calls: a path may be in any of them, as the compiler inlined."""
    names, more = {name}, [name]
    while more:
        below = {callee for callee in found[more.pop()].names if callee in found} - names
        names |= below
        more += below
    return [found[each].accesses for each in sorted(names)]


def is_observed(path: list[Access], offset: int) -> bool:
    """The position is loaded, and the very next thing that touches memory is a barrier."""
    return any(
        one.kind == "load" and offset in one.offsets and behind.kind == "barrier"
        for one, behind in itertools.pairwise(path)
    )


def is_published(path: list[Access], offset: int, following: int) -> bool:
    """The position is stored right behind a barrier; only what it becomes, the ring's `next`, may be loaded in between."""
    before = Access("none")
    for one in path:
        if one.kind == "store" and offset in one.offsets and before.kind == "barrier":
            return True
        if one != Access("load", frozenset({following})):
            before = one
    return False


def compiled(folder: Path, build: str, *options: str) -> tuple[dict[str, Code], dict[str, int]]:
    """The paths in the core as this compiler makes it, and the offsets of a ring's fields."""
    name, instructions = BUILDS[build]
    target = targets.TARGETS[name]
    lacks = targets.missing(target)
    if lacks:
        if os.environ.get("CI") == "true":
            pytest.fail(lacks)
        pytest.skip(lacks)
    probe = folder / "probe.c"
    probe.write_text(PROBE, encoding="utf-8")
    options = ("-O2", instructions, *options)
    assembly = targets.run([*targets.compiler(target, folder), *options, "-S", probe, "-o", "-"])
    offsets = {field: int(at) for field, at in re.findall(r"@OFFSET (\w+) #?(\d+)", assembly)}
    # As text only: an assembler would take the lines with the offsets for instructions.
    probe.write_text(PROBE[: PROBE.index("void probe_offsets")], encoding="utf-8")
    objects = targets.compile_objects(target, folder / "objects", [*RING, probe], options)
    return functions(targets.run([target.tool("objdump"), "-dr", "--no-show-raw-insn", *objects])), offsets


def faults(found: dict[str, Code], offsets: dict[str, int]) -> list[str]:
    wrong = []
    for name, (observed, published) in PATHS.items():
        code = reached(found, name)
        if observed and not any(is_observed(one, offsets[observed]) for one in code):
            wrong.append(f"{name} does not observe the {observed}")
        if published and not any(is_published(one, offsets[published], offsets["next"]) for one in code):
            wrong.append(f"{name} does not publish the {published}")
    return wrong


@pytest.mark.parametrize("build", BUILDS)
def test_every_path_of_the_ring_has_its_barriers_in_the_right_order(tmp_path: Path, build: str) -> None:
    paths, offsets = compiled(tmp_path, build)
    assert faults(paths, offsets) == []


def relaxed(order: str) -> list[str]:
    """Options with which the compiler takes an order for none."""
    return ["-Wno-builtin-macro-redefined", f"-U{order}", f"-D{order}=0"]


@pytest.mark.parametrize("build", BUILDS)
def test_a_ring_that_publishes_without_release_is_found(tmp_path: Path, build: str) -> None:
    paths, offsets = compiled(tmp_path, build, *relaxed("__ATOMIC_RELEASE"))
    assert faults(paths, offsets) == [
        f"{name} does not publish the {published}" for name, (_, published) in PATHS.items() if published
    ]


@pytest.mark.parametrize("build", BUILDS)
def test_a_ring_that_observes_without_acquire_is_found(tmp_path: Path, build: str) -> None:
    paths, offsets = compiled(tmp_path, build, *relaxed("__ATOMIC_ACQUIRE"))
    assert faults(paths, offsets) == [
        f"{name} does not observe the {observed}" for name, (observed, _) in PATHS.items() if observed
    ]


@pytest.mark.parametrize("build", BUILDS)
def test_a_ring_of_plain_accesses_is_found(tmp_path: Path, build: str) -> None:
    paths, offsets = compiled(tmp_path, build, "-DFLIGHT_PLAIN_ACCESS")
    assert len(faults(paths, offsets)) == sum(bool(part) for path in PATHS.values() for part in path)
