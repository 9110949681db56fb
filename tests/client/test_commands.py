"""Commands: asked, carried out once, answered; unanswered ones are asked again, then dead letters."""

import asyncio
import threading

import pytest

from flight_client import (
    CallerError,
    Client,
    CommandFailedError,
    CommandRequest,
    CommandResult,
    DeadLetter,
    EventError,
    NotAnsweredError,
    NotStoredError,
    SyncClient,
)
from flight_client.commands import ANSWERED
from tests.simulation.network import Wire
from tests.simulation.scene import Scene, play
from tests.support.bench import Bench, subscribed
from tests.support.waiting import eventually, within


async def pair(scene: Scene, device_wire: Wire | None = None, tool_wire: Wire | None = None) -> tuple[Client, Client]:
    device = scene.client("device-1", device_wire or scene.wire())
    tool = scene.client("tool-1", tool_wire or scene.wire())
    await device.connect()
    await tool.connect()
    return device, tool


async def test_a_tool_asks_a_device_through_a_real_gateway_and_gets_its_answer(bench: Bench) -> None:
    device, tool = await bench.connected("device-1", "polling"), await bench.connected("tool-1")
    other = await bench.connected("device-2")
    asked: list[CommandRequest] = []

    async def reload(command: CommandRequest) -> bytes:
        asked.append(command)
        await asyncio.sleep(0)
        return command.data[::-1]

    device.on_command(reload, "reload")
    other.on_command(asked.append, "reload")
    await subscribed(device)
    await subscribed(other)
    assert await within(tool.command("device-1", "reload", b"level-7")) == b"7-level"
    assert [(command.name, command.target, command.data) for command in asked] == [("reload", "device-1", b"level-7")]
    with pytest.raises(CommandFailedError, match="does not know it") as error:
        await within(tool.command("device-1", "explode"))
    assert (error.value.code, error.value.device_id) == ("unknown", "device-1")


async def test_a_handler_that_raises_answers_so_and_is_not_tried_again(bench: Bench) -> None:
    device, tool = await bench.connected("device-1"), await bench.connected("tool-1")
    calls: list[str] = []

    def reset(command: CommandRequest) -> None:
        calls.append(command.name)
        raise OSError("the disc is out")

    device.on_command(reset, "reset")
    device.on_command(lambda command: b"x" * 321, "large")
    device.on_command(lambda command: 3, "number")
    device.on_command(lambda command: b"any " + command.name.encode())
    await subscribed(device)
    with pytest.raises(CommandFailedError, match="OSError: the disc is out") as error:
        await within(tool.command("device-1", "reset"))
    assert error.value.code == "failed"
    assert calls == ["reset"]
    with pytest.raises(CommandFailedError, match="321"):
        await within(tool.command("device-1", "large"))
    with pytest.raises(CommandFailedError, match="the handler answered int, not bytes or None"):
        await within(tool.command("device-1", "number"))
    assert await within(tool.command("device-1", "whatever")) == b"any whatever"
    assert device.counters().callback_errors == 3
    assert device.dead_letters() == ()


def test_an_unanswered_command_is_asked_again_as_often_as_its_routing_says_then_it_is_a_dead_letter() -> None:
    async def story(scene: Scene) -> None:
        tool = scene.client("tool-1", scene.wire())
        await tool.connect()
        told: list[DeadLetter] = []
        tool.on_dead_letter(told.append)
        begun_s = scene.loop.now_s
        with pytest.raises(NotAnsweredError, match="no answer to the command 'reload'") as error:
            await tool.command("device-1", "reload", b"x", timeout_s=4, retries=2, retry_interval_ms=1500)
        took_s = scene.loop.now_s - begun_s
        assert 3 * 4 + 2 * 1.5 <= took_s < 3 * 4 + 2 * 1.5 + 1
        [letter] = tool.dead_letters()
        assert told == [letter] == [error.value.letter]
        assert (letter.cause, letter.sent, letter.channel) == ("unanswered", True, "commands")
        assert isinstance(letter.event, CommandRequest)
        counters = tool.counters()
        assert (counters.accepted, counters.acked, counters.dead_letters) == (3, 3, 1)
        assert counters.law_holds
        assert tool.replay() == 0  # it may have been carried out: only by name
        assert tool.replay(letter) == 1
        await asyncio.sleep(1)
        assert tool.counters().acked == 4

    play(story)


