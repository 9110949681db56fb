"""The native module takes the place of _viper_bytes.py: the same names, the same bytes, no heap."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.micropython import cases, usermod
from tests.micropython.board import MIRROR, ROOT, Board, figure

NATMOD = ROOT / "micropython" / "natmod"
SEED = 8_211


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """A board with the package in Python and the module in its place."""
    tree = usermod.sources()
    for tool in ("elftools", "ar"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip("MicroPython's linker of native modules needs: pip install pyelftools ar")
    folder: Path = tmp_path_factory.mktemp("natmod")
    shutil.copytree(NATMOD, folder / "natmod")
    words = [f"MPY_DIR={tree}", f"FLIGHT_CSRC={ROOT / 'csrc'}", f"PYTHON={sys.executable}", "ARCH=x64"]
    usermod.make(tree / "mpy-cross")
    usermod.make(folder / "natmod", *words)
    made = Board(folder / "board")
    (made.folder / "flight_client" / "_viper_bytes.py").unlink()
    shutil.copy(folder / "natmod" / "_viper_bytes.mpy", made.folder / "flight_client")
    return made


def test_the_bytes_are_those_of_the_c_core(board: Board, tmp_path: Path) -> None:
    print("seed", SEED)
    expected = {
        "vectors": cases.write_vectors(tmp_path / "vectors"),
        "batches": cases.write_batches(tmp_path / "batches", SEED, 2000),
    }
    for kind, count in expected.items():
        lines = board.run("core_run.py", kind, str(tmp_path / kind))
        assert not [line for line in lines if line.startswith("differs")], "\n".join(lines[:20])
        assert figure(lines, "checked") == count
        assert lines[0] == "form viper"


def test_an_event_takes_no_heap(board: Board) -> None:
    lines = board.run("steady_run.py", "2000", "delta")
    assert figure(lines, "allocated") == figure(lines, "allocated-locked") == 0


def test_the_module_has_every_function_of_the_file_that_it_replaces() -> None:
    viper = (MIRROR / "_viper_bytes.py").read_text(encoding="utf-8")
    names = re.findall(r"^def ([a-z]\w*)\((.*?)\)", viper, re.MULTILINE)
    source = (NATMOD / "bytes.c").read_text(encoding="utf-8")
    assert set(re.findall(r"MP_QSTR_(\w+), ", source)) == {name for name, _ in names}
    for name, parameters in names:
        order = ", ".join(parameter.split(":")[0].strip() for parameter in parameters.split(","))
        assert f"{name}({order})" in source
