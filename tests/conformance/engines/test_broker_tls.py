"""`rediss://` and `amqps://` at real brokers: what is read is what was stored, and who cannot be trusted is not spoken to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flight_client.errors import FlightError
from flight_client.gateway.engines import AppendStatus
from tests.conformance.engines.bench import Bench, batch
from tests.conformance.engines.kills import opened
from tests.support.brokers import RabbitServer, RedisServer
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.waiting import within


class TlsRedis(RedisServer):
    """A Redis with a second port that speaks TLS and asks its clients for a certificate."""

    def __init__(self, folder: Path, authority: Authority, address: str = "127.0.0.1") -> None:
        """address: whom its certificate is for."""
        cert, key = authority.sign(address)
        self.tls_port = free_port()
        super().__init__(
            folder, "--tls-port", str(self.tls_port), "--tls-cert-file", str(cert), "--tls-key-file", str(key),
            "--tls-ca-cert-file", str(authority.ca_file), "--tls-auth-clients", "yes",
        )  # fmt: skip
        self.files = f"&ca={authority.ca_file}&cert={cert}&key={key}"

    def tls_url(self, files: str) -> str:
        return f"rediss://127.0.0.1:{self.tls_port}/0?prefix=tls{files}"


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[TlsRedis]:
    made = TlsRedis(tmp_path, Authority(tmp_path))
    made.start()
    yield made
    made.kill()


async def refusal_of(url: str) -> FlightError:
    bench = Bench(url)
    with pytest.raises(FlightError) as caught:
        await within(bench.start())
    await bench.engine.close()
    return caught.value


async def stores_and_reads(url: str) -> None:
    async with opened(url) as bench:
        assert (await within(bench.append(batch(1, 4)))).status is AppendStatus.STORED
    async with opened(url) as later:
        [entry] = await later.engine.read("log", 0, 9)
        assert (entry.counter, entry.events) == (1, 4)
        assert (await within(later.append(batch(1, 4)))).status is AppendStatus.DUPLICATE


async def test_redis_over_tls_keeps_what_was_stored_and_shows_its_certificate_both_ways(redis: TlsRedis) -> None:
    await stores_and_reads(redis.tls_url(redis.files))


async def test_a_redis_whose_certificate_is_signed_by_somebody_else_is_not_spoken_to(
    redis: TlsRedis, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "somebody else")
    error = await refusal_of(redis.tls_url(f"&ca={stranger.ca_file}"))
    assert "certificate" in str(error).lower()
    assert error.next_step


async def test_a_redis_with_the_certificate_of_another_address_is_not_spoken_to(tmp_path: Path) -> None:
    server = TlsRedis(tmp_path, Authority(tmp_path), "127.0.0.2")
    server.start()
    try:
        error = await refusal_of(server.tls_url(server.files))
        assert "127.0.0.1" in str(error)
        assert "certificate" in str(error).lower()
    finally:
        server.kill()


async def test_a_redis_that_asks_for_a_certificate_refuses_who_has_none(redis: TlsRedis) -> None:
    ca = redis.files.split("&")[1]
    assert (await refusal_of(redis.tls_url(f"&{ca}"))).next_step


async def test_plain_redis_at_a_port_of_tls_is_refused_and_does_not_hang(redis: TlsRedis) -> None:
    assert (await refusal_of(f"redis://127.0.0.1:{redis.tls_port}/0?prefix=tls")).next_step


async def test_rabbitmq_over_tls_keeps_what_was_stored(rabbit_server: RabbitServer) -> None:
    await stores_and_reads(rabbit_server.tls_url("tls"))


async def test_a_rabbitmq_whose_certificate_is_signed_by_somebody_else_is_not_spoken_to(
    rabbit_server: RabbitServer, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "somebody else")
    error = await refusal_of(rabbit_server.tls_url("tls", str(stranger.ca_file)))
    assert "certificate" in str(error).lower()
    assert error.next_step


async def test_a_rabbitmq_with_the_certificate_of_another_name_is_not_spoken_to(rabbit_server: RabbitServer) -> None:
    """Its certificate is for the address 127.0.0.1, and signed by whom we trust; the name `localhost` is not in it."""
    await stores_and_reads(rabbit_server.tls_url("tls-name"))
    error = await refusal_of(rabbit_server.tls_url("tls-name").replace("@127.0.0.1:", "@localhost:"))
    assert "localhost" in str(error)
    assert "certificate" in str(error).lower()
    assert error.next_step
