"""What every transport promises its driver, told by a peer that does what no gateway would."""

import asyncio
import contextlib
from typing import Any

import pytest

from flight_client.errors import FlightError, LinkError, PeerError
from flight_client.session import spec
from flight_client.transports import Transport
from flight_client.wire.frames import FrameReader, encode_frame
from tests.conformance.transports.peers import Ground
from tests.support.waiting import eventually, within

HEAD = spec.HEADER_BYTES


def frame(size: int, checked: bool = False) -> bytes:
    """A frame of that many bytes."""
    trailer = spec.TRAILER_BYTES if checked else 0
    payload = bytes(i * 7 & 255 for i in range(size - HEAD - trailer))
    return encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH | (spec.FLAG_CHECKED if checked else 0), 1, 0, 0, payload)


def contents(body: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """The frames of a turn, without their CRCs, which a transport may add. Raises FrameError like the driver's reader."""
    reader = FrameReader()
    reader.feed(body)
    found = []
    while reader.next():
        found.append((reader.type, reader.channel, reader.seq, reader.ack, body[reader.start : reader.end]))
    return found


async def receive(transport: Transport, count: int) -> list[tuple[int, int, int, int, bytes]]:
    found: list[tuple[int, int, int, int, bytes]] = []
    while len(found) < count:
        found += contents(await within(transport.receive()))
    return found


async def exchange(ground: Ground, transport: Transport, peer: Any, up: bytes, down: bytes) -> tuple[bytes, list[Any]]:
    """One turn up, one down: what the peer saw, what the transport gave."""
    if ground.duplex:
        await within(transport.send(up))
        seen = await within(peer.receive(len(up)))
        await within(peer.send(down))
        return seen, await receive(transport, len(contents(down)))
    asking = asyncio.create_task(transport.send(up))
    peer = await within(ground.peers.get()) if peer is None else peer
    seen = await within(peer.receive(len(up)))
    await within(peer.send(down))
    return seen, contents(await within(asking))


async def asked(ground: Ground, transport: Transport) -> tuple[Any, "asyncio.Task[bytes]"]:
    """An open transport that waits for the peer's words: the peer and the waiting call."""
    peer = await within(ground.met(transport))
    if ground.duplex:
        await within(transport.send(frame(40)))
        await within(peer.receive(40))
        return peer, asyncio.create_task(transport.receive())
    task = asyncio.create_task(transport.send(frame(40)))
    peer = await within(ground.peers.get())
    await within(peer.receive(40))
    return peer, task


async def test_frames_of_every_size_go_both_ways(ground: Ground) -> None:
    transport = ground.make()
    peer = await within(ground.met(transport))
    limit = ground.limit_bytes
    sizes = [HEAD, HEAD + 1, HEAD + 3, HEAD + 4, 63, 64, 65, 127, 128, 255, 256, 511, 512, 600, limit - 1, limit]
    sizes += [size for size in (639, 640, 641, 4095, 4096, 4097, 16384, 65535) if size < limit]
    if not ground.duplex:
        first = asyncio.create_task(transport.send(frame(HEAD)))
        peer = await within(ground.peers.get())
        await within(peer.receive(HEAD))
        await within(peer.send(frame(HEAD)))
        await within(first)
    for size in sizes:
        up, down = frame(size), frame(size)
        seen, got = await exchange(ground, transport, peer, up, down)
        assert contents(seen) == contents(up), size
        assert got == contents(down), size
    await within(transport.close())


async def test_several_frames_of_one_turn_arrive_in_order(ground: Ground) -> None:
    transport = ground.make()
    peer = await within(ground.met(transport))
    down = b"".join(encode_frame(spec.TYPE_DELIVER, 0, 1, seq, 0, bytes(seq)) for seq in range(1, 30))
    _, got = await exchange(ground, transport, peer, frame(40), down)
    assert [found[2] for found in got] == list(range(1, 30))
    await within(transport.close())


async def test_nobody_there_is_the_links_fault_and_says_what_to_do(ground: Ground) -> None:
    transport = ground.make_to_nobody()

    async def knock() -> None:
        await transport.open()
        await transport.send(frame(40))

    with pytest.raises(LinkError) as caught:
        await within(knock())
    assert caught.value.next_step
    await within(transport.close())


async def test_a_connection_that_is_cut_at_any_byte_is_an_error_and_never_half_a_frame(ground: Ground) -> None:
    wanted = frame(40, checked=True)
    for at in range(200):
        transport = ground.make()
        peer, waiting = await asked(ground, transport)
        data = peer.encoded(wanted)
        if at >= len(data) and at:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await within(transport.close())
            break
        await within(peer.write(data[:at]))
        peer.cut()
        with pytest.raises(FlightError):
            contents(await within(waiting))
        await within(transport.close())
        if ground.name == "serial" or ground.name == "pipe":  # a pulled cable is gone for good
            await ground.stop()
            await ground.start()
    else:
        raise AssertionError("the frame has more bytes than this test")


async def test_a_peer_that_is_silent_keeps_a_call_waiting_until_it_is_cancelled(ground: Ground) -> None:
    transport = ground.make()
    _, waiting = await asked(ground, transport)
    for _ in range(50):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await within(waiting)
    await within(transport.close())


async def test_every_call_can_be_cancelled_at_every_moment_and_closed_then(ground: Ground) -> None:
    async def life(transport: Transport) -> None:
        await transport.open()
        await transport.send(frame(64))
        if ground.duplex:
            while True:
                await transport.receive()

    for turns in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55]:
        transport = ground.make()
        task = asyncio.create_task(life(transport))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await within(task)
        await within(transport.close())


