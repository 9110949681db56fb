"""What a device sends when: signs of life, acknowledgements, numbers, windows."""

import pytest

from flight_client.session.common.clock import elapsed
from flight_client.session.device import codes
from flight_client.session.device.identity import Identity
from flight_client.session.device.machine import RENEW_AT
from flight_client.session.device.prover import Prover
from flight_client.session.spec import (
    ACK_TIMEOUT_MS,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_IDLE,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
    TRANSPORT_WEBSOCKET,
    TYPE_ACK,
    TYPE_DATA,
    TYPE_DELIVER,
    TYPE_HEARTBEAT,
    TYPE_OPEN,
    TYPE_POLL,
    TYPE_RESEND,
    TYPE_SKIP,
)
from tests.session.device_world import (
    EVERY_STATE,
    POLLING,
    deliver,
    emit,
    in_state,
    kinds,
    ready,
    subscribed,
)
from tests.session.harness import World

# Signs of life


def test_a_dead_peer_is_noticed_within_two_heartbeats():
    for heard_before_ms in (0, 1, 2500, 4999):
        world = ready()
        world.sleep_ms(5000)
        heard = world.now
        emit(world, 1)
        world.run()
        world.lose_requests = True
        world.sleep_ms(heard_before_ms)
        emit(world, 1, critical=False)
        world.sleep_ms(10_000 - heard_before_ms)
        assert world.device.state == STATE_READY
        world.sleep_ms(1)
        assert elapsed(world.now, heard) == 10_001
        assert world.device.state == STATE_WAITING


def test_any_frame_is_a_sign_of_life():
    world = ready()
    world.lose_requests = True
    for _ in range(10):
        world.sleep_ms(9000)
        world.receive(99)
    assert world.device.state == STATE_READY


def test_an_idle_device_sends_a_heartbeat_and_no_more():
    world = ready()
    emit(world, 3, critical=False)
    world.run()
    since = len(world.sent)
    wakes = world.sleep_ms(60_000)
    assert set(kinds(world, since)) == {TYPE_HEARTBEAT}
    assert 11 <= len(kinds(world, since)) <= 12
    assert wakes < 40


def test_a_busy_device_needs_no_heartbeat():
    world = ready()
    since = len(world.sent)
    for _ in range(20):
        emit(world, 1, critical=False)
        world.sleep_ms(1000)
    assert set(kinds(world, since)) == {TYPE_DATA}


def test_a_heartbeat_is_not_stuck_behind_a_slow_transport():
    world = ready()
    world.slow_turns = True
    emit(world, 1, critical=False)
    world.run()
    since = len(world.sent)
    world.keep_law = False
    wakes = world.sleep_ms(4_000)
    assert kinds(world, since) == []
    assert wakes < 10  # no busy loop while the transport is not ready
    world.slow_turns = False
    world.device.turn_done(world.now)
    world.sleep_ms(1_001)
    assert TYPE_HEARTBEAT in kinds(world, since)


@pytest.mark.parametrize("state", EVERY_STATE)
@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
def test_the_driver_may_sleep_as_long_as_the_session_says(state, transports):
    """After NOTHING, wake_in_ms() is never 0 for long, and nothing falls due before it."""
    world = World(transports) if transports == POLLING else in_state(state)
    if transports == POLLING:
        world.start()
        emit(world, 1)
        world.run()
        if state == STATE_CLOSING:
            world.gateway.hold = True
            world.device.close(world.now)
            world.run()
    for _ in range(300):
        wait = world.device.wake_in_ms(world.now)
        if world.device.state in (STATE_CLOSED, STATE_STOPPED, STATE_IDLE):
            assert wait > 0
            return
        if wait > 1:
            assert world.device.poll((world.now + wait - 1) & 0x3FFFFFFF, 0) == codes.NOTHING
        world.sleep_ms(max(1, wait))
    assert elapsed(world.now, 0x3FFFFF00) > 60_000


@pytest.mark.parametrize("platform", ["micro", "vita", "dreamcast"])
def test_a_client_on_polling_with_frames_to_acknowledge_sleeps_between_polls(platform):
    world = ready(POLLING, platform)
    world.device.channels.add(b"a", 2)
    world.sleep_ms(10_000)
    world.store.log.append(b"1234")
    assert world.sleep_ms(60_000) < 200
    assert world.delivered == [b"1234"]


@pytest.mark.parametrize("platform", ["micro", "vita"])
def test_a_client_below_the_best_transport_sleeps(platform):
    world = World((1, 2), platform)
    world.reachable = {2}
    world.start()
    world.sleep_ms(30_000)
    assert world.device.policy.transport() == 2
    assert world.sleep_ms(60_000) < 100
    assert bool(world.probes) == bool(world.profile.probe)


# Acknowledgements of what we received


def test_an_acknowledgement_is_delayed_at_most_50_ms():
    world = subscribed()
    since = len(world.sent)
    world.store.log.append(b"1234")
    world.run()
    received = world.now
    assert kinds(world, since) == []
    world.sleep_ms(1000)
    assert kinds(world, since) == [TYPE_ACK]
    assert elapsed(world.sent[-1][0], received) <= 50
    assert world.gateway.session.held() == 0


