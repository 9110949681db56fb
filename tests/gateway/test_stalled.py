"""A peer that keeps its connection and takes nothing from it: the writer does not wait for it for ever."""

import asyncio

from flight_client.gateway.pipe import DuplexPipe
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.simulation.scene import Scene, play
from tests.support.raw import hello_frame

HEARTBEAT = encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8))


class Deaf:
    """A connection whose other side says HELLO, reads the answer, and then talks without reading."""

    name = "simulated"

    def __init__(self, hello: bytes) -> None:
        self._frames = [hello]
        self._closed = asyncio.Event()
        self.sends_s: list[float] = []
        self.closed_s = 0.0

    async def receive(self) -> bytes:
        if self._frames:
            return self._frames.pop()
        try:
            async with asyncio.timeout(1):
                await self._closed.wait()
        except TimeoutError:
            return HEARTBEAT
        raise ConnectionResetError("closed")

    async def send(self, body: bytes) -> None:
        self.sends_s.append(asyncio.get_running_loop().time())
        if len(self.sends_s) > 1:
            await asyncio.Event().wait()

    def admit(self) -> None:
        pass

    async def close(self) -> None:
        self.closed_s = self.closed_s or asyncio.get_running_loop().time()
        self._closed.set()


def test_who_reads_nothing_for_two_heartbeats_is_closed_however_much_he_says() -> None:
    async def story(scene: Scene) -> None:
        token = scene.client("raw-1", scene.wire())._driver._token
        assert isinstance(token, str)
        carrier = Deaf(hello_frame(token))
        serving = asyncio.create_task(DuplexPipe(scene.gateway.registry, carrier).run())
        await asyncio.sleep(1)
        [peer] = scene.gateway.registry.peers()
        patience_s = 2 * peer.session.heartbeat_ms / 1000
        await asyncio.sleep(3 * patience_s)
        assert len(carrier.sends_s) == 2
        assert 0 <= carrier.closed_s - carrier.sends_s[1] - patience_s < 1
        await asyncio.wait_for(serving, 5)
        assert peer.pipe is None  # the session waits for another connection

    play(story)
