"""The life of a token, seen by the device: asked for in time, sent, answered, and what happens at its end."""

import pytest

from flight_client.session.device import codes
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    CODE_CREDENTIAL,
    CODE_EXPIRED_TOKEN,
    CODE_FORBIDDEN,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TOKEN_EXPIRES_MS,
    TOKEN_RETRY_MS,
    TOKEN_SPACING_MS,
    TYPE_CLOSE,
    TYPE_DATA,
    TYPE_RENEWED,
    TYPE_RESET,
)
from tests.session.device_world import BOTH, POLLING, emit, kinds
from tests.session.harness import World

HOUR_MS = 3_600_000


def world_with_token(expires_in_ms, tokens=(), transports=BOTH, renewable=True):
    world = World(transports)
    world.gateway.token_expires_in_ms = expires_in_ms
    world.new_tokens = list(tokens)
    world.device.renewal.renewable = renewable
    world.start()
    assert world.device.state == STATE_READY
    return world


def since(world, start, moment):
    return (moment - start) & 0x3FFFFFFF


@pytest.mark.parametrize("transports", [BOTH, POLLING])
@pytest.mark.parametrize(("life_ms", "asked_ms"), [(HOUR_MS, HOUR_MS - 60_000), (60_000, 45_000), (4000, 5000)])
def test_a_device_asks_before_the_token_ends_and_sends_what_it_got(transports, life_ms, asked_ms):
    world = world_with_token(life_ms, [b"second"], transports)
    start = world.now
    world.gateway.token_expires_in_ms = 0
    world.sleep_ms(life_ms + 10_000)
    [asked] = world.refreshes
    assert asked_ms <= since(world, start, asked) <= asked_ms + 20
    [(sent, token)] = world.gateway.tokens
    assert token == b"second"
    assert since(world, asked, sent) <= world.profile.update_interval_ms
    assert world.device.identity.token == b"second"
    assert not world.device.renewal.over
    assert world.device.tally.connections == 1


def test_each_new_token_is_followed_by_the_next():
    world = world_with_token(60_000, [b"2", b"3", b"4"])
    world.sleep_ms(140_000)
    assert [token for _, token in world.gateway.tokens] == [b"2", b"3", b"4"]


@pytest.mark.parametrize(("life_ms", "renewable"), [(0, True), (HOUR_MS, False), (TOKEN_EXPIRES_MS, False)])
def test_nothing_is_asked_where_nothing_ends_or_nothing_can_be_got(life_ms, renewable):
    world = world_with_token(life_ms, [b"second"], renewable=renewable)
    world.sleep_ms(2 * HOUR_MS)
    assert (world.refreshes, world.gateway.tokens) == ([], [])


def test_a_source_that_has_nothing_and_a_gateway_that_refuses_are_asked_again_later():
    world = world_with_token(60_000, [b"", b"bad", b"", b"good"])
    world.gateway.token_answers = [CODE_FORBIDDEN]
    world.gateway.token_expires_in_ms = 0
    world.sleep_ms(45_000 + 4 * TOKEN_RETRY_MS)
    assert [token for _, token in world.gateway.tokens] == [b"bad", b"good"]
    waits = [since(world, a, b) for a, b in zip(world.refreshes, world.refreshes[1:], strict=False)]
    assert len(waits) == 3
    assert all(TOKEN_RETRY_MS <= wait <= TOKEN_RETRY_MS + 1000 for wait in waits)
    assert world.device.identity.token == b"good"
    assert codes.TOKEN_REFUSED in world.happened
    assert world.inbox.refused_code == CODE_FORBIDDEN


def test_an_unanswered_token_goes_again_on_the_next_transport():
    world = world_with_token(60_000, [b"second"])
    world.gateway.token_answers = [None]
    world.sleep_ms(46_000)
    assert len(world.gateway.tokens) == 1
    world.cut()
    world.sleep_ms(5000)
    assert [token for _, token in world.gateway.tokens] == [b"second", b"second"]
    assert world.device.identity.token == b"second"
    assert world.device.resumed


@pytest.mark.parametrize("transports", [BOTH, POLLING])
def test_a_token_whose_answer_is_lost_goes_again_on_the_same_transport(transports):
    world = world_with_token(60_000, [b"second"], transports)
    world.gateway.token_answers = [None]
    world.sleep_ms(46_000)
    assert len(world.gateway.tokens) == 1
    woke = world.sleep_ms(world.profile.connect_timeout_ms + 1000)
    assert [token for _, token in world.gateway.tokens] == [b"second", b"second"]
    assert world.device.identity.token == b"second"
    assert world.device.tally.connections == 1
    assert woke < 60


def test_a_token_that_comes_too_late_for_its_session_is_left():
    world = world_with_token(60_000)
    world.slow_tokens = True
    world.sleep_ms(46_000)
    assert len(world.refreshes) == 1
    world.gateway.token_expires_in_ms = 0
    world.restart_gateway()
    world.sleep_ms(5000)
    world.device.renewal.supply(b"second")
    world.sleep_ms(5000)
    assert world.gateway.tokens == []


