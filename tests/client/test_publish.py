"""publish(): it comes back when the event is stored, and says the truth in every other case."""

import asyncio

import pytest

from flight_client import CallerError, Client, Log, NotStoredError, Outcome, Payload, RefusedError
from flight_client.gateway.auth import SigningKey
from flight_client.session.spec import CODE_UNKNOWN_CHANNEL
from tests.simulation.ledger import number_bytes
from tests.simulation.scene import Reader as SimReader
from tests.simulation.scene import Scene, play
from tests.support.bench import Bench, component, numbers
from tests.support.waiting import eventually, within

ANY = "http://127.0.0.1:9"


async def test_publish_comes_back_when_the_gateway_has_stored_the_event(bench: Bench, transport: str) -> None:
    client = await bench.connected("bench-1", transport)
    channel = client.channel("frame-times")  # lossy by default: publish() makes it critical
    assert await within(channel.publish(Log("one"))) is Outcome.STORED
    counters = client.counters()
    assert (counters.acked, counters.queued) == (1, 0)
    tool, reader = await bench.tool("log", channels=["frame-times"], history=1)
    [event] = await reader.take(1)
    assert event.data == Log("one")
    assert tool.counters().law_holds


async def test_many_may_publish_at_once_and_each_has_its_own_answer(bench: Bench, transport: str) -> None:
    client = await bench.connected("bench-1", transport)
    _, reader = await bench.tool("component-update")
    channel = client.channel("component-events")
    answers = await within(asyncio.gather(*(channel.publish(component(i)) for i in range(200))))
    assert answers == [Outcome.STORED] * 200
    assert numbers(await reader.take(200)) == list(range(200))
    assert client.counters().acked == 200


async def test_publish_without_ack_comes_back_when_the_event_has_room(bench: Bench) -> None:
    client = bench.client("bench-1")
    assert await client.channel("log").publish(Log("lossy"), ack=False) is Outcome.QUEUED
    assert client._outbox.lossy.count == 1
    with pytest.raises(CallerError, match="never acknowledged"):
        await client.channel("log").publish(Log("lossy"), critical=False)


async def test_an_event_published_before_the_connection_stands_is_stored_when_it_does(bench: Bench) -> None:
    client = bench.client("bench-1")
    publishing = asyncio.create_task(client.channel("log").publish(Log("early")))
    await asyncio.sleep(0)
    assert client.queued == 1
    await within(client.connect())
    assert await within(publishing) is Outcome.STORED


async def test_a_large_event_is_stored_only_when_its_last_piece_is(bench: Bench, transport: str) -> None:
    client = await bench.connected("bench-1", transport)
    _, reader = await bench.tool("payload", channels=["large"])
    assert await within(client.channel("large").publish(Payload(1, bytes(range(256)) * 200))) is Outcome.STORED
    [event] = await reader.take(1)
    assert event.data == Payload(1, bytes(range(256)) * 200)


async def test_a_refused_event_raises_with_the_gateways_code_and_its_letter(bench: Bench) -> None:
    client = await bench.connected("bench-1", token=bench.token(roles=("subscribe",)))
    with pytest.raises(NotStoredError) as caught:
        await within(client.channel("log").publish(Log("not allowed")))
    error = caught.value
    assert (error.cause, error.pending, error.sent) == ("refused", False, False)
    assert error.letter is not None
    assert error.letter.code == CODE_UNKNOWN_CHANNEL
    assert client.dead_letters() == (error.letter,)
    assert error.next_step
    with pytest.raises(NotStoredError) as caught:  # now the answer to OPEN is known
        await within(client.channel("log").publish(Log("not allowed")))
    assert (caught.value.cause, caught.value.letter) == ("forbidden", None)


async def test_an_event_that_expires_before_it_could_go_raises_with_its_letter() -> None:
    client = Client(ANY, token="t")

    async def expire() -> None:
        with pytest.raises(NotStoredError) as caught:
            await client.channel("log").publish(Log("stale"), expires_ms=1)
        assert caught.value.cause == "expired"
        assert client.dead_letters() == (caught.value.letter,)

    connecting = asyncio.create_task(client.connect())
    await within(expire())
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    await within(client.close())


