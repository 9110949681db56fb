"""The codecs against real servers: this project's gateway, and aiohttp in all the ways it can answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from flight_client import Log
from flight_client.session import spec
from tests.codecs.library import ANSWER, REOPEN, TURN_DONE
from tests.codecs.pump import CodecFailedError, CodecPoller, CodecStream
from tests.support.bench import Bench
from tests.support.fixtures import bench
from tests.support.ports import free_port
from tests.support.raw import RawPoller, RawStream, critical_frame, lossy_frame, of_kind, open_frame
from tests.support.waiting import eventually, within

__all__ = ["bench"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY = bytes(range(256)) * 20


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    """An aiohttp server with one handler for everything; its address."""
    app = web.Application(client_max_size=1 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


# --- the gateway ---


async def test_a_session_polls_the_gateway_on_one_connection(bench: Bench) -> None:
    async with CodecPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        opened = await poller.poll(session.poll_frame(1), open_frame(1, b"log"))
        assert of_kind(opened, spec.TYPE_OPENED)
        for number in range(2, 30):
            frames = [
                critical_frame(1, number - 1, number - 1, Log(f"line {number}")),
                *[lossy_frame(1)] * (number % 5),
            ]
            replies = await poller.poll(session.poll_frame(number), *frames)
            assert replies[-1].ack == number
        assert poller.pump.connections == 1
        assert bench.gateway.hub.counters().stored >= 28
    await bench.serves()


async def test_a_gateway_that_refuses_a_request_says_why(bench: Bench) -> None:
    async with CodecPoller(bench.address, "/v1/poll/elsewhere") as poller:
        with pytest.raises(CodecFailedError, match=r"'status', 404"):
            await poller.poll(b"x")
    async with CodecStream(bench.address) as stream:
        stream.pump.write(b"\xff" * 10)  # no frame of WebSocket
        assert await stream.frame() is None
    stream = CodecStream(bench.address, "/v1/poll")
    with pytest.raises(CodecFailedError, match=r"'status', 405"):
        await stream.__aenter__()
    await stream.pump.close()
    await bench.serves()


async def test_a_session_streams_to_the_gateway_and_hears_from_it(bench: Bench) -> None:
    async with CodecStream(bench.address) as stream:
        await stream.hello(bench.token())
        await stream.open(1, b"log")
        await stream.open(2, b"command", 2)
        for number in range(1, 20):
            await stream.send(critical_frame(1, number, number, Log("x" * 20 * number)))
        await eventually(lambda: bench.gateway.hub.counters().stored >= 19)
        async with RawStream(bench.address) as other:
            await other.hello(bench.token(), b"raw-2")
            await other.open(1, b"command")
            await other.send(critical_frame(1, 1, 1, Log("jump")))
            delivered = await stream.expect(spec.TYPE_DELIVER)
        assert b"jump" in delivered.payload
        assert stream.pump.codec.close() == ANSWER
        stream.pump.write(stream.pump.codec.answer())
        assert await stream.frame() is None
        assert stream.pump.codec.words()[:2] == [6, 1000]
    await bench.serves()


async def test_the_gateway_gives_the_same_by_either_client(bench: Bench) -> None:
    replies = []
    for made in (RawPoller(bench.address), CodecPoller(bench.address)):
        async with made as poller:
            session = await poller.hello(bench.token(), b"twin")
            frames = await poller.poll(session.poll_frame(1), open_frame(1, b"log"), lossy_frame(1))
            replies.append([(frame.kind, frame.flags, frame.channel, frame.seq, frame.ack) for frame in frames])
    assert replies[0] == replies[1]


# --- replies as aiohttp writes them ---


async def echo(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read())


async def in_chunks(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    data = await request.read()
    for at in range(0, len(data), 700):
        await response.write(data[at : at + 700])
    await response.write_eof()
    return response


async def closing(request: web.Request) -> web.StreamResponse:
    response = await echo(request)
    response.force_close()
    return response


@pytest.mark.parametrize("handler", [echo, in_chunks, closing])
async def test_what_goes_to_a_server_comes_back(handler: Handler) -> None:
    async with served(handler) as address, CodecPoller(address) as poller:
        for size in (0, 1, 699, 700, 701, 5000, 65536):
            assert await poller.request(bytes(size)) == (200, bytes(size))
            assert await poller.request(BODY) == (200, BODY)
            assert poller.noticed == TURN_DONE | (REOPEN if handler is closing else 0)
        assert poller.pump.connections == (14 if handler is closing else 1)


async def compressed(request: web.Request) -> web.StreamResponse:
    response = await echo(request)
    assert isinstance(response, web.Response)
    response.enable_compression(web.ContentCoding.deflate)
    return response


async def without_length(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
    request.transport.close()
    return web.Response()


async def redirect(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/elsewhere")


async def nothing(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def too_much(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=bytes(65537))


async def long_head(_request: web.Request) -> web.StreamResponse:
    return web.Response(headers={"X-Long": "y" * 2048})


@pytest.mark.parametrize(
    ("handler", "problem", "status"),
    [
        (compressed, "length", 200),
        (without_length, "length", 200),
        (redirect, "status", 302),
        (nothing, "status", 204),
        (too_much, "length", 200),
        (long_head, "head", 0),
    ],
)
async def test_a_reply_of_another_kind_ends_the_transport(handler: Handler, problem: str, status: int) -> None:
    async with served(handler) as address, CodecPoller(address) as poller:
        with pytest.raises(CodecFailedError) as caught:
            await poller.request(BODY)
    assert caught.value.args == (problem, status)


# --- WebSocket as aiohttp speaks it ---


async def test_messages_of_every_size_come_back_from_aiohttp() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["flight.v1"], compress=True, max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.BINARY
            await socket.send_bytes(message.data)
        return socket

    async with served(handler) as address, CodecStream(address) as stream:
        for size in (0, 1, 125, 126, 127, 1000, 65535, 65536, 131072):
            await stream.send(bytes(range(256)) * (size // 256) + bytes(size % 256))
            assert await stream.receive(size) == bytes(range(256)) * (size // 256) + bytes(size % 256)


async def test_pings_of_aiohttp_are_answered_with_their_payload() -> None:
    seen: list[bytes] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["flight.v1"], autoping=False)
        await socket.prepare(request)
        for payload in (b"", b"one", bytes(125)):
            await socket.ping(payload)
            answer = await within(socket.receive())
            assert answer.type is aiohttp.WSMsgType.PONG
            seen.append(answer.data)
        await socket.send_bytes(b"done")
        return socket

    async with served(handler) as address, CodecStream(address) as stream:
        assert await stream.receive(4) == b"done"
    assert seen == [b"", b"one", bytes(125)]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_aiohttp_closes_and_hears_the_same_code(code: int) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["flight.v1"])
        await socket.prepare(request)
        await socket.close(code=code, message="schön".encode())
        heard.set_result(socket.close_code)
        return socket

    async with served(handler) as address, CodecStream(address) as stream:
        with pytest.raises(CodecFailedError, match=rf"'closed', {code}"):
            await stream.receive(1)
        assert await within(heard) == code


async def test_aiohttp_hears_our_close() -> None:
    heard = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["flight.v1"])
        await socket.prepare(request)
        async for _message in socket:
            pass
        heard.set_result(socket.close_code)
        return socket

    async with served(handler) as address, CodecStream(address) as stream:
        stream.pump.codec.close(4321)
        stream.pump.write(stream.pump.codec.answer())
        with pytest.raises(CodecFailedError, match=r"'closed', 1000"):
            await stream.receive(1)
        assert await within(heard) == 4321


async def test_text_of_aiohttp_is_a_breach_and_it_hears_that() -> None:
    heard = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["flight.v1"])
        await socket.prepare(request)
        await socket.send_str("hello")
        message = await within(socket.receive())
        heard.set_result((message.type, socket.close_code))
        return socket

    async with served(handler) as address, CodecStream(address) as stream:
        with pytest.raises(CodecFailedError, match=r"'framing', 1003"):
            await stream.receive(1)
        assert await within(heard) == (aiohttp.WSMsgType.CLOSE, 1003)


async def test_a_server_without_our_subprotocol_is_refused() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["chat"])
        await socket.prepare(request)
        return socket

    async with served(handler) as address:
        stream = CodecStream(address)
        with pytest.raises(CodecFailedError, match=r"'handshake', 101"):
            await stream.__aenter__()
        await stream.pump.close()
