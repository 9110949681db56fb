"""Reads recorded sessions and replays them on the Python reference. Common subset: runs on MicroPython too.

`replay FILE...` prints how many steps agreed.
"""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

import sys
from binascii import unhexlify

from tests.twin.steps import Reference


def line_of(reference: Reference, step: bytes) -> str:
    """What is recorded of a step that was just taken."""
    return f"{step.hex()} {reference.answer:x} {reference.session.state:x} {reference.digest():08x}"


def replay(lines: list[str]) -> tuple[int, int]:
    """Sessions and steps that agree; the first line that differs ends it."""
    reference = None
    sessions = 0
    steps = 0
    number = 0
    for text in lines:
        number += 1
        words = text.split()
        if not words or words[0][0] == "#":
            continue
        if words[0] == "setup":
            reference = Reference(unhexlify(words[1]))
            sessions += 1
            continue
        step = unhexlify(words[0])
        reference.step(step)
        found = line_of(reference, step)
        if found != " ".join(words):
            raise AssertionError(f"line {number}: {found}, recorded: {text}")
        steps += 1
    return sessions, steps


def main(paths):
    sessions = steps = 0
    for path in paths:
        with open(path) as lines:  # noqa: PTH123 - MicroPython has no pathlib
            more = replay(lines)
        sessions += more[0]
        steps += more[1]
    print(f"traces: {sessions} sessions, {steps} steps")


if __name__ == "__main__":
    main(sys.argv[1:])
