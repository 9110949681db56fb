"""Sessions that are told: tokens and tags, pauses, what an application makes of a failure, and rates."""

from __future__ import annotations

import struct
from collections.abc import Callable

from flight_client.session.device import codes
from flight_client.session.device.codes import ADVICE_BACK_OFF, ADVICE_NONE, ADVICE_POLLING
from flight_client.session.spec import (
    CODE_CREDENTIAL,
    CODE_EXPIRED_TOKEN,
    CODE_STORE,
    CODE_UNKNOWN_SESSION,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_PAUSED,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TRANSPORT_POLLING,
    TRANSPORT_TCP,
    TRANSPORT_WEBSOCKET,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DELIVER,
    TYPE_HEARTBEAT,
    TYPE_OPENED,
    TYPE_RENEWED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
)
from tests.twin import steps
from tests.twin.script import EPOCH, Script, refused

RENEWABLE = 1
ADAPTS = 2
LINK, PACE, MEMORY, QUEUE, FLUSHING = range(6, 11)


def renewed(script: Script, code: int = 0, unasked: int = 0, expires_in_ms: int = 60000, text_bytes: int = 0) -> int:
    """What the gateway says of a token."""
    return script.receive(TYPE_RENEWED, struct.pack("<BBHI", code, unasked, text_bytes, expires_in_ms))


def ending(script: Script, kind: int, code: int, retry_after_ms: int = 0) -> int:
    """The gateway ends something."""
    return script.receive(kind, struct.pack("<BBHI", code, 0, 0, retry_after_ms))


def limit(script: Script, what: int, value: int, after: int = 0) -> None:
    """The application, or its driver, sets a number."""
    script.do(steps.POKE, struct.pack("<BI", what, value), after)


def until_asked(script: Script) -> None:
    """Time passes until the session asks for a token."""
    for _ in range(40):
        script.receive(TYPE_HEARTBEAT, bytes(8), after=1500)
        if codes.REFRESH in script.run():
            return
    raise AssertionError("no token is asked for")


def tokens_are_renewed() -> Script:
    """In time, again on a new transport, after a refusal, and none where there is none."""
    script = Script("vita", TRANSPORT_TCP, auth=1, ways=RENEWABLE)
    script.expires_in_ms = 20000
    script.connect()
    until_asked(script)
    for which in (1, 1, 0):
        script.do(steps.TOKEN, bytes((which,)))
    script.run()
    script.fail()
    script.connect()
    renewed(script, expires_in_ms=30000)
    assert script.reference.session.identity.token == b"token-two"
    until_asked(script)
    script.do(steps.TOKEN, b"\x00")
    until_asked(script)
    script.do(steps.TOKEN, b"\x02")
    script.run()
    renewed(script, expires_in_ms=0)
    script.live(8000)
    assert renewed(script, code=CODE_CREDENTIAL) == codes.TOKEN_REFUSED
    until_asked(script)
    renewed(script, unasked=1)
    script.do(steps.TOKEN, b"\x03")
    script.run()
    renewed(script)
    for count, end in ((7, 0), (8, 1)):
        text = struct.pack("<BBHI", 0, 0, end, 0)[:count]
        assert script.receive(TYPE_RENEWED, text) == codes.BROKEN
        script.connect()
    assert renewed(script, expires_in_ms=1 << 30) == codes.BROKEN
    return script


def nothing_goes_without_a_token() -> Script:
    """The token has ended: no events, but signs of life; with a new one all goes again."""
    script = Script("host", TRANSPORT_WEBSOCKET, TRANSPORT_POLLING, ways=RENEWABLE)
    script.connect()
    script.waiting(2)
    script.run()
    renewed(script, unasked=1)
    renewed(script, unasked=1)
    script.waiting(2, 2)
    assert codes.PACK_CRITICAL not in script.run()
    until_asked(script)
    script.do(steps.TOKEN, b"\x01")
    script.run()
    renewed(script, expires_in_ms=0)
    assert codes.PACK_CRITICAL in script.run()
    renewed(script, unasked=1)
    script.fail()
    script.refuse_opening(3)
    script.connect()
    renewed(script, unasked=1)
    script.waiting(2)
    script.run(after=30)
    return script


