"""Settings: arguments over environment over defaults, and each bad value named with what is allowed."""

from pathlib import Path
from typing import Any

import pytest

from flight_client import Log
from flight_client.errors import CallerError
from flight_client.gateway.settings import GatewaySettings, load_settings
from tests.support.bench import Bench
from tests.support.waiting import eventually, within

PRODUCTION = {"PLATFORM_MODE": "production", "REALTIME_BROKER_URL": "sqlite:flight.db", "FLIGHT_KEY_FILE": "own.json"}


def test_the_defaults_are_for_this_machine_only() -> None:
    settings = load_settings({}, {})
    assert (settings.host, settings.port, settings.engine) == ("127.0.0.1", 8080, "memory:")
    assert settings.allowed_origins == ()
    assert not settings.production


def test_the_environment_of_the_guide_is_read() -> None:
    settings = load_settings({}, PRODUCTION | {"WEBSOCKET_PORT": "9001"})
    assert (settings.port, settings.engine, settings.production) == (9001, "sqlite:flight.db", True)
    assert settings.key_file == Path("own.json")


def test_an_argument_goes_before_the_environment_even_when_that_is_wrong() -> None:
    environment = {"WEBSOCKET_PORT": "many", "REALTIME_BROKER_URL": "redis://redis:6379"}
    settings = load_settings({"port": 0, "engine": "memory:", "host": None}, environment)
    assert (settings.port, settings.engine) == (0, "memory:")


def test_text_arguments_are_read_like_the_environment() -> None:
    settings = load_settings(
        {"port": "81", "state_dir": "here", "allowed_origins": "https://a.example, http://localhost:3000"}, {}
    )
    assert (settings.port, settings.state_dir) == (81, Path("here"))
    assert settings.allowed_origins == ("https://a.example", "http://localhost:3000")


def test_lan_opens_every_address_unless_a_host_is_named() -> None:
    assert load_settings({"lan": True}, {}).host == "0.0.0.0"
    assert load_settings({"lan": True, "host": "192.0.2.7"}, {}).host == "192.0.2.7"
    assert load_settings({"lan": False}, {}).host == "127.0.0.1"


def test_limits_reach_the_engine_and_the_hub() -> None:
    settings = GatewaySettings(channels=5, history_entries=6, subscriber_entries=7, subscriber_bytes=200_000)
    assert settings.engine_limits.history_entries == 6
    assert settings.hub_limits.channels == 5
    assert settings.hub_limits.subscriber[:2] == (7, 200_000)


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("WEBSOCKET_PORT", "many", "whole number"),
        ("WEBSOCKET_PORT", "-1", "whole number"),
        ("WEBSOCKET_PORT", "65536", "0 to 65535"),
        ("WEBSOCKET_PORT", "8080 ", "whole number"),
        ("WEBSOCKET_PORT", "٣", "whole number"),
        ("PLATFORM_MODE", "prod", "development or production"),
        ("FLIGHT_ALLOWED_ORIGINS", "https://a.example/path", "without a path"),
        ("FLIGHT_ALLOWED_ORIGINS", "null", "without a path"),
        ("FLIGHT_CHANNELS_PER_TOKEN", "many", "whole number"),
        ("FLIGHT_SESSIONS_PER_TOKEN", "-1", "whole number"),
    ],
)
def test_a_bad_variable_is_named_with_its_value_and_what_is_allowed(variable: str, text: str, allowed: str) -> None:
    with pytest.raises(CallerError, match=allowed) as caught:
        load_settings({}, {variable: text})
    assert variable in str(caught.value)
    assert str(caught.value.value) == text


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "mysql:", "memory"])
def test_an_engine_that_is_not_known_is_refused_with_those_that_are(url: str) -> None:
    with pytest.raises(CallerError, match="sqlite:PATH") as caught:
        load_settings({}, {"REALTIME_BROKER_URL": url})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 70000),
        ("port", True),
        ("host", ""),
        ("host", "a b"),
        ("host", "a\n"),
        ("mode", "test"),
        ("channels", 0),
        ("sessions", 0),
        ("history_entries", 0),
        ("subscriber_entries", 0),
        ("subscriber_bytes", 100),
        ("allowed_origins", ["https://*.example"]),
        ("channels_per_token", 0),
        ("sessions_per_token", -1),
        ("audit_log_bytes", 1),
        ("allowed_hosts", ["http://a.example"]),
        ("colour", "blue"),
    ],
)
def test_a_bad_argument_is_refused_with_its_name(name: str, value: Any) -> None:
    with pytest.raises(CallerError) as caught:
        load_settings({name: value}, {})
    assert name in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"REALTIME_BROKER_URL": "memory:"}, "engine"),
        ({"REALTIME_BROKER_URL": ""}, "engine"),
        ({"FLIGHT_KEY_FILE": ""}, "key_file"),
        ({"FLIGHT_ALLOWED_ORIGINS": "https://a.example,*"}, "FLIGHT_ALLOWED_ORIGINS"),
        ({"FLIGHT_ALLOWED_HOSTS": "a.example,*"}, "FLIGHT_ALLOWED_HOSTS"),
    ],
)
def test_production_refuses_what_is_meant_for_a_desk(changes: dict[str, str], name: str) -> None:
    with pytest.raises(CallerError, match=f"{name} .*production"):
        load_settings({}, PRODUCTION | changes)


