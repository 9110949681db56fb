"""What the client costs on the smallest console; `make bench-client` measures all four instruction sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from build_scripts import measure_client
from tests.target.test_targets import target

MISSED = {"client.text.sh4"}  # with its reason in measure_client.py


def test_memory_stack_and_instructions_are_below_their_ceilings_on_sh4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    item = target("sh4")
    measure_client.prepare(tmp_path)
    rows = measure_client.rows_of(item, tmp_path)
    measure_client.write(rows)
    assert {row.name for row in rows if row.missed} <= MISSED
    assert all(row.why for row in rows if row.missed)
    values = {row.name: row.value for row in rows}
    assert values["client.undefined.sh4"] == values["client.variables.sh4"] == 0
    with capsys.disabled():
        names = ("client.step", "client.log", "client.stack", "client.ram.dreamcast", "client.text")
        print("\n" + ", ".join(f"{name} {values[f'{name}.sh4']:,.0f}" for name in names), end="")
