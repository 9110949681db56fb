"""TLS on every port of a real gateway, with certificates that the test makes."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flight_client import CallerError, Client, LinkError, Log
from flight_client.gateway.settings import GatewaySettings
from flight_client.gateway.tls import TlsFiles
from flight_client.session import spec
from flight_client.transports import Address
from flight_client.transports.catalog import factory
from flight_client.transports.options import TransportOptions
from flight_client.transports.tls import client_context
from tests.support.bench import Bench, Reader, subscribed
from tests.support.certificates import Authority
from tests.support.json_peer import JsonStream, log_event, publish
from tests.support.raw import hello_frame
from tests.support.waiting import eventually, within


class SecureBench(Bench):
    """A gateway that speaks TLS and nothing else."""

    authority: Authority

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.settings.port}"

    @property
    def tcp_address(self) -> str:
        return f"tls://127.0.0.1:{self.gateway.tcp_port}"

    def client(self, device_id: str, *transports: str, **other: Any) -> Client:
        other.setdefault("ca_file", self.authority.ca_file)
        return super().client(device_id, *transports, **other)

    async def get(self, path: str, context: ssl.SSLContext | None = None) -> tuple[int, str]:
        trusted = context or client_context(str(self.authority.ca_file))
        async with aiohttp.ClientSession() as http, http.get(self.address + path, ssl=trusted) as answer:
            return answer.status, await answer.text()

    async def serial_number(self, port: int) -> str:
        """Of the certificate that a new connection is shown."""
        trusted = client_context(str(self.authority.ca_file))
        _, writer = await within(asyncio.open_connection("127.0.0.1", port, ssl=trusted))
        shown = writer.get_extra_info("ssl_object").getpeercert()
        writer.transport.abort()
        return str(shown["serialNumber"])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def secure(tmp_path: Path, authority: Authority) -> AsyncIterator[SecureBench]:
    cert, key = authority.sign()
    made = SecureBench(tmp_path, tls_cert=cert, tls_key=key)
    made.authority = authority
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("transport", ["tcp", "websocket", "polling"])
async def test_events_go_both_ways_in_tls_on_every_transport(secure: SecureBench, transport: str) -> None:
    address = secure.tcp_address if transport == "tcp" else secure.address
    tool = await secure.connected("tool", transport, address=address)
    reader = Reader(tool.events("log", channels=["bench"]))
    await subscribed(tool)
    device = await secure.connected("device", transport, address=address)
    assert device.transport == transport
    for number in range(20):
        assert device.channel("bench").emit(Log(f"{number} " + "x" * 400), critical=True).accepted
    events = await reader.take(20)
    assert [event.data.text.split()[0] for event in events if isinstance(event.data, Log)] == [
        str(number) for number in range(20)
    ]


async def test_health_is_served_in_tls_and_says_until_when_the_certificate_is_good(secure: SecureBench) -> None:
    status, text = await secure.get("/health")
    assert status == 200
    assert secure.gateway.tls is not None
    assert json.loads(text)["tls"] == {
        "expires": secure.gateway.tls.expires.isoformat(), "reloads": 0, "trouble": ""
    }  # fmt: skip
    assert secure.gateway.addresses() == [secure.address]


async def test_who_speaks_without_tls_gets_nothing(secure: SecureBench) -> None:
    for port in (secure.gateway.port, secure.gateway.tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n" if port == secure.gateway.port else hello_frame("t"))
        said = await within(reader.read())
        assert b"HTTP" not in said
        assert len(said) < 16  # an alert of TLS at most
        writer.transport.abort()
    await eventually(lambda: not len(secure.gateway.strangers), "nobody waits any more")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_two_versions_that_are_still_sound_are_spoken(secure: SecureBench, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(secure.authority.ca_file))
    context.minimum_version = context.maximum_version = version
    assert (await secure.get("/health", context))[0] == 200


async def test_what_comes_right_behind_the_handshake_is_not_lost(secure: SecureBench) -> None:
    """A client that has greeted before our side of the handshake went on, on both ports."""
    context = client_context(str(secure.authority.ca_file))
    http = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    for port, request in ((secure.gateway.port, http), (secure.gateway.tcp_port, hello_frame(secure.token()))):
        said = await asyncio.to_thread(_one_flight, context, port, request)
        assert said.startswith(b"HTTP/1.1 200") if request is http else said[1] == spec.TYPE_WELCOME


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not for Windows")
def test_the_same_holds_on_the_loop_that_the_command_runs_on(tmp_path: Path, authority: Authority) -> None:
    import uvloop

    context = client_context(str(authority.ca_file))
    cert, key = authority.sign()

    async def serve() -> list[bytes]:
        bench = SecureBench(tmp_path, tls_cert=cert, tls_key=key)
        await bench.start()
        hello = hello_frame(bench.token())
        said = [await asyncio.to_thread(_one_flight, context, bench.gateway.tcp_port, hello) for _ in range(10)]
        _, half = await asyncio.open_connection("127.0.0.1", bench.gateway.port)  # still in its handshake at the stop
        await eventually(lambda: len(bench.gateway.strangers) == 1, "it is counted")
        await bench.stop()
        half.transport.abort()
        return said

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert [answer[1] for answer in runner.run(serve())] == [spec.TYPE_WELCOME] * 10


def _one_flight(context: ssl.SSLContext, port: int, request: bytes) -> bytes:
    """The end of the handshake and the request in one write; what is answered first."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = context.wrap_bio(into, out, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        while True:
            try:
                talk.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(out.read())
                into.write(plain.recv(65536))
        talk.write(request)
        plain.sendall(out.read())
        while True:
            try:
                return talk.read(65536)
            except ssl.SSLWantReadError:
                into.write(plain.recv(65536))


