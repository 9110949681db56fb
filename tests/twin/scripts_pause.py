"""Stories of pauses, and of other waits: for what a closing session holds, for half a window, for an upgrade to prove itself."""

from __future__ import annotations

import struct
from collections.abc import Callable

from flight_client.session.device import codes
from flight_client.session.spec import (
    TRANSPORT_POLLING,
    TRANSPORT_TCP,
    TRANSPORT_WEBSOCKET,
    TYPE_RESUMED,
    TYPE_SKIP,
)
from tests.twin import steps
from tests.twin.script import Script


def a_pause_ends_the_turn_first() -> Script:
    """A pause waits for the turn under way, for a second at most; going on opens at once; closing and failing end it too."""
    script = Script("dreamcast")
    script.do(steps.PAUSE)
    script.do(steps.START)
    script.do(steps.GO_ON)
    script.connect()
    for ending in (steps.TURN_DONE, steps.POLL, steps.FAILED, steps.GO_ON):
        script.waiting(1)
        while script.do(steps.POLL, after=600) != codes.PACK_CRITICAL:
            script.do(steps.TURN_DONE)
        script.packed()
        script.waiting(0)
        assert script.do(steps.POLL) == codes.TURN
        script.do(steps.PAUSE)
        script.do(steps.PAUSE)
        assert script.do(steps.POLL, after=300) == codes.NOTHING
        answer = script.do(ending, after=900)
        if ending != steps.GO_ON:
            assert codes.DROP in (answer, script.do(steps.POLL))
            assert script.do(steps.POLL) == codes.NOTHING
            script.live(8000)
            script.do(steps.GO_ON)
            script.connect()
    script.do(steps.TURN_DONE)
    script.do(steps.PAUSE)
    script.do(steps.CLOSE)
    return script


def a_pause_without_a_turn() -> Script:
    """Where nothing is under way the link goes at once; a healthy connection has cleared the failures before it."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    script.fail()
    script.do(steps.PAUSE)
    script.do(steps.GO_ON)
    script.connect()
    for lived in (100, 20000):
        script.live(lived)
        script.do(steps.PAUSE)
        assert script.run(after=10) == [codes.DROP]
        script.do(steps.GO_ON, after=5000)
        script.connect()
    script.do(steps.PAUSE)
    script.do(steps.GO_ON)
    assert script.do(steps.POLL) == codes.DROP
    script.do(steps.PAUSE)
    script.do(steps.CLOSE)
    return script


def closing_is_not_paused() -> Script:
    """A closing session waits for what it holds, and for a second at most; a pause does not stop it."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    script.waiting(2)
    script.run()
    script.do(steps.CLOSE)
    script.do(steps.PAUSE)
    assert script.do(steps.POLL, after=20) == codes.NOTHING
    script.do(steps.PAUSE)
    script.run(after=1001)
    script.run()
    return script


def half_a_window_is_acknowledged_at_once() -> Script:
    """One frame may wait for its acknowledgement, half a window may not."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    script.receive(TYPE_SKIP, b"", seq=1, after=1)
    assert script.do(steps.POLL) == codes.NOTHING
    for seq in range(2, 9):
        script.receive(TYPE_SKIP, b"", seq=seq, after=1)
    assert script.do(steps.POLL) == codes.SEND
    script.run()
    return script


def a_minute_proves_an_upgrade_half_way() -> Script:
    """From the third transport to the second: a minute there and another after a reconnect."""
    script = Script("host", TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)
    script.do(steps.START)
    script.refuse_opening(6)
    script.connect()
    assert codes.OPEN in script.live(12000)
    script.receive(TYPE_RESUMED, struct.pack("<4I", script.reference.session.generation, 1, 0, 0))
    script.works = False
    for _ in range(2):
        script.live(64000)
        script.fail()
        script.connect()
    return script


def a_minute_at_the_top() -> Script:
    """A connection of a minute on the best transport."""
    script = Script("host", TRANSPORT_TCP, TRANSPORT_POLLING)
    script.connect()
    script.live(64000)
    script.fail()
    script.connect()
    return script


PAUSES: tuple[Callable[[], Script], ...] = (
    a_pause_ends_the_turn_first,
    a_pause_without_a_turn,
    closing_is_not_paused,
    half_a_window_is_acknowledged_at_once,
    a_minute_proves_an_upgrade_half_way,
    a_minute_at_the_top,
)
