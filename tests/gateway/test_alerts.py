"""Alerts: the rules file, thresholds with hysteresis, the events in system-monitoring, and the rules for Prometheus."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from flight_client.errors import CallerError, FlightError
from flight_client.events import ComponentUpdate, SystemMonitoring, decode_event
from flight_client.gateway.alert_events import ALERT_CHANNEL, AlertEvents, event_of
from flight_client.gateway.alert_rules import DEFAULTS, AlertRule, load_alert_rules
from flight_client.gateway.alerts import AlertWatch, Change
from flight_client.gateway.engines import EngineLimits
from flight_client.gateway.engines.base import Health, Marks
from flight_client.gateway.metrics import metrics_text
from flight_client.gateway.own_events import device_id_of
from flight_client.session import spec
from flight_client.wire.records import records
from tests.gateway.desk import Desk, HeldEngine, make_desk, settle
from tests.support.bench import Bench
from tests.support.waiting import eventually, within

PROMETHEUS = Path("examples/prometheus/flight-alerts.yml")
RULE = AlertRule("engine-lag", "ms", "lag", 100, 50, 10)


def read(folder: Path, text: str, name: str = "alerts.toml") -> dict[str, AlertRule]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_alert_rules(path)


# The file


def test_without_a_file_every_alert_has_its_default() -> None:
    assert load_alert_rules(None) == dict(DEFAULTS)
    assert set(DEFAULTS) == {"queue-fill", "drop-rate", "dead-letters", "engine-lag"}


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    text = "[alerts.queue-fill]\nraise_at = 0.9\nclear_at = 0.6\nfor_s = 0\n[alerts.drop-rate]\nenabled = false\n"
    rules = read(tmp_path, text)
    queue = rules["queue-fill"]
    assert (queue.raise_at, queue.clear_at, queue.for_s) == (0.9, 0.6, 0)
    assert "drop-rate" not in rules
    assert rules["engine-lag"] == DEFAULTS["engine-lag"]
    same = {"alerts": {"queue-fill": {"raise_at": 0.9, "clear_at": 0.6, "for_s": 0}, "drop-rate": {"enabled": False}}}
    assert read(tmp_path, json.dumps(same), "alerts.json") == rules


def test_a_threshold_below_the_other_one_s_default_takes_it_along(tmp_path: Path) -> None:
    rule = read(tmp_path, "[alerts.engine-lag]\nraise_at = 200\n")["engine-lag"]
    assert (rule.raise_at, rule.clear_at) == (200, 50)
    assert read(tmp_path, "[alerts.engine-lag]\nraise_at = 9000\n")["engine-lag"].clear_at == 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[alerts.queue-fil]\n", "queue-fil"),
        ("[alerts.queue-fill]\nraise = 1\n", "raise"),
        ("[alerts.queue-fill]\nraise_at = 1.5\n", "1.5"),
        ("[alerts.queue-fill]\nraise_at = nan\n", "nan"),
        ("[alerts.drop-rate]\nraise_at = inf\n", "inf"),
        ("[alerts.drop-rate]\nraise_at = -1\n", "-1"),
        ("[alerts.drop-rate]\nraise_at = true\n", "True"),
        ("[alerts.drop-rate]\nraise_at = 0\n", "over 0"),
        ("[alerts.drop-rate]\nclear_at = 2\n", "at most raise_at, which is 1"),
        ("[alerts.drop-rate]\nfor_s = 100000\n", "86400"),
        ('[alerts.drop-rate]\nenabled = "no"\n', "true or false"),
        ("[alerts]\ndrop-rate = 3\n", "something other than a table"),
        ("[alarms.drop-rate]\n", "a table `alerts`"),
        ("[alerts.drop-rate\n", "neither TOML nor JSON"),
        ('{"alerts": {}, "alerts": {}}', "neither TOML nor JSON"),
        ("#" * (1 << 20) + "#", "is larger"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_what_and_what_next(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CallerError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert "alerts.toml" in str(caught.value)
    assert caught.value.next_step


def test_a_file_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="the alerts file cannot be read"):
        load_alert_rules(tmp_path / "none.toml")


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    text = "[alerts.queue-fill]\nraise_at = 0.9\n"
    assert read(tmp_path, text + "#" * ((1 << 20) - len(text))) == read(tmp_path, text)


# Thresholds


class LaggingEngine(HeldEngine):
    """Answers the probe when the test says so; its health is what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[asyncio.Future[Marks]] = []
        self.queued = (0, 0)

    async def marks(self, device_id: str, incarnation: bytes) -> Marks:
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]

    def health(self) -> Health:
        return Health(True, "well", *self.queued, 0)


