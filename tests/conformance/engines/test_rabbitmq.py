"""What only RabbitMQ can do: die, come back, lose its stream, trim it, and serve several gateways."""

import asyncio
import gc
import itertools
import os
from pathlib import Path
from typing import Any

import aio_pika
import psutil
import pytest

from flight_client.errors import CallerError, FlightError, LinkError
from flight_client.gateway.engines import AppendStatus, StoreError, broker
from flight_client.gateway.engines.rabbitmq import RabbitMqEngine
from tests.conformance.engines.bench import LIFE, Bench, batch
from tests.conformance.engines.kills import kill_under_load, opened
from tests.conformance.engines.nodes import kill_nodes_in_turn
from tests.nodes.traffic import LIMIT_S, Traffic
from tests.support.brokers import RabbitServer
from tests.support.figures import Figure
from tests.support.ports import free_port
from tests.support.process import GatewayProcess
from tests.support.waiting import eventually, within

STORED, DUPLICATE, FAILED = AppendStatus.STORED, AppendStatus.DUPLICATE, AppendStatus.FAILED
# aiormq leaves the sockets of attempts that a killed broker cut off to the garbage collector, which complains.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
KILLS = int(os.environ.get("FLIGHT_BROKER_KILLS", "1"))
_numbers = itertools.count(1)


def prefix_of(bench: Bench) -> str:
    return bench.url.partition("prefix=")[2].partition("&")[0]


async def by_hand(url: str, work: Any) -> Any:
    """Something done to the broker by somebody else."""
    connection = await aio_pika.connect(url.partition("?")[0])
    try:
        return await work(await connection.channel())
    finally:
        await connection.close()


async def delete_stream(bench: Bench) -> None:
    async def work(channel: Any) -> None:
        await channel.queue_delete(f"{prefix_of(bench)}.log")

    await by_hand(bench.url, work)


async def refusal_of(url: str) -> FlightError:
    bench = Bench(url)
    with pytest.raises(FlightError) as caught:
        await within(bench.start())
    assert caught.value.next_step
    assert not bench.engine.health().ok
    await bench.engine.close()
    return caught.value


async def test_a_new_start_finds_log_marks_counts_and_epoch(rabbitmq: Bench) -> None:
    epoch = rabbitmq.engine.epoch
    await rabbitmq.append(batch(1, 4))
    await rabbitmq.append(batch(0, 3, channel="frame-time"))
    live = [entry.payload for entry in rabbitmq.seen]
    await rabbitmq.restart()
    assert rabbitmq.engine.epoch == epoch
    read = await rabbitmq.engine.read("log", 0, 9) + await rabbitmq.engine.read("frame-time", 0, 9)
    assert [entry.payload for entry in read] == live
    assert await rabbitmq.engine.marks("bench-1", LIFE) == (4, 3)
    assert len(rabbitmq.seen) == 2  # nothing is handed on twice
    after = await rabbitmq.append(batch(5, 1))
    assert (after.mark, after.lossy_stored) == (5, 3)


async def test_two_gateways_hand_on_the_same_log_in_the_same_order(rabbitmq: Bench) -> None:
    async with opened(rabbitmq.url) as other:
        assert other.engine.epoch == rabbitmq.engine.epoch
        waiting = []
        for number in range(60):
            bench = (rabbitmq, other)[number % 2]
            waiting.append(bench.later(batch(0, 1 + number % 3, channel="ab"[number % 2])))
            waiting.append(bench.later(batch(0, 1)))
        for result in waiting:
            assert (await within(result)).status is STORED
        for bench in (rabbitmq, other):
            await eventually(lambda who=bench: len(who.seen) == 120)  # type: ignore[misc]
        for channel in ("log", "a", "b"):
            one, two = ([entry.payload for entry in who.seen if entry.channel == channel] for who in (rabbitmq, other))
            assert one == two


async def test_a_device_that_moves_to_another_gateway_stores_nothing_twice(rabbitmq: Bench) -> None:
    async with opened(rabbitmq.url) as other:
        here = [rabbitmq.later(batch(1 + 2 * number, 2)) for number in range(20)]
        there = [other.later(batch(1 + 3 * number, 3)) for number in range(10)]
        results = [await within(result) for result in (*here, *there)]
        assert FAILED not in {result.status for result in results}
        for bench in (rabbitmq, other):
            await eventually(lambda who=bench: sum(entry.events for entry in who.seen) >= 40)  # type: ignore[misc]
            assert [one.counter + at for one in bench.seen for at in range(one.events)] == list(range(1, 41))


