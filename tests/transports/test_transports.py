"""The two transports against servers that are no gateway, and what an address may be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from flight_client import CallerError, Client, ConnectionState, FlightError, LinkError, PeerError, RefusedError
from flight_client.session import spec
from flight_client.transports import Address, Transport, available, factory
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench, hurry
from tests.support.ports import free_port
from tests.support.raw import frames_of, hello_frame
from tests.support.waiting import eventually, within

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[Address]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start an HTTP server whose every path has one handler."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> Address:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return Address("127.0.0.1", port, False)

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://here", "http://here:8080"),
        ("here:81", "http://here:81"),
        ("ws://here:81/", "http://here:81"),
        ("https://here", "https://here:443"),
        ("wss://[::1]:9", "https://[::1]:9"),
        ("127.0.0.1", "http://127.0.0.1:8080"),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, shown: str) -> None:
    assert str(Address.parse(text)) == shown


def test_each_transport_makes_its_own_url() -> None:
    address = Address.parse("https://here:81")
    assert address.stream_url == "wss://here:81/v1/stream"
    assert address.poll_url == "https://here:81/v1/poll"


def test_an_unknown_transport_is_refused_with_those_that_exist() -> None:
    assert set(available()) == {"websocket", "polling"}
    with pytest.raises(CallerError, match="pigeon") as caught:
        factory("pigeon")
    assert "websocket" in caught.value.next_step


async def say_hello(transport: Transport, token: str) -> bytes:
    await transport.open()
    reply = await transport.send(hello_frame(token))
    return reply or await transport.receive()


async def test_frames_go_both_ways(bench: Bench, transport: str) -> None:
    made = factory(transport)(Address.parse(bench.address))
    reply = await within(say_hello(made, bench.token()))
    assert frames_of(reply)[0].kind == spec.TYPE_WELCOME
    await within(made.close())
    await within(made.close())


async def test_an_unreachable_address_is_the_links_fault(transport: str) -> None:
    made = factory(transport)(Address("127.0.0.1", free_port(), False))
    with pytest.raises(LinkError, match="cannot be reached") as caught:
        await within(say_hello(made, "t"))
    assert "flight gateway" in caught.value.next_step
    await within(made.close())


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, PeerError, "no Flight gateway answers at"),
        (403, PeerError, "refuses this origin"),
        (413, PeerError, "too large"),
        (500, LinkError, "answered with an error"),
        (302, LinkError, "answered with an error"),
        (200, FlightError, "."),
    ],
)
async def test_a_server_that_is_no_gateway_is_told_in_words(
    serve: Serve, transport: str, status: int, kind: type[FlightError], words: str
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="<html>welcome</html>", headers={"Location": "http://192.0.2.1/"})

    made = factory(transport)(await serve(answer))
    if (transport, status) == ("polling", 200):
        assert await within(say_hello(made, "t")) == b"<html>welcome</html>"  # whose bytes are no frames
    else:
        with pytest.raises(kind, match=words) as caught:
            await within(say_hello(made, "t"))
        assert caught.value.next_step
    await within(made.close())


async def test_a_reply_without_an_end_is_given_up(serve: Serve) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(bytes(65536))
        return response

    made = factory("polling")(await serve(flood))
    with pytest.raises(PeerError, match="too large"):
        await within(say_hello(made, "t"))
    await within(made.close())


async def test_a_websocket_without_our_subprotocol_is_refused(serve: Serve) -> None:
    async def other(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    made = factory("websocket")(await serve(other))
    with pytest.raises(PeerError, match=r"does not speak flight\.v1"):
        await within(made.open())
    await within(made.close())


@pytest.mark.parametrize("said", ["text", "close"])
async def test_a_websocket_that_says_text_or_goodbye_is_told_apart(serve: Serve, said: str) -> None:
    async def other(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("flight.v1",))
        await socket.prepare(request)
        if said == "text":
            await socket.send_str("hello")
        await socket.close()
        return socket

    made = factory("websocket")(await serve(other))
    await within(made.open())
    with pytest.raises(PeerError if said == "text" else LinkError) as caught:
        await within(made.receive())
    assert caught.value.next_step
    await within(made.close())


GARBAGE = {
    "garbage": bytes(range(64)),
    "nothing": b"",
    "half a frame": encode_frame(spec.TYPE_WELCOME, spec.FLAG_CHECKED, 0, 0, 0, bytes(88))[:40],
    "WELCOME of zeros": encode_frame(spec.TYPE_WELCOME, spec.FLAG_CHECKED, 0, 0, 0, bytes(88)),
    "WELCOME cut short": encode_frame(spec.TYPE_WELCOME, spec.FLAG_CHECKED, 0, 0, 0, bytes(7)),
    "CLOSE cut short": encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, b"\1"),
    "CLOSE with too long a text": encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, b"\1\0\xff\xff" + bytes(4)),
    "DATA": encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, bytes(8)),
}


@pytest.mark.parametrize("which", list(GARBAGE))
async def test_a_client_that_hears_garbage_tries_again_and_can_be_closed(serve: Serve, which: str) -> None:
    asked: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        asked.append(1)
        return web.Response(body=GARBAGE[which])

    address = await serve(answer)
    client = hurry(Client(str(address), token="t", transports=["polling"]))
    client._session.profile.connect_timeout_ms = 200
    connecting = asyncio.create_task(client.connect())
    await eventually(lambda: len(asked) >= 3, "another attempt")
    assert client.state is not ConnectionState.CONNECTED
    assert not connecting.done()
    await within(client.close())
    await asyncio.gather(connecting, return_exceptions=True)
    assert client.counters().law_holds


async def test_words_of_a_gateway_reach_a_terminal_without_control_characters(serve: Serve) -> None:
    text = b"no\x1b[2J\r\nforged"
    ending = encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, bytes([2, 0, len(text), 0, 0, 0, 0, 0]) + text)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=ending)

    client = Client(str(await serve(answer)), token="t", transports=["polling"])
    with pytest.raises(RefusedError) as caught:
        await within(client.connect())
    assert str(caught.value).isprintable()
    assert "no\\x1b[2J\\r\\nforged" in str(caught.value)
    await within(client.close())
