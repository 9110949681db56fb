"""Running a command's event loop: uvloop where it exists, Ctrl-C and SIGTERM as a cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run_loop(work: Coroutine[Any, Any, int], on_term: Callable[[], None] | None = None) -> int:
    """Run to the end. Ctrl-C cancels the work and then raises KeyboardInterrupt; SIGTERM ends it like a stop.

    on_term: what the first SIGTERM does instead; the next one ends the work.
    """

    async def guarded() -> int:
        task = asyncio.current_task()
        assert task is not None
        stopped = asked = False

        def stop() -> None:
            nonlocal stopped, asked
            if on_term is not None and not asked:
                asked = True
                on_term()
                return
            stopped = True
            task.cancel()

        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        try:
            return await work
        except asyncio.CancelledError:
            if stopped:
                return 0
            raise

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(guarded())
