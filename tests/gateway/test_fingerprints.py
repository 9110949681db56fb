"""A device that uses a counter twice for different events: the first counts, the second is noticed as far as it is cheap."""

import logging

import pytest

from flight_client.gateway.engines import AppendStatus
from flight_client.gateway.engines.memory import MemoryEngine
from flight_client.gateway.fingerprints import Fingerprints, checksum
from flight_client.gateway.hub import Hub
from tests.gateway.desk import BENCH, LIFE, Desk, HeldEngine, allow, skip_records

KEY = ("bench-1", LIFE)


async def desk_with(engine: MemoryEngine) -> Desk:
    hub = Hub(engine, permit=allow)
    await hub.start()
    return Desk(hub)


async def test_other_events_under_a_used_counter_are_acknowledged_not_stored_counted_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = await desk_with(MemoryEngine(skip_records))
    desk.publish(counter=1, events=2)
    with caplog.at_level(logging.WARNING, "flight.gateway"):
        for _ in range(2):
            desk.hub.publish("log", BENCH, LIFE, 1, 2, 0, b"secret12", desk.results.append)
        desk.hub.publish("other", BENCH, LIFE, 1, 2, 0, bytes(8), desk.results.append)
    assert [result.status for result in desk.results] == [AppendStatus.STORED] + [AppendStatus.DUPLICATE] * 3
    counters = desk.hub.counters()
    assert (counters.conflicts, counters.stored, counters.duplicate) == (6, 2, 6)
    [record] = [record for record in caplog.records if "counter 1" in record.getMessage()]
    assert "secret" not in record.getMessage()


async def test_the_same_events_again_are_no_conflict() -> None:
    desk = await desk_with(MemoryEngine(skip_records))
    for _ in range(3):
        desk.publish(3, counter=1, events=2)
    assert desk.hub.counters().conflicts == 0


async def test_a_batch_that_was_not_stored_may_come_again_with_other_events() -> None:
    """A device that restarted counts on from the mark: what it had sent and nobody stored is gone with it."""
    engine = HeldEngine()
    desk = await desk_with(engine)
    desk.publish(counter=1)
    engine.answer(fail=True)
    desk.hub.publish("log", BENCH, LIFE, 1, 1, 0, b"new!", desk.results.append)
    engine.answer()
    assert desk.results[-1].status is AppendStatus.STORED
    assert desk.hub.counters().conflicts == 0


def test_what_is_remembered_is_bounded_in_batches_and_devices() -> None:
    seen = Fingerprints(batches=2, keys=2)
    for counter in (1, 2, 3):
        seen.stored(KEY, counter, 7)
    assert [seen.differs(KEY, counter, 8) for counter in (1, 2, 3, 4)] == [False, True, True, False]
    seen.stored(KEY, 2, 9)  # what was stored first counts
    assert not seen.differs(KEY, 2, 7)
    seen.stored(("a", LIFE), 1, 7)
    seen.stored(KEY, 4, 7)
    seen.stored(("b", LIFE), 1, 7)  # the device that sent longest ago is forgotten
    assert not seen.differs(("a", LIFE), 1, 8)
    assert seen.differs(KEY, 4, 8)


def test_the_channel_is_part_of_what_is_compared() -> None:
    assert checksum("a", b"1234") != checksum("b", b"1234")
    assert checksum("a", b"1234") != checksum("a", b"1235")
