"""What JSON and REST promise whatever engine is below: conversations with a real gateway."""

from typing import Any

import aiohttp

from tests.support.bench import Bench
from tests.support.json_peer import JsonPoller, JsonStream, log_event, publish
from tests.support.waiting import within

Answer = tuple[int, Any]


async def ask(bench: Bench, method: str, path: str, body: Any = None, **parameters: object) -> Answer:
    """One request to REST."""
    named = {name: str(value) for name, value in parameters.items()}
    headers = {"Authorization": f"Bearer {bench.token('rest-1')}"}

    async def run() -> Answer:
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.request(method, bench.address + path, json=body, params=named) as answer,
        ):
            return answer.status, await answer.json()

    return await within(run())


def texts(messages: list[Any]) -> list[str]:
    """Of log events, in order."""
    return [event["data"]["text"] for message in messages for event in message["events"]]


async def stream(bench: Bench) -> None:
    """Publish, hear, resume, over WebSocket; each offset names the one before."""
    async with JsonStream(bench.address) as writer, JsonStream(bench.address) as reader:
        welcome = await writer.hello(bench.token(), "writer")
        await reader.hello(bench.token(), "reader")
        assert (await reader.subscribe("log"))["offset"] == 0
        assert (await writer.ask(publish("a", "log", log_event("lossy"), log_event("too"))))["stored"] == 2
        for counter in (1, 2, 2, 1, 3):
            answer = await writer.ask(publish(str(counter), "log", log_event(f"c{counter}"), counter=counter))
            assert answer["type"] == "ack"
            assert answer["mark"] == max(counter, answer["mark"])
        heard = [await reader.expect("events") for _ in range(4)]
        assert texts(heard) == ["lossy", "too", "c1", "c2", "c3"]
        offsets = [0, *(message["offset"] for message in heard)]
        assert [message["previousOffset"] for message in heard] == offsets[:-1]
        assert [message.get("counter") for message in heard] == [None, 1, 2, 3]
        epoch = heard[0]["epoch"]
    async with JsonStream(bench.address) as reader:
        await reader.hello(bench.token(), "reader")
        await reader.subscribe("log", start="after", epoch=epoch, offset=offsets[2])
        assert texts([await reader.expect("events") for _ in range(2)]) == ["c2", "c3"]
        await reader.ask({"type": "unsubscribe", "id": "u", "channel": "log"})
        await reader.subscribe("log", start="last", count=1)
        assert texts([await reader.expect("events")]) == ["c3"]
        await reader.ask({"type": "unsubscribe", "id": "v", "channel": "log"})
        await reader.subscribe("log", start="after", epoch="00" * 8, offset=1)
        assert (await reader.expect("gap"))["reason"] == "epoch"
        assert texts([await reader.expect("events")]) == ["lossy", "too"]
    async with JsonStream(bench.address) as writer:
        again = await writer.hello(bench.token(), "writer", incarnation=welcome["incarnation"])
        assert again["mark"] == 3
        assert (await writer.ask(publish("again", "log", log_event("c3"), counter=3)))["status"] == "duplicate"


async def polling(bench: Bench) -> None:
    """The same log over polling, one request after the other."""
    async with JsonPoller(bench.address) as poller:
        await poller.hello(bench.token(), "poller")
        [answer] = await poller.poll({"type": "subscribe", "id": "1", "channel": "polled"})
        assert answer["type"] == "subscribed"
        heard = []
        for number in range(1, 4):
            messages = await poller.poll(publish(str(number), "polled", log_event(str(number)), counter=number))
            assert [message["mark"] for message in messages if message["type"] == "ack"] == [number]
            heard += [message for message in messages if message["type"] == "events"]
        while len(heard) < 3:
            heard += await poller.poll(Prefer="wait=5")
        assert texts(heard) == ["1", "2", "3"]


async def rest(bench: Bench) -> None:
    """Publish, history in pages, duplicates, gaps, channels, machines."""
    path = "/v1/channels/rest/events"
    assert (await ask(bench, "GET", path))[0] == 404
    own = {"incarnation": "0011223344556677"}
    for number, status in ((1, "stored"), (2, "stored"), (2, "duplicate"), (3, "stored"), (4, "stored")):
        body = {"events": [log_event(str(number))], "counter": number, **own}
        code, answer = await ask(bench, "POST", path, body)
        assert (code, answer["status"]) == (201, status)
    _, page = await ask(bench, "GET", path, after=0, count=3)
    assert texts(page["entries"]) == ["1", "2", "3"]
    _, page = await ask(bench, "GET", path, after=page["next"], epoch=page["epoch"])
    assert (texts(page["entries"]), page["next"], "gap" in page) == (["4"], page["last"], False)
    _, newest = await ask(bench, "GET", path, count=2)
    assert texts(newest["entries"]) == ["3", "4"]
    first = newest["entries"][0]
    assert (first["deviceId"], first["critical"], first["counter"]) == ("rest-1", True, 3)
    await bench.gateway.hub.engine.trim("rest", 1)
    _, page = await ask(bench, "GET", path, after=0)
    assert (texts(page["entries"]), page["gap"]["reason"]) == (["4"], "trimmed")
    _, page = await ask(bench, "GET", path, after=1, epoch="00" * 8)
    assert (texts(page["entries"]), page["gap"]["reason"]) == (["4"], "epoch")
    event = {"eventType": "vm-scaling", "resource": "vm-1", "metadata": {"cores": "8"}}
    assert (await ask(bench, "POST", "/v1/vm-events", event))[0] == 201
    _, found = await ask(bench, "GET", "/v1/channels")
    last = {channel["name"]: channel["lastOffset"] for channel in found["channels"]}
    assert last["rest"] == page["last"]
    assert last["v6r-events"] > 0


async def between(one: Bench, other: Bench) -> None:
    """What REST stores at one gateway reaches JSON at the other, the duplicate does not, and history is the same."""
    async with JsonStream(other.address) as reader:
        await reader.hello(other.token(), "reader")
        await reader.subscribe("shared")
        for counter in (1, 1, 2):
            body = {"events": [log_event(str(counter))], "counter": counter, "incarnation": "8899aabbccddeeff"}
            assert (await ask(one if counter == 1 else other, "POST", "/v1/channels/shared/events", body))[0] == 201
        assert texts([await reader.expect("events") for _ in range(2)]) == ["1", "2"]
    pages = [(await ask(bench, "GET", "/v1/channels/shared/events"))[1] for bench in (one, other)]
    assert texts(pages[1]["entries"]) == ["1", "2"]
    assert pages[0]["entries"] == pages[1]["entries"]
