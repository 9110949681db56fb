"""What every engine must do. A new engine is right when it passes this file."""

import random
import struct
from pathlib import Path

import pytest

from flight_client.errors import CallerError
from flight_client.gateway.aging import Aging, trim_old
from flight_client.gateway.engines import AppendStatus, EngineLimits, Source, check_engine_url, open_engine
from tests.conformance.engines import protocols
from tests.conformance.engines.bench import BENCH, LIFE, Bench, batch, offsets, records
from tests.conformance.engines.conftest import url_of
from tests.support.bench import Bench as Gateway

STORED, DUPLICATE, FAILED = AppendStatus.STORED, AppendStatus.DUPLICATE, AppendStatus.FAILED


async def test_a_stored_batch_can_be_read_back_as_it_was(bench: Bench) -> None:
    sent = batch(7, 3, held=0x8005, received_ms=1_800_000_000_123)
    await bench.append(sent)
    (entry,) = await bench.engine.read("log", 0, 10)
    assert (entry.channel, entry.offset, entry.previous) == ("log", bench.at(1), 0)
    assert (entry.source.device_id, entry.source.platform, entry.source.short_id) == ("bench-1", 3, b"short-01")
    assert (entry.incarnation, entry.counter, entry.events) == (LIFE, 7, 3)
    assert (entry.held, entry.received_ms, entry.records) == (0x8005, 1_800_000_000_123, sent.records)


async def test_the_payload_is_a_deliver_payload_and_the_same_live_and_read_back(bench: Bench) -> None:
    await bench.append(batch())
    sent = batch(7, 2, held=9, received_ms=11)
    await bench.append(sent)
    expected = (
        struct.pack("<QQQ8sIHBB8s", bench.at(2), bench.at(1), 11, b"short-01", 7, 9, 3, 7, b"bench-1") + sent.records
    )
    assert bench.seen[1].payload == expected
    assert (await bench.engine.read("log", bench.at(1), 1))[0].payload == expected


@pytest.mark.parametrize("device_id", ["a", "abcd", "abcde", "d" * 32])
async def test_the_device_id_is_padded_to_four_bytes(bench: Bench, device_id: str) -> None:
    await bench.append(batch(source=Source(device_id, 1, b"12345678"), events=2))
    payload = bench.seen[0].payload
    assert payload[39] == len(device_id)
    assert payload[40 : 40 + len(device_id)] == device_id.encode()
    assert len(payload) % 4 == 0
    assert payload.endswith(records(0, 2))
    assert bench.seen[0].records == records(0, 2)


async def test_the_payload_is_one_object_for_all_who_ask(bench: Bench) -> None:
    await bench.append(batch())
    (entry,) = await bench.engine.read("log", 0, 1)
    assert entry.payload is entry.payload
    assert bench.seen[0].payload is bench.seen[0].payload


async def test_offsets_rise_and_each_names_the_one_before(bench: Bench) -> None:
    results = [await bench.append(batch()) for _ in range(5)]
    given = [result.offset for result in results]
    assert given == sorted(set(given))
    assert given[0] > 0
    if bench.dense:
        assert given == [1, 2, 3, 4, 5]
    chain = list(zip(given, [0, *given], strict=False))
    assert [(entry.offset, entry.previous) for entry in bench.seen] == chain
    read = await bench.engine.read("log", 0, 10)
    assert [(entry.offset, entry.previous) for entry in read] == chain


async def test_each_channel_has_a_chain_of_its_own(bench: Bench) -> None:
    for channel in ("log", "frame-time", "log"):
        await bench.append(batch(channel=channel))
    assert await offsets(bench, "log") == [bench.at(1), bench.at(2)]
    assert await offsets(bench, "frame-time") == [bench.at(1, "frame-time")]
    assert [entry.previous for entry in bench.seen] == [0, 0, bench.at(1)]
    assert await bench.engine.channels() == ["frame-time", "log"]


async def test_many_appends_at_once_keep_their_order(bench: Bench) -> None:
    waiting = [bench.later(batch(1 + 2 * index, 2)) for index in range(700)]
    results = [await result for result in waiting]
    given = [result.offset for result in results]
    assert given == sorted(set(given)) == [bench.at(1 + index) for index in range(700)]
    assert [result.mark for result in results] == list(range(2, 1402, 2))
    assert [entry.counter for entry in bench.seen] == list(range(1, 1401, 2))
    assert await offsets(bench) == given


