"""The codecs on the consoles' processors: the same outcomes under qemu, what they need, and how large they are."""

import os
import re
from pathlib import Path

import pytest

from build_scripts import ctools, targets
from build_scripts.targets import CODECS, TARGETS, Target
from tests.codecs import http_cases, websocket_cases
from tests.codecs.library import PROBLEMS, Outcome, whole
from tests.support.figures import Figure

HERE = Path(__file__).parent
CONSOLES = [name for name in TARGETS if name != "x86_64"]
SANITIZE = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-fno-sanitize-recover=all"]
CASE_BYTES = 5000
# Bytes with -Os, constants included: head (shared), HTTP, WebSocket, SHA-1 and Base64.
CEILINGS = {
    "sh4": {"flight_http_head": 1450, "flight_http": 1300, "flight_websocket": 2600, "flight_sha1": 800},
    "mips": {"flight_http_head": 2200, "flight_http": 2000, "flight_websocket": 3700, "flight_sha1": 1350},
    "arm": {"flight_http_head": 1200, "flight_http": 1100, "flight_websocket": 2000, "flight_sha1": 750},
}
STACK_BYTES = 160  # of one function


def target(name: str) -> Target:
    lacks = targets.missing(TARGETS[name])
    if lacks:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name}: {lacks}")
        pytest.skip(lacks)
    return TARGETS[name]


def fnv(data: bytes, value: int = 0x811C9DC5) -> int:
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def hash_of(outcome: Outcome) -> int:
    words = (outcome.happened, PROBLEMS.index(outcome.problem), outcome.status, outcome.retry_after_s)
    return fnv(outcome.payload + b"".join(word.to_bytes(4, "little") for word in words) + outcome.answer)


def cases() -> list[tuple[str, bytes]]:
    """Every case of both tables that is not long."""
    found = [("http", case.data) for case in http_cases.CASES.values()]
    found += [("websocket", websocket_cases.UPGRADE + case.data) for case in websocket_cases.CASES.values()]
    found += [("websocket", data) for _, _, data in websocket_cases.BAD_UPGRADES.values()]
    found += [("websocket", data) for data in websocket_cases.GOOD_UPGRADES.values()]
    return [case for case in found if len(case[1]) <= CASE_BYTES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("codecs")
    if not targets.missing(TARGETS["sh4"]):
        targets.build_plugin(made)
    rows, data = [], b""
    for kind, case in cases():
        rows.append(f"    {{{len(data)}u, {len(case)}u, {int(kind == 'websocket')}}},")
        data += case
    text = ["#include <stdint.h>", f"#define CODEC_CASES {len(rows)}u", f"#define CODEC_CASE_BYTES {CASE_BYTES}u"]
    text += ["typedef struct codec_case { uint32_t at, bytes; int websocket; } codec_case;"]
    text += ["static const codec_case codec_cases[CODEC_CASES] = {", *rows, "};"]
    text += ["static const uint8_t codec_bytes[] = {"]
    text += [",".join(map(str, data[at : at + 32])) + "," for at in range(0, len(data), 32)]
    (made / "codec_cases.h").write_text("\n".join([*text, "};", ""]), encoding="utf-8")
    return made


@pytest.mark.parametrize("name", CONSOLES)
def test_the_outcomes_are_the_same_on(name: str, folder: Path, figure: Figure) -> None:
    item = target(name)
    expected = 0x811C9DC5
    for kind, data in cases():
        expected = fnv(hash_of(whole(kind, data)).to_bytes(4, "little"), expected)
    includes = [f"-I{ctools.CORE}", f"-I{folder}"]
    for number, options in enumerate((["-Os"], ["-O1", *SANITIZE])):
        sources = [*CODECS, HERE / "target.c"]
        program = targets.build(item, folder, f"codecs{number}", sources, [*options, *includes])
        assert targets.run([item.emulator, program]) == f"{expected:08x}\n", options
    figure(f"{name}: {len(cases())} replies and conversations, hash {expected:08x}")


@pytest.mark.parametrize("name", CONSOLES)
def test_they_need_four_memory_functions_little_stack_and_few_bytes_on(name: str, folder: Path, figure: Figure) -> None:
    item = target(name)
    made = folder / f"plain.{name}"
    objects = targets.compile_objects(item, made, CODECS, ["-Os", *item.no_float])
    listed = [line.split() for line in targets.run([item.tool("nm"), "-P", *objects]).splitlines()]
    defined = {words[0] for words in listed if len(words) > 1 and words[1] != "U"}
    needed = {words[0] for words in listed if len(words) > 1 and words[1] == "U"} - defined
    assert {symbol.lstrip("_") for symbol in needed} <= {"memcpy", "memmove", "memset", "memcmp"}
    assert not [words for words in listed if len(words) > 1 and words[1] in "DdBbC"], "no variable"
    sizes = {}
    for path in objects:
        rows = [row.split() for row in targets.run([item.tool("size"), "-A", path]).splitlines()]
        sizes[path.stem] = sum(int(row[1]) for row in rows if len(row) == 3 and row[0].startswith((".text", ".rodata")))
    graphs = "".join(path.with_suffix(".ci").read_text(encoding="utf-8") for path in objects)
    stack = max(map(int, re.findall(r"(\d+) bytes \(static\)", graphs)))
    assert sizes.keys() == CEILINGS[name].keys()
    assert all(sizes[stem] <= CEILINGS[name][stem] for stem in sizes), sizes
    assert stack <= STACK_BYTES
    figure(f"{name}: {sum(sizes.values())} bytes with -Os {sizes}, {stack} bytes of stack at most")