@pytest.mark.parametrize("transports", [BOTH, POLLING])
def test_at_the_end_no_events_go_and_all_of_them_go_after_a_new_token(transports):
    world = world_with_token(0, [b"second"], transports)
    emit(world, 1)
    world.sleep_ms(1000)
    world.gateway.end_token()
    emit(world, 2)
    world.run()
    before = len(world.sent)
    emit(world, 5)
    emit(world, 5, critical=False)
    world.sleep_ms(TOKEN_SPACING_MS // 2)
    if transports is BOTH:
        assert world.device.renewal.over
        assert TYPE_DATA not in kinds(world, before)
    world.sleep_ms(2500 if transports is BOTH else 20_000)  # less than a resend by time-out would take
    assert [token for _, token in world.gateway.tokens] == [b"second"]
    assert sorted(world.store.critical_events) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert len(world.store.lossy_events) == 5
    assert world.device.tally.link_dropped == 0


def test_what_was_sent_to_a_gateway_that_had_stopped_goes_again_at_once():
    world = world_with_token(0, [b"second"])
    world.gateway.end_token()
    emit(world, 2)
    world.run()
    assert TYPE_DATA in kinds(world)
    assert world.store.critical_events == []
    world.sleep_ms(TOKEN_SPACING_MS + 500)
    assert world.store.critical_events == [0, 1]


def test_an_answer_of_the_source_that_nobody_waits_for_changes_nothing():
    world = world_with_token(HOUR_MS)
    wait_ms = world.device.renewal.wake_in_ms(world.now, HOUR_MS)
    world.device.renewal.none(world.now)
    world.device.renewal.supply(b"unasked")
    assert world.device.renewal.wake_in_ms(world.now, HOUR_MS) == wait_ms
    assert not world.device.renewal.to_send()


def test_a_device_without_another_token_sleeps_until_the_session_ends():
    world = world_with_token(0, renewable=False)
    emit(world, 2)
    world.gateway.hold = True
    world.run()
    world.gateway.end_token()
    emit(world, 2)
    turns = world.sleep_ms(30_000)
    assert turns < 30
    assert (world.refreshes, world.gateway.tokens) == ([], [])
    assert world.receive(TYPE_CLOSE, payload=messages.ending(CODE_EXPIRED_TOKEN)) == codes.ENDED
    assert world.device.state == STATE_STOPPED
    assert world.device.reason == CODE_EXPIRED_TOKEN


def test_a_polling_device_whose_token_has_ended_sleeps_though_events_wait():
    world = world_with_token(HOUR_MS, [], POLLING)
    world.receive(TYPE_RENEWED, payload=messages.renewed(CODE_EXPIRED_TOKEN, 0, "", True))
    sender = world.device.sender
    emit(world, 1)
    world.run()
    world.device.waiting_critical = 1
    assert not sender.urgent(world.now)
    assert sender.urgent_in_ms(world.now, 900) == 900
    world.device.renewal.over = False
    assert sender.urgent_in_ms(world.now, 900) == 0


@pytest.mark.parametrize("kind", [TYPE_CLOSE, TYPE_RESET])
def test_an_expired_token_is_no_end_where_there_is_another_one(kind):
    world = world_with_token(HOUR_MS)
    emit(world, 3)
    assert world.receive(kind, payload=messages.ending(CODE_EXPIRED_TOKEN)) == codes.ENDED
    assert world.device.state == STATE_WAITING
    assert not world.device.known
    world.sleep_ms(20_000)
    assert world.device.state == STATE_READY
    assert world.store.critical_events == [0, 1, 2]


def test_it_is_the_end_when_the_new_token_has_expired_too():
    world = World()
    world.device.renewal.renewable = True
    world.gateway.answer = (TYPE_CLOSE, CODE_EXPIRED_TOKEN, 0)
    world.start()
    world.sleep_ms(60_000)
    assert world.device.state == STATE_STOPPED
    assert len(world.opens) == 2


def test_other_fatal_codes_stop_a_device_with_a_token_source():
    world = world_with_token(HOUR_MS)
    world.receive(TYPE_CLOSE, payload=messages.ending(CODE_CREDENTIAL))
    assert world.device.state == STATE_STOPPED


def test_a_gateway_that_says_the_end_again_and_again_does_not_storm_the_source():
    world = world_with_token(0)
    start = world.now
    for _ in range(500):
        world.receive(TYPE_RENEWED, payload=messages.renewed(CODE_EXPIRED_TOKEN, 0, "", True))
        world.receive(TYPE_RENEWED, payload=messages.renewed(0, 1))
        world.receive(TYPE_RENEWED, payload=messages.renewed(CODE_FORBIDDEN, 0))
        world.pass_ms(20)
    spent_ms = since(world, start, world.now)
    assert len(world.refreshes) <= spent_ms // TOKEN_SPACING_MS + 1


@pytest.mark.parametrize(
    "payload",
    [b"", bytes(7), bytes((0, 0, 1, 0, 0, 0, 0, 0)), bytes((0, 0, 0, 0, 0, 0, 0, 0x40)), b"\0\0\xff\xff\0\0\0\0x"],
)
def test_a_malformed_answer_breaks_the_protocol(payload):
    world = world_with_token(HOUR_MS)
    assert world.receive(TYPE_RENEWED, payload=payload) == codes.BROKEN
    assert world.device.state == STATE_WAITING