async def test_a_certificate_of_another_authority_or_name_or_time_is_refused_by_name(
    tmp_path: Path, authority: Authority
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    stranger = Authority(other)
    cases: list[tuple[Callable[[], tuple[Path, Path]], str]] = [
        (stranger.sign, "unable to get local issuer certificate"),
        (lambda: authority.sign("192.0.2.1"), "IP address mismatch"),
        (lambda: authority.sign(days=-1), "certificate has expired"),
    ]
    for sign, reason in cases:
        cert, key = sign()
        bench = SecureBench(tmp_path, tls_cert=cert, tls_key=key)
        bench.authority = authority
        await bench.start()
        for name in ("websocket", "polling", "tcp"):
            address = bench.tcp_address if name == "tcp" else bench.address
            with pytest.raises(LinkError, match="is not trusted") as found:
                await greet(name, address, authority.ca_file)
            assert reason in str(found.value.value)
            assert "ca_file" in found.value.next_step
        assert bench.gateway.registry.counters.hellos == 0  # the token never went to a gateway that is not ours
        await bench.stop()


async def greet(name: str, address: str, ca_file: Path) -> None:
    """Open a transport and say something on it."""
    transport = factory(name, TransportOptions(ca_file=str(ca_file)))(Address.parse(address))
    try:
        await within(transport.open())
        await within(transport.send(hello_frame("a token")))
        if not transport.turn_based:
            await within(transport.receive())
    finally:
        await within(transport.close())


async def test_a_client_with_tls_at_a_gateway_without_says_what_is_wrong(tmp_path: Path, authority: Authority) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    secure_address = bench.address.replace("http:", "https:")
    for name in ("websocket", "polling"):
        with pytest.raises(LinkError, match="does not speak TLS with us") as found:
            await greet(name, secure_address, authority.ca_file)
        assert "--tls-cert" in found.value.next_step
    with pytest.raises(LinkError):
        await greet("tcp", f"tls://127.0.0.1:{bench.gateway.tcp_port}", authority.ca_file)
    await bench.stop()


async def test_a_new_certificate_is_taken_for_new_connections_and_the_old_ones_go_on(secure: SecureBench) -> None:
    tool, reader = await secure.tool("log", channels=["bench"], transports=("websocket",))
    first = await secure.serial_number(secure.gateway.port)
    secure.authority.sign()
    secure.gateway.reload_certificate()
    second = await secure.serial_number(secure.gateway.port)
    assert first != second
    assert await secure.serial_number(secure.gateway.tcp_port) == second
    device = await secure.connected("device")
    assert device.channel("bench").emit(Log("on")).accepted
    assert (await reader.take(1))[0].data == Log("on")
    assert tool.transport == "websocket"


def test_files_that_changed_are_read_again_and_bad_ones_leave_the_old_in_service(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = authority.sign(days=5)
    tls = TlsFiles(cert, key)
    first, expires = tls.context, tls.expires
    tls.reload_if_changed()
    assert (tls.context, tls.reloads) == (first, 0)
    kept = key.read_bytes()
    authority.sign(days=8)
    key.write_bytes(kept)  # half a renewal: the key is still the old one
    with caplog.at_level(logging.ERROR):
        tls.reload_if_changed()
    assert (tls.context, tls.expires, tls.reloads) == (first, expires, 0)
    assert "key values mismatch" in tls.trouble
    assert "the certificate is not changed" in caplog.text
    key.unlink()
    assert not tls.reload()
    assert "cannot be read" in tls.trouble
    authority.sign(days=8)
    tls.reload_if_changed()
    assert tls.context is not first
    assert tls.expires > expires
    assert (tls.trouble, tls.reloads) == ("", 1)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        ("no-cert", "the certificate cannot be read"),
        ("no-key", "the key cannot be read"),
        ("open-key", "everybody may read the key"),
        ("passphrase", "certificate and key cannot be used"),
        ("other-key", "key values mismatch"),
        ("no-pem", "certificate and key cannot be used"),
    ],
)
def test_files_that_cannot_be_used_end_the_start_with_the_file_and_what_to_do(
    tmp_path: Path, authority: Authority, spoil: str, what: str
) -> None:
    cert, key = authority.sign(passphrase=b"secret" if spoil == "passphrase" else b"")
    if spoil == "no-cert":
        cert.unlink()
    elif spoil == "no-key":
        key.unlink()
    elif spoil == "open-key":
        key.chmod(0o644)
    elif spoil == "other-key":
        kept = cert.read_bytes()
        authority.sign()
        cert.write_bytes(kept)
    elif spoil == "no-pem":
        cert.write_bytes(b"\x00\xff" * 50)
    with pytest.raises(CallerError, match=what) as found:
        TlsFiles(cert, key)
    assert str(tmp_path) in str(found.value.value)
    assert found.value.next_step


