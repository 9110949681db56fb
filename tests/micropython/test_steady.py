"""Not one byte of heap per event: enqueue, batch, send and acknowledgement, heap locked and not, on 64 and 32 bits."""

from pathlib import Path

import pytest

from tests.micropython import wasm32
from tests.micropython.board import Board, figure
from tests.support.figures import Figure

EVENTS = 10_000


def judge(lines: list[str], what: str, tell: Figure) -> None:
    tell(f"MicroPython, {what}: {figure(lines, 'allocated')} bytes allocated for {EVENTS} events, "
         f"{figure(lines, 'allocated-locked')} with the heap locked, "
         f"{figure(lines, 'rate')} events a second, acknowledgements and all, beside other tests")  # fmt: skip
    assert figure(lines, "allocated") == 0
    assert figure(lines, "allocated-locked") == 0
    assert figure(lines, "accepted") == figure(lines, "settled") >= 2 * EVENTS
    assert figure(lines, "acked") >= EVENTS


@pytest.mark.parametrize("coding", ["raw", "delta"])
@pytest.mark.parametrize("form", ["viper", "bytecode"])
def test_an_event_takes_no_heap_on_64_bits(tmp_path: Path, form: str, coding: str, tell: Figure) -> None:
    lines = Board(tmp_path, form).run("steady_run.py", str(EVENTS), coding)
    judge(lines, f"64 bits, {form}, {coding}", tell)


@pytest.mark.parametrize("coding", ["raw", "delta"])
def test_an_event_of_full_range_numbers_takes_no_heap_on_32_bits(tmp_path: Path, coding: str, tell: Figure) -> None:
    Board(tmp_path, "bytecode")
    lines = wasm32.run(tmp_path, "steady_run.py", str(EVENTS), coding)
    judge(lines, f"32 bits, {coding}", tell)
