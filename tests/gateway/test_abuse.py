"""Many hostile connections at once: what they can cost is bounded, they are gone in time, and nobody else notices.

`make test` runs a share; FLIGHT_ABUSE=1000, as in `make soak`, is the whole. Seconds are shortened here, and the same
times are kept to the millisecond by a clock that is a number.
"""

import asyncio
import gc
import os
import random
import ssl
import struct
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from flight_client import Payload
from flight_client.gateway import registry
from flight_client.gateway.peer import Peer
from flight_client.gateway.pipe import DuplexPipe
from flight_client.gateway.strangers import PATIENCE_S, Strangers
from flight_client.gateway.stream import WebSocketCarrier
from flight_client.session import spec
from flight_client.testing.virtual_loop import VirtualLoop
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.figures import Figure
from tests.support.raw import POLL_PATH, frames_of, hello_frame, open_frame
from tests.support.waiting import eventually, within
from tests.support.websocket_bytes import BINARY, CONTINUATION, PING, TEXT, ByteSocket, client_frame

HOSTILE = int(os.environ.get("FLIGHT_ABUSE", "60"))
SEED = int(os.environ.get("FLIGHT_SEED", "1"))
LIMIT_S = 60.0
MESSAGE_BYTES = 131_072  # docs/protocol.md: what one stranger may make a gateway keep
SUBSCRIBER_ENTRIES, SUBSCRIBER_BYTES = 64, 2 * spec.MAX_FRAME_BYTES
# A connection holds the turn that is being sent, and what its transport takes before it says that it is full.
WAITING_BYTES = 2 * 65_536 + 2 * spec.POLL_BODY_BYTES


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    limits: dict[str, Any] = {"subscriber_entries": SUBSCRIBER_ENTRIES, "subscriber_bytes": SUBSCRIBER_BYTES}
    made = Bench(tmp_path, strangers=2 * HOSTILE + 64, strangers_per_address=HOSTILE + 64, **limits)
    await made.start()
    yield made
    await made.stop()


# What is refused as soon as it is seen


def deflated(bits: int) -> bytes:
    return client_frame(BINARY, bytes(64), reserved=bits)


REFUSED_AT_ONCE: dict[str, tuple[bytes, int]] = {
    "a length of 2^31": (client_frame(BINARY, b"F", said_bytes=1 << 31), 1009),
    "a length of 2^32": (client_frame(BINARY, b"F", said_bytes=1 << 32), 1009),
    "a length of 2^63": (client_frame(BINARY, b"F", said_bytes=1 << 63), 1009),
    "a length of 2^64 - 1": (client_frame(BINARY, b"F", said_bytes=(1 << 64) - 1), 1009),
    "a text of 2^31": (client_frame(TEXT, b"F", said_bytes=1 << 31), 1009),
    "a byte over the limit": (client_frame(BINARY, said_bytes=MESSAGE_BYTES + 1), 1009),
    "fragments over the limit": (
        client_frame(BINARY, bytes(1000), last=False)
        + b"".join(client_frame(CONTINUATION, bytes(1000), last=False) for _ in range(131)),
        1009,
    ),
    "a last fragment of 2^31": (
        client_frame(BINARY, b"F", last=False) + client_frame(CONTINUATION, b"l", said_bytes=1 << 31),
        1009,
    ),
    "a ping of 2^31": (client_frame(PING, b"F", said_bytes=1 << 31), 1002),
    "a bomb of permessage-deflate": (deflated(4), 1002),
    "other reserved bits": (deflated(3), 1002),
}


async def test_before_hello_a_message_that_is_too_much_is_refused_with_its_header(bench: Bench) -> None:
    for name, (data, code) in REFUSED_AT_ONCE.items():
        async with ByteSocket(bench.gateway.port) as one:
            offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
            assert " 101 " in await one.handshake(offer)
            assert b"extensions" not in one.answer.lower()  # it is offered to us, and not taken
            one.send(data)
            assert (await one.to_the_end()).code == code, name
    assert bench.gateway.strangers.cut == 0
    await bench.serves()


