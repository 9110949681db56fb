"""Every branch of the codecs, and every condition on its own, is reached by the tests of this folder."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from build_scripts import coverage_c, ctools
from tests.codecs import library
from tests.support.figures import Figure
from tests.tools import needs_clang

HERE = Path(__file__).parent
FLAGS = [
    "-O0",
    "-g1",
    "-fPIC",
    "-shared",
    "-fprofile-instr-generate",
    "-fcoverage-mapping",
    "-fcoverage-mcdc",
    "-Wno-unused-command-line-argument",
]
# Random tests and those that compare with other programs would only repeat what the tables reach.
TESTS = ["-k", "not grammar and not damaged and not pythons and not random"]


@needs_clang
def test_every_branch_and_condition_of_the_codecs_is_reached(
    tmp_path: Path, figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "codecs.profraw"
    environment = {
        **os.environ,
        "FLIGHT_CODEC_FLAGS": " ".join(FLAGS),
        "FLIGHT_CODEC_CUTS": "0",
        "LLVM_PROFILE_FILE": str(raw),
    }
    monkeypatch.setenv("FLIGHT_CODEC_FLAGS", " ".join(FLAGS))
    path = library.build()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    paths = [str(HERE / "test_http.py"), str(HERE / "test_websocket.py")]
    done = subprocess.run(
        [*command, *paths], env=environment, cwd=ctools.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    merged = tmp_path / "codecs.profdata"
    profdata = ctools.find_tool("llvm-profdata-19", "llvm-profdata", package="llvm-19")
    cov = ctools.find_tool("llvm-cov-19", "llvm-cov", package="llvm-19")
    coverage_c.good([profdata, "merge", "-sparse", raw, "-o", merged])
    exported = coverage_c.good([cov, "export", path, f"-instr-profile={merged}"])
    files: dict[str, coverage_c.FileCoverage] = defaultdict(coverage_c.FileCoverage)
    coverage_c.collect(json.loads(exported)["data"][0], files, "/csrc/src/")
    names = {source.name for source in ctools.codec_sources()}
    found = {Path(name).name: coverage for name, coverage in files.items() if Path(name).name in names}
    assert found.keys() == names
    for name, coverage in sorted(found.items()):
        branches, conditions = [*coverage.branches.values()], [*coverage.conditions.values()]
        figure(f"{name:<24} {coverage_c.share(branches)} {coverage_c.share(conditions)}")
    for name, coverage in found.items():
        assert coverage_c.missing(coverage) == [], name
