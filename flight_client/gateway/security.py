"""What a gateway checks rights with, put together from its settings: keys, revoked tokens, channel rules, audit log.

Everything here is read at the start, and a file that cannot be read or trusted ends it: a gateway that went on without one would
let in who was kept out by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_client.errors import CallerError
from flight_client.gateway.audit import AuditLog, Note, no_note
from flight_client.gateway.auth import Identity, SigningKey, development_key, load_key, permits
from flight_client.gateway.channel_rules import ChannelRules
from flight_client.gateway.hub import Permit
from flight_client.gateway.key_ring import KeyRing
from flight_client.gateway.revoked import FILE as REVOKED_FILE
from flight_client.gateway.revoked import RevokedTokens
from flight_client.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from flight_client.gateway.registry import Registry


class Security:
    """The checks of one gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._signing = own_key(settings)
        self.keys: KeyRing = KeyRing(self._signing.verify_key() if self._signing is not None else None, settings.jwks)
        self._rules = ChannelRules(settings.channel_rules) if settings.channel_rules is not None else None
        self.permit: Permit = permits if self._rules is None else self._rules
        self._revoked = RevokedTokens(settings.state_dir / REVOKED_FILE)
        self._audit: AuditLog | None = None
        self.note: Note = no_note
        if settings.audit_log is not None:
            self._audit = AuditLog(settings.audit_log, settings.audit_log_bytes)
            self.note = self._audit.note
        self.keys.on_change = lambda added, removed: self.note("key-rotated", added=added, removed=removed)

    async def start(self) -> None:
        """Fetch what is not on this machine."""
        await self.keys.start()
        self.note("started", keys=list(self.keys))

    async def close(self) -> None:
        """End what runs."""
        await self.keys.close()
        if self._audit is not None:
            self.note("stopped")
            self._audit.close()

    def look(self, registry: Registry) -> None:
        """Called every few seconds: what changed in the files holds from now on, for running sessions too."""
        self.keys.look()
        if self._rules is not None and self._rules.look():
            self.note("rules-changed")
            for session in registry.sessions():
                session.check_channels()
                session.wake()

    def withdrawn(self, identity: Identity) -> bool:
        """Whether a token is not taken any more, though it was signed and has not ended."""
        return identity.key_id not in self.keys or self._revoked(identity)

    @property
    def signs(self) -> bool:
        """Whether there is a key here to make tokens with."""
        return self._signing is not None

    def signing_key(self) -> SigningKey:
        """The key to make tokens with. CallerError when there is none here."""
        if self._signing is None:
            raise CallerError(
                what="this gateway checks tokens and makes none",
                value="--jwks without --key-file",
                next_step="make tokens where the private key is: flight token new --key FILE",
            )
        return self._signing


def own_key(settings: GatewaySettings) -> SigningKey | None:
    """The key of the key file, else the development key; none beside a JWKS: whoever has that key could make any token."""
    if settings.key_file is None and settings.jwks:
        return None
    key = development_key(settings.state_dir) if settings.key_file is None else load_key(settings.key_file)
    settings.check_key(key.development)
    return key