async def test_an_event_that_is_too_large_is_refused_at_once(bench: Bench) -> None:
    client = await bench.connected("bench-1", "polling", platform="dreamcast")
    with pytest.raises(NotStoredError) as caught:
        await within(client.channel("large").publish(Payload(1, bytes(50000))))
    assert (caught.value.cause, caught.value.letter) == ("too-large", None)
    assert client.counters().refused_emits == {"refused_too_large": 1}


async def test_close_answers_those_who_wait_with_the_letter_of_their_event(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    await within(bench.gateway.stop())
    publishing = asyncio.create_task(client.channel("log").publish(Log("too late")))
    await asyncio.sleep(0)
    await within(client.close())
    with pytest.raises(NotStoredError) as caught:
        await within(publishing)
    assert caught.value.cause == "closed"
    assert client.dead_letters() == (caught.value.letter,)
    with pytest.raises(NotStoredError) as caught:
        await within(client.channel("log").publish(Log("even later")))
    assert (caught.value.cause, caught.value.letter) == ("closed", None)
    await bench.start()


async def test_a_client_that_stops_for_good_says_so_to_those_who_wait(bench: Bench) -> None:
    client = bench.client("bench-1", token=bench.token(key=SigningKey(bench.gateway.key.key_id, b"x" * 32)))
    publishing = asyncio.create_task(client.channel("log").publish(Log("never")))
    with pytest.raises(RefusedError):
        await within(client.connect())
    with pytest.raises(NotStoredError) as caught:
        await within(publishing)
    assert (caught.value.cause, caught.value.pending) == ("stopped", True)
    assert isinstance(caught.value.__cause__, RefusedError)
    await within(client.close())
    assert [letter.cause for letter in client.dead_letters()] == ["closed"]


async def test_publish_waits_for_room_and_gives_up_truthfully() -> None:
    client = Client(ANY, token="t", platform="dreamcast", transports=["polling"])
    channel = client.channel("log")
    while channel.emit(Log("full"), critical=True).accepted:
        pass
    accepted = client.counters().accepted
    with pytest.raises(NotStoredError) as caught:
        await within(channel.publish(Log("one more"), timeout_s=0))
    assert (caught.value.cause, caught.value.pending) == ("full", False)
    waiting = asyncio.create_task(channel.publish(Log("one more")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert client.counters().accepted == accepted
    await client.close()


async def test_cancelling_publish_loses_nothing(bench: Bench, transport: str) -> None:
    """Cancelled at every moment of its life: before, while and after it goes."""
    client = await bench.connected("bench-1", transport)
    _, reader = await bench.tool("component-update")
    channel = client.channel("component-events")
    for i in range(40):
        publishing = asyncio.create_task(channel.publish(component(i)))
        for _ in range(1 + i % 20):
            await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
    assert await within(client.flush())
    assert numbers(await reader.take(40)) == list(range(40))
    assert not client._publications._waiting
    await eventually(lambda: client.counters().acked == 40)


def test_a_time_limit_says_that_the_event_is_still_on_its_way_and_it_arrives_once() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device = scene.client("device-1", wire, ("websocket",))
        await device.connect()
        reader = SimReader(device, "telemetry")
        await asyncio.sleep(12)
        link = wire.alive()
        assert link is not None
        link.go_dark()
        begun_s = scene.loop.now_s
        with pytest.raises(NotStoredError) as caught:
            await device.channel("telemetry").publish(Payload(0, number_bytes(7)), timeout_s=0.25)
        assert scene.loop.now_s - begun_s <= 0.26
        assert (caught.value.cause, caught.value.pending) == ("timeout", True)
        assert await device.flush(120)
        await asyncio.sleep(5)
        assert scene.stored["telemetry"] == [7]
        assert reader.numbers == [7]

    play(story)


def test_publish_survives_an_outage() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device = scene.client("device-1", wire)
        await device.connect()
        await asyncio.sleep(12)
        link = wire.alive()
        assert link is not None
        wire.blocked.update(("websocket", "polling"))
        link.reset()
        publishing = asyncio.create_task(device.channel("telemetry").publish(Payload(0, number_bytes(1))))
        await asyncio.sleep(60)
        assert not publishing.done()
        wire.blocked.clear()
        assert await publishing is Outcome.STORED
        assert scene.stored["telemetry"] == [1]

    play(story)