HEADS: dict[str, tuple[str, bytes]] = {
    "Content-Length of 2^31": ("413", b"Content-Length: 2147483648\r\n\r\n"),
    "Content-Length of 2^63": ("413", b"Content-Length: 9223372036854775808\r\n\r\n"),
    "Content-Length of 30 digits": ("400", b"Content-Length: " + b"9" * 30 + b"\r\n\r\n"),
    "Content-Length below zero": ("400", b"Content-Length: -1\r\n\r\n"),
    "two lengths": ("400", b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    "a length and chunks": ("400", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a chunk of no number": ("400", b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"),
    "a field of 1 MiB": ("400", b"X: " + b"y" * (1 << 20) + b"\r\n\r\n"),
    "a field without an end": ("400", b"X: " + b"y" * 20_000),
    "40,000 fields": ("400", b"X: y\r\n" * 40_000 + b"\r\n"),
}


async def test_a_request_with_a_hostile_head_is_refused_before_its_body(bench: Bench) -> None:
    for name, (status, head) in HEADS.items():
        async with ByteSocket(bench.gateway.port) as one:
            one.send(f"POST {POLL_PATH} HTTP/1.1\r\nHost: localhost\r\n".encode(), head)
            answer = await within(one.reader.read(4096))
            assert f" {status} ".encode() in answer.split(b"\r\n", 1)[0], (name, answer)
    assert bench.gateway.strangers.cut == 0
    await bench.serves()


async def test_a_chunk_of_two_gigabytes_is_given_up_at_the_limit_of_a_request(bench: Bench) -> None:
    async with ByteSocket(bench.gateway.port) as one:
        one.send(f"POST {POLL_PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        one.send(b"80000000\r\n")
        for _ in range(9):
            one.send(bytes(MESSAGE_BYTES // 8))
        answer = await within(one.reader.read(4096))
        assert b" 413 " in answer.split(b"\r\n", 1)[0], answer
    await bench.serves()


# What strangers can make a gateway keep


async def greedy_message(port: int, stack: AsyncExitStack) -> ByteSocket:
    """As long as is taken, and the last byte never comes."""
    one = await stack.enter_async_context(ByteSocket(port))
    await one.handshake()
    one.send(client_frame(BINARY, bytes(MESSAGE_BYTES - 1), said_bytes=MESSAGE_BYTES))
    return one


async def greedy_fragments(port: int, stack: AsyncExitStack) -> ByteSocket:
    one = await stack.enter_async_context(ByteSocket(port))
    await one.handshake()
    one.send(client_frame(BINARY, b"F", last=False))
    for _ in range(130):
        one.send(client_frame(CONTINUATION, bytes(1000), last=False))
    return one


async def greedy_empty_fragments(port: int, stack: AsyncExitStack) -> ByteSocket:
    """They add nothing to the message, so no limit of it sees them."""
    one = await stack.enter_async_context(ByteSocket(port))
    await one.handshake()
    one.send(client_frame(BINARY, b"F", last=False))
    one.send(client_frame(CONTINUATION, last=False) * 10_000)
    return one


async def greedy_pings(port: int, stack: AsyncExitStack) -> ByteSocket:
    """Every one is answered, and no answer is read."""
    one = await stack.enter_async_context(ByteSocket(port, small=True))
    await one.handshake()
    one.send(client_frame(PING, bytes(125)) * 2_000)
    return one


async def greedy_pings_of_json(port: int, stack: AsyncExitStack) -> ByteSocket:
    one = await stack.enter_async_context(ByteSocket(port, small=True))
    await one.handshake(protocol="flight.v1.json")
    one.send(client_frame(PING, bytes(125)) * 2_000)
    return one


async def greedy_body(port: int, stack: AsyncExitStack) -> ByteSocket:
    one = await stack.enter_async_context(ByteSocket(port))
    one.send(f"POST {POLL_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {spec.POLL_BODY_BYTES}\r\n\r\n".encode())
    one.send(bytes(spec.POLL_BODY_BYTES - 1))
    return one


async def greedy_frame(port: int, stack: AsyncExitStack) -> ByteSocket:
    one = await stack.enter_async_context(ByteSocket(port))
    one.send(encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, bytes(16_000))[:15_000])
    return one


GREEDY: dict[str, tuple[Callable[[int, AsyncExitStack], Any], int]] = {
    "a message without its end": (greedy_message, MESSAGE_BYTES),
    "fragments": (greedy_fragments, MESSAGE_BYTES),
    "empty fragments": (greedy_empty_fragments, 65_536),
    "pings": (greedy_pings, 65_536),
    "pings, JSON": (greedy_pings_of_json, 65_536),
    "a body without its end": (greedy_body, MESSAGE_BYTES),
    "raw TCP": (greedy_frame, 4_096),
}
OWN_BYTES = (
    48_000  # of a connection that says nothing: its transport, its reader, and our own end of it, in this process
)
PEERS = 12


@pytest.mark.parametrize("name", GREEDY)
async def test_what_a_stranger_can_make_the_gateway_keep_is_bounded(bench: Bench, name: str, figure: Figure) -> None:
    """By what Python counts of itself. Both ends are in this process; what ours still has to send does not count."""
    greedy, limit = GREEDY[name]
    port = bench.gateway.tcp_port if name == "raw TCP" else bench.gateway.port
    async with AsyncExitStack() as stack:
        await greedy(port, stack)  # what is made once for all
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            made = [await greedy(port, stack) for _ in range(PEERS)]
            for one in made:
                one.writer.transport.pause_reading()
            for _ in range(200):  # all that the system hands over is read
                await asyncio.sleep(0.001)
            gc.collect()
            ours = sum(one.writer.transport.get_write_buffer_size() for one in made)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        each = (after - before - ours) // PEERS
        figure(f"a stranger with {name} costs {each:,} bytes, both ends")
        assert each <= limit + OWN_BYTES
    await bench.serves()


# Those that are slow on purpose


def drips(number: int, port: int, tcp_port: int) -> tuple[int, bytes]:
    """The port, and what a stranger says there byte by byte, of which the end never comes."""
    head = f"POST {POLL_PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()
    upgrade = (
        "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    )
    json, binary = (
        f"{upgrade}Sec-WebSocket-Protocol: {name}\r\n\r\n".encode() for name in ("flight.v1.json", "flight.v1")
    )
    frame = encode_frame(spec.TYPE_HELLO, spec.FLAG_CHECKED, 0, 0, 0, bytes(600))
    kinds = (
        (port, head + b"X: y\r\n" * 5000),  # headers without an end
        (port, head + b"Content-Length: 60000\r\n\r\n" + bytes(59_000)),
        (port, head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 5000),
        (port, binary + client_frame(BINARY, frame, said_bytes=len(frame) + 1)),
        (port, binary + client_frame(BINARY, b"F", last=False) + client_frame(CONTINUATION, b"F", last=False) * 3000),
        (port, binary + client_frame(PING, b"") * 5000),
        (port, json + client_frame(TEXT, b" " * 20_000, said_bytes=20_001)),
        (port, upgrade.encode() * 40),
        (tcp_port, frame[:-1] + b""),
        (tcp_port, encode_frame(spec.TYPE_PROBE, 0, 0, 0, 0, b"8 bytes.") * 500),
    )
    return kinds[number % len(kinds)]


async def test_whoever_sends_byte_by_byte_is_gone_in_time_and_the_others_are_served(
    bench: Bench, figure: Figure
) -> None:
    """Slow loris of ten kinds, from many addresses. The limit is shortened; the next test has it to the millisecond."""
    bench.gateway.strangers.patience_s = 1.0
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    known = await bench.connected("device-1", "websocket")
    loop = asyncio.get_running_loop()
    slowest_s = 0.0

    async def drip(number: int) -> None:
        nonlocal slowest_s
        port, data = drips(number, bench.gateway.port, bench.gateway.tcp_port)
        async with ByteSocket(port, f"127.0.0.{2 + number % 8}") as one:
            begun = loop.time()
            gone = asyncio.create_task(one.reader.read())
            at = 0
            while not gone.done() and at < len(data):
                step = chance.choice((1, 1, 1, 7))
                one.send(data[at : at + step])
                at += step
                await asyncio.wait({gone}, timeout=0.01 + 0.04 * chance.random())
            await asyncio.wait({gone}, timeout=LIMIT_S)
            assert gone.done(), f"kind {number % 10} is still there"
            slowest_s = max(slowest_s, loop.time() - begun)
            await asyncio.gather(gone, return_exceptions=True)

    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(drip(number) for number in range(HOSTILE)))
    strangers = bench.gateway.strangers
    await eventually(lambda: not [one for one in strangers._waiting if not one.is_closing()], "the end of all")
    assert strangers.refused == 0
    assert strangers.cut >= HOSTILE * 7 // 10  # the others ended by what they said
    assert known.state.value == "connected"
    figure(f"slow loris: {HOSTILE} strangers, the slowest gone after {slowest_s:.2f} s (limit set to 1 s, seed {SEED})")
    strangers.patience_s = PATIENCE_S
    await bench.serves()


class Silent(asyncio.Transport):
    """A connection that goes on sending; nobody reads it."""

    def __init__(self, loop: VirtualLoop, number: int) -> None:
        super().__init__()
        self._loop = loop
        self.number = number
        self.gone_s = 0.0

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (f"10.0.{self.number // 200}.{self.number % 200}", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return bool(self.gone_s)

    def abort(self) -> None:
        self.gone_s = self._loop.time()


def test_a_thousand_strangers_are_gone_within_ten_seconds_each() -> None:
    loop = VirtualLoop()

    async def scene() -> list[float]:
        strangers = Strangers(1024, 256)
        lived = []
        for number in range(1000):
            wire = Silent(loop, number)
            assert strangers.arrived(wire)
            lived.append((loop.time(), wire))
            await asyncio.sleep(0.001)
        await asyncio.sleep(20)
        assert strangers.cut == 1000
        assert len(strangers) == 0
        return [wire.gone_s - begun for begun, wire in lived]

    took = loop.run(scene())
    assert all(0 < one <= 10.0 + 1e-6 for one in took), max(took)


async def test_handshakes_of_tls_that_never_end_are_cut_too(tmp_path: Path) -> None:
    from tests.support.certificates import Authority

    cert, key = Authority(tmp_path).sign()
    bench = Bench(tmp_path, tls_cert=cert, tls_key=key)
    await bench.start()
    try:
        bench.gateway.strangers.patience_s = 0.5
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            half.do_handshake()
        said = outgoing.read()[:-1]
        async with AsyncExitStack() as stack:
            made = [await stack.enter_async_context(ByteSocket(bench.gateway.port)) for _ in range(20)]
            for number, one in enumerate(made):
                one.send(said[: number * len(said) // 20])
            for one in made:
                await within(one.reader.read())
        await eventually(lambda: not bench.gateway.strangers.handshakes, "the end of the handshakes")
        assert not [one for one in bench.gateway.strangers._waiting if not one.is_closing()]
    finally:
        await bench.stop()


# Consumers that do not read


def waiting_bytes(peer: Peer) -> int:
    """What the connection of a session holds for it above the system."""
    pipe = peer.pipe
    assert isinstance(pipe, DuplexPipe)
    assert isinstance(pipe._carrier, WebSocketCarrier)
    assert pipe._carrier._transport is not None
    return pipe._carrier._transport.get_write_buffer_size()


async def test_consumers_that_do_not_read_cost_their_bound_and_the_one_that_reads_gets_everything(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    """Some megabytes for each of them; then one reads on, and hears of every entry that it has missed."""
    # A window that a stalled one cannot fill, so that the connection is what holds it back.
    monkeypatch.setitem(registry._PROFILES, "host", {**registry._PROFILES["host"], "heartbeat_ms": 60_000})
    device = await bench.connected("device-1", "tcp")
    good, reader = await bench.tool("payload", device_id="good", channels=["flood"])
    assert good.state.value == "connected"
    entries, size = 160, 12_000
    async with AsyncExitStack() as stack:
        stalled = []
        chance = random.Random(SEED)
        for number in range(HOSTILE):
            one = await stack.enter_async_context(ByteSocket(bench.gateway.port, small=True))
            await one.handshake()
            hello = hello_frame(bench.token(), b"stalled-%d" % number, window_frames=32, window_bytes=524_288)
            one.send(client_frame(BINARY, hello), client_frame(BINARY, open_frame(1, b"flood", spec.MODE_SUBSCRIBE)))
            stalled.append(one)
        await eventually(lambda: bench.gateway.hub.subscribers() == HOSTILE + 1, "all subscriptions", LIMIT_S)
        peers = {peer.source.device_id: peer for peer in bench.gateway.registry.peers()}
        most = most_queued = 0
        channel = device.channel("flood")
        for number in range(entries):
            data = chance.randbytes(size)  # nothing that becomes small by compression
            await within(channel.put(Payload(1, data), critical=True), LIMIT_S)
            if number % 20 == 19:
                await reader.take(20, LIMIT_S)
                held = [waiting_bytes(peers[f"stalled-{n}"]) for n in range(HOSTILE)]
                most = max(most, *held)
                queues = [s.queued_bytes for s in bench.gateway.hub._channels["flood"].subscribers]
                most_queued = max(most_queued, *queues)
                assert max(queues) <= SUBSCRIBER_BYTES
                assert most <= WAITING_BYTES
        assert await device.flush(LIMIT_S)
        assert most_queued > SUBSCRIBER_BYTES // 2, "nobody was stalled: the test shows nothing"
        missed = await reads_on(stalled[0], 1 + entries)
        counters = bench.gateway.hub.counters()
        figure(
            f"{HOSTILE} stalled consumers, {entries} entries of {size:,} bytes: at most {most:,} bytes in a connection and "
            f"{most_queued:,} in a queue; {counters.dropped:,} dropped and told, the one that read has all"
        )
        assert missed > 0
    await bench.serves()


async def reads_on(one: ByteSocket, beyond: int) -> int:
    """Take what waits, acknowledging it; how many entries are told to be missing. Everything is told or delivered."""
    at = missed = ack = 0
    while at < beyond - 1:
        found = await one.frame()
        assert found is not None, f"ended at {at}"
        if found[0] != BINARY:
            continue
        for frame in frames_of(found[1]):
            ack = max(ack, frame.seq + 1 if frame.seq else 0)
            if frame.kind == spec.TYPE_DELIVER:
                offset, previous = struct.unpack_from("<QQ", frame.payload)
                assert previous == at, f"entry {offset} follows {previous}, and the last one was {at}"
                at = offset
            elif frame.kind == spec.TYPE_GAP:
                after, to = struct.unpack_from("<QQ", frame.payload, 12)
                assert after == at
                missed += to - after
                at = to
        if ack:
            one.send(client_frame(BINARY, encode_frame(spec.TYPE_ACK, 0, 0, 0, ack, bytes(4))))
    return missed


async def test_a_consumer_that_does_not_read_is_gone_after_two_heartbeats_and_its_session_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._PROFILES, "vita", {**registry._PROFILES["vita"], "heartbeat_ms": 250})
    device = await bench.connected("device-1", "tcp")
    channel = device.channel("flood")
    async with AsyncExitStack() as stack:
        stalled = []
        for number in range(5):
            one = await stack.enter_async_context(ByteSocket(bench.gateway.port, small=True))
            await one.handshake()
            vita = {"platform": b"vita", "platform_number": 3, "client_type": 2}
            hello = hello_frame(bench.token(), b"stalled-%d" % number, **vita)
            one.send(client_frame(BINARY, hello), client_frame(BINARY, open_frame(1, b"flood", spec.MODE_SUBSCRIBE)))
            stalled.append(one)
        await eventually(lambda: bench.gateway.hub.subscribers() == 5, "all subscriptions")
        peers = [peer for peer in bench.gateway.registry.peers() if peer.source.device_id.startswith("stalled")]
        chance = random.Random(SEED)
        for _ in range(40):
            await within(channel.put(Payload(1, chance.randbytes(12_000)), critical=True), LIMIT_S)
        await eventually(lambda: not any(peer.attached for peer in peers), "all are detached", LIMIT_S)
        assert Counter(peer.gone for peer in peers) == {False: 5}
    await bench.serves()