async def test_an_entry_is_handed_on_before_its_result_is_given(bench: Bench) -> None:
    seen_at_result: list[int] = []
    waiting = bench.later(batch())
    waiting.add_done_callback(lambda _: seen_at_result.append(len(bench.seen)))
    await waiting
    await bench.engine.marks("bench-1", LIFE)
    assert len(bench.seen) == 1


async def test_a_result_that_raises_does_not_hurt_the_next_append(bench: Bench) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a fault of the session")

    try:
        bench.engine.append(batch(), fail)
    except RuntimeError:
        assert not bench.durable  # at once, so its own caller gets it
    assert (await bench.append(batch())).offset == bench.at(2)


async def test_the_same_batch_again_is_a_duplicate_and_not_stored(bench: Bench) -> None:
    await bench.append(batch(1, 4))
    again = await bench.append(batch(1, 4))
    assert (again.status, again.events, again.mark) == (DUPLICATE, 0, 4)
    assert await offsets(bench) == [bench.at(1)]
    assert len(bench.seen) == 1


async def test_a_batch_across_the_mark_is_stored_from_the_mark_on(bench: Bench) -> None:
    await bench.append(batch(1, 4))
    across = await bench.append(batch(3, 5))
    assert (across.status, across.events, across.mark) == (STORED, 3, 7)
    entry = bench.seen[-1]
    assert (entry.counter, entry.events, entry.records) == (5, 3, records(5, 3))
    assert (await bench.engine.read("log", bench.at(1), 1))[0].records == records(5, 3)


@pytest.mark.parametrize(("first", "events"), [(1, 1), (1, 4), (4, 1), (2, 2)])
async def test_a_batch_that_ends_at_or_below_the_mark_is_a_duplicate(bench: Bench, first: int, events: int) -> None:
    await bench.append(batch(1, 4))
    assert (await bench.append(batch(first, events))).status is DUPLICATE


async def test_a_hole_in_the_counters_is_allowed(bench: Bench) -> None:
    await bench.append(batch(1, 2))
    assert (await bench.append(batch(10, 1))).mark == 10


async def test_duplicates_within_one_group_are_found(bench: Bench) -> None:
    waiting = [bench.later(batch(1, 3)), bench.later(batch(1, 3)), bench.later(batch(2, 4))]
    results = [await result for result in waiting]
    assert [result.status for result in results] == [STORED, DUPLICATE, STORED]
    assert [result.events for result in results] == [3, 0, 2]


async def test_each_incarnation_has_its_own_mark(bench: Bench) -> None:
    await bench.append(batch(1, 4))
    other = await bench.append(batch(1, 4, incarnation=b"\2" * 8))
    assert other.status is STORED
    assert await bench.engine.marks("bench-1", LIFE) == (4, 0)
    assert await bench.engine.marks("bench-1", b"\3" * 8) == (0, 0)


async def test_each_device_has_its_own_mark(bench: Bench) -> None:
    await bench.append(batch(1, 4))
    other = await bench.append(batch(1, 2, source=Source("bench-2", 3, b"short-02")))
    assert (other.status, other.mark) == (STORED, 2)


async def test_a_device_of_another_organisation_has_its_own_mark_for_every_name_alike(bench: Bench) -> None:
    """The longest names that there can be; read back and after a restart too. Filling one's marks pushes out none of the other."""
    org, device = "o" * 32, "d" * 32
    source, channel = Source(device, 1, b"12345678"), f"{org}:{'c' * 64}"
    await bench.append(batch(1, 5, source=source, channel="c" * 64))
    assert (await bench.append(batch(1, 3, source=source, channel=channel))).status is STORED
    limits = EngineLimits()
    for life in range(limits.marks_per_device + 1):
        await bench.append(batch(1, 9, source=source, channel=channel, incarnation=b"other%03d" % life))
    if bench.durable:
        await bench.restart()
    assert (await bench.engine.marks(device, LIFE)).mark == 5
    assert (await bench.engine.marks(f"{org}/{device}", b"other%03d" % limits.marks_per_device)).mark == 9
    assert (await bench.engine.read(channel, 0, 1))[0].source.device_id == device
    assert sorted(await bench.engine.channels()) == sorted(["c" * 64, channel])


async def test_marks_hold_over_all_channels_of_a_device(bench: Bench) -> None:
    await bench.append(batch(1, 4, channel="log"))
    assert (await bench.append(batch(3, 2, channel="frame-time"))).status is DUPLICATE


