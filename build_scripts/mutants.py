"""Change the C core in small ways and see whether its own test program notices.

`python -m build_scripts.mutants` makes every mutant of csrc/src and of the inline part of flight_emit.h: relations, arithmetic,
constants, logic, conditions negated, statements left out. Each is compiled and judged by tests/ctest (mutant_bench.py); one
that does not compile is none, nor is one whose objects are the same bytes in every build; one that runs too long counts as
found. `--sample N --seed S` takes N of them. Those that change nothing that can be seen are listed with a reason in
tests/ctest/equivalent_mutants.txt and not counted.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from build_scripts import coverage_c, ctools, mutant_bench

EQUIVALENT = ctools.TESTS / "ctest" / "equivalent_mutants.txt"
# A mutant has to survive all of these: the fast build first, what the preprocessor left out of it, then what sees more. The
# sanitizers look at a core that is not optimized, which would cut a copy over the end of a variable down to the variable.
WATCHED = [*ctools.SANITIZERS, mutant_bench.PLAINLY]
BUILDS = [*coverage_c.BUILDS.values(), WATCHED, [*coverage_c.BUILDS["coverage-strict"], *WATCHED]]
GOAL = 0.95
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
    # Which of the lines of the file with this text.
    place: int = 1

    @property
    def name(self) -> str:
        """How it is listed; line numbers move, so the text stands for the place, with its number from the second on."""
        number = f" #{self.place}" if self.place > 1 else ""
        return f"{self.path.name}: {squeeze(self.before)} => {squeeze(self.after)}{number}"


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
        mutant
        for path in sorted(paths)
        if path.name not in LEFT_OUT and not path.name.startswith(NOT_LINKED)
        for mutant in mutants_of(path)
    ]


def mutants_of(path: Path) -> list[Mutant]:
    """Those of one file."""
    found = []
    places: Counter[str] = Counter()
    for number, line in code_lines(path):
        places[squeeze(line)] += 1
        found += [Mutant(path, number, line, after, places[squeeze(line)]) for after in dict.fromkeys(changes(line))]
    return found


def equivalents() -> dict[str, str]:
    """Those that change nothing that can be seen, and why."""
    found = {}
    for line in EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []:
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.rpartition(" | ")
            if name.strip() in found:
                raise SystemExit(f"{EQUIVALENT.name}: listed twice: {name}")
            found[name.strip()] = reason.strip()
    return found


def judge_all(build: int, chosen: list[Mutant], journal: mutant_bench.Journal) -> dict[Mutant, str]:
    """The verdict of one build on each of these; those that are remembered are not judged again."""
    name = " ".join(BUILDS[build])
    left = [mutant for mutant in chosen if journal.known(name, mutant.name) is None]
    if left:
        with tempfile.TemporaryDirectory(prefix="mutants-") as home:
            bench = mutant_bench.Bench(BUILDS[build], Path(home))
            progress = itertools.count(1)

            def judge(mutant: Mutant) -> None:
                journal.note(name, mutant.name, bench.judge(mutant.path, mutant.line, mutant.after))
                if (done := next(progress)) % 100 == 0:
                    print(f"build {build + 1} of {len(BUILDS)}: {done} of {len(left)} judged", file=sys.stderr)

            ctools.side_by_side(judge, left)
    return {mutant: journal.verdicts[name, mutant.name] for mutant in chosen}


def in_all_builds(chosen: list[Mutant], journal: mutant_bench.Journal) -> dict[Mutant, str]:
    """`killed`, `survived`, or `none` for what does not compile or is the same program."""
    left = chosen
    found: dict[Mutant, str] = {}
    differs: set[Mutant] = set()
    for build, flags in enumerate(BUILDS):
        verdicts = judge_all(build, left, journal)
        found |= {mutant: verdict for mutant, verdict in verdicts.items() if verdict in {"killed", "none"}}
        # With debug information, as the sanitizers have it, equal code may still give other objects.
        differs |= {mutant for mutant, verdict in verdicts.items() if verdict == "survived" and "-g1" not in flags}
        left = [mutant for mutant in left if mutant not in found]
    return found | {mutant: "survived" if mutant in differs else "none" for mutant in left}


def choose(options: argparse.Namespace, known: dict[str, str]) -> list[Mutant]:
    """What to judge. Those that are listed as equivalent too, where no sample is taken: none of them may be noticed."""
    chosen = [each for each in mutants() if options.only in each.path.name]
    if options.again:
        said = re.findall(r"^survived: ([^:]+):\d+(: .*)$", options.again.read_text(encoding="utf-8"), re.MULTILINE)
        chosen = [each for each in chosen if each.name in {file + change for file, change in said}]
    if options.sample:
        chosen = [each for each in chosen if each.name not in known]
        chosen = random.Random(options.seed).sample(chosen, options.sample)  # noqa: S311  (a seeded choice, no secret)
    return chosen


def wrong_entries(known: dict[str, str], verdicts: dict[Mutant, str]) -> list[str]:
    """What cannot be right in the list of equivalent ones."""
    made = {each.name for each in mutants()}
    noticed = {mutant.name for mutant, verdict in verdicts.items() if verdict == "killed"}
    return [
        *[f"listed as equivalent, but no longer made: {name}" for name in sorted(set(known) - made)],
        *[f"listed as equivalent, but noticed by a test: {name}" for name in sorted(set(known) & noticed)],
    ]


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
    journal = mutant_bench.Journal(mutant_bench.JOURNAL, mutant_bench.sources_stamp())
    verdicts = in_all_builds(choose(options, known), journal)
    judged = {mutant: verdict for mutant, verdict in verdicts.items() if verdict != "none" and mutant.name not in known}
    for mutant, verdict in judged.items():
        if verdict == "survived":
            print(f"survived: {mutant.path.name}:{mutant.line + 1}{mutant.name.removeprefix(mutant.path.name)}")
    wrong = wrong_entries(known, verdicts)
    for text in wrong:
        print(text)
    total = len(judged)
    killed = sum(verdict == "killed" for verdict in judged.values())
    share = 100 * killed / total if total else 0
    print(f"mutants: {killed}/{total} killed ({share:.1f} %), {len(known)} equivalent left out, seed {options.seed}")
    return 0 if total and killed >= GOAL * total and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
