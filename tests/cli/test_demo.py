"""`flight demo`, whole: real processes, a real kill. Both engines run at the same time."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.process import interrupt, run_flight, start_flight

RUN_HANG_S = 200.0  # a demo of 20 s on a busy machine
DEVICES = {"dreamcast", "psp", "vita"}


@dataclass
class Run:
    code: int
    lines: list[str]
    errors: str

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.lines[-1])
        return found


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, Run]]:
    engines = ("sqlite", "memory")
    started = {engine: start_flight("demo", "--seconds", "20", "--json", "--engine", engine) for engine in engines}
    done: dict[str, Run] = {}
    try:
        for engine, process in started.items():
            out, err = process.communicate(timeout=RUN_HANG_S)
            done[engine] = Run(process.returncode, out.splitlines(), err)
        yield done
    finally:
        for process in started.values():
            if process.poll() is None:
                process.kill()
                process.communicate()


def shown(run: Run) -> str:
    return "\n".join([*run.lines, run.errors])


@pytest.mark.timeout(RUN_HANG_S + 20)
@pytest.mark.parametrize("engine", ["sqlite", "memory"])
def test_the_law_holds_for_three_devices_that_all_came_back(runs: dict[str, Run], engine: str) -> None:
    run = runs[engine]
    assert run.code == 0, shown(run)
    assert "Traceback" not in run.errors, run.errors
    result = run.result
    assert result["law_holds"] is True, shown(run)
    assert set(result["devices"]) == DEVICES
    for device in result["devices"].values():
        assert device["reconnects"] >= 1, shown(run)
        assert device["accepted"] > 0
        assert device["delivered"] > 0
        assert device["queued"] == 0
        assert set(device) == {
            "accepted", "delivered", "again", "acked", "queued", "dropped", "reconnects", "transport_switches",
        }  # fmt: skip
    assert result["devices"]["vita"]["transport_switches"] >= 1, shown(run)
    blocked = next(i for i, line in enumerate(run.lines) if "turns WebSockets away" in line)
    killed = next(i for i, line in enumerate(run.lines) if "SIGKILL" in line)
    assert any("vita" in line and "connected over polling" in line for line in run.lines[blocked:killed]), shown(run)


def test_with_sqlite_nothing_critical_is_lost_and_every_event_is_accounted_for(runs: dict[str, Run]) -> None:
    result = runs["sqlite"].result
    assert result["critical_lost"] == 0, shown(runs["sqlite"])
    assert result["gaps"] == []
    assert not any(device["again"] for device in result["devices"].values())
    for device in result["devices"].values():
        assert device["accepted"] == device["delivered"] + device["queued"] + sum(device["dropped"].values())


def test_with_memory_the_loss_is_told_as_a_gap_with_the_new_epoch(runs: dict[str, Run]) -> None:
    run = runs["memory"]
    epochs = {gap["epoch"] for gap in run.result["gaps"] if gap["reason"] == "epoch"}
    assert len(epochs) == 1, shown(run)
    [epoch] = epochs
    assert any("GAP on" in line and epoch in line for line in run.lines), shown(run)


@pytest.mark.parametrize("seconds", ["5", "0", "-1", "nan", "inf"])
def test_a_run_that_is_too_short_or_no_number_is_refused(seconds: str) -> None:
    done = run_flight("demo", "--seconds", seconds)
    assert done.returncode == 2, done
    assert "20" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_the_demo_and_all_its_processes() -> None:
    process = start_flight("demo")
    assert process.stdout is not None
    line = ""
    while "vita" not in line:
        line = process.stdout.readline()
        assert line
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    pids = children.stdout.split()
    assert len(pids) == 4  # the gateway and three devices
    code, _, err = interrupt(process)
    assert code == 130, err
    assert err.strip() == "flight: interrupted"
    left = subprocess.run(["ps", "-o", "pid=", "-p", ",".join(pids)], capture_output=True, text=True, check=False)
    assert left.stdout.split() == []
