"""Is this fatal? And where is the gateway? Both the application may answer."""

import asyncio
import logging
from pathlib import Path

import pytest

from flight_client import (
    CallerError,
    Client,
    ConnectionState,
    FlightError,
    LinkError,
    Log,
    NotStoredError,
    Outcome,
    RefusedError,
)
from flight_client.gateway.auth import SigningKey
from flight_client.transports import Address
from tests.support.bench import Bench, hurry
from tests.support.ports import free_port
from tests.support.waiting import eventually, within


async def test_a_refusal_that_the_application_forgives_is_tried_again_until_it_is_lifted(
    bench: Bench, transport: str
) -> None:
    """A vault that hands the new key out a little late."""
    stranger = SigningKey(bench.gateway.key.key_id, b"x" * 32)
    asked: list[FlightError] = []

    def token() -> str:
        return bench.token(key=stranger if len(asked) < 3 else None)

    def fatal(error: FlightError) -> bool | None:
        asked.append(error)
        return False

    client = hurry(bench.client("bench-1", transport, token=token, fatal=fatal))
    await within(client.connect())
    assert [error.name for error in asked if isinstance(error, RefusedError)] == ["credential"] * 3
    assert await within(client.channel("log").publish(Log("welcome"))) is Outcome.STORED


async def test_an_error_of_the_link_that_the_application_calls_fatal_stops_at_once() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}", token="t", fatal=lambda error: isinstance(error, LinkError))
    publishing = asyncio.create_task(client.channel("log").publish(Log("never")))
    with pytest.raises(LinkError, match="cannot be reached"):
        await within(client.connect())
    assert client.state is ConnectionState.FAILED
    with pytest.raises(NotStoredError) as caught:
        await within(publishing)
    assert caught.value.cause == "stopped"
    assert isinstance(caught.value.__cause__, LinkError)
    assert client.channel("log").emit(Log("late")) is Outcome.REFUSED_CLOSED
    with pytest.raises(LinkError):
        await within(client.flush())
    await within(client.close())
    assert client.state is ConnectionState.FAILED
    assert client.counters().law_holds
    assert [letter.cause for letter in client.dead_letters()] == ["closed"]


async def test_a_gateways_passing_refusal_may_be_called_fatal(bench: Bench) -> None:
    client = bench.client("bench-1", fatal=lambda error: isinstance(error, RefusedError))
    await within(client.connect())
    await within(bench.gateway.stop())  # CLOSE: going away
    await eventually(lambda: client.state is ConnectionState.FAILED)
    assert isinstance(client.last_error, RefusedError)
    assert client.last_error.name == "going-away"
    await bench.start()


async def test_without_an_opinion_the_client_decides_alone(bench: Bench) -> None:
    asked: list[FlightError] = []
    client = bench.client("bench-1", token="nonsense", fatal=asked.append)
    with pytest.raises(RefusedError):
        await within(client.connect())
    assert len(asked) == 1
    assert bench.gateway.registry.counters.hellos == 1


async def test_a_judgement_that_raises_is_reported_and_the_client_decides(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def fatal(_: FlightError) -> bool:
        raise RuntimeError("no opinion at all")

    client = bench.client("bench-1", token="nonsense", fatal=fatal)
    with caplog.at_level(logging.ERROR, "flight.client"), pytest.raises(RefusedError):
        await within(client.connect())
    assert client.counters().callback_errors == 1
    assert "the `fatal` judgement raised" in caplog.text


@pytest.mark.parametrize("kind", ["plain", "async", "address"])
async def test_the_address_is_asked_for_at_each_attempt(bench: Bench, tmp_path: Path, kind: str) -> None:
    """The gateway moves to another machine."""
    asked: list[str] = []
    where = [bench]

    def plain() -> str:
        asked.append(where[0].address)
        return where[0].address

    async def waiting() -> str | Address:
        await asyncio.sleep(0)
        return Address.parse(plain()) if kind == "address" else plain()

    def token() -> str:
        return where[0].token()

    client = hurry(bench.client("bench-1", address=plain if kind == "plain" else waiting, token=token))
    assert client.address is None
    await within(client.connect())
    assert str(client.address) == bench.address
    other = Bench(tmp_path / "other")
    (tmp_path / "other").mkdir()
    await other.start()
    where[0] = other
    await within(bench.gateway.stop())
    await eventually(lambda: client.counters().connections == 2)
    assert set(asked) == {bench.address, other.address}
    assert str(client.address) == other.address
    assert await within(client.channel("log").publish(Log("moved"))) is Outcome.STORED
    await within(client.close())
    await within(other.gateway.stop())
    await bench.start()


async def test_an_address_callable_that_fails_or_gives_nonsense_is_asked_again(bench: Bench) -> None:
    answers: list[object] = [OSError("no directory"), "gopher://here", "tcp://127.0.0.1:9", bench.address]

    def address() -> str:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    errors: list[FlightError] = []
    client = hurry(bench.client("bench-1", "websocket", address=address, fatal=errors.append))
    await within(client.connect())
    assert [type(error) for error in errors] == [LinkError, CallerError, CallerError]
    for error, said in zip(errors, ("OSError: no directory", "gopher://here", "leads to no websocket"), strict=True):
        assert said in str(error)
        assert error.next_step
    assert client.counters().callback_errors == 1


async def test_a_fixed_address_that_cannot_work_is_still_refused_where_it_is_given() -> None:
    with pytest.raises(CallerError, match="leads to no websocket"):
        Client("tcp://127.0.0.1:9", token="t", transports=["websocket"])
