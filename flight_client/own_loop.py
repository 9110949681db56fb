"""Whose loop and thread something belongs to, between its start and its end."""

from __future__ import annotations

import asyncio
import threading

from .errors import CallerError


class OwnLoop:
    """Remembers the loop on which it was started, and refuses other threads."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def _take_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop between start() and stop()."""
        return self._loop

    @property
    def running(self) -> bool:
        """Whether start() was called and stop() was not."""
        return self._loop is not None

    @property
    def ended(self) -> bool:
        """Whether stop() followed start()."""
        return self._loop is None and self._thread != 0

    def is_own_thread(self) -> bool:
        """Whether this is the thread of the loop."""
        return threading.get_ident() == self._thread

    def check_thread(self) -> None:
        """Refuse a call from another thread, or another loop: rings and session have no locks."""
        if self._loop is None:
            return
        if threading.get_ident() != self._thread:
            raise CallerError(
                what="this client belongs to the thread of its event loop",
                value=threading.current_thread().name,
                next_step="use client.threadsafe, or loop.call_soon_threadsafe(...)",
            )
        here = asyncio._get_running_loop()
        if here is not self._loop and here is not None:
            raise CallerError(
                what="this client belongs to another event loop",
                value=type(here).__name__,
                next_step="use a client on the loop where its connect() began",
            )
