"""Polling requests for a session of another node: who passes them on, to whom, and what comes of a bad answer."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from aiohttp import web

from flight_client.errors import CallerError
from flight_client.gateway.forwarding import HEADER, Forwarder, knows_session
from flight_client.gateway.node_list import MOST_NODES, TAG_BYTES, check_nodes, tag_of
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.json_peer import JsonPoller
from tests.support.ports import free_port
from tests.support.raw import POLL_PATH, RawPoller, frames_of, hello_frame
from tests.support.waiting import eventually, within

OURS, THEIRS = "http://node-a:8080", "http://node-b:8080"
REDIS = "redis://localhost"


def first_frame(kind: int, session_id: bytes) -> bytes:
    """ATTACH or POLL with a proof that proves nothing."""
    return encode_frame(kind, spec.FLAG_CHECKED, 0, 0, 0, session_id + bytes(8) + bytes(16))


def id_of(node: str) -> bytes:
    return tag_of(node) + os.urandom(spec.SESSION_ID_BYTES - TAG_BYTES)


class Other:
    """A server in the other node's place, which answers as the test says."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[], web.Response] = web.Response
        self.hangs = asyncio.Event()
        self.hold = False
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post(POLL_PATH, self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append((dict(request.headers), await request.read()))
        if self.hold:
            await self.hangs.wait()
        return self.answer()

    async def stop(self) -> None:
        self.hangs.set()
        if self._runner is not None:
            await self._runner.cleanup()


@pytest.fixture
async def other(bench: Bench) -> AsyncIterator[Other]:
    """Beside `bench`, which knows it as its other node."""
    made = Other()
    await made.start()
    forwarder = bench.gateway.forwarder = Forwarder(bench.address, (bench.address, made.url))
    bench.gateway.registry._node_tag = forwarder.tag
    yield made
    await made.stop()


@pytest.mark.parametrize("kind", [spec.TYPE_ATTACH, spec.TYPE_POLL])
async def test_a_request_for_a_session_of_the_other_node_gets_its_answer(bench: Bench, other: Other, kind: int) -> None:
    reply = encode_frame(spec.TYPE_ACK, 0, 0, 0, 5, b"")
    other.answer = lambda: web.Response(body=reply, content_type="application/octet-stream")
    body = first_frame(kind, id_of(other.url))
    async with RawPoller(bench.address) as raw:
        assert await raw.request(body, headers={"Prefer": "wait=3"}) == (200, reply)
    [(headers, came)] = other.asked
    assert came == body
    assert headers["Prefer"] == "wait=3"
    assert HEADER in headers
    assert bench.gateway.forwarder is not None
    assert bench.gateway.forwarder.forwarded == 1


async def test_whose_connection_carries_a_session_of_the_other_node_is_no_stranger_and_whose_does_not_is_one(
    bench: Bench, other: Other
) -> None:
    reply = encode_frame(spec.TYPE_ACK, 0, 0, 0, 5, b"")
    reset = encode_frame(spec.TYPE_RESET, 0, 0, 0, 0, bytes([spec.CODE_PROOF]) + bytes(7))
    async with RawPoller(bench.address) as raw:
        for answer, strangers in ((reset, 1), (reply, 0)):
            other.answer = partial(web.Response, body=answer)
            await raw.poll(first_frame(spec.TYPE_POLL, id_of(other.url)))
            assert len(bench.gateway.strangers) == strangers
    assert not knows_session(b"")
    assert not knows_session(b"<html>")
    assert not knows_session(reply[:10])


@pytest.mark.parametrize("whose", ["ours", "nobody's", "passed on already"])
async def test_what_is_not_the_other_node_s_is_answered_here(bench: Bench, other: Other, whose: str) -> None:
    session_id = {"ours": id_of(bench.address), "nobody's": bytes(16)}.get(whose, id_of(other.url))
    headers = {HEADER: "1"} if whose == "passed on already" else {}
    async with RawPoller(bench.address) as raw:
        status, body = await raw.request(first_frame(spec.TYPE_POLL, session_id), headers=headers)
    [reset] = frames_of(body)
    assert (status, reset.kind, reset.code) == (200, spec.TYPE_RESET, spec.CODE_UNKNOWN_SESSION)
    assert not other.asked


async def test_hello_is_answered_here_and_its_session_is_named_after_this_node(bench: Bench, other: Other) -> None:
    async with RawPoller(bench.address) as raw:
        session = await raw.hello(bench.token())
        [answer] = await raw.poll(session.poll_frame(1))
        assert answer.kind == spec.TYPE_ACK
    assert session.session_id[:TAG_BYTES] == tag_of(bench.address)
    assert not other.asked


@pytest.mark.parametrize("kind", [spec.TYPE_ATTACH, spec.TYPE_POLL])
async def test_a_node_that_is_not_there_has_lost_its_sessions(bench: Bench, other: Other, kind: int) -> None:
    await other.stop()
    async with RawPoller(bench.address) as raw:
        [reset] = await raw.poll(first_frame(kind, id_of(other.url)))
        assert (reset.kind, reset.code) == (spec.TYPE_RESET, spec.CODE_UNKNOWN_SESSION)
        [welcome] = await raw.poll(hello_frame(bench.token()))
        assert welcome.kind == spec.TYPE_WELCOME
    assert bench.gateway.forwarder is not None
    assert bench.gateway.forwarder.unreachable == 1


async def test_a_node_that_hangs_is_given_up_before_the_device_gives_this_one_up(bench: Bench, other: Other) -> None:
    other.hold = True
    assert bench.gateway.forwarder is not None
    assert bench.gateway.forwarder.attach_s < 10, "the shortest connect_timeout_ms of a profile that polls so"
    bench.gateway.forwarder.attach_s = 0.05
    async with RawPoller(bench.address) as raw:
        [reset] = await raw.poll(first_frame(spec.TYPE_ATTACH, id_of(other.url)))
    assert (reset.kind, reset.code) == (spec.TYPE_RESET, spec.CODE_UNKNOWN_SESSION)
    assert other.asked


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=302, headers={"Location": "http://192.0.2.1/"}),
        lambda: web.Response(status=500, text="secret traceback"),
        lambda: web.Response(body=bytes(spec.POLL_BODY_BYTES + 1)),
        lambda: web.Response(body=b"x" * 100, headers={"Content-Length": "200"}),
    ],
    ids=["redirect", "failure", "too large", "cut"],
)
async def test_an_answer_that_is_none_is_not_handed_on(
    bench: Bench, other: Other, answer: Callable[[], web.Response]
) -> None:
    other.answer = answer
    async with RawPoller(bench.address) as raw:
        asking = asyncio.create_task(raw.request(first_frame(spec.TYPE_POLL, id_of(other.url)), allow_redirects=False))
        await eventually(lambda: other.asked)
        await other.stop()  # what is cut ends with its server
        status, body = await within(asking)
    assert status == 502
    assert b"the node of this session" in body
    assert b"secret" not in body
    await bench.serves()


