"""The resume record: 64 bytes, two copies, and no moment at which the power could go and take both."""

import random
import re
from pathlib import Path

import pytest

from flight_client.session.common import resume
from flight_client.session.common.resume import Resume
from flight_client.session.device.machine import RENEW_AT
from flight_client.session.spec import RESUME_BYTES, STATE_READY
from tests.session.device_world import emit
from tests.session.harness import World

BOTH = 2 * RESUME_BYTES


def record(serial, mark=0):
    made = Resume()
    made.name(b"vita-1")
    made.serial = serial
    made.incarnation[:] = bytes(range(1, 9))
    made.epoch[:] = bytes(range(11, 19))
    made.mark = mark
    made.before = (1 << 40) + 5
    made.starts = 3
    return made


def packed(made):
    out = bytearray(RESUME_BYTES)
    made.pack(out, 0)
    return bytes(out)


def fields(made):
    return (
        made.serial, bytes(made.incarnation), bytes(made.epoch), made.mark, made.before, made.starts, bytes(made.device)
    )  # fmt: skip


def test_the_crc_is_that_of_the_frames():
    out = bytearray(4)
    resume.crc32c(b"123456789", 0, 9, out, 0)
    assert out.hex() == "839206e3"


@pytest.mark.parametrize("serial", [0, 1, (1 << 30) - 1])
def test_what_was_written_is_read(serial):
    found = Resume()
    assert found.unpack(b"xx" + packed(record(serial, 77)), 2)
    assert fields(found) == fields(record(serial, 77))


def test_the_example_of_the_document_is_what_is_written():
    page = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text("utf-8")
    (text,) = re.findall(r"```text\n(46 52 [0-9a-f \n]+)```", page)
    made = record(7, 41)
    made.incarnation[:] = bytes.fromhex("1122334455667788")
    made.epoch[:] = bytes.fromhex("e0e1e2e3e4e5e6e7")
    made.before = 3
    made.starts = 2
    assert packed(made) == bytes.fromhex(text)


