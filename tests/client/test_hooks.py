"""Hooks: they may call anything, wait if they are async, and harm nobody."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from flight_client import CallerError, Client, ConnectionState, DeadLetter, Gap, Log, Outcome, StateChange
from tests.support.bench import Bench, component, hurry
from tests.support.waiting import eventually, within

ANY = "http://127.0.0.1:9"


async def test_an_async_hook_may_close_the_client(bench: Bench, transport: str) -> None:
    client = bench.client("bench-1", transport)
    closed = asyncio.Event()

    async def close(change: StateChange) -> None:
        if change.new is ConnectionState.CONNECTED:
            await client.close()
            closed.set()

    client.on_state(close)
    await within(client.connect())
    await within(closed.wait())
    assert client.state is ConnectionState.CLOSED
    await eventually(lambda: not client._hooks._tasks)


async def test_an_async_hook_may_publish_and_flush(bench: Bench) -> None:
    client = bench.client("bench-1")
    answers: list[object] = []

    async def publish(change: StateChange) -> None:
        if change.new is ConnectionState.CONNECTED:
            answers.append(await client.channel("log").publish(Log("hello")))
            answers.append(await client.flush(5))

    client.on_state(publish)
    await within(client.connect())
    await eventually(lambda: len(answers) == 2)
    assert answers == [Outcome.STORED, True]


@pytest.mark.parametrize("first", ["hook", "program"])
async def test_two_hooks_and_the_program_may_close_at_once(bench: Bench, first: str) -> None:
    client = await bench.connected("bench-1")
    ends: list[str] = []

    async def close(_: StateChange) -> None:
        await client.close()
        ends.append("hook")

    client.on_state(close)
    client.on_state(close)
    if first == "hook":
        await within(bench.gateway.stop())
        await eventually(lambda: client._hooks._tasks)
    await within(client.close())
    await eventually(lambda: len(ends) >= 2)
    await eventually(lambda: not client._hooks._tasks)
    if first == "hook":
        await bench.start()


async def test_a_hook_that_waits_for_ever_ends_with_the_client(bench: Bench) -> None:
    client = bench.client("bench-1")
    ended: list[bool] = []

    async def forever(_: StateChange) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    client.on_state(forever)
    await within(client.connect())
    await within(client.close())
    assert ended
    await eventually(lambda: not client._hooks._tasks)


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_raising_hook_of_any_kind_is_logged_counted_and_kills_nothing(
    bench: Bench, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = bench.client("bench-1")

    def plain(told: object) -> None:
        raise RuntimeError(f"plain hook, {type(told).__name__}")

    async def waiting(told: object) -> None:
        raise RuntimeError(f"async hook, {type(told).__name__}")

    hook: Callable[[object], object] = plain if kind == "plain" else waiting
    client.on_state(hook)
    client.on_gap(hook)
    client.on_dead_letter(hook)
    heard: list[DeadLetter | StateChange | Gap] = []
    client.on_state(heard.append)
    client.on_dead_letter(heard.append)
    with caplog.at_level(logging.ERROR, "flight.client"):
        assert client.channel("log").emit(Log("stale"), critical=True, expires_ms=1).accepted
        await eventually(lambda: client.channel("log").emit(Log("look"), critical=True).accepted)
        await within(client.connect())
        client._hooks.gap.tell(Gap("log", "trimmed", 1, 2, "00"))
        await eventually(lambda: client.counters().callback_errors >= 3)
        assert await within(client.channel("log").publish(Log("alive"))) is Outcome.STORED
    assert {type(told) for told in heard} == {StateChange, DeadLetter}
    raised = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert {str(error).rpartition(" ")[2] for error in raised} == {"StateChange", "Gap", "DeadLetter"}
    assert len(raised) == client.counters().callback_errors


@pytest.mark.parametrize("method", ["emit", "replay", "discard", "counters", "channel", "events", "on_state"])
@pytest.mark.parametrize("moment", ["close", "expiry"])
async def test_a_hook_may_call_any_method_while_a_letter_is_written(method: str, moment: str) -> None:
    """Written in the middle of the client's own work: nothing may be lost or counted twice for that."""
    client = Client(ANY, token="t", device_id="bench-1")
    channel = client.channel("component-events")
    outcomes: list[object] = []
    calls: dict[str, Callable[[DeadLetter], object]] = {
        "emit": lambda _: channel.emit(component(99)),
        "replay": client.replay,
        "discard": client.discard,
        "counters": lambda _: client.counters().law_holds,
        "channel": lambda _: client.channel("another"),
        "events": lambda _: listen(),
        "on_state": lambda _: client.on_state(print),
    }
    once: list[DeadLetter] = []

    def listen() -> None:
        if moment == "close":  # nothing will come any more, and that is said
            with pytest.raises(CallerError, match="closed"):
                client.events("log")
        else:
            client.events("log").close()

    def hook(letter: DeadLetter) -> None:
        if not once or moment == "close":
            once.append(letter)
            outcomes.append(calls[method](letter))

    client.on_dead_letter(hook)
    for number in range(3):
        assert channel.emit(component(number), expires_ms=1 if moment == "expiry" else 0).accepted
    if moment == "expiry":
        connecting = asyncio.create_task(client.connect())
        await eventually(lambda: len(client.dead_letters()) + (method in ("replay", "discard")) >= 3)
        assert client.counters().law_holds
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
    await within(client.close())
    assert outcomes
    assert client.counters().law_holds, client.counters()
    assert client.queued == 0
    assert client.counters().callback_errors == 0
    if method == "emit" and moment == "close":
        assert set(outcomes) == {Outcome.REFUSED_CLOSED}


async def test_a_token_callable_may_close_the_client(bench: Bench) -> None:
    async def token() -> str:
        await client.close()
        return bench.token()

    client = bench.client("bench-1", token=token)
    connecting = asyncio.create_task(client.connect())
    await eventually(lambda: client.state is ConnectionState.CLOSED)
    await asyncio.gather(connecting, return_exceptions=True)
    assert not client._driver._tasks


async def test_a_raising_token_callable_is_counted_and_asked_again(bench: Bench) -> None:
    answers = iter([OSError("locked"), ValueError("still locked")])

    def token() -> str:
        error = next(answers, None)
        if error is not None:
            raise error
        return bench.token()

    client = hurry(bench.client("bench-1", token=token))
    await within(client.connect())
    assert client.counters().callback_errors == 2