async def test_lossy_events_are_counted_and_leave_the_mark_alone(bench: Bench) -> None:
    await bench.append(batch(1, 2))
    first = await bench.append(batch(0, 5))
    second = await bench.append(batch(0, 7))
    assert (first.lossy_stored, second.lossy_stored, second.mark) == (5, 12, 2)
    assert await bench.engine.marks("bench-1", LIFE) == (2, 12)


async def test_critical_events_do_not_count_as_lossy(bench: Bench) -> None:
    assert (await bench.append(batch(1, 4))).lossy_stored == 0


async def test_marks_include_every_append_made_before_the_question(bench: Bench) -> None:
    for index in range(200):
        bench.later(batch(1 + index, 1))
        bench.later(batch(0, 2))
    assert await bench.engine.marks("bench-1", LIFE) == (200, 400)


async def test_a_batch_may_not_overtake_one_that_is_not_stored(bench: Bench) -> None:
    early = await bench.append(batch(5, 2, follows=4))
    assert (early.status, early.mark) == (FAILED, 0)
    assert "bench-1" in early.error
    await bench.append(batch(1, 4))
    assert (await bench.append(batch(5, 2, follows=4))).status is STORED
    assert bench.engine.health().failed == 1


async def test_the_mark_used_longest_ago_goes_first(bench: Bench) -> None:
    await bench.restart(EngineLimits(marks_per_device=3))
    lives = [bytes([number]) * 8 for number in range(1, 5)]
    for life in lives[:3]:
        await bench.append(batch(1, 1, incarnation=life))
    await bench.append(batch(2, 1, incarnation=lives[0]))  # used again, so lives[1] is the oldest now
    await bench.append(batch(1, 1, incarnation=lives[3]))
    marks = [(await bench.engine.marks("bench-1", life)).mark for life in lives]
    assert marks == [2, 0, 1, 1]


async def test_a_flood_of_device_ids_does_not_keep_more_marks_than_the_limit(bench: Bench) -> None:
    await bench.restart(EngineLimits(marks_total=5))
    for number in range(20):
        await bench.append(batch(1, 1, source=Source(f"bench-{number}", 3, b"short-01")))
        await bench.append(batch(1 + number, 1, source=Source("bench-0", 3, b"short-01")))
    kept = [number for number in range(20) if (await bench.engine.marks(f"bench-{number}", LIFE)).mark]
    assert kept == [0, 16, 17, 18, 19]  # bench-0 was used all the time


async def test_reading_starts_after_the_offset_and_stops_at_the_limit(bench: Bench) -> None:
    for _ in range(10):
        await bench.append(batch())
    assert await offsets(bench, after=bench.at(3), limit=4) == [bench.at(number) for number in (4, 5, 6, 7)]
    assert await offsets(bench, after=bench.at(8), limit=4) == [bench.at(9), bench.at(10)]
    assert await offsets(bench, after=bench.at(10)) == []
    assert await offsets(bench, after=bench.at(10) + 89) == []
    assert await offsets(bench, after=(1 << 64) - 1) == []
    assert await offsets(bench, "nothing-here") == []


async def test_reading_stops_at_the_byte_limit_but_gives_one_entry_at_least(bench: Bench) -> None:
    for _ in range(4):
        await bench.append(batch(0, 10))
    size = len(bench.seen[0].payload)
    assert len(await bench.engine.read("log", 0, 10, 2 * size)) == 2
    assert len(await bench.engine.read("log", 0, 10, 2 * size + 1)) == 2
    assert len(await bench.engine.read("log", 0, 10, 1)) == 1


async def test_bounds_say_what_is_there(bench: Bench) -> None:
    assert await bench.engine.bounds("log") == (1, 0)
    for _ in range(3):
        await bench.append(batch())
    assert await bench.engine.bounds("log") == (1, bench.at(3))


async def test_the_log_keeps_its_limit_of_entries_and_no_more(bench: Bench) -> None:
    await bench.restart(EngineLimits(history_entries=4))
    for _ in range(11):
        await bench.append(batch())
    assert await bench.engine.bounds("log") == (bench.at(7) + 1, bench.at(11))
    read = await bench.engine.read("log", 0, 100)
    kept = [(bench.at(number), bench.at(number - 1)) for number in (8, 9, 10, 11)]
    assert [(entry.offset, entry.previous) for entry in read] == kept


