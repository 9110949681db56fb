"""The device's half of a session: greeting, what is not for it, time-outs, endings."""

from itertools import pairwise

import pytest

from flight_client.session.common.clock import LONGEST_MS, elapsed
from flight_client.session.device import codes
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    CODE_BUSY,
    CODE_PROOF,
    CODE_STALE_GENERATION,
    CODE_UNKNOWN_SESSION,
    FATAL_CODES,
    NUMBER_LIMIT,
    STATE_ATTACHING,
    STATE_CLOSED,
    STATE_GREETING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TYPE_ACK,
    TYPE_ATTACH,
    TYPE_CLOSE,
    TYPE_DELIVER,
    TYPE_GAP,
    TYPE_HEARTBEAT,
    TYPE_HELLO,
    TYPE_OPENED,
    TYPE_POLL,
    TYPE_REFUSED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_WELCOME,
)
from tests.session.device_world import (
    ALL_CODES,
    BOTH,
    EVERY_STATE,
    POLLING,
    emit,
    in_state,
    kinds,
    ready,
)
from tests.session.harness import World

# Greeting


def test_hello_is_answered_by_welcome_and_then_frames_flow():
    world = ready()
    assert kinds(world) == [TYPE_HELLO]
    assert world.happened == [codes.CONNECTED]
    assert not world.device.resumed
    assert world.prover.keys == 1
    emit(world, 3)
    world.run()
    assert world.store.critical_events == [0, 1, 2]
    assert world.device.tally.connections == 1


def test_after_a_cut_attach_is_answered_by_resumed_on_a_higher_generation():
    world = ready()
    for generation in (1, 2, 3):
        world.cut()
        world.pass_ms(5000)
        assert world.device.state == STATE_READY
        assert world.device.resumed
        assert world.device.generation == generation == world.gateway.session.generation
    assert kinds(world).count(TYPE_HELLO) == 1
    assert kinds(world).count(TYPE_ATTACH) == 3 == world.prover.attached
    assert world.gateway.sessions == 1


def test_a_gateway_that_forgot_the_session_is_greeted_on_the_same_transport():
    world = ready()
    world.restart_gateway()
    opens = len(world.opens)
    world.pass_ms(1100)
    assert world.device.state == STATE_READY
    assert len(world.opens) == opens + 1
    assert kinds(world)[-2:] == [TYPE_ATTACH, TYPE_HELLO]
    assert not world.device.resumed


def test_a_new_session_loses_and_doubles_nothing_critical():
    world = ready()
    emit(world, 6)
    world.run()
    world.gateway.hold = True  # these are received, and neither stored nor acknowledged
    emit(world, 9)
    world.run()
    assert world.store.critical_events == list(range(6))
    world.restart_gateway()
    emit(world, 5)
    world.pass_ms(1500)
    assert world.store.critical_events == list(range(20))
    assert world.device.tally.critical_acked == 20


def test_what_was_stored_but_not_acknowledged_is_not_sent_twice_into_the_store():
    world = ready()
    world.cut_after = 1  # the gateway has the first frame, the acknowledgement is lost with the transport
    emit(world, 8)
    world.run()
    assert world.store.critical_events == [0, 1, 2, 3]
    assert world.device.tally.critical_acked == 0
    world.restart_gateway()
    world.pass_ms(1500)
    assert world.store.critical_events == list(range(8))
    assert world.device.tally.critical_acked == 8


def test_a_frame_of_which_the_first_part_is_stored_keeps_its_counters():
    world = ready()
    world.gateway.hold = True
    emit(world, 4)
    world.run()
    world.store.mark = 2  # an engine that stored half a frame
    world.store.critical_events = [0, 1]
    world.restart_gateway()
    world.pass_ms(1500)
    assert world.store.critical_events == [0, 1, 2, 3]


def test_a_gateway_that_lost_its_store_gives_a_new_incarnation_and_counts_from_one():
    world = ready()
    emit(world, 5)
    world.sleep_ms(100)  # acknowledged
    world.gateway.hold = True
    emit(world, 2)
    world.run()
    first = bytes(world.device.identity.incarnation)
    world.device.identity.incarnation[:] = bytes(8)  # as if the application had forgotten it
    world.store.incarnations = 7
    world.restart_gateway()
    world.pass_ms(1500)
    assert bytes(world.device.identity.incarnation) != first
    assert world.store.critical_events == list(range(7))
    assert world.device.next_counter == 3
    emit(world, 1)
    world.run()
    assert world.store.critical_events[-1] == 7


