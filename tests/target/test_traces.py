"""The C session on the processors it is for: the recorded sessions of spec/traces, replayed under qemu."""

from __future__ import annotations

from pathlib import Path

import pytest

from build_scripts import targets
from build_scripts.targets import CORE, ROOT, SESSION, TARGETS, TESTS, Target
from tests.support.figures import Figure
from tests.target.test_targets import CONSOLES, MEMORY_FUNCTIONS, SANITIZE, section_bytes, symbols, target

TRACES = sorted((ROOT / "spec" / "traces").glob("*.txt"))
TWIN = ROOT / "tests" / "twin"
SOURCES = [*CORE, *SESSION, TWIN / "twin.c", TWIN / "replay.c", TESTS / "traces.c"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("traces")
    lines = [line for path in TRACES for line in path.read_text(encoding="utf-8").splitlines()]
    text = "\n".join(f'"{line}\\n"' for line in lines)
    (made / "trace_text.c").write_text(f"extern const char trace_text[];\nconst char trace_text[] =\n{text};\n")
    if not targets.missing(TARGETS["sh4"]):
        targets.build_plugin(made)
    return made


def recorded() -> tuple[int, int]:
    text = "".join(path.read_text(encoding="utf-8") for path in TRACES)
    return text.count("setup "), sum(line[0] not in "#s" for line in text.splitlines())


def replayed(item: Target, folder: Path, label: str, options: list[str]) -> tuple[int, int, int]:
    """Sessions and steps that agreed, and the size of the session."""
    program = targets.build(item, folder, label, [*SOURCES, folder / "trace_text.c"], options)
    word, sessions, steps, size = targets.run([item.emulator, program]).split()
    assert word == "traces"
    return int(sessions), int(steps), int(size)


@pytest.mark.parametrize("name", CONSOLES)
def test_no_undefined_behaviour_in_a_recorded_session_on(name: str, folder: Path) -> None:
    assert replayed(target(name), folder, "traces-sanitized", ["-O1", *SANITIZE])[:2] == recorded()


@pytest.mark.parametrize("name", TARGETS)
def test_every_recorded_step_is_the_same_on(name: str, folder: Path, figure: Figure) -> None:
    item = target(name)
    sessions, steps, size = replayed(item, folder, "traces", ["-Os"])
    assert (sessions, steps) == recorded()
    objects = targets.compile_objects(item, folder / f"size.{name}", SESSION, ["-Os"])
    figure(
        f"{name}: {sessions} traces, {steps} steps equal; session {section_bytes(item, objects, '.text')} B of code"
        f" + {section_bytes(item, objects, '.rodata')} B of tables (-Os), sizeof {size} B",
    )


@pytest.mark.parametrize("name", TARGETS)
def test_the_session_needs_the_core_and_four_memory_functions_and_no_variable_on(name: str, folder: Path) -> None:
    item = target(name)
    for level in ("-O2", "-Os"):
        objects = targets.compile_objects(item, folder / f"plain{level}.{name}", [*CORE, *SESSION], [level])
        assert symbols(item, objects)[1] <= MEMORY_FUNCTIONS, level
        assert section_bytes(item, objects, ".data", ".bss", ".sdata", ".sbss", ".tdata", ".tbss") == 0, level


@pytest.mark.parametrize("name", TARGETS)
def test_the_session_uses_no_floating_point_on(name: str, folder: Path) -> None:
    item = target(name)
    objects = targets.compile_objects(item, folder / f"whole.{name}", [*CORE, *SESSION], ["-O1", *item.no_float])
    assert symbols(item, objects)[1] <= MEMORY_FUNCTIONS
