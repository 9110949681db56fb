"""The C session and the Python one take the same steps, and after each all that they hold is equal."""

import os
import random
import struct
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client._core import ffi, lib
from flight_client.session.device import states
from flight_client.session.device.codes import SEND
from flight_client.session.spec import STATE_PAUSED
from tests.support.figures import Figure
from tests.twin import scripts, steps
from tests.twin.director import Director
from tests.twin.library import Twin
from tests.twin.script import Script

# Another seed: FLIGHT_SEED=7 make test TESTS=tests/twin. More steps: make soak.
SEED = int(os.environ.get("FLIGHT_SEED", "1"))
STEPS = int(os.environ.get("FLIGHT_TWIN_STEPS", "100000"))
SESSION_STEPS = 400
NAMES = (
    "START", "OPENED", "FAILED", "TURN_DONE", "PROBED", "CLOSE", "POLL", "PACKED", "RECEIVE", "WAITING", "CHANNEL", "SOON",
    "POKE", "LEAVE", "ABANDON", "PACK_LARGE", "RECODED", "PAUSE", "GO_ON", "RECOVER", "TOKEN", "RESTORE",
)  # fmt: skip


@pytest.fixture(scope="session")
def twin() -> Twin:
    return Twin()


class Seeded:
    """Choices from a seed."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def below(self, limit: int) -> int:
        return int(self.random.random() * limit)

    def octets(self, count: int) -> bytes:
        return self.random.randbytes(count)


class Given:
    """Choices from bytes that hypothesis made; when they end, 0, which ends the session soon."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def below(self, limit: int) -> int:
        width = 1 if limit <= 256 else 4
        return int.from_bytes(self.octets(width), "little") % limit

    def octets(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        self.at += count
        return found + bytes(count - len(found))


def sealed(director: Director) -> bytes:
    """The reference's frame, header and CRC by the core, as its driver does it."""
    out = director.reference.session.out
    buffer = bytearray(out.buffer) + bytearray(4)
    count = lib.python_seal(
        ffi.from_buffer("uint8_t[]", buffer), len(buffer), out.kind, out.flags, out.channel, out.seq, out.ack, out.count
    )
    assert count > 0
    return bytes(buffer[:count])


def differences(ours: list[int], theirs: bytes) -> str:
    """Which words differ; their order stands in Reference.snapshot."""
    words = struct.unpack(f"<{len(theirs) // 4}I", theirs)
    pairs = enumerate(zip(ours, words, strict=False))
    return f"{len(ours)} and {len(words)} words; word, python, c: " + ", ".join(
        f"{at}: {a} {b}" for at, (a, b) in pairs if a != b
    )


def live(twin: Twin, director: Director, limit: int, seen: Counter[tuple[int, int]]) -> int:
    """One session in lock-step. Returns its steps."""
    twin.begin(director.setup)
    reference = director.reference
    for number in range(limit):
        made = director.next()
        before = reference.session.state
        answer = director.take(made)
        seen[before, reference.session.state] += 1
        where = f"setup {director.setup.hex()}, step {number}: {NAMES[made[0]]} {made.hex()} in state {before}"
        assert twin.step(made) == answer, where
        ours = reference.snapshot()
        theirs = twin.snapshot()
        if struct.pack(f"<{len(ours)}I", *ours) != theirs:
            raise AssertionError(f"{where}: {differences(ours, theirs)}")
        if reference.sends:
            assert answer == SEND
            assert twin.frame() == sealed(director), where
        if director.over():
            return number + 1
    return limit


def told(twin: Twin, script: Script, seen: Counter[tuple[int, int]]) -> int:
    """A session that is told, in lock-step. Returns its steps."""
    twin.begin(script.setup)
    reference = steps.Reference(script.setup)
    for number, made in enumerate(script.steps):
        before = reference.session.state
        assert twin.step(made) == reference.step(made), f"step {number}: {made.hex()}"
        seen[before, reference.session.state] += 1
        ours = reference.snapshot()
        theirs = twin.snapshot()
        assert struct.pack(f"<{len(ours)}I", *ours) == theirs, f"step {number}: {differences(ours, theirs)}"
    return len(script.steps)


@pytest.mark.timeout(3600)
def test_both_agree_after_every_step(twin: Twin, figure: Figure) -> None:
    seen: Counter[tuple[int, int]] = Counter()
    done = sessions = 0
    while done < STEPS:
        done += live(twin, Director(Seeded(SEED * 1000003 + sessions)), SESSION_STEPS, seen)
        sessions += 1
    for script in scripts.SCRIPTS:
        done += told(twin, script(), seen)
    changes = {(a, b) for a, b in seen if a != b}
    figure(f"lock-step: {done} steps, {sessions} sessions, {len(changes)} changes of state, seed {SEED}")
    wanted = {(state, target) for state, _, target in states.TRANSITIONS if state != target}
    assert changes >= wanted, f"never seen: {sorted(wanted - changes)}"


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=600, max_size=6000))
def test_both_agree_whatever_hypothesis_makes_up(twin: Twin, data: bytes) -> None:
    live(twin, Director(Given(data)), 200, Counter())


def test_both_have_the_same_transitions(twin: Twin) -> None:
    for state in range(STATE_PAUSED + 1):
        for happening in range(len(states.HAPPENINGS)):
            assert twin.lib.twin_next_state(state, happening) == states.next_state(state, happening)


def test_the_steps_would_show_a_difference(twin: Twin) -> None:
    """A session of another seed differs soon: the comparison can fail."""
    one = Director(Seeded(SEED))
    twin.begin(one.setup)
    made = one.next()
    one.take(made)
    assert made[5:7] == made[5:7]
    twin.step(made)
    twin.step(steps_of_another_time())
    ours = one.reference.snapshot()
    assert struct.pack(f"<{len(ours)}I", *ours) != twin.snapshot()


def steps_of_another_time() -> bytes:
    """The gateway says that rings hold events, and time passes."""
    return struct.pack("<BIH", steps.CHANNEL, 77, 0) + struct.pack("<BBHBB", 3, 0, 0, 0, 0)