@pytest.mark.parametrize(
    ("node", "nodes", "engine", "said"),
    [
        (OURS, (), REDIS, "FLIGHT_NODES"),
        ("", (OURS, THEIRS), REDIS, "own address"),
        ("http://node-c:8080", (OURS, THEIRS), REDIS, "node-c"),
        (OURS, (OURS,), REDIS, "needs no list"),
        (OURS, (OURS, OURS), REDIS, "every address once"),
        (OURS, (OURS, "http://node-b"), REDIS, "with a port"),
        (OURS, (OURS, "http://node-b:8080/"), REDIS, "without a path"),
        (OURS, (OURS, "ftp://node-b:8080"), REDIS, "ftp://node-b:8080"),
        (OURS, (OURS, "http://user:hunter2@node-b:8080"), REDIS, "hidden"),
        (OURS, (OURS, "http://node-b:port"), REDIS, "node-b:port"),
        (OURS, (OURS, *(f"http://n{number}:1" for number in range(MOST_NODES))), REDIS, "65 addresses"),
        (OURS, (OURS, THEIRS), "memory:", "redis://HOST or amqp://HOST"),
        (OURS, (OURS, THEIRS), "sqlite:log.sqlite", "sqlite:log.sqlite"),
    ],
)
def test_a_list_of_nodes_that_cannot_work_is_refused(node: str, nodes: tuple[str, ...], engine: str, said: str) -> None:
    with pytest.raises(CallerError) as caught:
        check_nodes(node, nodes, engine)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_sound_list_is_taken_and_its_nodes_have_names_of_their_own() -> None:
    for engine in (REDIS, "rediss://h", "amqp://h", "amqps://h"):
        check_nodes(OURS, (OURS, THEIRS), engine)
    assert tag_of(OURS) != tag_of(THEIRS)
    assert len(tag_of(OURS)) == TAG_BYTES


