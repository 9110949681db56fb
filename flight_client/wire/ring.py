"""The ring: events wait here in fixed slots until they are packed into a frame."""

from flight_client.errors import CallerError
from flight_client.session.spec import RECORD_HEAD_BYTES
from flight_client.wire._core_access import BYTES, FULL, NO_ROOM, Buffer, ffi, lib, readable, text_of

__all__ = ["EventRing"]

_HEAD_BYTES = RECORD_HEAD_BYTES + 4  # of a record in its long form: more than most have


class EventRing:
    """Events of all channels in the order in which they were put, in memory that is fixed here and never grows.

    One thread at a time. The clock of stamps is a 30-bit count of milliseconds that wraps.

    count            events waiting
    body_limit       bytes of the largest body that ever fits
    packed_events    events that the last pack() took
    packed_channel   ... and their channel
    """

    __slots__ = (
        "_event",
        "_largest",
        "_memory",
        "_put",
        "_ring",
        "body_limit",
        "count",
        "packed_channel",
        "packed_events",
    )

    def __init__(self, slots: int, slot_bytes: int) -> None:
        """slots: 1 to 32,767. slot_bytes: a multiple of 4 from 16; a slot of 64 holds a body of up to 52 bytes."""
        if not (0 < slots <= 32767 and 16 <= slot_bytes <= 65532 and slot_bytes % 4 == 0):
            raise CallerError(
                "a ring of this shape is not possible",
                value=(slots, slot_bytes),
                next_step="use 1 to 32767 slots of 16 to 65532 bytes, a multiple of 4",
            )
        self._memory = ffi.new("uint32_t[]", slots * slot_bytes // 4)
        self._ring = ffi.new("flight_ring *")
        self._event = ffi.new("flight_event *")
        lib.flight_ring_init(self._ring, self._memory, slots, slot_bytes)
        self._put = lib.flight_ring_put
        self.body_limit: int = lib.flight_ring_body_limit(self._ring)
        self.count: int = 0
        self._largest = 0  # body put since the ring was empty
        self.packed_events: int = 0
        self.packed_channel: int = 0

    def put(self, channel: int, layout: int, stamp_ms: int, body: Buffer) -> bool:
        """Copy an event in. False when there is no room now; CallerError for a body that never fits."""
        try:
            code = self._put(
                self._ring, channel, layout, stamp_ms, body if type(body) is bytes else readable(body), len(body)
            )
        except OverflowError as error:
            raise CallerError(
                "a number does not fit its field",
                value=(channel, layout, stamp_ms),
                next_step="channel is below 65536, layout below 256, stamp_ms below 2^30",
            ) from error
        if code == 0:
            self.count += 1
            self._largest = max(self._largest, len(body))
            return True
        if code == FULL:
            return False
        raise CallerError(
            f"the event cannot be put: {text_of(code)}",
            value=len(body),
            next_step=f"a body has a multiple of 4 bytes, at most {self.body_limit} in this ring",
        )

    def drop_oldest(self) -> int:
        """Throw the oldest event away. Returns how many were dropped: 1, or 0 for an empty ring."""
        if lib.flight_ring_release(self._ring) != 0:
            return 0
        self.count -= 1
        if not self.count:
            self._largest = 0
        return 1

    def head_channel(self) -> int:
        """The channel of the oldest event, or -1."""
        return lib.python_head(self._ring)

    def head_bytes(self) -> int:
        """What the oldest event's record takes in a batch, or 0: a pack() with less room returns 0."""
        return int(self._event.record_bytes) if lib.flight_ring_peek(self._ring, self._event) == 0 else 0

    def pack(
        self,
        out: bytearray | memoryview,
        offset: int,
        limit: int,
        now_ms: int,
        max_events: int,
        *,
        delta: bool = False,
    ) -> int:
        """Move events of the oldest one's channel straight into out[offset : offset + limit], with their ages.

        delta: code them against one another; the frame then needs the flag `delta`, and the peer must read it. It takes no
        more events than would fit `limit` as plain records too, so that whoever cannot read them can be given those.
        Returns the bytes written: 0 for an empty ring and where not even one event fits the limit.
        """
        if offset < 0 or limit < 0 or offset + limit > len(out):
            raise CallerError(
                "the room for a batch lies outside the buffer",
                value=(offset, limit, len(out)),
                next_step="use offset + limit <= len(out)",
            )
        if delta:
            pack = lib.python_delta_pack
            max_events = min(max_events, max(1, limit // (self._largest + _HEAD_BYTES)))
        else:
            pack = lib.python_pack
        packed = pack(self._ring, ffi.from_buffer(BYTES, out, True), offset, limit, now_ms, max_events)
        if packed == NO_ROOM:
            packed = 0
        events = (packed >> 20) & 0xFFFFF
        self.packed_events = events
        self.packed_channel = (packed >> 40) & 0xFFFF
        self.count -= events
        if not self.count:
            self._largest = 0
        return packed & 0xFFFFF
