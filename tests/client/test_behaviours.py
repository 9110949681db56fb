"""What a client owes its user: fifteen sentences, one test each. The long suites are beside this file.

Most of them are stories in virtual time: real client, real gateway code, a simulated network.
"""

import asyncio
import inspect
import threading
from collections import Counter
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

import flight_client
from flight_client import (
    CallerError,
    Client,
    ConnectionState,
    DeadLetter,
    FlightError,
    Log,
    NotStoredError,
    Outcome,
    Payload,
    RefusedError,
    StateChange,
    errors,
)
from flight_client._tables import CODES
from flight_client.gateway.engines import EngineLimits
from flight_client.gateway.hub import HubLimits
from flight_client.session import spec
from tests.simulation.chance import Machine
from tests.simulation.engine import SimEngine
from tests.simulation.gateway import SimGateway
from tests.simulation.network import Link, Wire
from tests.simulation.scene import _KEY, Reader, Scene, emit, play
from tests.simulation.stubborn import Stage
from tests.support.bench import Bench, hurry
from tests.support.ports import free_port
from tests.support.waiting import eventually, within

STEADY_S = 12.0  # after so long a connection counts as healthy


def alive(wire: Wire) -> Link:
    link = wire.alive()
    assert link is not None
    return link


def test_01_one_client_object_survives_any_number_of_reconnects_and_its_subscriptions_come_back() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device, tool = scene.client("device-1", wire), scene.client("tool-1", scene.wire())
        reader = Reader(device, "commands")
        await device.connect()
        await tool.connect()
        for number in range(30):
            alive(wire).reset()
            emit(tool, "commands", number)
            await asyncio.sleep(0)
            await device.connect()
            while not wire.alive() or device.state is not ConnectionState.CONNECTED:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.01)
        await asyncio.sleep(30)
        assert device.counters().connections >= 31
        assert reader.numbers == list(range(30))

    play(story)


def test_02_every_accepted_event_has_exactly_one_visible_fate() -> None:
    """Acked, dead-lettered, or dropped by a named policy with a counter: nothing else, and never two."""

    async def story(scene: Scene) -> None:
        wire = scene.wire()
        wire.blocked.update(("websocket", "polling"))
        letters: list[DeadLetter] = []
        client = scene.client("device-1", wire, platform="psp")
        client.on_dead_letter(letters.append)
        connecting = asyncio.create_task(client.connect())
        fates: Counter[str] = Counter()
        slots = client._outbox.lossy.limit_events
        stale, latest, log = (
            client.channel("stale"),
            client.channel("pose", policy="latest-wins"),
            client.channel("log"),
        )
        for _ in range(3):
            assert stale.emit(Payload(0, b"x"), critical=True, expires_ms=100).accepted
            assert latest.emit(Payload(0, b"x"), critical=False).accepted
        for _ in range(slots + 4):
            assert log.emit(Payload(0, b"x"), critical=False).accepted
        await asyncio.sleep(1)
        for _ in range(5):
            assert log.emit(Payload(0, b"x"), critical=True).accepted
        wire.blocked.clear()
        await connecting
        assert await client.flush(60)
        wire.blocked.update(("websocket", "polling"))
        await client.close()
        counters = client.counters()
        fates.update({cause: count for cause, count in counters.dropped.items() if count})
        assert counters.queued == 0
        assert counters.accepted == 3 + 3 + slots + 4 + 5
        assert counters.acked == 5
        assert fates == {"expired": 3, "replaced": 2, "oldest": 5}
        assert [letter.cause for letter in letters] == ["expired"] * 3
        assert counters.settled == 5 + slots
        assert counters.law_holds

    play(story)


def test_03_emit_never_blocks_and_never_grows_memory() -> None:
    """Bounded in bytes and events; full means refuse, drop the oldest, or wait with a deadline, as the channel says."""

    async def story(scene: Scene) -> None:
        wire = scene.wire()
        wire.blocked.update(("websocket", "polling"))
        client = scene.client("device-1", wire, platform="dreamcast")
        connecting = asyncio.create_task(client.connect())
        lanes = client._outbox.critical, client._outbox.lossy
        refuse, oldest = client.channel("refuse", policy="refuse"), client.channel("oldest")
        begun_s = scene.loop.now_s
        for _ in range(10 * (lanes[0].limit_events + lanes[1].limit_events)):
            oldest.emit(Payload(0, bytes(60)), critical=True)
            oldest.emit(Payload(0, bytes(60)), critical=False)
            refuse.emit(Payload(0, bytes(60)), critical=False)
            for lane in lanes:
                assert lane.count <= lane.limit_events
                assert lane.bytes <= lane.limit_bytes
        assert scene.loop.now_s == begun_s
        assert client.counters().dropped["oldest"] > 0
        assert client.counters().refused_emits["refused_full"] > 0
        assert await oldest.put(Payload(0, bytes(60)), critical=True, timeout_s=3) is Outcome.REFUSED_FULL
        assert scene.loop.now_s - begun_s == pytest.approx(3)
        await client.close()
        await asyncio.gather(connecting, return_exceptions=True)

    play(story)


