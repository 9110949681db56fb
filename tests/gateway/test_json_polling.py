"""`flight.v1.json` over polling at a real gateway: numbers, repeated requests, long polling, proofs, bounds."""

import asyncio
import hashlib
import zlib
from typing import Any

import aiohttp
import pytest

from flight_client import Log
from flight_client.gateway.json_protocol.messages import MESSAGE_BYTES
from flight_client.session import spec
from tests.support.bench import Bench, component
from tests.support.json_peer import JsonPoller, log_event, publish
from tests.support.waiting import eventually, within


async def test_events_go_both_ways_and_every_answer_comes_with_its_request(bench: Bench) -> None:
    device = await bench.connected("console")
    tool, reader = await bench.tool("log", channels=["log"])
    async with JsonPoller(bench.address) as poller:
        welcome = await poller.hello(bench.token())
        assert welcome["type"] == "welcome"
        [answer] = await poller.poll({"type": "subscribe", "id": "1", "channel": "component-events"})
        assert answer["type"] == "subscribed"
        for number in range(3):
            await within(device.channel("component-events").publish(component(number)))
        heard = await poller.poll()
        assert [message["events"][0]["data"]["metadata"]["number"] for message in heard] == [0, 1, 2]
        answers = await poller.poll(publish("2", "log", log_event("a")), publish("3", "log", log_event("b")))
        assert [(answer["type"], answer["id"]) for answer in answers] == [("ack", "2"), ("ack", "3")]
        assert await poller.poll({"type": "close"}) == []
        status, body = await poller.post(poller.request())
        assert (status, body["messages"][0]["code"]) == (409, "unknown-session")
    assert [event.data for event in await reader.take(2)] == [Log("a"), Log("b")]
    assert tool is not None


async def test_a_request_that_comes_again_gets_the_same_reply_and_is_done_once(bench: Bench) -> None:
    device = await bench.connected("console")
    async with JsonPoller(bench.address) as poller:
        await poller.hello(bench.token())
        await poller.poll({"type": "subscribe", "id": "1", "channel": "log"})
        await within(device.channel("log").publish(Log("once")))
        request = poller.request(publish("2", "log", log_event("lossy")))
        first = await poller.post(request)  # its reply is lost
        assert await poller.post(request) == first
        assert [message["type"] for message in first[1]["messages"]].count("ack") == 1
        assert bench.gateway.hub.counters().stored == 2
        for number in (poller.number + 2, 0, -1):
            status, body = await poller.post(poller.request() | {"number": number})
            poller.number -= 1
            assert (status, body["messages"][0]["code"]) == (409, "sequence")


async def test_a_held_request_is_answered_when_there_is_something_and_by_the_next_request(bench: Bench) -> None:
    device = await bench.connected("console")
    async with JsonPoller(bench.address) as poller:
        await poller.hello(bench.token())
        await poller.poll({"type": "subscribe", "id": "1", "channel": "log"})
        held = asyncio.create_task(poller.poll(Prefer="wait=25"))
        [session] = [one for one in bench.gateway.registry.sessions() if one.source.device_id == "browser-1"]
        await eventually(session.turns._lock.locked, "the request")  # type: ignore[attr-defined]
        await within(device.channel("log").publish(Log("now")))
        [message] = await within(held)
        assert message["events"][0]["data"]["text"] == "now"
        held = asyncio.create_task(poller.poll(Prefer="wait=25"))
        await eventually(session.turns._lock.locked, "the request")  # type: ignore[attr-defined]
        [pong] = await poller.poll({"type": "ping", "id": "2"})
        assert pong["type"] == "pong"
        assert await within(held) == []


