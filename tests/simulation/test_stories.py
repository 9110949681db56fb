"""Rules whose breach the faults of the simulation show only now and then, each as a story that shows it every time."""

import asyncio

from flight_client import Payload
from tests.simulation.ledger import number_bytes
from tests.simulation.scene import Scene, play


def test_a_poll_of_an_older_generation_is_not_taken() -> None:
    """It was lost on the way up and arrives when the device is back: its lossy events were counted as lost by then."""

    async def story(scene: Scene) -> None:
        wire = scene.wire()
        device = scene.client("device-1", wire, ("polling",))
        await device.connect()
        channel = device.channel("telemetry")
        await asyncio.sleep(12)
        copies: list[bytes] = []
        wire.copies = copies
        wire.arm("lost-request")
        assert channel.emit(Payload(0, number_bytes(1)), critical=False).accepted
        while device.counters().connections < 2:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.0001)
        assert device.counters().dropped["link"] == 1
        assert len(copies) == 2  # the request that was lost, and ATTACH
        await scene.gateway.post(copies[0])
        await asyncio.sleep(3)
        assert "telemetry" not in scene.stored
        assert device.counters().law_holds

    play(story)
