"""The whole of client and gateway under seeded faults in virtual time. The rules stand in ledger.py and device.py."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.campaign import Report, campaign
from tests.simulation.faults import KINDS
from tests.simulation.world import Result, run_seed
from tests.support.figures import Figure

SEEDS = range(1, 501)


@pytest.mark.timeout(900)
def test_nothing_critical_is_lost_or_doubled_in_five_hundred_seeds(figure: Figure) -> None:
    report = campaign(SEEDS, jobs=2)
    figure(report.text())
    assert not report.failures(), "\n".join(report.failures())
    assert report.seeds >= 500
    assert report.events >= 1_000_000
    assert sum(report.faults.values()) >= 20_000


def test_the_same_seed_gives_the_same_run_in_another_process() -> None:
    here = run_seed(11)
    command = [sys.executable, "-m", "tests.simulation", "--seed", "11"]
    there = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "77"}
    )
    assert here.digest in there.stdout
    assert run_seed(12).digest != here.digest


def full_report() -> Report:
    report = Report()
    report.add(Result(1, faults=Counter(dict.fromkeys(KINDS, 1))))
    return report


def test_a_campaign_with_every_kind_of_fault_and_no_problem_is_sound() -> None:
    assert full_report().failures() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaign_without_a_kind_of_fault_fails(kind: str) -> None:
    report = full_report()
    del report.faults[kind]
    assert kind in report.failures()[0]


def test_a_failed_seed_is_named_with_the_command_that_repeats_it() -> None:
    report = full_report()
    report.add(Result(42, ["an event was lost"]))
    assert report.failures() == ["seed 42: an event was lost\n  repeat: python -m tests.simulation --seed 42 --log"]
    assert "simulation: 2 seeds" in report.text()
