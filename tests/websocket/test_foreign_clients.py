"""WebSocket clients that are not ours, against the gateway: what they are used to, they get."""

import pytest

from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.figures import Figure
from tests.support.raw import (
    STREAM_PATH,
    SUBPROTOCOL,
    Frame,
    critical_frame,
    frames_of,
    hello_frame,
    of_kind,
    open_frame,
)
from tests.support.waiting import eventually, within
from tests.websocket.gateway_cases import LIMIT_BYTES, answer, probe
from tests.websocket.peers import Ended, NodePeer, Peer, PythonPeer

BODY = bytes(range(256))


async def connected(bench: Bench, peer: Peer) -> None:
    """It offers what it likes, and gets our subprotocol and no extension."""
    agreed = await within(peer.connect(bench.address + STREAM_PATH, "mqtt", SUBPROTOCOL))
    assert (agreed.protocol, agreed.extensions) == (SUBPROTOCOL, "")


async def test_it_speaks_a_session_whole_and_in_pieces(bench: Bench, peer: Peer, figure: Figure) -> None:
    await connected(bench, peer)
    cases = 0
    for size in (24, 125, 126, 127, 128, 640):
        for pieces in (1, 2, 7):
            data, cases = probe(cases, size), cases + 1
            step = -(-size // pieces)
            await peer.send(*(data[at : at + step] for at in range(0, size, step)))
            [frame] = frames_of(await within(peer.receive()))
            assert (frame.kind, frame.payload) == (spec.TYPE_PROBED, answer(cases - 1))
    for data in (b"", b"hello", BODY[:125]):
        assert await within(peer.ping(data)) == data
    hello = hello_frame(bench.token())
    await peer.send(hello[:7], hello[7:100], hello[100:])
    [welcome] = of_kind(frames_of(await within(peer.receive())), spec.TYPE_WELCOME)
    assert len(welcome.payload) == 88
    await peer.send(open_frame(1, b"log"))
    while not of_kind(frames_of(await within(peer.receive())), spec.TYPE_OPENED):
        pass
    for number in range(1, 30):  # more than the strangers' eight
        assert await within(peer.ping(b"%d" % number)) == b"%d" % number
        await peer.send(critical_frame(1, number, number))
    last = critical_frame(1, 30, 30)
    beats = encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8)) * ((LIMIT_BYTES - len(last)) // 24)
    await peer.send(*(beats[at : at + 4096] for at in range(0, len(beats), 4096)), last)
    await eventually(lambda: bench.gateway.hub.counters().stored == 30, "the last event")
    await peer.close(1000, "goodbye")
    assert (await within(peer.ended())).code == 1000
    await eventually(lambda: not any(one.attached for one in bench.gateway.registry.sessions()), "its end")
    figure(f"{peer.name} as a client of the gateway: {cases} messages in pieces, 32 pings, a session")
    await bench.serves()


async def test_it_may_close_with_any_code(bench: Bench) -> None:
    for kind in (PythonPeer, NodePeer):
        for code in (1000, 1001, 1008, 1011, 3000, 4999):
            peer: Peer = kind()
            await connected(bench, peer)
            await peer.close(code, "because")
            assert (await within(peer.ended())).code == 1000
            await within(peer.stop())
    await bench.serves()


async def to_the_end(peer: Peer) -> tuple[list[Frame], int]:
    """What comes until the gateway closes, and its code."""
    found: list[Frame] = []
    try:
        while True:
            found += frames_of(await within(peer.receive()))
    except Ended as end:
        return found, end.code


async def test_what_it_may_not_send_is_refused_in_words_or_with_a_code(bench: Bench) -> None:
    refused = {
        "too long": ((bytes(LIMIT_BYTES + 1),), True, 1009),
        "too long in pieces": ((bytes(65_536), bytes(65_537)), True, 1009),
        "text": ((b"hello",), False, 1000),
        "no frames": ((b"garbage",), True, 1000),
    }
    for kind in (PythonPeer, NodePeer):
        for name, (pieces, binary, code) in refused.items():
            peer: Peer = kind()
            try:
                await connected(bench, peer)
                await peer.send(*pieces, binary=binary)
                frames, ended = await to_the_end(peer)
                assert {frame.kind for frame in frames} <= {spec.TYPE_CLOSE}
                assert ended == code, (kind.name, name)
            finally:
                await within(peer.stop())
    await bench.serves()


@pytest.mark.parametrize("offered", [(), ("mqtt",), ("flight.v2", "Flight.V1")])
async def test_without_our_subprotocol_it_is_refused(bench: Bench, peer: Peer, offered: tuple[str, ...]) -> None:
    agreed = await within(peer.connect(bench.address + STREAM_PATH, *offered))
    assert agreed.status == 400
    await bench.serves()