def a_token_that_nobody_renews() -> Script:
    """Without another token there is nothing to ask for; an expired one stops the session."""
    script = Script("vita", TRANSPORT_TCP)
    script.expires_in_ms = 20000
    script.connect()
    script.live(24000)
    renewed(script, unasked=1)
    script.live(8000)
    assert ending(script, TYPE_CLOSE, CODE_EXPIRED_TOKEN) == codes.ENDED
    assert script.reference.session.state == STATE_STOPPED
    return script


def an_expired_token_begins_one_new_session() -> Script:
    """With a new token HELLO is said again, once."""
    script = Script("vita", TRANSPORT_TCP, ways=RENEWABLE)
    script.connect()
    ending(script, TYPE_CLOSE, CODE_EXPIRED_TOKEN)
    assert script.reference.session.state == STATE_WAITING
    script.run(after=20000)
    assert script.reference.session.state == STATE_GREETING
    ending(script, TYPE_CLOSE, CODE_EXPIRED_TOKEN)
    assert script.reference.session.state == STATE_STOPPED
    return script


def forged_frames_end_the_transport() -> Script:
    """A frame without its tag ends the transport; before a session, an ending is believed."""
    script = Script("vita", TRANSPORT_TCP, auth=1)
    script.connect()
    for kind in (TYPE_HEARTBEAT, TYPE_CLOSE):
        script.forges = True
        assert script.receive(kind, bytes(8)) == codes.FORGED
        script.forges = False
        script.connect()
    script.forges = True
    assert ending(script, TYPE_RESET, CODE_CREDENTIAL) == codes.ENDED
    script.run(after=20000)
    script.forges = False
    script.welcome()
    script.fail()
    script.run(after=20000)
    script.forges = True
    assert ending(script, TYPE_CLOSE, CODE_CREDENTIAL) == codes.ENDED
    script.forges = False
    script.connect()
    script.fail()
    script.run(after=20000)
    ending(script, TYPE_RESET, CODE_UNKNOWN_SESSION)
    script.run()
    script.forges = True
    ending(script, TYPE_CLOSE, CODE_CREDENTIAL)
    assert script.reference.session.state == STATE_STOPPED
    return script


def proven_endings_stop() -> Script:
    """A fatal code with its tag stops a ready session."""
    script = Script("vita", TRANSPORT_TCP, auth=1)
    script.connect()
    ending(script, TYPE_CLOSE, CODE_CREDENTIAL)
    assert script.reference.session.state == STATE_STOPPED
    return script


def pauses_wait_for_the_turn() -> Script:
    """At once where nothing is under way, else when the turn is over, the link dies, the session is lost, or in time."""
    script = Script("vita", TRANSPORT_TCP)
    script.do(steps.PAUSE)
    script.do(steps.GO_ON)
    script.run()
    script.welcome()
    script.run()

    def again() -> None:
        assert script.reference.session.state == STATE_PAUSED
        script.run()
        script.do(steps.GO_ON)
        script.connect()

    script.do(steps.PAUSE)
    again()
    for end, after in ((steps.TURN_DONE, 0), (steps.FAILED, 0), (steps.POLL, 1001)):
        script.waiting(2)
        while script.do(steps.POLL) != codes.TURN:
            script.packed()
            script.waiting(0)
        script.do(steps.PAUSE)
        script.do(steps.PAUSE)
        script.do(steps.POLL, after=100)
        script.do(end, after=after)
        script.do(steps.POLL)
        again()
    until_turn(script)
    script.do(steps.PAUSE)
    script.do(steps.GO_ON)
    script.do(steps.TURN_DONE)
    script.run()
    until_turn(script)
    script.do(steps.PAUSE)
    ending(script, TYPE_RESET, CODE_UNKNOWN_SESSION)
    script.do(steps.POLL)
    again()
    script.live(64000)
    script.do(steps.PAUSE)
    again()
    script.waiting(2)
    script.do(steps.POLL)
    script.packed()
    script.do(steps.PAUSE)
    script.run()
    again()
    until_turn(script)
    script.do(steps.PAUSE)
    script.do(steps.CLOSE)
    assert script.reference.session.state == STATE_CLOSING
    script.do(steps.PAUSE)
    script.run()
    return script


