"""A device with events larger than a frame: sent in pieces, received in pieces, given up as a whole."""

import pytest

from flight_client.session.common.fields import get_u32
from flight_client.session.common.reassembly import write_head
from flight_client.session.device import codes
from flight_client.session.device.store import SendStore
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    CODE_STORE,
    CODE_UNKNOWN_CHANNEL,
    DROP_TOO_LARGE,
    FLAG_DELTA,
    FLAG_MORE,
    HEADER_BYTES,
    STATE_READY,
    STATE_WAITING,
    TRANSPORT_WEBSOCKET,
    TYPE_DATA,
    TYPE_DELIVER,
    TYPE_REFUSED,
    TYPE_SKIP,
)
from tests.session.device_world import deliver, kinds
from tests.session.harness import World, is_large

LARGE = 4  # an event with this number is larger than a frame, and so is 5; 0 to 3 are not


def world_of(subscribed=False, platform="vita"):
    world = World((TRANSPORT_WEBSOCKET,), platform, 1, 640)
    if subscribed:
        world.device.channels.add(b"events", 2)
    world.start()
    assert world.device.state == STATE_READY
    return world


def piece(number, total, data, message=1):
    head = bytearray(8)
    write_head(head, 0, message, number, total)
    return bytes(head) + data


def emit(world, numbers, critical=True):
    for number in numbers:
        world.emit(number, critical)
    world.run()


# Sending


@pytest.mark.parametrize("critical", [True, False])
def test_a_large_event_goes_in_pieces_and_is_stored_once_and_in_order(critical):
    world = world_of()
    emit(world, [0, 1, LARGE, 2, LARGE + 6, 3], critical)
    world.sleep_ms(200)
    stored = world.store.critical_events if critical else world.store.lossy_events
    assert stored == [0, 1, LARGE, 2, LARGE + 6, 3]
    assert world.store.wholes == 2
    assert world.device.store.used == 0


def test_pieces_stay_in_the_store_until_the_whole_is_stored():
    world = world_of()
    world.gateway.hold = True
    emit(world, [LARGE])
    assert (world.device.store.used, world.device.store.events_held) == (3, 1)
    world.sleep_ms(1000)
    assert world.device.store.used == 3
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.sleep_ms(200)
    assert (world.device.store.used, world.device.tally.critical_acked) == (0, 1)


@pytest.mark.parametrize("after", range(1, 5))
@pytest.mark.parametrize("restart", [False, True])
def test_a_transport_or_a_gateway_that_dies_between_pieces_costs_nothing(after, restart):
    world = world_of()
    world.cut_after = after
    emit(world, [0, LARGE, 1])
    if restart:
        world.restart_gateway()
    world.sleep_ms(20000)
    assert world.store.critical_events == [0, LARGE, 1]


@pytest.mark.parametrize("after", range(1, 5))
def test_a_lossy_message_that_a_transport_took_with_it_is_lost_with_the_link(after):
    world = world_of()
    world.cut_after = after
    emit(world, [0, LARGE, 1], critical=False)
    world.sleep_ms(20000)
    world.cut()
    world.sleep_ms(20000)
    assert len(world.store.lossy_events) + world.device.tally.link_dropped == 3


def test_a_large_event_waits_until_the_store_has_room_for_all_its_pieces():
    world = world_of()
    world.gateway.hold = True
    numbers = [LARGE + 6 * i for i in range(6)]  # three pieces each, and the store has 16 frames
    emit(world, numbers)
    world.sleep_ms(1000)
    assert (world.device.store.used, world.critical) == (9, numbers[3:])  # the window is 8 frames
    world.device.sender.window = 16
    world.gateway.session._window_in = 16
    world.sleep_ms(1000)
    assert (world.device.store.used, world.critical) == (15, numbers[5:])
    world.gateway.hold = False
    world.gateway.flush(world.now)
    world.sleep_ms(1000)
    assert world.store.critical_events == numbers


@pytest.mark.parametrize("reads", [0, FLAG_DELTA])
def test_without_an_agreement_a_large_event_cannot_go(reads):
    world = world_of()
    world.gateway.reads = reads
    world.restart_gateway()
    world.sleep_ms(5000)
    emit(world, [0, LARGE, 1])
    emit(world, [LARGE], critical=False)
    assert (world.store.critical_events, world.too_large, world.too_large_lossy) == ([0, 1], 1, 1)


