"""Waiting for what a test is about, with a limit for hangs. The limit is no statement about speed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

HANG_S = 20.0
"""Seconds of the loop's clock after which something hangs; under FakeClock they are fake ones."""

_LOOK_S = 0.005

T = TypeVar("T")


async def within(work: Awaitable[T], limit_s: float = HANG_S) -> T:
    """The result of `work`. Raises what it raises, a TimeoutError of its own too, and AssertionError when it hangs."""
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"hangs: nothing after {limit_s} s") from None


async def eventually(condition: Callable[[], object], what: str = "", limit_s: float = HANG_S) -> None:
    """Until the condition holds; for what has no event of its own, such as a counter. `what`: for the report.

    Raises AssertionError when it hangs.
    """
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            while not condition():  # noqa: ASYNC110 - see above
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"hangs: {what or 'the condition'} did not come true in {limit_s} s") from None