def test_production_is_content_with_public_keys() -> None:
    settings = load_settings({}, PRODUCTION | {"FLIGHT_KEY_FILE": "", "FLIGHT_JWKS": "https://keys.example/jwks.json"})
    assert (settings.jwks, settings.key_file) == ("https://keys.example/jwks.json", None)


def test_what_guards_rights_is_read_from_the_environment() -> None:
    names = {"FLIGHT_CHANNELS": "rules.toml", "FLIGHT_AUDIT_LOG": "audit", "FLIGHT_ALLOWED_HOSTS": "a.example, b_c"}
    settings = load_settings({}, names | {"FLIGHT_CHANNELS_PER_TOKEN": "9", "FLIGHT_SESSIONS_PER_TOKEN": "7"})
    assert (settings.channel_rules, settings.audit_log) == (Path("rules.toml"), Path("audit"))
    assert settings.allowed_hosts == ("a.example", "b_c")
    assert (settings.hub_limits.channels_per_token, settings.sessions_per_token) == (9, 7)


def test_production_refuses_a_development_key_under_another_name() -> None:
    settings = load_settings({}, PRODUCTION)
    settings.check_key(development=False)
    with pytest.raises(CallerError, match="not a development key"):
        settings.check_key(development=True)
    load_settings({}, {}).check_key(development=True)


def test_several_nodes_and_the_time_of_a_drain_come_from_the_environment() -> None:
    both = "http://node-a:8080, http://node-b:8080"
    environment = {"FLIGHT_NODE": "http://node-a:8080", "FLIGHT_NODES": both, "FLIGHT_DRAIN_S": "25"}
    settings = load_settings({"engine": "redis://localhost"}, environment)
    assert settings.nodes == ("http://node-a:8080", "http://node-b:8080")
    assert (settings.node, settings.drain_s) == ("http://node-a:8080", 25)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"FLIGHT_NODE": "http://node-a:8080"}, "FLIGHT_NODES"),
        ({"FLIGHT_NODES": "http://node-a:8080,http://node-b:8080"}, "own address"),
        ({"FLIGHT_DRAIN_S": "soon"}, "FLIGHT_DRAIN_S"),
        ({"FLIGHT_DRAIN_S": "3601"}, "3600"),
    ],
)
def test_nodes_and_drains_that_cannot_work_are_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(CallerError, match=said):
        load_settings({"engine": "redis://localhost"}, changes)


@pytest.mark.parametrize(("age_s", "kept"), [(0, 1), (1, 0)])
async def test_the_limit_of_age_is_watched_and_without_one_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: int, kept: int
) -> None:
    monkeypatch.setattr("flight_client.gateway.aging._EVERY_S", 0.01)
    bench = Bench(tmp_path, history_age_s=age_s)
    await bench.start()
    device = await bench.connected("console")
    hub = bench.gateway.hub
    monkeypatch.setattr(hub, "_clock_ms", lambda: 1000)
    await within(device.channel("log").publish(Log("old")))
    bench.gateway._aging._now_ms = lambda: 1 << 41
    if age_s:
        await eventually(lambda: not hub.engine._logs["log"].entries, "its end")  # type: ignore[attr-defined]
    assert (bench.gateway._aging._task is None) == (not age_s)
    first, last = await hub.engine.bounds("log")
    assert last - first + 1 == kept
    await bench.stop()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FLIGHT_TRUSTED_PROXIES", "balancer"),
        ("FLIGHT_NODES", "http://a:1"),
        ("FLIGHT_ALLOWED_HOSTS", "a b"),
        ("FLIGHT_SESSIONS", "0"),
        ("FLIGHT_WORKERS", "65"),
    ],
)
def test_a_value_that_is_read_and_then_refused_is_named_by_its_variable(variable: str, text: str) -> None:
    with pytest.raises(CallerError, match=f"^{variable} has a value"):
        load_settings({}, {variable: text})


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("REALTIME_BROKER_URL", "nonsense", "is not a URL"),
        ("REALTIME_BROKER_URL", "mysql://x", "is not known"),
        ("REALTIME_BROKER_URL", "memory:x", "memory: takes nothing"),
        ("REALTIME_BROKER_URL", "redis://", "names no host"),
        ("FLIGHT_WORKERS", "2", r"\(2 of them\) need an engine"),
    ],
)
def test_an_engine_that_cannot_be_is_named_by_its_variable_or_its_argument(variable: str, text: str, said: str) -> None:
    with pytest.raises(CallerError, match=f"^{variable} .*{said}"):
        load_settings({}, {variable: text})
    name = {"REALTIME_BROKER_URL": "engine", "FLIGHT_WORKERS": "workers"}[variable]
    with pytest.raises(CallerError, match=f"{name} .*{said}"):
        load_settings({name: text}, {})
