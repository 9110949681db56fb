"""A gateway that is asked to stop: whom it tells what, how long it waits, and what comes of those who come late."""

import asyncio
import random
from collections import Counter

import aiohttp
import pytest

from flight_client import ConnectionState, Log, Outcome
from flight_client.gateway.drain import Drain, hint_ms
from flight_client.gateway.greeting import GOING_AWAY_RETRY_MS
from flight_client.session import spec
from tests.support.bench import Bench, hurry
from tests.support.raw import RawPoller, RawStream, hello_frame
from tests.support.waiting import eventually, within


def retry_after_ms(payload: bytes) -> int:
    return int.from_bytes(payload[4:8], "little")


def test_clients_that_know_the_present_spread_all_hear_the_same() -> None:
    assert {hint_ms(8000, 8000, number) for number in range(0, 65536, 977)} == {GOING_AWAY_RETRY_MS}
    assert {hint_ms(8000, 250, number) for number in range(0, 65536, 977)} == {GOING_AWAY_RETRY_MS}


def test_clients_that_know_an_older_spread_are_spread_by_their_hints() -> None:
    """They said hello when there were few: their own jitter is too small for the fleet that they are now."""
    seed = 5
    print(f"seed {seed}")
    chance = random.Random(seed)
    sessions, known_ms, spread_ms = 10_000, spec.RECONNECT_SPREAD_MS, spec.RECONNECT_SPREAD_FLEET_MS
    arrivals = [
        hint_ms(known_ms, spread_ms, chance.getrandbits(16)) + chance.randrange(known_ms) for _ in range(sessions)
    ]
    per_100_ms = Counter(arrival // 100 for arrival in arrivals)
    assert max(per_100_ms.values()) <= 0.025 * sessions, max(per_100_ms.values())
    assert max(arrivals) <= GOING_AWAY_RETRY_MS + spread_ms


async def test_each_client_is_told_to_come_back_later_and_new_ones_are_not_taken(bench: Bench) -> None:
    async with RawStream(bench.address) as stream, RawPoller(bench.address) as known, RawPoller(bench.address) as fresh:
        await stream.hello(bench.token(), b"raw-1")
        session = await known.hello(bench.token(), b"raw-2")
        await fresh.request(b"")  # so that its connection is there already
        draining = asyncio.create_task(bench.gateway.drain())
        close = await stream.expect(spec.TYPE_CLOSE)
        assert close.code == spec.CODE_GOING_AWAY
        assert retry_after_ms(close.payload) >= GOING_AWAY_RETRY_MS
        assert not draining.done(), "the one that polls has not been told"
        [told] = await known.poll(session.poll_frame(1))
        assert (told.kind, told.code) == (spec.TYPE_CLOSE, spec.CODE_GOING_AWAY)
        assert await within(draining) == (2, 0)
        [reset] = await known.poll(session.attach_frame(1))
        assert (reset.kind, reset.code) == (spec.TYPE_RESET, spec.CODE_GOING_AWAY)
        assert retry_after_ms(reset.payload) == GOING_AWAY_RETRY_MS
        [refused] = await fresh.poll(hello_frame(bench.token(), b"raw-3"))
        assert (refused.kind, refused.code) == (spec.TYPE_CLOSE, spec.CODE_GOING_AWAY)
        assert retry_after_ms(refused.payload) == GOING_AWAY_RETRY_MS
        async with RawPoller(bench.address) as late:
            with pytest.raises(OSError, match="Cannot connect"):
                await late.request(b"")


async def test_a_client_that_never_asks_is_waited_for_no_longer_than_the_limit(bench: Bench) -> None:
    """On a clock of the test: each look at it takes a second."""
    async with RawPoller(bench.address) as raw:
        await raw.hello(bench.token())
        now = 0

        def clock() -> int:
            nonlocal now
            now += 1000
            return now

        drain = Drain(bench.gateway.registry, clock, random.Random(1).getrandbits)
        assert await within(drain.run(5000)) == 1
        assert drain.told == 1
        assert 5000 <= now <= 8000
        bench.gateway.registry.draining = False


async def test_what_came_in_before_is_stored_before_its_device_is_sent_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = hurry(await bench.connected("bench-1", "websocket"))
    order: list[str] = []
    publish = bench.gateway.hub.publish

    def slow(*arguments: object) -> None:
        *rest, done, coding = arguments

        def stored(result: object) -> None:
            order.append("stored")
            done(result)  # type: ignore[operator]

        asyncio.get_running_loop().call_later(0.05, lambda: publish(*rest, stored, coding))  # type: ignore[arg-type,call-arg]

    monkeypatch.setattr(bench.gateway.hub, "publish", slow)
    device.on_state(lambda change: order.append("away") if change.new is ConnectionState.RECONNECTING else None)
    sending = asyncio.create_task(device.channel("log").publish(Log("last words")))
    peer = bench.gateway.registry.peers()[0]
    await eventually(lambda: peer._unsettled)
    assert await within(bench.gateway.drain()) == (1, 0)
    await eventually(lambda: "away" in order)
    assert order == ["stored", "away"]
    bench.gateway.registry.draining = False
    await bench.restart()
    assert await within(sending) is Outcome.STORED


async def test_a_drained_gateway_says_so_on_its_health_page(bench: Bench) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(bench.address + "/health") as answer:
            assert (await answer.json())["status"] == "ok"
        assert await within(bench.gateway.drain()) == (0, 0)
        async with http.get(bench.address + "/health") as answer:  # on the connection that was there
            assert answer.status == 503
            assert (await answer.json())["status"] == "draining"