def test_a_device_that_comes_late_answers_the_second_asking_and_carries_it_out_once() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await pair(scene)
        calls: list[int] = []

        async def slow(command: CommandRequest) -> bytes:
            calls.append(command.request)
            await asyncio.sleep(7)  # longer than the asker waits: it asks again meanwhile
            return b"%d" % len(calls)

        device.on_command(slow, "slow")
        await asyncio.sleep(1)
        assert await tool.command("device-1", "slow", timeout_s=4, retries=3, retry_interval_ms=500) == b"1"
        await asyncio.sleep(10)
        assert len(calls) == 1
        assert tool.dead_letters() == ()

    play(story)


def test_a_lost_answer_is_given_again_and_nothing_is_done_twice() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await pair(scene)
        calls: list[str] = []
        device.on_command(lambda command: calls.append(command.name), "once")
        await asyncio.sleep(1)
        results = device.channel("command-results")
        put = results.put
        lost: list[object] = []

        async def lose(event: CommandResult, **_: object) -> None:
            lost.append(event)
            results.put = put  # type: ignore[method-assign]

        results.put = lose  # type: ignore[method-assign, assignment]
        assert await tool.command("device-1", "once", timeout_s=2, retries=2, retry_interval_ms=100) == b""
        assert calls == ["once"]
        assert len(lost) == 1

    play(story)


def test_an_outage_of_the_asker_runs_no_time_and_spends_no_retry() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device, tool = await pair(scene, tool_wire=wire)
        calls: list[int] = []

        async def later(command: CommandRequest) -> bytes:
            calls.append(command.request)
            await asyncio.sleep(1)
            return b"done"

        device.on_command(later, "later")
        await asyncio.sleep(1)
        asking = asyncio.create_task(tool.command("device-1", "later", timeout_s=5, retries=0))
        await asyncio.sleep(0.5)
        wire.blocked.update(("websocket", "polling"))
        link = wire.alive()
        assert link is not None
        link.reset()
        await asyncio.sleep(90)
        assert not asking.done()
        wire.blocked.clear()
        assert await asking == b"done"
        assert len(calls) == 1

    play(story)


def test_a_command_that_is_older_than_its_asker_waits_for_is_left() -> None:
    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device, tool = await pair(scene, device_wire=wire)
        calls: list[str] = []
        device.on_command(lambda command: calls.append(command.name))
        await asyncio.sleep(1)
        assert await tool.command("device-1", "first", timeout_s=5) == b""
        wire.blocked.update(("websocket", "polling"))
        link = wire.alive()
        assert link is not None
        link.reset()
        with pytest.raises(NotAnsweredError):
            await tool.command("device-1", "second", timeout_s=5, retries=0)
        await asyncio.sleep(60)
        wire.blocked.clear()
        await asyncio.sleep(60)
        assert calls == ["first"]
        assert await tool.command("device-1", "third", timeout_s=5) == b""

    play(story)


def test_a_gateway_whose_clock_is_set_back_does_not_make_every_command_look_old() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await pair(scene)
        device.on_command(lambda command: b"yes")
        await asyncio.sleep(1)
        assert await tool.command("device-1", "first", timeout_s=5) == b"yes"
        scene.gateway.machine.wall_offset_s -= 3600
        for _ in range(2):
            assert await tool.command("device-1", "then", timeout_s=5, retries=0) == b"yes"

    play(story)


def test_a_handler_whose_own_task_is_cancelled_answers_that_it_failed_and_the_next_command_is_carried_out() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await pair(scene)

        async def gives_up(_command: CommandRequest) -> None:
            part = asyncio.create_task(asyncio.sleep(60))
            part.cancel()
            await part

        device.on_command(gives_up, "first")
        device.on_command(lambda command: b"yes", "second")
        await asyncio.sleep(1)
        with pytest.raises(CommandFailedError, match="was cancelled"):
            await tool.command("device-1", "first", timeout_s=5, retries=0)
        assert await tool.command("device-1", "second", timeout_s=5, retries=0) == b"yes"

    play(story)


