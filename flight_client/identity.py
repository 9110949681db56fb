"""Who a client says it is."""

from __future__ import annotations

import os
import re
import socket

from ._tables import NAMES
from .errors import CallerError
from .platforms import Platform
from .session.device.identity import Identity
from .session.spec import DEVICE_ID_BYTES

_DEVICE_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{DEVICE_ID_BYTES - 1}}}", re.ASCII)


def make_identity(platform: Platform, device_id: str, version: str, token: str) -> Identity:
    """What HELLO will say. Raises CallerError for a text that it cannot carry."""
    client_type = NAMES["client_types"][platform.client_type]
    identity = Identity(device_id.encode(), platform.name.encode(), platform.number, version.encode(), client_type)
    identity.capabilities = platform.capability_bits
    identity.boot[:] = os.urandom(8)
    identity.token = token.encode()
    if _DEVICE_ID.fullmatch(device_id) is None:
        raise CallerError(
            what="not a device id",
            value=device_id,
            next_step="use 1 to 32 of A-Z, a-z, 0-9 and . _ : -, a letter or digit first",
        )
    if not identity.fits():
        raise CallerError(
            what="device id, version or token is empty or too long",
            value=f"device id {device_id!r}, version {version!r}, token of {len(identity.token)} bytes",
            next_step="keep to 32, 16 and 480 bytes",
        )
    return identity


def default_device_id() -> str:
    """Host name and process number, as far as the host name is made of what a device id may hold."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).lstrip(".-")[:20]
    return f"{host or 'host'}-{os.getpid()}"