async def test_one_channel_does_not_trim_another(bench: Bench) -> None:
    await bench.restart(EngineLimits(history_entries=2))
    await bench.append(batch(channel="frame-time"))
    for _ in range(9):
        await bench.append(batch())
    assert await bench.engine.bounds("frame-time") == (1, bench.at(1, "frame-time"))


async def test_trim_forgets_the_oldest_and_offsets_go_on(bench: Bench) -> None:
    for _ in range(6):
        await bench.append(batch())
    await bench.engine.trim("log", 2)
    assert await bench.engine.bounds("log") == (bench.at(4) + 1, bench.at(6))
    await bench.engine.trim("log", 100)
    assert await offsets(bench) == [bench.at(5), bench.at(6)]
    await bench.engine.trim("log", 0)
    await bench.engine.trim("nothing-here", 0)
    assert await bench.engine.bounds("log") == (bench.at(6) + 1, bench.at(6))
    assert await offsets(bench) == []
    assert (await bench.append(batch())).offset == bench.at(7)
    assert await bench.engine.bounds("log") == (bench.at(6) + 1, bench.at(7))


async def test_forgetting_up_to_an_offset_leaves_what_is_appended_meanwhile(bench: Bench) -> None:
    for _ in range(6):
        await bench.append(batch())
    later = bench.later(batch())  # before it in the engine's turn, behind it in the log
    await bench.engine.forget("log", bench.at(4))
    await later
    assert await offsets(bench) == [bench.at(5), bench.at(6), bench.at(7)]
    assert await bench.engine.bounds("log") == (bench.at(4) + 1, bench.at(7))
    await bench.engine.forget("log", bench.at(2))
    await bench.engine.forget("nothing-here", 5)
    assert await offsets(bench) == [bench.at(5), bench.at(6), bench.at(7)]
    if bench.durable:
        await bench.restart()
    assert await offsets(bench) == [bench.at(5), bench.at(6), bench.at(7)]
    await bench.engine.forget("log", bench.at(7) + 100)
    assert await offsets(bench) == []
    assert (await bench.append(batch())).offset == bench.at(8)


async def test_trimming_forgets_no_mark(bench: Bench) -> None:
    await bench.append(batch(1, 4))
    await bench.engine.trim("log", 0)
    assert (await bench.append(batch(1, 4))).status is DUPLICATE


@pytest.mark.parametrize(("count", "after"), [(0, 6), (1, 5), (6, 0), (99, 0), (-1, 6)])
async def test_the_position_before_the_last_entries(bench: Bench, count: int, after: int) -> None:
    assert await bench.engine.before_last("log", count) == 0
    for _ in range(6):
        await bench.append(batch())
    assert await bench.engine.before_last("log", count) == bench.at(after)


async def test_the_epoch_is_eight_bytes_and_changes_with_the_log(bench: Bench) -> None:
    before = bench.engine.epoch
    assert len(before) == 8
    assert any(before)
    await bench.restart()
    assert (bench.engine.epoch == before) is bench.durable


async def test_a_batch_whose_records_cannot_be_cut_fails_alone(bench: Bench) -> None:
    def refuse(data: bytes, start: int, end: int, events: int) -> int:
        raise ValueError("no such record")

    await bench.engine.close()
    bench.engine = open_engine(bench.url, refuse)
    await bench.engine.start(bench.seen.append)
    waiting = [bench.later(batch(1, 4)), bench.later(batch(3, 4)), bench.later(batch(0, 2))]
    results = [await result for result in waiting]
    assert [result.status for result in results] == [STORED, FAILED, STORED]
    assert "no such record" in results[1].error


async def test_an_append_to_a_closed_engine_fails_at_once(bench: Bench) -> None:
    await bench.engine.close()
    result = await bench.append(batch(1, 1))
    assert result.status is FAILED
    assert "start the gateway" in result.error
    assert not bench.engine.health().ok
    await bench.engine.close()


async def test_close_stores_what_is_queued_and_gives_every_result(bench: Bench) -> None:
    waiting = [bench.later(batch(1 + index, 1)) for index in range(600)]
    await bench.engine.close()
    assert all(result.done() and result.result().status is STORED for result in waiting)


