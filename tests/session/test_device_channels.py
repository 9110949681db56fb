"""The channels of a device: gaps, holes, epochs, positions."""

import pytest

from flight_client.session.device import codes
from flight_client.session.device.channels import ChannelTable
from flight_client.session.gateway import messages
from flight_client.session.spec import (
    MODE_PUBLISH,
    MODE_SUBSCRIBE,
    START_LIVE,
    STATE_READY,
    TRANSPORT_WEBSOCKET,
    TYPE_DELIVER,
    TYPE_GAP,
    TYPE_OPENED,
)
from tests.session.device_world import (
    POLLING,
    deliver,
    ready,
    subscribed,
)

# Channels


def test_a_gap_is_told_with_its_range():
    world = subscribed()
    world.store.log += [b"%04d" % number for number in range(10)]
    world.sleep_ms(100)
    world.cut()
    world.store.log += [b"%04d" % number for number in range(10, 30)]
    world.store.first = 21
    world.gateway.session = None
    world.sleep_ms(3000)
    assert world.gaps == [(1, (10).to_bytes(8, "little"), (20).to_bytes(8, "little"))]
    assert world.delivered == [b"%04d" % number for number in [*range(10), *range(20, 30)]]
    assert codes.MISSING in world.happened
    assert codes.DELIVERED_AFTER_HOLE not in world.happened


def test_a_hole_that_nobody_announced_is_told():
    world = subscribed()
    world.receive(TYPE_DELIVER, 1, 1, 0, deliver(1, 0))
    assert world.receive(TYPE_DELIVER, 1, 2, 0, deliver(9, 7)) == codes.DELIVERED_AFTER_HOLE
    assert world.gaps == [(4, (1).to_bytes(8, "little"), (7).to_bytes(8, "little"))]
    assert bytes(world.inbox.gap_epoch) == b"epoch--1"
    assert world.receive(TYPE_DELIVER, 1, 3, 0, deliver(10, 9)) == codes.DELIVERED


def test_a_new_epoch_is_told_and_the_stream_goes_on_in_it():
    world = subscribed()
    world.store.log += [b"aaaa"] * 5
    world.sleep_ms(100)
    other = type(world.store)(b"epoch--2")
    other.incarnations = 1
    other.log = [b"bbbb"] * 2
    world.restart_gateway(other)
    world.sleep_ms(3000)
    assert world.gaps[0][0] == 2
    assert bytes(world.inbox.gap_epoch) == b"epoch--2"
    assert world.delivered == [b"aaaa"] * 5 + [b"bbbb"] * 2
    assert bytes(world.device.channels.items[0].epoch) == b"epoch--2"


def test_after_a_cut_only_unanswered_channels_are_asked_for_and_in_a_new_session_all():
    world = subscribed()
    world.device.channels.add(b"other", 1)
    world.lose_replies = True
    world.run()
    world.lose_replies = False
    world.cut()
    world.gateway.opened.clear()
    world.sleep_ms(2000)
    assert [name for name, *_ in world.gateway.opened] == [b"other"]
    world.restart_gateway()
    world.sleep_ms(2000)
    assert [name for name, *_ in world.gateway.opened] == [b"events", b"other"]


def test_a_stream_goes_on_behind_what_the_application_has_had():
    world = subscribed()
    world.store.log += [b"1234"] * 7
    world.sleep_ms(100)
    world.restart_gateway()
    world.sleep_ms(2000)
    assert world.gateway.opened == [(b"events", 2, 1, 7)]
    assert world.delivered == [b"1234"] * 7


def test_a_channel_that_is_widened_is_asked_for_again():
    world = ready()
    channels = world.device.channels
    number = channels.add(b"a", 1)
    world.run()
    assert channels.add(b"a", 1) == number
    assert channels.unopened == 0
    assert channels.add(b"a", 2) == number
    assert channels.add(b"a", 2) == number
    assert channels.unopened == 1
    world.run()
    assert [mode for _, mode, *_ in world.gateway.opened] == [1, 3]
    assert channels.add(b"b", 2) == 2
    assert channels.add(b"b", 1) == 2  # widened before it was asked for
    assert channels.unopened == 1
    world.run()
    assert world.gateway.opened[-1][:2] == (b"b", 3)


