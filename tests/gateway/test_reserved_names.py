"""Nobody writes as the gateway: the ids under which gateways speak are refused to everybody, by every way in."""

import aiohttp
import pytest

from flight_client.gateway.own_events import device_id_of
from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.json_peer import JsonStream, hello, log_event
from tests.support.raw import RawPoller, hello_frame
from tests.support.waiting import within

TAKEN = ["gateway", "gateway:", device_id_of("http://node-a:8080")]
FREE = ["gateway-1", "Gateway", "gateway.lab", "gatewayx"]


@pytest.mark.parametrize("device_id", TAKEN)
async def test_no_token_and_no_way_in_makes_a_device_of_this_name(bench: Bench, device_id: str) -> None:
    for token in (bench.token(), bench.token(device_id if device_id != "gateway:" else "gateway*")):
        async with RawPoller(bench.address) as poller:
            [answer] = await poller.poll(hello_frame(token, device_id.encode()))
            assert (answer.kind, answer.code) == (spec.TYPE_CLOSE, spec.CODE_BAD_NAME)
        async with JsonStream(bench.address) as browser:
            await browser.say(hello(token, device_id))
            assert (await browser.hear())["code"] == "bad-name"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
            body = {"events": [log_event("i am the gateway")], "deviceId": device_id}
            async with http.post(f"{bench.address}/v1/channels/log/events", json=body) as refused:
                assert (refused.status, (await refused.json())["code"]) == (400, "bad-name")
    assert bench.gateway.hub.counters().published == 0
    assert len(bench.gateway.registry) == 0


async def test_names_beside_it_are_free(bench: Bench) -> None:
    for device_id in FREE:
        device = await bench.connected(device_id)
        await within(device.close())
