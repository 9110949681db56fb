"""A peer made of bytes: it says what a test tells it to, also what no client would."""

import struct
from types import TracebackType
from typing import Any, Self

import aiohttp

from flight_client.events import Event, Log, encode_event
from flight_client.proof import client_key
from flight_client.session import spec
from flight_client.testing import Frame, frames_of, of_kind
from flight_client.wire.frames import encode_frame

from .waiting import within

STREAM_PATH = "/v1/stream"
POLL_PATH = "/v1/poll"
SUBPROTOCOL = "flight.v1"
NONCE = b"nonce-01"

__all__ = [
    "NONCE", "POLL_PATH", "STREAM_PATH", "SUBPROTOCOL", "Frame", "RawPoller", "RawStream", "Session", "critical_frame",
    "frames_of", "hello_frame", "hello_payload", "lossy_frame", "of_kind", "open_frame", "record",
]  # fmt: skip


def hello_payload(token: str, device_id: bytes = b"raw-1", **other: Any) -> bytes:
    """HELLO's payload; every field can be replaced by name."""
    platform = other.get("platform", b"host")
    version = other.get("version", b"1.0.0")
    head = struct.pack(
        "<BBBBIHHI8s8s8sBBBBII",
        other.get("client_type", 4),
        other.get("platform_number", 6),
        other.get("version_min", 1),
        other.get("version_max", 1),
        other.get("capabilities", 0),
        other.get("frame_bytes", 16384),
        other.get("window_frames", 32),
        other.get("window_bytes", 524288),
        other.get("incarnation", bytes(8)),
        other.get("boot", b"boot-001"),
        other.get("nonce", NONCE),
        other.get("flags_read", 0),
        other.get("flags_sent", 0),
        other.get("lanes", 3),
        other.get("auth", 0),
        other.get("unpacked_bytes", 0),
        other.get("reserved", 0),
    )
    secret = token.encode("utf-8", "surrogateescape")
    texts = b"".join(bytes([len(text)]) + text for text in (device_id, platform, version))
    return head + texts + struct.pack("<H", other.get("token_bytes", len(secret))) + secret


def hello_frame(token: str, device_id: bytes = b"raw-1", **other: Any) -> bytes:
    return encode_frame(spec.TYPE_HELLO, spec.FLAG_CHECKED, 0, 0, 0, hello_payload(token, device_id, **other))


def open_frame(
    number: int, name: bytes, mode: int = 1, start: int = 0, count: int = 0, epoch: bytes = bytes(8), offset: int = 0
) -> bytes:
    payload = struct.pack("<BBH8sQB", mode, start, count, epoch, offset, len(name)) + name
    return encode_frame(spec.TYPE_OPEN, 0, number, 0, 0, payload)


def record(event: Event | None = None) -> bytes:
    """One event record, of age 0."""
    layout, body = encode_event(event or Log("hello"))
    return struct.pack("<BBH", layout, len(body) // 4, 0) + body


def lossy_frame(number: int, *events: Event) -> bytes:
    payload = b"".join(record(event) for event in events) or record()
    return encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, number, 0, 0, payload)


def critical_frame(number: int, seq: int, counter: int, *events: Event, ack: int = 0) -> bytes:
    payload = struct.pack("<IHH", counter, 0, 0) + (b"".join(record(event) for event in events) or record())
    return encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH | spec.FLAG_CRITICAL, number, seq, ack, payload)


