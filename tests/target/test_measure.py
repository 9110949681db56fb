"""How `make bench-core` judges. What it measures is measured by running it."""

import json
from pathlib import Path

import pytest

from build_scripts import measure


def rows(**values: float) -> list[measure.Figure]:
    return [measure.Figure(name, value, "bytes", None, None, None, "") for name, value in values.items()]


def test_five_per_cent_more_is_let_pass_and_six_are_not() -> None:
    assert measure.regressions(rows(stack=105), {"stack": 100}) == []
    assert measure.regressions(rows(stack=106), {"stack": 100}) == ["stack rose from 100 to 106"]


def test_where_there_was_nothing_anything_is_too_much() -> None:
    assert measure.regressions(rows(variables=4), {"variables": 0}) == ["variables rose from 0 to 4"]


def test_a_figure_that_is_gone_is_told() -> None:
    assert measure.regressions([], {"stack": 100}) == ["stack is gone; it was 100"]


def test_a_new_figure_is_no_regression() -> None:
    assert measure.regressions(rows(new=1000), {}) == []


def test_a_missed_ceiling_is_shown_as_missed(capsys: pytest.CaptureFixture[str]) -> None:
    goals = {"core.emit": {"what": "an event", "ceiling": {"sh4": 75}, "peer": "a fifo", "peer_value": {"sh4": 300}}}
    row = measure.figure(goals, "core.emit.sh4", 150, "instructions", "counted")
    assert (row.peer, row.peer_value, row.ratio) == ("a fifo", 300, 0.5)
    assert measure.show([row], goals, {}) == ["core.emit.sh4 150 of 75"]
    assert "MISSED" in capsys.readouterr().out


def test_why_a_ceiling_is_missed_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    goals = {"core.emit": {"what": "an event", "ceiling": {"sh4": 75, "arm": 50}, "missed": "barriers"}}
    found = [measure.figure(goals, f"core.emit.{isa}", 60, "instructions", "counted") for isa in ("sh4", "arm")]
    measure.show(found, goals, {})
    assert capsys.readouterr().out.count("why: barriers") == 1
    measure.show([*found, found[1]], goals, {})
    assert capsys.readouterr().out.count("why: barriers") == 1


def test_a_peer_that_was_not_measured_there_is_not_named() -> None:
    goals = {"core.stack": {"what": "stack", "peer": "a client", "peer_value": {"sh4": 160}}}
    assert measure.figure(goals, "core.stack.arm", 80, "bytes", "").peer is None


def test_every_figure_of_the_baseline_has_a_goal_and_all_its_fields() -> None:
    goals = measure.read_goals()
    kept = json.loads(measure.BASELINE.read_text(encoding="utf-8"))
    assert kept
    for row in kept:
        assert measure.goal_of(goals, row["name"])[0]["what"]
        assert set(row) == {"name", "value", "unit", "peer", "peer_value", "ratio", "how"}


def test_what_is_written_reads_as_it_was(tmp_path: Path) -> None:
    measure.write(rows(stack=100), tmp_path / "bench" / "core.json")
    read = json.loads((tmp_path / "bench" / "core.json").read_text(encoding="utf-8"))
    assert [(row["name"], row["value"]) for row in read] == [("stack", 100)]
