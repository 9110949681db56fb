"""How `make bench-core` judges. What it measures is measured by running it."""

import json
from pathlib import Path

import pytest

from build_scripts import measure
from build_scripts.peers import Measured, Peer


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


NEXT = Peer("lz4", "LZ4", "1 KB table", "1.9.4", "lz4.tar.gz", "00")
PACK: measure.Goals = {
    "core.pack": {
        "what": "packed",
        "ceiling": {"x86_64": 100},
        "why": "the table is small",
        "peer": "heatshrink 7d419e1",
        "peer_value": {"x86_64": 400, "sh4": 800},
        "further": [{"name": "lz4", "peer": "LZ4 d9c01a3d", "peer_value": {"x86_64": 150, "sh4": 250}}],
    }
}


def packed(isa: str) -> list[measure.Figure]:
    row = measure.figure(PACK, f"core.pack.{isa}", 200, "instructions", "counted")
    return [row, *measure.further_rows(PACK, row, [Measured("core.pack", 160, NEXT), Measured("core.other", 1, NEXT)])]


def test_a_measured_peer_stands_beside_the_quoted_one_on_x86_64() -> None:
    quoted, measured = packed("x86_64")
    assert (quoted.name, quoted.peer_value, quoted.ratio) == ("core.pack.x86_64", 400, 0.5)
    assert quoted.how == "packed; counted; peer quoted, its revision behind its name"
    assert (measured.name, measured.peer) == ("core.pack.x86_64.lz4", "LZ4 1.9.4, 1 KB table")
    assert (measured.value, measured.peer_value, measured.ratio) == (200, 160, 1.25)
    assert measured.how == "packed; counted; peer measured in this run, version 1.9.4"


def test_a_peer_out_of_reach_is_quoted_where_there_is_a_figure_of_it() -> None:
    row = measure.figure(PACK, "core.pack.x86_64", 200, "instructions", "counted")
    (quoted,) = measure.further_rows(PACK, row, [])
    assert (quoted.name, quoted.peer, quoted.peer_value) == ("core.pack.x86_64.lz4", "LZ4 d9c01a3d", 150)
    assert quoted.how == row.how


def test_elsewhere_further_peers_are_quoted() -> None:
    assert [(row.name, row.peer, row.peer_value) for row in packed("sh4")] == [
        ("core.pack.sh4", "heatshrink 7d419e1", 800),
        ("core.pack.sh4.lz4", "LZ4 d9c01a3d", 250),
    ]
    assert [row.peer for row in packed("mips")] == [None]


def test_the_table_says_what_was_measured_what_is_quoted_and_why_a_ceiling_is_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert measure.show(packed("x86_64"), PACK, {}) == ["core.pack.x86_64 200 of 100: the table is small"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("0.50  400 heatshrink 7d419e1; quoted")
    assert lines[2].strip() == "1.25  160 LZ4 1.9.4, 1 KB table; measured"


def test_a_row_against_a_further_peer_is_no_figure_of_its_own() -> None:
    assert [measure.is_figure(PACK, row.name) for row in packed("x86_64")] == [True, False]
    assert not measure.is_figure({"core.pack": {"what": ""}}, "core.pack.lz4")


def test_a_figure_without_a_goal_is_named() -> None:
    with pytest.raises(KeyError, match=r"nothing about core.other.x86_64"):
        measure.goal_of(PACK, "core.other.x86_64")


def ram(**wrong: int) -> dict[str, int]:
    dreamcast = 2 * 24 + 64 * 64 + 6 * 640
    sizes = {"core.ram.dreamcast": dreamcast, "core.ram_stream.dreamcast": dreamcast + 40 + 640}
    values = {"sizeof.flight_ring": 24, "sizeof.flight_stream": 40, **sizes}
    return {**values, **{f"sizeof.{name}": size for name, size in sizes.items()}, **wrong}


def test_memory_must_agree_three_ways_to_the_byte() -> None:
    measure.check_ram(ram())
    for name in ("core.ram.dreamcast", "sizeof.core.ram.dreamcast", "sizeof.core.ram_stream.dreamcast"):
        with pytest.raises(measure.DisagreementError, match="formula says"):
            measure.check_ram(ram(**{name: ram()[name] + 1}))


def test_garbage_that_costs_more_a_byte_when_there_is_more_of_it_is_a_failure() -> None:
    linear = {"core.resync640": 6400, "core.resync6400": 64000}
    headers = {"core.resync_headers640": 6400, "core.resync_headers6400": 64000}
    measure.check_linear({**linear, **headers}, "sh4")
    with pytest.raises(measure.DisagreementError, match=r"sh4: core.resync_headers takes 10.0 .* at 640, 12.0 at"):
        measure.check_linear({**linear, **headers, "core.resync_headers6400": 76800}, "sh4")