class Session:
    """What WELCOME granted, and the proofs that follow from it."""

    def __init__(self, token: str, welcome: bytes, device_key: bytes | None = None) -> None:
        self.session_id = welcome[:16]
        self.short_id = welcome[16:24]
        self.incarnation = welcome[24:32]
        self.epoch = welcome[32:40]
        self.mark = int.from_bytes(welcome[60:64], "little")
        self.lossy_stored = int.from_bytes(welcome[64:68], "little")
        self.generation = 0  # under which tags are made
        self.key = client_key(device_key)
        self.key.begin(token.encode(), NONCE, welcome[40:48])

    def attach_frame(self, generation: int, next_expected: int = 1, **other: Any) -> bytes:
        return self._frame(spec.TYPE_ATTACH, generation, next_expected, self.key.attach, other, (generation,))

    def poll_frame(self, number: int, generation: int = 0, **other: Any) -> bytes:
        return self._frame(spec.TYPE_POLL, generation, number, self.key.poll, other, (generation, number))

    def _frame(
        self, kind: int, generation: int, number: int, prove: Any, other: dict[str, Any], numbers: tuple[int, ...]
    ) -> bytes:
        payload = bytearray(other.get("session_id", self.session_id) + struct.pack("<II", generation, number))
        payload += bytes(16)
        prove(payload, 24, *numbers)
        if "proof" in other:
            payload[24:] = other["proof"]
        fields = (kind, spec.FLAG_CHECKED, 0, 0, other.get("ack", 0), bytes(payload))
        if self.key.tags is None:
            return encode_frame(*fields)
        return self.key.tags.encode(generation, *fields)

    def tagged(self, frame: bytes, generation: int | None = None) -> bytes:
        """A frame that was written without a tag, with its right one."""
        assert self.key.tags is not None
        [plain] = frames_of(frame)
        fields = (plain.kind, plain.flags, plain.channel, plain.seq, plain.ack, plain.payload)
        return self.key.tags.encode(self.generation if generation is None else generation, *fields)


class RawStream:
    """A WebSocket that sends bytes as they are; an async context manager."""

    def __init__(self, address: str, subprotocol: str | None = SUBPROTOCOL) -> None:
        self._address = address
        self._protocols = (subprotocol,) if subprotocol else ()
        self._http = aiohttp.ClientSession()
        self._waiting: list[Frame] = []
        self.socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        try:
            self.socket = await within(
                self._http.ws_connect(self._address + STREAM_PATH, protocols=self._protocols, max_msg_size=0)
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

    async def send(self, *frames: bytes) -> None:
        """One message."""
        await within(self.socket.send_bytes(b"".join(frames)))

    async def frame(self) -> Frame | None:
        """The next frame; None when the gateway has closed."""
        while not self._waiting:
            message = await within(self.socket.receive())
            if message.type is not aiohttp.WSMsgType.BINARY:
                return None
            self._waiting = frames_of(message.data)
        return self._waiting.pop(0)

    async def expect(self, kind: int) -> Frame:
        """The next frame of this type; others before it are passed over."""
        while (frame := await self.frame()) is not None:
            if frame.kind == kind:
                return frame
        raise AssertionError(f"the connection ended before a frame of type {kind}")

    async def to_the_end(self) -> list[Frame]:
        """What comes until the gateway closes."""
        found = []
        while (frame := await self.frame()) is not None:
            found.append(frame)
        return found

    async def hello(self, token: str, device_id: bytes = b"raw-1", **other: Any) -> Session:
        device_key = other.pop("device_key", None)
        other.setdefault("auth", 0 if device_key is None else 1)
        await self.send(hello_frame(token, device_id, **other))
        return Session(token, (await self.expect(spec.TYPE_WELCOME)).payload, device_key)

    async def open(self, number: int, name: bytes, mode: int = 1, **other: Any) -> Frame:
        await self.send(open_frame(number, name, mode, **other))
        return await self.expect(spec.TYPE_OPENED)


class RawPoller:
    """HTTP requests with bytes as they are; an async context manager."""

    def __init__(self, address: str) -> None:
        self._url = address + POLL_PATH
        self._http = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def request(self, body: Any, **other: Any) -> tuple[int, bytes]:
        """Status and body of one request."""

        async def ask() -> tuple[int, bytes]:
            async with self._http.post(self._url, data=body, **other) as response:
                return response.status, await response.read()

        return await within(ask())

    async def poll(self, *frames: bytes) -> list[Frame]:
        """One request of frames; the frames of its reply."""
        status, body = await self.request(b"".join(frames))
        assert status == 200, body
        return frames_of(body)

    async def hello(self, token: str, device_id: bytes = b"raw-1", **other: Any) -> Session:
        device_key = other.pop("device_key", None)
        other.setdefault("auth", 0 if device_key is None else 1)
        [welcome] = await self.poll(hello_frame(token, device_id, **other))
        assert welcome.kind == spec.TYPE_WELCOME, welcome
        return Session(token, welcome.payload, device_key)