def test_half_a_window_is_acknowledged_at_once():
    world = subscribed(window=8)
    since = len(world.sent)
    world.store.log += [b"1234"] * 3
    world.run()
    assert kinds(world, since) == []
    world.store.log += [b"1234"]
    world.run()
    assert kinds(world, since) == [TYPE_ACK]


def test_an_acknowledgement_rides_on_data():
    world = subscribed()
    since = len(world.sent)
    world.store.log.append(b"1234")
    world.run()
    emit(world, 1, critical=False)
    world.sleep_ms(1000)
    assert kinds(world, since) == [TYPE_DATA]
    assert world.sent[since][3] == world.device.receipts.next_in


def test_an_acknowledgement_is_never_acknowledged():
    world = subscribed()
    since = len(world.sent)
    world.store.log += [b"1234"] * 3
    emit(world, 5)
    world.sleep_ms(4000)
    frames = kinds(world, since)
    from_gateway = [entry[0] for entry in world.log if entry[0] == TYPE_ACK]
    assert frames.count(TYPE_ACK) <= 1
    assert len(from_gateway) <= 2
    count = len(world.sent), len(world.log)
    world.sleep_ms(900)
    assert (len(world.sent), len(world.log)) == count


# Numbers


def test_a_jump_in_the_numbers_provokes_one_request_to_resend():
    world = subscribed()
    since = len(world.sent)
    for seq in (2, 3, 4):
        world.receive(TYPE_DELIVER, 1, seq, 0, deliver(seq, seq - 1))
    world.run()
    assert kinds(world, since).count(TYPE_RESEND) == 1
    assert world.delivered == []
    world.gateway.session.control(77, 0, b"")
    for seq in (1, 2, 3, 4):
        world.receive(TYPE_DELIVER, 1, seq, 0, deliver(seq, seq - 1))
    assert len(world.delivered) == 4


def test_a_frame_that_comes_twice_is_dropped_and_counted():
    world = subscribed()
    for seq in (1, 2, 1, 2, 3):
        world.receive(TYPE_DELIVER, 1, seq, 0, deliver(seq, seq - 1, bytes((seq,)) * 4))
    assert world.delivered == [b"\1\1\1\1", b"\2\2\2\2", b"\3\3\3\3"]
    assert world.device.tally.duplicates == 2
    assert world.device.tally.delivered_entries == 3


def test_a_skipped_number_is_taken():
    world = subscribed()
    world.receive(TYPE_SKIP, 0, 1, 0, b"")
    world.receive(TYPE_DELIVER, 1, 2, 0, deliver(1, 0))
    assert len(world.delivered) == 1


def test_an_offset_that_comes_under_a_new_number_is_dropped():
    world = subscribed()
    world.receive(TYPE_DELIVER, 1, 1, 0, deliver(5, 0))
    world.receive(TYPE_DELIVER, 1, 2, 0, deliver(5, 0))
    world.receive(TYPE_DELIVER, 1, 3, 0, deliver(4, 0))
    assert len(world.delivered) == 1
    assert world.device.tally.duplicates == 2


def test_a_request_to_resend_sends_all_from_its_acknowledgement_on():
    world = ready()
    world.gateway.hold = True
    emit(world, 12)
    world.run()
    since = len(world.sent)
    world.receive(TYPE_RESEND, 0, 0, 2, b"")
    world.keep_law = False
    world.run()
    assert [frame[2] for frame in world.sent[since:]] == [2, 3]


def test_what_is_not_acknowledged_in_time_is_sent_again():
    world = ready()
    world.gateway.hold = True
    emit(world, 4)
    world.run()
    since = len(world.sent)
    world.sleep_ms(ACK_TIMEOUT_MS)
    assert TYPE_DATA not in kinds(world, since)
    world.sleep_ms(1)
    assert kinds(world, since) == [TYPE_DATA]
    assert world.device.tally.resent_frames == 1
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.sleep_ms(1000)
    assert world.store.critical_events == [0, 1, 2, 3]


@pytest.mark.parametrize("window", [1, 2, 5, 8, 40])
def test_the_window_is_respected(window):
    world = World()
    world.gateway.window = window
    world.start()
    world.gateway.hold = True
    emit(world, 200)
    world.sleep_ms(3000)
    assert world.gateway.most_held == min(window, world.profile.window_frames)
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.sleep_ms(3000)
    assert world.store.critical_events == list(range(200))
    assert world.gateway.most_held == min(window, world.profile.window_frames)


@pytest.mark.parametrize(("window_bytes", "frames"), [(1, 1), (4119, 1), (4120, 2), (4143, 2), (4144, 3), (1 << 20, 8)])
def test_the_window_in_bytes_is_respected(window_bytes, frames):
    """A frame of four events has a payload of 24 bytes, but room is kept for a whole one; eight frames are the most."""
    world = World()
    world.gateway.window_bytes = window_bytes
    world.start()
    world.gateway.hold = True
    emit(world, 200)
    for _ in range(3):
        world.sleep_ms(3000)
        assert world.gateway.most_held == frames
    world.cut()  # the same frames once more: they fill the window again, not twice
    world.sleep_ms(9000)
    assert world.gateway.most_held == frames
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.sleep_ms(3000)
    assert world.store.critical_events == list(range(200))
    assert world.gateway.most_held == frames


