"""SHA-256 and HMAC in the common subset: the standards' vectors, under CPython and under the real MicroPython."""

import hashlib
import hmac
import random
import shutil
from pathlib import Path

import pytest

from flight_client.session.common import hmac_sha256
from flight_client.session.common.hmac_sha256 import Hmac, OwnSha256
from tests.session import hmac_cases
from tests.session.test_micropython import ROOT, interpreter, run

CHECKS = 3 + 14 + 130


def test_the_standards_vectors_hold() -> None:
    assert hmac_cases.run() == CHECKS


def test_random_messages_and_keys_give_the_codes_of_the_standard_library() -> None:
    seed = 4231
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(60):
        key, data = chance.randbytes(chance.randrange(140)), chance.randbytes(chance.randrange(300))
        assert Hmac(key, own=True).digest(data) == hmac.digest(key, data, "sha256")
        assert OwnSha256(data).digest() == hashlib.sha256(data).digest()


def test_no_number_on_the_way_is_larger_than_a_small_integer_of_a_32_bit_board() -> None:
    """Every half that is turned is one: sums of a few of them stay below 2^20."""
    largest = 0
    original = hmac_sha256._part

    def part(high: int, low: int, count: int) -> int:
        nonlocal largest
        found = original(high, low, count)
        largest = max(largest, found)
        assert 0 <= high <= 0xFFFF
        assert 0 <= low <= 0xFFFF
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hmac_sha256, "_part", part)
        OwnSha256(bytes(range(200))).digest()
    assert 0x8000 < largest <= 0xFFFF


def test_the_vectors_hold_on_micropython(tmp_path: Path) -> None:
    micropython = interpreter()
    for package in ("flight_client", "flight_client/session", "flight_client/session/common", "tests", "tests/session"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    shutil.copy(ROOT / "flight_client/session/common/hmac_sha256.py", tmp_path / "flight_client/session/common")
    shutil.copy(ROOT / "tests/session/hmac_cases.py", tmp_path / "tests/session")
    shutil.copy(ROOT / "tests/session/hmac_run.py", tmp_path / "run.py")
    assert run([micropython], tmp_path) == [f"interpreter's {CHECKS}"]
    (tmp_path / "hashlib.py").write_text("")  # an interpreter without SHA-256
    assert run([micropython], tmp_path) == [f"own {CHECKS}"]
