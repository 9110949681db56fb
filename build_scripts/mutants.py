"""Change the C core in small ways and see whether its own test program notices.

`python -m build_scripts.mutants` makes every mutant of csrc/src and of the inline part of flight_emit.h: relations, arithmetic,
constants, logic, conditions negated, statements left out. Each is compiled and judged by tests/ctest; one that does not
compile is none, nor is one whose objects are the same bytes in every build; one that runs too long counts as found.
`--sample N --seed S` takes N of them. Those that change nothing that can be seen are listed with a reason in tests/ctest/equivalent_mutants.txt and not counted.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from build_scripts import coverage_c, ctools

EQUIVALENT = ctools.TESTS / "ctest" / "equivalent_mutants.txt"
FLAGS = ["-std=c11", "-O1", "-w"]
# A mutant has to survive all of these: the fast build first, then what sees more (without optimizing as well, which cuts a
# copy over the end of a variable down to the variable), then what the preprocessor left out.
STRICT = [*coverage_c.BUILDS["coverage-strict"], *ctools.SANITIZERS]
BUILDS = [
    [],
    ctools.SANITIZERS,
    [*ctools.SANITIZERS, "-O0"],
    *[flags for flags in coverage_c.BUILDS.values() if flags],
    STRICT,
]
GOAL = 0.95
# Of the processor's time, so that a busy machine does not pass for a mutant that runs on and on; the sanitizers take 2 s.
SECONDS = 10
# The self-test is judged by other means: it is a test.
LEFT_OUT = {"flight_selftest.c", "flight_crc_hardware.h", "flight_crc_tables.h", "flight_refuse.h"}

NOT_LINKED = ("flight_session", *ctools.CONSOLE)

RELATIONS = {"<": ["<=", ">"], "<=": ["<", "=="], ">": [">=", "<"], ">=": [">", "=="], "==": ["!="], "!=": ["=="]}
ARITHMETIC = {"+": ["-"], "-": ["+"], "*": ["+"], "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"], "^": ["|"]}
ASSIGNMENTS = {"+=": ["-="], "-=": ["+="], "|=": ["="], "^=": ["="], ">>=": ["="]}
LOGIC = {"&&": ["||"], "||": ["&&"]}
BINARY = {**RELATIONS, **ARITHMETIC, **ASSIGNMENTS, **LOGIC}
OPERATOR = re.compile(r"(?<= )(<<|>>=|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\|=|\^=|[<>+*&|^-])(?= )")
NUMBER = re.compile(r"(?<![\w.])(0x[0-9a-f]+|\d+)(u?)(?![\w.])")
CONDITION = re.compile(r"^\s*(?:\} else )?(?:if|while) \((.*)\) \{$")
STATEMENT = re.compile(r"^\s+(?!return\b|break\b|case\b|default\b|goto\b|const\b|static\b|continue\b)[\w*(].*;$")
DECLARATION = re.compile(
    r"^\s+(?:(?:u?int\d*(?:_t)?|size_t|flight_\w+|delta_\w+|kept_\w+|unsigned|void|uint\d+_t) \**\w+)"
)


@dataclass(frozen=True)
class Mutant:
    """One line of one file, changed."""

    path: Path
    line: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """How it is listed; line numbers move, so the text stands for the place."""
        return f"{self.path.name}: {squeeze(self.before)} => {squeeze(self.after)}"


def squeeze(text: str) -> str:
    """Without the spaces that only indent."""
    return re.sub(r"\s+", " ", text.strip())


def code_lines(path: Path) -> list[tuple[int, str]]:
    """Lines inside functions, without comments, directives, tables and strings."""
    found = []
    comment = inside = table = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("{"):
            inside = True
        elif line.startswith("}"):
            inside = False
        if comment or line.lstrip().startswith("/*"):
            comment = "*/" not in line
            continue
        if re.match(r"\s+static const .*= \{$", line):
            table = True
        if inside and not table and not line.startswith("#") and '"' not in line and line not in {"{", "}"}:
            found.append((number, line))
        if table and line.strip() == "};":
            table = False
    return found


def changes(line: str) -> list[str]:
    """Every way to change one line."""
    code, mark, comment = line.partition("/*")
    found = []
    for match in OPERATOR.finditer(code):
        # `* ` behind a type is no product.
        if match[1] == "*" and re.search(r"(?:_t|void|char|const|\)) $", code[: match.start()]):
            continue
        found += [code[: match.start()] + other + code[match.end() :] for other in BINARY[match[1]]]
    for match in NUMBER.finditer(code):
        value = int(match[1], 0)
        others = {value + 1, 0 if value > 1 else value + 1}
        found += [f"{code[: match.start()]}{other}{match[2]}{code[match.end() :]}" for other in sorted(others)]
    if condition := CONDITION.match(code.rstrip()):
        start, end = condition.span(1)
        found.append(f"{code[:start]}!({condition[1]}){code[end:]}")
    if STATEMENT.match(code.rstrip()) and not DECLARATION.match(code) and code.count("(") == code.count(")"):
        found.append(code[: len(code) - len(code.lstrip())] + ";")
    return [each.rstrip() + (" " + mark + comment if mark else "") for each in found if each != code]


def mutants() -> list[Mutant]:
    """All of them, in the order of the files."""
    paths = [*ctools.CORE.glob("*.[ch]"), ctools.INCLUDE / "flight_emit.h"]
    return [
        Mutant(path, number, line, after)
        for path in sorted(paths)
        if path.name not in LEFT_OUT and not path.name.startswith(NOT_LINKED)
        for number, line in code_lines(path)
        for after in dict.fromkeys(changes(line))
    ]


def equivalents() -> dict[str, str]:
    """Those that change nothing that can be seen, and why."""
    found = {}
    for line in EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []:
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.rpartition(" | ")
            found[name.strip()] = reason.strip()
    return found


class Bench:
    """The test program's objects in one build, compiled once; a mutant compiles what it touches and links."""

    def __init__(self, flags: list[str]) -> None:
        self.flags = [*FLAGS, *flags]
        self.compiler = ctools.clang()
        self.includes = [
            f"-I{folder}" for folder in (ctools.TESTS / "corpus", ctools.TESTS / "fuzz", ctools.TESTS / "ctest")
        ]
        plain = [f"-I{ctools.INCLUDE}", f"-I{ctools.CORE}"]
        headers = ctools.stamp_of(ctools.ROOT.glob("csrc/*/*.h"), [])
        options = [self.compiler, *self.flags, *self.includes, *plain]
        self.tests = ctools.side_by_side(
            lambda path: ctools.compile_one(path, options, headers), ctools.ctest_sources()
        )
        self.plain: dict[str, bytes] = {}
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            folder = Path(name)
            shutil.copytree(ctools.ROOT / "csrc", folder / "csrc")
            sources = [str(folder / "csrc" / "src" / path.name) for path in ctools.core_sources()]
            sources += [str(ctools.TESTS / "fuzz" / "ring_model.c"), str(ctools.TESTS / "ctest" / "test_ring.c")]
            copied = [f"-I{folder / 'csrc' / 'include'}", f"-I{folder / 'csrc' / 'src'}"]
            for path in self.compile(folder, sources, [*self.flags, *self.includes, *copied]) or []:
                self.plain[path.stem] = path.read_bytes()
        self.core = dict(
            zip(
                [path.name for path in ctools.core_sources()],
                ctools.side_by_side(lambda path: ctools.compile_one(path, options, headers), ctools.core_sources()),
                strict=True,
            )
        )

    def judge(self, mutant: Mutant) -> str:
        """`killed`, `survived`, `same` (the same objects) or `none` (does not compile)."""
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            folder = Path(name)
            shutil.copytree(ctools.ROOT / "csrc", folder / "csrc")
            path = folder / mutant.path.relative_to(ctools.ROOT)
            lines = path.read_text(encoding="utf-8").splitlines()
            lines[mutant.line] = mutant.after
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            # A header is in every file of the core; the tests keep the inline calls that they were compiled with, but for
            # flight_emit.h, which is theirs too.
            touched = [path.name] if path.suffix == ".c" else list(self.core)
            options = [*self.flags, *self.includes, f"-I{folder / 'csrc' / 'include'}", f"-I{folder / 'csrc' / 'src'}"]
            sources = [str(folder / "csrc" / "src" / each) for each in touched]
            if path.name == "flight_emit.h":
                sources += [str(ctools.TESTS / "fuzz" / "ring_model.c"), str(ctools.TESTS / "ctest" / "test_ring.c")]
            stems = {Path(source).stem for source in sources}
            objects = [
                str(each) for each in [*self.tests, *self.core.values()] if each.stem.rpartition("-")[0] not in stems
            ]
            fresh = self.compile(folder, sources, options)
            if fresh is None:
                return "none"
            if all(self.is_plain(path) for path in fresh):
                return "same"
            program = folder / "ctest"
            done = ctools.run([self.compiler, *self.flags, *map(str, fresh), *objects, "-o", str(program)])
            if done.returncode != 0:
                return "none"
            limited: list[str | Path] = ["bash", "-c", f'ulimit -t {SECONDS} && exec "$0" --brief', program]
            return "survived" if ctools.run(limited).returncode == 0 else "killed"

    def compile(self, folder: Path, sources: list[str], options: list[str]) -> list[Path] | None:
        """Objects of these sources, or None where one does not compile."""
        found = []
        for source in sources:
            target = folder / f"{Path(source).stem}.o"
            if ctools.run([self.compiler, *options, "-c", source, "-o", str(target)]).returncode != 0:
                return None
            found.append(target)
        return found

    def is_plain(self, path: Path) -> bool:
        """Whether the mutant's object is what the unchanged source gives."""
        return self.plain.get(path.stem) == path.read_bytes()


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only N of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="FILE", help="only of this file")
    parser.add_argument(
        "--again", type=Path, metavar="FILE", help="only those that FILE, printed earlier, says survived"
    )
    options = parser.parse_args(arguments)
    known = equivalents()
    every = mutants()
    chosen = [each for each in every if each.name not in known and options.only in each.path.name]
    if options.again:
        earlier = set(
            re.findall(r"^survived: ([^:]+):\d+(: .*)$", options.again.read_text(encoding="utf-8"), re.MULTILINE)
        )
        chosen = [each for each in chosen if each.name in {file + change for file, change in earlier}]
    if options.sample:
        chosen = random.Random(options.seed).sample(chosen, options.sample)  # noqa: S311  (a seeded choice, no secret)
    left, none = chosen, 0
    differs: set[Mutant] = set()
    for flags in BUILDS:
        verdicts = list(zip(left, ctools.side_by_side(Bench(flags).judge, left), strict=True))
        none += sum(verdict == "none" for _, verdict in verdicts)
        # With debug information, as the sanitizers have it, equal code may still give other objects.
        differs |= {mutant for mutant, verdict in verdicts if verdict == "survived" and "-g1" not in flags}
        left = [mutant for mutant, verdict in verdicts if verdict in {"survived", "same"}]
    survivors = [mutant for mutant in left if mutant in differs]
    none += len(left) - len(survivors)
    total = len(chosen) - none
    for mutant in survivors:
        print(f"survived: {mutant.path.name}:{mutant.line + 1}: {squeeze(mutant.before)} => {squeeze(mutant.after)}")
    stale = sorted(set(known) - {each.name for each in every})
    for name in stale:
        print(f"listed as equivalent, but no longer made: {name}")
    killed = total - len(survivors)
    share = 100 * killed / total if total else 0
    print(f"mutants: {killed}/{total} killed ({share:.1f} %), {len(known)} equivalent left out, seed {options.seed}")
    return 0 if total and killed >= GOAL * total and not stale else 1


if __name__ == "__main__":
    sys.exit(main())