def test_a_mark_beyond_our_counter_moves_our_counter():
    world = World()
    world.device.identity.incarnation[:] = b"restored"
    world.store.mark = 40
    world.start()
    assert world.device.next_counter == 41
    emit(world, 1)
    world.run()
    assert world.store.critical_events == [0]


def test_welcome_sets_heartbeat_window_room_and_spread():
    world = World()
    world.gateway.heartbeat_ms = 3000
    world.gateway.window = 2
    world.gateway.frame_bytes = 700
    world.gateway.spread_ms = 4500
    world.start()
    device = world.device
    assert device.policy.spread_ms == 4500
    assert device.wake_in_ms(world.now) == 3000
    device.waiting_critical = 1
    assert device.poll(world.now, 0) == codes.PACK_CRITICAL
    assert device.out.room == 700 - 16 - 8 - 4


def test_resumed_and_heartbeat_carry_the_spread():
    world = ready()
    world.gateway.spread_ms = 1000
    world.cut()
    world.pass_ms(1100)
    assert world.device.policy.spread_ms == 1000
    world.receive(TYPE_HEARTBEAT, payload=messages.counts(0, 2000))
    assert world.device.policy.spread_ms == 2000


# Stale, foreign and broken


REPLIES = [
    (
        TYPE_WELCOME,
        messages.welcome(bytes(16), bytes(8), b"foreign!", bytes(8), bytes(8), (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0)),
    ),
    (TYPE_RESUMED, messages.resumed(1, 1, 0, 0)),
    (TYPE_RESET, messages.ending(CODE_UNKNOWN_SESSION)),
    (TYPE_CLOSE, messages.ending(FATAL_CODES[0])),
    (TYPE_CLOSE, messages.ending(CODE_BUSY, 500_000)),
    (TYPE_DELIVER, bytes(60)),
    (TYPE_HEARTBEAT, messages.counts(1000, 9999)),
    (TYPE_ACK, messages.counts(1000)),
    (TYPE_OPENED, messages.opened(0, 3, bytes(8), 0)),
    (TYPE_GAP, messages.gap(1, bytes(8), 0, 9)),
    (TYPE_REFUSED, messages.refused(1, 15, 1)),
    (TYPE_RESEND, b""),
    (99, b"\xff" * 30),
]


def looks(world):
    """All of the device that a frame may change."""
    device = world.device
    found: dict[str, object] = {key: value for key, value in vars(device).items() if isinstance(value, int)}
    for part in (device.policy, device.tally, device.store, device.channels):
        found |= {f"{type(part).__name__}.{key}": value for key, value in vars(part).items() if isinstance(value, int)}
    found["incarnation"] = bytes(device.identity.incarnation)
    return found


@pytest.mark.parametrize("state", [STATE_IDLE, STATE_WAITING, STATE_OPENING, STATE_CLOSED, STATE_STOPPED])
@pytest.mark.parametrize(("kind", "payload"), REPLIES, ids=range(len(REPLIES)))
def test_a_reply_that_comes_when_no_transport_is_open_changes_nothing(state, kind, payload):
    world = in_state(state)
    before = looks(world)
    assert world.receive(kind, 1, 1, 1, payload) == codes.QUIET
    assert looks(world) == before


@pytest.mark.parametrize(("state", "kinds_meant"), [
    (STATE_GREETING, (TYPE_WELCOME, TYPE_RESET, TYPE_CLOSE)),
    (STATE_ATTACHING, (TYPE_RESUMED, TYPE_RESET, TYPE_CLOSE)),
])  # fmt: skip
@pytest.mark.parametrize(("kind", "payload"), REPLIES, ids=range(len(REPLIES)))
def test_a_reply_that_was_not_asked_for_is_no_more_than_a_sign_of_life(state, kinds_meant, kind, payload):
    world = in_state(state)
    if kind in kinds_meant:
        return
    before = looks(world)
    assert world.receive(kind, 1, 1, 1, payload) == codes.QUIET
    after = looks(world)
    assert after.pop("_heard_at") == world.now
    assert after.pop("Policy._failures") == 0
    before.pop("_heard_at")
    before.pop("Policy._failures")
    assert after == before


@pytest.mark.parametrize("kind", [TYPE_WELCOME, TYPE_RESUMED, TYPE_HELLO, TYPE_POLL, 77])
def test_a_foreign_frame_inside_the_session_changes_nothing(kind):
    world = ready()
    assert world.receive(kind, 0, 0, 0, b"\xff" * 100) == codes.QUIET
    assert world.device.state == STATE_READY
    assert world.device.known


