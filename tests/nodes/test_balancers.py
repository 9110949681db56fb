"""Two gateways behind nginx or HAProxy without stickiness: polling goes on with one session, and a node may die."""

from pathlib import Path

import pytest

from tests.nodes.balancers import Balancer, HAProxy, Nginx, has_no_complaint
from tests.nodes.traffic import Traffic, health
from tests.support.figures import Figure
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
        await traffic.more(300)
        pages = [await health(node) for node in pair]
        sent = await traffic.check()
        forwarded = [page["forwarded"] for page in pages]
        assert min(forwarded) > 0, "a sticky balancer proves nothing"
        for client in (traffic.device, traffic.tool):
            assert client.counters().connections == 1, "RESET and HELLO, again and again"
            assert client.counters().resent_frames == 0
    figure(
        f"{type(balancer).__name__}, polling: {sent} critical events, {forwarded} requests passed on, 1 session each"
    )


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
