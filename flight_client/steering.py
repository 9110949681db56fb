"""What an application may do about its connection beside using it: give it up for a while, and take it up again."""

from __future__ import annotations

from .clock import monotonic_ms
from .driver import Driver
from .session.device.machine import DeviceSession


class Steering:
    """A part of the client; its methods belong to the event loop on which connect() ran."""

    _driver: Driver
    _session: DeviceSession

    def pause(self) -> None:
        """Radio off: let the connection go, try nothing, spend nothing, keep what is queued, until resume().

        What was handed to the transport gets up to a second to arrive. The state is then DISCONNECTED; emit() goes on
        queueing by the rules of its channel, and expiries run on. The gateway keeps a session for two minutes; a longer pause
        costs no critical event either, but a new session may tell streams of a gap. Does nothing on a closed client.
        """
        self._driver.check_thread()
        self._session.pause(monotonic_ms())
        self._driver.wake()

    def resume(self) -> None:
        """Radio on: connect at once, without the wait that follows a failure. Does nothing where pause() was not called."""
        self._driver.check_thread()
        self._session.go_on(monotonic_ms())
        self._driver.wake()
