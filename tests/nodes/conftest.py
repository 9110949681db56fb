"""A Redis that no test kills, two gateways on it, and a balancer in front of them."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.balancers import Balancer, HAProxy, Nginx
from tests.support.brokers import RedisServer
from tests.support.process import GatewayProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def pair(redis_server: RedisServer, tmp_path: Path) -> Iterator[tuple[GatewayProcess, GatewayProcess]]:
    """Two nodes that know each other; they are started by the test."""
    url = redis_server.url(f"nodes-{next(_numbers)}")
    first, second = GatewayProcess(tmp_path, url), GatewayProcess(tmp_path, url)
    for node in (first, second):
        node.words += ["--tcp-port", str(node.port + 1)]  # taken by somebody else, it is a failure and no other way
        node.words += ["--node", node.address, "--nodes", f"{first.address},{second.address}"]
    yield first, second
    for node in (first, second):
        node.kill()


@pytest.fixture(params=[Nginx, HAProxy], ids=["nginx", "haproxy"])
def balancer(
    request: pytest.FixtureRequest, pair: tuple[GatewayProcess, GatewayProcess], tmp_path: Path
) -> Iterator[Balancer]:
    """Started, in front of two nodes that are started too."""
    folder = tmp_path / "balancer"
    folder.mkdir()
    for node in pair:
        node.start()
    made: Balancer = request.param(folder, pair)
    try:
        made.start()
        yield made
    finally:
        made.kill()
