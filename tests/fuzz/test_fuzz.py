"""The fuzz targets, in their short form; and that what switches the checks off reaches no other build."""

import re
import subprocess
from pathlib import Path

import pytest

from build_scripts import ctools, fuzz
from tests.project.tree import ROOT, files, text
from tests.support.figures import Figure
from tests.tools import needs_clang

HEADER = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ctools.INCLUDE.glob("flight*.h")))


@needs_clang
@pytest.mark.timeout(400)
def test_no_target_finds_anything(capsys: pytest.CaptureFixture[str], figure: Figure) -> None:
    code = fuzz.main([])
    printed = capsys.readouterr().out
    assert code == 0, printed
    for name in ("frame", "stream", "batch", "delta", "lz4", "ring"):
        assert f"{name}: 200,000 runs in " in printed
    figure(printed)


def wire_facing() -> set[str]:
    """Calls of flight.h that read bytes from outside, walk a ring or keep the place of what they read or wrote."""
    calls = re.findall(
        r"^(?:static inline )?(?:int|size_t|void|uint32_t) (flight_\w+)\(([^;]*)\);", HEADER, re.MULTILINE
    )
    reads = re.compile(r"const uint8_t \*data|flight_(ring|stream|store|delta|fragmenter|reassembly) \*")
    return {name for name, parameters in calls if reads.search(parameters)}


def test_every_call_that_takes_bytes_or_a_ring_has_a_target() -> None:
    needed = {
        name
        for target in fuzz.targets()
        for name in re.findall(r"flight_\w+", target.source.read_text(encoding="utf-8"))
    }
    # what a target reaches through a model counts
    for model in ctools.model_sources():
        needed |= set(re.findall(r"flight_\w+", model.read_text(encoding="utf-8")))
    assert {"flight_frame_decode", "flight_ring_put", "flight_batch_next", "flight_store_pack"} <= wire_facing()
    assert wire_facing() - {"flight_ring_reserve_any"} <= needed


def test_the_kept_corpus_is_small() -> None:
    kept = {path.name: fuzz.unpack(path.read_bytes()) for path in fuzz.CORPUS.iterdir()}
    assert set(kept) == {f"{target.name}.bin" for target in fuzz.targets() if not target.missing}
    assert all(0 < len(inputs) < 1000 for inputs in kept.values())
    assert all(len(data) <= fuzz.INPUT_BYTES for inputs in kept.values() for data in inputs)
    assert fuzz.unpack(fuzz.pack([b"one", b"", b"three"])) == [b"", b"one", b"three"]


# --- FLIGHT_FUZZ lets damaged frames pass: it stands in one header, and no build but the fuzzers' defines it ---


def test_only_the_fuzzers_switch_the_checks_off() -> None:
    allowed = {"csrc/src/flight_refuse.h", "build_scripts/fuzz.py", "tests/fuzz/test_fuzz.py", "CONTRIBUTING.md"}
    naming = {path.as_posix() for path in files() if b"FLIGHT_FUZZ" in (ROOT / path).read_bytes()}
    assert {"csrc/src/flight_refuse.h", "build_scripts/fuzz.py"} <= naming <= allowed
    assert text(Path("csrc/src/flight_refuse.h")).count("#if defined(FLIGHT_FUZZ)") == 2


@needs_clang
def test_a_build_with_the_checks_off_by_accident_does_not_compile(tmp_path: Path) -> None:
    source = ctools.CORE / "flight_frame.c"
    command = [
        ctools.clang(),
        f"-I{ctools.INCLUDE}",
        "-c",
        str(source),
        "-o",
        str(tmp_path / "frame.o"),
        "-DFLIGHT_FUZZ",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "for fuzzing only" in done.stderr
    subprocess.run([*command, "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"], check=True)
    subprocess.run(command[:-1], check=True)


DAMAGED = """
#include "flight.h"

/* A checked frame whose header check and CRC are both wrong: 0 where it is taken. */
int main(void)
{
    const uint8_t data[20] = {FLIGHT_FIRST_BYTE, FLIGHT_TYPE_DATA, FLIGHT_FLAG_CHECKED, 0x12};
    flight_frame frame;

    return flight_frame_decode(data, sizeof data, 640, &frame) == 20 ? 0 : 1;
}
"""


@needs_clang
def test_the_fuzzers_build_takes_damaged_frames_and_no_other_does(tmp_path: Path) -> None:
    source = tmp_path / "damaged.c"
    source.write_text(DAMAGED, encoding="utf-8")
    define = [flag for flag in fuzz.FLAGS if flag.startswith("-D")]
    command = [ctools.clang(), str(source), *map(str, ctools.core_sources()), f"-I{ctools.INCLUDE}", f"-I{ctools.CORE}"]
    for flags, taken in ((define, 0), (list[str](), 1)):
        subprocess.run([*command, *flags, "-o", str(tmp_path / "damaged")], check=True)
        assert subprocess.run([str(tmp_path / "damaged")], check=False).returncode == taken
