"""How many connections a device has to a channel: `max_connections` of its platform, a newer one replacing the oldest."""

import pytest

from flight_client._profiles import PROFILES
from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.raw import RawStream, open_frame

BOTH = spec.MODE_PUBLISH | spec.MODE_SUBSCRIBE


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: str(profile["name"]))
async def test_a_second_connection_to_a_channel_replaces_the_first_where_the_platform_has_a_limit(
    bench: Bench, profile: dict[str, object]
) -> None:
    number, name = profile["id"], str(profile["name"]).encode()
    async with RawStream(bench.address) as raw:
        await raw.hello(bench.token(), platform=name, platform_number=number)
        for channel in (5, 6, 7):
            await raw.send(open_frame(channel, b"other" if channel == 6 else b"log", BOTH))
        answers: list[tuple[int, int, int]] = []
        while (7, spec.CODE_OK, BOTH) not in answers:
            frame = await raw.expect(spec.TYPE_OPENED)
            answers.append((frame.channel, frame.code, frame.payload[1]))
        replaced = [(5, spec.CODE_REPLACED, 0)] if profile["max_connections"] == 1 else []
        assert [answer for answer in answers if answer[1]] == replaced
        counts = {channel: subscribers for channel, _, subscribers in bench.gateway.hub.overview("")}
        assert counts == {"log": 1 if replaced else 2, "other": 1}


async def test_it_does_not_limit_how_many_devices_share_a_channel(bench: Bench) -> None:
    async with RawStream(bench.address) as one, RawStream(bench.address) as two:
        for raw, device_id in ((one, b"dc-1"), (two, b"dc-2")):
            await raw.hello(bench.token(), device_id, platform=b"dreamcast", platform_number=1)
            await raw.send(open_frame(5, b"log", BOTH))
            assert (await raw.expect(spec.TYPE_OPENED)).code == spec.CODE_OK
        assert bench.gateway.hub.overview("") == [("log", 0, 2)]