def test_04_what_was_not_acknowledged_goes_again_in_order_duplicates_are_dropped_and_gaps_are_told() -> None:
    async def story(scene: Scene) -> None:
        wires = scene.wire(), scene.wire()
        device, tool = (scene.client(name, wire) for name, wire in zip(("device-1", "tool-1"), wires, strict=True))
        reader = Reader(tool, "telemetry")
        await device.connect()
        await tool.connect()
        await asyncio.sleep(STEADY_S)
        for number in range(20):
            emit(device, "telemetry", number)
            if number == 7:
                alive(wires[0]).go_dark()  # what goes now is lost, and so is every acknowledgement
            if number == 9:
                alive(wires[1]).down.lost = True  # the tool's side: entries that it never gets
            await asyncio.sleep(0.1)
        await asyncio.sleep(120)
        assert reader.numbers == list(range(20))
        assert scene.stored["telemetry"] == list(range(20))
        assert device.counters().resent_frames > 0
        assert not scene.gaps
        scene.gateway.crash()
        scene.engine = SimEngine(scene.loop, scene.chance, EngineLimits(), scene._stored)  # the log is gone
        scene.gateway = SimGateway(scene.loop, scene.engine, _KEY, Machine(0.0), HubLimits())
        await scene.gateway.start()
        await asyncio.sleep(60)
        assert [(gap.channel, gap.reason) for gap in scene.gaps] == [("telemetry", "epoch")]

    play(story)


def test_05_a_dead_link_is_noticed_within_two_heartbeat_periods_though_nothing_is_sent() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        client = scene.client("device-1", wire, ("websocket",))
        noticed_s: list[float] = []
        client.on_state(
            lambda change: noticed_s.append(scene.loop.now_s) if change.old is ConnectionState.CONNECTED else None
        )
        await client.connect()
        await asyncio.sleep(STEADY_S)
        alive(wire).go_dark()
        dark_s = scene.loop.now_s
        heartbeat_s = client._session.sender.heartbeat_ms / 1000
        await asyncio.sleep(10 * heartbeat_s)
        assert client.counters().accepted == 0
        assert noticed_s[0] - dark_s <= 2 * heartbeat_s + 0.1

    play(story)


def test_06_waits_between_attempts_have_jitter_and_a_cap_reset_only_by_health_and_obey_the_gateway() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        client = scene.client("device-1", wire, ("websocket",))
        session = client._session
        waits: list[float] = []

        async def fail(times: int) -> None:
            for _ in range(times):
                while session.state != spec.STATE_WAITING:  # noqa: ASYNC110 - virtual time
                    await asyncio.sleep(0.001)
                waits.append(session.wake_in_ms(int(scene.loop.now_s * 1000)))
                while session.state == spec.STATE_WAITING:  # noqa: ASYNC110 - virtual time
                    await asyncio.sleep(0.001)

        await client.connect()
        await asyncio.sleep(STEADY_S)
        alive(wire).reset()
        wire.blocked.add("websocket")
        await fail(30)
        cap_ms = session.profile.backoff_cap_ms
        assert waits[0] <= spec.RECONNECT_SPREAD_MS
        assert max(waits) <= cap_ms
        assert max(waits[10:]) > 4 * max(waits[:2])  # they grow ...
        assert len(set(waits[10:])) > 10  # ... and no two are alike
        wire.blocked.clear()
        await client.connect()
        attempts = session.policy._attempt
        assert attempts > 20
        alive(wire).reset()  # at once: that was no healthy period
        await fail(1)
        assert session.policy._attempt == attempts + 1
        await client.connect()
        await asyncio.sleep(STEADY_S)
        alive(wire).reset()
        await fail(1)
        assert session.policy._attempt <= 1  # from the bottom again
        await client.connect()
        session.policy.hint(40_000)  # as a CLOSE does that says `retry after`
        alive(wire).reset()
        await fail(1)
        assert 40_000 - 2 <= waits[-1] <= 40_000 + spec.RECONNECT_SPREAD_MS

    play(story)


