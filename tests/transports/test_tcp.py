"""Raw TCP at both ends: strict frames, bounded memory before anybody is known, and the second port."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client import CallerError, Client
from flight_client.errors import FrameError
from flight_client.gateway.app import Gateway
from flight_client.gateway.settings import GatewaySettings, load_settings
from flight_client.session import spec
from flight_client.transports.frame_stream import FrameStream
from flight_client.wire.frames import encode_frame
from flight_client.wire.whole import whole_frames
from tests.support.bench import Bench
from tests.support.ports import free_port
from tests.support.raw import Frame, Session, critical_frame, frames_of, hello_frame, of_kind, open_frame
from tests.support.waiting import eventually, within


class RawTcp:
    """A connection that sends bytes as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await within(self.writer.drain())

    async def frame(self) -> Frame:
        head = await within(self.reader.readexactly(spec.HEADER_BYTES))
        checked = spec.TRAILER_BYTES if head[2] & spec.FLAG_CHECKED else 0
        rest = await within(self.reader.readexactly(int.from_bytes(head[4:6], "little") + checked))
        [found] = frames_of(head + rest)
        return found

    async def expect(self, kind: int) -> Frame:
        while (found := await self.frame()).kind != kind:
            pass
        return found

    async def ended(self) -> bytes:
        """What comes until the gateway closes."""
        return await within(self.reader.read())

    async def hello(self, token: str, device_id: bytes = b"raw-1") -> Session:
        await self.send(hello_frame(token, device_id))
        return Session(token, (await self.expect(spec.TYPE_WELCOME)).payload)


@pytest.fixture
async def raw(bench: Bench) -> AsyncIterator[RawTcp]:
    made = await connect(bench)
    yield made
    made.writer.transport.abort()


async def connect(bench: Bench) -> RawTcp:
    return RawTcp(*await asyncio.open_connection("127.0.0.1", bench.gateway.tcp_port))


async def test_a_greeting_that_comes_byte_by_byte_is_understood(bench: Bench, raw: RawTcp) -> None:
    for byte in hello_frame(bench.token()):
        await raw.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await raw.frame()).kind == spec.TYPE_WELCOME


async def test_frames_behind_the_greeting_belong_to_the_session(bench: Bench, raw: RawTcp) -> None:
    await raw.send(hello_frame(bench.token()) + open_frame(1, b"log") + critical_frame(1, 1, 1))
    assert (await raw.frame()).kind == spec.TYPE_WELCOME
    while (await raw.frame()).ack != 2:
        pass
    assert bench.gateway.hub.counters().stored == 1


async def test_no_frame_over_the_limit_of_a_greeting_is_waited_for(bench: Bench, raw: RawTcp) -> None:
    large = encode_frame(spec.TYPE_HELLO, 0, 0, 0, 0, bytes(spec.HELLO_FRAME_BYTES))
    await raw.send(large[: spec.HEADER_BYTES])  # its length alone is enough
    [closed] = frames_of(await raw.ended())
    assert (closed.kind, closed.code) == (spec.TYPE_CLOSE, spec.CODE_MALFORMED)
    await bench.serves()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(20), b"\x16\x03\x01\x02\x00" * 9])
async def test_who_speaks_something_else_is_told_and_closed(bench: Bench, raw: RawTcp, garbage: bytes) -> None:
    await raw.send(garbage)
    [closed] = frames_of(await raw.ended())
    assert (closed.kind, closed.code) == (spec.TYPE_CLOSE, spec.CODE_MALFORMED)
    assert bench.gateway.registry.counters.malformed == 1
    await bench.serves()


async def test_a_damaged_frame_inside_a_session_ends_the_connection_and_not_the_session(
    bench: Bench, raw: RawTcp
) -> None:
    session = await raw.hello(bench.token())
    broken = bytearray(open_frame(1, b"log"))
    broken[3] ^= 1
    await raw.send(bytes(broken))
    assert of_kind(frames_of(await raw.ended()), spec.TYPE_CLOSE)[0].code == spec.CODE_MALFORMED
    again = await connect(bench)
    await again.send(session.attach_frame(1))
    assert (await again.frame()).kind == spec.TYPE_RESUMED
    again.writer.transport.abort()


async def test_a_stranger_that_floods_takes_no_more_memory_than_a_greeting(bench: Bench) -> None:
    streams: list[FrameStream] = []
    listener = bench.gateway._tcp
    accept = listener._accepted

    def watched() -> FrameStream:
        streams.append(accept())
        return streams[-1]

    assert listener._server is not None
    listener._server.close()
    listener._accepted = watched  # type: ignore[method-assign]
    port = free_port()
    await listener.open("127.0.0.1", port)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    half = encode_frame(spec.TYPE_HELLO, 0, 0, 0, 0, bytes(spec.HELLO_FRAME_BYTES - 16))[:-1]
    writer.write(half)
    await within(writer.drain())
    await eventually(lambda: streams and streams[0]._filled == len(half), "the bytes")
    assert streams[0].buffered_bytes == spec.HELLO_FRAME_BYTES
    writer.write(bytes(1 << 20))
    await eventually(lambda: streams[0]._discarding, "the end of the stranger")
    assert streams[0].buffered_bytes == spec.HELLO_FRAME_BYTES
    writer.transport.abort()
    await bench.serves()


