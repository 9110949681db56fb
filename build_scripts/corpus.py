"""Run the enumerated corpus: golden frames changed in every way that tests/corpus lists, under ASan and UBSan.

`python -m build_scripts.corpus` takes a sample of the 65,536 lengths, `--all` takes every one. The golden frames are those
made through the core and, where the file is there, those of spec/vectors/frames.json.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from build_scripts import ctools

VECTORS = ctools.ROOT / "spec" / "vectors" / "frames.json"
CASES = re.compile(r"^corpus: (\d+) cases over (\d+) golden frames", re.MULTILINE)
HEX = re.compile(r"(?:[0-9a-f]{2}){16,}")


def frames_in(value: Any) -> Iterator[bytes]:
    """Every string of hexadecimal digits in a JSON value that starts as a frame does."""
    if isinstance(value, str) and HEX.fullmatch(value):
        frame = bytes.fromhex(value)
        if frame[0] == 0xF1 and len(frame) >= 16:
            yield frame
    elif isinstance(value, dict):
        for inner in value.values():
            yield from frames_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from frames_in(inner)


def whole(frame: bytes) -> bool:
    """Whether the length in the header is that of the bytes: payloads that look like frames are left out."""
    return len(frame) == 16 + int.from_bytes(frame[4:6], "little") + (4 if frame[2] & 0x20 else 0)


def golden_part(vectors: object) -> object:
    """The valid frames of the vector file; what it lists as invalid is no golden frame."""
    return vectors["frames"] if isinstance(vectors, dict) and "frames" in vectors else vectors


def golden_file(vectors: Path = VECTORS) -> Path | None:
    """The frames of the specification in the form that the program reads, or None where there are none."""
    if not vectors.exists():
        return None
    frames = sorted(
        {frame for frame in frames_in(golden_part(json.loads(vectors.read_text(encoding="utf-8")))) if whole(frame)}
    )
    target = ctools.BUILD / "goldens.bin"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames[:64]))
    return target


def run(every: bool = False, seed: int = 1) -> subprocess.CompletedProcess[str]:
    """Build the program and run it."""
    sources = [*ctools.core_sources(), *ctools.corpus_sources(), ctools.TESTS / "corpus" / "main.c"]
    program = ctools.program("corpus", sources, ["-O2", *ctools.SANITIZERS])
    goldens = golden_file()
    options = ["--goldens", str(goldens)] if goldens else []
    return ctools.run([program, *(["--all"] if every else []), "--seed", str(seed), *options])


def cases(output: str) -> int:
    """How many cases the program says it has judged; 0 where it did not come to the end."""
    found = CASES.search(output)
    return int(found[1]) if found else 0


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every length instead of a sample")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    done = run(options.all, options.seed)
    print(done.stdout + done.stderr, end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
