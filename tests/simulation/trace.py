"""What happened in a run, as a hash and, when asked for, as lines to read."""

import hashlib
from collections.abc import Callable


class Trace:
    """Everything that crossed the network and every fault goes in; the same seed gives the same hash."""

    def __init__(self, clock_s: Callable[[], float], show: bool = False) -> None:
        self._clock_s = clock_s
        self._hash = hashlib.blake2b(digest_size=16)
        self._show = show
        self.messages = 0

    def add(self, kind: str, body: bytes) -> None:
        """A message arrived."""
        self.messages += 1
        self._hash.update(b"%s %.6f " % (kind.encode(), self._clock_s()))
        self._hash.update(body)
        if self._show:
            print(f"{self._clock_s():12.3f} {kind:7} {len(body):5} bytes {describe(body)}")

    def note(self, kind: str, text: str) -> None:
        """Something else happened."""
        self._hash.update(b"%s %.6f %s" % (kind.encode(), self._clock_s(), text.encode()))
        if self._show:
            print(f"{self._clock_s():12.3f} {kind:7} {text}")

    def digest(self) -> str:
        return self._hash.hexdigest()


def describe(body: bytes) -> str:
    """Types, sequence numbers and acknowledgements of the frames of a message."""
    from flight_client._tables import NAMES
    from flight_client.session.spec import FLAGS_SUPPORTED
    from flight_client.wire.frames import FrameReader

    names = {number: name for name, number in NAMES["frame_types"].items()} if "frame_types" in NAMES else {}
    reader = FrameReader(FLAGS_SUPPORTED)
    reader.feed(body, 65536)
    parts = []
    while reader.next():
        name = names.get(reader.type, str(reader.type))
        parts.append(f"{name}[ch {reader.channel} seq {reader.seq} ack {reader.ack} {reader.end - reader.start}B]")
    return " ".join(parts)