async def test_07_what_is_fatal_stops_at_once_everything_else_retries_and_the_user_may_judge_otherwise(
    bench: Bench,
) -> None:
    refused = bench.client("bench-1", token="nonsense")
    with pytest.raises(RefusedError):
        await within(refused.connect())
    assert refused.state is ConnectionState.FAILED
    assert bench.gateway.registry.counters.hellos == 1

    stubborn = hurry(bench.client("bench-2", token="nonsense", fatal=lambda error: False))
    with pytest.raises(RefusedError):
        await stubborn.connect(0.5)
    await eventually(lambda: bench.gateway.registry.counters.hellos >= 4)

    nowhere = f"http://127.0.0.1:{free_port()}"
    patient = hurry(bench.client("bench-3", address=nowhere))
    hasty = bench.client("bench-4", address=nowhere, fatal=lambda error: error.fault == "link")
    with pytest.raises(FlightError):
        await within(hasty.connect())
    assert hasty.state is ConnectionState.FAILED
    with pytest.raises(FlightError):
        await patient.connect(0.2)
    assert patient.state is ConnectionState.CONNECTING


async def test_08_token_and_address_come_from_callables_that_are_asked_at_each_attempt(
    bench: Bench, tmp_path: Path
) -> None:
    """So a token that is about to expire, or a gateway that has moved, is never used again."""
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    await other.start()
    here = [bench]
    asked: Counter[str] = Counter()

    async def token() -> str:
        asked["token"] += 1
        return here[0].token()

    def address() -> str:
        asked["address"] += 1
        return here[0].address

    client = hurry(bench.client("bench-1", address=address, token=token))
    await within(client.connect())
    assert asked == {"token": 1, "address": 1}
    here[0] = other
    await within(bench.gateway.stop())
    await eventually(lambda: client.counters().connections == 2)
    assert asked["token"] == asked["address"] >= 2
    await within(client.close())
    await within(other.gateway.stop())
    await bench.start()


@pytest.mark.parametrize("hangs", ["open", "receive", "send", "close"])
def test_09_close_and_cancellation_end_within_a_second_in_every_state_and_leave_nothing(hangs: str) -> None:
    """Mid-connect, with a dead peer, with a full buffer, with a transport that does not let go: test_ending.py has all."""

    async def story(scene: Scene) -> None:
        stage = Stage(scene)
        stage.stuck.add(hangs)
        stage.connect()
        stage.client.channel("telemetry").emit(Payload(0, b"queued"), critical=True)
        publishing = asyncio.create_task(stage.client.channel("telemetry").publish(Payload(0, b"queued")))
        await asyncio.sleep(2)
        begun_s = scene.loop.now_s
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        assert scene.loop.now_s == begun_s
        await stage.client.close()
        assert scene.loop.now_s - begun_s <= 1.0
        assert not stage.client._driver._tasks
        assert not stage.client._driver._closings
        assert all(link.client.closed for link in stage.wire.links)

    play(story)


def test_10_cancelling_a_receive_never_loses_an_event() -> None:
    async def story(scene: Scene) -> None:
        device, tool = scene.client("device-1", scene.wire()), scene.client("tool-1", scene.wire())
        stream = device.events(channels=["commands"])
        await device.connect()
        await tool.connect()
        await asyncio.sleep(1)
        got: list[int] = []
        cancelled = 0
        for number in range(50):
            emit(tool, "commands", number)
        while len(got) < 50:
            try:
                async with asyncio.timeout(scene.chance.uniform(0, 0.02)):
                    event = await anext(stream)
            except TimeoutError:
                cancelled += 1
            else:
                assert isinstance(event.data, Payload)
                got.append(int.from_bytes(event.data.data, "little"))
        assert got == list(range(50))
        assert cancelled > 0

    play(story)


def test_11_callbacks_may_call_any_method_and_a_raising_one_does_not_kill_the_reader() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device, tool = scene.client("device-1", wire), scene.client("tool-1", scene.wire())
        answers: list[object] = []

        async def on_state(change: StateChange) -> None:
            if change.new is ConnectionState.CONNECTED:
                answers.append(device.channel("telemetry").emit(Payload(0, b"\1"), critical=True))
                answers.append(await device.channel("telemetry").publish(Payload(0, b"\2")))
                answers.append(await device.flush(5))
                device.events("log").close()
                raise RuntimeError("and then it raises")

        def raising(_: object) -> None:
            raise RuntimeError("this one raises at once")

        device.on_state(on_state)
        device.on_state(raising)
        device.on_gap(raising)
        reader = Reader(device, "commands")
        await device.connect()
        await tool.connect()
        await asyncio.sleep(STEADY_S)
        assert answers == [Outcome.QUEUED, Outcome.STORED, True]
        alive(wire).reset()
        emit(tool, "commands", 5)
        await asyncio.sleep(5)
        assert reader.numbers == [5]
        assert device.counters().callback_errors >= 4
        device.on_state(lambda _: asyncio.ensure_future(device.close()))
        alive(wire).reset()
        await asyncio.sleep(5)
        assert device.state is ConnectionState.CLOSED

    play(story)


