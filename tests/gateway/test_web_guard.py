"""Pages that may not use a reader's browser against a gateway: by their origin, and by the name they gave the gateway's address."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flight_client.errors import CallerError
from flight_client.gateway.settings import GatewaySettings
from tests.support.bench import Bench
from tests.support.waiting import within

OWN = socket.gethostname().lower()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, allowed_origins=("https://tools.example",), allowed_hosts=("flight.example",))
    await made.start()
    yield made
    await made.stop()


async def status(bench: Bench, headers: dict[str, str], path: str = "/health", method: str = "GET") -> int:
    async with aiohttp.ClientSession() as session:

        async def ask() -> int:
            async with session.request(method, bench.address + path, headers=headers, data=b"") as answer:
                return answer.status

        return await within(ask())


LET_IN = [
    "127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:9", "[::1]:8080", "192.168.1.10:8080", "10.0.0.1", "[fe80::1]",
    OWN, f"{OWN}.local:8080", "flight.example", "Flight.Example:443", "flight.example.", "tools.example",
]  # fmt: skip
REBOUND = [
    "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1.nip.io:8080",
    "flight.example.evil", "notflight.example", "flight.example@evil", "127.1", "0x7f000001", "2130706433", "::1",
    "localhost:x", "localhost:80:80", "a b", "flight.example,evil.example", "", "[::1", "evil.example#flight.example",
]  # fmt: skip


@pytest.mark.parametrize("host", LET_IN)
async def test_a_gateway_is_asked_by_its_address_or_a_name_of_its_own(bench: Bench, host: str) -> None:
    assert await status(bench, {"Host": host}) == 200


@pytest.mark.parametrize("path", ["/health", "/v1/stream", "/v1/poll", "/nothing"])
async def test_a_name_that_was_given_the_gateways_address_leads_nowhere(
    bench: Bench, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for host in REBOUND:
        method = "POST" if path == "/v1/poll" else "GET"
        # Rebound, a page is of the gateway's own origin by everything but its name.
        for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
            assert await status(bench, headers, path, method) in (400, 421), host
    assert 1 <= caplog.text.count("--allow-host") <= 16
    assert all(record.getMessage().isprintable() for record in caplog.records)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://tools.example", True),
        ("http://tools.example", False),
        ("https://tools.example.evil", False),
        ("https://tools.example:8443", False),
        ("https://eviltools.example", False),
        ("null", False),
        ("", False),
        ("*", False),
        ("http://localhost", False),
        ("https://tools.example https://evil.example", False),
    ],
)
async def test_only_allowed_pages_and_the_own_ones_get_an_answer(bench: Bench, origin: str, *, allowed: bool) -> None:
    for path in ("/health", "/v1/stream"):
        answered = await status(bench, {"Origin": origin}, path)
        assert (answered == 403) is not allowed


async def test_the_own_page_is_let_in_by_every_name_of_the_gateway(bench: Bench) -> None:
    for host in LET_IN:
        assert await status(bench, {"Host": host, "Origin": f"http://{host}"}) == 200
    for other in (
        "http://localhost:2",
        "https://localhost:1",
        "http://localhost:1.evil.example",
        "http://localhost:11",
    ):
        assert await status(bench, {"Host": "localhost:1", "Origin": other}) == 403


async def raw(bench: Bench, *lines: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.port)
    writer.write("".join(f"{line}\r\n" for line in (*lines, "Connection: close", "")).encode())
    answer = await within(reader.read())
    writer.close()
    return answer.partition(b"\r\n")[0]


async def test_no_host_and_two_hosts_are_refused(bench: Bench) -> None:
    start = "GET /health HTTP/1.1"
    assert b" 200" in await raw(bench, start, "Host: localhost")
    for lines in (
        (start,),
        (start, "Host: localhost", "Host: evil.example"),
        (start, "Host: localhost", "Host: localhost"),
    ):
        assert b" 200" not in await raw(bench, *lines)
    twice = (start, "Host: localhost", "Origin: http://localhost", "Origin: http://evil.example")
    assert b" 200" not in await raw(bench, *twice)


async def test_any_host_where_that_was_asked_for_and_never_in_production(tmp_path: Path) -> None:
    made = Bench(tmp_path, allowed_hosts=("*",))
    await made.start()
    assert await status(made, {"Host": "whatever.example"}) == 200
    await made.stop()
    production: dict[str, Any] = {"mode": "production", "engine": "sqlite:x", "key_file": Path("k")}
    with pytest.raises(CallerError, match="allowed_hosts"):
        GatewaySettings(**production, allowed_hosts=("*",))
    for bad in ("http://flight.example", "flight.example:80", "", "a b", "-x", "x/"):
        with pytest.raises(CallerError, match="allowed_hosts"):
            GatewaySettings(allowed_hosts=(bad,))