class Watched:
    """A watch with a clock that the test moves."""

    def __init__(self, desk: Desk, engine: LaggingEngine, rules: dict[str, AlertRule]) -> None:
        self.now = 1000
        self.changes: list[Change] = []
        self.shown = set(DEFAULTS) - {"engine-lag"}  # which nobody answers unless the test does
        self.desk = desk
        self.engine = engine
        limits = EngineLimits(queue_entries=100, queue_bytes=1000)
        self.watch = AlertWatch(desk.hub, limits, rules, lambda: self.now, self.changes.append)

    def after(self, seconds: float) -> list[tuple[str, bool, float]]:
        """Look again so much later: what changed."""
        self.now += int(seconds * 1000)
        self.changes.clear()
        self.watch.look()
        return [
            (change.rule.name, change.raised, change.value) for change in self.changes if change.rule.name in self.shown
        ]

    async def answer(self, error: FlightError | None = None) -> None:
        waiting = self.engine.answers.pop(0)
        if error is None:
            waiting.set_result(Marks(0, 0))
        else:
            waiting.set_exception(error)
        await settle()


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    engine = LaggingEngine()
    desk = await make_desk(engine)
    made = Watched(desk, engine, dict(DEFAULTS))
    yield made
    await made.watch.probe.close()
    await desk.hub.close()


async def test_an_alert_is_raised_once_when_it_lasts_and_cleared_once_when_it_is_well_again(watched: Watched) -> None:
    engine = watched.engine
    assert watched.after(5) == []
    engine.queued = (80, 0)
    assert watched.after(5) == []  # seen, not for long enough
    assert watched.after(5) == []
    assert watched.after(5) == [("queue-fill", True, 0.8)]
    assert watched.watch.raised()["queue-fill"]
    for queued in (100, 60, 50, 100):  # between the thresholds, and over: it stays, and is not said again
        engine.queued = (queued, 0)
        assert watched.after(5) == []
    engine.queued = (49, 0)
    assert watched.after(5) == []
    assert watched.after(10) == [("queue-fill", False, 0.49)]
    assert watched.after(100) == []


async def test_a_value_that_only_peaks_raises_nothing(watched: Watched) -> None:
    for queued in (90, 90, 10) * 5:
        watched.engine.queued = (queued, 0)
        assert watched.after(5) == []
    assert not watched.watch.raised()["queue-fill"]


async def test_the_queue_is_as_full_as_its_bytes_or_its_batches_whichever_is_more(watched: Watched) -> None:
    watched.engine.queued = (10, 900)
    assert watched.watch.queue_fill() == 0.9


async def test_rates_are_events_between_two_looks_by_the_time_between(watched: Watched) -> None:
    counters, refused = watched.desk.hub._counters, watched.desk.hub.refused
    counters.dropped = 40
    refused[spec.CODE_STORE] = 100
    assert watched.after(10) == []  # 4 and 10 a second
    counters.dropped += 120
    refused[spec.CODE_FORBIDDEN] = 50
    found = watched.after(30)
    assert found == [("drop-rate", True, 4.0), ("dead-letters", True, 50 / 30)]
    assert watched.after(5) == []
    assert watched.after(30) == [("drop-rate", False, 0.0), ("dead-letters", False, 0.0)]


