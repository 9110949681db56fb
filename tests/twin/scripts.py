"""Sessions that are told, not made up: what chance seldom brings about. build_scripts/make_traces.py records them."""

from __future__ import annotations

import struct
from collections.abc import Callable

from flight_client.session.device import codes
from flight_client.session.spec import (
    CODE_STORE,
    CODE_UNKNOWN_SESSION,
    TRANSPORT_POLLING,
    TRANSPORT_TCP,
    TRANSPORT_WEBSOCKET,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DELIVER,
    TYPE_GAP,
    TYPE_HEARTBEAT,
    TYPE_OPENED,
    TYPE_REFUSED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_WELCOME,
)
from tests.twin import steps
from tests.twin.director import RENEW_AT
from tests.twin.director_frames import LIMIT
from tests.twin.script import EPOCH, Script, refused
from tests.twin.scripts_channels import SCRIPTS as CHANNELS
from tests.twin.scripts_links import LINKS
from tests.twin.scripts_pieces import PIECES


def polling_closes() -> Script:
    """On polling CLOSE goes with the last request, and the session ends when that is answered."""
    script = Script("dreamcast")
    script.connect()
    script.waiting(2)
    assert codes.PACK_CRITICAL in script.run(after=600)
    script.receive(TYPE_ACK, struct.pack("<I", 0), ack=2)
    script.do(steps.CLOSE)
    assert codes.DROP in script.run(after=600)
    script.do(steps.CLOSE)
    return script


def duplex_closes() -> Script:
    """The same where frames flow freely; closing twice is closing once."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    script.do(steps.CLOSE)
    script.do(steps.CLOSE, after=300)
    assert script.run(after=10)[-1] == codes.DROP
    script.do(steps.FAILED)
    return script


def closing_ends_in_time() -> Script:
    """What nobody acknowledges is left behind after a second."""
    for_all = Script("vita", TRANSPORT_TCP)
    for_all.connect()
    for_all.waiting(2)
    for_all.run()
    for_all.do(steps.CLOSE)
    for_all.waiting(1)
    for_all.do(steps.POLL, after=1001)
    for_all.run()
    for_all.run()
    return for_all


def transport_keeps_the_last_turn() -> Script:
    """The transport does not say that it took the last turn: a second later it is over all the same."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    script.do(steps.CLOSE)
    while script.do(steps.POLL) != codes.TURN:
        pass
    script.do(steps.POLL, after=1100)
    return script


def an_upgrade_lives() -> Script:
    """Down to polling, a probe fails, one works, the upgrade proves itself over a minute."""
    script = Script("host", TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)
    script.do(steps.START)
    script.refuse_opening(3)
    script.works = False
    script.connect()
    assert codes.PROBE in script.live(12000)
    script.works = True
    assert codes.OPEN in script.live(64000)
    script.receive(TYPE_RESUMED, struct.pack("<4I", script.reference.session.generation, 1, 0, 0))
    script.live(64000)
    script.fail()
    script.connect()
    return script


def an_upgrade_flaps() -> Script:
    """An upgrade that dies young doubles the wait before the next probe."""
    script = Script("host", TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)
    script.do(steps.START)
    script.refuse_opening(3)
    script.connect()
    assert codes.OPEN in script.live(12000)
    script.receive(TYPE_RESUMED, struct.pack("<4I", script.reference.session.generation, 1, 0, 0))
    script.fail()
    script.refuse_opening(2)
    script.connect()
    script.live(40000)
    return script


def a_probe_is_answered_late() -> Script:
    """The transport died while the probe was under way."""
    script = Script("vita", TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)
    script.do(steps.START)
    script.refuse_opening(3)
    script.connect()
    script.works = None
    assert codes.PROBE in script.live(12000)
    script.fail()
    script.do(steps.PROBED, b"\x01")
    script.do(steps.PROBED, b"\x01")
    script.connect()
    return script


def generations_run_out() -> Script:
    """Near the limit of its number a session begins anew."""
    script = Script("psp", TRANSPORT_TCP)
    script.connect()
    script.do(steps.POKE, struct.pack("<BI", 0, RENEW_AT - 1))
    script.fail()
    script.connect()
    script.fail()
    script.run(after=20000)
    script.welcome()
    return script


