"""What the simulation found in the product, each as the smallest story that shows it."""

import asyncio

from flight_client import Payload
from tests.simulation.ledger import number_bytes
from tests.simulation.scene import Reader, Scene, emit, play


def test_a_fenced_websocket_takes_no_entries_with_it() -> None:
    """Seed 69: the writer of the older transport woke up to say goodbye, and sent what belonged to the newer one."""

    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device = scene.client("device-1", wire, ("websocket",))
        tool = scene.client("tool-1", scene.wire(), ("websocket",))
        reader = Reader(device, "commands")
        await device.connect()
        await tool.connect()
        await asyncio.sleep(12)  # from here on the first retry comes within the spread
        link = wire.alive()
        assert link is not None
        link.go_dark()
        link.down.over = True  # the device hears of the end, the gateway does not
        link.down.wake()
        for number in range(3):
            emit(tool, "commands", number)
        await asyncio.sleep(2)
        assert device.counters().connections == 2
        assert reader.numbers == [0, 1, 2]

    play(story)


def test_an_entry_that_went_to_a_copy_of_a_poll_comes_again_with_the_next_poll() -> None:
    """Seed 172: a proxy sent a request twice, and what was new by then went with the reply that nobody read."""

    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device = scene.client("device-1", wire, ("polling",))
        tool = scene.client("tool-1", scene.wire(), ("websocket",))
        reader = Reader(device, "commands")
        await device.connect()
        await tool.connect()
        await asyncio.sleep(5)
        copies: list[bytes] = []
        wire.copies = copies
        while not copies:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.01)
        emit(tool, "commands", 7)
        await asyncio.sleep(0.2)
        assert not reader.numbers  # the next poll is still to come
        assert len(await scene.gateway.post(copies[-1])) > 60  # it has the entry
        await asyncio.sleep(5)
        assert reader.numbers == [7]

    play(story)


def test_a_request_with_tags_that_comes_twice_is_answered_twice_and_stored_once() -> None:
    """Seed 1: a proxy sent it twice; the second had a wrong tag, since lossy frames were counted on over requests."""

    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device = scene.client("device-0", wire, ("polling",))  # it has a device key
        await device.connect()
        channel = device.channel("telemetry")
        copies: list[bytes] = []
        wire.copies = copies
        for number in range(3):
            assert channel.emit(Payload(0, number_bytes(number)), critical=False).accepted
            await asyncio.sleep(2)
        assert scene.stored == {"telemetry": [0, 1, 2]}
        [*_, before, last] = copies
        for copy in (last, last, before):
            assert len(await scene.gateway.post(copy)) > 16
        assert channel.emit(Payload(0, number_bytes(3)), critical=False).accepted
        await asyncio.sleep(5)
        assert scene.stored == {"telemetry": [0, 1, 2, 3]}
        assert scene.gateway.registry.counters.malformed == 0
        assert device.counters().connections == 1

    play(story)