async def test_a_gateway_knows_at_once_what_another_one_has_stored(rabbitmq: Bench) -> None:
    async with opened(rabbitmq.url) as other:
        for number in range(1, 30):
            stored = await within(rabbitmq.append(batch(number, 1)))
            assert (await other.engine.bounds("log")).last == stored.offset
            assert (await other.engine.marks("bench-1", LIFE)).mark == number


async def test_two_gateways_that_start_on_nothing_agree_on_the_epoch(rabbit_server: RabbitServer) -> None:
    for _ in range(3):
        url = rabbit_server.url(f"fresh-{next(_numbers)}")
        benches = [Bench(url), Bench(url), Bench(url)]
        await within(asyncio.gather(*[bench.start() for bench in benches]))
        assert len({bench.engine.epoch for bench in benches}) == 1
        await asyncio.gather(*[bench.engine.close() for bench in benches])


async def test_a_checkpoint_keeps_marks_that_the_window_no_longer_holds(rabbit_server: RabbitServer) -> None:
    url = rabbit_server.url(f"window-{next(_numbers)}", "&window=100")
    async with opened(url) as bench:
        epoch = bench.engine.epoch
        await bench.append(batch(1, 4))
        await bench.append(batch(0, 3))
        for _ in range(250):
            await bench.append(batch(channel="other"))
        kept = await bench.engine.bounds("other")
    async with opened(url) as later:
        assert later.engine.epoch == epoch
        assert await later.engine.marks("bench-1", LIFE) == (4, 253)
        assert (await later.append(batch(2, 3))).status is DUPLICATE
        first, last = await later.engine.bounds("other")
        assert last == kept.last
        assert first > kept.first  # older history is not to be had from this gateway
        read = await later.engine.read("other", 0, 1000)
        assert 25 <= len(read) <= 101
        assert read[0].previous == first - 1
        assert await later.engine.read("log", 0, 10) == []


