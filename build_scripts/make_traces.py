"""Write spec/traces/: sessions of the Python reference, step by step.

`python -m build_scripts.make_traces` writes them; `--check` writes nothing and exits 1 when one is stale. How a trace reads
stands in spec/traces/README.md. Some are told (tests/twin/scripts.py). Each platform has a few sessions of random happenings from a
fixed seed; more are added until every transition of the state table, every command and every answer has been seen.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from flight_client.session.device import states
from tests.twin import scripts, steps, traces
from tests.twin.director import Director
from tests.twin.script import Script

ROOT = Path(__file__).resolve().parent.parent
TRACES = ROOT / "spec" / "traces"
SESSIONS = 4  # of each platform
STEPS = 220
SHORTEST = 120
SEEDS = 1500  # tried at most
SEED = re.compile(r"^# .* seed (\d+),")
COMMANDS = range(10)
NEWS = range(9)

Seen = set[tuple[str, int, int]]


class Seeded:
    """Choices from a seed; the same on every machine."""

    def __init__(self, seed: int):
        """Start."""
        self.random = random.Random(seed)  # noqa: S311 - not for secrets

    def below(self, limit: int) -> int:
        """A number below the limit."""
        return int(self.random.random() * limit)

    def octets(self, count: int) -> bytes:
        """Any bytes."""
        return self.random.randbytes(count)


def record(seed: int) -> tuple[int, list[str], Seen]:
    """A session: the number of its platform, its lines, and what was seen in it."""
    seen: Seen = set()
    original = states.next_state

    def watched(state: int, happening: int) -> int:
        target = original(state, happening)
        if target != state:
            seen.add(("change", state, happening))
        return target

    states.next_state = watched
    try:
        director = Director(Seeded(seed))
        lines = [f"setup {director.setup.hex()}"]
        while len(lines) <= STEPS and not director.over():
            made = director.next()
            answer = director.take(made)
            lines.append(traces.line_of(director.reference, made))
            if made[0] in (steps.POLL, steps.RECEIVE):
                seen.add(("answer", made[0], answer))
    finally:
        states.next_state = original
    return director.setup[0], lines, seen


def tell(script: Callable[[], Script]) -> str:
    """The file of a session that is told."""
    told = script()
    reference = steps.Reference(told.setup)
    lines = [f"setup {told.setup.hex()}"]
    for step in told.steps:
        reference.step(step)
        lines.append(traces.line_of(reference, step))
    words = " ".join((script.__doc__ or "").split())
    return f"# {words} Written by build_scripts/make_traces.py\n" + "\n".join(lines) + "\n"


def told() -> dict[str, str]:
    """All of them."""
    return {f"told-{script.__name__.replace('_', '-')}.txt": tell(script) for script in scripts.SCRIPTS}


def wanted() -> Seen:
    """All that the traces together must show."""
    changes = {("change", state, happening) for state, happening, target in states.TRANSITIONS if state != target}
    answers = {("answer", steps.POLL, command) for command in COMMANDS}
    return changes | answers | {("answer", steps.RECEIVE, news) for news in NEWS}


def text_of(name: str, seed: int, lines: list[str]) -> str:
    """What a file holds."""
    return f"# {name}: seed {seed}, written by build_scripts/make_traces.py\n" + "\n".join(lines) + "\n"


def stale() -> list[str]:
    """What is wrong with the files that are there: each holds its seed, so nothing has to be searched for."""
    missing = wanted()
    stories = told()
    found = [name for name in stories if not (TRACES / name).exists()]
    for path in sorted(TRACES.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith("told-"):
            found += [path.name] if stories.get(path.name) != text else []
            continue
        match = SEED.search(text)
        _, lines, seen = record(int(match[1])) if match else (0, [], set())
        missing -= seen
        if match is None or text != text_of(path.name, int(match[1]), lines):
            found.append(path.name)
    return found + [f"nothing shows {what}" for what in sorted(missing)]


def make() -> Iterator[tuple[str, str]]:
    """Names and texts of all files."""
    count = dict.fromkeys(range(len(steps.PLATFORMS)), 0)
    missing = wanted()
    for seed in range(SEEDS):
        platform, lines, seen = record(seed)
        if (count[platform] >= SESSIONS or len(lines) < SHORTEST) and not seen & missing:
            continue
        missing -= seen
        count[platform] += 1
        name = f"{steps.PLATFORMS[platform]}-{count[platform]}.txt"
        yield name, text_of(name, seed, lines)
        if not missing and min(count.values()) >= SESSIONS:
            return
    raise SystemExit(f"make_traces: {SEEDS} seeds did not show {sorted(missing)}")


def main(argv: list[str] | None = None) -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="Write the recorded sessions in spec/traces/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    if parser.parse_args(argv).check:
        wrong = stale()
        if wrong:
            print(f"stale: spec/traces: {', '.join(wrong)}; run `python -m build_scripts.make_traces`", file=sys.stderr)
        return 1 if wrong else 0
    made = {**told(), **dict(make())}
    TRACES.mkdir(parents=True, exist_ok=True)
    for path in TRACES.glob("*.txt"):
        path.unlink()
    for name, text in made.items():
        (TRACES / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(made)} traces, {sum(text.count(chr(10)) - 2 for text in made.values())} steps")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
