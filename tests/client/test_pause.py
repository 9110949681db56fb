"""A client that gives its connection up for a while."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flight_client import CallerError, ConnectionState
from tests.support.bench import Bench, component, numbers
from tests.support.waiting import eventually, within


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_what_is_emitted_during_a_pause_arrives_after_it(bench: Bench, transport: str) -> None:
    _, reader = await bench.tool("component-update")
    device = await bench.connected("vita-1", transport, platform="host", long_poll=False)
    changes: list[tuple[ConnectionState, str]] = []
    device.on_state(lambda change: changes.append((change.new, change.reason)))
    channel = device.channel("component-events")
    assert channel.emit(component(1)).accepted
    assert numbers(await reader.take(1)) == [1]
    device.pause()
    await eventually(lambda: device.state is ConnectionState.DISCONNECTED, "the end of the connection")
    assert channel.emit(component(2)).accepted
    assert not await device.flush(0.05)
    assert device.queued == 1
    device.resume()
    assert numbers(await reader.take(1)) == [2]
    assert await within(device.flush())
    assert device.counters().acked == 2
    assert (ConnectionState.DISCONNECTED, "paused") in changes
    assert changes[-1] == (ConnectionState.CONNECTED, "")


async def test_a_paused_client_can_be_closed(bench: Bench) -> None:
    device = await bench.connected("vita-1")
    device.pause()
    await eventually(lambda: device.state is ConnectionState.DISCONNECTED, "the end of the connection")
    await within(device.close())
    assert device.state is ConnectionState.CLOSED


async def test_a_client_paused_before_connect_waits_for_resume(bench: Bench) -> None:
    device = bench.client("vita-1")
    device.pause()
    connecting = asyncio.create_task(device.connect())
    await asyncio.sleep(0)
    assert not connecting.done()
    device.resume()
    await within(connecting)
    assert device.state is ConnectionState.CONNECTED


async def test_pausing_from_another_thread_is_refused(bench: Bench) -> None:
    device = await bench.connected("vita-1")
    errors: list[Exception] = []

    def elsewhere() -> None:
        for call in (device.pause, device.resume):
            try:
                call()
            except CallerError as error:
                errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(errors) == 2
    assert device.state is ConnectionState.CONNECTED
