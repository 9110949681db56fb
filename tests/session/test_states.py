"""The table of the device's states."""

import pytest

from flight_client.session.device import states
from flight_client.session.spec import (
    STATE_ATTACHING,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_IDLE,
    STATE_OPENING,
    STATE_PAUSED,
    STATE_READY,
    STATE_STOPPED,
    STATE_WAITING,
)

STATES = range(STATE_PAUSED + 1)
HAPPENINGS = range(len(states.HAPPENINGS))
ENDS = (STATE_CLOSED, STATE_STOPPED)

# The documented transitions, written down a second time: state, happening, what follows.
DOCUMENTED = """
idle      start          opening
idle      close          closed
idle      pause          paused
waiting   due            opening
waiting   close          closed
waiting   pause          paused
opening   opened-new     greeting
opening   opened-known   attaching
opening   failed         waiting
opening   close          closed
opening   pause          paused
greeting  welcomed       ready
greeting  failed         waiting
greeting  fatal          stopped
greeting  close          closed
greeting  pause          paused
attaching resumed        ready
attaching reset          greeting
attaching failed         waiting
attaching fatal          stopped
attaching close          closed
attaching pause          paused
ready     reset          greeting
ready     failed         waiting
ready     fatal          stopped
ready     upgrade        opening
ready     close          closing
ready     pause          paused
closing   done           closed
closing   reset          closed
closing   failed         closed
closing   fatal          closed
paused    go-on          opening
paused    close          closed
"""
NAMES = {
    "idle": STATE_IDLE,
    "waiting": STATE_WAITING,
    "opening": STATE_OPENING,
    "greeting": STATE_GREETING,
    "attaching": STATE_ATTACHING,
    "ready": STATE_READY,
    "closing": STATE_CLOSING,
    "closed": STATE_CLOSED,
    "stopped": STATE_STOPPED,
    "paused": STATE_PAUSED,
}


def documented() -> dict[tuple[int, int], int]:
    table = {}
    for line in DOCUMENTED.strip().splitlines():
        state, happening, target = line.split()
        table[NAMES[state], states.HAPPENINGS.index(happening)] = NAMES[target]
    return table


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("happening", HAPPENINGS)
def test_a_pair_leads_where_the_documents_say_and_an_unnamed_one_changes_nothing(state, happening):
    assert states.next_state(state, happening) == documented().get((state, happening), state)


def test_no_pair_is_named_twice():
    named = [(state, happening) for state, happening, _ in states.TRANSITIONS]
    assert len(named) == len(set(named)) == len(documented())


def test_every_state_is_reachable():
    reached = {STATE_IDLE}
    while True:
        more = {states.next_state(state, happening) for state in reached for happening in HAPPENINGS}
        if more <= reached:
            break
        reached |= more
    assert reached == set(STATES)


@pytest.mark.parametrize("end", ENDS)
def test_there_is_no_way_out_of_an_end(end):
    assert {states.next_state(end, happening) for happening in HAPPENINGS} == {end}


def test_every_other_state_can_still_be_closed():
    for state in set(STATES) - set(ENDS):
        after = states.next_state(state, states.CLOSE)
        assert after in (STATE_CLOSING, STATE_CLOSED)
        assert states.next_state(STATE_CLOSING, states.DONE) == STATE_CLOSED
