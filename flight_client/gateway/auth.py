"""Tokens, keys and rights as the rest of the gateway names them; each concept has its own module, this one only hands names on."""

from __future__ import annotations

from flight_client.gateway.key_files import KEY_FILE, development_key, load_key
from flight_client.gateway.keys import SigningKey, VerifyKey, new_key
from flight_client.gateway.rights import ROLES, Identity, permits
from flight_client.gateway.tokens import (
    AUDIENCE,
    CLOCK_SLACK_S,
    DEVELOPMENT_LIFETIME_S,
    ISSUER,
    LIFETIME_LIMIT_S,
    TokenVerifier,
    make_token,
)

__all__ = [
    "AUDIENCE",
    "CLOCK_SLACK_S",
    "DEVELOPMENT_LIFETIME_S",
    "ISSUER",
    "KEY_FILE",
    "LIFETIME_LIMIT_S",
    "ROLES",
    "Identity",
    "SigningKey",
    "TokenVerifier",
    "VerifyKey",
    "development_key",
    "load_key",
    "make_token",
    "new_key",
    "permits",
]
