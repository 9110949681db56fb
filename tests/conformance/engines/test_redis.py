"""What only Redis can do: die, come back, come back without its log, and serve several gateways."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from flight_client import Client, Gap, Log
from flight_client.errors import CallerError, FlightError, LinkError
from flight_client.gateway.auth import development_key, make_token
from flight_client.gateway.engines import AppendStatus, StoreError, broker
from flight_client.gateway.engines.redis_pool import StrictPool
from tests.conformance.engines.bench import LIFE, Bench, batch
from tests.conformance.engines.kills import kill_under_load, opened
from tests.conformance.engines.nodes import kill_nodes_in_turn
from tests.project import readme_examples
from tests.support.bench import Bench as Gateway
from tests.support.bench import Reader, Watch, component, hurry, numbers, subscribed
from tests.support.brokers import RedisServer
from tests.support.figures import Figure
from tests.support.ports import free_port
from tests.support.process import start_flight
from tests.support.waiting import eventually, within

STORED, DUPLICATE, FAILED = AppendStatus.STORED, AppendStatus.DUPLICATE, AppendStatus.FAILED
KILLS = int(os.environ.get("FLIGHT_BROKER_KILLS", "3"))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """One that the test may kill."""
    made = RedisServer(tmp_path)
    made.start()
    yield made
    made.kill()


async def refusal_of(url: str) -> FlightError:
    bench = Bench(url)
    with pytest.raises(FlightError) as caught:
        await within(bench.start())
    assert caught.value.next_step
    assert not bench.engine.health().ok
    await bench.engine.close()
    return caught.value


async def test_no_acknowledged_event_is_lost_or_doubled_when_redis_is_killed_under_load(
    server: RedisServer, figure: Figure
) -> None:
    seed = 20261123
    outcome = await kill_under_load(server, server.url(), KILLS, seed, 3000)
    figure(f"redis, seed {seed}: {outcome}")
    assert (outcome.lost, outcome.doubled, outcome.lossy_doubled) == (0, 0, 0), f"seed {seed}: {outcome}"
    assert len(outcome.recovery_s) == KILLS
    assert outcome.acked > 1000 * KILLS


async def test_two_gateways_killed_in_turn_lose_and_double_nothing(
    redis_server: RedisServer, tmp_path: Path, figure: Figure
) -> None:
    seed = 7
    figure(
        f"two gateways on redis, seed {seed}: {await kill_nodes_in_turn(redis_server.url('nodes'), tmp_path, seed, max(2, KILLS // 2))}"
    )


async def test_clients_with_a_list_of_two_gateways_follow_when_theirs_is_killed(
    redis_server: RedisServer, tmp_path: Path, figure: Figure
) -> None:
    seed, url, kills = 11, redis_server.url("listed"), max(2, KILLS // 2)
    outcome = await kill_nodes_in_turn(url, tmp_path, seed, kills, listed=True)
    figure(f"clients with a list of two gateways on redis, seed {seed}: {outcome}")


async def test_the_two_commands_of_the_readme_are_two_gateways_on_one_log(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    lines = readme_examples.examples("README.md")["two-gateways"].splitlines()
    ports = [free_port(), free_port()]
    nodes = []
    for line, port in zip(lines, ports, strict=True):
        words = line.replace("redis://localhost:6379", redis_server.url("readme")).split()
        assert words[:2] == ["flight", "gateway"]
        words[-1] = str(port)
        nodes.append(start_flight(*words[1:], "--state-dir", str(tmp_path)))
    try:
        for node in nodes:
            assert node.stdout is not None
            while "stop: Ctrl-C" not in (line := await asyncio.to_thread(node.stdout.readline)):
                assert line, node.stderr and node.stderr.read()
        token = make_token(development_key(tmp_path), "*", ["publish", "subscribe"], 3600)
        async with Client(f"http://127.0.0.1:{ports[1]}", token=token, device_id="tool") as tool:
            reader = Reader(tool.events("log"))
            await subscribed(tool)
            async with Client(f"http://127.0.0.1:{ports[0]}", token=token, device_id="bench-1") as device:
                await within(device.channel("log").publish(Log("over there")))
            assert [event.data for event in await reader.take(1)] == [Log("over there")]
    finally:
        for node in nodes:
            node.kill()
            node.communicate()


async def test_a_new_start_finds_log_marks_counts_and_epoch(redis: Bench) -> None:
    epoch = redis.engine.epoch
    await redis.append(batch(1, 4))
    await redis.append(batch(0, 3, channel="frame-time"))
    live = [entry.payload for entry in redis.seen]
    await redis.restart()
    assert redis.engine.epoch == epoch
    read = await redis.engine.read("log", 0, 9) + await redis.engine.read("frame-time", 0, 9)
    assert [entry.payload for entry in read] == live
    assert await redis.engine.marks("bench-1", LIFE) == (4, 3)
    after = await redis.append(batch(5, 1))
    assert (after.offset, after.mark, after.lossy_stored) == (2, 5, 3)


async def test_while_redis_is_away_everything_is_refused_with_the_reason_and_then_it_goes_on(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "HOLD_S", 0.05)
    async with opened(server.url()) as bench:
        await bench.append(batch(1, 2))
        server.kill()
        first = await within(bench.append(batch(3, 1)))
        second = await within(bench.append(batch(4, 1)))
        for refused in (first, second):
            assert refused.status is FAILED
            assert "cannot be reached" in refused.error
            assert "send again" in refused.error
        health = bench.engine.health()
        assert (health.ok, health.queued, health.failed) == (False, 0, 2)
        with pytest.raises(StoreError, match="cannot be reached"):
            await bench.engine.marks("bench-1", LIFE)
        with pytest.raises(StoreError, match="cannot be reached"):
            await bench.engine.read("log", 0, 1)
        await asyncio.to_thread(server.start)
        await eventually(lambda: bench.engine.health().ok)
        assert (await bench.append(batch(3, 1))).mark == 3
        assert [entry.counter for entry in bench.seen] == [1, 3]


async def test_a_short_absence_is_waited_out(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "HOLD_S", 60.0)
    async with opened(server.url()) as bench:
        await bench.append(batch(1, 2))
        server.kill()
        waiting = [bench.later(batch(3, 1)), bench.later(batch(4, 1, follows=3))]
        await eventually(lambda: not bench.engine.health().ok)
        await asyncio.to_thread(server.start)
        assert [(await within(one)).mark for one in waiting] == [3, 4]


async def test_a_redis_that_came_back_empty_has_a_new_epoch_and_says_so(server: RedisServer) -> None:
    async with opened(server.url()) as bench:
        told: list[object] = []
        bench.engine.on_new_log = told.append
        epoch = bench.engine.epoch
        await bench.append(batch(1, 2))
        await bench.append(batch(3, 2))
        server.command("FLUSHALL")
        result = await within(bench.append(batch(5, 2)))
        assert (result.status, result.offset, result.mark) == (STORED, 1, 6)
        assert bench.engine.epoch != epoch
        assert told == [{}]
        assert [entry.offset for entry in bench.seen] == [1, 2, 1]


async def test_clients_of_a_gateway_whose_redis_came_back_empty_are_told_and_go_on(
    server: RedisServer, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, server.url())
    await gateway.start()
    tool, reader = await gateway.tool("component-update")
    device = hurry(await gateway.connected("bench-1"))
    gaps: list[Gap] = []
    hurry(tool).on_gap(gaps.append)
    await device.channel("component-events").publish(component(1))
    assert numbers(await reader.take(1)) == [1]
    epoch = tool.epoch
    server.command("FLUSHALL")
    await within(device.channel("component-events").publish(component(2)))
    assert numbers(await reader.take(1)) == [2]
    assert [(gap.channel, gap.reason) for gap in gaps] == [("component-events", "epoch")]
    assert tool.epoch != epoch
    assert tool.epoch == gateway.gateway.hub.epoch.hex()
    await gateway.stop()


async def test_a_device_is_refused_while_redis_is_away_and_its_event_is_stored_once_when_it_is_back(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "HOLD_S", 0.05)
    gateway = Gateway(tmp_path, server.url())
    await gateway.start()
    _, reader = await gateway.tool("component-update")
    device = await gateway.connected("bench-1")
    events = device.channel("component-events", retry_interval_ms=50, retries=200)
    server.kill()
    for number in (1, 2, 3):
        assert events.emit(component(number), critical=True).accepted
    await eventually(lambda: gateway.gateway.hub.counters().failed, "a refusal")
    assert device.counters().acked == 0
    await asyncio.to_thread(server.start)
    assert numbers(await reader.take(3)) == [1, 2, 3]
    assert await within(device.flush())
    assert device.counters().acked == 3
    await gateway.stop()


async def test_a_log_that_lost_its_end_goes_on_under_a_new_epoch(server: RedisServer) -> None:
    async with opened(server.url()) as bench, opened(server.url()) as other:
        for counter in (1, 2, 3):
            await bench.append(batch(counter, 1))
        await eventually(lambda: len(other.seen) == 3)
        epoch = bench.engine.epoch
        # As a Redis does that lost power: the last second is gone, and others have filled its place already.
        for command in (("DEL", "{flight}:log:log"), ("HSET", "{flight}:heads", "log", "1")):
            server.command(*command)
        server.command("CLIENT", "KILL", "TYPE", "normal")
        await eventually(lambda: bench.engine.epoch != epoch, "another epoch")
        await eventually(lambda: other.engine.epoch == bench.engine.epoch, "the same epoch")


async def test_the_same_offsets_with_other_events_are_another_log(server: RedisServer) -> None:
    async with opened(server.url()) as bench:
        await bench.append(batch(1, 1))
        epoch = bench.engine.epoch
        for command in (("DEL", "{flight}:log:log"), ("XADD", "{flight}:log:log", "0-1", "entry", "else")):
            server.command(*command)
        server.command("CLIENT", "KILL", "TYPE", "normal")
        await eventually(lambda: bench.engine.epoch != epoch, "another epoch")


async def test_a_lost_connection_is_not_replaced_in_silence(server: RedisServer) -> None:
    """Redis may have lost what it answered last: neither the check of its file nor the next append may meet another one."""
    pool = StrictPool(host="127.0.0.1", port=server.port, protocol=2, retry=Retry(NoBackoff(), 0))
    client: Any = Redis(connection_pool=pool)
    waiting = asyncio.create_task(client.blpop(["nothing"]))
    await client.ping()
    (idle,) = [line for line in await client.client_list() if line["cmd"] != "blpop"]
    server.command("CLIENT", "KILL", "ID", idle["id"])
    with pytest.raises(RedisConnectionError):
        await client.ping()
    with pytest.raises(RedisConnectionError, match="was lost"):
        await client.ping()
    with pytest.raises(RedisConnectionError):
        await within(waiting)  # whoever waits hears of it


async def test_two_gateways_hand_on_the_same_log_in_the_same_order(redis: Bench) -> None:
    async with opened(redis.url) as other:
        waiting = []
        for number in range(60):
            bench = (redis, other)[number % 2]
            waiting.append(bench.later(batch(0, 1 + number % 3, channel="ab"[number % 2])))
            waiting.append(bench.later(batch(0, 1)))
        for result in waiting:
            assert (await result).status is STORED
        for bench in (redis, other):
            await eventually(lambda who=bench: len(who.seen) == 120)  # type: ignore[misc]
            for channel in ("log", "a", "b"):
                offsets = [entry.offset for entry in bench.seen if entry.channel == channel]
                assert offsets == list(range(1, len(offsets) + 1))
        for channel in ("log", "a", "b"):
            one, two = ([entry.payload for entry in who.seen if entry.channel == channel] for who in (redis, other))
            assert one == two


def counters_of(bench: Bench) -> list[int]:
    return [entry.counter + index for entry in bench.seen for index in range(entry.events)]


async def test_a_device_that_moves_to_another_gateway_stores_nothing_twice(redis: Bench) -> None:
    async with opened(redis.url) as other:
        here = [redis.later(batch(1 + 2 * number, 2)) for number in range(20)]
        there = [other.later(batch(1 + 3 * number, 3, follows=3 * number)) for number in range(10)]
        results = [await result for result in (*here, *there)]
        assert FAILED not in {result.status for result in results}
        for bench in (redis, other):
            await eventually(lambda who=bench: len(counters_of(who)) >= 40)  # type: ignore[misc]
            assert counters_of(bench) == list(range(1, 41))


async def test_what_waits_for_a_batch_that_is_cut_is_stored_behind_it(redis: Bench) -> None:
    await redis.append(batch(1, 3))
    waiting = [redis.later(batch(2, 4)), redis.later(batch(6, 2, follows=5)), redis.later(batch(8, 1, follows=7))]
    assert [(one.status, one.mark) for one in [await one for one in waiting]] == [(STORED, 5), (STORED, 7), (STORED, 8)]
    assert [entry.counter for entry in redis.seen] == [1, 4, 6, 8]


async def test_scripts_that_redis_forgot_are_loaded_again(redis: Bench, redis_server: RedisServer) -> None:
    await redis.append(batch(1, 1))
    redis_server.command("SCRIPT", "FLUSH")
    assert (await within(redis.append(batch(2, 1)))).mark == 2


async def test_a_redis_that_hangs_is_given_up_and_nothing_is_stored_twice(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flight_client.gateway.engines import redis as module

    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    monkeypatch.setattr(module, "_BLOCK_MS", 50)
    async with opened(server.url()) as bench:
        await bench.append(batch(1, 1))
        server.pause()
        waiting = bench.later(batch(2, 1))
        await eventually(lambda: not bench.engine.health().ok)
        assert not waiting.done()
        server.resume()
        assert (await within(waiting)).mark == 2
        await eventually(lambda: len(bench.seen) == 2)
        assert [entry.counter for entry in bench.seen] == [1, 2]


async def test_nothing_is_acknowledged_or_handed_on_before_the_append_only_file_holds_it(
    redis: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy disk: Redis has answered and puts its write off. It cannot be made to, so its INFO is made to say so."""
    from redis.asyncio import Redis

    held = {"aof_enabled": 1, "aof_buffer_length": 500, "aof_current_size": 1000}
    asked: list[str] = []

    async def info(_: object, section: str) -> dict[str, int]:
        asked.append(section)
        return dict(held)

    monkeypatch.setattr(Redis, "info", info)
    async with opened(redis.url) as other:
        waiting = redis.later(batch(1, 1))
        await eventually(lambda: len(asked) > 9)
        assert not waiting.done()
        assert not redis.seen
        assert not other.seen
        reading = asyncio.create_task(other.engine.read("log", 0, 9))
        held["aof_current_size"] = 1499
        more = len(asked) + 9
        await eventually(lambda: len(asked) > more)
        assert not waiting.done()
        assert not reading.done()
        held["aof_current_size"] = 1500  # what was waiting at first is written; others have made more wait meanwhile
        assert (await within(waiting)).status is STORED
        held["aof_buffer_length"] = 0
        assert [entry.offset for entry in await within(reading)] == [1]
        await eventually(lambda: redis.seen and other.seen)


