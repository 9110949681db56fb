"""Long polling: a reply that is held until there is something to say, and what must not wait for it.

Holds are longer here than the limit for hangs: whatever waited for one would fail the test.
"""

import asyncio
from pathlib import Path
from typing import Self

import pytest

from flight_client import Client, ConnectionState, Log
from flight_client.gateway import polling
from flight_client.session import spec
from flight_client.transports import Address, TransportOptions, factory
from tests.support.bench import Bench, Reader, component, numbers, subscribed
from tests.support.raw import RawPoller, Session, critical_frame, frames_of, of_kind, open_frame
from tests.support.waiting import HANG_S, eventually, within

HOLD = {"Prefer": "wait=25"}
assert HANG_S < 25


async def held(bench: Bench, poller: RawPoller, session: Session, number: int) -> "asyncio.Task[tuple[int, bytes]]":
    """A request that the gateway holds."""
    task = asyncio.create_task(poller.request(session.poll_frame(number), headers=HOLD))
    [peer] = bench.gateway.registry.peers()
    await eventually(peer.poll_lock.locked, "the request")
    return task


async def test_a_held_reply_comes_as_soon_as_there_is_something_to_say(bench: Bench) -> None:
    publisher = await bench.connected("publisher")
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        await within(publisher.close())
        publisher = await bench.connected("publisher-2")
        await poller.poll(session.poll_frame(1), open_frame(1, b"log", spec.MODE_SUBSCRIBE))
        task = asyncio.create_task(poller.request(session.poll_frame(2), headers=HOLD))
        await eventually(lambda: any(peer.poll_lock.locked() for peer in bench.gateway.registry.peers()), "the request")
        assert not task.done()
        assert publisher.channel("log").emit(Log("news"), critical=True).accepted
        status, body = await within(task)
        assert status == 200
        assert of_kind(frames_of(body), spec.TYPE_DELIVER)


