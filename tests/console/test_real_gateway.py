"""The console client at a real gateway: frames with a device key's tags, and commands from Python."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from flight_client import Client, CommandFailedError, CommandRequest, CommandResult, Log, Payload
from flight_client.events import Event, encode_event
from flight_client.gateway.peer import Peer as GatewayPeer
from flight_client.session import spec
from tests.conformance.transports.routes import line
from tests.console.peers import TRANSPORTS, Peer
from tests.docs.tiny_decoder import crc32c
from tests.support.bench import Bench
from tests.support.waiting import within

DEVICE = "console-1"
KEY = bytes(range(32))
LAYOUT_PAYLOAD = 7
SEED = 20261123
VITA_FRAME_BYTES = 4096
TROUBLE_REFUSED, TROUBLE_FORGED = "13", "14"


@pytest.fixture(params=sorted(TRANSPORTS))
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A gateway that has the key of one device."""
    path = tmp_path / "device-keys"
    path.write_text(f"{DEVICE} {KEY.hex()}\n")
    path.chmod(0o600)
    made = Bench(tmp_path, device_keys=path)
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def peer(bench: Bench, transport: str, key: bytes = KEY, device: str = DEVICE) -> AsyncIterator[Peer]:
    async with AsyncExitStack() as stack:
        pipe = ""
        if transport == "serial":
            address, _ = await stack.enter_async_context(line("serial", bench))
            pipe = address.removeprefix("serial://")
        made = Peer(bench, transport, device, key, pipe)
        try:
            yield await made.start(bench.folder)
        finally:
            await made.stop()


@asynccontextmanager
async def asked(bench: Bench, transport: str) -> AsyncIterator[tuple[Client, Peer]]:
    """A tool and a console whose subscription stands: it opened `commands` before it sent its first line."""
    tool, lines = await bench.tool("log", device_id="tool-1", channels=["log"])
    async with peer(bench, transport) as console:
        await lines.take(1)
        yield tool, console


def forged(bench: Bench) -> int:
    return bench.gateway.registry.counters.forged


def shown(event: Event) -> list[str]:
    """What the console says when it hears this."""
    layout, body = encode_event(event)
    kind, data = (event.kind, event.data) if isinstance(event, Payload) else (0, body)
    return [str(layout), str(kind), str(len(data)), f"{crc32c(data):08x}"]


# ---- tags ----


async def test_a_device_key_authenticates_every_frame_and_nothing_gets_lost(bench: Bench, transport: str) -> None:
    _tool, reader = await bench.tool("log", channels=["log"])
    _other, values = await bench.tool(device_id="tool-2", channels=["values"])
    async with peer(bench, transport) as console:
        await console.hears("connected", "1")
        taken = await values.take(60)  # lossy: many unsequenced DATA in one generation, or several in one request
        lines = await reader.take(5)
        logs, _, _ = await console.end()
        lines += await reader.take(logs - 5)
    assert [event.data for event in lines] == [Log(f"line {number}") for number in range(logs)]
    kinds = [event.data.kind for event in taken if isinstance(event.data, Payload)]
    assert kinds == sorted(set(kinds)), "each was stored once, in order"
    assert len(kinds) == 60
    assert forged(bench) == 0
    assert ["connected", "2"] not in console.said, console.said


async def test_a_session_goes_on_with_tags_on_another_transport(bench: Bench, transport: str) -> None:
    _tool, reader = await bench.tool("log", channels=["log"])
    _other, values = await bench.tool(device_id="tool-2", channels=["values"])
    async with peer(bench, transport) as console:
        await console.hears("connected", "1")
        await values.take(40)
        await console.pauses()
        await console.hears("connected", "2")
        await values.take(40)
        logs, _, _ = await console.end()
        lines = await reader.take(logs)
    assert [event.data for event in lines] == [Log(f"line {number}") for number in range(logs)]
    assert forged(bench) == 0
    assert ["connected", "3"] not in console.said, console.said


async def test_another_device_key_is_refused_and_the_client_says_so(bench: Bench, transport: str) -> None:
    async with peer(bench, transport, key=bytes(32)) as console:
        assert (await console.hears("trouble"))[1] == TROUBLE_FORGED
        assert not [line for line in console.said if line[0] == "connected"]


async def test_a_device_that_should_have_a_key_and_has_none_is_refused(bench: Bench, transport: str) -> None:
    async with peer(bench, transport, key=b"") as console:
        assert await console.hears("trouble") == ["trouble", TROUBLE_REFUSED, str(spec.CODE_FORBIDDEN)]


# ---- what other devices sent coded ----


