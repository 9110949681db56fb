"""Connections of strangers: bounded in number, by address and in time, whatever they send; nobody else is disturbed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client.gateway.strangers import Strangers
from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.raw import POLL_PATH, RawPoller, RawStream, hello_frame
from tests.support.waiting import eventually, within

LIMIT, PER_ADDRESS = 12, 6


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, strangers=LIMIT, strangers_per_address=PER_ADDRESS)
    await made.start()
    yield made
    await made.stop()


async def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.bind((source, 0))
    await within(asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port)))
    return made


async def ended(made: socket.socket) -> bool:
    """Whether the gateway has closed this connection; waits for it. What it said before is read."""
    try:
        while await within(asyncio.get_running_loop().sock_recv(made, 4096)):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("port", ["http", "tcp"])
async def test_one_too_many_of_an_address_is_closed_and_other_addresses_are_let_in(bench: Bench, port: str) -> None:
    number = bench.gateway.port if port == "http" else bench.gateway.tcp_port
    strangers = bench.gateway.strangers
    held = [await connect(number, "127.0.0.2") for _ in range(PER_ADDRESS)]
    await eventually(lambda: len(strangers) == PER_ADDRESS, "all strangers")
    for _ in range(3):
        one = await connect(number, "127.0.0.2")
        assert await ended(one)
        one.close()
    assert strangers.refused == 3
    await bench.serves()
    for made in held:
        made.close()
    await eventually(lambda: all(transport.is_closing() for transport in strangers._waiting), "their end")
    again = await connect(number, "127.0.0.2")  # the places of those that went are free
    await eventually(lambda: len(strangers) == 1, "the next stranger")
    assert strangers.refused == 3
    again.close()


async def test_one_too_many_of_all_is_closed(bench: Bench) -> None:
    ports = (bench.gateway.port, bench.gateway.tcp_port)
    known = await bench.connected("device-1")
    held = [await connect(ports[number % 2], f"127.0.0.{2 + number % 4}") for number in range(LIMIT)]
    await eventually(lambda: len(bench.gateway.strangers) == LIMIT, "all strangers")
    one = await connect(ports[0], "127.0.0.9")
    assert await ended(one)
    assert known.state.value == "connected"
    for made in (*held, one):
        made.close()
    await eventually(lambda: all(t.is_closing() for t in bench.gateway.strangers._waiting), "their end")
    await bench.serves()


async def test_a_peer_that_is_known_is_no_stranger_on_any_transport(bench: Bench) -> None:
    for number, transport in enumerate(("websocket", "tcp", "polling") * 4):
        await bench.connected(f"device-{number}", transport)
    await eventually(lambda: not [t for t in bench.gateway.strangers._waiting if not t.is_closing()], "no strangers")
    assert bench.gateway.strangers.refused == 0


async def test_headers_that_never_end_are_cut_and_so_is_whoever_says_nothing(bench: Bench) -> None:
    bench.gateway.strangers.patience_s = 0.2
    known = await bench.connected("device-1", "polling")
    slow, mute, byte, plain = [await connect(bench.gateway.port, "127.0.0.2") for _ in range(4)]
    tcp = await connect(bench.gateway.tcp_port, "127.0.0.2")
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(slow, f"POST {POLL_PATH} HTTP/1.1\r\nHost: localhost\r\n".encode())
    await loop.sock_sendall(plain, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")

    async def drip() -> None:
        for number in range(10_000):
            await loop.sock_sendall(slow, f"X-{number}: y\r\n".encode())
            await asyncio.sleep(0.01)

    dripping = asyncio.create_task(drip())
    await loop.sock_sendall(byte, b"P")
    for made in (slow, mute, byte, plain, tcp):
        assert await ended(made)
        made.close()
    await asyncio.gather(dripping, return_exceptions=True)
    assert bench.gateway.strangers.cut == 5
    assert known.state.value == "connected"
    bench.gateway.strangers.patience_s = 12.0
    await bench.serves()


async def test_a_refused_token_leaves_a_stranger_and_a_good_one_does_not(bench: Bench) -> None:
    bench.gateway.strangers.patience_s = 0.3
    async with RawPoller(bench.address) as poller, RawStream(bench.address) as raw:
        [answer] = await poller.poll(hello_frame("nonsense"))
        assert answer.kind == spec.TYPE_CLOSE
        await raw.hello(bench.token())
        await eventually(lambda: bench.gateway.strangers.cut == 1, "the end of the stranger")
        await raw.open(1, b"log")  # the other goes on


class Wire(asyncio.Transport):
    """A connection of an address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.gone = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self.address, 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return self.gone

    def abort(self) -> None:
        self.gone = True


async def test_what_it_keeps_is_bounded_whatever_comes_and_goes() -> None:
    strangers = Strangers(50, 10)
    let_in = 0
    for number in range(5000):
        wire = Wire(f"10.0.0.{number % 7}")
        if strangers.arrived(wire):
            let_in += 1
            wire.gone = number % 3 == 0
            if number % 5 == 0:
                strangers.forget(wire)
                strangers.forget(wire)
        assert len(strangers) <= 50
        assert sum(strangers._by_address.values()) == len(strangers)
        assert max(strangers._by_address.values(), default=0) <= 10
    assert let_in + strangers.refused == 5000
    assert let_in > 50
    strangers.close()
    assert not strangers._by_address