def test_a_new_session_with_a_smaller_window_is_respected_by_what_was_packed_before():
    world = ready()
    world.gateway.hold = True
    emit(world, 64)
    world.run()
    assert world.device.store.used == 8
    world.restart_gateway()
    world.gateway.window = 2
    world.gateway.hold = True
    world.pass_ms(2000)
    assert world.gateway.most_held == 2
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.pass_ms(2000)
    assert world.store.critical_events == list(range(64))
    assert world.gateway.most_held == 2


@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
def test_lossy_events_never_starve_critical_ones_and_control_goes_first(transports):
    world = ready(transports)
    for _ in range(50):
        emit(world, 30, critical=False)
        emit(world, 2)
        world.device.channels.add(b"channel-%d" % (world.accepted % 7), 1)
        since = len(world.sent)
        world.pass_ms(200)
        frames = [frame for frame in world.sent[since:] if frame[1] != TYPE_POLL]
        frames = [frame for frame in frames if frame[1] in (TYPE_OPEN, TYPE_DATA)]
        order = [0 if frame[1] == TYPE_OPEN else 1 if frame[2] else 2 for frame in frames]
        assert order == sorted(order)
    assert len(world.store.critical_events) == 100


def test_a_full_window_does_not_stop_lossy_events():
    world = ready()
    world.gateway.hold = True
    emit(world, 100)
    world.run()
    world.gateway.hold = False
    emit(world, 3, critical=False)
    world.run()
    assert len(world.store.lossy_events) == 3


def test_a_turn_holds_no_more_than_a_polling_body():
    world = ready(POLLING, "host")
    emit(world, 5000, critical=False)
    turns = []
    original = world.turn

    def turn():
        turns.append(sum(16 + len(frame[5]) for frame in world.body))
        original()

    world.turn = turn
    world.device.profile.frame_bytes = 16384
    world.pass_ms(20_000)
    assert len(world.store.lossy_events) == 5000
    assert 30_000 < max(turns) <= 65536


# Numbers that run out


@pytest.mark.parametrize("what", ["counter", "sequence", "lossy"])
def test_numbers_near_the_limit_renew_the_session_and_lose_nothing(what):
    world = ready()
    device = world.device
    emit(world, 3)
    emit(world, 2, critical=False)
    world.sleep_ms(6000)
    if what == "counter":
        device.next_counter = RENEW_AT
        world.store.mark = RENEW_AT - 1
    elif what == "sequence":
        device.store.base = RENEW_AT
        world.gateway.session.next_in = world.gateway.session._acked_next = RENEW_AT
    else:
        device.tally.lossy_handed = device.tally.lossy_confirmed = world.store.lossy = RENEW_AT
    first = bytes(device.identity.incarnation)
    emit(world, 9)
    emit(world, 4, critical=False)
    world.sleep_ms(3000)
    assert device.state == STATE_READY
    assert world.gateway.sessions == 2
    assert bytes(device.identity.incarnation) != first
    assert device.next_counter < 100
    assert device.store.base < 100
    assert device.tally.lossy_handed < 100
    assert world.store.critical_events == [0, 1, 2, *range(5, 14)]
    assert world.store.lossy_events == [3, 4, *range(14, 18)]


def test_what_is_on_its_way_is_waited_for_before_the_session_is_renewed():
    world = ready()
    world.gateway.hold = True
    emit(world, 2)
    world.run()
    world.device.next_counter = RENEW_AT
    emit(world, 2)
    world.sleep_ms(1000)
    assert world.gateway.sessions == 1
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.sleep_ms(3000)
    assert world.gateway.sessions == 2
    assert world.store.critical_events == [0, 1, 2, 3]


def test_a_generation_near_the_limit_begins_a_new_session():
    world = ready()
    world.device.generation = RENEW_AT
    world.cut()
    world.sleep_ms(2000)
    assert world.device.state == STATE_READY
    assert world.gateway.sessions == 2
    assert world.device.generation == 0


# Small things


def test_packing_nothing_sends_nothing():
    world = ready()
    world.device.waiting_critical = 1
    assert world.device.poll(world.now, 0) == codes.PACK_CRITICAL
    assert world.device.packed(0, 0, 1, world.now) == codes.NOTHING
    assert world.device.store.used == 0


def test_the_prover_is_an_interface():
    prover = Prover()
    with pytest.raises(NotImplementedError):
        prover.begin(b"", b"", b"")
    with pytest.raises(NotImplementedError):
        prover.attach(bytearray(16), 0, 1)
    with pytest.raises(NotImplementedError):
        prover.poll(bytearray(16), 0, 1, 1)


def test_an_identity_begins_without_an_incarnation():
    assert not any(Identity(b"d", b"p", 1, b"1", 1).incarnation)
