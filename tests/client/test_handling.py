"""Handlers of received events: tried again where they raise, then a dead letter with the cause `handler`."""

import asyncio

import pytest

from flight_client import CallerError, Client, DeadLetter, Payload, RealtimeEvent
from flight_client.clock import monotonic_ms
from tests.simulation.scene import Scene, emit, play
from tests.support.bench import Bench, texts
from tests.support.waiting import eventually


class Picky:
    """A handler that raises for some numbers, so many times, and notes what it was given and when."""

    def __init__(self, scene: Scene, raises: dict[int, int]) -> None:
        self.seen: list[int] = []
        self.at_s: list[float] = []
        self.raises = raises
        self._scene = scene

    async def __call__(self, event: RealtimeEvent) -> None:
        assert isinstance(event.data, Payload)
        number = int.from_bytes(event.data.data, "little")
        self.seen.append(number)
        self.at_s.append(self._scene.loop.now_s)
        if self.raises.get(number, 0):
            self.raises[number] -= 1
            raise RuntimeError("not this one")


async def two(scene: Scene) -> tuple[Client, Client]:
    device, tool = scene.client("device-1", scene.wire()), scene.client("tool-1", scene.wire())
    await device.connect()
    await tool.connect()
    return device, tool


def test_a_critical_event_goes_to_its_handler_again_at_its_interval_and_those_behind_it_wait() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        picky = Picky(scene, {1: 2})
        device.on_event(picky, channels=["commands"], retries=3, retry_interval_ms=700)
        await asyncio.sleep(1)
        for number in range(3):
            emit(tool, "commands", number)
        await asyncio.sleep(10)
        assert picky.seen == [0, 1, 1, 1, 2]
        assert [round(picky.at_s[n + 1] - picky.at_s[n], 2) for n in (1, 2)] == [0.7, 0.7]
        assert device.dead_letters() == ()
        assert device.counters().callback_errors == 2
        assert device.counters().law_holds

    play(story)


def test_a_handler_that_never_takes_it_makes_a_dead_letter_that_can_be_listed_replayed_and_forgotten() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        told: list[DeadLetter] = []
        device.on_dead_letter(told.append)
        picky = Picky(scene, {1: 4})
        device.on_event(picky, channels=["commands"], retries=2, retry_interval_ms=100)
        await asyncio.sleep(1)
        for number in range(3):
            emit(tool, "commands", number)
        await asyncio.sleep(5)
        assert picky.seen == [0, 1, 1, 1, 2]
        [letter] = device.dead_letters()
        assert told == [letter]
        assert (letter.cause, letter.channel, letter.from_device, letter.sent) == (
            "handler", "commands", "tool-1", False
        )  # fmt: skip
        assert isinstance(letter.event, Payload)
        assert int.from_bytes(letter.event.data, "little") == 1
        assert monotonic_ms() >= letter.stamp_ms
        assert device.counters().dead_letters == 1
        assert device.counters().law_holds
        published = scene.stored["commands"].copy()
        assert device.replay() == 1  # to the handler, which raises once more and then takes it
        assert device.dead_letters() == ()
        await asyncio.sleep(5)
        assert picky.seen == [0, 1, 1, 1, 2, 1, 1]
        assert device.dead_letters() == ()
        assert scene.stored["commands"] == published  # nothing was sent

    play(story)


def test_a_lossy_event_whose_handler_raises_is_done_with() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        picky = Picky(scene, {1: 9})
        device.on_event(picky, channels=["telemetry"])
        await asyncio.sleep(1)
        for number in range(3):
            tool.channel("telemetry").emit(Payload(0, number.to_bytes(8, "little")), critical=False)
        await asyncio.sleep(20)
        assert picky.seen == [0, 1, 2]
        assert device.dead_letters() == ()
        assert device.counters().callback_errors == 1

    play(story)


def test_an_outage_between_two_tries_spends_nothing_and_doubles_nothing() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device, tool = scene.client("device-1", wire), scene.client("tool-1", scene.wire())
        await device.connect()
        await tool.connect()
        picky = Picky(scene, {0: 1})
        device.on_event(picky, channels=["commands"], retries=1, retry_interval_ms=500)
        await asyncio.sleep(1)
        emit(tool, "commands", 0)
        await asyncio.sleep(0.2)
        link = wire.alive()
        assert link is not None
        link.reset()
        emit(tool, "commands", 1)
        await asyncio.sleep(30)
        assert picky.seen == [0, 0, 1]

    play(story)


