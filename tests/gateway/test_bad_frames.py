"""Bytes that no device of ours sends: each is refused in words, counted, and costs nobody else anything."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flight_client import Log
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.raw import (
    STREAM_PATH,
    SUBPROTOCOL,
    Frame,
    RawPoller,
    RawStream,
    critical_frame,
    frames_of,
    hello_frame,
    hello_payload,
    lossy_frame,
    open_frame,
    record,
)
from tests.support.waiting import eventually, within


def damaged(frame: bytes, at: int, flip: int) -> bytes:
    return frame[:at] + bytes([frame[at] ^ flip]) + frame[at + 1 :]


def unsound(token: str) -> dict[str, bytes]:
    """First messages that are no sound frame."""
    sound = hello_frame(token)
    heartbeat = encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8))
    return {
        "garbage": bytes(range(256)),
        "zeros": bytes(64),
        "one byte": b"\xf1",
        "a header cut short": sound[:11],
        "a frame cut short": sound[:-1],
        "wrong version": damaged(sound, 0, 0x03),
        "wrong header check": damaged(sound, 3, 0x10),
        "wrong CRC": damaged(sound, len(sound) - 1, 0x01),
        "damaged payload": damaged(sound, 40, 0x01),
        "over the limit before HELLO": encode_frame(spec.TYPE_HELLO, spec.FLAG_CHECKED, 0, 0, 0, bytes(640)),
        "half of two frames": heartbeat[:8] + heartbeat[8:12],
    }


@pytest.mark.parametrize("which", list(unsound("")))
async def test_a_first_message_that_is_no_sound_frame_is_refused(bench: Bench, transport: str, which: str) -> None:
    message = unsound(bench.token())[which]
    ending = await first_answer(bench, transport, message)
    assert (ending.kind, ending.code) == (spec.TYPE_CLOSE, spec.CODE_MALFORMED)
    assert ending.text
    assert bench.gateway.registry.counters.malformed == 1
    await bench.serves()


async def first_answer(bench: Bench, transport: str, message: bytes) -> Frame:
    """The last frame that the gateway says to a first message; on a stream it must close then."""
    if transport == "polling":
        async with RawPoller(bench.address) as poller:
            return (await poller.poll(message))[-1]
    async with RawStream(bench.address) as raw:
        await raw.send(message)
        return (await raw.to_the_end())[-1]


def with_flags(kind: int, flags: int) -> bytes:
    """A frame of this type and flags, whatever they are, with a right header check."""
    frame = bytearray(encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8)))
    frame[1], frame[2] = kind, flags
    bits = 0
    for position in range(128):
        if position // 8 != 3 and frame[position // 8] >> position % 8 & 1:
            bits ^= 0x80 | position ^ 24
    frame[3] = bits
    return bytes(frame)


def test_the_hand_made_header_check_is_the_real_one() -> None:
    assert with_flags(spec.TYPE_HEARTBEAT, 0) == encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8))


@pytest.mark.parametrize("kind", [0, 20, 100, 255])
async def test_an_unknown_type_is_refused_before_and_inside_a_session(bench: Bench, transport: str, kind: int) -> None:
    ending = await first_answer(bench, transport, with_flags(kind, 0))
    assert ending.kind == spec.TYPE_CLOSE
    assert ending.code in (spec.CODE_MALFORMED, spec.CODE_NOT_HELLO)
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.send(with_flags(kind, 0))
        assert (await raw.to_the_end())[-1].code == spec.CODE_MALFORMED
    await bench.serves()


@pytest.mark.parametrize("flag", [4, 8, 16, 64, 128])
async def test_a_flag_that_is_not_supported_is_refused(bench: Bench, transport: str, flag: int) -> None:
    ending = await first_answer(bench, transport, with_flags(spec.TYPE_HEARTBEAT, flag))
    assert ending.kind == spec.TYPE_CLOSE
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.send(with_flags(spec.TYPE_HEARTBEAT, flag))
        assert (await raw.to_the_end())[-1].code == spec.CODE_MALFORMED
    await bench.serves()


BEFORE_HELLO: dict[str, Callable[[], bytes]] = {
    "HEARTBEAT": lambda: encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8)),
    "DATA": lambda: lossy_frame(1, Log("early")),
    "critical DATA": lambda: critical_frame(1, 1, 1, Log("early")),
    "OPEN": lambda: open_frame(1, b"log"),
    "WELCOME": lambda: encode_frame(spec.TYPE_WELCOME, spec.FLAG_CHECKED, 0, 0, 0, bytes(88)),
    "CLOSE": lambda: encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, bytes(8)),
}


@pytest.mark.parametrize("which", list(BEFORE_HELLO))
async def test_anything_before_hello_is_refused(bench: Bench, transport: str, which: str) -> None:
    ending = await first_answer(bench, transport, BEFORE_HELLO[which]())
    assert (ending.kind, ending.code) == (spec.TYPE_CLOSE, spec.CODE_NOT_HELLO)
    assert "frame type" in ending.text
    assert bench.gateway.hub.counters().published == 0
    await bench.serves()


async def test_hello_without_its_crc_is_refused(bench: Bench, transport: str) -> None:
    plain = encode_frame(spec.TYPE_HELLO, 0, 0, 0, 0, hello_payload(bench.token()))
    assert (await first_answer(bench, transport, plain)).code == spec.CODE_MALFORMED
    await bench.serves()


async def test_a_text_message_is_refused(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.socket.send_str("hello?")
        assert all(frame.code == spec.CODE_MALFORMED for frame in await raw.to_the_end())
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.socket.send_str("hello?")
        ending = (await raw.to_the_end())[-1]
        assert (ending.code, ending.text) == (spec.CODE_MALFORMED, "text where frames belong")
    await bench.serves()


async def test_a_message_over_the_limit_ends_the_connection(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.send(bytes(3 * spec.POLL_BODY_BYTES))
        await raw.to_the_end()
    await bench.serves()


@pytest.mark.parametrize("offered", [None, "flight.v2", "mqtt"])
async def test_another_subprotocol_is_refused_with_the_one_that_is_spoken(bench: Bench, offered: str | None) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with RawStream(bench.address, offered):
            raise AssertionError("the handshake was accepted")
    assert caught.value.status == 400
    async with aiohttp.ClientSession() as http:
        headers = {"Sec-WebSocket-Protocol": offered} if offered else {}
        async with http.get(bench.address + STREAM_PATH, headers=headers) as answer:
            text = await answer.text()
    assert answer.status == 400
    assert SUBPROTOCOL in text
    assert (offered or "nothing") in text
    await bench.serves()


async def test_a_plain_request_on_the_stream_path_is_refused_in_words(bench: Bench) -> None:
    async with (
        aiohttp.ClientSession(headers={"Sec-WebSocket-Protocol": SUBPROTOCOL}) as http,
        http.get(bench.address + STREAM_PATH) as answer,
    ):
        assert answer.status == 400
        assert "WebSocket" in await answer.text()
    await bench.serves()


async def test_hello_that_never_comes_ends_the_connection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "PREAUTH_MS", 100)
    for said in ([], [b""], [encode_frame(spec.TYPE_PROBE, 0, 0, 0, 0, b"8 bytes.")]):
        async with RawStream(bench.address) as raw:
            for message in said:
                await raw.send(message)
            assert all(frame.kind == spec.TYPE_PROBED for frame in await raw.to_the_end())
    monkeypatch.undo()
    assert len(bench.gateway.registry) == 0
    await bench.serves()


async def test_a_polling_body_that_never_ends_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flight_client.gateway.bodies.PREAUTH_MS", 100)
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.port)
    writer.write(b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nF")
    answer = await within(reader.read())
    assert b" 408 " in answer.split(b"\r\n", 1)[0]
    writer.close()
    monkeypatch.undo()
    await bench.serves()


async def test_a_request_that_comes_byte_by_byte_is_answered(bench: Bench) -> None:
    body = hello_frame(bench.token())
    request = b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.port)
    for i in range(len(request)):
        writer.write(request[i : i + 1])
        await writer.drain()
        await asyncio.sleep(0)
        if i == len(request) // 2:
            await bench.serves()
    head = await within(reader.readuntil(b"\r\n\r\n"))
    assert head.startswith(b"HTTP/1.1 200")
    assert frames_of(await within(reader.readexactly(16 + 88 + 4)))[0].kind == spec.TYPE_WELCOME
    writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",  # a TLS greeting
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/poll HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/poll HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v1/stream HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(2000)) + b"\r\n",
        b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["TLS", "version", "negative", "smuggling", "long header", "long path", "many headers", "bad chunk"],
)
async def test_bytes_that_are_no_request_of_ours_end_their_own_connection_only(
    bench: Bench, caplog: pytest.LogCaptureFixture, request_bytes: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.port)
    writer.write(request_bytes)
    answer = await within(reader.read(4096))
    assert not answer or answer.split(b" ")[1].startswith(b"4"), answer[:100]
    assert b"Traceback" not in answer + caplog.text.encode()
    writer.close()
    await bench.serves()


async def test_a_client_that_goes_away_in_its_request_leaves_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for part in (b"POST /v1/poll HTT", b"POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nF"):
        _, writer = await asyncio.open_connection("127.0.0.1", bench.settings.port)
        writer.write(part)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    await bench.serves()
    assert "Traceback" not in caplog.text


HOSTILE = st.fixed_dictionaries(
    {},
    optional={
        "client_type": st.integers(0, 255),
        "platform_number": st.integers(0, 255),
        "version_min": st.integers(0, 255),
        "version_max": st.integers(0, 255),
        "capabilities": st.integers(0, 0xFFFFFFFF),
        "frame_bytes": st.integers(0, 0xFFFF),
        "window_frames": st.integers(0, 0xFFFF),
        "window_bytes": st.integers(0, 0xFFFFFFFF),
        "incarnation": st.binary(min_size=8, max_size=8),
        "boot": st.binary(min_size=8, max_size=8),
        "nonce": st.binary(min_size=8, max_size=8),
        "flags_read": st.integers(0, 255),
        "flags_sent": st.integers(0, 255),
        "lanes": st.integers(0, 255),
        "auth": st.integers(0, 255),
        "unpacked_bytes": st.integers(0, 0xFFFFFFFF),
        "reserved": st.integers(0, 0xFFFFFFFF),
        "platform": st.one_of(st.sampled_from([b"vita", b"web", b""]), st.binary(max_size=40)),
        "version": st.binary(max_size=40),
        "token_bytes": st.integers(0, 0xFFFF),
    },
)


async def test_hello_with_any_fields_is_answered_and_the_gateway_lives(bench: Bench) -> None:
    good = bench.token()
    loop = asyncio.get_running_loop()
    bodies: list[bytes] = []

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        fields=HOSTILE,
        device_id=st.one_of(st.just(b"raw-1"), st.binary(max_size=60)),
        token=st.one_of(st.just(good), st.text("ab.-é\0", max_size=200)),
    )
    def collect(fields: dict[str, object], device_id: bytes, token: str) -> None:
        payload = hello_payload(token, device_id, **fields)
        bodies.append(encode_frame(spec.TYPE_HELLO, spec.FLAG_CHECKED, 0, 0, 0, payload[:620]))

    await loop.run_in_executor(None, collect)
    async with RawPoller(bench.address) as poller:
        for body in bodies:
            [answer] = await poller.poll(body)
            assert answer.kind in (spec.TYPE_WELCOME, spec.TYPE_CLOSE), body.hex()
            if answer.kind == spec.TYPE_CLOSE:
                assert answer.text.isprintable(), body.hex()
            assert not bench.watch.errors, body.hex()
    await bench.serves()


async def test_frames_of_random_bytes_end_a_session_in_words_and_nobody_else(bench: Bench) -> None:
    """Sound headers around payloads that hypothesis makes up, inside a session."""
    cases: list[bytes] = []

    @settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        kind=st.integers(1, 19),
        flags=st.sampled_from([0, 1, 2, 3]),
        channel=st.sampled_from([0, 1, 2, 65535]),
        seq=st.sampled_from([0, 1, 2, 3, spec.NUMBER_LIMIT - 1]),
        ack=st.sampled_from([0, 1, 2, spec.NUMBER_LIMIT - 1]),
        payload=st.one_of(st.binary(max_size=80), st.binary(max_size=30).map(lambda tail: record() + tail)),
    )
    def collect(kind: int, flags: int, channel: int, seq: int, ack: int, payload: bytes) -> None:
        cases.append(encode_frame(kind, flags, channel, seq, ack, payload))

    await asyncio.get_running_loop().run_in_executor(None, collect)
    raw: RawStream | None = None
    try:
        for case in cases:
            if raw is None or raw.socket.closed:
                raw = RawStream(bench.address)
                await raw.__aenter__()
                await raw.hello(bench.token())
                await raw.open(1, b"log", 3)
            await raw.send(case, encode_frame(spec.TYPE_OPEN, 0, 9, 0, 0, open_frame(9, b"", 0)[16:]))
            while (frame := await raw.frame()) is not None:
                if frame.kind == spec.TYPE_OPENED and frame.channel == 9:
                    break
                if frame.kind == spec.TYPE_CLOSE:
                    assert frame.text.isprintable(), case.hex()
            if frame is None:
                await raw.__aexit__(None, None, None)
                raw = None
            assert not bench.watch.errors, case.hex()
    finally:
        if raw is not None:
            await raw.__aexit__(None, None, None)
    await bench.serves()
    await eventually(lambda: bench.gateway.registry.counters.malformed > 0)


async def test_a_hostile_window_does_not_make_the_gateway_hold_more_than_its_own_limit(bench: Bench) -> None:
    from flight_client import Payload

    device = await bench.connected("bench-1")
    channel = device.channel("flood")
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token(), window_frames=0xFFFF, window_bytes=0x3FFFFFFF)
        await raw.open(1, b"flood", 2)
        for _ in range(90):
            assert channel.emit(Payload(1, bytes(15000)), critical=True).accepted
            if device.queued > 2:
                assert await within(device.flush())
        assert await within(device.flush())
        [peer] = [peer for peer in bench.gateway.registry.peers() if peer.source.device_id == "raw-1"]
        await asyncio.sleep(0.05)
        assert peer.session._held_bytes <= spec.SUBSCRIBER_BYTES + spec.MAX_FRAME_BYTES
    await bench.serves()
