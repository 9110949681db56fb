"""The channels of a client: what was opened, and where each stream stands."""

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
        self.code = 0  # the gateway's answer
        self.positioned = False  # epoch and offset are known
        self.epoch = bytearray(8)
        self.offset = bytearray(8)  # the last offset that was handed to the application


class ChannelTable:
    """All channels of a client, numbered from 1."""

    def __init__(self, limit: int):
        self.limit = limit
        self.items: list[ChannelState] = []
        self.unopened = 0  # channels for which OPEN has yet to be sent

    def add(self, name: bytes, mode: int, start: int = START_LIVE, count: int = 0) -> int:
        """Add a channel, or widen the mode of a known one; its number, or 0 when the table is full."""
        for i in range(len(self.items)):
            state = self.items[i]
            if state.name == name:
                self._widen(state, mode, start, count)
                return i + 1
        if len(self.items) >= self.limit:
            return 0
        self.items.append(ChannelState(name, mode, start, count))
        self.unopened += 1
        return len(self.items)

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
        if self.unopened:
            for i in range(len(self.items)):
                if not self.items[i].asked:
                    return i + 1
        return 0

    def sent_open(self, number: int) -> None:
        """OPEN for this channel went out."""
        self.items[number - 1].asked = True
        self.unopened -= 1

    def ask_again(self, all_channels: bool) -> None:
        """A new transport: ask for what was not answered; with a new session ask for everything."""
        self.unopened = 0
        for state in self.items:
            if all_channels:
                state.opened = False
            state.asked = state.opened
            if not state.asked:
                self.unopened += 1

    def position(self, state: ChannelState, data: Buffer, epoch_at: int, offset_at: int) -> None:
        """The stream stands at this epoch and offset."""
        copy(state.epoch, 0, data, epoch_at, 8)
        copy(state.offset, 0, data, offset_at, 8)
        state.positioned = True

    def is_old(self, state: ChannelState, data: Buffer, offset_at: int) -> bool:
        """Whether the application has had this offset already."""
        return state.positioned and at_most(data, offset_at, state.offset, 0)

    def follows(self, state: ChannelState, data: Buffer, previous_at: int) -> bool:
        """Whether the entry comes right behind what the application has had."""
        return not state.positioned or same(data, previous_at, state.offset, 0, 8)
