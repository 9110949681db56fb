"""Sessions of a real gateway, driven frame by frame: numbers, proofs, polls, channels, names."""

import asyncio
import logging

import aiohttp
import pytest

from flight_client import Log
from flight_client.gateway import registry
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.support.bench import Bench
from tests.support.raw import (
    POLL_PATH,
    RawPoller,
    RawStream,
    critical_frame,
    hello_frame,
    lossy_frame,
    open_frame,
    record,
)
from tests.support.waiting import eventually, within

HEARTBEAT = encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 0, 0, bytes(8))


# Who may have a session


async def test_a_page_of_a_stranger_is_refused_on_every_path(bench: Bench) -> None:
    async with aiohttp.ClientSession(headers={"Origin": "https://evil.example"}) as http:
        for ask in (
            http.get(bench.address + "/v1/stream"),
            http.post(bench.address + POLL_PATH, data=hello_frame(bench.token())),
            http.get(bench.address + "/health"),
        ):
            async with ask as answer:
                assert answer.status == 403
                assert "--allow-origin" in await answer.text()
    assert len(bench.gateway.registry) == 0
    await bench.serves()


async def test_the_gateways_own_page_is_let_in(bench: Bench) -> None:
    async with (
        aiohttp.ClientSession(headers={"Origin": bench.address}) as http,
        http.get(bench.address + "/health") as answer,
    ):
        assert answer.status == 200


async def test_the_health_page_counts_what_was_refused(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller, aiohttp.ClientSession() as http:
        await poller.poll(b"\xf1garbage")
        await poller.poll(hello_frame("nonsense"))
        async with http.get(bench.address + "/health") as answer:
            health = await answer.json()
    assert health["status"] == "ok"
    assert health["sessions"]["malformed"] == 1
    assert health["sessions"]["refused"] == {"credential": 1}


@pytest.mark.parametrize(
    "device_id",
    [b"", b"two words", b"-first", b"line\nbreak", b"esc\x1b[2J", b"\xff\xfe", "ü".encode(), b"null\0"],
    ids=repr,
)
async def test_a_device_id_that_is_no_name_is_refused_and_not_logged_raw(
    bench: Bench, caplog: pytest.LogCaptureFixture, device_id: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    async with RawPoller(bench.address) as poller:
        [answer] = await poller.poll(hello_frame(bench.token(), device_id))
    assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_BAD_NAME)
    assert answer.text.isprintable()
    assert_log_is_plain(caplog)
    await bench.serves()


async def test_a_device_id_of_another_subject_is_refused_with_both_names(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        [answer] = await poller.poll(hello_frame(bench.token("bench-7"), b"bench-8"))
    assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_FORBIDDEN)
    assert "bench-7" in answer.text
    assert "bench-8" in answer.text
    await bench.serves()


async def test_what_strangers_say_never_reaches_the_log_raw(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    evil = "a\r\n2026 ERROR forged line\x1b[31m"
    async with RawPoller(bench.address) as poller:
        await poller.poll(hello_frame(evil))
        await poller.poll(hello_frame(bench.token(), evil.encode()[:32]))
        await poller.poll(hello_frame(bench.token(), platform=evil.encode()[:16]))
        await poller.poll(hello_frame(bench.token(), version=evil.encode()[:16]))
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token(), version=evil.encode()[:16])
        await raw.open(1, evil.encode())
        await raw.send(critical_frame(1, 1, 0))
        await raw.to_the_end()
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.port)
    writer.write(b"GET /\x1b[31m HTTP/1.1\r\nX-\x1b: a\rb\r\n\r\n")
    await within(reader.read())
    writer.close()
    assert caplog.records
    assert_log_is_plain(caplog)
    await bench.serves()


def assert_log_is_plain(caplog: pytest.LogCaptureFixture) -> None:
    for entry in caplog.records:
        if entry.name.startswith("flight"):
            assert entry.getMessage().isprintable(), entry.getMessage()
            assert entry.exc_info is None, entry


# Numbers


