"""The ledger of the simulation would notice: what is doubled, and where a lost log allows it."""

import pytest

from flight_client import Gap, Payload
from flight_client.events import encode_event
from flight_client.gateway.engines.base import Batch, Entry
from flight_client.gateway.engines.base import Source as Sender
from flight_client.streams import RealtimeEvent, Source
from flight_client.wire.records import write_record
from tests.simulation.ledger import Ledger, Life, number_bytes

OLD, NEW = b"old log.", b"new log."
LOST = Gap("log", "epoch", 0, 0, NEW.hex())


def entry(offset: int, number: int, received_ms: int = 1, events: int = 1) -> Entry:
    """Stored critical events, the first with this number."""
    data = b""
    for one in range(number, number + events):
        layout, body = encode_event(Payload(0, number_bytes(one)))
        out = bytearray(len(body) + 8)
        data += bytes(out[: write_record(out, 0, layout, 0, body)])
    sender = Sender("device", 3, b"12345678")
    return Entry(Batch("log", sender, b"incarnat", 1 + number, events, 0, received_ms, data), offset, offset - 1)


def event(offset: int, number: int, received_ms: int = 1) -> RealtimeEvent:
    """The same as a subscriber gets it."""
    payload = Payload(0, number_bytes(number))
    return RealtimeEvent(
        "payload", payload, "log", Source("device", "vita", "12345678"), offset, received_ms, 0, 1 + number
    )


def accepted(ledger: Ledger, count: int) -> Life:
    """A device whose program had so many critical events accepted."""
    life = ledger.new_life("device", "vita")
    life.critical = list(range(count))
    life.packed = list(range(count))
    life.channels = ["log"] * count
    return life


def two_logs() -> tuple[Ledger, Life]:
    """Event 0 is in both logs, since its device had no acknowledgement when the first one was lost; 1 is in the second."""
    ledger = Ledger()
    publisher = accepted(ledger, 2)
    reader = ledger.new_life("tool", "host")
    ledger.new_log(OLD)
    ledger.stored(OLD, entry(1, 0))
    ledger.new_log(NEW)
    ledger.stored(NEW, entry(1, 0))
    ledger.stored(NEW, entry(2, 1))
    ledger.acked(publisher, 2)
    return ledger, reader


def test_a_lost_log_may_make_an_event_come_again_behind_its_gap() -> None:
    ledger, reader = two_logs()
    reader.received["log"] = [event(1, 0), LOST, event(1, 0), event(2, 1)]
    assert ledger.check_end() == []
    assert reader.repeated == 1


@pytest.mark.parametrize(
    "received",
    [
        [event(1, 0), event(1, 0), LOST, event(1, 0), event(2, 1)],
        [event(1, 0), LOST, event(1, 0), event(1, 0), event(2, 1)],
        [event(1, 0), LOST, event(1, 0), event(2, 1), event(2, 1)],
        [event(1, 0), event(1, 0), event(2, 1)],
        [event(1, 0), LOST, event(1, 0), LOST, event(1, 0), event(2, 1)],
        [event(1, 0), event(2, 1)],
        [LOST, event(2, 1)],
    ],
    ids=["old log", "three times", "new log", "no gap at all", "a gap for nothing", "no gap", "missing"],
)
def test_anything_else_is_noticed(received: list[RealtimeEvent | Gap]) -> None:
    ledger, reader = two_logs()
    reader.received["log"] = received
    assert ledger.check_end()


@pytest.mark.parametrize("offset", [1, 2, 700])
def test_twice_within_one_log_is_noticed_whatever_the_offsets_say(offset: int) -> None:
    ledger, reader = two_logs()
    reader.received["log"] = [event(1, 0), LOST, event(1, 0), event(offset, 0)]
    assert any("twice without a gap" in problem for problem in ledger.check_end())


def test_a_subscriber_that_begins_in_the_new_log_is_not_taken_for_one_of_the_lost_log() -> None:
    """Both logs begin with the same event at the same offset; when the gateway got it tells them apart."""
    ledger = Ledger()
    accepted(ledger, 2)
    ledger.new_log(OLD)
    ledger.stored(OLD, entry(1, 0, 5))
    ledger.new_log(NEW)
    ledger.stored(NEW, entry(1, 0, 9))
    reader = ledger.new_life("tool", "host")
    ledger.stored(NEW, entry(2, 1, 10))
    ledger.lives[0].acked = 2
    reader.received["log"] = [event(1, 0, 9), event(2, 1, 10)]
    assert ledger.check_end() == []
    reader.received["log"] = [event(1, 0, 5), event(2, 1, 10)]
    assert ledger.check_end()


def test_the_rest_of_an_entry_may_be_missing_only_where_its_subscriber_ended_meanwhile() -> None:
    """Seeds 7516, 8834, 9611 and 13700: devices that were reset between two portions of an entry."""
    ledger = Ledger()
    publisher = accepted(ledger, 2)
    ledger.new_log(OLD)
    ledger.stored(OLD, entry(1, 0, events=2))
    ledger.acked(publisher, 2)
    reader = ledger.new_life("tool", "host")
    reader.received["log"] = [event(1, 0)]
    assert any("the rest of entry 1 did not come: [1]" in problem for problem in ledger.check_end())
    reader.over = True
    assert ledger.check_end() == []
    reader.received["log"] = [event(1, 0), event(2, 0)]
    assert ledger.check_end()


def test_an_event_that_a_log_has_twice_is_noticed() -> None:
    ledger = Ledger()
    accepted(ledger, 1)
    ledger.new_log(OLD)
    ledger.stored(OLD, entry(1, 0))
    ledger.stored(OLD, entry(2, 0))
    assert "stored twice in log 0" in ledger.problems[0]


def test_what_was_acknowledged_before_the_log_was_lost_must_not_come_to_the_next_one() -> None:
    ledger = Ledger()
    publisher = accepted(ledger, 2)
    ledger.new_log(OLD)
    ledger.stored(OLD, entry(1, 0))
    ledger.acked(publisher, 1)
    ledger.new_log(NEW)
    ledger.stored(NEW, entry(1, 1))
    assert ledger.problems == []
    ledger.stored(NEW, entry(2, 0))
    assert "settled before log 1" in ledger.problems[0]
