"""Waiting with a limit: only what took too long is said to hang."""

import asyncio

import pytest

from flight_client.testing import FakeClock, eventually, within


def test_what_takes_too_long_hangs(flight_clock: FakeClock) -> None:
    async def story() -> None:
        with pytest.raises(AssertionError, match="hangs: nothing after 5 s"):
            await within(asyncio.sleep(60), 5)
        with pytest.raises(AssertionError, match="hangs: rain did not come true"):
            await eventually(lambda: False, "rain", 5)

    flight_clock.run(story())


def test_a_time_limit_of_the_work_itself_is_its_own_error(flight_clock: FakeClock) -> None:
    async def impatient() -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(60)

    def fails() -> bool:
        raise TimeoutError("mine")

    async def story() -> None:
        with pytest.raises(TimeoutError):
            await within(impatient())
        with pytest.raises(TimeoutError, match="mine"):
            await eventually(fails)

    flight_clock.run(story())