def test_the_answer_to_the_narrower_question_does_not_answer_the_wider_one():
    world = ready()
    channels = world.device.channels
    channels.add(b"a", 1)
    world.lose_requests = True
    world.run()  # OPEN to publish is on its way
    channels.add(b"a", 2, START_LIVE)
    assert world.receive(TYPE_OPENED, 1, 0, 0, messages.opened(0, 1, b"epoch--1", 0)) == codes.ANSWERED
    assert not channels.items[0].positioned  # an offset that belongs to no stream
    world.run()
    world.lose_requests = False
    world.store.log += [b"old!"]
    world.cut()
    world.sleep_ms(2000)
    assert world.gateway.opened == [(b"a", 3, START_LIVE, 0)]
    assert world.delivered == []


def test_a_refused_channel_says_why():
    world = ready()
    number = world.device.channels.add(b"a", 1)
    world.lose_requests = True
    world.run()
    assert world.receive(TYPE_OPENED, number, 0, 0, messages.opened(3, 0, bytes(8), 0, "no")) == codes.ANSWERED
    assert world.inbox.event_channel == number
    assert world.device.channels.items[0].code == 3
    assert not world.device.channels.items[0].positioned


def test_there_are_no_more_channels_than_the_limit():
    world = ready()
    channels = world.device.channels
    assert [channels.add(b"%d" % number, 1) for number in range(33)] == [*range(1, 33), 0]
    assert channels.get(0) is None
    assert channels.get(33) is None
    assert channels.get(32) is not None


def test_entries_and_gaps_of_a_channel_that_we_left_are_ignored():
    world = ready()
    assert world.receive(TYPE_DELIVER, 5, 1, 0, deliver(1, 0)) == codes.QUIET
    assert world.receive(TYPE_GAP, 5, 2, 0, messages.gap(1, bytes(8), 0, 1)) == codes.QUIET
    world.device.channels.add(b"only-publish", 1)
    assert world.receive(TYPE_DELIVER, 1, 3, 0, deliver(1, 0)) == codes.QUIET
    assert world.device.receipts.next_in == 4


def test_an_entry_of_a_stream_without_a_position_is_taken_as_it_comes():
    world = ready()
    world.device.channels.add(b"a", 2)
    assert world.receive(TYPE_DELIVER, 1, 1, 0, deliver(9, 7, b"12345678", b"abcde")) == codes.DELIVERED
    assert world.delivered == [b"12345678"]


def test_a_stream_whose_opened_was_lost_stands_behind_the_first_entry_that_came():
    world = ready()
    world.lose_replies = True
    world.device.channels.add(b"events", 2)
    world.run()
    world.store.log += [b"aaaa", b"bbbb"]
    world.run()  # OPENED and the entries are lost; the entries come again behind RESUMED, OPENED when it is asked for
    world.cut()
    world.lose_replies = False
    world.sleep_ms(3000)
    assert world.delivered == [b"aaaa", b"bbbb"]
    assert int.from_bytes(world.device.channels.items[0].offset, "little") == 2
    assert bytes(world.device.channels.items[0].epoch) == world.store.epoch
    world.store.log += [b"cccc"]
    world.run()
    world.restart_gateway()
    world.store.log += [b"dddd"]
    world.sleep_ms(5000)
    assert world.delivered == [b"aaaa", b"bbbb", b"cccc", b"dddd"]
    assert world.gaps == []


def test_a_channel_that_is_widened_before_it_was_asked_for_is_asked_for_once():
    table = ChannelTable(4)
    assert table.add(b"a", MODE_PUBLISH) == table.add(b"a", MODE_SUBSCRIBE) == 1
    assert table.unopened == 1


# Channels that are left


def modes(world, since=0):
    return [(name, mode) for name, mode, _, _ in world.gateway.opened[since:]]


def test_a_channel_that_nobody_listens_to_is_left_and_its_place_is_used_again():
    world = subscribed()
    world.device.channels.leave(1)
    assert world.device.channels.items[0].leaving
    world.run()
    state = world.device.channels.items[0]
    assert modes(world)[-1] == (b"events", 0)
    assert (state.opened, state.leaving, state.asked, world.device.channels.unopened) == (True, 0, True, 0)
    assert world.receive(TYPE_DELIVER, 1, 0, 0, deliver(1, 0)) == codes.QUIET
    assert world.device.channels.add(b"other", 2) == 1
    world.run()
    assert modes(world)[-1] == (b"other", 2)


def test_a_channel_that_is_left_but_published_to_is_opened_again_for_that():
    world = ready()
    world.device.channels.add(b"events", 3)
    world.run()
    asked = len(world.gateway.opened)
    world.device.channels.leave(1)
    world.run()
    assert modes(world, asked) == [(b"events", 0), (b"events", 1)]
    state = world.device.channels.items[0]
    assert (state.mode, state.opened, state.leaving) == (1, True, 0)


