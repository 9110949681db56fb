"""Resume records in C and in Python: the same bytes, and the same choice between two copies."""

import os
import random

import pytest

from flight_client.session.common import resume
from flight_client.session.common.clock import MASK
from flight_client.session.spec import DEVICE_ID_BYTES, RESUME_BYTES
from tests.twin.library import Twin

SEED = int(os.environ.get("FLIGHT_SEED", "1"))


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin()


def record(source: random.Random, serial: int) -> bytes:
    one = resume.Resume()
    one.serial = serial & MASK
    one.incarnation[:] = source.randbytes(8)
    one.epoch[:] = source.randbytes(8)
    one.mark = source.getrandbits(30)
    one.before = source.getrandbits(source.choice((3, 30, 31, 45, 59)))
    one.starts = source.getrandbits(30)
    one.name(b"device-7")
    out = bytearray(RESUME_BYTES)
    one.pack(out, 0)
    return bytes(out)


def chosen(twin: Twin, copies: bytes) -> tuple[int, bytes]:
    out = twin.ffi.new("uint8_t[]", RESUME_BYTES)
    return int(twin.lib.twin_resume(copies, out)), bytes(twin.ffi.buffer(out))


def test_both_choose_the_same_copy_and_read_the_same(twin: Twin) -> None:
    source = random.Random(SEED)
    found = set()
    for _ in range(400):
        serial = source.choice((0, 5, MASK, source.getrandbits(30)))
        copies = bytearray(record(source, serial) + record(source, serial + source.choice((-1, 0, 1, 1 << 20))))
        for _ in range(source.choice((0, 0, 1, 2))):
            copies[source.randrange(len(copies))] ^= 1 << source.randrange(8)
        newest, out = chosen(twin, bytes(copies))
        assert newest == resume.newest(copies), f"seed {SEED}: {copies.hex()}"
        if newest >= 0:
            assert out == copies[newest * RESUME_BYTES : (newest + 1) * RESUME_BYTES]
        found.add(newest)
    assert found == {0, 1, resume.DAMAGED}


@pytest.mark.parametrize("blank", [b"\x00", b"\xff"])
def test_what_was_never_written_is_no_damage(twin: Twin, blank: bytes) -> None:
    assert chosen(twin, blank * 2 * RESUME_BYTES)[0] == resume.newest(blank * 2 * RESUME_BYTES) == resume.NONE


def test_a_device_has_one_name_in_both(twin: Twin) -> None:
    for name in (b"d", b"living-room", b"x" * DEVICE_ID_BYTES):
        ours = resume.Resume()
        ours.name(name)
        theirs = twin.ffi.new("uint8_t[]", 4)
        twin.lib.twin_resume_name(name, theirs)
        assert bytes(twin.ffi.buffer(theirs)) == ours.device
