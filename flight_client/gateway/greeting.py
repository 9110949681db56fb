"""The first frame of a connection: HELLO, ATTACH or PROBE. The same for every transport."""

from __future__ import annotations

import logging

from flight_client.errors import RefusedError
from flight_client.gateway.peer import Peer
from flight_client.gateway.registry import Registry
from flight_client.session import spec
from flight_client.session.gateway import messages
from flight_client.wire.frames import FrameReader, encode_frame

_log = logging.getLogger("flight.gateway")

BUSY_RETRY_MS = 5000
GOING_AWAY_RETRY_MS = 500  # about what a restart takes; clients with a list of gateways are at another one sooner
RETRY_MS = {spec.CODE_BUSY: BUSY_RETRY_MS, spec.CODE_GOING_AWAY: GOING_AWAY_RETRY_MS}


async def greet(registry: Registry, reader: FrameReader, data: bytes, address: str = "") -> tuple[Peer | None, bytes]:
    """Answer the frame that `reader` stands on: the session it led to, if any, and the bytes of the reply."""
    kind, start, end = reader.type, reader.start, reader.end
    if reader.flags & spec.FLAG_AUTHENTICATED and kind != spec.TYPE_ATTACH:
        return None, malformed(registry, "a tag before there is a session")
    if kind == spec.TYPE_PROBE:
        return None, encode_frame(spec.TYPE_PROBED, 0, 0, 0, 0, bytes(data[start:end][: spec.NONCE_BYTES]))
    try:
        if kind == spec.TYPE_HELLO:
            hello = messages.read_hello(data, start, end)
            if hello is None or not reader.flags & spec.FLAG_CHECKED:
                return None, malformed(registry, "HELLO cannot be read")
            peer, payload = await registry.hello(hello, address)
            return peer, peer.sealing.frame(spec.TYPE_WELCOME, spec.FLAG_CHECKED, 0, 0, 0, payload)
        if kind == spec.TYPE_ATTACH:
            asked = messages.read_attach(data, start, untagged_end(reader))
            if asked is None:
                return None, malformed(registry, "ATTACH cannot be read")
            peer, payload = await registry.attach(asked, reader)
            return peer, peer.sealing.frame(spec.TYPE_RESUMED, 0, 0, 0, 0, payload)
    except RefusedError as error:
        _log.info("%s refused: %s", "HELLO" if kind == spec.TYPE_HELLO else "ATTACH", error.what)
        if kind == spec.TYPE_ATTACH:
            return None, reset(error.code, error.text)
        return None, closing(error.code, RETRY_MS.get(error.code, 0), error.text)
    return None, closing(spec.CODE_NOT_HELLO, 0, f"frame type {kind}")


def untagged_end(reader: FrameReader) -> int:
    """Where the payload ends whose tag cannot be checked before it was read: that of ATTACH and POLL."""
    return reader.end - (spec.TAG_BYTES if reader.flags & spec.FLAG_AUTHENTICATED else 0)


def closing(code: int, retry_after_ms: int = 0, text: str = "") -> bytes:
    """A CLOSE frame."""
    return encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, messages.ending(code, retry_after_ms, text))


def reset(code: int, text: str = "") -> bytes:
    """A RESET frame."""
    return encode_frame(spec.TYPE_RESET, 0, 0, 0, 0, messages.ending(code, RETRY_MS.get(code, 0), text))


def malformed(registry: Registry, text: str) -> bytes:
    """A CLOSE frame for what could not be read, counted."""
    registry.counters.malformed += 1
    return closing(spec.CODE_MALFORMED, 0, text)
