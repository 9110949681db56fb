"""listening(): from then on what is emitted anywhere is heard; a command is not quicker than its handler."""

import asyncio

import pytest

from flight_client import CallerError, Client
from tests.simulation.scene import Scene, play


def test_a_command_asked_after_listening_is_answered_at_the_first_attempt() -> None:
    async def story(scene: Scene) -> None:
        device, tool = scene.client("device-1", scene.wire()), scene.client("tool-1", scene.wire())
        await asyncio.gather(device.connect(), tool.connect())
        device.on_command(lambda command: b"pong", "ping")
        assert await device.listening()
        assert await tool.command("device-1", "ping", timeout_s=30, retries=0) == b"pong"

    play(story)


def test_without_subscriptions_there_is_nothing_to_wait_for() -> None:
    async def story(scene: Scene) -> None:
        device = scene.client("device-1", scene.wire())
        await device.connect()
        assert await device.listening(0)

    play(story)


def test_it_waits_through_an_outage_as_long_as_it_may() -> None:
    async def story(scene: Scene) -> None:
        device = scene.client("device-1", scene.wire())
        await device.connect()
        scene.gateway.crash()
        device.events(channels=["log"])
        begun_s = scene.loop.time()
        assert not await device.listening(5)
        assert scene.loop.time() - begun_s == pytest.approx(5)
        await scene.gateway.start()
        assert await device.listening()

    play(story)


def test_in_an_outage_it_waits_for_the_connection_also_where_every_subscription_was_answered_before() -> None:
    async def story(scene: Scene) -> None:
        device = scene.client("device-1", scene.wire())
        await device.connect()
        device.events(channels=["log"])
        assert await device.listening()
        scene.gateway.crash()
        await asyncio.sleep(1)
        assert not await device.listening(5)
        await scene.gateway.start()
        assert await device.listening()

    play(story)


def test_before_connect_after_close_and_for_a_wrong_time_it_says_what_to_do() -> None:
    async def story(scene: Scene) -> None:
        device: Client = scene.client("device-1", scene.wire())
        with pytest.raises(CallerError, match="call connect"):
            await device.listening()
        await device.connect()
        with pytest.raises(CallerError, match="timeout_s"):
            await device.listening(-1)
        await device.close()
        with pytest.raises(CallerError, match="closed"):
            await device.listening()

    play(story)
