"""The frame that goes out next, and the buffers that frames are built in.

`buffer` has the payload from offset 16 on, `count` bytes long; the driver seals the header in place. While events are
being packed, `at` and `room` say where their records go and how many bytes they may take, `most_events` how many may go, and
the driver may say with
`expires_ms`, `retries` and `retry_ms` how critical ones are to be treated (store.py, commit).
"""

from ..spec import HEADER_BYTES, HELLO_FRAME_BYTES, RETRY_COUNT, RETRY_INTERVAL_MS, TRAILER_BYTES


class Outgoing:
    """Header fields and payload of one frame; valid until the next poll()."""

    def __init__(self, frame_bytes: int):
        self.kind: int = 0
        self.flags: int = 0
        self.channel: int = 0
        self.seq: int = 0
        self.ack = 0
        self.count: int = 0
        self.at: int = 0
        self.room: int = 0
        self.most_events = 0
        self.expires_ms: int = 0
        self.retries: int = 0
        self.retry_ms: int = 0
        self.control: bytearray = bytearray(HELLO_FRAME_BYTES)  # of everything that is not events
        self.lossy: bytearray = bytearray(frame_bytes)
        self.large: bytearray = bytearray(0)  # a batch that is larger than a frame
        self.buffer: bytearray = self.control
        self.frame_room = frame_bytes  # largest frame that the peer and we can take
        self.behind_bytes = TRAILER_BYTES  # what may stand behind the payload: a trailer, and a tag where agreed on
        self.turn_bytes: int = 0  # of this turn so far

    def put(self, kind: int, flags: int, channel: int, seq: int, buffer: bytearray, count: int) -> None:
        """This frame goes out next; the caller sets its acknowledgement."""
        self.kind = kind
        self.flags = flags
        self.channel = channel
        self.seq = seq
        self.buffer = buffer
        self.count = count
        self.turn_bytes += HEADER_BYTES + count + self.behind_bytes - TRAILER_BYTES

    def pack_large(self, prefix_bytes: int, record_bytes: int) -> None:
        """One event that is larger than a frame is to be packed, into a buffer that is made for the first of them."""
        size = HEADER_BYTES + prefix_bytes + record_bytes
        if len(self.large) < size:
            self.large = bytearray(size)
        self.buffer = self.large
        self.at = HEADER_BYTES + prefix_bytes
        self.room = record_bytes

    def pack_into(self, buffer: bytearray, prefix_bytes: int) -> None:
        """Events are to be packed into this buffer, behind a prefix."""
        self.buffer = buffer
        self.at = HEADER_BYTES + prefix_bytes
        self.room = max(0, self.frame_room - self.at - self.behind_bytes)
        self.expires_ms = 0
        self.retries = RETRY_COUNT
        self.retry_ms = RETRY_INTERVAL_MS