def until_turn(script: Script) -> None:
    """A frame goes out, and the transport does not take its turn yet."""
    script.waiting(2)
    while (command := script.do(steps.POLL)) != codes.TURN:
        if command == codes.PACK_CRITICAL:
            script.packed()
            script.waiting(0)


def failures_are_judged() -> Script:
    """The application takes polling, waits longer, or leaves it to the policy."""
    script = Script("vita", TRANSPORT_TCP, TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)
    script.do(steps.RECOVER, bytes((ADVICE_POLLING,)))
    script.connect()
    script.live(64000)
    script.fail()
    for advice in (ADVICE_NONE, ADVICE_BACK_OFF, ADVICE_BACK_OFF):
        script.do(steps.RECOVER, bytes((advice,)))
    script.connect()
    script.live(64000)
    ending(script, TYPE_CLOSE, 11, 2000)
    script.do(steps.RECOVER, bytes((ADVICE_BACK_OFF,)))
    script.connect()
    script.fail()
    for _ in range(2):
        script.do(steps.RECOVER, bytes((ADVICE_POLLING,)))
    script.connect()
    assert script.reference.session.polling()
    only = Script("vita", TRANSPORT_TCP)
    only.connect()
    only.fail()
    only.do(steps.RECOVER, bytes((ADVICE_POLLING,)))
    return script


def links_are_kept_to_their_rate() -> Script:
    """A slow link holds events back, on both kinds of transport; what is not an event passes."""
    script = Script("vita", TRANSPORT_TCP, ways=ADAPTS)
    script.connect()
    limit(script, LINK, 10)
    for _ in range(8):
        script.waiting(2, 3)
        if script.do(steps.POLL) in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
            script.packed(800)
        script.waiting(0)
        script.run(after=100)
    script.waiting(2)
    script.run(after=300)
    script.waiting(0, 2)
    script.run(after=300)
    script.receive(TYPE_RESEND, b"")
    script.run(after=50)
    script.waiting(0, 0)
    script.run(after=50)
    script.receive(TYPE_ACK, bytes(4), ack=script.reference.session.store.base + script.reference.session.store.sent)
    script.run(after=50)
    limit(script, LINK, 0)
    script.live(8000)
    return script


def polls_wait_for_the_link() -> Script:
    """The same on polling: what is packed waits, and is urgent when it may go."""
    script = Script("dreamcast", TRANSPORT_POLLING, ways=ADAPTS)
    script.connect()
    limit(script, LINK, 50)
    for after in (600, 600, 600, 3000):
        script.waiting(2)
        while (command := script.do(steps.POLL, after=after)) != codes.NOTHING:
            if command == codes.PACK_CRITICAL:
                script.packed(500)
                script.waiting(0)
            elif command == codes.TURN:
                script.do(steps.TURN_DONE)
    script.waiting(0)
    script.receive(TYPE_RESEND, b"")
    for after in (600, 600, 6000, 6000, 20000):
        script.run(after=after)
    script.waiting(0, 40)
    script.run(after=600)
    script.run(after=6000)
    limit(script, LINK, 100000)
    script.run(after=600)
    return script


def events_keep_to_their_pace() -> Script:
    """So many events a second, in whole ones; the application may lift it."""
    script = Script("vita", TRANSPORT_TCP, ways=ADAPTS)
    script.connect()
    limit(script, PACE, 3)
    for after in (0, 100, 100, 300, 700, 2000):
        script.waiting(2, 40)
        script.do(steps.POLL, after=after)
        if script.reference.answer in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
            script.packed()
        script.waiting(2)
        script.run(after=10)
    limit(script, PACE, 600000)
    script.waiting(2)
    script.run()
    return script


