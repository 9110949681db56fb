"""Serial lines: the extension of their frames, the device's end, the bridge, and noise."""

import asyncio
import contextlib
import random
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client import CallerError, Client, Log
from flight_client.bridge import Bridge
from flight_client.errors import FrameError, LinkError
from flight_client.gateway import registry
from flight_client.session import spec
from flight_client.transports import Address, SerialTransport, Transport, factory
from flight_client.transports.line_frames import (
    DOUBLED,
    EXTENSION_BYTES,
    LINE_FRAME_BYTES,
    MISSING,
    NUMBERS,
    SESSION_FRAME_BYTES,
    TAKE,
    from_line,
    judge,
    to_line,
)
from flight_client.transports.line_port import LinePort, open_line
from flight_client.wire.frames import FrameReader, StreamReader, encode_frame
from tests.conformance.transports.routes import line
from tests.faults.wire import Cable, Noise
from tests.support.bench import Bench, Reader, component, numbers, subscribed
from tests.support.ports import free_port
from tests.support.raw import Frame, Session, critical_frame, frames_of, hello_frame, lossy_frame, open_frame
from tests.support.waiting import eventually, within

ACK = encode_frame(spec.TYPE_ACK, 0, 0, 0, 1, bytes(4))


# Frames


def test_every_frame_on_a_line_has_a_crc_its_line_and_its_number() -> None:
    found = []
    reader = StreamReader(LINE_FRAME_BYTES)
    for data in to_line(ACK + hello_frame("t"), 0xBEEF, NUMBERS - 1):
        reader.push(data)
        while reader.next():
            assert reader.flags & spec.FLAG_CHECKED
            found.append(from_line(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, reader.payload))
    one, two = found
    assert one is not None
    assert two is not None
    assert (one.line, one.number, two.number) == (0xBEEF, NUMBERS - 1, 0)
    assert (one.first, two.first) == (False, True)
    assert two.frame == hello_frame("t")
    assert frames_of(one.frame)[0].payload == frames_of(ACK)[0].payload


def test_a_frame_is_not_sent_where_the_line_would_not_take_it() -> None:
    fits = SESSION_FRAME_BYTES - spec.HEADER_BYTES - spec.TRAILER_BYTES
    [data] = to_line(encode_frame(spec.TYPE_DATA, 0, 1, 0, 0, bytes(fits)), 1, 0)
    assert len(data) == LINE_FRAME_BYTES
    for size in (fits + 1, fits + 4, fits + 5, 5000):
        with pytest.raises(FrameError):
            list(to_line(encode_frame(spec.TYPE_DATA, 0, 1, 0, 0, bytes(size)), 1, 0))


def test_a_frame_without_the_extension_is_none_of_a_line() -> None:
    assert from_line(spec.TYPE_ACK, 0, 0, 0, 1, bytes(EXTENSION_BYTES - 1)) is None