async def test_a_jump_in_the_sequence_asks_for_what_is_missing(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.open(1, b"log")
        await raw.send(critical_frame(1, 3, 3), critical_frame(1, 4, 4))
        assert (await raw.expect(spec.TYPE_RESEND)).ack == 1
        assert bench.gateway.hub.counters().published == 0
        await raw.send(*(critical_frame(1, i, i) for i in range(1, 5)))
        while (await raw.expect(spec.TYPE_ACK)).ack != 5:
            pass
    assert bench.gateway.hub.counters().stored == 4
    await bench.serves()


async def test_a_critical_batch_that_comes_twice_is_stored_once(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.open(1, b"log")
        for _ in range(3):
            await raw.send(critical_frame(1, 1, 1))
            assert (await raw.expect(spec.TYPE_ACK)).ack == 2
    assert bench.gateway.hub.counters().stored == 1
    await bench.serves()


async def test_a_new_session_of_the_same_life_stores_nothing_twice(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        session = await raw.hello(bench.token())
        await raw.open(1, b"log")
        await raw.send(critical_frame(1, 1, 1), critical_frame(1, 2, 2), lossy_frame(1))
        while (await raw.expect(spec.TYPE_ACK)).ack != 3:
            pass
    async with RawStream(bench.address) as raw:
        again = await raw.hello(bench.token(), incarnation=session.incarnation)
        assert (again.mark, again.lossy_stored) == (2, 1)
        assert again.incarnation == session.incarnation
        assert again.epoch == session.epoch
        await raw.open(1, b"log")
        await raw.send(critical_frame(1, 1, 2, Log("known"), Log("new")))
        assert (await raw.expect(spec.TYPE_ACK)).ack == 2
    assert bench.gateway.hub.counters().stored == 4
    await bench.serves()


BROKEN_RULES = {
    "acknowledgement of what was never sent": critical_frame(1, 1, 1, ack=99),
    "counter 0": critical_frame(1, 1, 0),
    "a counter over the limit": encode_frame(
        spec.TYPE_DATA, spec.FLAG_BATCH | spec.FLAG_CRITICAL, 1, 1, 0, b"\xff\xff\xff\xff" + bytes(4)
    ),
    "a critical batch without its counter": encode_frame(
        spec.TYPE_DATA, spec.FLAG_BATCH | spec.FLAG_CRITICAL, 1, 1, 0, b"\1"
    ),
    "an empty lossy batch": encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, b""),
    "an empty critical batch": encode_frame(
        spec.TYPE_DATA, spec.FLAG_BATCH | spec.FLAG_CRITICAL, 1, 1, 0, b"\1" + bytes(7)
    ),
    "lossy flagged critical": encode_frame(
        spec.TYPE_DATA, spec.FLAG_BATCH | spec.FLAG_CRITICAL, 1, 0, 0, lossy_frame(1)[16:]
    ),
    "critical not flagged": encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 1, 0, lossy_frame(1)[16:]),
    "no batch": encode_frame(spec.TYPE_DATA, 0, 1, 0, 0, lossy_frame(1)[16:]),
    "records cut short": encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, lossy_frame(1)[16:-4]),
    "an unknown layout": encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, b"\x7f\1\0\0" + bytes(4)),
    "a record longer than the frame": encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, b"\5\xfe\0\0" + bytes(8)),
    "HELLO again": hello_frame("x"),
    "a frame that only a gateway sends": encode_frame(spec.TYPE_WELCOME, 0, 0, 0, 0, bytes(88)),
    "OPEN cut short": encode_frame(spec.TYPE_OPEN, 0, 1, 0, 0, bytes(20)),
    "OPEN with a wrong length": encode_frame(spec.TYPE_OPEN, 0, 1, 0, 0, bytes(20) + b"\x09log"),
    "OPEN of channel 0": open_frame(0, b"log"),
    "a sequenced heartbeat": encode_frame(spec.TYPE_HEARTBEAT, 0, 0, 1, 0, bytes(8)),
    "a jump of half the numbers": critical_frame(1, 1 + spec.NUMBER_LIMIT // 2, 1),
    "the highest number": critical_frame(1, spec.NUMBER_LIMIT - 1, 1),
    "an age that has another form": encode_frame(
        spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 0, record()[:2] + b"\x01\x80" + record()[4:]
    ),
    "a held time that has another form": encode_frame(
        spec.TYPE_DATA, spec.FLAG_BATCH | spec.FLAG_CRITICAL, 1, 1, 0, b"\1\0\0\0\x1f\x80\0\0" + record()
    ),
}


@pytest.mark.parametrize("rule", list(BROKEN_RULES))
async def test_a_device_that_breaks_a_rule_loses_its_session_and_hears_why(
    bench: Bench, transport: str, rule: str
) -> None:
    if transport == "websocket":
        async with RawStream(bench.address) as raw:
            await raw.hello(bench.token())
            await raw.open(1, b"log")
            await raw.send(BROKEN_RULES[rule])
            ending = (await raw.to_the_end())[-1]
    else:
        async with RawPoller(bench.address) as poller:
            session = await poller.hello(bench.token())
            await poller.poll(session.poll_frame(1), open_frame(1, b"log"))
            ending = (await poller.poll(session.poll_frame(2), BROKEN_RULES[rule]))[-1]
    assert ending.kind == spec.TYPE_CLOSE
    assert ending.code in (spec.CODE_MALFORMED, spec.CODE_SEQUENCE)
    assert ending.text
    assert bench.gateway.registry.counters.malformed == 1
    assert bench.gateway.hub.counters().published == 0
    await bench.serves()


# Channels