@pytest.mark.parametrize(
    ("window", "window_bytes", "unpacked"), [(2, 1 << 20, 65536), (8, 1200, 65536), (8, 1 << 20, 1000)]
)
def test_what_the_windows_or_the_bound_of_the_gateway_cannot_hold_can_never_go(window, window_bytes, unpacked):
    world = world_of()
    world.device.sender.window = window
    world.device.sender.window_bytes = window_bytes
    world.device.agreement.unpacked_out_bytes = unpacked
    emit(world, [LARGE])
    assert world.too_large == 1
    emit(world, [1])
    assert world.store.critical_events == [1]


@pytest.mark.parametrize("change", ["reads", "window", "frame"])
def test_pieces_that_the_next_gateway_cannot_take_are_given_up_and_counted(change):
    world = world_of()
    world.gateway.hold = True
    emit(world, [0, LARGE, 1])
    assert world.device.store.used == 5
    world.restart_gateway()
    if change == "reads":
        world.gateway.reads = FLAG_DELTA
    elif change == "window":
        world.gateway.window = 2
    else:
        world.gateway.frame_bytes = 600
    world.sleep_ms(20000)
    assert world.store.critical_events == [0, 1]
    assert world.device.tally.too_large == 1
    assert [(why, events) for why, _, events in world.letters] == [("too-large", [LARGE])]
    assert world.device.store.letter_cause == DROP_TOO_LARGE


def test_differences_are_written_anew_for_a_gateway_that_does_not_read_them():
    world = world_of()
    world.gateway.hold = True
    emit(world, [0, 1, 2, 3])
    assert world.store.coded == 1
    world.gateway.reads = FLAG_MORE
    world.restart_gateway()
    world.sleep_ms(20000)
    assert (world.store.critical_events, world.recoded) == ([0, 1, 2, 3], 1)


def test_what_does_not_fit_when_it_is_written_anew_is_given_up():
    world = world_of()
    world.gateway.hold = True
    emit(world, [0, 1, 2, 3])
    world.gateway.reads = 0
    world.restart_gateway()
    recoded = world.device.recoded
    world.device.recoded = lambda _: recoded(0)
    world.sleep_ms(20000)
    assert (world.store.critical_events, world.device.tally.too_large) == ([], 4)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_refusal_of_any_piece_gives_the_whole_up(part):
    world = world_of()
    world.gateway.hold = True
    emit(world, [LARGE, 1])
    since = len(world.sent)
    said = messages.refused(1 + part, CODE_UNKNOWN_CHANNEL, 1)
    assert world.receive(TYPE_REFUSED, 1, 1, 1, said) == codes.EVENTS_REFUSED
    assert world.letters == [("refused", False, [LARGE])]
    assert world.device.tally.refused == 1
    world.gateway.session.refuse(1, 1, b"")
    world.run()
    assert kinds(world, since)[:4] == [TYPE_SKIP, TYPE_SKIP, TYPE_SKIP, TYPE_DATA]


def test_a_refusal_by_the_store_sends_the_whole_again():
    world = world_of()
    world.gateway.store_fails = True
    emit(world, [LARGE])
    world.gateway.store_fails = False
    world.sleep_ms(10000)
    assert (world.store.critical_events, world.letters) == ([LARGE], [])


def test_a_refusal_after_an_early_acknowledgement_breaks_the_protocol():
    """No gateway may acknowledge a piece before it has the whole."""
    world = world_of()
    world.gateway.hold = True
    emit(world, [LARGE])
    world.receive(7, 0, 0, 2, bytes(4))
    assert world.receive(TYPE_REFUSED, 1, 1, 2, messages.refused(3, CODE_STORE, 1)) == codes.BROKEN


def test_a_large_event_expires_as_a_whole_and_not_in_its_midst():
    world = world_of()
    world.expires_ms = 500
    world.gateway.hold = True
    emit(world, [LARGE])
    assert world.device.store.cursor == 3
    world.restart_gateway()
    world.sleep_ms(20000)
    assert [(why, events) for why, _, events in world.letters] == [("expired", [LARGE])]
    assert (world.device.tally.expired, world.device.store.used) == (1, 0)
    store = SendStore(4, 128)
    store.commit_pieces(bytearray(300), 100, 40, 1, 1, 1, 1, 0, 50, 0, 0, 0)
    assert store.used == 3
    store.take(0)
    assert not store.expire(1000)
    store.rewind()
    assert store.expire(1000)


