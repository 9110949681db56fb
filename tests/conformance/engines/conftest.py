"""Every engine, started and closed again; brokers run once for all tests of a process, each test with a prefix of its own."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conformance.engines.bench import Bench
from tests.support.brokers import RabbitServer, RedisServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One that no test kills."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def rabbit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """Its start takes ten seconds, so there is one; the test that kills it starts it again."""
    server = RabbitServer(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def url_of(engine: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """A log of its own in that engine."""
    if engine == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url(f"test-{next(_numbers)}")
    if engine == "rabbitmq":
        rabbit: RabbitServer = request.getfixturevalue("rabbit_server")
        return rabbit.url(f"test-{next(_numbers)}")
    return "memory:" if engine == "memory" else f"sqlite:{folder / 'flight.db'}"


@pytest.fixture(params=["memory", "sqlite", "redis", "rabbitmq"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(url_of(request.param, request, tmp_path))
    await made.start()
    yield made
    await made.engine.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(f"sqlite:{tmp_path / 'flight.db'}")
    await made.start()
    yield made
    await made.engine.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Bench]:
    made = Bench(redis_server.url(f"test-{next(_numbers)}"))
    await made.start()
    yield made
    await made.engine.close()


@pytest.fixture
async def rabbitmq(rabbit_server: RabbitServer) -> AsyncIterator[Bench]:
    made = Bench(rabbit_server.url(f"test-{next(_numbers)}"))
    await made.start()
    yield made
    await made.engine.close()