async def test_a_stream_that_was_deleted_is_another_log_and_everybody_is_told(
    rabbitmq: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(rabbitmq.url) as other:
        told: list[object] = []
        rabbitmq.engine.on_new_log = told.append
        epoch = rabbitmq.engine.epoch
        await rabbitmq.append(batch(1, 2))
        await delete_stream(rabbitmq)
        result = await within(rabbitmq.append(batch(3, 2)))
        assert (result.status, result.mark) == (STORED, 4)
        assert rabbitmq.engine.epoch != epoch
        assert len(told) == 1
        await eventually(lambda: other.engine.epoch == rabbitmq.engine.epoch, "the same epoch")


async def test_a_message_that_no_gateway_wrote_is_skipped_and_kept_as_a_dead_letter(
    rabbitmq: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await rabbitmq.append(batch(1, 1))

    async def send(channel: Any) -> None:
        message = aio_pika.Message(b"hello\nworld", message_id="stranger")
        await channel.default_exchange.publish(message, f"{prefix_of(rabbitmq)}.log")

    async def letter(channel: Any) -> Any:
        queue = await channel.get_queue(f"{prefix_of(rabbitmq)}.dead")
        message = await queue.get(fail=False)
        return message and (message.body, message.headers["x-flight-reason"])

    await by_hand(rabbitmq.url, send)
    await eventually(lambda: "none of a gateway" in caplog.text)
    assert (await rabbitmq.append(batch(2, 1))).mark == 2
    body, reason = await by_hand(rabbitmq.url, letter)
    assert body == b"hello\nworld"
    assert "none of a gateway" in reason
    await rabbitmq.restart()
    assert await rabbitmq.engine.marks("bench-1", LIFE) == (2, 0)


async def test_a_queue_of_another_kind_is_left_alone(rabbit_server: RabbitServer) -> None:
    prefix = f"taken-{next(_numbers)}"

    async def declare(channel: Any) -> None:
        await channel.declare_queue(f"{prefix}.log", durable=True)

    await by_hand(rabbit_server.url(), declare)
    error = await refusal_of(rabbit_server.url(prefix))
    assert isinstance(error, CallerError)
    assert "another prefix" in str(error)


async def test_a_rabbitmq_that_is_not_there_is_named_with_host_and_port() -> None:
    port = free_port()
    error = await refusal_of(f"amqp://someone:secret@127.0.0.1:{port}")
    assert isinstance(error, LinkError)
    assert f"127.0.0.1:{port}" in str(error)
    assert "secret" not in str(error)


async def test_a_wrong_password_is_the_callers_fault_and_is_not_shown(rabbit_server: RabbitServer) -> None:
    error = await refusal_of(f"amqp://guest:wrong-one@127.0.0.1:{rabbit_server.port}")
    assert isinstance(error, CallerError)
    assert "user and password" in str(error)
    assert "wrong-one" not in str(error)


async def test_a_virtual_host_that_does_not_exist_is_named(rabbit_server: RabbitServer) -> None:
    error = await refusal_of(f"amqp://guest:guest@127.0.0.1:{rabbit_server.port}/nowhere")
    assert "nowhere" in str(error)


async def test_questions_to_a_closed_engine_are_errors(rabbitmq: Bench) -> None:
    await rabbitmq.engine.close()
    for question in (rabbitmq.engine.read("log", 0, 1), rabbitmq.engine.bounds("log"), rabbitmq.engine.trim("log", 1)):
        with pytest.raises(StoreError, match="not open"):
            await question


async def test_two_gateways_killed_in_turn_lose_and_double_nothing(
    rabbit_server: RabbitServer, tmp_path: Path, figure: Figure
) -> None:
    seed = 7
    figure(
        f"two gateways on rabbitmq, seed {seed}: {await kill_nodes_in_turn(rabbit_server.url('nodes'), tmp_path, seed, max(2, KILLS // 2))}"
    )


async def test_workers_share_rabbitmq_and_one_killed_under_load_costs_nothing_critical(
    rabbit_server: RabbitServer, tmp_path: Path, figure: Figure
) -> None:
    crew = GatewayProcess(tmp_path, rabbit_server.url("workers"), "--workers", "2")
    crew.words += ["--tcp-port", str(crew.port + 1)]
    try:
        await crew.start_beside()
        await eventually(lambda: "stop: Ctrl-C" in crew.said(), "what the start says", LIMIT_S)
        assert len(workers_of(crew)) == 2
        async with Traffic(crew.address, crew.token(), "websocket", seed=21) as traffic:
            await traffic.more(40)
            victim = workers_of(crew)[0]
            victim.kill()
            await eventually(lambda: not victim.is_running(), "its end", LIMIT_S)
            await traffic.more(40)
            await eventually(lambda: len(workers_of(crew)) == 2, "the next one", LIMIT_S)
            sent = await traffic.check()
        assert crew.said().count("ended (signal 9)") == 1
        assert "Traceback" not in crew.said()
        figure(f"2 workers on rabbitmq: 1 killed under load, {sent} critical events, 0 lost, 0 doubled")
    finally:
        for one in workers_of(crew):
            one.kill()
        crew.kill()


def workers_of(crew: GatewayProcess) -> list[psutil.Process]:
    """Those that there are now."""
    if crew._process is None or crew._process.poll() is not None:
        return []
    return [one for one in psutil.Process(crew._process.pid).children() if one.status() != psutil.STATUS_ZOMBIE]


# The tests that kill it come last, since each start takes ten seconds.


async def test_while_rabbitmq_is_away_everything_is_refused_and_nothing_acknowledged_is_lost_by_a_kill(
    rabbit_server: RabbitServer, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    monkeypatch.setattr(broker, "HOLD_S", 0.05)
    seed = 20261123
    async with opened(rabbit_server.url("away")) as bench:
        assert isinstance(bench.engine, RabbitMqEngine)
        await bench.append(batch(1, 2))
        await eventually(rabbit_server.keeps_its_streams, "RabbitMQ to write down its first stream")
        outcome = await kill_under_load(rabbit_server, rabbit_server.url("kills"), KILLS, seed, 3000)
        figure(f"rabbitmq, seed {seed}: {outcome}")
        assert (outcome.lost, outcome.doubled, outcome.lossy_doubled) == (0, 0, 0), f"seed {seed}: {outcome}"
        assert len(outcome.recovery_s) == KILLS
        assert outcome.acked > 1000 * KILLS
        assert outcome.refused  # it was away for longer than batches are held
        await eventually(lambda: bench.engine.health().ok, "the connection of a gateway with nothing to do")
        assert (await within(bench.append(batch(3, 1)))).mark == 3
        assert [entry.counter for entry in bench.seen] == [1, 3]
    gc.collect()  # here, and not in a test of something else
