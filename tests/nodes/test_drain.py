"""SIGTERM to one of two gateways under load: its clients go to the other one when they were told to, and lose nothing."""

import re

import pytest

from flight_client import Client, ConnectionState, StateChange
from flight_client.gateway.greeting import GOING_AWAY_RETRY_MS
from flight_client.session import spec
from tests.nodes.balancers import Balancer, HAProxy
from tests.nodes.traffic import LIMIT_S, Traffic, at
from tests.support.figures import Figure
from tests.support.process import GatewayProcess
from tests.support.raw import RawPoller
from tests.support.waiting import eventually

Pair = tuple[GatewayProcess, GatewayProcess]
LATEST_MS = GOING_AWAY_RETRY_MS + spec.RECONNECT_SPREAD_MS


def waits(client: Client) -> list[int]:
    """How long the client is going to wait, at each loss of its connection."""
    found: list[int] = []

    def note(change: StateChange) -> None:
        if change.old is ConnectionState.CONNECTED and change.new is ConnectionState.RECONNECTING:
            found.append(change.next_attempt_ms)

    client.on_state(note)
    return found


@pytest.mark.parametrize("transport", ["tcp", "websocket", "polling"])
async def test_a_drained_node_s_clients_are_at_the_other_one_with_their_first_attempt(
    pair: Pair, transport: str, figure: Figure
) -> None:
    for node in pair:
        await node.start_beside()
    traffic = Traffic([node.address for node in pair], pair[0].token(), transport, seed=5)
    clients = traffic.device, traffic.tool
    told = {client: waits(client) for client in clients}
    async with traffic:
        for _ in range(2):
            await traffic.more(100)
            node = at(pair, traffic.device.address)
            here = [client for client in clients if str(client.address) == node.address]
            before = {client: (client._session.policy.failed_total, len(told[client])) for client in clients}
            node.terminate()
            await eventually(lambda node=node: node.ended() is not None, "the end of the node", LIMIT_S)  # type: ignore[misc]
            assert node.ended() == 0, node.said()
            assert f"drained: {len(here)} clients told, all gone" in node.said().splitlines()[-1]
            await traffic.more(100)
            for client in clients:
                failures, losses = before[client]
                assert str(client.address) != node.address
                assert client._session.policy.failed_total == failures + (client in here), "one loss, no failed attempt"
                assert len(told[client]) == losses + (client in here)
            await node.start_beside()
        sent = await traffic.check()
    every = [wait for client in clients for wait in told[client]]
    assert every
    # What is told is what is left of the wait, on the real clock. Of its own accord no client would wait longer than the spread.
    assert all(spec.RECONNECT_SPREAD_MS < wait <= LATEST_MS for wait in every), every
    figure(
        f"drain, {transport}: 2 nodes stopped under load, {sent} critical events, 0 lost, 0 doubled, waits {every} ms"
    )


@pytest.mark.parametrize("balancer", [HAProxy], indirect=True)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_behind_a_balancer_a_drain_loses_nothing_either(
    balancer: Balancer, pair: Pair, transport: str, figure: Figure
) -> None:
    """A client that polls may be between two requests: its next one finds the other node, which ends the session too. The
    node that stops does not hear of that and waits its full time.
    """
    gone = r"all gone$" if transport == "websocket" else r"(all gone|[12] had not gone after 10 s)$"
    async with Traffic(balancer.address, pair[0].token(), transport, seed=6) as traffic:
        for node in pair:
            await traffic.more(100)
            node.terminate()
            await eventually(lambda node=node: node.ended() is not None, "the end of the node", LIMIT_S)  # type: ignore[misc]
            assert node.ended() == 0, node.said()
            assert re.search(r"drained: [0-2] clients told, " + gone, node.said().rstrip()), node.said()
            await traffic.more(100)
            await node.start_beside()
            await eventually(balancer.answers, "the balancer finds a node")
        sent = await traffic.check()
    figure(f"drain behind HAProxy, {transport}: 2 nodes stopped, {sent} critical events, 0 lost, 0 doubled")


async def test_a_second_sigterm_stops_at_once(pair: Pair) -> None:
    """The one that polls does not ask again: the first SIGTERM would wait for it."""
    node = pair[0]
    node.words += ["--drain", "3600"]
    await node.start_beside()
    async with RawPoller(node.address) as raw:
        await raw.hello(node.token())
        node.terminate()
        async with RawPoller(node.address) as late:
            while True:  # until it listens no more: the drain has begun
                try:
                    await late.request(b"", headers={"Connection": "close"})
                except OSError:
                    break
        assert node.ended() is None
        node.terminate()
        await eventually(lambda: node.ended() is not None, "the end", LIMIT_S)
    assert node.ended() == 0
    assert "Traceback" not in node.said()