def test_one_of_the_two_files_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="tls_key"):
        GatewaySettings(tls_cert=tmp_path / "x")
    with pytest.raises(CallerError, match="tls_cert"):
        GatewaySettings(tls_key=tmp_path / "x")


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_refused_when_the_client_is_made(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CallerError, match="the file of trusted certificates cannot be used") as found:
        Client("https://127.0.0.1:1", token="t", ca_file=path)
    assert found.value.value == str(path)


async def test_connections_that_never_finish_their_handshake_are_strangers_and_are_cut(
    tmp_path: Path, authority: Authority
) -> None:
    cert, key = authority.sign()
    bench = SecureBench(tmp_path, tls_cert=cert, tls_key=key, strangers=4, strangers_per_address=4)
    bench.authority = authority
    await bench.start()
    strangers = bench.gateway.strangers
    strangers.patience_s = 0.2
    half = b"\x16\x03\x01\x02\x00"  # the head of a ClientHello, and nothing behind it
    open_now = []
    for number in range(6):
        port = bench.gateway.port if number % 2 else bench.gateway.tcp_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(half)
        open_now.append((reader, writer))
    await eventually(lambda: strangers.refused == 2, "two are refused unread")
    await eventually(lambda: strangers.cut == 4, "the others are cut when their time is over")
    for reader, writer in open_now:
        with contextlib.suppress(ConnectionResetError):
            assert await within(reader.read()) == b""
        writer.transport.abort()
    strangers.patience_s = 20
    assert len(strangers) == 0
    await bench.serves()
    await bench.stop()


async def test_a_stop_ends_handshakes_that_are_under_way(tmp_path: Path, authority: Authority) -> None:
    cert, key = authority.sign()
    bench = SecureBench(tmp_path, tls_cert=cert, tls_key=key)
    bench.authority = authority
    await bench.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.gateway.port)
    await eventually(lambda: len(bench.gateway.strangers) == 1, "it is counted")
    await bench.stop()  # complains of tasks that are left
    with contextlib.suppress(ConnectionResetError):
        assert await within(reader.read()) == b""
    writer.transport.abort()


async def test_json_and_rest_are_served_in_tls_too(secure: SecureBench) -> None:
    context = client_context(str(secure.authority.ca_file))
    async with JsonStream(secure.address, ssl=context) as browser:
        await browser.hello(secure.token())
        assert (await browser.ask(publish("1", "log", log_event("over wss"))))["type"] == "ack"
    headers = {"Authorization": f"Bearer {secure.token()}", "Origin": secure.address}  # its own page, by https
    url = secure.address + "/v1/channels/log/events"
    async with aiohttp.ClientSession(headers=headers) as http, http.get(url, ssl=context) as answer:
        body = await answer.json()
    assert body["entries"][0]["events"][0]["data"]["text"] == "over wss"
    assert "\nflight_certificate_trouble 0\n" in (await secure.get("/metrics"))[1]