async def test_what_a_tool_sent_as_differences_compressed_or_in_pieces_comes_plain_or_as_a_gap(
    bench: Bench, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame_bytes = spec.HELLO_FRAME_BYTES if transport == "serial" else VITA_FRAME_BYTES
    flags_seen = 0
    original = GatewayPeer._data

    def watched(self: GatewayPeer, flags: int, *arguments: Any) -> None:
        nonlocal flags_seen
        flags_seen |= flags if self.source.device_id == "tool-1" else 0
        original(self, flags, *arguments)

    monkeypatch.setattr(GatewayPeer, "_data", watched)
    sent: list[Event] = [Log(f"line {number}") for number in range(32)]
    sent.append(Payload(100, b"compressed " * 200))
    sent.append(Payload(101, random.Random(SEED).randbytes(20_000)))
    sent.append(Payload(102, b"end"))
    async with asked(bench, transport) as (tool, console):
        channel = tool.channel("down")
        for event in sent:
            assert channel.emit(event, critical=True).accepted
        assert await tool.flush(20)
        await console.hears("event", str(LAYOUT_PAYLOAD), "102")
        if not [
            line for line in console.said if line[0] == "missed"
        ]:  # told of what is larger than a frame of the console
            await console.hears("missed")
    assert flags_seen & spec.FLAGS_BY_AGREEMENT == spec.FLAG_DELTA | spec.FLAG_COMPRESSED | spec.FLAG_MORE
    arrived = [line[1:] for line in console.said if line[0] == "event"]
    assert arrived == [shown(event) for event in sent if len(encode_event(event)[1]) < frame_bytes]
    assert forged(bench) == 0
    assert ["connected", "2"] not in console.said, console.said


# ---- commands ----


async def test_a_command_is_answered(bench: Bench, transport: str) -> None:
    async with asked(bench, transport) as (tool, console):
        assert await within(tool.command(DEVICE, "count", b"!", timeout_s=5)) == b"\1!"
        assert await within(tool.command("", "count", b"", timeout_s=5)) == b"\2", "asked of everybody"
        await console.hears("task", "count", "tool-1")


async def test_a_command_that_fails_or_that_nobody_knows_says_so(bench: Bench) -> None:
    async with asked(bench, "tcp") as (tool, _):
        for name, code, text in (("break", "failed", "no ? fuse"), ("dance", "unknown", "")):
            with pytest.raises(CommandFailedError) as caught:
                await within(tool.command(DEVICE, name, timeout_s=5))
            assert (caught.value.code, caught.value.text) == (code, text)
        with pytest.raises(CommandFailedError) as caught:
            await within(tool.command(DEVICE, "count", bytes(100), timeout_s=5))
        assert caught.value.text == "too long", "over config.answer_bytes"


async def test_a_command_that_comes_again_is_answered_again_and_not_carried_out(bench: Bench, transport: str) -> None:
    _other, results = await bench.tool("command-result", device_id="tool-2", channels=["command-results"])
    async with asked(bench, transport) as (tool, console):
        commands = tool.channel("commands")
        await within(tool.command(DEVICE, "count", timeout_s=5))
        for request in (7, 8, 7, 7):
            await within(commands.publish(CommandRequest("count", DEVICE, b"", request, 0)))
        await within(commands.publish(CommandRequest("count", "console-2", b"", 9, 0)))  # somebody else's
        await within(commands.publish(CommandRequest("dance", "", b"", 10, 0)))  # anybody's who knows it
        await within(commands.publish(CommandRequest("count", DEVICE, b"", 11, 0)))
        said = [event.data for event in await results.take(6)][1:]
    assert said == [
        CommandResult(request, "tool-1", "done", "", data)
        for request, data in ((7, b"\2"), (8, b"\3"), (7, b"\2"), (7, b"\2"), (11, b"\4"))
    ]
    assert sum(line[0] == "task" for line in console.said) <= 5


async def test_the_last_eight_are_remembered(bench: Bench) -> None:
    _other, results = await bench.tool("command-result", device_id="tool-2", channels=["command-results"])
    async with asked(bench, "tcp") as (tool, _console):
        commands = tool.channel("commands")
        await within(tool.command(DEVICE, "count", timeout_s=5))
        requests = [*range(100, 110), 102, 100]
        for request in requests:
            await within(commands.publish(CommandRequest("count", DEVICE, b"", request, 0)))
        answers = [event.data for event in await results.take(1 + len(requests))]
        said = [answer.data[0] for answer in answers if isinstance(answer, CommandResult)][1:]
    assert said == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 4, 12], "one of the last eight is not carried out again"
