"""Other threads: a few calls are safe, every other one is refused in words that help."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from flight_client import CallerError, Client, EventError, Log, NotStoredError, Outcome, Payload
from flight_client.clock import monotonic_ms
from tests.support.bench import Bench, component, doubled, numbers
from tests.support.waiting import HANG_S, eventually, within


async def elsewhere(work: Callable[[], Any]) -> Any:
    """What `work` gives on a thread of its own, while the loop of this test runs on."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="elsewhere", daemon=True).start()
    return await within(asyncio.wrap_future(answer))


async def test_threads_may_emit_at_once_and_nothing_is_lost_doubled_or_out_of_order(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    _, reader = await bench.tool("component-update")
    threads, each = 4, 150

    def emit(thread: int) -> list[Outcome]:
        futures = [
            client.threadsafe.emit("component-events", component(thread * 1000 + number)) for number in range(each)
        ]
        return [future.result(HANG_S) for future in futures]

    answers = await asyncio.gather(*(elsewhere(partial(emit, thread)) for thread in range(threads)))
    outcomes = [outcome for answer in answers for outcome in answer]
    accepted = outcomes.count(Outcome.QUEUED)
    assert accepted + outcomes.count(Outcome.REFUSED_FULL) == threads * each
    assert client.counters().accepted == accepted
    assert sum(client.counters().refused_emits.values()) == threads * each - accepted
    got = numbers(await reader.take(accepted))
    assert not doubled(got)
    for thread in range(threads):
        own = [number for number in got if number // 1000 == thread]
        assert own == sorted(own)
    assert client.counters().law_holds


async def test_a_thread_may_publish_flush_and_close(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    assert await elsewhere(lambda: client.threadsafe.publish("log", Log("stored")).result(HANG_S)) is Outcome.STORED
    assert await elsewhere(lambda: client.threadsafe.flush(5).result(HANG_S)) is True
    assert await elsewhere(lambda: client.threadsafe.close().result(HANG_S)) is None
    assert client.counters().acked == 1
    assert client.threadsafe.emit("log", Log("late")).result(0) is Outcome.REFUSED_CLOSED
    with pytest.raises(NotStoredError) as caught:
        client.threadsafe.publish("log", Log("late")).result(0)
    assert caught.value.cause == "closed"
    with pytest.raises(CallerError, match="closed"):
        client.threadsafe.flush()
    assert client.threadsafe.close().result(0) is None


async def test_events_of_threads_are_bounded_while_the_loop_does_not_run(bench: Bench) -> None:
    client = await bench.connected("bench-1", platform="psp")
    slots = client._outbox.critical.limit_events
    lossy = client._outbox.lossy.limit_events
    futures: list[Future[Outcome]] = []

    def flood() -> None:
        futures.extend(client.threadsafe.emit("log", Log("flood"), critical=True) for _ in range(4 * (slots + lossy)))

    thread = threading.Thread(target=flood)
    thread.start()
    thread.join(HANG_S)  # on the loop's own thread: it stands still
    assert not thread.is_alive()
    assert len(client.threadsafe._emits) == max(slots, lossy)
    refused = sum(future.done() and future.result() is Outcome.REFUSED_FULL for future in futures)
    assert refused == len(futures) - max(slots, lossy)
    outcomes = await within(asyncio.gather(*map(asyncio.wrap_future, futures)))
    counters = client.counters()
    assert counters.accepted == outcomes.count(Outcome.QUEUED)
    assert counters.refused_emits["refused_full"] == outcomes.count(Outcome.REFUSED_FULL)


async def test_what_is_on_its_way_when_the_client_closes_is_answered(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    futures: list[Future[Outcome]] = []
    stop = threading.Event()

    def emit() -> None:
        while not stop.is_set():
            futures.append(client.threadsafe.emit("log", Log("x")))
            time.sleep(0)

    thread = threading.Thread(target=emit, daemon=True)
    thread.start()
    while len(futures) < 50:  # noqa: ASYNC110 - another thread's progress
        await asyncio.sleep(0.001)
    try:
        await within(client.close())
    finally:
        stop.set()
    await eventually(lambda: not thread.is_alive(), "the end of the thread")
    outcomes = [future.result(HANG_S) for future in futures]
    assert client.counters().accepted == sum(outcome.accepted for outcome in outcomes)
    assert client.counters().law_holds


async def test_on_the_loops_own_thread_emit_works_at_once_and_waiting_is_refused(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    assert client.threadsafe.emit("log", Log("here")).result(0) is Outcome.QUEUED
    for call in (client.threadsafe.flush, client.threadsafe.close, lambda: client.threadsafe.publish("log", Log("x"))):
        with pytest.raises(CallerError, match="own one"):
            call()


async def test_an_event_that_cannot_be_written_is_refused_in_the_thread_that_gave_it(bench: Bench) -> None:
    client = await bench.connected("bench-1")

    def emit() -> None:
        with pytest.raises(EventError):
            client.threadsafe.emit("log", Payload(0, bytes(70000)))

    await elsewhere(emit)
    with pytest.raises(CallerError, match="not a channel name"):
        await elsewhere(lambda: client.threadsafe.emit("No Name", Log("x")).result(HANG_S))


async def test_before_connect_there_is_no_loop_to_hand_things_to(bench: Bench) -> None:
    client = bench.client("bench-1")
    with pytest.raises(CallerError, match="not connected") as caught:
        client.threadsafe.emit("log", Log("x"))
    assert "connect()" in caught.value.next_step


CALLS: dict[str, Callable[[Client], Any]] = {
    "channel": lambda client: client.channel("log"),
    "emit": lambda client: client._channels["used"].emit(Log("x")),
    "put": lambda client: asyncio.run(client._channels["used"].put(Log("x"))),
    "publish": lambda client: asyncio.run(client._channels["used"].publish(Log("x"))),
    "replay-letter": lambda client: client._channels["used"].replay(client._outbox.letters.all()[0]),
    "events": lambda client: client.events("log"),
    "connect": lambda client: asyncio.run(client.connect()),
    "flush": lambda client: asyncio.run(client.flush()),
    "close": lambda client: asyncio.run(client.close()),
    "counters": lambda client: client.counters(),
    "dead_letters": lambda client: client.dead_letters(),
    "discard": lambda client: client.discard(),
    "replay": lambda client: client.replay(),
    "on_state": lambda client: client.on_state(print),
    "on_gap": lambda client: client.on_gap(print),
    "on_dead_letter": lambda client: client.on_dead_letter(print),
}


@pytest.mark.parametrize("call", CALLS)
async def test_any_other_call_from_another_thread_is_refused_and_changes_nothing(bench: Bench, call: str) -> None:
    client = bench.client("bench-1")
    stale = client.channel("used")
    assert stale.emit(Log("stale"), critical=True, expires_ms=1).accepted
    while not client.dead_letters():
        await asyncio.sleep(0.002)
        client._outbox.expire(monotonic_ms())
    await within(client.connect())
    before = client.counters()
    with pytest.raises(CallerError, match="belongs to the thread") as caught:
        await elsewhere(lambda: CALLS[call](client))
    assert caught.value.value == "elsewhere"
    assert "client.threadsafe" in caught.value.next_step
    assert client.counters() == before


async def test_a_stream_of_another_thread_is_refused(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    stream = client.events("log")
    with pytest.raises(CallerError, match="belongs to the thread"):
        await elsewhere(stream.close)
    with pytest.raises(CallerError, match="belongs to the thread"):
        await elsewhere(lambda: asyncio.run(anext_of(stream)))


async def anext_of(stream: Any) -> Any:
    return await anext(stream)


async def test_no_client_makes_or_sets_a_global_loop(bench: Bench) -> None:
    def make() -> str:
        client = Client("http://127.0.0.1:9", token="t")
        client.channel("log").emit(Log("x"))
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return "none"
        return "one"

    assert await elsewhere(make) == "none"
