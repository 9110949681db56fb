"""The limit of a channel's history by bytes, on every engine."""

from flight_client.gateway.engines import Batch, EngineLimits
from tests.conformance.engines.bench import Bench, batch, offsets


def large(events: int = 125) -> Batch:
    """Its records are 1,000 bytes; what an engine counts beside them is less than a tenth of that."""
    return batch(0, events)


async def test_the_log_keeps_its_limit_of_bytes_and_no_more(bench: Bench) -> None:
    await bench.restart(EngineLimits(history_bytes=4800))
    for number in range(1, 12):
        await bench.append(large())
        kept = [bench.at(one) for one in range(max(1, number - 3), number + 1)]
        assert await offsets(bench) == kept
    assert await bench.engine.bounds("log") == (bench.at(7) + 1, bench.at(11))
    assert await bench.engine.before_last("log", 100) == bench.at(7)


async def test_an_entry_above_the_limit_of_bytes_is_kept_alone_and_small_ones_push_it_out(bench: Bench) -> None:
    await bench.restart(EngineLimits(history_bytes=4800))
    await bench.append(large())
    await bench.append(large(1250))
    assert await offsets(bench) == [bench.at(2)]
    for _ in range(3):
        await bench.append(large())
    assert await offsets(bench) == [bench.at(number) for number in (3, 4, 5)]


async def test_what_was_forgotten_does_not_count_as_kept_bytes(bench: Bench) -> None:
    await bench.restart(EngineLimits(history_bytes=4800))
    for _ in range(4):
        await bench.append(large())
    await bench.engine.trim("log", 1)
    for _ in range(3):
        await bench.append(large())
    assert await offsets(bench) == [bench.at(number) for number in (4, 5, 6, 7)]
    await bench.engine.forget("log", bench.at(7))
    await bench.append(large())
    assert await offsets(bench) == [bench.at(8)]


async def test_a_durable_log_counts_the_bytes_of_before_a_restart(bench: Bench) -> None:
    limits = EngineLimits(history_bytes=4800)
    await bench.restart(limits)
    for _ in range(4 if bench.durable else 0):
        await bench.append(large())
    await bench.restart(limits)
    for _ in range(2 if bench.durable else 4):
        await bench.append(large())
    assert len(await offsets(bench)) == 4
    assert (await offsets(bench))[-1] == bench.seen[-1].offset
