"""A server that breaks every rule there is: the whole client ends the connection, says why, counts it, and goes on.

The replies are those of the codecs' own tests (tests/codecs); here the whole client reads them, and afterwards finds a gateway
where the hostile server was: nothing critical is lost or stored twice for it. World.poll judges every call: accounts, calls of
the port, memory beside the client's.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re

import pytest

from flight_client.session.spec import TRANSPORT_POLLING, TRANSPORT_TCP, TRANSPORT_WEBSOCKET
from tests.codecs import http_cases, websocket_cases
from tests.codecs.library import KEY, PROBLEMS
from tests.console.world import NAMES, World

WAITING, READY = 1, 5
GARBAGE = 10
PIECES = (1 << 30, 13)  # what one call of the port gives at most
SEEDS = 60
SEED = 20261123


def hears(transport: int, piece: int) -> World:
    """A client that has said its first word, with a line that must not get lost."""
    world = World(transport)
    world.reachable = False
    assert world.start() == 0
    assert world.log("before") == 0
    world.frame(0)
    world.frame(0)
    assert world.sent, "it has asked"
    world.script.recv_room = piece
    return world


def failed(world: World, data: bytes) -> None:
    """These bytes come, and end the attempt: without time, in a bounded number of steps."""
    world.give(data)
    for _ in range(20):
        world.frame(0)
        if world.status().failures:
            break
    status = world.status()
    assert (status.failures, status.connections, status.state) == (1, 0, WAITING)
    world.frame(0)
    assert world.seen.is_open == 0


def goes_on(world: World) -> None:
    """Where the hostile server was there is a gateway."""
    world.script.recv_room = 1 << 30
    world.reachable = True
    world.run(8000, 100)
    status = world.status()
    assert (status.state, status.connections, status.queued) == (READY, 1, 0)
    assert world.lines() == ["before"], "not lost, and not stored twice"


BAD_REPLIES = {name: case for name, case in http_cases.CASES.items() if case.problem != "none"}


@pytest.mark.parametrize("piece", PIECES)
def test_a_bad_http_reply_ends_the_attempt_with_its_reason(piece: int) -> None:
    for name, case in BAD_REPLIES.items():
        world = hears(TRANSPORT_POLLING, piece)
        failed(world, case.data)
        status = world.status()
        reason = PROBLEMS.index(case.problem)
        # What stood in front of the fault is no frames either.
        assert status.trouble in ((reason, GARBAGE) if case.payload else (reason,)), name
        if status.trouble == PROBLEMS.index("status"):
            assert status.detail == case.status, name
        goes_on(world)
    assert len(BAD_REPLIES) > 100


def accept_of(world: World) -> bytes:
    """The proof for the key that this client drew."""
    found = re.search(rb"Sec-WebSocket-Key: (\S+)", bytes(world.sent))
    assert found is not None
    return base64.b64encode(hashlib.sha1(found[1] + websocket_cases.GUID).digest())


@pytest.mark.parametrize("piece", PIECES)
def test_a_bad_upgrade_ends_the_attempt_with_its_reason(piece: int) -> None:
    for name, (problem, status_code, data) in websocket_cases.BAD_UPGRADES.items():
        world = hears(TRANSPORT_WEBSOCKET, piece)
        accept = accept_of(world)
        key = base64.b64encode(KEY)
        for its, ours in (
            (websocket_cases.ACCEPT[:-2], accept[:-2]),
            (websocket_cases.ACCEPT.swapcase(), accept.swapcase()),
            (key, base64.b64encode(bytes(16))),
        ):
            data = data.replace(its, ours)  # noqa: PLW2901
        failed(world, data)
        status = world.status()
        assert status.trouble == PROBLEMS.index(problem), name
        assert problem != "status" or status.detail == status_code, name
        goes_on(world)


@pytest.mark.parametrize("piece", PIECES)
def test_frames_that_a_websocket_server_must_not_send_end_the_connection(piece: int) -> None:
    cases = {name: case for name, case in websocket_cases.CASES.items() if case.problem != "none"}
    for name, case in cases.items():
        world = hears(TRANSPORT_WEBSOCKET, piece)
        upgrade = websocket_cases.UPGRADE.replace(websocket_cases.ACCEPT, accept_of(world))
        failed(world, upgrade + case.data)
        status = world.status()
        reason = PROBLEMS.index(case.problem)
        assert status.trouble in ((reason, GARBAGE) if case.payload else (reason,)), name
        if status.trouble == PROBLEMS.index("closed"):
            assert status.detail == case.status, name
        goes_on(world)
    assert len(cases) > 50


def test_a_server_that_is_none_is_refused_whatever_it_says_first() -> None:
    for data in (b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00" * 64, b"\xff" * 64, b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        for piece in PIECES:
            world = hears(TRANSPORT_TCP, piece)
            failed(world, data)
            assert world.status().trouble == GARBAGE
            goes_on(world)


def spoiled(source: random.Random, data: bytes) -> bytes:
    """What a broken server makes of its words."""
    out = bytearray(data)
    place = source.randrange(len(out))
    match source.randrange(5):
        case 0:
            out[place] ^= 1 << source.randrange(8)
        case 1:
            del out[place:]
        case 2:
            out[place:place] = source.randbytes(source.randrange(1, 40))
        case 3:
            out += out[place:]
        case _:
            out[place : place + 4] = source.choice((b"\xff\xff\xff\xff", bytes(4), b"\x00\xff\x7f\x80"))
    return bytes(out)


@pytest.mark.parametrize(
    "transport", [TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING], ids=lambda number: NAMES[number]
)
def test_a_server_that_spoils_what_it_says_breaks_no_account_and_is_survived(transport: int) -> None:
    failures = 0
    for seed in range(SEED, SEED + SEEDS):
        source = random.Random(seed)
        world = World(transport)
        real = world.give

        def give(data: bytes, source: random.Random = source, real: object = real) -> None:
            assert callable(real)
            real(spoiled(source, data) if source.random() < 0.3 else data)

        world.give = give  # type: ignore[method-assign]
        assert world.start() == 0
        world.listen("commands")
        for number in range(120):
            world.log(f"line {number}")
            if number % 10 == 5 and "commands" in world.gateway.names.values():
                world.deliver("commands", (number, b"go"))
            world.frame(50)
        world.give = real  # type: ignore[method-assign]
        world.run(60_000, 250)
        while world.status().state == WAITING and world.status().wait_ms > 60_000:
            world.frame(
                min(4_000_000, world.status().wait_ms)
            )  # a spoiled frame named a time to come back at, and is believed
        world.run(60_000, 250)
        status = world.status()
        failures += status.failures
        assert (status.state, status.queued) == (READY, 0), f"seed {seed}: trouble {status.trouble}"
    print(f"seeds {SEED} to {SEED + SEEDS - 1}: {failures} failures")
    assert failures > SEEDS