def test_what_a_handler_had_not_taken_when_the_client_closed_is_a_dead_letter() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        picky = Picky(scene, {1: 99})
        device.on_event(picky, channels=["commands"], retries=99, retry_interval_ms=60_000)
        await asyncio.sleep(1)
        for number in range(4):
            emit(tool, "commands", number)
        await asyncio.sleep(5)
        begun_s = scene.loop.now_s
        await device.close()
        assert scene.loop.now_s - begun_s <= 1
        letters = device.dead_letters()
        assert [letter.cause for letter in letters] == ["handler"] * 3
        found = [letter.event for letter in letters]
        assert [int.from_bytes(event.data, "little") for event in found if isinstance(event, Payload)] == [1, 2, 3]
        assert device.replay() == 0  # nobody is there to take them
        assert device.dead_letters() == letters

    play(story)


def test_a_handler_ends_with_its_stream_and_may_close_the_client() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        seen: list[RealtimeEvent] = []

        async def last(event: RealtimeEvent) -> None:
            seen.append(event)
            await device.close()

        stream = device.on_event(seen.append, channels=["telemetry"])
        device.on_event(last, channels=["commands"])
        await asyncio.sleep(1)
        stream.close()
        emit(tool, "telemetry", 1)
        await asyncio.sleep(1)
        assert seen == []
        emit(tool, "commands", 2)
        await asyncio.sleep(5)
        assert len(seen) == 1
        assert device.state.value == "closed"
        assert not device._hooks._tasks

    play(story)


def test_a_handler_whose_own_task_is_cancelled_raised_and_the_events_behind_it_are_handled() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await two(scene)
        seen: list[int] = []

        async def first_fails(event: RealtimeEvent) -> None:
            assert isinstance(event.data, Payload)
            seen.append(int.from_bytes(event.data.data, "little"))
            if seen[-1] == 0:
                part = asyncio.create_task(asyncio.sleep(60))
                part.cancel()
                await part

        device.on_event(first_fails, channels=["commands"], retries=1, retry_interval_ms=100)
        await asyncio.sleep(1)
        for number in range(3):
            emit(tool, "commands", number)
        await asyncio.sleep(5)
        assert seen == [0, 0, 1, 2]
        assert device.counters().callback_errors == 2
        assert [letter.cause for letter in device.dead_letters()] == ["handler"]

    play(story)


async def test_a_handler_whose_channel_is_refused_ends_and_is_not_said_to_have_raised(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    client = await bench.connected("device-1", token=bench.token(roles=("publish",)))
    stream = client.on_event(print, channels=["log"])
    client.on_command(print)
    await eventually(lambda: stream.ended and not client._hooks._tasks, "the end of both handlers")
    assert client.counters().callback_errors == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2, texts(caplog.records)


async def test_bad_arguments_are_refused_in_words(bench: Bench) -> None:
    client = bench.client("bench-1")
    with pytest.raises(CallerError, match="retries"):
        client.on_event(print, retries=-1)
    with pytest.raises(CallerError, match="unknown event type"):
        client.on_event(print, "no-such-event")


def test_a_handler_needs_a_loop() -> None:
    client = Client("http://127.0.0.1:1", token="t", device_id="bench-1")
    with pytest.raises(CallerError, match="event loop"):
        client.on_event(print)


async def test_over_a_real_gateway_each_event_is_handled_once(bench: Bench) -> None:
    device, tool = await bench.connected("device-1"), await bench.connected("tool-1")
    seen: list[int] = []

    def handler(event: RealtimeEvent) -> None:
        assert isinstance(event.data, Payload)
        seen.append(event.data.kind)
        if event.data.kind == 3 and seen.count(3) < 3:
            raise ValueError("again, please")

    device.on_event(handler, "payload", channels=["work"], retry_interval_ms=1)
    items = device._session.channels.items
    await eventually(lambda: all(state.opened for state in items), "the answer to OPEN")
    for number in range(6):
        assert tool.channel("work").emit(Payload(number), critical=True).accepted
    await eventually(lambda: len(seen) == 8, "the last event")
    assert seen == [0, 1, 2, 3, 3, 3, 4, 5]


def test_a_handler_that_cannot_begin_does_not_take_those_behind_it_with_it() -> None:
    async def story(scene: Scene) -> None:
        device, tool = scene.client("device-1", scene.wire()), scene.client("tool-1", scene.wire())
        seen: list[RealtimeEvent] = []

        def refuse() -> None:
            raise CallerError("this one cannot begin", value="it", next_step="leave it out")

        device._early.append(refuse)
        device._early.append(lambda: device.on_event(seen.append, channels=["commands"]))
        with pytest.raises(CallerError, match="this one cannot begin"):
            await device.connect()
        await device.connect()
        await tool.connect()
        await asyncio.sleep(1)
        emit(tool, "commands", 1)
        await asyncio.sleep(5)
        assert len(seen) == 1

    play(story)
