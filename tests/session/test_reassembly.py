"""Pieces put together, and everything that is no piece: the bound holds, nothing is kept that does not follow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_client.session.common.reassembly import FOREIGN, TOO_LARGE, WAIT, WHOLE, Reassembly, write_head
from flight_client.session.gateway.machine import FORGOTTEN, WAITS
from flight_client.session.gateway.parts import Parts, pieces_of
from flight_client.session.spec import FLAG_MORE

PAYLOAD = bytes(range(100))


def piece(message, number, total, data=b"abc"):
    head = bytearray(8)
    write_head(head, 0, message, number, total)
    return bytes(head) + data


def push(reassembly, data, flags=FLAG_MORE, channel=1):
    return reassembly.push(flags, channel, data, 0, len(data))


@given(payload=st.binary(min_size=1, max_size=300), room=st.integers(9, 60), start=st.integers(0, 5))
def test_what_was_cut_is_put_together(payload, room, start):
    reassembly = Reassembly(300)
    pieces = pieces_of(payload, 70000, room)[::-1]
    for number, data in enumerate(pieces):
        assert len(data) <= room
        verdict = reassembly.push(FLAG_MORE, 1, bytes(start) + data + b"behind", start, start + len(data))
        assert verdict == (WHOLE if number == len(pieces) - 1 else WAIT)
    assert bytes(reassembly.buffer) == payload
    assert (reassembly.under_way(), reassembly.abandoned) == (False, 0)


def begun():
    reassembly = Reassembly(100)
    assert push(reassembly, piece(7, 0, 9)) == WAIT
    return reassembly


@pytest.mark.parametrize(
    ("data", "channel", "flags", "lives"),
    [
        (piece(8, 1, 9), 1, FLAG_MORE, True),  # of another message
        (piece(7, 1, 9), 2, FLAG_MORE, True),  # of another channel
        (piece(7, 0, 9)[:8], 1, FLAG_MORE, True),  # nothing behind the head
        (piece(7, 0, 9)[:5], 1, FLAG_MORE, True),
        (piece(7, 2, 9), 1, FLAG_MORE, False),  # one is missing
        (piece(7, 1, 10), 1, FLAG_MORE, False),  # another size
        (piece(7, 1, 9), 1, FLAG_MORE | 2, False),  # other flags
        (piece(7, 1, 9, b"1234567"), 1, FLAG_MORE, False),  # more than was said
    ],
)
def test_a_piece_that_does_not_follow_is_not_kept(data, channel, flags, lives):
    reassembly = begun()
    assert push(reassembly, data, flags, channel) == FOREIGN
    assert (reassembly.under_way(), reassembly.abandoned) == (lives, 0 if lives else 1)
    assert len(reassembly.buffer) == (3 if lives else 0)
    if lives:
        assert push(reassembly, piece(7, 1, 9)) == WAIT
        assert push(reassembly, piece(7, 1, 9)) == FOREIGN  # a duplicate
        assert push(reassembly, piece(7, 2, 9)) == WHOLE
        assert push(reassembly, piece(7, 2, 9)) == FOREIGN


def test_a_first_piece_gives_up_what_was_begun():
    reassembly = begun()
    assert push(reassembly, piece(8, 0, 3)) == WHOLE
    assert (bytes(reassembly.buffer), reassembly.abandoned) == (b"abc", 1)


@pytest.mark.parametrize("total", [0, 101, 65537, 0x3FFFFFFF, 0x40000000, 0xFFFFFFFF])
def test_a_declared_size_over_the_bound_is_refused_before_a_byte_is_kept(total):
    reassembly = Reassembly(100)
    assert push(reassembly, piece(7, 0, total)) == TOO_LARGE
    assert (reassembly.under_way(), len(reassembly.buffer)) == (False, 0)
    assert push(reassembly, piece(7, 1, total)) == FOREIGN


@settings(max_examples=300)
@given(
    frames=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.builds(piece, st.integers(0, 2), st.integers(0, 3), st.integers(0, 70), st.binary(max_size=40)),
        ),
        max_size=30,
    )
)
def test_no_row_of_frames_makes_it_keep_more_than_its_bound(frames):
    reassembly = Reassembly(64)
    for data in frames:
        if push(reassembly, data) == WHOLE:
            assert 0 < len(reassembly.buffer) <= 64
        assert len(reassembly.buffer) <= 64


# The gateway's two lanes


def take(parts, data, seq=1, state=WAITS):
    return parts.take_critical([seq, state, len(data)], FLAG_MORE, 1, data, 0, len(data))


def lossy(parts, data):
    return parts.take_lossy(FLAG_MORE, 1, data, 0, len(data))


def test_a_sequenced_message_takes_its_frames_with_it():
    parts = Parts(100)
    for seq, data in enumerate(reversed(pieces_of(PAYLOAD, 1, 48)), 5):
        whole = take(parts, data, seq)
        assert whole == (PAYLOAD if seq == 7 else b"")
    assert [frame[0] for frame in parts.finish()] == [5, 6, 7]
    assert not parts.under_way()


@pytest.mark.parametrize(
    "data", [piece(1, 1, 100), piece(2, 0, 101), piece(2, 0, 0), b"", b"1234567", piece(1, 0, 9)[:8]]
)
def test_a_sequenced_piece_that_cannot_begin_a_message_breaks_the_rules(data):
    assert take(Parts(100), data) is None


@pytest.mark.parametrize(
    "data", [piece(1, 0, 9), piece(2, 0, 9), piece(1, 2, 9), piece(2, 1, 9), piece(1, 1, 9, bytes(8))]
)
def test_a_sequenced_piece_that_does_not_follow_breaks_the_rules(data):
    parts = Parts(100)
    assert take(parts, piece(1, 0, 9)) == b""
    assert take(parts, data, 2) is None


def test_a_message_that_was_refused_from_its_beginning_comes_again():
    parts = Parts(100)
    first = [1, WAITS, 11]
    assert parts.take_critical(first, FLAG_MORE, 1, piece(1, 0, 6), 0, 11) == b""
    first[1] = FORGOTTEN
    assert not parts.under_way()
    assert take(parts, piece(1, 0, 6), 1) == b""
    assert take(parts, piece(1, 1, 6), 2) == b"abcabc"
    assert parts.abandoned == 1


def test_a_message_that_is_given_up_leaves_its_frames():
    parts = Parts(100)
    take(parts, piece(1, 0, 9), 3)
    take(parts, piece(1, 1, 9), 4)
    assert [frame[0] for frame in parts.give_up()] == [3, 4]
    assert (parts.under_way(), parts.give_up()) == (False, [])


def test_lossy_pieces_that_do_not_follow_are_left_out_and_lies_are_not():
    parts = Parts(100)
    assert lossy(parts, piece(1, 1, 9)) == b""  # its beginning was lost
    assert lossy(parts, piece(1, 0, 9)) == b""
    assert lossy(parts, piece(1, 2, 9)) == b""  # the one between was lost
    assert lossy(parts, piece(2, 0, 3)) == b"abc"
    assert lossy(parts, piece(3, 0, 101)) is None
    assert lossy(parts, b"123") is None
    assert lossy(parts, piece(4, 0, 9)) == b""
    parts.new_transport()
    assert lossy(parts, piece(4, 1, 9)) == b""
    assert lossy(parts, piece(4, 2, 9)) == b""
    assert parts.abandoned == 2


def test_both_lanes_may_be_under_way_at_once():
    parts = Parts(100)
    take(parts, piece(1, 0, 6), 1)
    lossy(parts, piece(2, 0, 6, b"xyz"))
    assert take(parts, piece(1, 1, 6), 2) == b"abcabc"
    assert lossy(parts, piece(2, 1, 6, b"xyz")) == b"xyzxyz"
