"""The hub: which channels exist and who may use them."""

from pathlib import Path

import pytest

from flight_client.errors import RefusedError
from flight_client.gateway.engines import (
    AppendStatus,
    open_engine,
)
from flight_client.gateway.hub import Gap, Hub, HubLimits
from flight_client.session import spec
from tests.gateway.desk import Desk, allow, drain, make_desk, nothing, skip_records

# Channels


@pytest.mark.parametrize(
    "name",
    ["", "A", "log ", "lög", "a" * 65, "a\nb", "a*", "../etc", "a/../b", "/a", "a/", "a//b", ".", "a\0", "<b>", "a%2e"],
)
async def test_a_channel_name_that_could_do_harm_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        desk.hub.open_channel(None, name, spec.MODE_PUBLISH)
    assert caught.value.code == spec.CODE_BAD_NAME
    assert "\n" not in str(caught.value)
    assert len(caught.value.text.encode()) <= spec.TEXT_BYTES
    desk.publish(channel=name)
    assert desk.results[-1].status is AppendStatus.FAILED


@pytest.mark.parametrize("name", ["log", "a", "a" * 64, "tests/fps", "x.y-z_0/..."])
async def test_a_plain_channel_name_is_taken(desk: Desk, name: str) -> None:
    desk.hub.open_channel(None, name, spec.MODE_PUBLISH | spec.MODE_SUBSCRIBE)


async def test_the_permission_hook_decides_for_each_mode_and_channel() -> None:
    def permit(identity: object, channel: str, mode: int) -> bool:
        return identity == "tool" and channel == "log" and mode == spec.MODE_SUBSCRIBE

    desk = await make_desk(permit=permit)
    desk.hub.open_channel("tool", "log", spec.MODE_SUBSCRIBE)
    for identity, channel, mode in [
        ("tool", "log", spec.MODE_PUBLISH),
        ("tool", "log", spec.MODE_PUBLISH | spec.MODE_SUBSCRIBE),
        ("tool", "other", spec.MODE_SUBSCRIBE),
        ("device", "log", spec.MODE_SUBSCRIBE),
    ]:
        with pytest.raises(RefusedError) as caught:
            desk.hub.open_channel(identity, channel, mode)
        assert caught.value.code == spec.CODE_FORBIDDEN
    assert desk.hub.channels() == []


async def test_the_number_of_channels_is_limited_and_those_that_exist_go_on() -> None:
    desk = await make_desk(limits=HubLimits(channels=2))
    desk.publish(channel="one")
    desk.hub.open_channel(None, "two", spec.MODE_PUBLISH)
    for mode in (spec.MODE_PUBLISH, spec.MODE_SUBSCRIBE):
        with pytest.raises(RefusedError) as caught:
            desk.hub.open_channel(None, "three", mode)
        assert caught.value.code == spec.CODE_TOO_MANY
    with pytest.raises(RefusedError):
        await desk.hub.subscribe("three", spec.START_LIVE, nothing)
    desk.publish(channel="three")
    desk.publish(channel="two")
    assert [result.status for result in desk.results[1:]] == [AppendStatus.FAILED, AppendStatus.STORED]


async def test_a_channel_that_only_had_subscribers_goes_with_the_last(desk: Desk) -> None:
    first = await desk.hub.subscribe("nobody-writes", spec.START_LIVE, nothing)
    second = await desk.hub.subscribe("nobody-writes", spec.START_LIVE, nothing)
    first.close()
    assert desk.hub.channels() == ["nobody-writes"]
    second.close()
    assert desk.hub.channels() == []


async def test_a_new_start_knows_where_each_channel_stands(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'flight.db'}"
    hub = Hub(open_engine(url, skip_records), permit=allow)
    await hub.start()
    desk = Desk(hub)
    desk.publish(4)
    epoch = hub.epoch
    await hub.close()
    assert len(desk.results) == 4
    hub = Hub(open_engine(url, skip_records), permit=allow)
    await hub.start()
    live = await hub.subscribe("log", spec.START_LIVE, nothing)
    resumed = await hub.subscribe("log", spec.START_AFTER, nothing, epoch=epoch, offset=2)
    assert (live.starts_after, resumed.starts_after) == (4, 2)
    Desk(hub).publish(1)
    taken: list[int | Gap] = []
    while resumed.cursor < 5:
        taken += drain(resumed)
        await hub.engine.bounds("log")
    assert taken == [3, 4, 5]
    assert drain(live) == [5]
    await hub.close()
    assert hub.subscribers() == 0
