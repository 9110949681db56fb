"""flush(), close() and cancellation end within a second, in every state of a client: in virtual time, so it is exact."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flight_client import ConnectionState, FlightError, NotStoredError, Payload
from flight_client.session import spec
from tests.simulation.scene import Scene, emit, play
from tests.simulation.stubborn import Stage

LIMIT_S = 1.0


async def idle(stage: Stage) -> None:
    """connect() was never called."""


async def waiting(stage: Stage) -> None:
    stage.wire.blocked.add("websocket")
    stage.connect()
    await stage.until(spec.STATE_WAITING)


async def asking_for_a_token(stage: Stage) -> None:
    stage.asking = True
    stage.connect()
    await stage.until(spec.STATE_OPENING)
    await asyncio.sleep(0.1)


async def opening(stage: Stage) -> None:
    """The network takes our packets and says nothing: connect() of the transport hangs."""
    stage.stuck.add("open")
    stage.connect()
    await stage.until(spec.STATE_OPENING)
    await asyncio.sleep(0.1)


async def greeting(stage: Stage) -> None:
    stage.stuck.add("receive")
    stage.connect()
    await stage.until(spec.STATE_GREETING)


async def attaching(stage: Stage) -> None:
    stage.connect()
    await stage.until(spec.STATE_READY)
    stage.stuck.add("receive")
    await stage.lose_the_link()
    await stage.until(spec.STATE_ATTACHING)


async def ready_with_a_dead_peer(stage: Stage) -> None:
    stage.connect()
    await stage.until(spec.STATE_READY)
    link = stage.wire.alive()
    assert link is not None
    link.go_dark()


async def ready_with_a_full_socket_buffer(stage: Stage) -> None:
    stage.connect()
    await stage.until(spec.STATE_READY)
    stage.stuck.add("send")
    stage.client.channel("telemetry").emit(Payload(0, bytes(500)), critical=True)
    await asyncio.sleep(0.1)


async def closing(stage: Stage) -> None:
    await ready_with_a_dead_peer(stage)
    stage.client.channel("telemetry").emit(Payload(0, bytes(500)), critical=True)
    first = asyncio.create_task(stage.client.close())
    await stage.until(spec.STATE_CLOSING)
    first.cancel()  # another one has to go on with it
    await asyncio.gather(first, return_exceptions=True)


Reach = Callable[[Stage], Awaitable[None]]
STATES: tuple[Reach, ...] = (
    idle, waiting, asking_for_a_token, opening, greeting, attaching, ready_with_a_dead_peer,
    ready_with_a_full_socket_buffer, closing,
)  # fmt: skip
every_state = pytest.mark.parametrize("reach", STATES, ids=lambda reach: str(reach.__name__))


def of_the_client(task: "asyncio.Task[Any]") -> bool:
    """The gateway's tasks are its own business: it may wait for the dead longer."""
    code = task.get_coro().cr_code  # type: ignore[union-attr]
    return "flight_client" in code.co_filename and "gateway" not in code.co_filename


def staged(reach: Reach, story: Callable[[Stage], Awaitable[None]]) -> None:
    """A story that begins in a state and leaves nothing behind."""

    async def run(scene: Scene) -> None:
        before = asyncio.all_tasks()
        stage = Stage(scene)
        await reach(stage)
        await story(stage)
        assert stage.client.state is ConnectionState.CLOSED
        assert stage.client.counters().law_holds
        assert stage.client.queued == 0
        if stage.connecting is not None:
            await asyncio.gather(stage.connecting, return_exceptions=True)
        scene.gateway.crash()
        await asyncio.sleep(0)
        left = {task for task in asyncio.all_tasks() - before if not task.done() and of_the_client(task)}
        assert not left
        assert not [link for link in stage.wire.links if not link.client.closed]
        timers = [timer for timer in scene.loop._scheduled if not timer.cancelled() and "Driver" in repr(timer)]  # type: ignore[attr-defined]
        assert not timers

    play(run)


class Within:
    """`async with`: what is inside takes at most a second of virtual time."""

    def __init__(self, stage: Stage, limit_s: float = LIMIT_S) -> None:
        self._loop = stage.scene.loop
        self._limit_s = limit_s

    def __enter__(self) -> None:
        self._begun_s = self._loop.now_s

    def __exit__(self, *_: object) -> None:
        taken_s = self._loop.now_s - self._begun_s
        assert taken_s <= self._limit_s + 1e-6, f"took {taken_s:.3f} s"


@every_state
@pytest.mark.parametrize("also", ["", "close"], ids=["", "and the transport's close() hangs"])
def test_close_ends_within_a_second(reach: Reach, also: str) -> None:
    async def story(stage: Stage) -> None:
        stage.stuck.update({also} - {""})
        stage.client.channel("telemetry").emit(Payload(0, b"queued"), critical=True)
        with Within(stage):
            await stage.client.close()

    staged(reach, story)


@every_state
def test_flush_ends_with_its_time_limit(reach: Reach) -> None:
    async def story(stage: Stage) -> None:
        stage.client.channel("telemetry").emit(Payload(0, b"queued"), critical=True)
        stage.client.channel("telemetry").emit(Payload(0, b"queued"), critical=False)
        with Within(stage, 0.5):
            try:
                assert not await stage.client.flush(0.5)
            except FlightError as error:
                assert "closed" in str(error)  # noqa: PT017 - that one state may say so
                assert reach is closing
        await stage.client.close()

    staged(reach, story)


@every_state
def test_publish_ends_with_its_time_limit(reach: Reach) -> None:
    async def story(stage: Stage) -> None:
        with Within(stage, 0.5):
            with pytest.raises(NotStoredError) as caught:
                await stage.client.channel("telemetry").publish(Payload(0, b"1"), timeout_s=0.5)
            assert caught.value.cause == ("closed" if reach is closing else "timeout")
        await stage.client.close()

    staged(reach, story)


@every_state
@pytest.mark.parametrize("call", ["connect", "flush", "publish", "close", "event"])
def test_a_cancelled_call_ends_at_once_and_takes_nothing_with_it(reach: Reach, call: str) -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        emit_one = reach is not closing
        if emit_one:
            emit(client, "telemetry", 1)
        accepted = client.counters().accepted
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "connect": client.connect,
            "flush": client.flush,
            "publish": lambda: client.channel("telemetry").publish(Payload(0, b"2")),
            "close": client.close,
            "event": lambda: anext(client.events(channels=["commands"])),
        }

        async def work() -> None:
            await calls[call]()

        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        with Within(stage):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert client.counters().accepted == accepted + (call == "publish" and emit_one)
        assert client.counters().law_holds
        if call != "close":
            with Within(stage):
                await client.close()

    staged(reach, story)


@every_state
def test_close_ends_within_a_second_of_others_that_wait_and_tells_them(reach: Reach) -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        client.channel("telemetry").emit(Payload(0, b"0"), critical=True)
        waits = [
            asyncio.create_task(client.flush()),
            asyncio.create_task(client.channel("telemetry").publish(Payload(0, b"1"))),
        ]
        await asyncio.sleep(0)
        with Within(stage):
            await asyncio.gather(client.close(), client.close())
            ends = await asyncio.gather(*waits, return_exceptions=True)
        assert all(isinstance(end, FlightError) for end in ends), ends

    staged(reach, story)
