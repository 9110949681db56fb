"""What we have received in sequence, and what we owe the gateway for it: acknowledgements and requests to send again."""

from ..common.clock import elapsed, later
from ..common.profile import Profile
from ..spec import ACK_DELAY_MS


class Receipts:
    """The receiving side of one session's numbers."""

    def __init__(self, profile: Profile):
        self.next_in: int = 1  # next sequence number expected from the gateway
        self.resend_wanted: bool = False
        self.unacked: int = 0  # frames taken since our last acknowledgement
        self._profile = profile
        self._ack_at = 0
        self._asked = 0  # the number for which a resend was asked on this transport

    def begin(self) -> None:
        """A new session: numbers start again."""
        self.next_in = 1

    def new_transport(self) -> None:
        """What was asked for on the old transport is forgotten."""
        self.unacked = 0
        self._asked = 0
        self.resend_wanted = False

    def take(self, seq: int, now: int) -> bool:
        """Accept only the next number; anything else is acknowledged again, a jump asks once for a resend."""
        if self.unacked == 0:
            self._ack_at = later(now, ACK_DELAY_MS)
        self.unacked += 1
        if seq == self.next_in:
            self.next_in += 1
            return True
        if seq > self.next_in:
            self.resend_wanted = self.resend_wanted or self._asked != self.next_in
            self._asked = self.next_in
        return False

    def half_a_window(self) -> bool:
        """Whether so much waits that the gateway may soon have to stop."""
        return self.unacked * 2 >= self._profile.window_frames

    def ack_due(self, now: int) -> bool:
        """Whether an acknowledgement has to go now, with or without other frames."""
        return self.unacked > 0 and (elapsed(now, self._ack_at) >= 0 or self.half_a_window())

    def ack_in_ms(self, now: int, longest_ms: int) -> int:
        """How long until one has to go, at most `longest_ms`."""
        return min(longest_ms, -elapsed(now, self._ack_at)) if self.unacked else longest_ms
