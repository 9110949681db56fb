"""Random lives of a device: nothing critical is lost or doubled, and every lossy event is accounted for."""

import pytest

from tests.session.chaos import FAULTS, Chaos

SEEDS = 300
STEPS = 400
SHARES = 6  # tests, each with its part of the seeds
_totals: dict[str, int] = {}


def note(name, count):
    _totals[name] = _totals.get(name, 0) + count


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_critical_is_lost_or_doubled_and_every_loss_is_counted(share):
    """The law of conservation is checked after every command and every frame (harness: World.law)."""
    for seed in range(share, SEEDS, SHARES):
        chaos = Chaos(seed)
        try:
            chaos.run(STEPS)
            problems = chaos.problems()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        assert not problems, f"seed {seed}: {problems}"
        world = chaos.world
        assert sum(chaos.faults.values()) > 20, f"seed {seed}: a run without faults proves nothing"
        note("seeds", 1)
        note("critical", len(chaos.critical))
        note("lossy", len(chaos.lossy))
        note("refused", world.device.tally.refused)
        note("expired", world.device.tally.expired)
        note("letters of frames that may be stored", sum(1 for letter in world.letters if letter[1]))
        note("given up and stored", chaos.both)
        note("lost with a link", world.device.tally.link_dropped)
        note("entries delivered", world.device.tally.delivered_entries)
        note("connections", world.device.tally.connections)
        note("transport switches", world.device.policy.switches)
        note("batches in pieces", world.store.wholes)
        note("entries in pieces", world.store.wholes_out)
        note("batches of differences", world.store.coded)
        note("batches written anew", world.recoded)
        note("large events given up", world.device.tally.too_large + world.too_large)
        note("resent frames", world.device.tally.resent_frames)
        for name, count in chaos.faults.items():
            note(f"fault {name}", count)


def test_the_runs_met_every_fault(figure):
    if _totals.get("seeds", 0) < SEEDS:
        pytest.skip("not all shares ran in this process")
    figure("session in chaos: " + ", ".join(f"{count} {name}" for name, count in _totals.items()))
    assert all(_totals[f"fault {name}"] > SEEDS for name in FAULTS)
    for name in ("refused", "expired", "lost with a link", "entries delivered", "transport switches", "resent frames"):
        assert _totals[name] > SEEDS, name
    for name in ("batches in pieces", "entries in pieces", "batches of differences"):
        assert _totals[name] > SEEDS, name
    assert _totals["batches written anew"] > SEEDS // 10
    assert _totals["large events given up"] > SEEDS // 10
    assert _totals["connections"] > 5 * SEEDS
