"""Liveness, readiness and metrics of a real gateway; the metrics are read by Prometheus's own parser."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flight_client import Log
from flight_client.gateway.engines import Batch, Health
from flight_client.gateway.engines.base import OnResult, failed
from flight_client.gateway.metrics import METRICS_TYPE
from flight_client.session import spec
from tests.support.bench import Bench, component
from tests.support.json_peer import JsonStream, log_event, publish
from tests.support.raw import RawStream, lossy_frame
from tests.support.waiting import eventually, within

PAGE = Path("docs/gateway.md").read_text(encoding="utf-8")


async def get(bench: Bench, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, content type and text."""
    async with aiohttp.ClientSession(headers=headers) as http, http.get(bench.address + path) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def figures(bench: Bench) -> dict[tuple[str, ...], float]:
    """Every sample: (name, label values ...) -> value."""
    status, kind, text = await get(bench, "/metrics")
    assert (status, kind) == (200, METRICS_TYPE)
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in ("counter", "gauge")
        for sample in family.samples:
            key = (sample.name, *sample.labels.values())
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


async def test_every_figure_is_what_happened(bench: Bench) -> None:
    before = await figures(bench)
    assert before["flight_sessions",] == 0
    assert before["flight_engine_up",] == 1
    device = await bench.connected("console", "tcp")
    for number in range(3):
        await within(device.channel("component-events").publish(component(number)))
    async with JsonStream(bench.address) as browser, RawStream(bench.address) as raw:
        await browser.hello(bench.token())
        await browser.subscribe("component-events", start="last", count=3)
        assert len(await browser.events(3)) == 3
        again = publish("1", "component-events", {"type": "log", "data": {"text": "x"}}, counter=1)
        await browser.ask(again)
        await browser.ask(again)
        await browser.ask(publish("2", "log", log_event("x" * 500)))
        await raw.hello(bench.token(roles=("subscribe",)))
        await raw.send(lossy_frame(5, Log("to a channel that is not open")))
        await raw.expect(spec.TYPE_REFUSED)
        now = await figures(bench)
        assert now["flight_sessions",] == 3
        assert now["flight_sessions_attached", "tcp"] == 1
        assert now["flight_sessions_attached", "json-websocket"] == 1
        assert now["flight_sessions_attached", "websocket"] == 1
        assert now["flight_hellos_total",] == 3
        assert now["flight_events_published_total", "stored"] == 4
        assert now["flight_events_published_total", "duplicate"] == 1
        assert now["flight_events_refused_total", "unknown-channel"] == 1
        assert now["flight_events_refused_total", "malformed"] == 1
        assert now["flight_events_subscribers_total", "delivered"] >= 3
        assert now["flight_subscribers",] == 1
        assert now["flight_frames_total", "in"] >= 3 + 4 + 1
        assert now["flight_frames_total", "out"] >= 3 + 4
    await eventually(lambda: len(bench.gateway.registry.sessions()) <= 2, "the browser's end")
    later = await figures(bench)
    assert later["flight_frames_total", "in"] >= now["flight_frames_total", "in"]  # a counter never falls


async def test_refused_hellos_are_counted_by_their_cause(bench: Bench) -> None:
    for said in ({"token": "nonsense"}, {"token": bench.token(age_s=4000)}, {"deviceId": "two words"}):
        async with JsonStream(bench.address) as browser:
            await browser.say({**_hello(bench), **said})
            assert (await browser.hear())["type"] == "error"
    now = await figures(bench)
    assert now["flight_hellos_refused_total", "credential"] == 1
    assert now["flight_hellos_refused_total", "expired-token"] == 1
    assert now["flight_hellos_refused_total", "bad-name"] == 1
    assert now["flight_hellos_refused_total", "busy"] == 0  # every cause is there from the start


def _hello(bench: Bench) -> dict[str, Any]:
    from tests.support.json_peer import hello

    return hello(bench.token())


async def test_refused_requests_are_counted_by_their_cause(bench: Bench) -> None:
    assert (await get(bench, "/v1/channels"))[0] == 401
    assert (await get(bench, "/v1/channels", Authorization=f"Bearer {bench.token(roles=('publish',))}"))[0] == 403
    now = await figures(bench)
    assert now["flight_rest_requests_total",] == 2
    assert now["flight_rest_refused_total", "credential"] == 1
    assert now["flight_rest_refused_total", "forbidden"] == 1


async def test_an_engine_that_fails_makes_it_unready_and_not_dead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await get(bench, "/health/ready"))[0] == 200
    engine = bench.gateway.hub.engine
    monkeypatch.setattr(engine, "health", lambda: Health(False, "the disk is full", 3, 4096, 7))

    def refuse(_batch: Batch, done: OnResult) -> None:
        done(failed("the disk is full"))

    monkeypatch.setattr(engine, "append", refuse)
    status, _, text = await get(bench, "/health/ready")
    assert (status, json.loads(text)) == (503, {"status": "not ready", "reasons": ["the engine: the disk is full"]})
    assert (await get(bench, "/health/live"))[0] == 200
    assert (await get(bench, "/health"))[0] == 503
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        assert (await browser.ask(publish("1", "log", log_event("x"))))["code"] == "store"
    now = await figures(bench)
    assert (now["flight_engine_up",], now["flight_engine_queued_batches",]) == (0, 3)
    assert (now["flight_engine_queued_bytes",], now["flight_engine_failed_appends_total",]) == (4096, 7)
    assert now["flight_events_refused_total", "store"] == 1


async def test_a_full_gateway_and_one_that_stops_are_not_ready(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sessions=1)
    await bench.start()
    async with JsonStream(bench.address) as browser:
        await browser.hello(bench.token())
        status, _, text = await get(bench, "/health/ready")
        assert status == 503
        assert "1 sessions are open" in json.loads(text)["reasons"][0]
    await eventually(lambda: len(bench.gateway.registry) == 0, "its end")
    assert (await get(bench, "/health/ready"))[0] == 200
    bench.gateway.stopping = True
    assert json.loads((await get(bench, "/health/ready"))[2])["reasons"] == ["the gateway stops"]
    await bench.stop()


async def test_no_page_without_a_token_names_a_device_or_a_channel(bench: Bench) -> None:
    device = await bench.connected("secret-device")
    await within(device.channel("secret-channel").publish(Log("x")))
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        status, _, text = await get(bench, path)
        assert status == 200
        assert "secret" not in text


async def test_a_page_of_another_origin_sees_none_of_them(bench: Bench) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/metrics", "/v1/openapi.json"):
        assert (await get(bench, path, Origin="https://evil.example"))[0] == 403


async def test_every_figure_stands_on_the_page_about_running_a_gateway(bench: Bench) -> None:
    names = {key[0] for key in await figures(bench)}
    assert len(names) > 25
    missing = [name for name in names if name not in PAGE]
    assert not missing
