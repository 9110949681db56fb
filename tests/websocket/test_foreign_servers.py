"""Our client's WebSocket against servers that are not ours, and against bytes that no server should send."""

import asyncio
import base64
import hashlib

import pytest

from flight_client.errors import FlightError, LinkError, PeerError
from flight_client.transports import Address
from flight_client.transports.options import TransportOptions
from flight_client.transports.websocket import WebSocketTransport
from tests.codecs.websocket_cases import CASES, CLOSE, GUID, Case, close
from tests.support.figures import Figure
from tests.support.ports import free_port
from tests.support.waiting import within
from tests.websocket.gateway_cases import LIMIT_BYTES
from tests.websocket.peers import Peer

BODY = bytes(range(256))


def transport_to(port: int) -> WebSocketTransport:
    return WebSocketTransport(Address("127.0.0.1", port, False), TransportOptions())


async def opened(peer: Peer) -> WebSocketTransport:
    transport = transport_to(await within(peer.listen("flight.v1")))
    await within(transport.open())
    agreed = await within(peer.accepted())
    assert (agreed.protocol, agreed.extensions, agreed.offered) == ("flight.v1", "", "")
    return transport


async def test_messages_pings_and_pieces_go_both_ways(peer: Peer, figure: Figure) -> None:
    transport = await opened(peer)
    cases = 0
    for size in (0, 1, 125, 126, 127, 65_535, 65_536, LIMIT_BYTES):
        data = (BODY * (size // 256 + 1))[:size]
        await within(transport.send(data))
        assert await within(peer.receive()) == data
        for pieces in (1, 2, 50):
            step = max(1, -(-size // pieces))
            await peer.send(*([data[at : at + step] for at in range(0, size, step)] or [b""]))
            assert await within(transport.receive()) == data
            cases += 1
    reading = asyncio.create_task(transport.receive())
    for data in (b"", b"hello", BODY[:125], *(b"%d" % number for number in range(30))):
        assert await within(peer.ping(data)) == data
    await peer.send(b"the end")
    assert await within(reading) == b"the end"
    await within(transport.close())
    figure(f"{peer.name} as a server of the client: {cases} messages whole and in pieces, 33 pings")


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1013, 3000, 4999])
async def test_the_server_s_code_is_in_the_error(peer: Peer, code: int) -> None:
    transport = await opened(peer)
    reading = asyncio.create_task(transport.receive())
    await within(peer.close(code, "because"))
    with pytest.raises(LinkError, match=f"close code {code}"):
        await within(reading)
    await within(transport.close())


async def test_text_and_what_is_too_long_end_the_connection(peer: Peer) -> None:
    transport = await opened(peer)
    await peer.send(b"hello", binary=False)
    with pytest.raises(PeerError, match="text where frames belong"):
        await within(transport.receive())
    await peer.send(bytes(65_536), bytes(65_537))
    with pytest.raises(LinkError, match="close code 1009"):
        await within(transport.receive())
    await within(transport.close())


async def test_a_server_without_our_subprotocol_is_none(peer: Peer) -> None:
    transport = transport_to(await within(peer.listen("")))
    with pytest.raises(FlightError):
        await within(transport.open())
    await within(transport.close())


# Bytes of a server, the list that the console's codec is tried with

# The library below takes what the RFC would have refused, and it harms nobody here. Some of it lacks a rest, by that reading.
LENIENT = (
    "11 ",
    "10 a longer length than needed",
    "10 a longer length of nothing",
    "10 the longest length for",
    "10 a length with the high bit",
    "7 invalid close code 1006",
    "7 invalid close code 5000",
    "7 invalid close code 65535",
)


def close_code(said: bytes) -> int:
    """Of the close frame that a client sent, behind its pongs; 0 where there is none."""
    at = 0
    while at + 6 <= len(said):
        opcode, count, mask = said[at] & 15, said[at + 1] & 0x7F, said[at + 2 : at + 6]
        payload = bytes(a ^ b for a, b in zip(said[at + 6 : at + 6 + count], mask * 32, strict=False))
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big")
        at += 6 + count
    return 0


async def heard(case: Case, *, ends: bool) -> tuple[bytes, str, int]:
    """What the transport gave until it failed, with which error, and the code that it told the server. ends: the server then
    says nothing more.
    """
    told = bytearray()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
        writer.write(f"HTTP/1.1 101 x\r\n{fields}Sec-WebSocket-Protocol: flight.v1\r\n\r\n".encode())
        writer.write(case.data + (close(1000) if case.problem == "none" else b""))
        if ends:
            writer.write_eof()
        try:
            while data := await reader.read(65_536):
                told.extend(data)
                if close_code(bytes(told)):
                    break
        except ConnectionError:
            pass
        writer.close()
        over.set()

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    transport = transport_to(port)
    await within(transport.open())
    got, said = b"", ""
    try:
        while True:
            got += await within(transport.receive())
    except (LinkError, PeerError) as error:
        said = str(error)
    await within(transport.close())
    await within(over.wait())
    server.close()
    return got, said, close_code(bytes(told))


async def test_every_case_of_the_console_s_codec_is_taken_by_the_python_client_too(figure: Figure) -> None:
    """Messages as they were sent; at a breach the code that says which, and nothing behind it."""
    wrong: dict[str, tuple[int, str, int]] = {}
    loose = 0
    gate = asyncio.Semaphore(16)

    async def one(name: str, case: Case) -> None:
        nonlocal loose
        lenient = name.startswith(LENIENT)
        loose += lenient
        async with gate:
            got, said, code = await heard(case, ends=lenient)
        if case.problem == "none":
            sound = got == case.payload and "close code 1000" in said
        elif lenient:
            sound = bool(said)
        elif (
            case.problem == "framing" and case.status == 1003
        ):  # text: an error of its own, and within a message a breach of the frames' order first
            sound = case.payload.startswith(got) and ("text" in said or code == 1002)
        elif case.problem == "framing":
            sound = case.payload.startswith(got) and code == case.status
        else:
            sound = case.payload.startswith(got) and f"close code {'' if case.status == 1005 else case.status}" in said
        if not sound:
            wrong[name] = (len(got), said, code)

    await asyncio.gather(*(one(name, case) for name, case in CASES.items()))
    assert not wrong, wrong
    figure(f"WebSocket cases against the Python client: {len(CASES)}, {loose} lenient, 0 failed")
