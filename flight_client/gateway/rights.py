"""Who somebody is and what a role is worth: what a verified token says, and the rights that follow from it.

A role stands for itself and for what it includes; a channel can ask for any of these words, or for a permission that the token
names. No role, no right: a permission alone opens nothing.

| role      | includes                       | rights                         |
| viewer    | subscribe                      | subscribe                      |
| developer | viewer, publish                | subscribe, publish             |
| admin     | developer, administer          | subscribe, publish, administer |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flight_client.errors import RefusedError
from flight_client.gateway.names import GATEWAY_ID, check_device_id, owner_of, printable, refusal
from flight_client.session import spec

# role -> the roles that it stands for
ROLES: Mapping[str, frozenset[str]] = {
    "publish": frozenset({"publish"}),
    "subscribe": frozenset({"subscribe"}),
    "administer": frozenset({"administer"}),
    "viewer": frozenset({"viewer", "subscribe"}),
    "developer": frozenset({"developer", "viewer", "publish", "subscribe"}),
    "admin": frozenset({"admin", "developer", "viewer", "administer", "publish", "subscribe"}),
}
MODES: Mapping[int, str] = {spec.MODE_PUBLISH: "publish", spec.MODE_SUBSCRIBE: "subscribe"}
PERMISSIONS_LIMIT = 16

_PERMISSION = re.compile(r"[a-z0-9][a-z0-9._:-]{0,47}", re.ASCII)
_ORGANISATION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says."""

    subject: str  # a device id, or a beginning of one with a `*` behind it
    roles: frozenset[str]
    expires_s: int
    key_id: str
    fingerprint: str = ""  # of the token (revoked.py)
    org: str = ""  # organisation; empty: the default one
    permissions: frozenset[str] = frozenset()

    def allows_device(self, device_id: str) -> bool:
        if self.subject.endswith("*"):
            return device_id.startswith(self.subject[:-1])
        return device_id == self.subject

    def check_device(self, device_id: str) -> None:
        """RefusedError(bad-name) or RefusedError(forbidden) unless the token is for this device id."""
        check_device_id(device_id)
        if device_id == GATEWAY_ID or device_id.startswith(f"{GATEWAY_ID}:"):
            raise refusal(spec.CODE_BAD_NAME, "this name is the gateway's own", printable(device_id))
        if not self.allows_device(device_id):
            raise refusal(
                spec.CODE_FORBIDDEN,
                f"the token is for the device {printable(self.subject)} and not for",
                printable(device_id),
            )

    @property
    def holder(self) -> str:
        """For whom limits are counted: a new token for the same subject does not begin anew."""
        return owner_of(self.org, self.subject)

    def may(self, right: str) -> bool:
        """Whether a role gives this right: publish, subscribe or administer."""
        return right in words_of(self.roles)

    def held(self) -> frozenset[str]:
        """Every word that a channel may ask for and this identity has."""
        return words_of(self.roles) | self.permissions


def permits(identity: Identity, _channel: str, mode: int) -> bool:
    """The hub's permission hook without rules for channels: each mode needs its right. No role, no right."""
    return mode in MODES and identity.may(MODES[mode])


def words_of(roles: Iterable[str]) -> frozenset[str]:
    """Roles with what they include. A role that is not known is worth nothing."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))


def valid_permission(word: object) -> bool:
    """Whether this is a permission's name. No `*`: a permission is what it says and nothing more."""
    return isinstance(word, str) and _PERMISSION.fullmatch(word) is not None


def valid_organisation(org: object) -> bool:
    """Whether this is an organisation's short name."""
    return isinstance(org, str) and _ORGANISATION.fullmatch(org) is not None


def valid_subject(subject: str) -> bool:
    """Whether this is a device id, the beginning of one with a `*` behind it, or `*`."""
    if subject == "*":
        return True
    try:
        check_device_id(subject.removesuffix("*"))
    except RefusedError:
        return False
    return True
