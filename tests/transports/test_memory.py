"""The transport inside one process, with a real gateway behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from flight_client import Client, ConnectionState, LinkError, Log, RealtimeEvent
from flight_client.gateway.app import Gateway
from flight_client.gateway.auth import make_token
from flight_client.gateway.inside import MemoryListener
from flight_client.gateway.settings import GatewaySettings
from flight_client.transports import MemoryEnd, MemoryTransport

HANG_S = 10


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    made = Gateway(GatewaySettings(port=0, state_dir=tmp_path, engine="memory:"))
    await made.start()
    yield made
    await made.stop()


def client(gateway: Gateway, listener: MemoryListener, device_id: str) -> Client:
    return Client(
        gateway.addresses()[0],
        token=make_token(gateway.key, "*", ["publish", "subscribe"], 600),
        device_id=device_id,
        transports=["memory"],
        transport_factories={"memory": MemoryTransport.factory(listener.connect)},
    )


def text_of(event: RealtimeEvent) -> str:
    assert isinstance(event.data, Log)
    return event.data.text


async def test_events_travel_through_memory_and_survive_cut_links(gateway: Gateway) -> None:
    listener = gateway.listen_in_memory()
    async with (
        asyncio.timeout(HANG_S),
        client(gateway, listener, "tool") as tool,
        client(gateway, listener, "device") as device,
    ):
        stream = tool.events("log", history=100)
        log = device.channel("log")
        sent = [str(number) for number in range(60)]
        for number in sent:
            assert log.emit(Log(number), critical=True).accepted
            if int(number) % 20 == 10:
                listener.cut_all()
            await asyncio.sleep(0)
        assert await device.flush(HANG_S)
        seen = [text_of(await anext(stream)) for _ in sent]
        assert seen == sent
        assert device.counters().law_holds
        assert device.counters().reconnects >= 1


async def test_a_closed_listener_is_a_link_error_and_the_client_comes_back_when_it_opens(gateway: Gateway) -> None:
    listener = gateway.listen_in_memory()
    listener.open = False
    device = client(gateway, listener, "device")
    with pytest.raises(LinkError, match="memory listener is closed"):
        await device.connect(0.05)
    listener.open = True
    async with asyncio.timeout(HANG_S):
        await device.connect()
    assert device.state is ConnectionState.CONNECTED
    await device.close()


async def test_a_sender_waits_while_the_reader_does_not_read_and_goes_on_when_it_does() -> None:
    one, other = MemoryEnd.pair()
    sent = 0

    async def send() -> None:
        nonlocal sent
        for number in range(200):
            await one.send(bytes([number]))
            sent += 1

    task = asyncio.create_task(send())
    for _ in range(300):
        await asyncio.sleep(0)
    held_back = sent
    got = [await other.receive() for _ in range(200)]
    await task
    assert held_back < 200
    assert got == [bytes([number]) for number in range(200)]


async def test_both_ends_of_a_cut_link_fail_whatever_they_wait_for() -> None:
    one, other = MemoryEnd.pair()
    waiting = asyncio.create_task(one.receive())
    await asyncio.sleep(0)
    other.cut()
    with pytest.raises(ConnectionResetError):
        await waiting
    with pytest.raises(ConnectionResetError):
        await one.send(b"x")
