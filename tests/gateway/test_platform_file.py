"""The platforms file of an operator: platforms that a gateway knows by its name, and each mistake with where it stands."""

import json
from pathlib import Path

import pytest

from flight_client import CallerError, get_platform_capabilities, get_platform_config
from flight_client.gateway.json_protocol.batches import platform_name as shown_name
from flight_client.gateway.platform_file import register_platforms
from flight_client.gateway.settings import GatewaySettings, load_settings
from flight_client.platforms import PLATFORMS, get_platform
from tests.support.bench import Bench

SATURN = """
[platforms.saturn]
memory_constraint = "2MB"
connection_mode = "polling"
update_interval_ms = 8000
max_retries = 1
capabilities = ["basic-messaging"]
"""


pytestmark = pytest.mark.usefixtures("platforms_as_they_were")


def written(folder: Path, text: str, name: str = "platforms.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


async def test_a_gateway_with_a_file_knows_its_platforms_before_anybody_comes(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        SATURN + 'number = 200\nlike = "dreamcast"\n[platforms.saturn.batching]\nmax_events = 3\nmax_delay_ms = 70\n',
    )
    bench = Bench(tmp_path, platforms_file=path)
    await bench.start()
    try:
        assert shown_name(200) == "saturn"
        found, platform = get_platform_config("saturn"), get_platform("saturn")
        assert (found.update_interval_ms, found.max_retries, platform.memory_bytes) == (8000, 1, 2 << 20)
        assert found.batching is not None
        assert (found.batching.max_events, found.batching.max_delay_ms) == (3, 70)
        assert get_platform_capabilities("saturn") == ["basic-messaging", "polling-mode"]
        assert platform.payload_bytes == get_platform("dreamcast").payload_bytes
        client = bench.client("sat-1", platform="saturn")
        await client.connect(10)
        [session] = [one for one in bench.gateway.registry.sessions() if one.source.device_id == "sat-1"]
        assert shown_name(session.source.platform) == "saturn"
    finally:
        await bench.stop()


def test_json_says_the_same(tmp_path: Path) -> None:
    members = {
        "memory_constraint": "2MB", "connection_mode": "polling", "update_interval_ms": 8000, "max_retries": 1,
        "capabilities": ["basic-messaging"],
    }  # fmt: skip
    register_platforms(written(tmp_path, SATURN))
    first = PLATFORMS.pop("saturn")
    register_platforms(written(tmp_path, json.dumps({"platforms": {"saturn": members}}), "platforms.json"))
    assert PLATFORMS["saturn"] == first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "platforms"),
        ("platforms = 5", "platforms"),
        ("[platforms]\nsaturn = 5\n", r"\[platforms.saturn\]"),
        ("[platforms.saturn]\nmemory = 1\n", "'memory', which is no member"),
        ('[platforms.saturn]\nmemory_constraint = "2MB"\n', "lacks connection_mode"),
        (SATURN.replace("8000", "-1"), "update_interval_ms.*-1"),
        (SATURN.replace("8000", "true"), "update_interval_ms.*True"),
        (SATURN.replace('"2MB"', "2"), "memory_constraint"),
        (SATURN.replace('"polling"', '"smoke"'), "connection_mode.*smoke"),
        (SATURN.replace('["basic-messaging"]', "5"), "capabilities"),
        (SATURN + "number = 5\n", "number.*5"),
        (
            SATURN + "number = 200\n" + SATURN.replace("saturn", "jupiter") + "number = 200\n",
            "jupiter.*belongs to saturn",
        ),
        (SATURN + 'number = "x"\n', "number.*x"),
        (SATURN + 'like = "amiga"\n', "amiga"),
        (SATURN + "like = 5\n", "5"),
        (SATURN + "batching = 5\n", "batching"),
        (SATURN + "batching = {max_events = 3}\n", "lacks max_delay_ms"),
        (SATURN + "batching = {max_events = 0, max_delay_ms = 1}\n", "max_events.*0"),
        (SATURN.replace("saturn", "psp"), "part of the specification"),
        (SATURN.replace("saturn", '"Two Words"'), "Two Words"),
        (SATURN + SATURN, "neither TOML nor JSON"),
        (SATURN.replace("saturn", '"a file b"'), "a file b"),
        ("\x00", "neither TOML nor JSON"),
    ],
)
def test_a_mistake_is_told_with_the_file_the_table_and_the_value(tmp_path: Path, text: str, said: str) -> None:
    path, before = written(tmp_path, text), dict(PLATFORMS)
    with pytest.raises(CallerError, match=said) as caught:
        register_platforms(path)
    assert str(path) in str(caught.value.value)
    assert caught.value.what.startswith("the platforms file ")
    assert caught.value.next_step
    assert before == PLATFORMS


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="cannot be read"):
        register_platforms(tmp_path / "none.toml")


def test_the_environment_names_the_file_too() -> None:
    assert load_settings({}, {"FLIGHT_PLATFORMS": "p.toml"}).platforms_file == Path("p.toml")
    assert GatewaySettings().platforms_file is None