def counters_run_out() -> Script:
    """Near the limit of a counter a session begins anew, with another incarnation, once nothing waits."""
    script = Script("psp", TRANSPORT_TCP)
    script.connect()
    script.waiting(2)
    script.run()
    script.do(steps.POKE, struct.pack("<BI", 1, RENEW_AT))
    script.waiting(2, 2)
    script.run()
    script.receive(TYPE_ACK, bytes(4), ack=2)
    script.run()
    assert codes.DROP in script.run()
    script.connect()
    return script


def counters_run_out_while_closing() -> Script:
    """Then nothing more goes."""
    script = Script("psp", TRANSPORT_TCP)
    script.connect()
    script.do(steps.POKE, struct.pack("<BI", 2, RENEW_AT))
    script.waiting(2)
    script.do(steps.CLOSE)
    script.run()
    script.run(after=1100)
    return script


def entries_come_again() -> Script:
    """Old offsets are known by all their 64 bits."""
    script = Script("vita", TRANSPORT_TCP)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 3, 0, 0, 0, 0))
    script.connect()
    script.receive(TYPE_OPENED, struct.pack("<BBH8sQ", 0, 3, 0, EPOCH, 4), channel=1, seq=1)
    at = 4
    for seq, offset in enumerate((5, 5, 4, (1 << 32) + 1, 6, 1 << 32, (1 << 32) + 2, (1 << 33)), 2):
        news = script.receive(TYPE_DELIVER, struct.pack("<QQ", offset, at) + bytes(28), channel=1, seq=seq)
        at = max(at, offset)
        assert news in (codes.QUIET, codes.DELIVERED)
    script.run()
    return script


def refusals() -> Script:
    """A frame is refused for good and becomes a SKIP, one goes again until its retries are used up, lossy ones are counted."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    script.retries = 1
    for _ in range(4):
        script.waiting(2, 2)
        script.run()
    refused(script, 2)
    assert codes.SEND in script.run()
    refused(script, 2)  # SKIP is on its way
    refused(script, 1, CODE_STORE)
    assert codes.SEND not in script.run()
    script.run(after=2000)
    refused(script, 3, CODE_STORE)
    refused(script, 3, CODE_STORE, after=2100)
    script.run()
    refused(script, 1, CODE_STORE)
    script.run()
    for events in (1, 0, 99):
        refused(script, 0, events=events)
    script.receive(TYPE_ACK, bytes(4), ack=4)
    assert refused(script, 1) == codes.BROKEN
    script.connect()
    assert refused(script, 99) == codes.BROKEN
    script.connect()
    assert refused(script, LIMIT) == codes.BROKEN
    return script


def refused_frames_outlive_their_transport() -> Script:
    """A new transport, or another log, answers for what was under way."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    for _ in range(3):
        script.waiting(2)
        script.run()
    refused(script, 2, CODE_STORE)
    script.fail()
    script.connect()
    script.receive(TYPE_RESET, struct.pack("<BBHI", CODE_UNKNOWN_SESSION, 0, 0, 0))
    script.run()
    script.welcome()
    script.run()
    script.receive(TYPE_RESET, struct.pack("<BBHI", CODE_UNKNOWN_SESSION, 0, 0, 0))
    script.run()
    script.welcome(epoch=b"epoch--2")
    script.run()
    refused(script, 1)
    script.fail()
    while script.do(steps.ABANDON):
        pass
    return script


def events_expire() -> Script:
    """A frame that waits too long becomes a letter and a SKIP; one that was sent is asked for again first."""
    script = Script("vita", TRANSPORT_TCP)
    script.expires_ms = 3000
    script.connect()
    script.waiting(2)
    script.run()
    script.waiting(2)
    script.run()
    script.fail()
    script.run(after=20000)
    script.receive(TYPE_RESUMED, struct.pack("<4I", script.reference.session.generation, 1, 0, 250))
    assert codes.LETTER in script.run()
    script.receive(TYPE_ACK, bytes(4), ack=3)
    script.expires_ms = 60000
    script.waiting(2)
    script.run()
    script.receive(TYPE_HEARTBEAT, bytes(8), after=4100)
    script.run()
    return script


def lanes_take_turns() -> Script:
    """Lossy events go first when they matter more, or after eight critical frames; windows hold critical ones back."""
    script = Script("host", TRANSPORT_TCP)
    script.connect()
    for round_ in range(3):
        for _ in range(11):
            script.waiting(2, 2, round_, 1)
            while script.do(steps.POLL) in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
                script.packed()
        script.run()
        store = script.reference.session.store
        script.receive(TYPE_ACK, bytes(4), ack=store.base + store.sent)
    return script


