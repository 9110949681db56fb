"""The gateway takes every WebSocket client as the RFC says: a list of cases, each at once and byte by byte, and handshakes."""

import asyncio
from typing import Any

import pytest

from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.codecs.websocket_cases import BAD_TEXT, GOOD_TEXT
from tests.support.bench import Bench
from tests.support.figures import Figure
from tests.support.raw import critical_frame, frames_of, hello_frame, open_frame
from tests.support.websocket_bytes import BINARY, RESET, TEXT, ByteSocket, Said, client_frame, closing
from tests.websocket.gateway_cases import CASES, LIMIT_BYTES, Case, pieces, probe

SIDE_BY_SIDE = 16


async def run(bench: Bench, case: Case, *, bytewise: bool) -> Said:
    """A connection of its own."""
    async with ByteSocket(bench.gateway.port) as one:
        assert " 101 " in await one.handshake()
        data = case.data + (closing(1000) if case.closes else b"")
        if bytewise:
            for at in range(len(data)):
                if not one.writer.transport.is_closing():
                    one.send(data[at : at + 1])
                await asyncio.sleep(0)
        else:
            one.send(data)
        return await one.to_the_end()


def fault(case: Case, said: Said, *, bytewise: bool = False) -> str:
    """What is wrong with an answer; '' when nothing is.

    A gateway that closes at a breach while more comes is reset by the system, and its last words may be lost by that.
    """
    found = [frame for message in said.messages() for frame in frames_of(message)]
    probed = tuple(frame.payload for frame in found if frame.kind == spec.TYPE_PROBED)
    breach = case.code in (1002, 1007, 1009)
    if said.code != case.code and not (bytewise and not case.closes and said.code == RESET):
        return f"closed with {said.code}, not {case.code}"
    if breach:  # what came before the breach may be answered, in order
        return "" if case.probed[: len(probed)] == probed else f"answered {probed}"
    if probed != case.probed:
        return f"answered {probed}, not {case.probed}"
    return "" if tuple(said.pongs()) == case.pongs else f"pongs {said.pongs()}, not {case.pongs}"


@pytest.mark.parametrize("bytewise", [False, True], ids=["at once", "byte by byte"])
async def test_every_case_is_taken_as_the_rfc_says(bench: Bench, bytewise: bool, figure: Figure) -> None:
    names = [name for name in CASES if not bytewise or len(CASES[name].data) < 2000]
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(name: str) -> tuple[str, str]:
        async with gate:
            return name, fault(CASES[name], await run(bench, CASES[name], bytewise=bytewise), bytewise=bytewise)

    found = await asyncio.gather(*(one(name) for name in names))
    wrong = {name: what for name, what in found if what}
    assert not wrong, wrong
    loose = sum(CASES[name].lenient for name in names)
    how = "byte by byte" if bytewise else "at once"
    figure(
        f"WebSocket cases against the gateway, {how}: {len(names)}, {len(names) - loose} strict, {loose} lenient, 0 failed"
    )
    await bench.serves()