async def test_key_and_token_prove_the_session_together_and_a_renewed_token_takes_over(bench: Bench) -> None:
    async with JsonPoller(bench.address) as poller:
        await poller.hello(bench.token())
        for wrong, code in (
            ({"pollKey": "00" * 16}, "unknown-session"),
            ({"pollKey": "no hex"}, "unknown-session"),
            ({"token": bench.token("browser-1")}, "proof"),
            ({"token": ""}, "proof"),
        ):
            status, body = await poller.post(poller.request() | wrong)
            poller.number -= 1
            assert (status, body["messages"][0]["code"]) == (409, code)
        newer = bench.token("*", ("publish",))
        [session] = bench.gateway.registry.sessions()
        request = poller.request({"type": "token", "id": "1", "token": newer})
        status, body = await poller.post(request)
        assert body["messages"][0]["type"] == "renewed"
        assert session.tenure.identity.fingerprint == hashlib.sha256(newer.encode()).hexdigest()[:32]
        assert await poller.post(request) == (status, body)  # with the former token, because its reply was lost
        poller.token = newer
        [answer] = await poller.poll({"type": "subscribe", "id": "2", "channel": "log"})
        assert answer["code"] == "forbidden"
    await bench.serves()


async def test_a_session_of_json_cannot_be_used_with_frames(bench: Bench) -> None:
    from tests.support.raw import RawPoller, RawStream, frames_of

    async with JsonPoller(bench.address) as poller, RawPoller(bench.address) as raw, RawStream(bench.address) as stream:
        await poller.hello(bench.token())
        frames = await raw.hello(bench.token(), b"raw-2")
        key = bytes.fromhex(poller.key)
        [answer] = await raw.poll(frames.poll_frame(1, session_id=key))
        assert answer.code == spec.CODE_UNKNOWN_SESSION
        await stream.send(frames.attach_frame(1, session_id=key))
        assert (await stream.expect(spec.TYPE_RESET)).code == spec.CODE_UNKNOWN_SESSION
        status, body = await poller.post(poller.request() | {"pollKey": frames.session_id.hex()})
        assert (status, body["messages"][0]["code"]) == (409, "unknown-session")
        assert frames_of(b"") == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{}", 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        (b'{"pollKey": 5}', 400, "malformed"),
        (b'{"pollKey":"00","token":"","number":1,"more":1}', 400, "malformed"),
        (b'{"pollKey":"00","token":"","number":1,"messages":[{"type":"x"}]}', 400, "malformed"),
        (b'{"type":"ping"}', 400, "not-hello"),
        (zlib.compress(b" " * 50_000_000), 400, "malformed"),
        (b" " * (MESSAGE_BYTES + 1), 413, "too-large"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_bad_request_is_answered_with_a_status_and_an_error(
    bench: Bench, body: bytes, status: int, code: str
) -> None:
    async with JsonPoller(bench.address) as poller:
        found, answer = await poller.post(body)
        assert (found, answer["messages"][0]["code"]) == (status, code)
        assert answer["messages"][0]["nextStep"]
    await bench.serves()


async def test_a_silent_session_ends_after_its_time_and_too_many_requests_at_once_are_refused(bench: Bench) -> None:
    async with JsonPoller(bench.address) as poller:
        await poller.hello(bench.token())
        [session] = bench.gateway.registry.sessions()
        await session.turns._lock.acquire()  # type: ignore[attr-defined]  # as if a request took its time
        asked = [asyncio.create_task(poller.post(poller.request())) for _ in range(5)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        [refused] = done
        assert refused.result()[0] == 429
        session.turns._lock.release()  # type: ignore[attr-defined]
        await within(asyncio.gather(*asked))
        bench.gateway.registry.clock = lambda: (session.heard_at + spec.SESSION_TTL_MS + 1) & 0x3FFFFFFF  # type: ignore[attr-defined]
        bench.gateway.registry.expire()
        assert len(bench.gateway.registry) == 0
        assert bench.gateway.registry.counters.expired == 1


async def test_a_page_from_an_allowed_origin_may_read_the_replies(tmp_path: Any) -> None:
    bench = Bench(tmp_path, allowed_origins=("https://tools.example",))
    await bench.start()
    async with aiohttp.ClientSession() as http:
        asks = {"Origin": "https://tools.example", "Access-Control-Request-Method": "POST"}
        async with http.options(bench.address + "/v1/poll", headers=asks) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "https://tools.example"
            assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        for origin, status in (("https://tools.example", 400), ("https://evil.example", 403)):
            headers = {"Origin": origin, "Content-Type": "application/json"}
            async with http.post(bench.address + "/v1/poll", data=b"{}", headers=headers) as answer:
                assert answer.status == status
                assert ("Access-Control-Allow-Origin" in answer.headers) == (status == 400)
    await bench.stop()
