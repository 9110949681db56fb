"""Told sessions: questions that go again because nobody answered them."""

from __future__ import annotations

import struct
from collections.abc import Callable

from flight_client.session.device import codes
from flight_client.session.spec import (
    FLAG_BATCH,
    MODE_PUBLISH,
    MODE_SUBSCRIBE,
    PORTION_FLAG,
    TRANSPORT_POLLING,
    TRANSPORT_TCP,
    TYPE_DELIVER,
    TYPE_GAP,
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


def portion(script: Script, offset: int, previous: int, so_far: int, seq: int, number: int = 1) -> int:
    """Some events of an entry; so_far: 0 in the last portion, -1 where the number is cut off."""
    device = b"dev"
    head = struct.pack("<QQ", offset, previous) + bytes(23)
    length = len(device) | (PORTION_FLAG if so_far else 0)
    body = head + bytes((length,)) + device + bytes(-len(device) & 3)
    if so_far > 0:
        body += struct.pack("<HH", so_far, 0)
    return script.receive(TYPE_DELIVER, body + bytes(0 if so_far < 0 else 8), channel=number, seq=seq, flags=FLAG_BATCH)


def entries_come_in_portions() -> Script:
    """To their end, over a lost session, across a hole, into a gap, and into a channel that is left."""
    script = Script("vita", TRANSPORT_TCP)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", MODE_SUBSCRIBE, 0, 0, 0, 0))
    script.connect()
    opened(script, 1, MODE_SUBSCRIBE)
    for seq, so_far in enumerate((3, 5, 0, 2), 1):
        assert portion(script, 5 + seq // 4, 4 + seq // 4, so_far, seq) == codes.DELIVERED
    script.run()
    script.next_gateway()  # OPEN says 2 events behind offset 5
    script.run()
    opened(script, 1, MODE_SUBSCRIBE)
    assert portion(script, 6, 5, 4, 1) == codes.DELIVERED
    assert portion(script, 9, 8, 1, 2) == codes.DELIVERED_AFTER_HOLE
    assert portion(script, 9, 8, 7, 3) == codes.DELIVERED
    gap = struct.pack("<BBBB8sQQ", 5, 0, 0, 0, EPOCH, 8, 9)
    assert script.receive(TYPE_GAP, gap, channel=1, seq=4) == codes.MISSING
    assert portion(script, 10, 9, 65535, 5) == codes.DELIVERED
    script.next_gateway()
    script.run()
    script.do(steps.LEAVE, b"\x01")
    script.do(steps.CHANNEL, struct.pack("<BBHBB", MODE_SUBSCRIBE, 2, 4, 0, 0))
    script.run()
    opened(script, 1, 0)
    script.run()
    assert portion(script, 20, 19, 6, 1, 2) == codes.DELIVERED  # before its OPENED
    script.next_gateway()
    script.run()
    assert portion(script, 20, 19, -1, 1, 2) == codes.BROKEN
    script.connect()
    zero = struct.pack("<QQ", 20, 19) + bytes(23) + bytes((PORTION_FLAG,)) + bytes(4)
    assert script.receive(TYPE_DELIVER, zero, channel=2, seq=1, flags=FLAG_BATCH) == codes.BROKEN
    return script


def a_subscriber_publishes_too() -> Script:
    """Where it began to read stays as it was: only the right to publish is asked for."""
    script = Script("vita", TRANSPORT_TCP)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", MODE_SUBSCRIBE, 0, 0, 0, 0))
    script.connect()
    opened(script, 1, MODE_SUBSCRIBE)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", MODE_PUBLISH, 2, 4, 0, 0))
    script.run()
    opened(script, 1, MODE_SUBSCRIBE | MODE_PUBLISH)
    script.run()
    return script


SCRIPTS: tuple[Callable[[], Script], ...] = (
    answers_are_lost,
    answers_are_lost_on_polling,
    entries_come_in_portions,
    a_subscriber_publishes_too,
)