@pytest.mark.parametrize("state", EVERY_STATE)
def test_late_news_of_a_transport_changes_nothing(state):
    if state == STATE_OPENING:
        return
    world = in_state(state)
    before = looks(world)
    world.device.opened(world.now)
    world.device.probed(True, world.now)
    if state != STATE_IDLE:
        world.device.start(world.now)
    assert looks(world) == before


def test_start_while_it_opens_does_not_open_twice():
    world = in_state(STATE_OPENING)
    world.start()
    assert len(world.opens) == 1


@pytest.mark.parametrize("state", [STATE_IDLE, STATE_WAITING, STATE_CLOSED, STATE_STOPPED])
def test_the_failure_of_a_transport_that_was_given_up_changes_nothing(state):
    world = in_state(state)
    before = looks(world)
    world.device.failed(world.now, 0)
    assert looks(world) == before


def test_resumed_of_another_generation_or_with_impossible_numbers_begins_a_new_session():
    for payload in (
        messages.resumed(7, 1, 0, 0),
        messages.resumed(1, 9, 0, 0),
        messages.resumed(1, 0, 0, 0),
        messages.resumed(1, 1 << 30, 0, 0),
        messages.resumed(1, 1, 1 << 30, 0),
        b"short",
    ):
        world = in_state(STATE_ATTACHING)
        assert world.receive(TYPE_RESUMED, payload=payload) == codes.BROKEN
        assert world.device.state == STATE_WAITING
        assert not world.device.known
        world.cut()
        world.lose_replies = False
        world.pass_ms(3000)
        assert world.device.state == STATE_READY
        assert world.gateway.sessions == 2


def test_a_welcome_that_cannot_be_read_is_tried_again():
    world = in_state(STATE_GREETING)
    assert world.receive(TYPE_WELCOME, payload=bytes(71)) == codes.BROKEN
    assert world.device.state == STATE_WAITING
    assert world.receive(TYPE_WELCOME, payload=bytes(88)) == codes.QUIET


@pytest.mark.parametrize(("kind", "payload"), [
    (TYPE_DELIVER, bytes(39)),
    (TYPE_DELIVER, bytes(39) + b"\x01"),
    (TYPE_DELIVER, bytes(39) + b"\x01x"),  # the padding is missing
    (TYPE_ACK, bytes(3)),
    (TYPE_HEARTBEAT, bytes(7)),
    (TYPE_GAP, bytes(27)),
    (TYPE_OPENED, bytes(19)),
    (TYPE_OPENED, bytes(20)),  # nobody opened that channel
    (TYPE_REFUSED, bytes(11)),
    (TYPE_REFUSED, messages.refused(1, 15, 1)),  # never sent
    (TYPE_REFUSED, messages.refused(1 << 30, 15, 1)),
    (TYPE_RESET, bytes(7)),
    (TYPE_CLOSE, bytes(7)),
    (TYPE_CLOSE, b"\0\0\xff\0\0\0\0\0"),
])  # fmt: skip
def test_a_frame_that_is_not_what_it_says_ends_the_session_and_a_new_one_begins(kind, payload):
    world = ready()
    assert world.receive(kind, 9, 0, 0, payload) == codes.BROKEN
    assert world.device.state == STATE_WAITING
    assert not world.device.known
    world.pass_ms(2000)
    assert world.device.state == STATE_READY
    assert world.gateway.sessions == 2


def test_an_acknowledgement_of_what_was_never_sent_ends_the_session():
    world = ready()
    emit(world, 1)
    world.run()
    assert world.receive(TYPE_ACK, ack=3, payload=messages.counts(0)) == codes.BROKEN
    assert world.device.state == STATE_WAITING


# Time-outs


@pytest.mark.parametrize("platform", ["vita", "dreamcast"])
def test_a_transport_that_does_not_open_is_given_up_after_its_time(platform):
    world = World(POLLING, platform)
    world.mute = set(POLLING)
    world.start()
    timeout = world.profile.connect_timeout_ms
    world.sleep_ms(timeout - 1)
    assert world.device.state == STATE_OPENING
    world.sleep_ms(1)
    assert world.device.state == STATE_WAITING