def test_only_the_target_may_answer_and_only_who_asked_is_told() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await pair(scene)
        stranger = scene.client("stranger", scene.wire())
        await stranger.connect()
        forged: list[int] = []

        def forge(command: CommandRequest) -> None:
            forged.append(command.request)
            result = CommandResult(command.request, "tool-1", "done", "", b"forged")
            stranger.channel("command-results").emit(result)

        async def eavesdrop() -> None:
            async for event in stranger.events("command-request", channels=["commands"]):
                assert isinstance(event.data, CommandRequest)
                forge(event.data)

        task = asyncio.create_task(eavesdrop())

        async def slow(command: CommandRequest) -> bytes:
            await asyncio.sleep(2)
            return b"true"

        device.on_command(slow, "ask")
        await asyncio.sleep(1)
        assert await tool.command("device-1", "ask") == b"true"
        assert forged
        await stranger.close()
        await task

    play(story)


def test_asked_of_everybody_the_first_that_knows_it_answers() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await pair(scene)
        other = scene.client("device-2", scene.wire())
        await other.connect()
        device.on_command(lambda command: b"one", "one")
        other.on_command(lambda command: b"two", "two")
        await asyncio.sleep(1)
        assert await tool.command("", "two") == b"two"
        assert await tool.command("", "one") == b"one"
        with pytest.raises(NotAnsweredError):
            await tool.command("", "three", timeout_s=1, retries=0)

    play(story)


def test_what_a_device_remembers_is_bounded() -> None:
    async def story(scene: Scene) -> None:
        device, tool = await pair(scene)
        device.on_command(lambda command: b"", "n")
        await asyncio.sleep(1)
        for _ in range(ANSWERED + 10):
            await tool.command("device-1", "n")
        assert len(device._answerers["commands"]._answered) == ANSWERED
        assert tool._asker is not None
        assert not tool._asker._waiting

    play(story)


def test_a_client_that_is_closed_meanwhile_says_so() -> None:
    async def story(scene: Scene) -> None:
        tool = scene.client("tool-1", scene.wire())
        await tool.connect()
        asking = asyncio.create_task(tool.command("device-1", "reload"))
        await asyncio.sleep(2)
        await tool.close()
        with pytest.raises((CallerError, NotStoredError)):
            await asking
        with pytest.raises(NotStoredError):
            await tool.command("device-1", "reload")

    play(story)


@pytest.mark.parametrize(
    "arguments", [{"timeout_s": 0}, {"retries": -1}, {"retry_interval_ms": -1}, {"timeout_s": 1e9}]
)
async def test_bad_numbers_are_refused_in_words(bench: Bench, arguments: dict[str, float]) -> None:
    tool = await bench.connected("tool-1")
    with pytest.raises(CallerError, match="out of range"):
        await tool.command("device-1", "reload", **arguments)  # type: ignore[arg-type]


async def test_what_does_not_fit_is_refused_before_it_is_sent(bench: Bench) -> None:
    tool = await bench.connected("tool-1")
    for name, target, data in (("n" * 65, "d", b""), ("n", "d" * 33, b""), ("n", "d", bytes(385))):
        with pytest.raises(EventError):
            await tool.command(target, name, data)
    assert tool.counters().accepted == 0


async def test_plain_programs_use_the_same_words(bench: Bench) -> None:
    address, token = bench.address, bench.token()
    found: list[object] = []

    def program() -> None:
        with (
            SyncClient(address, token=token, device_id="device-1") as device,
            SyncClient(address, token=token, device_id="tool-1") as tool,
        ):
            device.on_command(lambda command: b"pong", "ping")
            assert device.listening(20)
            stream = device.on_event(lambda event: found.append(event.type), "log", channels=["log"])
            found.append(tool.command("device-1", "ping", timeout_s=20))
            stream.close()

    thread = threading.Thread(target=program, daemon=True)
    thread.start()
    await eventually(lambda: not thread.is_alive(), "the end of the program")
    assert found == [b"pong"]


async def test_a_channel_of_its_own_for_the_commands_of_one_device(bench: Bench) -> None:
    device, tool = await bench.connected("device-1"), await bench.connected("tool-1")
    device.on_command(lambda command: b"here", "where", channel="commands/device-1")
    await subscribed(device)
    assert await within(tool.command("device-1", "where", channel="commands/device-1")) == b"here"
    await eventually(lambda: device.counters().queued == 0, "the answer's acknowledgement")
