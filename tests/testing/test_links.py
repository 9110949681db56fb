"""The way of a client in memory: how long messages take, in which order they come, and which of them are lost."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from flight_client import LinkError
from flight_client.testing import FakeClock
from flight_client.testing.links import MESSAGES_UNDER_WAY, MemoryLink
from flight_client.transports import Address, MemoryEnd, Transport

ADDRESS = Address.parse("http://memory:1")


class FarEnd:
    """The gateway's side: every stream's end, and what came there and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, float]] = []
        self.end: MemoryEnd

    def connect(self) -> MemoryEnd:
        mine, theirs = MemoryEnd.pair()
        self.end = theirs
        return mine

    async def poll(self, body: bytes) -> bytes:
        return body

    async def listen(self) -> None:
        """Note what comes, until the link ends."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionResetError):
            while True:
                body = await self.end.receive()
                self.heard.append((body, round(loop.time() - self.begun, 3)))

    def begin(self) -> None:
        self.begun = asyncio.get_running_loop().time()
        self.task = asyncio.get_running_loop().create_task(self.listen())


def played(
    latency_ms: int, bytes_per_s: int, scene: Callable[[MemoryLink, FarEnd, Transport], Coroutine[Any, Any, None]]
) -> FarEnd:
    """The scene on fake time, with a stream that is open."""

    async def play() -> FarEnd:
        far = FarEnd()
        link = MemoryLink(far, latency_ms=latency_ms, bytes_per_s=bytes_per_s)
        stream = link.factories()["tcp"](ADDRESS)
        await stream.open()
        far.begin()
        await scene(link, far, stream)
        await stream.close()
        await far.task
        return far

    return FakeClock().run(play())


def test_messages_of_one_stream_are_on_their_way_together_and_come_in_order() -> None:
    async def scene(_link: MemoryLink, _far: FarEnd, stream: Transport) -> None:
        for number in range(10):
            await stream.send(bytes([number]))

    assert played(100, 0, scene).heard == [(bytes([number]), 0.1) for number in range(10)]


def test_bytes_take_their_time_one_behind_the_other_and_the_latency_once() -> None:
    async def scene(_link: MemoryLink, _far: FarEnd, stream: Transport) -> None:
        for _ in range(4):
            await stream.send(bytes(100))

    assert [at_s for _, at_s in played(50, 1000, scene).heard] == [0.15, 0.25, 0.35, 0.45]


def test_the_same_holds_for_what_the_gateway_sends_and_its_end_comes_last() -> None:
    times = []

    async def scene(_link: MemoryLink, far: FarEnd, stream: Transport) -> None:
        for _ in range(3):
            await far.end.send(bytes(100))
        ending = asyncio.create_task(_ended(far.end))
        for _ in range(3):
            await stream.receive()
            times.append(round(asyncio.get_running_loop().time() - far.begun, 3))
        for _ in range(2):  # however often it is asked
            with pytest.raises(LinkError):
                await stream.receive()
        times.append(round(asyncio.get_running_loop().time() - far.begun, 3))
        await ending

    async def _ended(end: MemoryEnd) -> None:
        await end.drain()
        end.cut()

    played(50, 1000, scene)
    assert times[:3] == [0.15, 0.25, 0.35]
    assert times[3] >= 0.35


def test_a_cut_loses_what_is_on_its_way_and_both_sides_learn_of_it_at_once() -> None:
    async def scene(link: MemoryLink, far: FarEnd, stream: Transport) -> None:
        await stream.send(b"lost")
        await far.end.send(b"lost too")
        receiving = asyncio.create_task(stream.receive())
        await asyncio.sleep(0.01)
        link.cut()
        with pytest.raises(LinkError):
            await receiving
        with pytest.raises(LinkError):
            await stream.send(b"more")
        await far.task
        assert asyncio.get_running_loop().time() - far.begun < 0.05

    assert played(100, 0, scene).heard == []


def test_what_is_silenced_vanishes_on_its_way_and_what_comes_later_does_not() -> None:
    async def scene(link: MemoryLink, _far: FarEnd, stream: Transport) -> None:
        await stream.send(b"one")
        link.silent = True
        await asyncio.sleep(1)
        link.silent = False
        await stream.send(b"two")

    assert played(100, 0, scene).heard == [(b"two", 1.1)]


def test_a_sender_waits_while_as_many_messages_are_on_their_way_as_may_be() -> None:
    async def scene(_link: MemoryLink, far: FarEnd, stream: Transport) -> None:
        for _ in range(MESSAGES_UNDER_WAY):
            await stream.send(b"x")
        assert asyncio.get_running_loop().time() == far.begun
        await stream.send(b"x")
        assert round(asyncio.get_running_loop().time() - far.begun, 3) == 0.1

    assert len(played(100, 0, scene).heard) == MESSAGES_UNDER_WAY + 1


def test_a_link_may_become_slow_and_quick_again_and_the_order_holds() -> None:
    async def scene(link: MemoryLink, _far: FarEnd, stream: Transport) -> None:
        await stream.send(b"one")
        link.latency_ms = 100
        await stream.send(b"two")
        link.latency_ms = 0
        await stream.send(b"three")

    assert played(0, 0, scene).heard == [(b"one", 0.0), (b"two", 0.1), (b"three", 0.1)]


def test_a_wait_for_a_message_that_is_given_up_loses_nothing() -> None:
    async def scene(_link: MemoryLink, far: FarEnd, stream: Transport) -> None:
        await far.end.send(b"one")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.receive(), 0.05)
        assert await stream.receive() == b"one"

    played(100, 0, scene)


def test_a_close_waits_for_a_gateway_that_reads_and_a_cut_ends_that_too() -> None:
    async def scene(link: MemoryLink, far: FarEnd, stream: Transport) -> None:
        far.task.cancel()  # it reads nothing more
        await stream.send(b"unread")
        closing = asyncio.create_task(stream.close())
        await asyncio.sleep(1)
        assert not closing.done()
        link.cut()
        await closing
        far.begin()

    assert played(100, 0, scene).heard == []


def test_a_cut_loses_what_is_only_half_on_a_slow_line_and_does_not_wait_for_it() -> None:
    async def scene(link: MemoryLink, far: FarEnd, stream: Transport) -> None:
        await far.end.send(bytes(1000))  # ten seconds of the line
        receiving = asyncio.create_task(stream.receive())
        sending = asyncio.create_task(stream.send(bytes(1000)))
        await asyncio.sleep(1)
        link.cut()
        with pytest.raises(LinkError):
            await receiving
        assert round(asyncio.get_running_loop().time() - far.begun, 3) == 1
        await sending
        with pytest.raises(LinkError):  # and it stays so
            await stream.receive()

    assert played(0, 100, scene).heard == []