def test_any_one_or_two_changed_bits_are_found():
    good = packed(record(5, 9))
    for first in range(8 * RESUME_BYTES):
        bad = bytearray(good)
        bad[first // 8] ^= 1 << first % 8
        assert not resume.is_whole(bad, 0), first
        other = (first * 37 + 11) % (8 * RESUME_BYTES)
        bad[other // 8] ^= 1 << other % 8
        assert other == first or not resume.is_whole(bad, 0), (first, other)


def test_a_record_of_another_form_or_with_impossible_numbers_is_none():
    for at, value in ((0, 0x53), (2, 2), (7, 0x40), (27, 0x40), (31, 0x40), (35, 0x80), (39, 0xFF)):
        bad = bytearray(packed(record(1)))
        bad[at] = value
        resume.crc32c(bad, 0, 60, bad, 60)
        assert not resume.is_whole(bad, 0), at
        found = record(4)
        assert not found.unpack(bad, 0)
        assert fields(found) == fields(record(4))
    assert not resume.is_whole(packed(record(1))[:-1], 0)


@pytest.mark.parametrize(
    ("a", "b", "newer"), [(1, 2, 1), (2, 1, 0), ((1 << 30) - 1, 0, 1), (0, (1 << 30) - 1, 0), (4, 4, 0)]
)
def test_the_newer_copy_wins_also_where_the_serial_wraps(a, b, newer):
    assert resume.newest(packed(record(a)) + packed(record(b))) == newer


@pytest.mark.parametrize("blank", [b"", bytes(BOTH), b"\xff" * BOTH, bytes(7)])
def test_blank_is_not_damaged(blank):
    assert resume.newest(blank) == resume.NONE


def test_one_damaged_copy_costs_nothing_and_two_are_told():
    copies = packed(record(1)) + packed(record(2))
    for at in range(BOTH):
        bad = bytearray(copies)
        bad[at] ^= 0x55
        assert resume.newest(bad) == (1 if at < RESUME_BYTES else 0)
    bad = bytearray(copies)
    bad[3] ^= 1
    bad[100] ^= 1
    assert resume.newest(bad) == resume.DAMAGED
    assert resume.newest(b"\1" + bytes(BOTH - 1)) == resume.DAMAGED


def torn(old, new, keep, garbage, chance):
    """What a write of `new` over `old` leaves when the power goes after `keep` bytes."""
    if not garbage:
        return new[:keep] + old[keep:]
    return new[:keep] + bytes(chance.randrange(256) for _ in range(min(8, 64 - keep))) + old[keep + 8 :]


@pytest.mark.parametrize("garbage", [False, True])
def test_a_write_that_ends_anywhere_leaves_the_old_record_or_the_new_one(garbage):
    seed = 20_260
    print("seed", seed)
    chance = random.Random(seed)
    for start in (b"\xff" * BOTH, bytes(BOTH)):
        memory = bytearray(start)
        newest = None
        for serial in range(1, 6):
            made = record(serial, 10 * serial)
            copy = 1 - resume.newest(memory) if newest is not None else 0
            place = slice(copy * RESUME_BYTES, (copy + 1) * RESUME_BYTES)
            for keep in range(RESUME_BYTES + 1):
                left = bytearray(memory)
                left[place] = torn(bytes(memory[place]), packed(made), keep, garbage, chance)[:RESUME_BYTES]
                found = resume.newest(left)
                if found < 0:
                    assert newest is None
                    continue
                got = Resume()
                assert got.unpack(left, found * RESUME_BYTES)
                assert fields(got) in ([fields(newest)] if newest is not None else []) + [fields(made)]
                assert keep < RESUME_BYTES or fields(got) == fields(made)
            memory[place] = packed(made)
            newest = made


def reboot(world, kept):
    """The device loses its power; another one begins with what was kept."""
    other = World()
    other.store = other.gateway.store = world.store
    other.device.restore(*kept)
    return other


def kept_of(world):
    device = world.device
    return bytes(device.identity.incarnation), device.settled_counter(), device.counted


@pytest.mark.parametrize("lag", [0, 3, 100])
@pytest.mark.parametrize("stored", range(12))
def test_a_device_that_was_switched_off_goes_on_behind_what_is_stored(stored, lag):
    world = World()
    world.start()
    first = kept_of(world)
    journal = list(range(12))
    for number in journal:
        if number == stored:
            world.lose_requests = True
        world.emit(number)
        world.run()
        world.pass_ms(100)
    assert len(world.store.critical_events) == stored
    kept = (first[0], max(0, kept_of(world)[1] - lag), first[2])
    again = reboot(world, kept)
    again.start()
    assert again.device.state == STATE_READY
    done = again.device.counted + again.device.settled_counter()
    assert done == stored
    for number in journal[done:]:
        again.emit(number)
    again.sleep_ms(10_000)
    assert world.store.critical_events == journal
    assert again.device.settled_counter() == 12


def test_events_of_earlier_incarnations_are_counted():
    world = World()
    world.start()
    emit(world, 5)
    world.sleep_ms(1000)
    assert (world.device.counted, world.device.settled_counter()) == (0, 5)
    world.device.next_counter = RENEW_AT
    emit(world, 1)
    world.sleep_ms(20_000)
    assert world.device.counted == RENEW_AT - 1
    assert world.device.settled_counter() == 1
    assert world.store.critical_events == [0, 1, 2, 3, 4, 5]


def test_a_log_that_was_lost_does_not_bring_settled_events_back():
    world = World()
    world.start()
    emit(world, 5)
    world.sleep_ms(1000)
    kept = kept_of(world)
    world.store.mark = 0
    world.store.critical_events.clear()
    again = reboot(world, kept)
    again.start()
    assert again.device.counted + again.device.settled_counter() == 5
    again.emit(5)
    again.sleep_ms(1000)
    assert world.store.critical_events == [5]
    assert world.store.mark == 6