def batches_follow_the_memory() -> Script:
    """Lossy events collect until a batch is full, old, flushed, or the queue is half full."""
    script = Script("vita", TRANSPORT_TCP, ways=ADAPTS)
    script.connect()
    for free in (10000, 5000, 4999, 1000, 0, 0xFFFFFFFF):
        limit(script, MEMORY, free)
    script.waiting(0, 2)
    for _ in range(4):
        script.do(steps.POLL, after=20)
    script.run(after=100)
    limit(script, QUEUE, 8)
    for lossy in (3, 4):
        script.waiting(0, lossy)
        script.run()
    script.waiting(0, 2)
    limit(script, FLUSHING, 1)
    script.run()
    limit(script, FLUSHING, 0)
    limit(script, LINK, 1)
    limit(script, LINK, 0)
    script.waiting(0, 2)
    script.do(steps.CLOSE)
    assert codes.PACK_LOSSY in script.run()
    return script


def flushes_hurry_polls() -> Script:
    """On polling a flush, or a full batch, does not wait for the update interval."""
    script = Script("dreamcast", TRANSPORT_POLLING, ways=ADAPTS)
    script.connect()
    limit(script, QUEUE, 30)
    script.waiting(0, 2)
    script.run(after=600)
    limit(script, FLUSHING, 1)
    script.waiting(0, 2)
    assert codes.PACK_LOSSY in script.run(after=600)
    limit(script, FLUSHING, 0)
    limit(script, MEMORY, 800)
    script.waiting(0, 8)
    script.run(after=600)
    limit(script, QUEUE, 4)
    script.waiting(0, 2)
    script.run(after=600)
    while script.do(steps.POLL, after=600) != codes.TURN:
        pass
    assert script.do(steps.POLL, after=31000) == codes.DROP
    return script


def small_things() -> Script:
    """What chance brings about in some seeds only."""
    script = Script("vita", TRANSPORT_TCP)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 3, 0, 0, 0, 0))
    script.connect()
    for _ in range(2):
        script.receive(TYPE_OPENED, struct.pack("<BBH8sQ", 0, 3, 0, EPOCH, 4), channel=1)
    script.do(steps.CHANNEL, struct.pack("<BBHBB", 1, 0, 0, 1, 0))
    assert script.receive(TYPE_DELIVER, bytes(40), channel=2) == codes.QUIET
    script.run()
    for seq in range(1, 10):
        script.receive(TYPE_ACK, bytes(4), seq=seq, after=0)
    script.run()
    script.pack_frames(3)
    refused(script, 2, CODE_STORE)
    script.receive(TYPE_RESEND, b"")
    script.run()
    script.fail()
    script.run(after=20000)
    script.do(steps.POLL, after=20000)
    script.run(after=20000)
    session = script.reference.session
    script.receive(TYPE_RESUMED, struct.pack("<4I", session.generation, session.store.base, 0, 250))
    assert session.state == STATE_READY
    ending(script, TYPE_RESET, CODE_UNKNOWN_SESSION)
    assert script.receive(TYPE_RESUMED, bytes(16)) == codes.QUIET
    return script


def numbers_are_restored() -> Script:
    """A resume record gives the numbers; a gateway of another log counts anew, and what was counted stays."""
    script = Script("vita", TRANSPORT_TCP)
    script.do(steps.RESTORE, script.incarnation + struct.pack("<II", 40, 1000))
    script.connect()
    script.waiting(2)
    script.run()
    script.receive(TYPE_ACK, bytes(4), ack=2)
    script.incarnation = b"another1"
    script.next_gateway()
    script.run()
    assert script.reference.session.counted == 1042
    return script


def closed_while_attaching() -> Script:
    """The application closes before the gateway has answered ATTACH."""
    script = Script("vita", TRANSPORT_TCP)
    script.connect()
    script.fail()
    script.run(after=20000)
    script.do(steps.CLOSE)
    script.run()
    return script


LINKS: tuple[Callable[[], Script], ...] = (
    tokens_are_renewed,
    nothing_goes_without_a_token,
    a_token_that_nobody_renews,
    an_expired_token_begins_one_new_session,
    forged_frames_end_the_transport,
    proven_endings_stop,
    pauses_wait_for_the_turn,
    failures_are_judged,
    links_are_kept_to_their_rate,
    polls_wait_for_the_link,
    events_keep_to_their_pace,
    batches_follow_the_memory,
    flushes_hurry_polls,
    small_things,
    numbers_are_restored,
    closed_while_attaching,
)