def test_what_was_on_its_way_when_a_channel_was_left_does_not_reach_what_is_opened_next():
    world = ready()
    world.device.channels.add(b"events", 3)
    world.run()
    world.lose_replies = True
    world.device.channels.leave(1)
    world.run()
    world.device.channels.add(b"events", 2, 2, 5)
    assert world.receive(TYPE_DELIVER, 1, world.device.receipts.next_in, 0, deliver(7, 6)) == codes.QUIET
    gap = messages.gap(1, b"epoch--1", 6, 9)
    assert world.receive(TYPE_GAP, 1, world.device.receipts.next_in, 0, gap) == codes.QUIET
    opened = messages.opened(0, 3, b"epoch--1", 6)  # the answer to what was asked before
    assert world.receive(TYPE_OPENED, 1, payload=opened) == codes.ANSWERED
    state = world.device.channels.items[0]
    assert not state.positioned
    assert not state.opened


def test_leaving_is_asked_for_again_on_a_new_transport_and_forgotten_in_a_new_session():
    world = subscribed()
    world.lose_replies = True
    world.device.channels.leave(1)
    world.run()
    assert world.device.channels.items[0].leaving == 1
    asked = len(world.gateway.opened)
    world.cut()
    world.lose_replies = False
    world.sleep_ms(5000)
    assert modes(world, asked) == [(b"events", 0)]
    assert world.device.channels.items[0].opened
    world = subscribed()
    world.reachable = set()
    world.cut()
    world.device.channels.leave(1)
    world.restart_gateway()
    world.reachable = {2}
    world.sleep_ms(20000)
    assert world.device.state == STATE_READY
    assert world.gateway.opened == []
    assert world.device.channels.unopened == 0


@pytest.mark.parametrize("transports", [(TRANSPORT_WEBSOCKET,), POLLING])
def test_open_goes_again_when_its_answer_is_overdue_and_only_then(transports):
    world = ready(transports)
    patience_ms = world.profile.connect_timeout_ms
    world.gateway.lost_answers = 2
    world.device.channels.add(b"a", MODE_SUBSCRIBE)
    world.device.channels.add(b"b", MODE_PUBLISH)
    world.device.channels.add(b"c", MODE_PUBLISH)
    world.sleep_ms(patience_ms - 1500)
    assert modes(world) == [(b"a", MODE_SUBSCRIBE), (b"b", MODE_PUBLISH), (b"c", MODE_PUBLISH)]
    woke = world.sleep_ms(3000)
    assert modes(world, 3) == [(b"a", MODE_SUBSCRIBE), (b"b", MODE_PUBLISH)]
    assert all(state.opened for state in world.device.channels.items)
    assert woke < 20  # it slept until then
    assert world.device.tally.connections == 1
    world.sleep_ms(3 * patience_ms)
    assert len(modes(world)) == 5


def test_leaving_goes_again_when_its_answer_is_overdue():
    world = ready()
    world.device.channels.add(b"a", MODE_SUBSCRIBE)
    world.run()
    world.gateway.lost_answers = 1
    world.device.channels.leave(1)
    world.sleep_ms(world.profile.connect_timeout_ms + 100)
    assert modes(world) == [(b"a", MODE_SUBSCRIBE), (b"a", 0), (b"a", 0)]
    assert world.device.channels.items[0].opened
    assert not world.device.channels.items[0].leaving


def test_a_channel_of_its_own_has_a_number_of_its_own_and_is_not_shared():
    table = ChannelTable(3)
    assert table.add(b"a", MODE_SUBSCRIBE) == 1
    assert table.add(b"a", MODE_SUBSCRIBE, 2, 5, True) == 2
    assert table.add(b"a", MODE_SUBSCRIBE, 2, 7, True) == 3
    assert table.add(b"a", MODE_PUBLISH) == 1
    assert table.add(b"b", MODE_PUBLISH) == 0
    assert table.items[2].count == 7
    first = ChannelTable(3)
    assert first.add(b"a", MODE_SUBSCRIBE, 2, 5, True) == 1
    assert first.add(b"a", MODE_SUBSCRIBE) == 2  # what one has for itself is not shared either
    assert first.add(b"a", MODE_SUBSCRIBE) == 2


def test_a_channel_may_be_left_before_it_was_asked_for():
    world = ready()
    world.device.channels.add(b"a", MODE_SUBSCRIBE)
    world.device.channels.leave(1)
    assert world.device.channels.unopened == 1
    world.run()
    assert modes(world) == [(b"a", 0)]
    assert world.device.channels.items[0].opened
    assert world.device.channels.unopened == 0