@pytest.mark.parametrize("state", [STATE_GREETING, STATE_ATTACHING])
def test_a_greeting_without_an_answer_is_given_up_after_its_time(state):
    world = in_state(state)
    started = world.sent[-1][0]
    while world.device.state == state:
        world.sleep_ms(1)
    assert elapsed(world.now, started) == world.profile.connect_timeout_ms
    assert world.device.state == STATE_WAITING


def test_retries_go_on_for_ever():
    world = World(BOTH, "host")
    world.reachable = set()
    world.start()
    world.sleep_ms(3_600_000)
    assert world.device.state in (STATE_WAITING, STATE_OPENING)
    assert len(world.opens) > 300
    assert {transport for _, transport in world.opens} == set(BOTH)
    world.reachable = set(BOTH)
    world.sleep_ms(world.profile.backoff_cap_ms + 1)
    assert world.device.state == STATE_READY


def test_retries_keep_the_profile_s_distance():
    world = World(POLLING, "dreamcast")
    world.reachable = set()
    world.start()
    world.sleep_ms(600_000)
    waits = [elapsed(b[0], a[0]) for a, b in pairwise(world.opens)]
    assert all(world.profile.backoff_floor_ms <= wait <= world.profile.backoff_cap_ms for wait in waits)
    assert max(waits[:1]) <= world.profile.connect_retry_interval_ms


# Endings


@pytest.mark.parametrize("code", ALL_CODES)
@pytest.mark.parametrize("kind", [TYPE_CLOSE, TYPE_RESET])
@pytest.mark.parametrize("state", [STATE_GREETING, STATE_ATTACHING, STATE_READY])
def test_fatal_refusals_stop_and_say_why_and_all_others_go_on(state, kind, code):
    world = in_state(state)
    assert world.receive(kind, payload=messages.ending(code, 0, "because")) == codes.ENDED
    assert world.device.ending.code == code
    world.lose_replies = False
    if code in FATAL_CODES:
        assert world.device.state == STATE_STOPPED
        assert world.device.reason == code
        opens = len(world.opens)
        world.sleep_ms(100_000)
        assert world.device.state == STATE_STOPPED
        assert len(world.opens) == opens
    else:
        if world.device.state == STATE_WAITING:
            world.pipe_open = False
        world.sleep_ms(10_000)
        assert world.device.state == STATE_READY
        assert world.device.reason == 0


@pytest.mark.parametrize("code", [CODE_UNKNOWN_SESSION, CODE_PROOF, CODE_STALE_GENERATION])
def test_a_reset_as_the_answer_to_hello_waits_before_the_next_hello(code):
    world = World()
    world.gateway.answer = (TYPE_RESET, code, 0)
    world.start()
    world.sleep_ms(10_000)
    assert kinds(world).count(TYPE_HELLO) < 20
    world.gateway.answer = None
    world.sleep_ms(10_000)
    assert world.device.state == STATE_READY


def test_a_busy_gateway_s_hint_is_obeyed():
    world = World()
    world.gateway.answer = (TYPE_CLOSE, CODE_BUSY, 20_000)
    world.start()
    first = world.now
    world.gateway.answer = None
    world.sleep_ms(19_999)
    assert world.device.state == STATE_WAITING
    world.sleep_ms(300)
    assert world.device.state == STATE_READY
    assert 20_000 <= elapsed(world.opens[-1][0], first) <= 20_250


def test_a_reset_in_mid_session_begins_a_new_session_on_the_same_transport():
    world = ready()
    emit(world, 2)
    world.run()
    opens = len(world.opens)
    world.gateway.session = None
    world.receive(TYPE_RESET, payload=messages.ending(CODE_UNKNOWN_SESSION))
    emit(world, 2)
    world.run()
    assert world.device.state == STATE_READY
    assert len(world.opens) == opens
    assert world.store.critical_events == [0, 1, 2, 3]


def test_a_fatal_reason_is_kept_when_the_gateway_refuses_the_first_hello():
    world = World()
    world.gateway.answer = (TYPE_CLOSE, FATAL_CODES[1], 0)
    world.start()
    assert (world.device.state, world.device.reason) == (STATE_STOPPED, FATAL_CODES[1])
    assert world.device.wake_in_ms(world.now) > 0


def test_a_heartbeat_beyond_what_the_clock_can_tell_is_taken_as_a_day():
    world = World()
    world.gateway.heartbeat_ms = NUMBER_LIMIT - 1  # twice that is no number of the clock
    world.start()
    assert world.device.sender.heartbeat_ms == LONGEST_MS
    assert 0 < world.device.wake_in_ms(world.now) <= LONGEST_MS