async def test_the_lag_is_the_time_of_the_last_answer_or_since_there_was_none(watched: Watched) -> None:
    probe = watched.watch.probe
    watched.shown = {"engine-lag"}
    watched.after(5)
    await settle()
    watched.now += 700
    await watched.answer()
    assert probe.lag_ms() == 700
    assert watched.after(5) == []  # a slow answer: it is asked again, though nothing was published
    await settle()
    assert len(watched.engine.answers) == 1
    assert watched.after(5) == []
    assert watched.after(5) == []
    await settle()
    assert len(watched.engine.answers) == 1, "one question at a time"
    assert watched.after(5) == [("engine-lag", True, 15000.0)]
    await watched.answer(FlightError("the engine is away"))
    watched.after(5)
    await settle()
    assert probe.lag_ms() == 20000, "a bad answer is none"
    await watched.answer()
    assert probe.lag_ms() == 0
    for _ in range(2):
        assert watched.after(5) == []
        await settle()
    assert watched.after(5) == [("engine-lag", False, 0.0)]
    assert not watched.engine.answers, "it answers at once, and nothing is published"
    watched.desk.publish()
    watched.after(5)
    await settle()
    assert len(watched.engine.answers) == 1


# The events


def change(raised: bool, value: float = 150) -> Change:
    return Change(RULE, raised, value)


async def test_what_cannot_be_stored_waits_and_comes_in_order_under_its_own_counters() -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    events = AlertEvents(desk.hub, "http://node-a:8080")
    for raised in (True, False, True):
        events.tell_change(change(raised))
    assert len(engine.waiting) == 1, "one at a time"
    engine.answer(fail=True)
    assert not engine.waiting
    events.go_on()
    for _ in range(3):
        engine.answer()
    entries = await engine.read(ALERT_CHANNEL, 0, 10)
    assert [entry.counter for entry in entries] == [1, 2, 3]
    assert {entry.source.device_id for entry in entries} == {"gateway:node-a:8080"}
    states = []
    for entry in entries:
        [(layout, _, start, end)] = records(entry.records, 0, len(entry.records))
        event = decode_event(layout, entry.records[start:end])
        assert isinstance(event, ComponentUpdate)
        states.append((event.id, event.state, event.metadata["alert"]))
    assert states == [
        ("alert/engine-lag", "error", "raised"),
        ("alert/engine-lag", "active", "cleared"),
        ("alert/engine-lag", "error", "raised"),
    ]
    await desk.hub.close()


async def test_too_many_that_wait_cost_the_oldest_and_are_counted() -> None:
    engine = HeldEngine()
    desk = await make_desk(engine)
    events = AlertEvents(desk.hub)
    for number in range(70):
        events.tell_change(change(True, number))
    assert events.given_up == 6
    for _ in range(64):
        engine.answer()
    entries = await engine.read(ALERT_CHANNEL, 0, 100)
    assert [entry.counter for entry in entries] == list(range(1, 65))
    await desk.hub.close()


def test_the_event_fits_its_layout_for_every_alert_and_its_device_id_every_node() -> None:
    for rule in DEFAULTS.values():
        event = event_of(Change(rule, True, 1e12 / 3))
        assert len(json.dumps(event.metadata)) < 400
        assert event.metadata["raiseAt"] == rule.raise_at
    assert device_id_of("") == "gateway"
    assert device_id_of("https://[2001:db8::1]:8443") == "gateway:-2001:db8::1-:8443"
    assert len(device_id_of("http://" + "long." * 20)) == spec.DEVICE_ID_BYTES