async def test_a_request_that_brings_something_is_answered_at_once(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        status, body = await poller.request(session.poll_frame(1) + open_frame(1, b"log"), headers=HOLD)
        assert status == 200
        assert of_kind(frames_of(body), spec.TYPE_OPENED)
        _, body = await poller.request(session.poll_frame(2) + critical_frame(1, 1, 1), headers=HOLD)
        assert frames_of(body)[-1].ack == 2


async def test_a_second_request_ends_the_hold_and_both_are_answered_in_order(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        first = await held(bench, poller, session, 1)
        status, body = await poller.request(session.poll_frame(2) + open_frame(1, b"log"), headers=HOLD)
        assert status == 200
        assert of_kind(frames_of(body), spec.TYPE_OPENED)
        assert first.done()
        assert [frame.kind for frame in frames_of((await within(first))[1])] == [spec.TYPE_ACK]


async def test_more_requests_than_a_device_could_have_are_refused(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        [peer] = bench.gateway.registry.peers()
        await peer.poll_lock.acquire()  # as a request that takes long
        waiting = [
            asyncio.create_task(poller.request(session.poll_frame(n))) for n in range(1, 1 + polling._WAITING_REQUESTS)
        ]
        pipe = peer.pipe
        assert isinstance(pipe, polling.PollPipe)
        await eventually(lambda: pipe.waiting == polling._WAITING_REQUESTS, "the requests")
        status, _ = await poller.request(session.poll_frame(99))
        assert status == 429
        peer.poll_lock.release()
        assert {status for status, _ in await within(asyncio.gather(*waiting))} == {200}


async def test_a_newer_transport_ends_a_hold(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        first = await held(bench, poller, session, 1)
        assert (await poller.poll(session.attach_frame(1)))[0].kind == spec.TYPE_RESUMED
        [closed] = frames_of((await within(first))[1])
        assert (closed.kind, closed.code) == (spec.TYPE_CLOSE, spec.CODE_STALE_GENERATION)


async def test_a_gateway_that_stops_ends_its_holds(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        first = await held(bench, poller, session, 1)
        await within(bench.gateway.stop())
        [closed] = frames_of((await within(first))[1])
        assert (closed.kind, closed.code) == (spec.TYPE_CLOSE, spec.CODE_GOING_AWAY)


@pytest.mark.parametrize(
    ("said", "hold_ms"),
    [("wait=5", 5000), ('respond-async, wait="7"', 7000), ("WAIT=99999", 25000), ("wait=", 0), ("await=5", 0), ("", 0)],
)
def test_the_wish_to_be_held_is_read_as_the_standard_has_it(said: str, hold_ms: int) -> None:
    class Request:
        headers = {"Prefer": said}  # noqa: RUF012

    assert polling.hold_ms(Request()) == hold_ms  # type: ignore[arg-type]


# The client


def long_polling(bench: Bench, device_id: str) -> Client:
    """A client whose replies may be held for longer than a test may hang."""
    options = TransportOptions(hold_ms=25_000)
    client = bench.client(device_id, "polling", transport_factories={"polling": factory("polling", options)})
    client._session.profile.connect_timeout_ms = 60_000
    client._session.profile.update_interval_ms = 60_000
    return client


async def is_held(bench: Bench, device_id: str) -> None:
    [peer] = [peer for peer in bench.gateway.registry.peers() if peer.source.device_id == device_id]
    await eventually(peer.poll_lock.locked, "a held request")


async def test_critical_events_do_not_wait_for_a_reply_that_is_held(bench: Bench) -> None:
    _, reader = await bench.tool("component-update")
    device = long_polling(bench, "device")
    await within(device.connect())
    for number in range(5):
        await is_held(bench, "device")
        assert device.channel("component-events").emit(component(number), critical=True).accepted
        assert await within(device.flush())
    assert numbers(await reader.take(5)) == list(range(5))
    await is_held(bench, "device")
    await within(device.close())


async def test_lossy_events_wait_for_an_interval_at_most(bench: Bench) -> None:
    device = long_polling(bench, "device")
    device._session.profile.update_interval_ms = 100
    await within(device.connect())
    log = device.channel("log")
    await is_held(bench, "device")
    for number in range(1, 4):
        assert log.emit(Log("x")).accepted
        await eventually(lambda number=number: bench.gateway.hub.counters().stored == number, "the event")  # type: ignore[misc]


async def test_events_reach_a_long_polling_client_without_waiting_for_its_interval(bench: Bench) -> None:
    tool = await bench.connected("tool")
    device = long_polling(bench, "device")
    await within(device.connect())
    reader = Reader(device.events("component-update"))
    await subscribed(device)
    for number in range(5):
        await is_held(bench, "device")
        assert tool.channel("component-events").emit(component(number), critical=True).accepted
        [event] = await reader.take(1)
        assert numbers([event]) == [number]


async def test_a_held_reply_does_not_keep_a_client_from_closing(bench: Bench) -> None:
    device = long_polling(bench, "device")
    await within(device.connect())
    await is_held(bench, "device")
    await within(device.close())
    assert device.state is ConnectionState.CLOSED
    await eventually(lambda: len(bench.gateway.registry) == 0, "the end of the session")


async def test_hosts_hold_and_consoles_do_not(bench: Bench) -> None:
    def hold_ms(**options: object) -> int:
        client = Client(bench.address, token="t", transports=["polling"], **options)  # type: ignore[arg-type]
        return client._driver._factories[spec.TRANSPORT_POLLING](Address.parse(bench.address)).hold_ms

    assert hold_ms() == 5000
    assert hold_ms(long_poll=False) == 0
    assert hold_ms(platform="psp") == 0
    assert hold_ms(platform="psp", long_poll=True) == 5000


# Proxies


class HttpProxy:
    """A forward proxy: whole URLs in the request line, one connection to the gateway for each."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, url, _ = head.split(b" ", 2)
                self.requests.append(f"{method.decode()} {url.decode()}")
                if b"upgrade" in head.lower():
                    writer.write(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n")
                    continue
                address = Address.parse(url.decode().removesuffix("/v1/poll"))
                [length] = [
                    int(part.split()[1]) for part in head.split(b"\r\n") if part.lower().startswith(b"content-l")
                ]
                body = await reader.readexactly(length)
                back, forth = await asyncio.open_connection(address.host, address.port)
                lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection", b"proxy"))]
                lines[0] = method + b" /v1/poll HTTP/1.1"
                forth.write(b"\r\n".join([lines[0], b"Connection: close", *lines[1:]]) + body)
                writer.write((await back.read()).replace(b"Connection: close\r\n", b""))
                await writer.drain()
                forth.close()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


async def test_polling_works_through_a_proxy_that_knows_no_websockets(bench: Bench) -> None:
    async with HttpProxy() as proxy:
        _, reader = await bench.tool("component-update")
        device = bench.client("device", proxy=proxy.url)
        device._session.profile.max_retries = 1
        device._session.profile.backoff_floor_ms = device._session.profile.backoff_cap_ms = 20
        device._session.profile.connect_retry_interval_ms = 20
        await within(device.connect())
        assert device.transport == "polling"
        assert device.channel("component-events").emit(component(1), critical=True).accepted
        assert await within(device.flush())
        assert numbers(await reader.take(1)) == [1]
        assert proxy.requests[0] == f"GET {bench.address.replace('http', 'ws')}/v1/stream"
        assert f"POST {bench.address}/v1/poll" in proxy.requests
        await within(device.close())


@pytest.mark.parametrize("asked", [False, True])
async def test_the_environments_proxy_counts_only_when_somebody_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    async with HttpProxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        device = bench.client("device", "polling", proxy="environment" if asked else "")
        await within(device.connect())
        assert bool(proxy.requests) is asked
        await within(device.close())


@pytest.mark.parametrize("proxy", ["socks5://x:1", "proxy.example:3128", "http://", "http://user:hunter2@/"])
def test_a_proxy_that_is_none_is_refused_and_no_password_echoed(proxy: str) -> None:
    from flight_client import CallerError

    with pytest.raises(CallerError, match="not the address of an HTTP proxy") as caught:
        Client("here", token="t", proxy=proxy)
    assert "hunter2" not in str(caught.value)
