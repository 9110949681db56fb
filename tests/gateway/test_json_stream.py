"""`flight.v1.json` over WebSocket at a real gateway: hello, subscribe, publish, resume, gaps, tokens, bad input."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from flight_client import ComponentUpdate, Log, MemoryUpdate
from flight_client.gateway.engines import Batch
from flight_client.gateway.engines.base import OnResult, failed
from flight_client.session import spec
from tests.support.bench import Bench, component, numbers
from tests.support.json_peer import JsonStream, hello, log_event, publish
from tests.support.waiting import eventually, within


async def test_a_browser_hears_what_a_console_emits_and_a_console_what_a_browser_publishes(bench: Bench) -> None:
    token = bench.token()
    device = await bench.connected("console", platform="vita")
    tool, reader = await bench.tool("log", channels=["log"])
    async with JsonStream(bench.address) as browser:
        welcome = await browser.hello(token)
        assert (welcome["protocol"], welcome["mark"]) == ("flight.v1.json", 0)
        assert (await browser.subscribe("memory-updates"))["type"] == "subscribed"
        assert device.channel("memory-updates").emit(MemoryUpdate(used_bytes=8_808_038, fragmentation=0.3)).accepted
        heard = await browser.expect("events")
        [event] = heard["events"]
        assert event["type"] == "memory-update"
        assert event["data"]["used"] == {"bytes": 8_808_038, "humanReadable": "8.4MB"}
        assert event["data"]["total"] == {"bytes": None, "humanReadable": "unknown"}
        assert event["data"]["fragmentationRatio"] == 0.3
        assert (heard["deviceId"], event["data"]["platform"]) == ("console", "vita")
        assert abs(event["data"]["timestamp"] - heard["receivedAt"]) < 60_000
        session_ids = {
            session.source.device_id: session.source.short_id.decode() for session in bench.gateway.registry.sessions()
        }
        assert event["data"]["sessionId"] == heard["sessionId"] == session_ids["console"]
        answer = await browser.ask(publish("one", "log", log_event("from the browser")))
        assert answer == {"type": "ack", "id": "one", "status": "stored", "stored": 1}
    [found] = await reader.take(1)
    assert found.data == Log("from the browser")
    assert found.source.device_id == "browser-1"
    await eventually(lambda: len(bench.gateway.registry) == 2, "the browser's session ends with its connection")
    assert tool is not None


async def test_critical_events_with_counters_are_stored_once_however_often_they_come(bench: Bench) -> None:
    tool, reader = await bench.tool("component-update")
    async with JsonStream(bench.address) as browser:
        welcome = await browser.hello(bench.token())
        answer = {}
        for counter in (1, 2, 2, 1):
            event = {"type": "component-update", "data": {"id": "a", "name": "b", "metadata": {"number": counter}}}
            answer = await browser.ask(publish(str(counter), "component-events", event, counter=counter))
            assert answer["type"] == "ack", answer
        assert (answer["status"], answer["stored"], answer["mark"]) == ("duplicate", 0, 2)
    async with JsonStream(bench.address) as browser:  # another connection, the same incarnation
        again = await browser.hello(bench.token(), incarnation=welcome["incarnation"])
        assert again["mark"] == 2
        assert again["sessionId"] != welcome["sessionId"]
        event = {"type": "component-update", "data": {"id": "a", "name": "b", "metadata": {"number": 3}}}
        await browser.ask(publish("x", "component-events", event, counter=2))
        answer = await browser.ask(publish("y", "component-events", event))  # critical by its channel: numbered here
        assert (answer["counter"], answer["mark"]) == (3, 3)
    assert numbers(await reader.take(3)) == [1, 2, 3]
    assert bench.gateway.hub.counters().stored == 3
    assert tool is not None


async def test_a_subscription_goes_on_behind_its_offset_without_a_lost_or_doubled_event(bench: Bench) -> None:
    device = await bench.connected("console")
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("component-events")
        for number in range(3):
            await within(device.channel("component-events").publish(component(number)))
        heard = [await browser.expect("events") for _ in range(3)]
        last = heard[-1]
        assert [message["previousOffset"] for message in heard[1:]] == [message["offset"] for message in heard[:-1]]
        assert all(message["critical"] and message["counter"] for message in heard)
    for number in range(3, 6):
        await within(device.channel("component-events").publish(component(number)))
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        answer = await browser.subscribe("component-events", start="after", epoch=last["epoch"], offset=last["offset"])
        assert (answer["epoch"], answer["offset"]) == (last["epoch"], last["offset"])
        found = await browser.events(3)
        assert [event["data"]["metadata"]["number"] for event in found] == [3, 4, 5]
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("component-events", start="last", count=2)
        assert [event["data"]["metadata"]["number"] for event in await browser.events(2)] == [4, 5]


async def test_another_epoch_and_a_trimmed_log_are_told_as_gaps(bench: Bench) -> None:
    device = await bench.connected("console")
    for number in range(6):
        await within(device.channel("component-events").publish(component(number)))
    await bench.gateway.hub.engine.trim("component-events", 2)
    epoch = bench.gateway.hub.epoch.hex()
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("component-events", start="after", epoch=epoch, offset=1)
        gap = await browser.expect("gap")
        assert (gap["reason"], gap["after"], gap["to"], gap["epoch"]) == ("trimmed", 1, 4, epoch)
        assert len(await browser.events(2)) == 2
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("component-events", start="after", epoch="00" * 8, offset=5)
        gap = await browser.expect("gap")
        assert (gap["reason"], gap["epoch"]) == ("epoch", epoch)
        assert len(await browser.events(2)) == 2


async def test_a_client_that_does_not_read_is_told_its_gap_and_costs_the_others_nothing(tmp_path: Any) -> None:
    bench = Bench(tmp_path, subscriber_entries=4)
    await bench.start()
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("log")
        [session] = bench.gateway.registry.sessions()
        session.on_wake = lambda: None  # type: ignore[attr-defined]  # its writer sees nothing
        device = await bench.connected("console")
        for number in range(12):
            await within(device.channel("log").publish(Log(str(number))))
        bench.gateway.registry.session(session.session_id)._is_ready("log")  # type: ignore[union-attr]
        texts = []
        while text := session.next_text():  # type: ignore[attr-defined]
            texts.append(json.loads(text))
        assert texts[0]["type"] == "gap"
        assert texts[0]["reason"] == "slow"
        events = [event["data"]["text"] for message in texts[1:] for event in message["events"]]
        assert events == ["8", "9", "10", "11"]
    await bench.stop()


async def test_a_batch_that_was_not_stored_has_to_come_again_before_newer_ones(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = bench.gateway.hub.engine
    append = engine.append
    fails = True

    def sometimes(batch: Batch, done: OnResult) -> None:
        if fails:
            done(failed("the disk is full"))
        else:
            append(batch, done)

    monkeypatch.setattr(engine, "append", sometimes)
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        answer = await browser.ask(publish("a", "log", log_event("1"), counter=1))
        assert (answer["type"], answer["code"], answer["fault"]) == ("error", "store", "peer")
        fails = False
        answer = await browser.ask(publish("b", "log", log_event("2"), counter=2))
        assert (answer["code"], answer["value"][-2:]) == ("store", " 1")
        numbered = {"type": "log", "data": {"text": "the gateway numbers it"}}
        assert (await browser.ask(publish("c", "log", numbered, priority="critical")))["code"] == "store"
        assert (await browser.ask(publish("a", "log", log_event("1"), counter=1)))["status"] == "stored"
        assert (await browser.ask(publish("b", "log", log_event("2"), counter=2)))["mark"] == 2
        fails = True
        assert (await browser.ask(publish("c", "log", numbered, priority="critical")))["code"] == "store"
        fails = False  # nobody but the gateway knew the number that failed
        assert (await browser.ask(publish("c", "log", numbered, priority="critical")))["type"] == "ack"
        fails = True
        assert (await browser.ask(publish("d", "log", log_event("5"), counter=5)))["code"] == "store"
        fails = False
        assert (await browser.ask(publish("b", "log", log_event("2"), counter=2)))["status"] == "duplicate"
        assert (await browser.ask(publish("e", "log", log_event("6"), counter=6)))["code"] == "store"
        assert (await browser.ask(publish("d", "log", log_event("5"), counter=5)))["status"] == "stored"


async def test_every_bad_message_is_answered_with_whose_fault_what_which_value_and_what_next(bench: Bench) -> None:
    ok = log_event("x")
    bad: list[tuple[Any, str, str]] = [
        ("{", "malformed", "truncated"),
        ("[]", "malformed", "array"),
        ('{"type":"shout"}', "malformed", "shout"),
        ('{"type":"publish","id":"1"}', "malformed", "channel"),
        ({"type": "ping", "id": 7}, "malformed", "$.id"),
        ({"type": "ping", "id": "1", "more": 1}, "malformed", "more"),
        ({"type": "ping", "id": "x" * 65}, "too-large", "65 characters"),
        (publish("1", "log"), "malformed", "log"),
        (publish("1", "No Channel", ok), "bad-name", "No Channel"),
        (publish("1", "log", {"type": "nothing", "data": {}}), "malformed", "'nothing'"),
        (publish("1", "log", ok, {"type": "log", "data": {"txt": "x"}}), "malformed", "'x'"),
        (publish("1", "log", {"type": "log", "data": {}}), "malformed", "None"),
        (publish("1", "log", log_event("x", level="loud")), "malformed", "'loud'"),
        (publish("1", "log", log_event("x" * 481)), "malformed", "xxx"),
        (publish("1", "log", log_event("x", timestamp="now")), "malformed", "'now'"),
        (publish("1", "log", log_event("x", timestamp=1)), "malformed", "1"),
        (publish("1", "log", log_event("x", timestamp=1 << 50)), "malformed", str(1 << 50)),
        (publish("1", "log", ok, counter=-1), "sequence", "-1"),
        (publish("1", "log", ok, counter=spec.NUMBER_LIMIT), "sequence", str(spec.NUMBER_LIMIT)),
        (publish("1", "log", ok, priority="urgent"), "malformed", "urgent"),
        ({"type": "subscribe", "id": "1", "channel": "log", "start": "first"}, "unsupported", "first"),
        ({"type": "subscribe", "id": "1", "channel": "log", "start": "after"}, "malformed", "epoch"),
        ({"type": "subscribe", "id": "1", "channel": "log", "start": "after", "epoch": "zz" * 8}, "malformed", "zz"),
        ({"type": "subscribe", "id": "1", "channel": "log", "offset": -1}, "malformed", "-1"),
        ({"type": "subscribe", "id": "1", "channel": "a/../b"}, "bad-name", "a/../b"),
        ({"type": "unsubscribe", "id": "1", "channel": "never"}, "unknown-channel", "never"),
        ({"type": "token", "id": "1", "token": "nonsense"}, "credential", "8 characters"),
        (hello("t"), "malformed", "new connection"),
    ]
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        for said, code, value in bad:
            await browser.say(said)
            answer = await browser.hear()
            assert (answer["type"], answer["code"]) == ("error", code), (said, answer)
            assert value in answer["value"], (said, answer)
            assert answer["fault"] in ("caller", "peer")
            assert answer["message"]
            assert answer["nextStep"]
            assert answer["message"].isprintable()
            assert answer["value"].isprintable()
        assert (await browser.ask(publish("1", "log", ok)))["type"] == "ack"  # the session goes on
        assert bench.gateway.hub.counters().stored == 1
    await bench.serves()


@pytest.mark.parametrize(
    ("said", "code", "fatal"),
    [
        ("no json", "malformed", False),
        ({"type": "ping"}, "not-hello", False),
        ({"token": "t"}, "credential", True),
        ({"deviceId": "two words"}, "bad-name", True),
        ({"deviceId": "x" * 33}, "bad-name", True),
        ({"clientInfo": {"clientType": "web-browser", "platform": "saturn"}}, "unknown-platform", True),
        ({"clientInfo": {"clientType": "toaster", "platform": "web"}}, "unsupported", False),
        ({"clientInfo": {"clientType": "web-browser", "platform": "web", "capabilities": ["fly"]}}, "unsupported", False),
        (
            {"clientInfo": {"clientType": "web-browser", "platform": "dreamcast", "capabilities": ["v6r-events"]}},
            "forbidden", True,
        ),
        ({"incarnation": "12"}, "malformed", False),
        ({"token": "\u00e4" * 600}, "credential", True),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
async def test_a_first_message_that_leads_to_no_session_is_answered_and_the_connection_closed(
    bench: Bench, said: Any, code: str, fatal: bool
) -> None:
    if isinstance(said, dict) and "type" not in said:
        said = hello(bench.token()) | said
    async with JsonStream(bench.address) as browser:
        await browser.say(said)
        answer = await browser.hear()
        assert (answer["type"], answer["code"], answer["fatal"]) == ("error", code, fatal)
        assert answer["nextStep"]
        assert await browser.hear() == {}
        assert browser.socket.close_code is not None
        assert browser.socket.close_code >= 4000
    assert len(bench.gateway.registry) == 0


async def test_before_hello_a_connection_costs_one_bounded_message_and_its_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with JsonStream(bench.address) as browser:
        await browser.say('{"type":"hello","token":"' + "x" * 200_000 + '"}')
        assert await browser.hear() == {}
        assert browser.socket.close_code == 1009
    async with JsonStream(bench.address) as browser:
        await browser.socket.send_bytes(b"\xf1\x01")
        assert (await browser.hear())["code"] == "malformed"
        assert await browser.hear() == {}
    monkeypatch.setattr(spec, "PREAUTH_MS", 50)
    async with JsonStream(bench.address) as browser:
        assert await browser.hear() == {}
    assert bench.gateway.registry.counters.hellos == 0
    await bench.serves()


async def test_a_nested_or_huge_value_is_refused_and_costs_little(bench: Bench) -> None:
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        deep = '{"type":"publish","id":"1","channel":"log","events":[{"type":"log","data":{"text":' + "[" * 60_000
        await browser.say(deep)
        assert (await browser.hear())["code"] == "malformed"
        many = publish("1", "log", *[log_event("x" * 400)] * 200)
        answer = await browser.ask(many)
        assert "too large together" in answer["message"]
        assert "send at most" in answer["nextStep"]


async def test_without_the_role_nothing_is_published_or_heard(bench: Bench) -> None:
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token(roles=("subscribe",)))
        answer = await browser.ask(publish("1", "log", log_event("x")))
        assert (answer["code"], answer["fault"]) == ("forbidden", "caller")
        assert (await browser.subscribe("log"))["type"] == "subscribed"
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token(roles=("publish",)))
        assert (await browser.subscribe("log"))["code"] == "forbidden"
        assert (await browser.ask(publish("1", "log", log_event("x"))))["type"] == "ack"


async def test_a_token_is_renewed_in_the_session_and_its_end_stops_everything(bench: Bench) -> None:
    device = await bench.connected("console")
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token(roles=("publish", "subscribe")))
        await browser.subscribe("log")
        [session] = [one for one in bench.gateway.registry.sessions() if one.source.device_id == "browser-1"]
        ended = True
        session.tenure.ended = lambda: ended  # type: ignore[method-assign]
        await within(device.channel("log").publish(Log("not for who is not let in any more")))
        assert (await browser.hear())["type"] == "token-ended"
        answer = await browser.ask(publish("1", "log", log_event("x")))
        assert answer["code"] == "expired-token"
        answer = await browser.ask({"type": "token", "id": "2", "token": bench.token("browser-1")})
        assert answer["code"] == "forbidden"  # another subject
        session.tenure._looked_at = None  # as if it were a second later
        ended = False
        await browser.say({"type": "token", "id": "3", "token": bench.token()})
        heard = [await browser.hear(), await browser.hear()]
        assert [message["type"] for message in heard] == ["renewed", "events"]
        assert 0 < heard[0]["tokenExpiresInMs"] <= 3_600_000
        assert heard[1]["events"][0]["data"]["text"] == "not for who is not let in any more"


async def test_a_device_has_one_session_whatever_it_speaks(bench: Bench) -> None:
    async with JsonStream(bench.address) as first:
        await first.hello(bench.token(), "one")
        async with JsonStream(bench.address) as second:
            await second.hello(bench.token(), "one")
            answer = await first.hear()
            assert answer["code"] == "replaced"
            device = await bench.connected("one")
            assert (await second.hear())["code"] == "replaced"
    assert [session.transport for session in bench.gateway.registry.sessions()] == [device.transport]


async def test_answers_that_are_provoked_and_not_read_end_the_session(bench: Bench) -> None:
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        [session] = bench.gateway.registry.sessions()
        session.on_wake = lambda: None  # type: ignore[attr-defined]  # as if its socket took nothing
        await browser.say(*[{"type": "ping", "id": "1"}] * 400)
        await eventually(lambda: session.ending is not None, "its end")  # type: ignore[attr-defined]
        assert session.ending["code"] == "too-many"  # type: ignore[attr-defined]


async def test_a_stop_tells_when_to_come_back(bench: Bench) -> None:
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        stopping = asyncio.create_task(bench.gateway.stop())
        answer = await browser.hear()
        assert (answer["code"], answer["fatal"]) == ("going-away", False)
        assert answer["retryAfterMs"] > 0
        assert await browser.hear() == {}
        await within(stopping)


async def test_close_ends_it_at_once_and_unsubscribe_a_channel(bench: Bench) -> None:
    device = await bench.connected("console")
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        await browser.subscribe("log")
        answer = await browser.ask({"type": "unsubscribe", "id": "1", "channel": "log"})
        assert answer == {"type": "unsubscribed", "id": "1", "channel": "log"}
        await within(device.channel("log").publish(Log("nobody hears this")))
        assert (await browser.ask({"type": "ping", "id": "2"}))["type"] == "pong"
        await browser.say({"type": "close"})
        assert await browser.hear() == {}
        assert browser.socket.close_code == 1000
    await eventually(lambda: len(bench.gateway.registry) == 1, "its end")


async def test_a_page_that_is_allowed_may_connect_and_another_may_not(tmp_path: Any) -> None:
    bench = Bench(tmp_path, allowed_origins=("https://tools.example",))
    await bench.start()
    async with JsonStream(bench.address, headers={"Origin": "https://tools.example"}) as browser:
        await browser.hello(bench.token())
    for origin in ("https://tools.example.evil", "null", "https://tools.example:8443"):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            async with JsonStream(bench.address, headers={"Origin": origin}):
                pass
    await bench.stop()


async def test_what_a_device_wrote_into_its_event_and_nobody_can_read_is_counted_in_the_message(bench: Bench) -> None:
    from tests.support.raw import RawStream, critical_frame

    bad = bytearray(critical_frame(1, 1, 1, Log("x"), ComponentUpdate("a", "b")))
    at = bad.index(b"x\x00") - 6  # the level of the log line: a number without a name
    bad[at] = 9
    async with JsonStream(bench.address) as browser, RawStream(bench.address) as raw:
        await browser.hello(bench.token())
        await browser.subscribe("log")
        await raw.hello(bench.token())
        await raw.open(1, b"log")
        await raw.send(bytes(bad))
        heard = await browser.expect("events")
        assert heard["unreadable"] == 1
        assert [event["type"] for event in heard["events"]] == ["component-update"]


async def test_after_a_restart_of_the_gateway_nothing_is_lost_or_doubled(tmp_path: Any) -> None:
    bench = Bench(tmp_path, f"sqlite:{tmp_path / 'log.sqlite'}")
    await bench.start()
    async with JsonStream(bench.address) as browser:
        welcome = await browser.hello(bench.token())
        await browser.subscribe("log")
        for counter in (1, 2):
            await browser.say(publish(str(counter), "log", log_event(str(counter)), counter=counter))
        heard = [await browser.expect("events") for _ in range(2)]
    await bench.restart()
    async with JsonStream(bench.address) as browser:
        again = await browser.hello(bench.token(), incarnation=welcome["incarnation"])
        assert (again["mark"], again["epoch"]) == (2, welcome["epoch"])
        answer = await browser.ask(publish("2", "log", log_event("2"), counter=2))  # its ack was lost, say
        assert answer["status"] == "duplicate"
        assert (await browser.ask(publish("3", "log", log_event("3"), counter=3)))["status"] == "stored"
        await browser.subscribe("log", start="after", epoch=heard[0]["epoch"], offset=heard[0]["offset"])
        assert [event["data"]["text"] for event in await browser.events(2)] == ["2", "3"]
    await bench.stop()
