"""When a device asks for a new token, and what it does until it has one.

The gateway says in WELCOME how long the token lives, and unasked that it has ended. REFRESH asks the driver for another
one; it goes in TOKEN and is answered with RENEWED. TOKEN is unsequenced: on a new transport it goes again, and when no
answer comes. What the source or the gateway refuses is tried again later, so that nothing of this can become a storm.
"""

from ..common.clock import elapsed, later
from ..spec import TOKEN_LEAD_MS, TOKEN_RETRY_MS, TOKEN_SPACING_MS

_REST = 0  # nothing to do, or nothing before _due_at
_ASKED = 1  # the driver asks for a token
_READY = 2  # there is one to send
_SENT = 3  # RENEWED is awaited


class Renewal:
    """The token of one session."""

    def __init__(self) -> None:
        self.renewable = False  # the driver can get another token; it says so before the session starts
        self.over: bool = False  # the gateway takes nothing but a new token
        self.token: bytes = b""  # the new one, until it is answered
        self._step = _REST
        self._timed = False
        self._due_at = 0
        self._tried = False  # one new session was begun because the token had expired

    def begin(self, expires_in_ms: int, now: int) -> None:
        """A session has begun with a token of this life; 0 = without an end."""
        self._tried = False
        self._step = _REST
        self._rest(expires_in_ms, now)

    def new_transport(self) -> None:
        """What was sent and not answered is lost with the old transport."""
        if self._step == _SENT:
            self._step = _READY

    def ask_due(self, now: int) -> bool:
        """Whether to ask the driver, which is thereby done."""
        if self._step != _REST or not self._timed or elapsed(now, self._due_at) < 0:
            return False
        self._step = _ASKED
        return True

    def wake_in_ms(self, now: int, longest_ms: int) -> int:
        """How long nothing of this happens by itself; at most `longest_ms`."""
        if self._step != _REST or not self._timed:
            return longest_ms
        return min(longest_ms, -elapsed(now, self._due_at))

    def supply(self, token: bytes) -> None:
        """The driver got a token."""
        if self._step == _ASKED:
            self.token = token
            self._step = _READY

    def none(self, now: int) -> None:
        """The driver got no token, or the one we have."""
        if self._step == _ASKED:
            self._again(now)

    def to_send(self) -> bool:
        """Whether TOKEN waits to be sent."""
        return self._step == _READY

    def sent(self, now: int) -> None:
        """TOKEN is out."""
        self._step = _SENT
        self._due_at = now

    def remind(self, now: int, patience_ms: int) -> None:
        """Send TOKEN once more that was not answered in so long."""
        if self._step == _SENT and elapsed(now, self._due_at) >= patience_ms:
            self._step = _READY

    def remind_in_ms(self, now: int, patience_ms: int, longest_ms: int) -> int:
        """How long remind() has nothing to do; at most `longest_ms`."""
        return min(longest_ms, patience_ms - elapsed(now, self._due_at)) if self._step == _SENT else longest_ms

    def accepted(self, expires_in_ms: int, now: int) -> bool:
        """The gateway goes on with the token that was sent. True: it had stopped before."""
        was_over = self.over
        self._step = _REST
        self._rest(expires_in_ms, now)
        return was_over

    def refused(self, now: int) -> None:
        """The gateway does not take the token that was sent."""
        self._again(now)

    def ended(self, now: int) -> None:
        """The gateway says that the token has ended."""
        told = self.over
        self.over = True
        if not told and self._step == _REST and self.renewable:
            self._timed = True
            self._due_at = later(now, TOKEN_SPACING_MS)

    def try_again(self) -> bool:
        """Whether a session that was refused for its old token may be begun once more, with a new one."""
        if not self.renewable or self._tried:
            return False
        self._tried = True
        return True

    def _rest(self, expires_in_ms: int, now: int) -> None:
        self.over = False
        self.token = b""
        self._timed = self.renewable and expires_in_ms > 0
        if self._timed:
            wait_ms = expires_in_ms - min(TOKEN_LEAD_MS, expires_in_ms // 4)
            self._due_at = later(now, max(wait_ms, TOKEN_RETRY_MS))

    def _again(self, now: int) -> None:
        self.token = b""
        self._step = _REST
        self._timed = self.renewable
        self._due_at = later(now, TOKEN_RETRY_MS)