async def test_health_is_good_and_counts_nothing_at_first(bench: Bench) -> None:
    health = bench.engine.health()
    assert (health.ok, health.queued, health.queued_bytes, health.failed) == (True, 0, 0, 0)
    assert health.text


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_sent_again_every_event_is_stored_once_and_in_order(bench: Bench, seed: int) -> None:
    """A device that resends from any unacknowledged point in batches cut anew, over three lives and two channels."""
    draw = random.Random(seed)
    lives = [bytes([number]) * 8 for number in range(1, 4)]
    next_counter = dict.fromkeys(lives, 1)
    for _ in range(300):
        life = draw.choice(lives)
        start = max(1, next_counter[life] - draw.randrange(12))
        result = await bench.append(batch(start, draw.randrange(1, 9), incarnation=life, channel=draw.choice("ab")))
        next_counter[life] = max(next_counter[life], result.mark + 1)
    for life in lives:
        stored = [entry for entry in bench.seen if entry.incarnation == life]
        counters = [entry.counter + index for entry in stored for index in range(entry.events)]
        assert counters == list(range(1, next_counter[life])), f"seed {seed}"
        assert b"".join(entry.records for entry in stored) == records(1, next_counter[life] - 1)
    read = await bench.engine.read("a", 0, 1000) + await bench.engine.read("b", 0, 1000)
    assert sorted(entry.payload for entry in read) == sorted(entry.payload for entry in bench.seen)


def test_sources_do_not_share_what_they_say() -> None:
    assert BENCH.tail == b"bench-1\0"
    assert "bench-1" in repr(BENCH)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "not a URL"),
        ("sqlite", "not a URL"),
        ("sqlite:", "needs the path"),
        ("sqlite::memory:", "needs the path"),
        ("memory:x", "nothing after"),
        ("mysql://host/db", "not known"),
        ("sqlite:a\0b", "not known"),
        ("mysql://user:secret@host/db", "not known"),
    ],
)
def test_an_engine_url_that_cannot_be_used_says_why_and_what_there_is(url: str, said: str) -> None:
    with pytest.raises(CallerError, match=said) as caught:
        check_engine_url(url)
    assert "memory:" in str(caught.value)
    assert "secret" not in str(caught.value)


# Old events (gateway/aging.py)


@pytest.mark.parametrize("old", [0, 1, 4, 7])
async def test_what_is_too_old_is_trimmed_and_nothing_else(bench: Bench, old: int) -> None:
    for number in range(7):
        await bench.append(batch(received_ms=1000 + number))
    assert await trim_old(bench.engine, "log", 1000 + old) == bench.at(old)
    assert await offsets(bench) == [bench.at(number) for number in range(old + 1, 8)]
    assert await trim_old(bench.engine, "log", 1000 + old) == 0, "the rest is young"
    assert await trim_old(bench.engine, "nothing-here", 1 << 50) == 0
    assert (await bench.append(batch(received_ms=2000))).status is STORED
    assert (await bench.engine.read("log", 0, 100))[-1].received_ms == 2000


async def test_every_log_is_looked_at_and_an_engine_that_fails_stops_nobody(bench: Bench) -> None:
    for channel in ("log", "frame-time"):
        for received_ms in (1000, 3000):
            await bench.append(batch(channel=channel, received_ms=received_ms))
    aging = Aging(bench.engine, 2, lambda: 5000)
    await aging.look()
    for channel in ("log", "frame-time"):
        assert await offsets(bench, channel) == [bench.at(2, channel)]
    await bench.engine.close()
    await aging.look()


# The protocols above (protocols.py)


@pytest.mark.parametrize("engine", ["sqlite", "redis", "rabbitmq"])
async def test_json_and_rest_keep_their_promises_on_it(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    gateway = Gateway(tmp_path, url_of(engine, request, tmp_path))
    await gateway.start()
    for conversation in (protocols.stream, protocols.polling, protocols.rest):
        await conversation(gateway)
    await gateway.stop()


@pytest.mark.parametrize("engine", ["redis", "rabbitmq"])
async def test_json_at_one_gateway_hears_what_rest_stores_at_another(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    url = url_of(engine, request, tmp_path)
    one = Gateway(tmp_path, url)
    other = Gateway(tmp_path, url)
    for gateway in (one, other):
        await gateway.start()
    await protocols.between(one, other)
    await protocols.presence(one, other)
    for client in one.clients:
        await client.close()
    for gateway in (one, other):  # then the watch: each would take the other's tasks for left behind
        await gateway.gateway.stop()
    await other.watch.check()
    await one.watch.check()
