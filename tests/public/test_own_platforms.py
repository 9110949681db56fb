"""Platforms of an application's own, on the real gateway, and what a client says of itself there."""

from pathlib import Path
from typing import Any

import pytest

from flight_client import (
    CallerError,
    Client,
    ClientInfo,
    ClientType,
    Log,
    Outcome,
    PlatformConfig,
    RefusedError,
    create_flight_core_client_info,
    establish_connection,
    get_platform_config,
    register_platform,
)
from flight_client.enums import ConnectionMode
from flight_client.gateway.json_protocol.batches import platform_name as shown_name
from flight_client.gateway.peer import Peer
from flight_client.gateway.routing import left_out_layouts
from flight_client.platforms import PLATFORMS, add_platform, get_platform, platform_name, session_profile
from tests.support.bench import Bench
from tests.support.waiting import within

SATURN = PlatformConfig("saturn", "2MB", ConnectionMode.POLLING, 8000, 1, ["basic-messaging"], 20_000, 4000, 1)


pytestmark = pytest.mark.usefixtures("platforms_as_they_were")


def test_a_registered_platform_has_its_own_values_and_else_those_of_the_one_it_is_like() -> None:
    register_platform(SATURN, like="dreamcast", number=200)
    profile, model = session_profile("saturn"), session_profile("dreamcast")
    assert (profile.platform, profile.transports, profile.update_interval_ms) == (200, model.transports, 8000)
    assert (profile.connect_timeout_ms, profile.connect_retry_interval_ms, profile.max_retries) == (20_000, 4000, 1)
    assert (profile.frame_bytes, profile.heartbeat_ms) == (model.frame_bytes, model.heartbeat_ms)
    assert get_platform("saturn").memory_bytes == 2 << 20
    found = get_platform_config("saturn")
    assert (found.memory_constraint, found.capabilities, found.max_connections) == ("2MB", ["basic-messaging"], 1)
    assert session_profile("dreamcast").update_interval_ms == 5000


@pytest.mark.parametrize("number", [1, 100, 127, 256])
def test_a_number_of_the_specification_s_is_nobody_s_own(number: int) -> None:
    with pytest.raises(CallerError, match="number"):
        register_platform(SATURN, number=number)
    assert "saturn" not in PLATFORMS


def test_a_platform_may_be_registered_while_another_thread_looks_one_up() -> None:
    class Interrupted(dict[str, Any]):
        """A profile at which the other thread gets its turn."""

        def __getitem__(self, key: str) -> Any:
            add_platform({"name": "saturn", "id": 200})
            return super().__getitem__(key)

    for look_up, unknown in ((platform_name, "other"), (shown_name, "255")):
        PLATFORMS["host"] = Interrupted(PLATFORMS["host"])
        assert look_up(255) == unknown
        assert PLATFORMS.pop("saturn")["id"] == 200
        PLATFORMS["host"] = dict(PLATFORMS["host"])


def test_the_number_made_from_a_name_is_the_same_in_every_process() -> None:
    register_platform(SATURN)
    first = get_platform("saturn").number
    register_platform(SATURN)
    assert get_platform("saturn").number == first == 234


@pytest.mark.parametrize(("like", "relieves"), [("dreamcast", True), ("psp", True), ("vita", False), ("", False)])
async def test_pressure_is_relieved_unasked_where_the_platform_that_it_is_like_does_so(
    like: str, relieves: bool
) -> None:
    register_platform(SATURN, like=like)
    client = Client("http://127.0.0.1:9", token="t", device_id="sat-1", platform="saturn")
    assert client.pressure.relieves is relieves


async def test_a_client_of_a_registered_platform_is_served_and_shown_by_its_name(tmp_path: Path) -> None:
    register_platform(SATURN)
    bench = Bench(tmp_path)
    await bench.start()
    tool, reader = await bench.tool("log")
    info = create_flight_core_client_info("saturn", "1.0.0")
    client = await within(establish_connection(info, "saturn", bench.token(), address=bench.address, device_id="sat-1"))
    bench.clients.append(client)
    assert client.transport == "polling"
    assert await within(client.channel("log").publish(Log("hello"))) is Outcome.STORED
    [event] = await reader.take(1)
    assert (event.data, event.source.platform, event.source.device_id) == (Log("hello"), "saturn", "sat-1")
    assert tool.counters().delivered == 1
    await bench.stop()


async def test_a_gateway_that_knows_the_platform_by_another_number_refuses_it(tmp_path: Path) -> None:
    register_platform(SATURN, number=200)
    bench = Bench(tmp_path)
    await bench.start()
    client = bench.client("sat-1", platform="saturn")
    register_platform(SATURN, number=201)
    with pytest.raises(RefusedError) as found:
        await within(client.connect())
    assert found.value.name == "unknown-platform"
    await bench.stop()


async def test_a_client_announces_the_capabilities_of_its_info_and_no_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    info = ClientInfo(ClientType.FLIGHT_CORE_NATIVE, "vita", "1.0.0", ["basic-messaging", "memory-updates"])
    client = await within(establish_connection(info, "vita", bench.token(), address=bench.address, device_id="vita-1"))
    bench.clients.append(client)
    [session] = bench.gateway.registry.sessions()
    assert isinstance(session, Peer)
    assert session._left_out == left_out_layouts("vita", 0x03) != left_out_layouts("vita", 0x0F)
    await bench.stop()
