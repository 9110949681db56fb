"""The bytes that brokers keep: read back as they were, and refused when they are damaged."""

import random

import pytest

from flight_client.errors import PeerError
from flight_client.gateway.engines import EngineLimits, Marks, Source
from flight_client.gateway.engines import rabbitmq_log as log
from flight_client.gateway.engines.packing import pack_batch, unpack_batch
from tests.conformance.engines.bench import batch, skip_records

SENT = batch(7, 3, source=Source("gerät-1", 5, b"12345678"), held=0x8005, received_ms=1_800_000_000_123, follows=6)
SENT.coding = 2


def test_a_batch_is_read_back_as_it_was_packed() -> None:
    read = unpack_batch("log", pack_batch(SENT))
    for name in ("channel", "incarnation", "counter", "events", "held", "received_ms", "records", "follows", "coding"):
        assert getattr(read, name) == getattr(SENT, name), name
    assert (read.source.device_id, read.source.platform, read.source.short_id) == ("gerät-1", 5, b"12345678")


def test_a_batch_cut_in_its_head_is_refused_and_no_other_error_comes() -> None:
    data = pack_batch(SENT)
    for end in range(len(data) - len(SENT.records)):
        with pytest.raises(PeerError) as caught:
            unpack_batch("log", data[:end])
        assert caught.value.next_step


def test_another_layout_is_refused() -> None:
    with pytest.raises(PeerError, match="layout"):
        unpack_batch("log", b"\2" + pack_batch(SENT)[1:])


def test_the_records_of_a_message_are_read_back() -> None:
    body = log.batch_record(SENT) + log.trim_record("log", 5) + log.record(log.MARKER)
    kinds = [(one.kind, one.channel) for one in log.records(body)]
    assert kinds == [(log.BATCH, "log"), (log.TRIM, "log"), (log.MARKER, "")]


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_message_changes_nothing_but_the_position_or_is_read(seed: int) -> None:
    """Whatever the bytes are: applied, or refused as a peer's mistake."""
    draw = random.Random(seed)
    replica = log.Replica(skip_records, EngineLimits())
    replica.begin(0)
    body = log.batch_record(batch(1, 2)) + log.checkpoint_record(log.FULL, b"12345678", [("d", b"1" * 8, Marks(4, 5))])
    refused = 0
    for number in range(1500):
        data = bytearray(body[: draw.randrange(1, len(body) + 1)])
        for _ in range(draw.randrange(3)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            replica.apply(number, bytes(data))
        except PeerError:
            refused += 1
        assert replica.position == number, f"seed {seed}"
    assert refused > 500


def test_a_reader_that_begins_late_trusts_itself_from_the_first_full_checkpoint_on() -> None:
    replica = log.Replica(skip_records, EngineLimits())
    replica.begin(100)
    replica.apply(100, log.batch_record(batch(1, 4)))
    replica.apply(101, log.checkpoint_record(log.FULL, b"12345678", [("bench-1", b"\1" * 8, Marks(9, 3))]))
    assert replica.complete
    assert replica.marks("bench-1", b"\1" * 8) == (9, 3)
    assert replica.logs["log"].read(0, 9, 999) == []  # it was judged without the marks before it
    (stored,) = replica.apply(102, log.batch_record(batch(8, 4)))
    assert stored.entry is not None
    assert (stored.entry.counter, stored.entry.events) == (10, 2)
    assert stored.entry.previous == log.first_offset(101) - 1


def test_a_reader_that_begins_late_is_not_complete_before_that() -> None:
    replica = log.Replica(skip_records, EngineLimits())
    replica.begin(100)
    replica.apply(100, log.checkpoint_record(log.PROPOSED, b"12345678"))
    assert not replica.complete


def test_a_proposed_epoch_counts_only_where_there_is_none() -> None:
    replica = log.Replica(skip_records, EngineLimits())
    replica.begin(0)
    for number, epoch in enumerate((b"first---", b"second--")):
        replica.apply(number, log.checkpoint_record(log.PROPOSED, epoch))
    assert replica.epoch == b"first---"
    replica.apply(2, log.checkpoint_record(log.REPLACED, b"third---"))
    assert replica.epoch == b"third---"
