"""The scripted peer: a gateway that is right until the script says otherwise."""

import asyncio

import pytest

from flight_client import CallerError, ConnectionState, Gap, Log, NotStoredError, Outcome, RefusedError
from flight_client.testing import FakeClock, Frame, Reader, ScriptedPeer, eventually, within
from flight_client.testing.scripted import events_of


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_by_default_it_does_everything_right(flight_clock: FakeClock, transport: str) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            client = peer.client(transports=[transport], platform="psp")
            await client.connect(60)
            for number in range(40):
                assert client.channel("log").emit(Log(str(number)), critical=number % 2 == 0).accepted
                await asyncio.sleep(0.5)
            await eventually(lambda: len(peer.events) == 40, "the events", 60)
            assert sorted(int(event.text) for event in peer.events if isinstance(event, Log)) == list(range(40))
            await asyncio.sleep(600)
            assert client.state is ConnectionState.CONNECTED
            assert client.counters().reconnects == 0
            assert client.counters().law_holds
        assert peer.received[-1].name == "close"

    flight_clock.run(story())


def test_a_batch_that_nobody_acknowledges_comes_again_and_counts_once(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            client = peer.client()
            await client.connect(5)
            store = peer.answers.pop("data")
            assert client.channel("log").emit(Log("once"), critical=True).accepted
            first = await peer.expect("data")
            assert events_of(first) == [Log("once")]
            assert not await client.flush(3)
            peer.answers["data"] = store
            peer.cut()
            again = await peer.expect("data")
            assert (again.seq, again.payload[:4]) == (first.seq, first.payload[:4])
            assert await client.flush(20)
            assert peer.events == [Log("once")]

    flight_clock.run(story())


def test_a_refusal_by_the_store_is_told_and_the_batch_comes_again(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            client = peer.client()
            await client.connect(5)
            store = peer.answers.pop("data")
            publishing = asyncio.create_task(client.channel("log", retries=1).publish(Log("x"), timeout_s=60))
            peer.refuse(await peer.expect("data"))
            peer.answers["data"] = store
            assert await publishing is Outcome.STORED
            peer.answers["data"] = lambda peer, frame: peer.refuse(frame, "too-large")
            with pytest.raises(NotStoredError):
                await client.channel("log").publish(Log("y"), timeout_s=60)

    flight_clock.run(story())


def test_a_client_that_is_sent_away_comes_back_after_the_time_that_it_was_told(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            client = peer.client()
            await client.connect(5)
            start_s = flight_clock.now_s
            peer.end("going-away", retry_after_ms=8000, text="back soon")
            await eventually(lambda: client.counters().connections == 2, "the return", 60)
            assert flight_clock.now_s - start_s >= 8

    flight_clock.run(story())


def test_a_refusal_for_good_ends_the_client_with_its_reason(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            peer.answers["hello"] = lambda peer, _frame: peer.end("credential", text="not today")
            client = peer.client()
            with pytest.raises(RefusedError, match="not today"):
                await client.connect(5)
            assert client.state is ConnectionState.FAILED

    flight_clock.run(story())


def test_a_gateway_that_never_answers_is_left_after_the_connect_timeout(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            peer.answers.clear()
            client = peer.client()
            waiting = asyncio.create_task(client.connect(60))
            await peer.expect("hello")
            await peer.expect("hello", 60)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    flight_clock.run(story())


def test_a_session_that_is_not_known_any_more_begins_anew(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            client = peer.client()
            await client.connect(5)
            peer.session = None
            peer.cut()
            await peer.expect("hello")
            await peer.expect("attach")
            await peer.expect("hello")
            await client.connect(5)

    flight_clock.run(story())


def test_events_and_gaps_reach_who_listens(flight_clock: FakeClock) -> None:
    async def story() -> None:
        gaps: list[Gap] = []
        async with ScriptedPeer() as peer:
            client = peer.client()
            client.on_gap(gaps.append)
            await client.connect(5)
            reader = Reader(client.events("log"))
            with pytest.raises(CallerError, match="not opened"):
                peer.deliver("log", Log("early"))
            await peer.expect("open")
            assert peer.deliver("log", Log("one")) == 1
            assert peer.deliver("log", Log("two"), after=5) == 6
            assert [event.data for event in await reader.take(2)] == [Log("one"), Log("two")]
            assert [(gap.after, gap.to) for gap in gaps] == [(1, 5)]

    flight_clock.run(story())


def test_a_channel_that_is_refused_ends_its_stream(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            peer.answers["open"] = lambda peer, frame: peer.open(frame, "forbidden", "not yours")
            client = peer.client()
            await client.connect(5)
            with pytest.raises(RefusedError, match="not allow"):
                await anext(client.events("log"))

    flight_clock.run(story())


def test_bytes_that_are_no_frame_end_the_connection_not_the_client(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            client = peer.client()
            await client.connect(5)
            peer.say_bytes(b"HTTP/1.1 200 OK\r\n\r\n")
            await eventually(lambda: client.counters().connections == 2, "the return", 60)
            assert client.last_error is not None

    flight_clock.run(story())


def test_what_does_not_come_is_said_with_what_came(flight_clock: FakeClock) -> None:
    async def story() -> None:
        async with ScriptedPeer() as peer:
            await peer.client().connect(5)
            with pytest.raises(AssertionError, match="waited for attach, there came: hello"):
                await peer.expect("attach", 5)

    flight_clock.run(story())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda peer: peer.say("helo"), "no frame of this type"),
        (lambda peer: peer.end("tired"), "no such code"),
        (lambda peer: peer.deliver("log", Log("x")), "no session yet"),
    ],
)
async def test_a_script_with_a_mistake_is_told_which(flight_peer: ScriptedPeer, call: object, said: str) -> None:
    assert callable(call)
    with pytest.raises(CallerError, match=said):
        call(flight_peer)


async def test_what_an_answer_raises_fails_the_test_also_without_a_fake_clock() -> None:
    def wrong(_peer: ScriptedPeer, frame: Frame) -> None:
        raise AssertionError(f"{frame.name} was not wanted")

    async def story() -> None:
        async with ScriptedPeer() as peer:
            peer.answers["data"] = wrong
            client = peer.client()
            await within(client.connect())
            client.channel("log").emit(Log("x"))
            await peer.expect("data")

    with pytest.raises(AssertionError, match="data was not wanted"):
        await story()
