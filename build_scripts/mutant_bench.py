"""Judge mutants of the C core: compile what one touches, link it with objects that stand ready, run the test program.

What was judged is remembered in build/verify/mutants.txt until a source, a test or a build changes, so that a run that was
interrupted goes on where it ended.
"""

from __future__ import annotations

import math
import os
import queue
import re
import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from build_scripts import ctools

FLAGS = ["-std=c11", "-O1", "-w"]
# This word is for the core only: tests that are not optimized take twice as long and find nothing more.
PLAINLY = "-O0"
FOLDERS = ("corpus", "fuzz", "ctest")
JOURNAL = ctools.BUILD / "mutants.txt"
# Of the processor's time, so that a busy machine does not pass for a mutant that runs on and on: ten times what the unchanged
# program takes in this build, and never less than this.
SECONDS_FIRST = 3
TIMES = 10
# Tests that have the inline calls of flight_emit.h in them.
EMITTING = [ctools.TESTS / "fuzz" / "ring_model.c", ctools.TESTS / "ctest" / "test_ring.c"]


class Journal:
    """Verdicts by build (its flags) and mutant, line by line as they come, under a stamp of everything that they depend on."""

    def __init__(self, path: Path, stamp: str) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.verdicts: dict[tuple[str, str], str] = {}
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        if lines[:1] == [stamp]:
            # what an interruption left of a line has no end and does not count
            for line in lines[1:-1]:
                build, verdict, name = line.split("\t")
                self.verdicts[build, name] = verdict
            if lines[-1]:
                path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{stamp}\n", encoding="utf-8")

    def known(self, build: str, name: str) -> str | None:
        """What was said of this mutant in this build."""
        return self.verdicts.get((build, name))

    def note(self, build: str, name: str, verdict: str) -> None:
        """Keep a verdict, on disk at once."""
        with self.lock:
            self.verdicts[build, name] = verdict
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{build}\t{verdict}\t{name}\n")


def sources_stamp() -> str:
    """One text for all that a verdict depends on, besides the build: core, tests, compiler, and this file."""
    headers = [path for folder in (ctools.INCLUDE, ctools.CORE, ctools.TESTS) for path in folder.rglob("*.h")]
    version = ctools.run([ctools.clang(), "--version"]).stdout
    return ctools.stamp_of(
        [*ctools.core_sources(), *ctools.ctest_sources(), *headers, Path(__file__)],
        [version, *FLAGS],
    )


class Bench:
    """The test program in one build: all objects are there, a mutant compiles what it touches in a copy of the core at home."""

    def __init__(self, flags: list[str], home: Path) -> None:
        self.home = home
        self.flags = [*FLAGS, *flags]
        self.compiler = ctools.clang()
        self.includes = [f"-I{ctools.TESTS / folder}" for folder in FOLDERS]
        headers = ctools.stamp_of(ctools.ROOT.glob("csrc/**/*.h"), [])
        headers += ctools.stamp_of([path for folder in FOLDERS for path in (ctools.TESTS / folder).glob("*.h")], [])
        copied = [f"-I{ctools.INCLUDE}", f"-I{ctools.CORE}"]
        sources = [*ctools.core_sources(), *ctools.ctest_sources()]
        objects = ctools.side_by_side(
            lambda path: ctools.compile_one(path, self.options(path, copied), headers), sources
        )
        self.objects = dict(zip(sources, objects, strict=True))
        self.includers = self.read_includers([self.compiler, *self.flags, *self.includes, *copied])
        self.folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(os.cpu_count() or 1):
            folder = home / str(number)
            shutil.copytree(ctools.ROOT / "csrc", folder / "csrc")
            self.folders.put(folder)
        self.seen: dict[str, str] = {}
        self.seconds = self.normal_seconds()

    def options(self, source: Path, copied: list[str]) -> list[str]:
        """How this source is compiled against these headers of the core."""
        is_core = source.is_relative_to(ctools.CORE)
        flags = [flag for flag in self.flags if is_core or flag != PLAINLY]
        return [self.compiler, *flags, *self.includes, *copied]

    def read_includers(self, options: list[str]) -> dict[str, list[Path]]:
        """The core's files that each header is in."""
        found: dict[str, list[Path]] = {}
        for source in ctools.core_sources():
            done = ctools.run([*options, "-MM", source])
            for name in re.findall(r"(\w+\.h)\b", done.stdout):
                found.setdefault(name, []).append(source)
        return found

    def normal_seconds(self) -> int:
        """What a mutant may take; the program with nothing changed has to be content, or no verdict means anything."""
        program = self.home / "plain"
        done = ctools.run([self.compiler, *self.flags, *self.objects.values(), "-o", program])
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        if done.returncode == 0:
            done = ctools.run([program, "--brief"])
        took_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        if done.returncode != 0:
            raise RuntimeError(f"the core fails its own tests, unchanged:\n{done.stdout}{done.stderr}")
        return max(SECONDS_FIRST, math.ceil(TIMES * took_s))

    @contextmanager
    def changed(self, path: Path, line: int, after: str) -> Iterator[Path]:
        """A folder with a copy of the core in which one line is another one."""
        folder = self.folders.get()
        place = folder / path.relative_to(ctools.ROOT)
        original = path.read_text(encoding="utf-8")
        lines = original.splitlines()
        lines[line] = after
        try:
            place.write_text("\n".join(lines) + "\n", encoding="utf-8")
            yield folder
        finally:
            place.write_text(original, encoding="utf-8")
            self.folders.put(folder)

    def touched(self, path: Path) -> list[Path]:
        """What to compile.

        A header is in files of the core. The tests keep the inline calls that they were compiled with, but for flight_emit.h,
        which is theirs too.
        """
        if path.suffix == ".c":
            return [path]
        return [*self.includers.get(path.name, []), *(EMITTING if path.name == "flight_emit.h" else [])]

    def judge(self, path: Path, line: int, after: str) -> str:
        """`killed`, `survived`, `same` (the same objects) or `none` (does not compile)."""
        with self.changed(path, line, after) as folder:
            fresh = self.compile(folder, self.touched(path))
            if fresh is None:
                return "none"
            if all(ready.read_bytes() == self.objects[source].read_bytes() for source, ready in fresh.items()):
                return "same"
            # two ways to write the same program are judged once
            content = ctools.stamp_of(fresh.values(), [])
            if content not in self.seen:
                self.seen[content] = self.run(folder, fresh)
            return self.seen[content]

    def compile(self, folder: Path, sources: list[Path]) -> dict[Path, Path] | None:
        """Objects of these sources, those of the core from the copy in this folder; None where one does not compile."""
        copied = [f"-I{folder / 'csrc' / 'include'}", f"-I{folder / 'csrc' / 'src'}"]
        fresh = {}
        for source in sources:
            place = folder / source.relative_to(ctools.ROOT) if source.is_relative_to(ctools.CORE) else source
            fresh[source] = folder / f"{source.stem}.o"
            if ctools.run([*self.options(source, copied), "-c", place, "-o", fresh[source]]).returncode != 0:
                return None
        return fresh

    def run(self, folder: Path, fresh: dict[Path, Path]) -> str:
        """The verdict of the test program with these objects in place of the plain ones."""
        program = folder / "ctest"
        objects = {**self.objects, **fresh}.values()
        if ctools.run([self.compiler, *self.flags, *objects, "-o", program]).returncode != 0:
            return "none"
        limited: list[str | Path] = ["bash", "-c", f'ulimit -t {self.seconds} && exec "$0" --brief', program]
        return "survived" if ctools.run(limited).returncode == 0 else "killed"
