"""Chaotic sessions, real client and gateway in virtual time, recorded and replayed bit by bit."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flight_client import Client
from flight_client.capture import Report, replay
from tests.simulation import device as simulated
from tests.simulation import world

SEEDS = range(1, 41)
SESSIONS = 100
FAULTS_S = 60.0


def record_seed(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """One world of the simulation with every client recorded; the files."""
    files: list[Path] = []

    def recorded(*args: Any, **named: Any) -> Client:
        files.append(folder / f"{seed}-{len(files)}.capture")
        return Client(*args, capture=files[-1], **named)

    with monkeypatch.context() as patch:
        patch.setattr(simulated, "Client", recorded)
        patch.setattr(world, "FAULTS_S", FAULTS_S)
        result = world.run_seed(seed)
    assert not result.problems, f"seed {seed}: {result.problems}"
    return files


@pytest.mark.timeout(900)
def test_a_hundred_chaotic_sessions_replay_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    total: Counter[str] = Counter()
    for seed in SEEDS:
        for path in record_seed(seed, tmp_path, monkeypatch):
            report = replay(path)
            assert report.difference is None, f"seed {seed}, {path.name}: {report.difference}"
            count(total, report, path)
            path.unlink()
    with capsys.disabled():
        print(f"\ncapture: {dict(total)}")
    assert total["sessions"] >= SESSIONS
    assert total["out"] > 10_000
    assert total["in"] > 10_000


def count(total: Counter[str], report: Report, path: Path) -> None:
    total["sessions"] += 1
    total["happenings"] += report.happenings
    total["out"] += report.frames_out
    total["in"] += report.frames_in
    total["seconds"] += report.duration_ms // 1000
    total["bytes"] += path.stat().st_size
    total[report.ending] += 1
