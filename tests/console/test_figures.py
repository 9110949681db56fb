"""What the client costs on the smallest console; `make bench-client` measures more, on all four instruction sets.

That no call needs anything beyond four memory functions is shown where programs are linked without a C library
(test_scenario.py), and that there is no variable in tests/core/test_build.py.
"""

from __future__ import annotations

from pathlib import Path

from build_scripts import measure_client
from tests.support.figures import Figure
from tests.target.test_targets import target


def test_memory_stack_and_instructions_are_below_their_ceilings_on_sh4(tmp_path: Path, figure: Figure) -> None:
    item = target("sh4")
    measure_client.prepare(tmp_path)
    rows = measure_client.rows_of(item, tmp_path, quick=True)
    assert [row.name for row in rows if row.missed] == []
    values = {row.name: row.value for row in rows}
    names = ("client.step", "client.step_command", "client.log", "client.stack", "client.ram.dreamcast")
    figure(", ".join(f"{name} {values[f'{name}.sh4']:,.0f}" for name in names))