async def test_12_calls_from_other_threads_are_safe_or_refused_with_a_clear_error_and_there_is_no_hidden_loop(
    bench: Bench,
) -> None:
    client = await bench.connected("bench-1")
    channel = client.channel("log")
    found: dict[str, object] = {}

    def run() -> None:
        try:
            channel.emit(Log("refused"))
        except CallerError as error:
            found["refused"] = error.next_step
        found["safe"] = client.threadsafe.publish("log", Log("safe")).result(20)
        Client(bench.address, token="t").channel("log").emit(Log("x"))
        found["loop"] = getattr(asyncio.get_event_loop_policy(), "_local").__dict__.get("_loop")  # noqa: B009

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    await eventually(lambda: not thread.is_alive(), "the end of the thread")
    assert "client.threadsafe" in str(found["refused"])
    assert found["safe"] is Outcome.STORED
    assert found["loop"] is None


def test_13_the_fall_back_to_polling_and_the_return_are_visible_and_lose_or_double_nothing() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device, tool = scene.client("device-1", wire), scene.client("tool-1", scene.wire())
        shown: list[str] = []
        device.on_state(lambda change: shown.append(change.transport))
        down, up = Reader(device, "commands"), Reader(tool, "telemetry")
        await device.connect()
        await tool.connect()
        await asyncio.sleep(STEADY_S)
        assert device.transport == "websocket"
        for number in range(300):
            if number == 50:
                wire.blocked.add("websocket")
                alive(wire).reset()
            if number == 200:
                wire.blocked.clear()
            emit(device, "telemetry", number)
            emit(tool, "commands", number)
            await asyncio.sleep(0.5)
            if number == 199:
                assert device.transport == "polling"
        await asyncio.sleep(120)
        assert device.transport == "websocket"
        assert [name for index, name in enumerate(shown) if index == 0 or shown[index - 1] != name] == [
            "websocket",
            "polling",
            "websocket",
        ]
        assert device.counters().transport_switches == 2
        assert up.numbers == down.numbers == list(range(300))

    play(story)


def test_14_every_change_of_state_is_told_with_old_new_reason_and_next_attempt_and_all_is_counted() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        client = scene.client("device-1", wire, ("websocket",))
        changes: list[StateChange] = []
        client.on_state(changes.append)
        await client.connect()
        await asyncio.sleep(STEADY_S)
        emit(client, "telemetry", 1)
        while not client._session.store.sent:  # noqa: ASYNC110 - turns of the loop; no time passes
            await asyncio.sleep(0)
        alive(wire).reset()
        await asyncio.sleep(60)
        await client.close()
        assert [change.new.value for change in changes] == [
            "connecting", "connected", "reconnecting", "connected", "closed",
        ]  # fmt: skip
        assert changes[0].old is ConnectionState.DISCONNECTED
        assert all(after.old is before.new for before, after in pairwise(changes))
        lost = changes[2]
        assert "simulated link" in lost.reason
        assert 0 < lost.next_attempt_ms <= spec.RECONNECT_SPREAD_MS
        counters = client.counters()
        assert (counters.accepted, counters.acked, counters.queued, counters.dead_letters) == (1, 1, 0, 0)
        assert (counters.connections, counters.reconnects) == (2, 1)
        assert sum(counters.dropped.values()) == 0

    play(story)


def test_15_everything_is_typed_there_is_one_tree_of_errors_and_each_says_what_to_do_next() -> None:
    """And times in tests come from a fake clock: the stories above took minutes of it."""
    assert files("flight_client").joinpath("py.typed").is_file()
    for name in flight_client.__all__:
        thing = getattr(flight_client, name)
        for member in [thing, *vars(thing).values()] if inspect.isclass(thing) else []:
            if inspect.isfunction(member) and member.__module__.startswith("flight_client"):
                if member.__name__.startswith("_"):
                    continue
                signature = inspect.signature(member)
                assert signature.return_annotation is not inspect.Signature.empty, member.__qualname__
                untyped = [p.name for p in list(signature.parameters.values())[1:] if p.annotation is p.empty]
                assert not untyped, member.__qualname__
                assert member.__doc__, member.__qualname__
    tree = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(error, FlightError) for error in tree)
    assert {error.fault for error in tree} == {"caller", "peer", "link", "none"}
    for code in CODES[1:]:
        assert RefusedError(code["value"]).next_step, code
    for cause in errors._NOT_STORED:
        error = NotStoredError(cause, channel="log")
        assert error.next_step
        assert error.fault in ("caller", "link", "none")
