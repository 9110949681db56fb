"""Fake time: what passes, what does not, and what is told to who waits for ever."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import pytest

from flight_client import CallerError
from flight_client.clock import monotonic_ms
from flight_client.testing import FakeClock, Stuck, within

REAL = time.monotonic, time.time


def test_a_day_of_sleep_passes_at_once_and_every_clock_says_so() -> None:
    clock = FakeClock(now_s=1000.0, epoch_s=1_800_000_000.0)

    async def story() -> tuple[float, float, int]:
        await asyncio.sleep(86_400)
        return time.monotonic(), time.time(), monotonic_ms()

    assert clock.run(story()) == (87_400.0, 1_800_086_400.0, 87_400_000)
    assert clock.passed_s == 86_400
    assert (time.monotonic, time.time) == REAL


async def test_the_loop_that_runs_is_taken_over_and_given_back() -> None:
    loop = asyncio.get_running_loop()
    with FakeClock() as clock:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(7200))
        assert clock.passed_s == pytest.approx(7200)
        assert loop.time() == time.monotonic() == clock.now_s
    assert (time.monotonic, time.time) == REAL
    assert loop.time() == pytest.approx(time.monotonic(), abs=60)


def test_timers_come_in_their_order_and_not_before_their_time() -> None:
    clock = FakeClock()
    seen: list[tuple[str, float]] = []

    def note(name: str) -> None:
        seen.append((name, clock.passed_s))

    async def story() -> None:
        loop = asyncio.get_running_loop()
        for name, wait_s in (("late", 5.0), ("early", 0.5), ("middle", 2.0)):
            loop.call_later(wait_s, note, name)
        await asyncio.sleep(6)

    clock.run(story())
    assert seen == [("early", 0.5), ("middle", 2.0), ("late", 5.0)]


def test_a_leap_makes_every_timer_late() -> None:
    clock = FakeClock()

    async def story() -> float:
        waiting = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(1)
        clock.advance(100)
        await waiting
        return clock.passed_s

    assert clock.run(story()) == 101


def test_a_clock_without_a_loop_is_a_number_that_a_test_moves() -> None:
    clock = FakeClock(now_s=2.0, epoch_s=50.0)
    clock.advance(1.5)
    assert (clock.now_s, clock.now_ms, clock.time(), clock.passed_s) == (3.5, 3500, 51.5, 1.5)
    with pytest.raises(CallerError, match="forward only"):
        clock.advance(-1)


def test_who_waits_for_what_never_comes_is_told() -> None:
    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck, match="nothing is due"):
        FakeClock().run(wait())

    async def tick() -> None:
        while True:  # noqa: ASYNC110 - that is the mistake
            await asyncio.sleep(1)

    clock = FakeClock(limit_s=100)
    with pytest.raises(Stuck, match="never comes"):
        clock.run(tick())
    assert 100 <= clock.passed_s <= 102


def test_what_a_coroutine_raises_comes_out_and_time_is_real_again() -> None:
    async def hang() -> None:
        await within(asyncio.sleep(60), 5)

    clock = FakeClock()
    with pytest.raises(AssertionError, match="hangs: nothing after 5 s"):
        clock.run(hang())
    assert clock.passed_s == 5
    assert (time.monotonic, time.time) == REAL


def test_an_asynchronous_generator_that_was_left_early_is_cleared_up() -> None:
    steps: list[str] = []
    kept = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(5)
            steps.append("cleared up")

    async def story() -> None:
        kept.append(numbers())
        steps.append(str(await anext(kept[0])))

    FakeClock().run(story())
    assert steps == ["1", "cleared up"]


def test_an_error_that_only_the_loop_heard_of_fails_the_run() -> None:
    async def story() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(1)

    with pytest.raises(ZeroDivisionError):
        FakeClock().run(story())


async def test_one_clock_rules_at_a_time() -> None:
    async def nothing() -> None:
        pass

    with FakeClock() as clock:
        for other in (clock, FakeClock()):
            with pytest.raises(CallerError, match="rules already"):
                other.run(nothing())
        with pytest.raises(CallerError, match="rules already"), FakeClock():
            pass


def test_without_a_running_loop_there_is_nothing_to_take_over() -> None:
    with pytest.raises(CallerError, match=r"clock\.run"), FakeClock():
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not for Windows")
def test_a_loop_of_another_kind_is_refused() -> None:
    import uvloop

    async def take() -> None:
        with FakeClock():
            pass

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, pytest.raises(CallerError, match="taken over"):
        runner.run(take())
    assert (time.monotonic, time.time) == REAL
