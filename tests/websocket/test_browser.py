"""A page in Chromium at the gateway: binary and JSON, long messages, pings, and every way to end that a page has."""

import base64
import json
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from flight_client.gateway import socket_messages
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.figures import Figure
from tests.support.json_peer import SUBPROTOCOL as JSON_SUBPROTOCOL
from tests.support.json_peer import hello, log_event, publish
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
from tests.support.waiting import eventually
from tests.websocket.browser import Browser, Page
from tests.websocket.gateway_cases import LIMIT_BYTES, answer, probe
from tests.websocket.peers import Ended


@pytest.fixture
async def page(bench: Bench, browser: Browser) -> Page:
    """Of the gateway's own origin."""
    return await browser.page(bench.address + "/health/live")


async def heard(page: Page) -> Any:
    text = await page.receive()
    assert isinstance(text, str), "JSON goes as text"
    return json.loads(text)


async def frames(page: Page) -> list[Frame]:
    data = await page.receive()
    assert isinstance(data, bytes), "frames go as binary"
    return frames_of(data)


async def to_the_end(page: Page) -> tuple[list[Frame], int]:
    """What comes until the gateway closes, and its code."""
    found: list[Frame] = []
    try:
        while True:
            found += await frames(page)
    except Ended as end:
        return found, end.code


async def test_a_page_speaks_a_binary_session_with_messages_of_every_length(
    bench: Bench, page: Page, figure: Figure
) -> None:
    agreed = await page.open(bench.address + STREAM_PATH, "mqtt", SUBPROTOCOL)
    assert (agreed.protocol, agreed.extensions) == (SUBPROTOCOL, ""), "it offers compression and gets none"
    sizes = (24, 125, 126, 127, 128, 640)
    for number, size in enumerate(sizes):
        await page.send(probe(number, size))
        [frame] = await frames(page)
        assert (frame.kind, frame.payload) == (spec.TYPE_PROBED, answer(number))
    await page.send(hello_frame(bench.token()))
    [welcome] = of_kind(await frames(page), spec.TYPE_WELCOME)
    assert len(welcome.payload) == 88
    await page.send(open_frame(1, b"log"))
    while not of_kind(await frames(page), spec.TYPE_OPENED):
        pass
    last = critical_frame(1, 1, 1)
    beats = encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8)) * ((LIMIT_BYTES - len(last)) // 24)
    assert len(beats) > 65_536, "Chromium cuts it into frames"
    await page.send(beats + last)
    await eventually(lambda: bench.gateway.hub.counters().stored == 1, "its event")
    await page.close(1000, "goodbye")
    _, code = await to_the_end(page)
    assert code == 1000
    figure(f"Chromium as a client of the gateway: {len(sizes)} lengths, a session")
    await bench.serves()


async def test_a_page_speaks_json_and_gets_back_what_it_said(bench: Bench, page: Page) -> None:
    agreed = await page.open(bench.address + STREAM_PATH, JSON_SUBPROTOCOL)
    assert (agreed.protocol, agreed.extensions) == (JSON_SUBPROTOCOL, "")
    await page.say(json.dumps(hello(bench.token())))
    assert (await heard(page))["type"] == "welcome"
    await page.say(json.dumps({"type": "subscribe", "id": "s", "channel": "log"}))
    assert (await heard(page))["type"] == "subscribed"
    texts = ["plain", "\N{GRINNING FACE} \N{LATIN SMALL LETTER A WITH DIAERESIS} \N{HIRAGANA LETTER A}", '"\\\u2028']
    await page.say(json.dumps(publish("p", "log", *map(log_event, texts)), ensure_ascii=False))
    large = {"type": "payload", "data": {"kind": 1, "data": base64.b64encode(bytes(range(256)) * 150).decode()}}
    await page.say(json.dumps(publish("large", "log", large)))
    acked: list[str] = []
    events: list[Any] = []
    while len(events) < 4 or len(acked) < 2:
        message = await heard(page)
        if message["type"] == "ack":
            acked.append(message["id"])
        else:
            events += message["events"]
    assert acked == ["p", "large"]
    assert [event["data"]["text"] for event in events[:3]] == texts
    assert events[3]["data"]["data"] == large["data"]["data"]  # type: ignore[index]
    await page.close(4999, "\N{GRINNING FACE}")
    with pytest.raises(Ended):
        await page.receive()
    await bench.serves()


async def test_a_page_answers_the_gateway_s_pings(bench: Bench, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    sockets: list[web.WebSocketResponse] = []
    pongs: list[bytes] = []
    made = socket_messages.SocketMessages.__init__

    def watched(self: Any, socket: web.WebSocketResponse) -> None:
        made(self, socket)
        sockets.append(socket)
        receive = socket.receive

        async def listen() -> Any:
            message = await receive()
            if message.type is WSMsgType.PONG:
                pongs.append(message.data)
            return message

        monkeypatch.setattr(socket, "receive", listen)

    monkeypatch.setattr(socket_messages.SocketMessages, "__init__", watched)
    await page.open(bench.address + STREAM_PATH, SUBPROTOCOL)
    await page.send(hello_frame(bench.token()))
    await page.receive()
    asked = [b"", b"are you there", bytes(range(125))]
    for data in asked:
        await sockets[0].ping(data)
    await eventually(lambda: len(pongs) == len(asked), "its pongs")
    assert pongs == asked
    await page.close(1000)


@pytest.mark.parametrize(("code", "taken"), [(1000, True), (3000, True), (4999, True), (1001, False), (2999, False)])
async def test_a_page_may_close_with_the_codes_that_a_page_has(
    bench: Bench, page: Page, code: int, taken: bool
) -> None:
    await page.open(bench.address + STREAM_PATH, SUBPROTOCOL)
    refused = await page.run(f"peer.fails(() => peer.socket.close({code}, 'because'))")
    if taken:
        with pytest.raises(Ended) as ended:
            await page.receive()
        assert ended.value.code == 1000, "the gateway's own"
    else:
        assert refused == "InvalidAccessError", "Chromium does not let it"
        await page.close(1000)


REFUSED: dict[str, tuple[bytes | str, set[int]]] = {
    # What is on its way when the gateway closes has the system reset the connection: a page may hear that instead.
    "too long": (bytes(LIMIT_BYTES + 1), {1009, 1006}),
    "text": ("hello", {1000}),
    "no frames": (b"garbage", {1000}),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_a_page_may_not_send_ends_with_a_code(bench: Bench, page: Page, what: str) -> None:
    data, codes = REFUSED[what]
    await page.open(bench.address + STREAM_PATH, SUBPROTOCOL)
    if isinstance(data, str):
        await page.say(data)
    else:
        await page.send(data)
    found, ended = await to_the_end(page)
    assert {frame.kind for frame in found} <= {spec.TYPE_CLOSE}
    assert ended in codes
    await bench.serves()


async def test_a_page_of_another_origin_or_without_our_subprotocol_is_not_let_in(
    bench: Bench, page: Page, browser: Browser
) -> None:
    stranger = await browser.page("about:blank")  # its origin is `null`
    for one, protocols in ((stranger, (SUBPROTOCOL,)), (page, ("mqtt",)), (page, ())):
        with pytest.raises(Ended) as ended:
            await one.open(bench.address + STREAM_PATH, *protocols)
        assert ended.value.code == 1006
    assert (await page.open(bench.address + STREAM_PATH, SUBPROTOCOL)).protocol == SUBPROTOCOL
    await page.close(1000)