async def test_events_for_a_channel_that_was_not_opened_are_refused_and_counted(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        await raw.send(critical_frame(7, 1, 1, Log("a"), Log("b")), lossy_frame(8, Log("c")))
        critical = await raw.expect(spec.TYPE_REFUSED)
        lossy = await raw.expect(spec.TYPE_REFUSED)
        await raw.open(7, b"log", 2)  # to hear is not to speak
        await raw.send(lossy_frame(7))
        mute = await raw.expect(spec.TYPE_REFUSED)
        [peer] = bench.gateway.registry.peers()
        assert peer.counters.refused == 4
    for frame, seq, events in ((critical, 1, 2), (lossy, 0, 1), (mute, 0, 1)):
        assert int.from_bytes(frame.payload[:4], "little") == seq
        assert frame.payload[4] == spec.CODE_UNKNOWN_CHANNEL
        assert int.from_bytes(frame.payload[8:12], "little") == events
    assert critical.ack == 1  # the device has to answer for the number, with DATA again or with SKIP
    assert bench.gateway.hub.counters().published == 0
    await bench.serves()


@pytest.mark.parametrize(
    "name", [b"", b"Upper", b"two words", b"\xff", b"a\nb", b"../etc", b"a//b", b"/a", b"a/", b"a" * 65, b"."], ids=repr
)
async def test_a_bad_channel_name_is_refused_in_plain_words(bench: Bench, name: bytes) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        answer = await raw.open(1, name)
        assert answer.code == spec.CODE_BAD_NAME
        assert answer.payload[20:].decode().isprintable()
        assert (await raw.open(1, b"log")).code == spec.CODE_OK
    await bench.serves()


async def test_more_channels_than_a_device_may_have_are_refused_and_the_others_work(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token(), client_type=1, platform=b"vita", platform_number=3)
        for number in range(1, spec.DEVICE_CHANNELS + 1):
            assert (await raw.open(number, b"channel-%d" % number)).code == spec.CODE_OK
        refused = await raw.open(60000, b"one-more")
        assert refused.code == spec.CODE_TOO_MANY
        assert str(spec.DEVICE_CHANNELS).encode() in refused.payload[20:]
        assert (await raw.open(1, b"", 0)).code == spec.CODE_OK  # left
        assert (await raw.open(60000, b"one-more")).code == spec.CODE_OK
        assert (await raw.open(2, b"another-name")).code == spec.CODE_OK  # a number may change its name
    await bench.serves()


async def test_a_device_that_asks_and_never_reads_is_sent_away(bench: Bench) -> None:
    async with RawPoller(bench.address) as poller:
        session = await poller.hello(bench.token())
        [peer] = bench.gateway.registry.peers()
        flood = b"".join([open_frame(1, b"log")] * 900)
        answer = await poller.poll(session.poll_frame(1), flood)
        assert (answer[-1].kind, answer[-1].code) == (spec.TYPE_CLOSE, spec.CODE_TOO_MANY)
        assert peer.gone
        assert len(peer.session._control) < 400
    await bench.serves()


async def test_a_stream_that_floods_and_never_reads_costs_a_bounded_amount(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token())
        [peer] = bench.gateway.registry.peers()
        connection = raw.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()
        flood = b"".join([open_frame(1, b"log")] * 700)
        largest = 0
        try:
            for _ in range(2000):
                if peer.gone:
                    break
                await asyncio.wait_for(raw.socket.send_bytes(flood), 1)
                largest = max(largest, len(peer.session._control))
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            pass
        await eventually(lambda: peer.gone, "the end of the flood")
        assert largest < 1100
    await bench.serves()


# Fencing


async def test_what_waits_for_an_acknowledgement_goes_to_the_newer_transport_only(bench: Bench) -> None:
    async with RawStream(bench.address) as older, RawStream(bench.address) as newer:
        session = await older.hello(bench.token())
        await older.open(1, b"log", spec.MODE_PUBLISH | spec.MODE_SUBSCRIBE)
        await older.send(*(critical_frame(1, i, i) for i in range(1, 4)))
        for _ in range(3):
            await older.expect(spec.TYPE_DELIVER)  # and not acknowledged
        await newer.send(session.attach_frame(1))
        assert (await newer.expect(spec.TYPE_RESUMED)).code == 1
        assert [(await newer.expect(spec.TYPE_DELIVER)).seq for _ in range(3)] == [1, 2, 3]
        assert [frame.kind for frame in await older.to_the_end()] == [spec.TYPE_CLOSE]
    await bench.serves()


async def test_whoever_came_first_hears_in_a_heartbeat_how_widely_a_fleet_spreads(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._PROFILES, "host", {**registry._PROFILES["host"], "heartbeat_ms": 300})
    async with RawStream(bench.address) as first:
        await first.hello(bench.token())
        monkeypatch.setattr(bench.gateway.registry, "spread_ms", lambda: 4321)  # many came behind it
        bench.gateway.announce_spread()
        while (heartbeat := await first.expect(spec.TYPE_HEARTBEAT)).payload[4:] != (4321).to_bytes(4, "little"):
            await first.send(HEARTBEAT)
        assert len(heartbeat.payload) == 8
