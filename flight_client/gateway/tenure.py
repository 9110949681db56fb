"""How long a session may go on: the life of its token, and a new one in its place.

Everything is judged by the gateway's own clock, at the moment it matters: what a device thinks of the time is nothing to
go by.
"""

from __future__ import annotations

from collections.abc import Callable

from flight_client.errors import RefusedError
from flight_client.gateway.audit import Note, no_note
from flight_client.gateway.auth import Identity
from flight_client.gateway.engines.base import Source
from flight_client.gateway.names import refusal
from flight_client.gateway.peer_parts import OpenChannel
from flight_client.session import spec
from flight_client.session.common.clock import elapsed

Verify = Callable[[str], Identity]
Revoked = Callable[[Identity], bool]

_SAID_LIMIT = 64
_EARLY_LIMIT = 16  # TOKEN frames too soon after another, in a row: no device does that by mistake


class TooOften(Exception):  # noqa: N818 - it ends a session, it is not an error of this program
    """One TOKEN after the other."""


def described(identity: Identity) -> dict[str, object]:
    """What the audit log says of a token: never enough to use it."""
    return {
        "subject": identity.subject, "org": identity.org, "roles": sorted(identity.roles),
        "permissions": sorted(identity.permissions), "key": identity.key_id, "token": identity.fingerprint[:12],
        "until": identity.expires_s,
    }  # fmt: skip


class Tenure:
    """The token of one session, and what is written down of the decisions about it."""

    def __init__(self, identity: Identity, verify: Verify, wall_s: Callable[[], float], note: Note = no_note) -> None:
        """note: writes a decision into the audit log, with the session that it is about."""
        self.note = note
        self.identity: Identity = identity
        self._verify = verify
        self._wall_s = wall_s
        self._looked_at: int | None = None
        self._early = 0
        self._said: set[int] = set()  # channels whose batches were refused and that was written down

    def left_ms(self) -> int:
        """What is left of the token, at least 1 ms; a longer life than WELCOME should say is cut."""
        left_ms = int(1000 * (self.identity.expires_s - self._wall_s()))
        return min(max(left_ms, 1), spec.TOKEN_EXPIRES_MS)

    def ended(self) -> bool:
        """Whether the token's time is over."""
        return self._wall_s() >= self.identity.expires_s

    def over(self) -> bool:
        """Whether the grace is over too."""
        return self._wall_s() >= self.identity.expires_s + spec.TOKEN_GRACE_MS / 1000

    def sender(self, source: Source, channel: OpenChannel | None) -> tuple[str, str, str]:
        """Whose events are refused: organisation, device, and its name for the channel, if it had opened one."""
        return self.identity.org, source.device_id, channel.name if channel is not None else ""

    def note_identity(self, what: str) -> None:
        """Write down a decision with what the token says."""
        self.note(what, **described(self.identity))

    def note_refused(self, channel: str, mode: int, code: str) -> None:
        """Write down that a channel was refused."""
        if mode & spec.MODE_PUBLISH:
            self.note("publish-refused", channel=channel, code=code)
        if mode & spec.MODE_SUBSCRIBE:
            self.note("subscribe-refused", channel=channel, code=code)

    def note_batch_refused(self, number: int, channel: str, code: str) -> None:
        """Write down that what came for a channel was refused: once, as a device may send many before it hears it."""
        if number not in self._said and len(self._said) < _SAID_LIMIT:
            self._said.add(number)
            self.note("publish-refused", number=number, channel=channel, code=code)

    def renew(self, token: bytes, device_id: str, now: int) -> None:
        """Go on with this token. Raises RefusedError, after which the old one counts as before, and TooOften."""
        if self._looked_at is not None and 0 <= elapsed(now, self._looked_at) < spec.TOKEN_SPACING_MS:
            self._early += 1
            if self._early > _EARLY_LIMIT:
                raise TooOften
            raise refusal(spec.CODE_TOO_MANY, "a token a second is enough; too early", str(self._early))
        self._looked_at, self._early = now, 0
        try:
            identity = self._verify(token.decode("ascii"))
        except UnicodeDecodeError:
            raise refusal(spec.CODE_CREDENTIAL, "the token is not text", f"{len(token)} bytes") from None
        if identity.subject != self.identity.subject:
            raise RefusedError(spec.CODE_FORBIDDEN, "the new token has another subject")
        if identity.org != self.identity.org:
            raise RefusedError(spec.CODE_FORBIDDEN, "the new token has another organisation")
        identity.check_device(device_id)
        if identity.expires_s < self.identity.expires_s:  # an older one, perhaps recorded and sent again
            raise RefusedError(spec.CODE_FORBIDDEN, "the new token ends before the present one")
        self.identity = identity
        self._said.clear()