@pytest.mark.parametrize("expected", [0, 1, 5, NUMBERS // 2, NUMBERS - 1])
def test_a_number_is_the_next_one_behind_or_ahead_also_where_numbers_wrap(expected: int) -> None:
    assert judge(expected, expected) == TAKE
    for back in (1, 2, NUMBERS // 2 - 1):
        assert judge((expected - back) % NUMBERS, expected) == DOUBLED
    for ahead in (1, 2, NUMBERS // 2):
        assert judge((expected + ahead) % NUMBERS, expected) == MISSING


# Addresses


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB0?baud=115200"),
        ("serial:///dev/ttyUSB0?baud=1562500", "serial:///dev/ttyUSB0?baud=1562500"),
        ("serial:///COM3", "serial:///COM3?baud=115200"),
        ("pipe://127.0.0.1:10004", "pipe://127.0.0.1:10004"),
        ("pipe://[::1]:10004", "pipe://[::1]:10004"),
    ],
)
def test_a_line_is_written_like_an_address(text: str, shown: str) -> None:
    address = Address.parse(text)
    assert str(address) == shown
    assert Address.parse(shown) == address
    client = Client(text, token="t")
    assert client.transport == "serial"
    assert client.platform.payload_bytes == 512


@pytest.mark.parametrize(
    "text",
    [
        "serial:///etc/passwd",
        "serial://host/dev/ttyS0",
        "serial:///dev/ttyS0?baud=9",
        "serial:///dev/ttyS0?baud=99999999",
        "serial:///dev/ttyS0?baud=1e6",
        "serial:///dev/ttyS0?token=hunter2",
        "serial:///dev/ttyS0?baud=9600&baud=115200",
        "serial://user:hunter2@x/dev/ttyS0",
        "pipe://host",
        "pipe://host:10004/x",
    ],
)
def test_what_is_no_line_is_refused_and_no_secret_echoed(text: str) -> None:
    with pytest.raises(CallerError, match="not a gateway address") as caught:
        Client(text, token="t")
    assert "hunter2" not in str(caught.value)
    assert "serial:///dev/ttyUSB0" in caught.value.next_step


def test_a_line_leads_to_no_other_transport_and_others_to_no_line() -> None:
    with pytest.raises(CallerError, match="leads to no websocket"):
        Client("pipe://here:1", token="t", transports=["websocket"])
    with pytest.raises(CallerError, match="leads to no serial"):
        Client("http://here:1", token="t", transports=["serial"])


async def test_a_serial_port_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "serialx", None)
    transport = factory("serial")(Address.parse("serial:///dev/ttyUSB0"))
    with pytest.raises(CallerError) as caught:
        await transport.open()
    assert "flight-realtime[serial]" in caught.value.next_step
    await transport.close()


# The device's end


class FarEnd:
    """The host's end of a cable, byte by byte."""

    def __init__(self, port: LinePort) -> None:
        self.port = port

    async def send(self, body: bytes, line_number: int, number: int) -> None:
        for data in to_line(body, line_number, number):
            await self.port.send(data)


@pytest.fixture
async def cable() -> AsyncIterator[Cable]:
    made = Cable()
    yield made
    made.close()


@contextlib.asynccontextmanager
async def both_ends(cable: Cable) -> AsyncIterator[tuple[SerialTransport, FarEnd, int]]:
    far = Address.parse(cable.host_address).line
    assert far is not None
    port = await open_line(far)
    transport = SerialTransport(Address.parse(cable.device_address))
    await within(transport.open())
    await within(transport.send(hello_frame("t")))
    first = await within(port.receive())
    assert first.first
    try:
        yield transport, FarEnd(port), first.line
    finally:
        await within(transport.close())
        await within(port.close())


async def test_a_device_passes_over_frames_of_an_older_connection(cable: Cable) -> None:
    async with both_ends(cable) as (transport, far, own):
        await far.send(ACK, own ^ 1, 0)
        await far.send(ACK, own ^ 1, 7)
        await far.send(hello_frame("mine"), own, 0)
        assert await within(transport.receive()) == hello_frame("mine")


async def test_a_device_takes_a_doubled_frame_once(cable: Cable) -> None:
    async with both_ends(cable) as (transport, far, own):
        await far.send(hello_frame("one"), own, 0)
        await far.send(hello_frame("one"), own, 0)
        await far.send(hello_frame("two"), own, 1)
        assert await within(transport.receive()) == hello_frame("one")
        assert await within(transport.receive()) == hello_frame("two")


async def test_a_device_that_misses_a_frame_gives_the_connection_up(cable: Cable) -> None:
    async with both_ends(cable) as (transport, far, own):
        await far.send(ACK, own, 1)
        with pytest.raises(LinkError, match="number 0 is missing, 1 came"):
            await within(transport.receive())


async def test_a_device_hears_close_whatever_its_number(cable: Cable) -> None:
    ending = encode_frame(spec.TYPE_CLOSE, spec.FLAG_CHECKED, 0, 0, 0, bytes([10, 0, 0, 0, 0, 0, 0, 0]))
    async with both_ends(cable) as (transport, far, own):
        await far.send(ending, own, 4000)
        assert frames_of(await within(transport.receive()))[0].kind == spec.TYPE_CLOSE


async def test_the_rest_of_a_cut_frame_is_not_waited_for_after_a_silence(cable: Cable) -> None:
    async with both_ends(cable) as (transport, far, own):
        [data] = to_line(hello_frame("cut"), own, 0)
        await far.port.send(data[:30])  # its header promises more than what follows brings
        await eventually(lambda: transport._port is not None and transport._port._reader._stream.end >= 30, "the bytes")
        await far.send(ACK, own, 0)
        assert frames_of(await within(transport.receive()))[0].kind == spec.TYPE_ACK


# The bridge


class Device:
    """A device made of frames at the near end of a line."""

    def __init__(self, port: LinePort, line_number: int) -> None:
        self.port = port
        self.line = line_number
        self.sent = 0

    async def say(self, body: bytes, number: int | None = None) -> None:
        for data in to_line(body, self.line, self.sent if number is None else number):
            self.sent += 1
            await self.port.send(data)

    async def hear(self) -> Frame:
        found = await within(self.port.receive())
        assert found.line == self.line, "a frame of another connection"
        return frames_of(found.frame)[0]

    async def expect(self, kind: int) -> Frame:
        while (found := await self.hear()).kind != kind:
            pass
        return found


@contextlib.asynccontextmanager
async def device_end(address: str) -> AsyncIterator[LinePort]:
    near = Address.parse(address).line
    assert near is not None
    port = await open_line(near)
    try:
        yield port
    finally:
        await port.close()


async def test_a_frame_that_belongs_to_no_connection_is_answered_with_close(bench: Bench) -> None:
    async with line("serial", bench) as (address, _), device_end(address) as port:
        device = Device(port, 7)
        await device.say(ACK, 3)
        closed = await device.hear()
        assert (closed.kind, closed.code) == (spec.TYPE_CLOSE, spec.CODE_NOT_HELLO)


async def test_lost_frames_end_the_connection_and_attach_goes_on(bench: Bench) -> None:
    async with line("serial", bench) as (address, bridge), device_end(address) as port:
        device = Device(port, 7)
        token = bench.token()
        await device.say(hello_frame(token))
        session = Session(token, (await device.expect(spec.TYPE_WELCOME)).payload)
        await device.say(ACK, 2)  # number 1 was lost
        closed = await device.expect(spec.TYPE_CLOSE)
        assert "lost" in closed.text
        device = Device(port, 8)
        await device.say(session.attach_frame(1))
        assert (await device.expect(spec.TYPE_RESUMED)).code == 1
        await device.say(open_frame(1, b"log"))
        await device.expect(spec.TYPE_OPENED)
        assert (bridge.counters.connections, bridge.counters.broken) == (2, 1)


async def test_a_doubled_first_frame_begins_no_second_session(bench: Bench) -> None:
    async with line("serial", bench) as (address, bridge), device_end(address) as port:
        device = Device(port, 7)
        hello = hello_frame(bench.token())
        await device.say(hello)
        await device.say(hello, 0)
        device.sent = 1
        await device.expect(spec.TYPE_WELCOME)
        await device.say(open_frame(1, b"log"))
        await device.expect(spec.TYPE_OPENED)
        assert bridge.counters.connections == 1
        assert bridge.counters.doubled == 1


async def test_a_doubled_lossy_frame_is_stored_once_without_a_device_key(bench: Bench) -> None:
    """It has no sequence number and no tag: the number that it has on the line is what tells it from another one."""
    async with line("serial", bench) as (address, bridge), device_end(address) as port:
        device = Device(port, 7)
        await device.say(hello_frame(bench.token()))
        await device.expect(spec.TYPE_WELCOME)
        await device.say(open_frame(1, b"log"))
        await device.expect(spec.TYPE_OPENED)
        await device.say(lossy_frame(1, Log("once")))
        await device.say(lossy_frame(1, Log("once")), 2)  # at once
        device.sent = 3
        await device.say(lossy_frame(1, Log("another")))
        await device.say(lossy_frame(1, Log("once")), 2)  # and late
        device.sent = 4
        await device.say(critical_frame(1, 1, 1, Log("behind them")))
        while (await device.hear()).ack != 2:
            pass
        assert bench.gateway.hub.counters().stored == 3
        assert (bridge.counters.doubled, bridge.counters.broken) == (2, 0)


async def test_a_device_that_was_reset_begins_anew_without_a_goodbye(bench: Bench) -> None:
    async with line("serial", bench) as (address, bridge), device_end(address) as port:
        for nonce, line_number in ((b"nonce-01", 7), (b"nonce-02", 7)):  # a poor random source: the same line twice
            device = Device(port, line_number)
            await device.say(hello_frame(bench.token(), nonce=nonce))
            await device.expect(spec.TYPE_WELCOME)
        assert bridge.counters.connections == 2
        await eventually(lambda: len(bench.gateway.registry) == 1, "the end of the older session")


async def test_a_gateway_that_is_away_is_told_to_the_device(bench: Bench) -> None:
    nobody = Address("127.0.0.1", free_port(), False)
    cable = Cable()
    far = Address.parse(cable.host_address).line
    assert far is not None
    bridge = Bridge(far, lambda: factory("websocket")(nobody), nobody)
    task = asyncio.create_task(bridge.run())
    async with device_end(cable.device_address) as port:
        device = Device(port, 7)
        await device.say(hello_frame("t"))
        closed = await device.expect(spec.TYPE_CLOSE)
        assert closed.code == spec.CODE_GOING_AWAY
        assert "cannot be reached" in closed.text
        assert struct.unpack_from("<I", closed.payload, 4)[0] == 1000
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    cable.close()


async def test_a_bridge_waits_for_a_line_that_was_unplugged(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from flight_client import bridge as module

    monkeypatch.setattr(module, "_REOPEN_S", 0.02)
    opened: list[LinePort] = []
    original = open_line

    async def watched(asked: object) -> LinePort:
        if len(opened) == 1 and not back.is_set():
            back.set()
            raise LinkError(what="still away", value="", next_step="")
        opened.append(await original(asked))  # type: ignore[arg-type]
        return opened[-1]

    back = asyncio.Event()
    monkeypatch.setattr(module, "open_line", watched)
    async with line("pipe", bench) as (address, _):
        client = bench.client("device", address=address)
        await within(client.connect())
        await opened[0].close()
        await eventually(lambda: len(opened) == 2, "the second opening")
        assert back.is_set()
        assert client.channel("log").emit(component(1), critical=True).accepted
        assert await client.flush(20)


async def test_frames_with_a_device_keys_tags_pass_a_line_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "device-keys"
    path.write_text(f"device {bytes(32).hex()}\n")
    path.chmod(0o600)
    bench = Bench(tmp_path, device_keys=path)
    await bench.start()
    _, at_tool = await bench.tool("component-update")
    async with line("serial", bench) as (address, bridge):
        device = bench.client("device", address=address, device_key=bytes(32))
        await within(device.connect())
        at_device = Reader(device.events("component-update", channels=["down"]))
        await subscribed(device)
        for number in range(20):
            assert device.channel("component-events").emit(component(number), critical=True).accepted
            assert bench.clients[0].channel("down").emit(component(number), critical=True).accepted
        assert numbers(await at_tool.take(20)) == list(range(20))
        assert numbers(await at_device.take(20)) == list(range(20))
        assert (bridge.counters.connections, bench.gateway.registry.counters.forged) == (1, 0)
    await bench.stop()


async def test_a_line_that_cannot_be_opened_is_told_at_once() -> None:
    nowhere = Address.parse("serial:///dev/ttyNobody9").line
    assert nowhere is not None

    def never() -> Transport:
        raise AssertionError

    with pytest.raises(LinkError, match="ttyNobody9") as caught:
        await within(Bridge(nowhere, never, "nowhere").run())
    assert "dialout" in caught.value.next_step


# Noise


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_noise_on_the_line_loses_and_doubles_nothing_critical(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"seed {seed}")
    # A frame that was lost last shows with the next heartbeat.
    monkeypatch.setitem(registry._PROFILES, "host", {**registry._PROFILES["host"], "heartbeat_ms": 400})
    chance = random.Random(seed)
    bench = Bench(tmp_path)
    await bench.start()
    _, at_tool = await bench.tool("component-update")
    tool = bench.clients[-1]
    cable = Cable(seed, Noise(*(chance.uniform(0.01, 0.05) for _ in range(4))))
    async with line("serial", bench, cable) as (address, bridge):
        device = bench.client("device", address=address)
        device._session.profile.connect_timeout_ms = 500
        await within(device.connect())
        at_device = Reader(device.events("component-update", channels=["down"]))
        await subscribed(device)
        for number in range(200):
            while not device.channel("component-events").emit(component(number), critical=True).accepted:
                await device.flush(0.1)
            if number % 10 == 0:
                assert tool.channel("down").emit(component(number), critical=True).accepted
                await tool.flush(10)
                await asyncio.sleep(0.01)
        assert await device.flush(60)
        assert numbers(await at_tool.take(200, 60)) == list(range(200))
        assert numbers(await at_device.take(20, 60)) == list(range(0, 200, 10))
        assert cable.faults, "the cable was quiet: this run showed nothing"
        print(f"{cable.faults} faults, {bridge.counters.connections} connections, {bridge.garbage_bytes} garbage bytes")
        cable.noise = Noise()
    await bench.stop()


def test_a_cut_or_doubled_frame_never_comes_out_as_another() -> None:
    chance = random.Random(5)
    reader = StreamReader(LINE_FRAME_BYTES)
    sent, found = set(), []
    for number in range(400):
        body = encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, chance.randbytes(chance.randrange(4, 300)))
        [data] = to_line(body, 9, number)
        sent.add((number, body[spec.HEADER_BYTES :]))
        at = chance.randrange(len(data))
        data = chance.choice([data, data, data[:at], data[at:], data[:at] + data[max(0, at - 3) :], data + data])
        reader.push(data)
        while reader.next():
            frame = from_line(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, reader.payload)
            assert frame is not None
            inner = FrameReader()
            inner.feed(frame.frame)
            assert inner.next()
            found.append((frame.number, frame.frame[inner.start : inner.end]))
    assert set(found) <= sent
    assert len(found) > 100