def the_window_has_bytes() -> Script:
    """More than the gateway takes at once is not sent at once, nor again, and nothing more is packed."""
    script = Script("host", TRANSPORT_TCP)
    script.connect()
    script.pack_frames(6)
    script.do(steps.POKE, struct.pack("<BI", 4, 2000))
    script.receive(TYPE_RESEND, b"")
    script.waiting(2)
    script.run()
    script.waiting(2)
    script.run()
    script.receive(TYPE_ACK, bytes(4), ack=7)
    script.pack_frames(3)
    return script


def a_stopped_session_stays() -> Script:
    """A refusal that no retry can heal: nothing that comes later changes anything."""
    script = Script("psp", TRANSPORT_TCP)
    script.connect()
    script.receive(TYPE_CLOSE, struct.pack("<BBHI", 2, 0, 0, 0))
    script.do(steps.FAILED)
    script.do(steps.START)
    script.do(steps.CLOSE)
    script.run(after=20000)
    return script


def polling_ends_in_time() -> Script:
    """Closing on polling while something waits for its acknowledgement: a second later it is over."""
    script = Script("dreamcast")
    script.connect()
    script.waiting(2)
    script.run(after=600)
    script.do(steps.CLOSE)
    script.do(steps.POLL, after=100)
    assert script.run(after=1001) == [codes.DROP]
    return script


def channels_are_left() -> Script:
    """Left altogether, left but published to, left twice, and the place is used again."""
    script = Script("vita", TRANSPORT_TCP)
    for name, mode, own in ((0, 3, 0), (1, 2, 0), (0, 2, 1)):
        script.do(steps.CHANNEL, struct.pack("<BBHBB", mode, 0, 0, name, own))
    script.connect()
    for number, granted in ((1, 3), (2, 2), (3, 2)):
        script.receive(TYPE_OPENED, struct.pack("<BBH8sQ", 0, granted, 0, EPOCH, 4), channel=number)
    for number in (1, 2, 2):
        script.do(steps.LEAVE, bytes((number,)))
    script.do(steps.LEAVE, b"\x09")
    for kind, count in ((TYPE_DELIVER, 40), (TYPE_GAP, 28)):
        assert script.receive(kind, bytes(count), channel=1) == codes.QUIET
    script.run()
    for number, granted in ((1, 2), (1, 0), (1, 1), (2, 0), (2, 0)):
        script.receive(TYPE_OPENED, struct.pack("<BBH8sQ", 0, granted, 0, EPOCH, 4), channel=number)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 1, 0, 0, 3, 0))
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 3, 1, 9, 3, 0))
    script.run()
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 3, 1, 9, 3, 0))
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 3, 0, 0, 1, 0))
    script.do(steps.LEAVE, b"\x01")
    script.do(steps.LEAVE, b"\x03")
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 1, 0, 0, 4, 0))
    script.run()
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 2, 0, 0, 4, 0))
    script.fail()
    script.connect()
    script.receive(TYPE_OPENED, struct.pack("<BBH8sQ", 3, 0, 0, EPOCH, 4), channel=1)
    script.do(steps.LEAVE, b"\x02")
    script.receive(TYPE_RESET, struct.pack("<BBHI", CODE_UNKNOWN_SESSION, 0, 0, 0))
    script.run()
    script.welcome()
    script.run()
    return script