# JSON


async def test_json_of_a_session_of_the_other_node_gets_its_answer_whatever_its_status(
    bench: Bench, other: Other
) -> None:
    async with JsonPoller(bench.address) as poller:
        poller.key, poller.token = id_of(other.url).hex(), "token"
        for status in (200, 409, 429):
            body = {"messages": [{"type": "pong", "id": str(status)}]}
            other.answer = partial(web.json_response, body, status=status)
            request = poller.request()
            assert await poller.post(request, Prefer="wait=3") == (status, body)
            headers, came = other.asked[-1]
            assert json.loads(came) == request
            assert (headers["Prefer"], headers["Content-Type"], HEADER in headers) == (
                "wait=3",
                "application/json",
                True,
            )
            assert len(bench.gateway.strangers) == 0  # since the 200
    assert bench.gateway.forwarder is not None
    assert bench.gateway.forwarder.forwarded == 3


async def test_json_whose_node_is_gone_says_hello_again_and_of_one_that_hangs_asks_again(
    bench: Bench, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_client.gateway.forwarding._REPLY_S", 0.05)
    other.hold = True
    async with JsonPoller(bench.address) as poller:
        poller.key, poller.token = id_of(other.url).hex(), "token"
        status, body = await poller.post(poller.request())
        assert (status, body["messages"][0]["code"], body["messages"][0]["retryAfterMs"]) == (502, "busy", 1000)
        await other.stop()
        status, body = await poller.post(poller.request())
        assert (status, body["messages"][0]["code"]) == (409, "unknown-session")


async def test_json_that_is_passed_on_already_or_nobody_s_is_answered_here(bench: Bench, other: Other) -> None:
    async with JsonPoller(bench.address) as poller:
        welcome = await poller.hello(bench.token())
        assert poller.key.startswith(tag_of(bench.address).hex())
        assert await poller.poll({"type": "ping", "id": "1"}) == [{"type": "pong", "id": "1"}]
        for key, headers in ((id_of(other.url).hex(), {HEADER: "1"}), ("00" * 16, {}), ("no hex", {})):
            status, body = await poller.post(poller.request() | {"pollKey": key}, **headers)
            assert (status, body["messages"][0]["code"]) == (409, "unknown-session")
        assert welcome["type"] == "welcome"
    assert not other.asked


@pytest.mark.parametrize("kind", [spec.TYPE_ATTACH, spec.TYPE_POLL])
async def test_a_list_that_leads_back_to_the_gateway_is_followed_once(bench: Bench, kind: int) -> None:
    alias = bench.address.replace("127.0.0.1", "localhost")
    forwarder = bench.gateway.forwarder = Forwarder(bench.address, (bench.address, alias))
    async with RawPoller(bench.address) as raw:
        [reset] = await raw.poll(first_frame(kind, id_of(alias)))
    assert (reset.kind, reset.code) == (spec.TYPE_RESET, spec.CODE_UNKNOWN_SESSION)
    assert forwarder.forwarded == 1
