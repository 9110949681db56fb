"""Told sessions: questions that go again because nobody answered them."""

from __future__ import annotations

import struct
from collections.abc import Callable

from flight_client.session.spec import (
    MODE_SUBSCRIBE,
    TRANSPORT_POLLING,
    TRANSPORT_TCP,
    TYPE_OPENED,
)
from tests.twin import steps
from tests.twin.script import EPOCH, Script
from tests.twin.scripts_links import RENEWABLE, renewed, until_asked


def opened(script: Script, number: int, granted: int) -> None:
    """The gateway's answer to OPEN."""
    script.receive(TYPE_OPENED, struct.pack("<BBH8sQ", 0, granted, 0, EPOCH, 4), channel=number)


def unanswered(*transports: int) -> Script:
    """OPEN for two channels, one that is left, and TOKEN; one question of each kind is answered too late."""
    script = Script("vita", *transports, ways=RENEWABLE)
    for name in (0, 1):
        script.do(steps.CHANNEL, struct.pack("<BBHBB", MODE_SUBSCRIBE, 0, 0, name, 0))
    script.expires_in_ms = 40000
    script.connect()
    opened(script, 1, MODE_SUBSCRIBE)
    script.live(12000, 2000)  # channel 2 is asked for again
    opened(script, 2, MODE_SUBSCRIBE)
    opened(script, 2, MODE_SUBSCRIBE)
    script.do(steps.LEAVE, b"\x02")
    script.live(12000, 2000)
    opened(script, 2, 0)
    until_asked(script)
    script.do(steps.TOKEN, b"\x01")
    script.live(14000, 2000)  # TOKEN again
    renewed(script)
    renewed(script)
    script.live(24000, 2000)
    return script


def answers_are_lost() -> Script:
    """Over a connection."""
    return unanswered(TRANSPORT_TCP)


def answers_are_lost_on_polling() -> Script:
    """Over requests."""
    return unanswered(TRANSPORT_POLLING)


SCRIPTS: tuple[Callable[[], Script], ...] = (answers_are_lost, answers_are_lost_on_polling)
