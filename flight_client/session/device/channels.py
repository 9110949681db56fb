"""The channels of a client: what was opened, and where each stream stands."""

from ..common.clock import elapsed
from ..common.fields import Buffer, at_most, copy, same
from ..spec import MODE_SUBSCRIBE, START_LIVE


class ChannelState:
    """One channel of this client. The number on the wire is its place in the client's table plus 1."""

    def __init__(self, name: bytes, mode: int, start: int, count: int):
        self.name = name
        self.mode = mode
        self.start = start
        self.count = count
        self.asked = False  # OPEN was sent on this transport
        self.opened = False  # OPENED came back in this session
        self.leaving = 0  # 2: OPEN with mode 0 has to be sent, 1: its answer is awaited
        self.own = False  # nobody else shares it: another entry may have the same name
        self.code = 0  # the gateway's answer
        self.positioned = False  # epoch and offset are known
        self.epoch: bytearray = bytearray(8)
        self.offset: bytearray = bytearray(8)  # the last offset that was handed to the application
        self.taken = 0  # ... and so many events of the entry behind it, which comes in portions


class ChannelTable:
    """All channels of a client, numbered from 1."""

    def __init__(self, limit: int):
        self.limit = limit
        self.items: list[ChannelState] = []
        self.unopened: int = 0  # channels for which OPEN has yet to be sent
        self._unanswered = False  # an OPEN went out whose answer may still be missing
        self._asked_at = 0  # when the last one did

    def add(self, name: bytes, mode: int, start: int = START_LIVE, count: int = 0, own: bool = False) -> int:
        """Add a channel, or widen the mode of a known one; its number, or 0 when the table is full.

        `own`: never a known one. The place of a channel that was left is used again.
        """
        free = 0
        for i in range(len(self.items)):
            state = self.items[i]
            if state.mode == 0 and state.opened and free == 0:
                free = i + 1
            if state.name == name and state.mode and not own and not state.own:
                self._widen(state, mode, start, count)
                return i + 1
        if free == 0 and len(self.items) >= self.limit:
            return 0
        state = ChannelState(name, mode, start, count)
        state.own = own
        self.unopened += 1
        if free:
            self.items[free - 1] = state
            return free
        self.items.append(state)
        return len(self.items)

    def leave(self, number: int) -> None:
        """Nobody listens to this channel any more: OPEN with mode 0, then OPEN again if it is published to."""
        state = self.items[number - 1]
        state.mode &= ~MODE_SUBSCRIBE
        state.positioned = False
        state.taken = 0
        state.opened = False
        state.leaving = 2
        if state.asked:
            state.asked = False
            self.unopened += 1

    def _widen(self, state: ChannelState, mode: int, start: int, count: int) -> None:
        if state.mode | mode == state.mode:
            return
        if mode & MODE_SUBSCRIBE and not state.mode & MODE_SUBSCRIBE:
            state.start = start
            state.count = count
        state.mode |= mode
        state.opened = False
        if state.asked:
            state.asked = False
            self.unopened += 1

    def get(self, number: int) -> ChannelState | None:
        """The channel with this number, or None."""
        return self.items[number - 1] if 0 < number <= len(self.items) else None

    def next_unopened(self) -> int:
        """The number of a channel for which OPEN has yet to be sent; 0 when there is none."""
        if self.unopened == 0:
            return 0
        number = 1
        while self.items[number - 1].asked:
            number += 1
        return number

    def sent_open(self, number: int, now: int) -> None:
        """OPEN for this channel went out."""
        self._unanswered = True
        self._asked_at = now
        state = self.items[number - 1]
        again = state.leaving == 2 and state.mode != 0  # it was left, now it is opened for publishing alone
        if state.leaving:
            state.leaving = 1
        if not again:
            state.asked = True
            self.unopened -= 1

    def ask_again(self, all_channels: bool) -> None:
        """A new transport: ask for what was not answered; with a new session ask for everything."""
        self.unopened = 0
        for state in self.items:
            if all_channels:
                state.opened = state.mode == 0
                state.leaving = 0
            elif state.leaving:
                state.leaving = 2
            state.asked = state.opened
            if not state.asked:
                self.unopened += 1

    def remind(self, now: int, patience_ms: int) -> None:
        """Ask once more for what was not answered in so long: OPENED has no number, so nobody sends it again by himself."""
        if self._unanswered and elapsed(now, self._asked_at) >= patience_ms:
            self._unanswered = False
            self.ask_again(False)

    def remind_in_ms(self, now: int, patience_ms: int, longest_ms: int) -> int:
        """How long remind() has nothing to do; at most `longest_ms`."""
        return min(longest_ms, patience_ms - elapsed(now, self._asked_at)) if self._unanswered else longest_ms

    def position(self, state: ChannelState, data: Buffer, epoch_at: int, offset_at: int) -> None:
        """The stream stands at this epoch and offset."""
        copy(state.epoch, 0, data, epoch_at, 8)
        copy(state.offset, 0, data, offset_at, 8)
        state.taken = 0
        state.positioned = True

    def is_old(self, state: ChannelState, data: Buffer, offset_at: int) -> bool:
        """Whether the application has had this offset already."""
        return state.positioned and at_most(data, offset_at, state.offset, 0)

    def follows(self, state: ChannelState, data: Buffer, previous_at: int) -> bool:
        """Whether the entry comes right behind what the application has had."""
        return not state.positioned or same(data, previous_at, state.offset, 0, 8)
