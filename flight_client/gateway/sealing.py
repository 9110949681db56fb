"""How the frames of one session are written for its device, and how those of the device are taken: with or without tags."""

from __future__ import annotations

from flight_client.errors import TagError
from flight_client.session import spec
from flight_client.session.gateway import messages
from flight_client.session.gateway.agreement import Agreement
from flight_client.session.gateway.machine import GatewaySession
from flight_client.wire.frames import FrameReader, encode_frame
from flight_client.wire.tags import FrameTags


class Sealing:
    """Of one session, in its present generation."""

    def __init__(self, session: GatewaySession, agreement: Agreement, tags: FrameTags | None) -> None:
        self.behind_bytes = spec.TRAILER_BYTES + (spec.TAG_BYTES if tags else 0)
        self.allowed_flags: int = spec.FLAGS_PLAIN | agreement.up | (spec.FLAG_AUTHENTICATED if tags else 0)
        """What frames of the device may carry."""
        self._session = session
        self._tags = tags

    def frame(self, kind: int, flags: int, channel: int, seq: int, ack: int, payload: bytes) -> bytes:
        """A frame as it is sent."""
        if self._tags is None:
            return encode_frame(kind, flags, channel, seq, ack, payload)
        return self._tags.encode(self._session.generation, kind, flags, channel, seq, ack, payload)

    def closing(self, code: int, retry_after_ms: int = 0, text: str = "") -> bytes:
        """CLOSE."""
        return self.frame(spec.TYPE_CLOSE, 0, 0, 0, 0, messages.ending(code, retry_after_ms, text))

    def open(self, reader: FrameReader, generation: int | None = None) -> int:
        """Take the tag off the frame on which the reader stands and return its other flags. Raises TagError.

        generation: the one that ATTACH asks for; otherwise the session's.
        """
        if self._tags is None:
            if reader.flags & spec.FLAG_AUTHENTICATED:
                raise TagError("a frame has a tag, and this session has none", offset=reader.start, value=reader.type)
            return reader.flags
        self._tags.check(self._session.generation if generation is None else generation, reader)
        return reader.flags & ~spec.FLAG_AUTHENTICATED