async def test_close_works_in_every_state_and_twice(ground: Ground) -> None:
    never_opened = ground.make()
    await within(never_opened.close())
    await within(never_opened.close())
    opened = ground.make()
    await within(ground.met(opened))
    await within(opened.close())
    await within(opened.close())
    failed = ground.make_to_nobody()
    with contextlib.suppress(LinkError):
        await within(failed.open())
    await within(failed.close())


async def test_close_while_a_call_waits_ends_the_call_with_an_error(ground: Ground) -> None:
    transport = ground.make()
    _, waiting = await asked(ground, transport)
    await within(transport.close())
    with pytest.raises(FlightError):
        await within(waiting)


async def test_who_sends_to_a_peer_that_does_not_read_is_held_back(duplex: Ground) -> None:
    transport = duplex.make()
    peer = await within(duplex.met(transport))
    body, turns = frame(min(duplex.limit_bytes, 32768)), 1024
    sent = 0
    if duplex.name in ("serial", "pipe"):  # the far end of a line is in this process and reads what it can
        peer._port._transport.pause_reading()
        turns = 30_000

    async def flood() -> None:
        nonlocal sent
        for _ in range(turns):
            await transport.send(body)
            sent += 1

    task = asyncio.create_task(flood())
    await at_rest(lambda: sent)
    assert 0 < sent < turns
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await within(task)
    await within(transport.close())


async def test_a_peer_that_floods_is_held_back_while_nobody_receives(duplex: Ground) -> None:
    transport = duplex.make()
    peer = await within(duplex.met(transport))
    await within(transport.send(frame(40)))
    await within(peer.receive(40))
    body, turns = frame(min(duplex.limit_bytes, 32768)), 30_000 if duplex.limit_bytes < 1000 else 1024
    sent = 0

    async def flood() -> None:
        nonlocal sent
        for _ in range(turns):
            await peer.send(body)
            sent += 1

    task = asyncio.create_task(flood())
    await at_rest(lambda: sent)
    assert 0 < sent < turns
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await within(task)
    await within(transport.close())


async def at_rest(count: Any) -> None:
    """Until a number has stopped to grow; kernels buffer megabytes, so the number itself means nothing."""
    seen, same = -1, 0

    def still() -> bool:
        nonlocal seen, same
        same = same + 1 if count() == seen and seen > 0 else 0
        seen = count()
        return same >= 40

    await eventually(still, "a sender that is held back")


GARBAGE = [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(64), b"\xf1" * 64, b"\xff" * 700, bytes(range(256))]


@pytest.mark.parametrize("garbage", GARBAGE, ids=["http", "zeros", "magic", "ones", "counting"])
async def test_garbage_from_the_peer_is_told_or_passed_over_and_never_hangs(ground: Ground, garbage: bytes) -> None:
    transport = ground.make()
    peer, waiting = await asked(ground, transport)
    if ground.keeps_bytes:
        await within(peer.send(garbage) if ground.name != "tcp" else peer.write(garbage))
        with pytest.raises(PeerError) as caught:
            contents(await within(waiting))
        assert caught.value.next_step
    else:
        await within(peer.write(garbage))
        await within(peer.send(frame(40)))
        assert contents(await within(waiting)) == contents(frame(40))
    await within(transport.close())
