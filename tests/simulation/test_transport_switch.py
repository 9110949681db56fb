"""The transport is taken away at every frame boundary of a run of 100 messages each way; everything arrives once, in order.

The transport in use is cut behind the n-th frame that crosses it, for every n there is, and refused from then on, so that
the client has to go on over the other one. On polling the boundary lies in a request, which is then lost, or in a reply.
"""

import asyncio
from typing import Any

import pytest

from tests.simulation.network import LinkEnd, Wire, frame_ends
from tests.simulation.scene import Reader, Scene, emit, play

MESSAGES = 100
LAST = list(range(MESSAGES))


class CutWire(Wire):
    """Cuts and refuses the transport behind a frame; counts all frames."""

    cut_at = 0
    frames = 0
    blocked_name = ""

    def _crosses(self, frames: int) -> int:
        """How many of these frames still pass; -1 = all."""
        before, self.frames = self.frames, self.frames + frames
        if self.blocked or not before < self.cut_at <= self.frames:
            return -1
        self.blocked.add(self.blocked_name)
        return self.cut_at - before

    def strike(self, end: LinkEnd, body: bytes) -> None:
        ends = frame_ends(body)
        keep = self._crosses(len(ends))
        if keep < 0:
            end.out.put(body)
        else:
            end.out.put(body[: ends[keep - 1]], end.link.reset)

    async def request(self, body: bytes) -> bytes:
        server = self.server("polling")
        await self._travel()
        frames = len(frame_ends(body))
        keep = self._crosses(frames)
        if 0 <= keep < frames:
            await self._fail()
        reply = await self._post(server, body)
        if keep == frames or self._crosses(len(frame_ends(reply))) >= 0:
            await self._fail()
        await self._travel()
        return reply


def run(first: str, cut_at: int) -> int:
    """100 messages each way, cut behind frame `cut_at` (0 = never); how many frames crossed until all had arrived."""
    crossed = 0

    async def story(scene: Scene) -> None:
        nonlocal crossed
        wire: Any = scene.wire(CutWire)
        wire.cut_at, wire.blocked_name = cut_at, first
        second = "polling" if first == "websocket" else "websocket"
        device = scene.client("device-1", wire, (first, second))
        tool = scene.client("tool-1", scene.wire(), ("websocket",), "host")
        commands = Reader(device, "commands", history=0xFFFF)
        telemetry = Reader(tool, "telemetry")
        await tool.connect()
        await asyncio.sleep(1)
        connecting = asyncio.get_running_loop().create_task(device.connect())
        for number in LAST:
            await asyncio.sleep(0.03)
            emit(device, "telemetry", number)
            emit(tool, "commands", number)
        await asyncio.sleep(2)
        crossed = wire.frames
        await asyncio.sleep(25)
        await connecting
        name = f"{first} cut behind frame {cut_at}"
        assert scene.stored == {"telemetry": LAST, "commands": LAST}, name
        assert telemetry.numbers == LAST, name
        assert commands.numbers == LAST, name
        assert not scene.gaps, name
        assert device.transport == (second if cut_at else first), name
        counters = device.counters()
        assert counters.law_holds, name
        assert counters.queued == 0, name
        await device.close()
        await tool.close()

    play(story)
    return crossed


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", ["websocket", "polling"])
def test_the_switch_at_every_frame_boundary_loses_and_doubles_nothing(first: str) -> None:
    frames = run(first, 0)
    assert frames > MESSAGES  # polls carry several device messages in one frame
    for cut_at in range(1, frames + 1):
        run(first, cut_at)
