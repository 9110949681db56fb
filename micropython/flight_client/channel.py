"""A named stream of events, as a client sees it; and what a handler of received events is given."""

from array import array

from .ages import age_ms
from .clock import now_ms
from .fast import Emitter, ring_put
from .ring import REFUSED_TOO_LARGE
from .session.common.fields import get_u16, get_u32
from .session.spec import PORTION_FLAG

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

REFUSED_CHANNEL = -3  # the gateway does not allow this channel
REFUSED_CLOSED = -4  # the client is closed
REFUSED_MEMORY = -5  # the heap is full: the event could not be written

_encode: "Any" = None
_layouts: "dict[str, int]" = {}


def _load() -> "Any":
    """The table of the events takes memory, so it is loaded with the first event that needs it."""
    global _encode
    from .events import EVENTS, encode_into

    _encode = encode_into
    for name, about in EVENTS.items():
        _layouts[name] = about[0]
    return encode_into


class Channel:
    """One channel of a client; made by Client.channel()."""

    def __init__(self, client, name: str, number: int, critical: bool) -> None:
        self.name = name
        self.number = number
        self.critical = critical
        self.gate = array("i", [0, 0])  # why nothing is taken (3 or 4, 0: it is), and what was refused for it
        self._client = client

    def emit(self, event, critical: bool | None = None) -> int:
        """Queue an event of events.py: QUEUED, or why not. Raises EventError for a value that it cannot carry."""
        scratch = self._client.scratch
        try:
            encode = _encode or _load()
            count = encode(event, scratch)
        except MemoryError:
            self._client.refused_memory += 1
            return REFUSED_MEMORY
        return self.emit_encoded(_layouts[event.event_name], scratch, count, critical)

    def emit_encoded(self, layout: int, body: bytearray, count: int, critical: bool | None = None) -> int:
        """Queue the first `count` bytes of a body that was written before."""
        gate = self.gate
        if gate[0]:
            gate[1] += 1
            return -gate[0]
        if critical is None:
            critical = self.critical
        ring = self._client.critical if critical else self._client.lossy
        if count > ring.body_limit or count > self._client.message_bytes or count & 3:
            self._client.refused_too_large += 1
            return REFUSED_TOO_LARGE
        return ring_put(ring.st, ring.mem, self.number, layout, now_ms(), body, count)

    def emitter(self, layout: int, body_bytes: int, critical: bool | None = None):
        """For events of one layout and size: fill `body`, then emit(). The fastest way, and it never takes heap."""
        if critical is None:
            critical = self.critical
        ring = self._client.critical if critical else self._client.lossy
        if body_bytes > min(ring.body_limit, self._client.message_bytes) or body_bytes & 3 or body_bytes <= 0:
            raise ValueError(
                "a body has 4 to %d bytes, a multiple of 4" % min(ring.body_limit, self._client.message_bytes)
            )
        return Emitter(ring, self.gate, self.number, layout, body_bytes)

    def subscribe(self, last: int = 0) -> None:
        """Hand events of this channel to the handler of `event`; `last`: begin with so many entries of the past."""
        self._client.subscribe(self.name, last)


class Received:
    """One event as it was received; the same object for all, so a handler keeps what it needs of it, not the object.

    age_ms: how old it was when the gateway got it, -1 for unknown. counter: the sender's number of a critical event, 0 for a
    lossy one. Its body is data[start:end].
    """

    def __init__(self) -> None:
        self.channel = ""
        self.layout = 0
        self.age_ms = 0
        self.counter = 0
        self.data = bytearray()
        self.start = 0
        self.end = 0
        self._entry = bytearray()
        self._entry_at = 0

    def head(self, entry: bytearray, at: int) -> None:
        """The head of the entry that the next events are of."""
        self._entry = entry
        self._entry_at = at
        self.counter = get_u32(entry, at + 32)

    def age(self, code: int) -> None:
        """The age of a record, and how long it was held before it was sent."""
        own = age_ms(code)
        held = age_ms(get_u16(self._entry, self._entry_at + 36))
        self.age_ms = own + held if own >= 0 and held >= 0 else -1

    @property
    def device_id(self) -> str:
        """Who sent it."""
        at = self._entry_at + 40
        return bytes(memoryview(self._entry)[at : at + (self._entry[at - 1] & ~PORTION_FLAG)]).decode()

    @property
    def offset(self) -> int:
        """Of its entry in the channel's log."""
        return self._u64(0)

    @property
    def received_ms(self) -> int:
        """When the gateway got it, in ms since 1970."""
        return self._u64(16)

    def _u64(self, at: int) -> int:
        at += self._entry_at
        return int.from_bytes(bytes(memoryview(self._entry)[at : at + 8]), "little")

    def event(self):
        """The event as an object of events.py. Raises EventError where its sender wrote it against the rules."""
        from .events import decode

        return decode(self.layout, self.data, self.start, self.end)
