"""Two gateways behind nginx or HAProxy without stickiness: polling goes on with one session, and a node may die."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from flight_client.gateway.node_list import tag_of
from tests.nodes.balancers import Balancer, HAProxy, Nginx, has_no_complaint
from tests.nodes.traffic import Traffic, health
from tests.support.brokers import RedisServer
from tests.support.figures import Figure
from tests.support.json_peer import JsonPoller, log_event, publish
from tests.support.process import GatewayProcess
from tests.support.waiting import eventually

Pair = tuple[GatewayProcess, GatewayProcess]


@pytest.mark.parametrize("kind", [Nginx, HAProxy])
def test_the_programs_have_no_complaint_about_the_examples(kind: type[Balancer], pair: Pair, tmp_path: Path) -> None:
    assert has_no_complaint(kind, tmp_path, pair) == ""


async def test_polling_clients_keep_their_sessions_though_each_request_goes_to_another_node(
    balancer: Balancer, pair: Pair, figure: Figure
) -> None:
    async with Traffic(balancer.address, pair[0].token(), "polling") as traffic:
        for _ in range(10):
            await traffic.more(30)
            assert await asyncio.to_thread(
                balancer.answers
            )  # a request more: the turns of the two clients change places
        pages = [await health(node) for node in pair]
        sent = await traffic.check()
        forwarded = [page["forwarded"] for page in pages]
        assert sum(forwarded) > 0, "a sticky balancer proves nothing"
        for client in (traffic.device, traffic.tool):
            assert client.counters().connections == 1, "RESET and HELLO, again and again"
            assert client.counters().resent_frames == 0
    figure(
        f"{type(balancer).__name__}, polling: {sent} critical events, {forwarded} requests passed on, 1 session each"
    )


@pytest.mark.parametrize("balancer", [Nginx], indirect=True)
async def test_json_polls_keep_their_session_though_each_goes_to_another_node_and_end_with_its_node(
    balancer: Balancer, pair: Pair
) -> None:
    token = pair[0].token()
    async with JsonPoller(balancer.address) as reader, JsonPoller(balancer.address) as writer:
        await reader.hello(token, "reader")
        await writer.hello(token, "writer")
        [answer] = await reader.poll({"type": "subscribe", "id": "1", "channel": "log"})
        assert answer["type"] == "subscribed"
        heard: list[str] = []
        for number in range(1, 11):
            [ack] = await writer.poll(publish(str(number), "log", log_event(str(number)), counter=number))
            assert (ack["type"], ack["mark"]) == ("ack", number)
            if number % 3 == 0:  # nginx takes turns: else each of two clients would always meet the same node
                await writer.poll({"type": "ping", "id": "ping"})
            while len(heard) < number:
                messages = await reader.poll(Prefer="wait=5")
                heard += [event["data"]["text"] for message in messages for event in message["events"]]
        assert heard == [str(number) for number in range(1, 11)]
        assert sum([(await health(node))["forwarded"] for node in pair]) > 4, "a sticky balancer proves nothing"
        [owner] = [node for node in pair if reader.key.startswith(tag_of(node.address).hex())]
        owner.kill()
        status, body = await reader.post(reader.request())
        assert (status, body["messages"][0]["code"]) == (409, "unknown-session")


@pytest.mark.parametrize(
    ("balancer", "transport"),
    [(Nginx, "polling"), (Nginx, "websocket"), (HAProxy, "polling"), (HAProxy, "tcp")],
    indirect=["balancer"],
)
async def test_a_killed_node_costs_nothing_critical(
    balancer: Balancer, pair: Pair, transport: str, figure: Figure
) -> None:
    async with Traffic(balancer.address, pair[0].token(), transport, seed=3) as traffic:
        for node in pair:
            await traffic.more(100)
            node.kill()
            await traffic.more(100)
            await node.start_beside()
            await eventually(balancer.answers, "the balancer finds a node")
        sent = await traffic.check()
        again = traffic.device.counters().connections + traffic.tool.counters().connections - 2
        assert again >= 2, "each kill cost somebody a session"
    figure(
        f"{type(balancer).__name__}, {transport}: 2 nodes killed, {sent} critical events, {again} new sessions, 0 lost"
    )


async def test_a_node_goes_by_the_names_of_the_list_and_by_no_stranger_s(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    node = GatewayProcess(tmp_path, redis_server.url("names"))
    node.words += ["--node", "http://node-a.test:8080", "--nodes", "http://node-a.test:8080,http://node-b.test:8080"]
    await node.start_beside()
    try:
        async with aiohttp.ClientSession() as http:
            for host, status in (("node-a.test:8080", 200), ("node-b.test:8080", 200), ("node-c.test:8080", 421)):
                async with http.get(node.address + "/health", headers={"Host": host}) as answer:
                    assert answer.status == status
    finally:
        node.kill()