async def test_who_says_nothing_is_closed_in_time(bench: Bench, raw: RawTcp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "PREAUTH_MS", 100)
    quiet = await connect(bench)
    assert await quiet.ended() == b""
    quiet.writer.transport.abort()
    await quiet.writer.wait_closed()
    await bench.serves()


async def test_both_ends_name_the_transport(bench: Bench) -> None:
    client = await bench.connected("mover", "tcp")
    assert client.transport == "tcp"
    assert bench.gateway.registry.peers()[0].transport == "tcp"


async def test_the_platforms_whose_profile_begins_with_tcp_use_it(bench: Bench) -> None:
    client = await bench.connected("vita-1", platform="vita")
    assert client.transport == "tcp"


# The second port


def settings(tmp_path: Path, **other: object) -> GatewaySettings:
    return GatewaySettings(state_dir=tmp_path, engine="memory:", **{"port": free_port(), **other})  # type: ignore[arg-type]


async def test_the_second_port_is_the_next_one_and_the_health_page_tells_it(tmp_path: Path) -> None:
    gateway = Gateway(settings(tmp_path))
    await gateway.start()
    assert gateway.tcp_port == gateway.port + 1
    page = await asyncio.to_thread(urllib.request.urlopen, gateway.addresses()[0] + "/health")
    assert json.load(page)["ports"] == {"http": gateway.port, "tcp": gateway.port + 1, "tcp_absent": ""}
    await gateway.stop()


async def test_a_second_port_that_nobody_asked_for_may_be_taken(tmp_path: Path) -> None:
    made = settings(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", made.port + 1))
        taken.listen()
        gateway = Gateway(made)
        await gateway.start()
        assert gateway.tcp_port == 0
        assert str(made.port + 1) in gateway.tcp_absent
        await gateway.stop()
        asked = Gateway(settings(tmp_path, tcp_port=made.port + 1))
        with pytest.raises(CallerError, match="cannot be opened") as caught:
            await asked.start()
        assert "--tcp-port" in caught.value.next_step


async def test_the_second_port_can_be_switched_off(tmp_path: Path) -> None:
    gateway = Gateway(settings(tmp_path, tcp=False))
    await gateway.start()
    assert (gateway.tcp_port, gateway.tcp_absent) == (0, "switched off")
    await gateway.stop()


def test_one_port_cannot_be_both() -> None:
    with pytest.raises(CallerError, match="tcp_port"):
        GatewaySettings(port=9000, tcp_port=9000)
    assert load_settings({}, {"FLIGHT_TCP_PORT": "9001"}).tcp_port == 9001
    with pytest.raises(CallerError, match="FLIGHT_TCP_PORT"):
        load_settings({}, {"FLIGHT_TCP_PORT": "70000"})


# Addresses


def test_a_tcp_address_is_for_tcp_only() -> None:
    client = Client("tcp://here:9001", token="t")
    assert client.transport == "tcp"
    address = client.address
    assert address is not None
    assert (address.tcp_port, str(address)) == (9001, "tcp://here:9001")
    with pytest.raises(CallerError, match="leads to no websocket"):
        Client("tcp://here:9001", token="t", transports=["websocket"])
    with pytest.raises(CallerError, match="not a gateway address"):
        Client("tcp://here", token="t")


def test_a_token_never_goes_over_tcp_where_the_address_asks_for_tls() -> None:
    assert Client("https://here", token="t", platform="vita").transport == "websocket"
    with pytest.raises(CallerError, match="leads to no tcp") as caught:
        Client("https://here", token="t", transports=["tcp"])
    assert "TLS" in caught.value.next_step


# The strict reader


def test_whole_frames_end_where_the_next_one_is_not_complete() -> None:
    one = encode_frame(spec.TYPE_ACK, 0, 0, 0, 1, bytes(4))
    data = one * 3
    for end in range(len(data) + 1):
        assert whole_frames(data, 0, end) == end // len(one) * len(one)
        assert whole_frames(data, 0, end, one=True) == min(end // len(one), 1) * len(one)


def test_bytes_that_cannot_become_a_frame_are_seen_at_once() -> None:
    one = encode_frame(spec.TYPE_ACK, 0, 0, 0, 1, bytes(4))
    with pytest.raises(FrameError):
        whole_frames(b"\x00", 0, 1)
    with pytest.raises(FrameError):
        whole_frames(one + b"x", 0, len(one) + 1)
    with pytest.raises(FrameError, match="16 bytes"):
        whole_frames(one, 0, spec.HEADER_BYTES, 16)