def test_a_new_incarnation_numbers_a_message_as_one_event():
    store = SendStore(5, 128)
    store.commit(8, 2, 1, 10, 0)
    store.commit_pieces(bytearray(300), 100, 40, 1, 1, 1, 12, 0, 0, 0, 0, 0)
    store.commit(4, 1, 1, 13, 0)
    assert store.recount(1) == 5
    prefixes = [(HEADER_BYTES, 1), (HEADER_BYTES + 8, 3), (HEADER_BYTES, 4)]
    for slot, (at, counter) in zip((0, 1, 4), prefixes, strict=True):
        assert get_u32(store.buffer(slot), at) == counter
    store.acknowledge_counters(2)
    assert store.used == 4
    store.acknowledge_counters(3)
    assert (store.used, store.acked_events) == (1, 1)


def test_events_that_turn_out_small_go_as_any_other():
    """The harness says of number 5 that compression made it small."""
    world = world_of()
    emit(world, [5, 11])
    emit(world, [5], critical=False)
    assert is_large(5)
    assert (world.store.critical_events, world.store.lossy_events, world.store.wholes) == ([5, 11], [5], 0)


# Receiving


def entry(offset=1, body=b"abcd" * 30):
    return deliver(offset, offset - 1, body)


def test_an_entry_in_pieces_is_delivered_once_with_its_last_piece():
    world = world_of(subscribed=True)
    whole = entry()
    world.gateway.session.send(TYPE_DELIVER, FLAG_MORE, 1, piece(0, len(whole), whole[:50]))
    world.run()
    assert (world.log[-1][3], world.delivered) == (codes.QUIET, [])
    world.cut()
    world.sleep_ms(5000)  # a new transport: the pieces go on where they were
    assert world.device.resumed
    again = world.receive(TYPE_DELIVER, 1, 1, 0, piece(0, len(whole), whole[:50]), FLAG_MORE)
    assert again == codes.QUIET
    world.gateway.session.send(TYPE_DELIVER, FLAG_MORE, 1, piece(1, len(whole), whole[50:]))
    world.run()
    assert (world.log[-1][3], world.delivered) == (codes.DELIVERED, [b"abcd" * 30])
    assert world.receive(TYPE_DELIVER, 1, 3, 0, entry(2, b"next")) == codes.DELIVERED


@pytest.mark.parametrize(
    ("payload", "flags"),
    [
        (piece(2, 200, b"x"), FLAG_MORE),
        (piece(0, 200, b"x"), FLAG_MORE),
        (piece(1, 201, b"x"), FLAG_MORE),
        (piece(1, 200, bytes(151)), FLAG_MORE),
        (piece(1, 200, b"x"), FLAG_MORE | FLAG_DELTA),
        (piece(1, 200, b"x", 2), FLAG_MORE),
        (b"short", FLAG_MORE),
        (entry(), 0),
    ],
    ids=range(8),
)
def test_a_piece_out_of_place_breaks_the_protocol(payload, flags):
    world = world_of(subscribed=True)
    assert world.receive(TYPE_DELIVER, 1, 1, 0, piece(0, 200, bytes(50)), FLAG_MORE) == codes.QUIET
    assert world.receive(TYPE_DELIVER, 1, 2, 0, payload, flags) == codes.BROKEN
    assert (world.device.state, world.device.known) == (STATE_WAITING, False)
    world.sleep_ms(5000)
    assert world.device.state == STATE_READY
    assert not world.inbox.pieces.under_way()


@pytest.mark.parametrize("total", [0, 4097, 65536, 0x40000000])
def test_an_entry_over_the_stated_bound_breaks_the_protocol(total):
    world = world_of(subscribed=True)
    assert world.receive(TYPE_DELIVER, 1, 1, 0, piece(0, total, bytes(50)), FLAG_MORE) == codes.BROKEN
    assert len(world.inbox.pieces.buffer) == 0


def test_skip_with_a_channel_gives_its_entry_up():
    world = world_of(subscribed=True)
    world.receive(TYPE_DELIVER, 1, 1, 0, piece(0, 200, bytes(50)), FLAG_MORE)
    world.receive(TYPE_SKIP, 0, 2)
    world.receive(TYPE_SKIP, 2, 3)
    assert world.inbox.pieces.under_way()
    world.receive(TYPE_SKIP, 1, 4)
    assert not world.inbox.pieces.under_way()
    assert world.receive(TYPE_DELIVER, 1, 5, 0, entry()) == codes.DELIVERED


def test_the_pieces_of_a_session_end_with_it():
    world = world_of(subscribed=True)
    world.receive(TYPE_DELIVER, 1, 1, 0, piece(0, 200, bytes(50)), FLAG_MORE)
    world.restart_gateway()
    world.sleep_ms(5000)
    assert not world.inbox.pieces.under_way()
    assert world.device.out.large == bytearray()
    assert world.device.out.buffer[:HEADER_BYTES] is not None
