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

FOLDER = ROOT / "micropython" / "flight_client"
SOURCES = ("hmac_sha256.py", "sha256.py")
CHECKS = 3 + 14 + 130


@pytest.fixture(scope="module")
def sha256() -> ModuleType:
    """The file of that name, which is no part of the package that runs here."""
    return load("sha256")


@pytest.fixture(scope="module")
def hmac_sha256() -> ModuleType:
    """The same with HMAC."""
    return load("hmac_sha256")


def load(name: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def test_random_messages_and_keys_give_the_codes_of_the_standard_library(
    sha256: ModuleType, hmac_sha256: ModuleType
) -> None:
    seed = 4231
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(60):
        key, data = chance.randbytes(chance.randrange(140)), chance.randbytes(chance.randrange(300))
        assert hmac_sha256.Hmac(key, sha256.OwnSha256).digest(data) == hmac.digest(key, data, "sha256")
        assert sha256.OwnSha256(data).digest() == hashlib.sha256(data).digest()


def test_words_are_halves_that_any_board_keeps_as_small_integers(
    sha256: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = sha256._part

    def part(high: int, low: int, count: int) -> int:
        seen.append(max(high, low))
        return int(original(high, low, count))

    monkeypatch.setattr(sha256, "_part", part)
    sha256.OwnSha256(bytes(range(200))).digest()
    assert 0x8000 < max(seen) <= 0xFFFF
    assert min(seen) >= 0


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Only what a board would get, and the test's own code."""
    for package in ("flight_client", "tests", "tests/session"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    for source in SOURCES:
        shutil.copy(FOLDER / source, tmp_path / "flight_client")
    shutil.copy(ROOT / "tests/session/hmac_cases.py", tmp_path / "tests/session")
    shutil.copy(ROOT / "tests/session/hmac_run.py", tmp_path / "run.py")
    return tmp_path


def test_the_standards_vectors_hold_on_cpython(board: Path) -> None:
    assert run([sys.executable, "-S"], board) == [f"interpreter's {CHECKS} False"]


def test_the_standards_vectors_hold_on_micropython_with_its_own_sha256_and_without(board: Path) -> None:
    micropython = interpreter()
    assert run([micropython], board) == [f"interpreter's {CHECKS} False"]
    (board / "hashlib.py").write_text("")  # an interpreter without SHA-256
    assert run([micropython], board) == [f"own {CHECKS} True"]
