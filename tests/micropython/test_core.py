"""The core of the boards: the same bytes as the C core in every form, under the real interpreter."""

from pathlib import Path

import pytest

from tests.micropython import cases
from tests.micropython.board import FORMS, Board, figure

EVENTS = 10_000
SEED = 20_261
ALL = (*FORMS, "cpython")
CASES = [
    (kind, form)
    for kind in ("vectors", "batches", "events", "blocks")
    for form in ALL
    if (kind, form) != ("batches", "cpython")  # its struct copies no views; it packs with the C core itself
]


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Board]:
    folder: Path = tmp_path_factory.mktemp("boards")
    return {form: Board(folder / form, form) for form in ALL}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    folder: Path = tmp_path_factory.mktemp("cases")
    print("seed", SEED)
    return {
        "vectors": (folder / "vectors", cases.write_vectors(folder / "vectors")),
        "batches": (folder / "batches", cases.write_batches(folder / "batches", SEED, EVENTS)),
        "events": (folder / "events", cases.write_events(folder / "events", SEED, 1500)),
        "blocks": (folder / "blocks", cases.write_blocks(folder / "blocks", SEED, 300)),
    }


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_the_bytes_are_those_of_the_c_core(
    boards: dict[str, Board], files: dict[str, tuple[Path, int]], form: str, kind: str
) -> None:
    path, expected = files[kind]
    lines = boards[form].run("core_run.py", kind, str(path))
    assert not [line for line in lines if line.startswith("differs")], "\n".join(lines[:20])
    assert figure(lines, "checked") == expected
    assert lines[0] == f"form {'viper' if form == 'viper' else 'bytecode'}"
    if kind == "batches":
        print(f"{form}: {figure(lines, 'events')} events in {expected} packs, every byte equal")
