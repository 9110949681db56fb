"""Chaotic sessions, real client and gateway in virtual time, recorded and replayed bit by bit."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flight_client import Client
from flight_client.capture import Recorder, replay
from flight_client.capture.format import WHOLE
from tests.simulation import device as simulated
from tests.simulation import world
from tests.support.figures import Figure

SEEDS = range(1, 25)
SESSIONS = 100
FAULTS_S = 60.0


def record_seed(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    """One world of the simulation with the session of every client recorded."""
    recorders: list[Recorder] = []

    def recorded(*args: Any, **named: Any) -> Client:
        recorders.append(Recorder(folder / f"{seed}-{len(recorders)}.capture"))
        return Client(*args, capture=recorders[-1], **named)

    with monkeypatch.context() as patch:
        patch.setattr(simulated, "Client", recorded)
        patch.setattr(world, "FAULTS_S", FAULTS_S)
        result = world.run_seed(seed)
    for recorder in recorders:
        recorder.close()  # those whose machine was switched off had no chance to
    assert not result.problems, f"seed {seed}: {result.problems}"
    return recorders


@pytest.mark.timeout(900)
def test_a_hundred_chaotic_sessions_replay_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    total: Counter[str] = Counter()
    for seed in SEEDS:
        for recorder in record_seed(seed, tmp_path, monkeypatch):
            report = replay(recorder.path)
            assert report.difference is None, f"seed {seed}, {recorder.path.name}: {report.difference}"
            assert report.ending == WHOLE, f"seed {seed}, {recorder.path.name}: {report.trouble}"
            assert report.happenings == recorder.records - 2, f"seed {seed}: all but the header and the end"
            total["sessions"] += 1
            total["happenings"] += report.happenings
            total["frames"] += report.frames_out + report.frames_in
            total["seconds"] += report.duration_ms // 1000
            total["bytes"] += recorder.path.stat().st_size
            recorder.path.unlink()
    figure(f"capture: {', '.join(f'{count} {name}' for name, count in total.items())}, the same bytes")
    assert total["sessions"] >= SESSIONS
    assert total["frames"] > 15_000