def impossible_numbers() -> Script:
    """WELCOME and RESUMED with numbers that nobody can mean."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    for change in ((1, 0, 0, 0), (0, LIMIT, 0, 0), (0, 0, LIMIT, 0), (0, 5, 0, 0)):
        script.fail()
        script.run(after=20000)
        session = script.reference.session
        numbers = (session.generation, session.store.base, 0, 0)
        changed = [a + b for a, b in zip(numbers, change, strict=True)]
        assert script.receive(TYPE_RESUMED, struct.pack("<4I", *changed)) == codes.BROKEN
        script.connect()
    script.receive(TYPE_RESET, struct.pack("<BBHI", CODE_UNKNOWN_SESSION, 0, 0, 0))
    script.run()
    for heartbeat_ms, window, frame_bytes in ((0, 8, 640), (LIMIT, 8, 640), (5000, 0, 640), (5000, 8, 0)):
        assert script.welcome(heartbeat_ms, window, frame_bytes) == codes.BROKEN
        script.run(after=20000)
    script.welcome(LIMIT - 1)
    script.do(steps.POLL, after=100000)
    script.receive(TYPE_RESUMED, bytes(16))
    script.receive(TYPE_CLOSE, struct.pack("<BBHI", 11, 0, 0, 2000))
    script.run(after=20000)
    return script


def news_come_late() -> Script:
    """Failures and answers that nobody waits for any more."""
    script = Script("dreamcast", TRANSPORT_TCP)
    script.do(steps.FAILED)
    script.receive(TYPE_HEARTBEAT, bytes(8))
    script.connect()
    assert script.welcome() == codes.QUIET
    assert script.receive(TYPE_RESUMED, bytes(16)) == codes.QUIET
    script.fail()
    script.do(steps.FAILED)
    script.do(steps.TURN_DONE)
    script.run(after=20000)
    assert script.welcome() == codes.QUIET
    script.connect()
    return script


def payloads_are_cut() -> Script:
    """Each payload one byte too short; a device id that does not end; a code that nobody knows."""
    script = Script("vita", TRANSPORT_TCP)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 2, 0, 0, 0, 0))
    script.connect()
    lengths = (
        (TYPE_DELIVER, 39), (TYPE_GAP, 27), (TYPE_OPENED, 19), (TYPE_REFUSED, 11), (TYPE_ACK, 3), (TYPE_HEARTBEAT, 7),
        (TYPE_CLOSE, 7), (TYPE_RESET, 7),
    )  # fmt: skip
    for kind, count in lengths:
        assert script.receive(kind, bytes(count), channel=1) == codes.BROKEN
        script.connect()
    assert script.receive(TYPE_DELIVER, bytes(39) + b"\x05" + bytes(7), channel=1) == codes.BROKEN
    script.connect()
    assert script.receive(TYPE_CLOSE, struct.pack("<BBHI", 5, 0, 1, 0)) == codes.BROKEN
    script.connect()
    assert script.receive(TYPE_CLOSE, struct.pack("<BBHI", 255, 0, 0, 0)) == codes.ENDED
    script.run(after=20000)
    script.receive(TYPE_RESUMED, bytes(15))
    script.run(after=20000)
    script.receive(TYPE_WELCOME, bytes(87))
    script.connect()
    return script


def numbers_jump() -> Script:
    """Frames from the gateway are missing: a resend is asked for once, and again on the next transport."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    for seq in (3, 4, 1, 1, 5, 6):
        script.receive(TYPE_OPENED, bytes(20), seq=seq)
        script.run()
    script.fail()
    script.connect()
    script.receive(TYPE_ACK, bytes(4), seq=9)
    script.receive(TYPE_ACK, bytes(4), seq=9)
    script.run(after=60)
    return script


def turns_are_bounded() -> Script:
    """What goes out together never exceeds a body of polling."""
    script = Script("host", TRANSPORT_POLLING)
    script.do(steps.START)
    script.run()
    script.welcome(frame_bytes=16384)
    script.waiting(0, 500)
    commands = []
    while (command := script.do(steps.POLL)) != codes.TURN:
        commands.append(command)
        if command == codes.PACK_LOSSY:
            script.packed(16000)
    assert commands.count(codes.PACK_LOSSY) == 3
    return script


def lossy_events_die_with_links_and_logs() -> Script:
    """What was handed over is stored, lost with the link, or, where the gateway forgot what it had said, unconfirmed."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    for stored, resumed_with in ((2, 2), (4, 4), (6, 1), (0, 0)):
        script.waiting(0, 4)
        script.run()
        script.receive(TYPE_HEARTBEAT, struct.pack("<II", stored, 0))
        script.fail()
        script.run(after=20000)
        session = script.reference.session
        script.receive(TYPE_RESUMED, struct.pack("<4I", session.generation, session.store.base, resumed_with, 250))
        script.run()
    return script


SCRIPTS: tuple[Callable[[], Script], ...] = (
    polling_closes,
    duplex_closes,
    closing_ends_in_time,
    transport_keeps_the_last_turn,
    an_upgrade_lives,
    an_upgrade_flaps,
    a_probe_is_answered_late,
    generations_run_out,
    counters_run_out,
    counters_run_out_while_closing,
    entries_come_again,
    refusals,
    refused_frames_outlive_their_transport,
    events_expire,
    lanes_take_turns,
    the_window_has_bytes,
    a_stopped_session_stays,
    polling_ends_in_time,
    channels_are_left,
    *PIECES,
    *LINKS,
    *CHANNELS,
    impossible_numbers,
    news_come_late,
    payloads_are_cut,
    numbers_jump,
    turns_are_bounded,
    lossy_events_die_with_links_and_logs,
)
