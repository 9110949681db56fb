"""What a client does about a failed connection: strategies by platform, and an application's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from flight_client import CallerError, FlightError, LinkError, handle_connection_error, register_recovery
from flight_client.platforms import platform_names
from flight_client.recovery import DEFAULT_RECOVERY, FALLBACK_TO_POLLING, RETRY_WITH_BACKOFF
from tests.support.bench import Bench, hurry
from tests.support.waiting import eventually

BROKEN = LinkError(what="the link died", value="test", next_step="nothing")


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    for name in platform_names():
        register_recovery(name, None)


def test_each_platform_has_the_strategy_of_the_guide() -> None:
    found = {name: handle_connection_error(BROKEN, name) for name in platform_names()}
    assert found.pop("dreamcast") == "fallback-to-polling"
    assert found.pop("vita") == "retry-with-backoff"
    assert set(found.values()) == {"default-recovery"}


def test_a_platform_s_handler_can_be_replaced_and_comes_back(restored: None) -> None:
    register_recovery("psp", lambda _error, _platform: FALLBACK_TO_POLLING)
    assert handle_connection_error(BROKEN, "psp") == "fallback-to-polling"
    register_recovery("psp", None)
    assert handle_connection_error(BROKEN, "psp") == "default-recovery"
    register_recovery("vita", lambda _error, _platform: DEFAULT_RECOVERY)
    register_recovery("vita", None)
    assert handle_connection_error(BROKEN, "vita") == "retry-with-backoff"


def test_a_handler_for_a_platform_that_is_not_there_is_refused() -> None:
    with pytest.raises(CallerError, match="saturn"):
        register_recovery("saturn", None)


async def test_a_dreamcast_that_lost_its_tcp_connection_polls_next(bench: Bench) -> None:
    client = hurry(await bench.connected("dc-1", "tcp", "polling", platform="dreamcast"))
    assert client.transport == "tcp"
    await bench.restart()
    await eventually(lambda: client.transport == "polling" and client.counters().reconnects > 0, "polling")


async def test_an_application_s_own_handler_is_asked_with_error_and_platform(bench: Bench) -> None:
    client = hurry(await bench.connected("h-1", "websocket", "polling"))
    asked: list[tuple[FlightError, str]] = []

    def judge(error: FlightError, platform: str) -> str:
        asked.append((error, platform))
        return FALLBACK_TO_POLLING

    client.recovery = judge
    await bench.restart()
    await eventually(lambda: client.transport == "polling" and client.counters().reconnects > 0, "polling")
    assert asked[0][1] == "host"
    assert isinstance(asked[0][0], FlightError)


@pytest.mark.parametrize("answer", ["pray", None])
async def test_a_handler_that_answers_nonsense_or_raises_changes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture, answer: str | None
) -> None:
    client = hurry(await bench.connected("h-2", "websocket"))

    def judge(_error: FlightError, _platform: str) -> str:
        if answer is None:
            raise ValueError("a mistake of the application")
        return answer

    client.recovery = judge
    with caplog.at_level(logging.ERROR, "flight.client"):
        await bench.restart()
        await eventually(lambda: client.counters().reconnects > 0, "the next connection")
    assert any("recovery handler" in record.getMessage() for record in caplog.records)


def test_the_strategies_are_the_guide_s_words() -> None:
    assert (FALLBACK_TO_POLLING, RETRY_WITH_BACKOFF, DEFAULT_RECOVERY) == (
        "fallback-to-polling",
        "retry-with-backoff",
        "default-recovery",
    )
