"""A client of `flight.v1.json` that says what a test tells it to, over WebSocket and over polling."""

import json
from types import TracebackType
from typing import Any, Self

import aiohttp

from .raw import POLL_PATH, STREAM_PATH
from .waiting import within

SUBPROTOCOL = "flight.v1.json"
INFO = {"clientType": "web-browser", "platform": "web", "version": "1.0.0", "capabilities": ["basic-messaging"]}

Message = dict[str, Any]


def hello(token: str, device_id: str = "browser-1", **other: Any) -> Message:
    return {"type": "hello", "deviceId": device_id, "clientInfo": INFO, "token": token, **other}


def log_event(text: str, **data: Any) -> Message:
    return {"type": "log", "data": {"text": text, **data}}


def publish(request: str, channel: str, *events: Message, **other: Any) -> Message:
    return {"type": "publish", "id": request, "channel": channel, "events": list(events), **other}


class JsonStream:
    """A WebSocket; an async context manager."""

    def __init__(self, address: str, **other: Any) -> None:
        self._address = address
        self._other = other
        self._http = aiohttp.ClientSession()
        self.socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        try:
            self.socket = await within(
                self._http.ws_connect(
                    self._address + STREAM_PATH, protocols=(SUBPROTOCOL,), max_msg_size=0, **self._other
                )
            )
        except BaseException:
            await self._http.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()
        await within(self.socket.close())  # without a farewell: it lets go of its connection

    async def say(self, *said: Message | str) -> None:
        for message in said:
            await within(self.socket.send_str(message if isinstance(message, str) else json.dumps(message)))

    async def hear(self) -> Message:
        """The next message; {} when the gateway has closed."""
        message = await within(self.socket.receive())
        if message.type is not aiohttp.WSMsgType.TEXT:
            return {}
        found: Message = json.loads(message.data)
        return found

    async def expect(self, kind: str) -> Message:
        """The next message of this type; others before it are passed over."""
        passed = []
        while message := await self.hear():
            if message["type"] == kind:
                return message
            passed.append(message)
        raise AssertionError(f"the connection ended ({self.socket.close_code}) before {kind}; it said {passed}")

    async def ask(self, message: Message) -> Message:
        """The answer with the id of this request."""
        await self.say(message)
        while (answer := await self.hear()).get("id") != message["id"]:
            assert answer, "the connection ended"
        return answer

    async def hello(self, token: str, device_id: str = "browser-1", **other: Any) -> Message:
        await self.say(hello(token, device_id, **other))
        answer = await self.hear()
        assert answer["type"] == "welcome", answer
        return answer

    async def subscribe(self, channel: str, **other: Any) -> Message:
        return await self.ask({"type": "subscribe", "id": f"to {channel}", "channel": channel, **other})

    async def events(self, count: int) -> list[Message]:
        """So many events, of however many messages."""
        found: list[Message] = []
        while len(found) < count:
            found += (await self.expect("events"))["events"]
        return found


class JsonPoller:
    """Requests; an async context manager."""

    def __init__(self, address: str) -> None:
        self._url = address + POLL_PATH
        self._http = aiohttp.ClientSession()
        self.key = ""
        self.token = ""
        self.number = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def post(self, body: Any, **headers: str) -> tuple[int, Message]:
        """Status and body of one request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def ask() -> tuple[int, Message]:
            named = {"Content-Type": "application/json", **headers}
            async with self._http.post(self._url, data=data, headers=named) as response:
                return response.status, json.loads(await response.read())

        return await within(ask())

    async def hello(self, token: str, device_id: str = "browser-1", **other: Any) -> Message:
        status, body = await self.post(hello(token, device_id, **other))
        assert status == 200, body
        self.key, self.token, self.number = body["pollKey"], token, 0
        [welcome] = body["messages"]
        assert welcome["type"] == "welcome"
        found: Message = welcome
        return found

    def request(self, *said: Message, **other: Any) -> Message:
        """The next request."""
        self.number += 1
        return {"pollKey": self.key, "token": self.token, "number": self.number, "messages": list(said), **other}

    async def poll(self, *said: Message, **headers: str) -> list[Message]:
        """One request and the messages of its reply."""
        status, body = await self.post(self.request(*said), **headers)
        assert status == 200, body
        found: list[Message] = body["messages"]
        return found