async def test_an_entry_that_no_gateway_wrote_is_skipped_and_its_place_stays_empty(
    redis: Bench, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.append(batch(1, 1))
    prefix = redis.url.rpartition("=")[2]
    redis_server.command("HINCRBY", f"{{{prefix}}}:heads", "log", "1")
    redis_server.command("XADD", f"{{{prefix}}}:log:log", "0-2", "entry", "hello")
    await eventually(lambda: "does not know" in caplog.text)
    await redis.append(batch(2, 1))
    assert [(entry.offset, entry.previous) for entry in redis.seen] == [(1, 0), (3, 2)]
    assert [entry.offset for entry in await redis.engine.read("log", 0, 9)] == [1, 3]


async def test_a_redis_that_is_not_there_is_named_with_host_and_port(server: RedisServer) -> None:
    server.kill()
    error = await refusal_of(f"redis://someone:secret@127.0.0.1:{server.port}")
    assert isinstance(error, LinkError)
    assert f"127.0.0.1:{server.port}" in str(error)
    assert "secret" not in str(error)


async def test_a_wrong_password_is_the_callers_fault_and_is_not_shown(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--requirepass", "right-one")
    server.start()
    try:
        for url in (f"redis://:wrong-one@127.0.0.1:{server.port}", f"redis://127.0.0.1:{server.port}"):
            error = await refusal_of(url)
            assert isinstance(error, CallerError)
            assert "user and password" in str(error)
            assert "wrong-one" not in str(error)
        async with opened(f"redis://:right-one@127.0.0.1:{server.port}") as bench:
            assert (await bench.append(batch(1, 1))).status is STORED
            assert "right-one" not in bench.engine.health().text
    finally:
        server.kill()


async def test_keys_of_another_program_are_left_alone(redis_server: RedisServer) -> None:
    redis_server.command("SET", "{taken}:meta", "mine")
    error = await refusal_of(redis_server.url("taken"))
    assert "another prefix" in str(error)


async def test_a_log_of_another_version_is_refused(redis_server: RedisServer) -> None:
    redis_server.command("HSET", "{newer}:meta", "schema", "2")
    assert "another version" in str(await refusal_of(redis_server.url("newer")))


async def test_a_redis_that_forgets_at_a_restart_is_named_in_log_and_health(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(tmp_path, "--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    server.start()
    try:
        async with opened(server.url()) as bench:
            text = bench.engine.health().text
            assert "appendonly yes" in text
            assert "noeviction" in text
            assert "appendonly yes" in caplog.text
    finally:
        server.kill()


async def test_a_full_memory_fails_each_append_and_the_log_goes_on_when_there_is_room(server: RedisServer) -> None:
    async with opened(server.url()) as bench:
        await bench.append(batch(1, 1))
        server.command("CONFIG", "SET", "maxmemory", "1")
        result = await within(bench.append(batch(2, 1)))
        assert result.status is FAILED
        assert "maxmemory" in result.error
        server.command("CONFIG", "SET", "maxmemory", "0")
        assert (await bench.append(batch(2, 1))).mark == 2
        assert [entry.counter for entry in bench.seen] == [1, 2]


async def test_streams_are_trimmed_in_redis_and_not_only_for_readers(redis: Bench, redis_server: RedisServer) -> None:
    from flight_client.gateway.engines import EngineLimits

    await redis.restart(EngineLimits(history_entries=10))
    for _ in range(1000):
        redis.later(batch())
    await redis.engine.marks("bench-1", LIFE)
    prefix = redis.url.rpartition("=")[2]
    answer = redis_server.command("XLEN", f"{{{prefix}}}:log:log")
    assert 10 <= int(answer[1:-2]) < 300
    assert await redis.engine.bounds("log") == (991, 1000)


async def test_work_that_answers_its_cancellation_with_an_error_leaves_no_complaint_behind() -> None:
    """As redis-py does now and then when a gateway stops: the log said "exception was never retrieved"."""
    watch = Watch()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("connection closed by server") from None

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)  # it waits
    await broker._end([task])
    del task
    await watch.check()
