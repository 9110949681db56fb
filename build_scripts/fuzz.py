"""Fuzz the core with libFuzzer, ASan and UBSan, in a build that lets wrong check values pass (FLIGHT_FUZZ).

`python -m build_scripts.fuzz` runs every target 200,000 times from the kept corpus, the slow ones 50,000 times; `--runs`,
`--only` and `--keep` (minimise what was found and add it to tests/fuzz/corpus) change that. A target is one file tests/fuzz/fuzz_NAME.c whose
first line names the calls that it needs; while flight.h lacks one of them, the target waits.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from build_scripts import ctools

FOLDER = ctools.TESTS / "fuzz"
CORPUS = FOLDER / "corpus"
FLAGS = [
    "-O2",
    "-fsanitize=fuzzer,address,undefined",
    "-fno-sanitize-recover=all",
    "-g1",
    "-DFLIGHT_FUZZ",
    "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION",
]
# Here libFuzzer learns nothing from what is compared: rounds of a hash, and the models that the core is compared with. To
# tell it took half of the time of a run.
UNTOLD = {
    name: ["-fno-sanitize-coverage=trace-cmp"]
    for name in ("flight_sha256.c", "fuzz_sha256.c", "ring_model.c", "store_model.c")
}
# Inputs longer than this find nothing new in targets that read small fields. A target may say another number, with a line
# `#define INPUT_BYTES 64`.
INPUT_BYTES = 256
# What a target runs when nobody says how often: enough to see what a change broke, in seconds. Those of the console client
# and those that compare with a model take 60 to 250 us a run.
SHORT_RUNS = 200_000
SLOW_RUNS = 50_000
SLOW = {"client", "http", "sha256", "store", "websocket"}
OWN_BYTES = re.compile(r"^#define INPUT_BYTES (\d+)$", re.MULTILINE)
DONE = re.compile(r"Done (\d+) runs in (\d+) second")
COVERED = re.compile(r"cov: (\d+)")


@dataclass(frozen=True)
class Target:
    """One file of tests/fuzz, and which of the calls that it needs are missing."""

    name: str
    source: Path
    missing: tuple[str, ...]
    input_bytes: int = INPUT_BYTES

    @property
    def short_runs(self) -> int:
        """How often it runs when nobody says so."""
        return SLOW_RUNS if self.name in SLOW else SHORT_RUNS


@dataclass(frozen=True)
class Outcome:
    """What came of one target."""

    target: Target
    good: bool
    line: str
    log: str


def targets() -> list[Target]:
    """All targets, ready or waiting."""
    found = []
    for source in sorted(FOLDER.glob("fuzz_*.c")):
        text = source.read_text(encoding="utf-8")
        match = re.match(r"/\* needs: ([a-z0-9_ ]+) \*/", text)
        if match is None:
            raise SystemExit(f"{source.name}: its first line must be /* needs: CALLS */")
        missing = tuple(name for name in match[1].split() if not ctools.header_has(name))
        own = OWN_BYTES.search(text)
        input_bytes = int(own[1]) if own else INPUT_BYTES
        found.append(Target(source.stem.removeprefix("fuzz_"), source, missing, input_bytes))
    return found


def build(target: Target) -> Path:
    """The program of one target."""
    core = [*ctools.core_sources(), *ctools.session_sources(), *ctools.console_sources()]
    sources = [target.source, *ctools.model_sources(), *core, *ctools.corpus_sources()]
    return ctools.program(f"fuzz/{target.name}", sources, FLAGS, more=UNTOLD)


def pack(inputs: list[bytes]) -> bytes:
    """One file of many inputs: before each its length in four bytes."""
    return b"".join(len(data).to_bytes(4, "little") + data for data in sorted(inputs))


def unpack(packed: bytes) -> list[bytes]:
    """The inputs of such a file."""
    inputs = []
    while packed:
        end = 4 + int.from_bytes(packed[:4], "little")
        inputs.append(packed[4:end])
        packed = packed[end:]
    return inputs


def kept_inputs(target: Target) -> Path:
    """The kept corpus of a target, as the folder of files that libFuzzer wants."""
    folder = ctools.BUILD / "fuzz" / f"{target.name}.kept"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept = CORPUS / f"{target.name}.bin"
    for number, data in enumerate(unpack(kept.read_bytes()) if kept.exists() else []):
        (folder / f"{number:04}").write_bytes(data)
    return folder


def fuzz(target: Target, runs: int, seed: int) -> Outcome:
    """Run one target from its corpus; new inputs go to build/, never to the kept corpus."""
    program = build(target)
    found = ctools.BUILD / "fuzz" / f"{target.name}.found"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    command: list[str | Path] = [
        program,
        f"-runs={runs}",
        f"-seed={seed}",
        f"-max_len={target.input_bytes}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        f"-artifact_prefix={found.parent}/{target.name}-",
        found,
        kept_inputs(target),
    ]
    done = ctools.run(command)
    log = done.stdout + done.stderr
    end = DONE.search(log)
    if done.returncode != 0 or end is None or int(end[1]) < runs:
        return Outcome(target, good=False, line=f"{target.name}: failed, see below", log=log)
    covered = COVERED.findall(log)
    line = f"{target.name}: {int(end[1]):,} runs in {end[2]} s, {covered[-1] if covered else '?'} edges, 0 findings"
    return Outcome(target, good=True, line=line, log=log)


def keep(target: Target) -> None:
    """Write the smallest set of inputs that reaches what all known inputs reach into the kept corpus."""
    program = build(target)
    fresh = ctools.BUILD / "fuzz" / f"{target.name}.merged"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    found = ctools.BUILD / "fuzz" / f"{target.name}.found"
    inputs = [kept_inputs(target), *([found] if found.is_dir() else [])]
    done = ctools.run([program, "-merge=1", f"-max_len={target.input_bytes}", "-set_cover_merge=1", fresh, *inputs])
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{target.name}.bin").write_bytes(pack([path.read_bytes() for path in fresh.iterdir()]))


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, help=f"of each target; otherwise {SHORT_RUNS:,}, {SLOW_RUNS:,} of slow ones"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--keep", action="store_true", help="add what was found to tests/fuzz/corpus, minimised")
    options = parser.parse_args(arguments)
    chosen = [target for target in targets() if not options.only or target.name in options.only]
    ready = [target for target in chosen if not target.missing]
    for target in ready:
        build(target)
    outcomes = ctools.side_by_side(lambda target: fuzz(target, options.runs or target.short_runs, options.seed), ready)
    for target in chosen:
        if target.missing:
            print(f"{target.name}: waits for {', '.join(target.missing)} in flight.h")
    for outcome in outcomes:
        print(outcome.line)
        if not outcome.good:
            print(outcome.log)
    if options.keep and all(outcome.good for outcome in outcomes):
        ctools.side_by_side(keep, ready)
    return 0 if ready and all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
