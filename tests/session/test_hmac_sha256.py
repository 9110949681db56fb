"""SHA-256 and HMAC for MicroPython: the standards' vectors, under CPython and under the real MicroPython."""

import hashlib
import hmac
import importlib.util
import random
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.session.test_micropython import ROOT, interpreter, run

SOURCE = ROOT / "micropython" / "flight_client" / "hmac_sha256.py"
CHECKS = 3 + 14 + 130


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The file, which is no part of the package that runs here."""
    found = importlib.util.spec_from_file_location("hmac_sha256", SOURCE)
    assert found is not None
    assert found.loader is not None
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def test_random_messages_and_keys_give_the_codes_of_the_standard_library(module: ModuleType) -> None:
    seed = 4231
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(60):
        key, data = chance.randbytes(chance.randrange(140)), chance.randbytes(chance.randrange(300))
        assert module.Hmac(key, own=True).digest(data) == hmac.digest(key, data, "sha256")
        assert module.OwnSha256(data).digest() == hashlib.sha256(data).digest()


def test_words_are_halves_that_any_board_keeps_as_small_integers(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = module._part

    def part(high: int, low: int, count: int) -> int:
        seen.append(max(high, low))
        return int(original(high, low, count))

    monkeypatch.setattr(module, "_part", part)
    module.OwnSha256(bytes(range(200))).digest()
    assert 0x8000 < max(seen) <= 0xFFFF
    assert min(seen) >= 0


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Only what a board would get, and the test's own code."""
    for package in ("flight_client", "tests", "tests/session"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    shutil.copy(SOURCE, tmp_path / "flight_client")
    shutil.copy(ROOT / "tests/session/hmac_cases.py", tmp_path / "tests/session")
    shutil.copy(ROOT / "tests/session/hmac_run.py", tmp_path / "run.py")
    return tmp_path


def test_the_standards_vectors_hold_on_cpython(board: Path) -> None:
    assert run([sys.executable, "-S"], board) == [f"interpreter's {CHECKS}"]


def test_the_standards_vectors_hold_on_micropython_with_its_own_sha256_and_without(board: Path) -> None:
    micropython = interpreter()
    assert run([micropython], board) == [f"interpreter's {CHECKS}"]
    (board / "hashlib.py").write_text("")  # an interpreter without SHA-256
    assert run([micropython], board) == [f"own {CHECKS}"]