async def test_in_a_session_messages_of_every_size_up_to_the_limit_are_taken(bench: Bench, figure: Figure) -> None:
    """Frames that fill a message to the byte, whole and in pieces; the last frame of each is answered."""
    async with ByteSocket(bench.gateway.port) as one:
        await one.handshake()
        one.send(client_frame(BINARY, hello_frame(bench.token())), client_frame(BINARY, open_frame(1, b"log")))
        seq, cases = 0, 0
        for size in (500, 65_535, 65_536, 65_537, 100_000, LIMIT_BYTES):
            for piece in (0, 64, 256, 1024, 4096, 65_535):
                if piece >= size or (piece and size // piece > 600):
                    continue
                seq, cases = seq + 1, cases + 1
                last = critical_frame(1, seq, seq)
                data = filler(size - len(last)) + last
                assert len(data) == size
                one.send(pieces(data, *[piece] * (size // piece)) if piece else client_frame(BINARY, data))
                await acknowledged(one, seq + 1)
        figure(f"WebSocket messages of 500 to {LIMIT_BYTES:,} bytes, whole and in pieces: {cases}")
    await bench.serves()


def filler(size: int) -> bytes:
    """Frames of so many bytes together that change nothing: HEARTBEATs of 24, and leaving a channel by a name that fits."""
    empty = len(open_frame(9, b"", 0))
    name = b"n" * ((size - empty - 1) % 24 + 1)
    beats = (size - empty - len(name)) // 24
    return encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8)) * beats + open_frame(9, name, 0)


async def acknowledged(one: ByteSocket, ack: int) -> None:
    while True:
        found = await one.frame()
        assert found is not None
        if found[0] == BINARY and any(frame.ack == ack for frame in frames_of(found[1])):
            return


# UTF-8, in the protocol that is text


async def test_text_is_taken_whole_in_pieces_and_refused_where_it_is_none(bench: Bench, figure: Figure) -> None:
    async def json(*data: bytes) -> Said:
        async with ByteSocket(bench.gateway.port) as one:
            await one.handshake(protocol="flight.v1.json")
            one.send(*data)
            return await one.to_the_end()

    count = 0
    for text in GOOD_TEXT.values():  # no hello of ours, and refused in words: so it was read
        message = b'"' + text + b'"'
        for cut in {0, len(message) // 2, len(message) - 2}:
            whole = client_frame(TEXT, message)
            cut_up = client_frame(TEXT, message[:cut], last=False) + client_frame(0, message[cut:])
            for data in (whole, cut_up):
                assert (await json(data)).code >= 4000
                count += 1
    for text in BAD_TEXT.values():
        for data in (
            client_frame(TEXT, b'"' + text + b'"'),
            client_frame(TEXT, b'"' + text, last=False) + client_frame(0, b'"'),
        ):
            assert (await json(data)).code == 1007
            count += 1
    figure(f"UTF-8 in flight.v1.json: {count} cases")
    await bench.serves()


# Handshakes

HANDSHAKES: dict[str, tuple[tuple[str, ...], str, int, str]] = {
    # further fields, offered subprotocols, status, chosen subprotocol
    "ours": ((), "flight.v1", 101, "flight.v1"),
    "JSON": ((), "flight.v1.json", 101, "flight.v1.json"),
    "the client's first that is known": ((), "x, flight.v1.json, flight.v1", 101, "flight.v1.json"),
    "ours before JSON": ((), "flight.v1,flight.v1.json", 101, "flight.v1"),
    "names in any case": (("Upgrade: WebSocket", "Connection: keep-alive, UPGRADE"), "flight.v1", 101, "flight.v1"),
    "compression is offered": (("Sec-WebSocket-Extensions: permessage-deflate",), "flight.v1", 101, "flight.v1"),
    "every compression is offered": (
        ("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover, x-webkit-deflate-frame",),
        "flight.v1",
        101,
        "flight.v1",
    ),
    "no subprotocol": ((), "", 400, ""),
    "an unknown one": ((), "mqtt, flight.v2, Flight.V1", 400, ""),
    "another version": (("Sec-WebSocket-Version: 12",), "flight.v1", 400, ""),
    "no version": (("Sec-WebSocket-Version: ",), "flight.v1", 400, ""),
    "no key": (("Sec-WebSocket-Key: ",), "flight.v1", 400, ""),
    "a short key": (("Sec-WebSocket-Key: AAAA",), "flight.v1", 400, ""),
    "a key that is none": (("Sec-WebSocket-Key: ****",), "flight.v1", 400, ""),
    "no Upgrade": (("Upgrade: ",), "flight.v1", 400, ""),
    "another Upgrade": (("Upgrade: h2c",), "flight.v1", 400, ""),
    "no Connection": (("Connection: ",), "flight.v1", 400, ""),
    "another Connection": (("Connection: keep-alive",), "flight.v1", 400, ""),
}


async def test_every_handshake_gets_the_answer_it_should(bench: Bench, figure: Figure) -> None:
    for name, (fields, offered, status, chosen) in HANDSHAKES.items():
        async with ByteSocket(bench.gateway.port) as one:
            said = await one.handshake(*fields, protocol=offered)
            assert f" {status} " in said, (name, said)
            lines = dict(line.split(": ", 1) for line in one.answer.decode().lower().split("\r\n") if ": " in line)
            assert lines.get("sec-websocket-protocol", "") == chosen, name
            assert "sec-websocket-extensions" not in lines, name
    figure(f"WebSocket handshakes: {len(HANDSHAKES)}")
    await bench.serves()


async def test_the_judge_of_the_cases_finds_what_it_is_for(bench: Bench) -> None:
    """A case with a wrong expectation fails, in each of its parts."""
    right = Case(client_frame(BINARY, probe(1)) + client_frame(9, b"p"), (b"case0001",), (b"p",))
    said = await run(bench, right, bytewise=False)
    assert fault(right, said) == ""
    wrong: list[dict[str, Any]] = [
        {"probed": (b"case0002",)},
        {"probed": ()},
        {"pongs": ()},
        {"code": 1001},
        {"code": RESET},
    ]
    for other in wrong:
        assert fault(Case(**{"data": b"", "probed": right.probed, "pongs": right.pongs, **other}), said)
