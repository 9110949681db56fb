"""Behind a balancer: whose X-Forwarded-For is believed, whose is not, and strangers counted by the address it names."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from flight_client.errors import CallerError
from flight_client.gateway.proxies import MOST_PROXIES, Proxies
from flight_client.gateway.settings import GatewaySettings, load_settings
from flight_client.gateway.strangers import Strangers
from tests.gateway.test_strangers import Wire
from tests.support.bench import Bench
from tests.support.raw import RawPoller, hello_frame

PER_ADDRESS = 3
LIST = Proxies(("10.0.0.0/8", "127.0.0.1", "fd00::/8"))


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([], "10.0.0.1"),
        (["203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),  # the left one is what the client said of itself
        (["203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        (["203.0.113.7", "10.9.9.9"], "203.0.113.7"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8::1]:80, fd00::2"], "2001:db8::1"),
        (["2001:db8:0::1"], "2001:db8::1"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["unknown"], "10.0.0.1"),
        (["203.0.113.7, nonsense, 10.9.9.9"], "10.9.9.9"),
        ([""], "10.0.0.1"),
        (["10.1.1.1,10.2.2.2"], "10.1.1.1"),
        ([",".join(["203.0.113.7"] + ["10.1.1.1"] * 99)], "10.1.1.1"),
    ],
)
def test_the_first_address_that_is_no_balancer_s_is_the_client(headers: list[str], client: str) -> None:
    assert LIST.client_of("10.0.0.1", headers) == client


@pytest.mark.parametrize("seed", range(3))
def test_no_header_leads_to_anything_but_an_address(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(500):
        text = "".join(chance.choice("0123456789.:,[] af\t%x") for _ in range(chance.randrange(60)))
        found = LIST.client_of("10.0.0.1", [text])
        assert Proxies((found,)).trusts(found), (seed, text)


def test_only_the_list_is_trusted_and_without_one_nobody() -> None:
    for address, trusted in (
        ("10.255.0.1", True), ("::ffff:10.0.0.1", True), ("127.0.0.1", True), ("127.0.0.2", False), ("fd00::1", True),
        ("", False), ("unix", False),
    ):  # fmt: skip
        assert LIST.trusts(address) is trusted, address
        assert not Proxies(()).trusts(address)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("balancer.example", "addresses, or networks"),
        ("10.0.0.1/8", "addresses, or networks"),
        ("0.0.0.0/0", "anybody"),
        ("10.0.0.1,::/0", "anybody"),
        (",".join(f"10.0.0.{number}" for number in range(MOST_PROXIES + 1)), "at most"),
    ],
)
def test_a_list_that_cannot_work_or_believes_everybody_is_refused(given: str, what: str) -> None:
    with pytest.raises(CallerError, match=what):
        load_settings({}, {"FLIGHT_TRUSTED_PROXIES": given})
    assert GatewaySettings().trusted_proxies == ()
    given = "10.0.0.0/8, 127.0.0.1"
    assert load_settings({}, {"FLIGHT_TRUSTED_PROXIES": given}).trusted_proxies == ("10.0.0.0/8", "127.0.0.1")


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Bench]:
    """A gateway that takes this machine for a balancer."""
    made = Bench(
        tmp_path, trusted_proxies=("127.0.0.1",), strangers_per_address=PER_ADDRESS, audit_log=tmp_path / "audit.log"
    )
    await made.start()
    yield made
    await made.stop()


class Client:
    """A connection of a balancer, which it opened for one client."""

    def __init__(self, bench: Bench, address: str) -> None:
        self._bench = bench
        self._headers = {"X-Forwarded-For": address} if address else {}
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))

    async def ask(self, path: str = "/health/live") -> int:
        async with self._http.get(self._bench.address + path, headers=self._headers) as answer:
            await answer.read()
            return answer.status

    async def close(self) -> None:
        await self._http.close()


async def test_strangers_behind_a_balancer_are_counted_by_the_address_it_names(behind: Bench) -> None:
    clients = [Client(behind, "203.0.113.7") for _ in range(PER_ADDRESS + 2)]
    others = [Client(behind, f"203.0.113.{number}") for number in range(20, 26)]
    assert [await one.ask() for one in clients] == [200] * PER_ADDRESS + [429] * 2
    assert [await one.ask() for one in others] == [200] * 6, "the others have their own places"
    assert behind.gateway.strangers.refused == 2
    for one in (*clients, *others):
        await one.close()
    await behind.serves()


async def test_without_a_list_the_header_means_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, strangers_per_address=PER_ADDRESS)
    await bench.start()
    clients = [Client(bench, f"203.0.113.{number}") for number in range(PER_ADDRESS)]
    assert [await one.ask() for one in clients] == [200] * PER_ADDRESS
    one_more = Client(bench, "203.0.113.99")
    with pytest.raises(aiohttp.ClientError):
        await one_more.ask()
    assert bench.gateway.strangers._by_address == {"127.0.0.1": PER_ADDRESS}
    for one in (*clients, one_more):
        await one.close()
    await bench.stop()


async def test_the_audit_log_and_sessions_see_the_client_and_the_transports_work(behind: Bench) -> None:
    client = Client(behind, "203.0.113.7")
    assert await client.ask("/v1/channels") == 401
    await client.close()
    async with RawPoller(behind.address) as poller:
        status, _ = await poller.request(hello_frame("nonsense"), headers={"X-Forwarded-For": "203.0.113.8"})
        assert status == 200
    headers = {"X-Forwarded-For": "203.0.113.9"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(behind.address + "/v1/stream", protocols=("flight.v1",)) as socket,
    ):
        await socket.send_bytes(hello_frame("nonsense"))
        while not (await socket.receive()).type & 0x100:  # until it is closed
            pass
    await behind.connected("console", "polling")
    await behind.connected("board", "websocket")
    behind.gateway.security.look(behind.gateway.registry)
    text = await asyncio.to_thread((behind.folder / "audit.log").read_text)
    said = [json.loads(line) for line in text.splitlines()]
    addresses = [line["address"] for line in said if line.get("address", "").startswith("203.")]
    assert addresses == ["203.0.113.7", "203.0.113.8", "203.0.113.9"], said


async def test_a_connection_that_a_balancer_uses_for_several_clients_counts_for_the_last() -> None:
    strangers = Strangers(50, 2, is_proxy=lambda address: address == "10.0.0.1")
    wires = [Wire("10.0.0.1") for _ in range(10)]
    assert all(map(strangers.arrived, wires)), "who is not named yet counts among all only"
    for number, wire in enumerate(wires):
        assert strangers.is_of(wire, f"203.0.113.{number % 5}")
        assert strangers.is_of(wire, f"203.0.113.{number % 5}")
    assert not strangers.is_of(wires[0], "203.0.113.1")
    assert strangers.is_of(wires[0], "203.0.113.0"), "a refusal is of that request"
    for wire in wires:
        strangers.forget(wire)
    assert strangers.is_of(wires[0], "203.0.113.1"), "who is known is no stranger"
    assert not strangers._by_address
    assert len(strangers) == 0


def test_a_network_of_ipv4_may_be_written_as_one_of_ipv6() -> None:
    mapped = Proxies(("::ffff:10.0.0.0/104", "::ffff:192.0.2.7"))
    for address, trusted in (
        ("10.255.0.1", True), ("::ffff:10.1.1.1", True), ("192.0.2.7", True), ("192.0.2.8", False), ("11.0.0.1", False),
    ):  # fmt: skip
        assert mapped.trusts(address) is trusted, address
    with pytest.raises(CallerError, match="anybody"):
        GatewaySettings(trusted_proxies=("::ffff:0.0.0.0/96",))
    for wide in ("::/80", "::/16", "::fffe:0:0/95"):
        with pytest.raises(CallerError, match="all of IPv4"):
            GatewaySettings(trusted_proxies=(wide,))