async def test_a_gateway_tells_its_alerts_to_whoever_follows_system_monitoring_and_in_its_metrics(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "alerts.toml"
    rules.write_text("[alerts.engine-lag]\nraise_at = 100\nclear_at = 50\nfor_s = 0\n", encoding="utf-8")
    bench = Bench(tmp_path, alert_rules=rules)
    await bench.start()
    tool, reader = await bench.tool("component-update", "system-monitoring", channels=[ALERT_CHANNEL])
    alerts = bench.gateway.alerts
    lag_ms = 250
    monkeypatch.setattr(alerts.probe, "lag_ms", lambda: lag_ms)
    with caplog.at_level(logging.WARNING, "flight.gateway"):
        alerts.look()
        alerts.look()
        assert 'flight_alert_raised{alert="engine-lag"} 1' in metrics_text(bench.gateway)
        assert 'flight_alert_raised{alert="queue-fill"} 0' in metrics_text(bench.gateway)
        lag_ms = 3
        alerts.look()
        assert 'flight_alert_raised{alert="engine-lag"} 0' in metrics_text(bench.gateway)
    device = await bench.connected("vita", platform="vita")
    await within(device.channel(ALERT_CHANNEL).publish(SystemMonitoring(cpu=0.5)))
    raised, cleared, other = await reader.take(3)
    assert isinstance(raised.data, ComponentUpdate)
    assert (raised.data.state, raised.data.metadata["value"], raised.source.device_id) == ("error", 250, "gateway")
    assert isinstance(cleared.data, ComponentUpdate)
    assert (cleared.data.state, cleared.data.metadata["alert"]) == ("active", "cleared")
    assert other.data == SystemMonitoring(cpu=0.5)
    said = [record.getMessage() for record in caplog.records if "alert" in record.getMessage()]
    assert len(said) == 2
    assert "engine-lag" in said[0]
    assert "over" in said[1]
    assert tool is not None
    await bench.stop()


async def test_the_gateway_looks_by_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    alerts = bench.gateway.alerts
    monkeypatch.setattr(alerts, "look", lambda: looks.append(1))
    monkeypatch.setattr("flight_client.gateway.app._EXPIRE_S", 0.01)
    await within(bench.gateway.stop())
    await bench.start()
    monkeypatch.setattr(bench.gateway.alerts, "look", lambda: looks.append(1))
    await eventually(lambda: len(looks) > 1, "its looks")


# Prometheus


def prometheus_rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


async def test_the_rules_for_prometheus_use_figures_and_labels_that_the_metrics_page_has(bench: Bench) -> None:
    text = metrics_text(bench.gateway)
    known = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    known |= {"flight_certificate_expires_seconds", "flight_certificate_trouble"}  # with TLS
    used: set[str] = set()
    for rule in prometheus_rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "next"}
        names = set(re.findall(r"\bflight_\w+", rule["expr"]))
        assert names or rule["alert"] == "FlightGatewayAway"
        assert names <= known, (rule["alert"], names - known)
        used |= names
        for name, label, values in re.findall(r'(flight_\w+)\{(\w+)=~?"([^"]+)"\}', rule["expr"]):
            for value in values.split("|"):
                assert f'{name}{{{label}="{value}"}}' in text, (rule["alert"], value)
    assert len(used) >= 8


def test_the_rules_for_prometheus_have_the_thresholds_of_the_gateway_s_own_alerts() -> None:
    rules = {rule["alert"]: rule for rule in prometheus_rules()}
    for name, own in DEFAULTS.items():
        rule = rules["Flight" + "".join(part.capitalize() for part in name.split("-"))]
        threshold = own.raise_at / 1000 if own.unit == "ms" else own.raise_at
        assert rule["expr"].endswith(f">= {threshold:g}"), name
        assert rule["for"] == f"{own.for_s:g}s", name


def test_the_page_about_operation_has_every_alert_with_its_defaults() -> None:
    page = Path("docs/operations.md").read_text(encoding="utf-8")
    for rule in DEFAULTS.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{rule.name}`"))
        for value in (rule.raise_at, rule.clear_at, rule.for_s):
            assert f"| {value:g} |" in row, (rule.name, value)
