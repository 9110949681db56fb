"""Events larger than a frame, on their way through a session of the gateway: pieces that come in, pieces that go out."""

from ..common.reassembly import WAIT, WHOLE, Reassembly, write_head
from ..spec import FRAGMENT_HEAD_BYTES
from .machine import FORGOTTEN

TYPE_CHECKING = False  # the tests run this role on MicroPython too, which cannot write the types
if TYPE_CHECKING:
    Taken = list[int]  # what GatewaySession.taken() gives


class Parts:
    """One message at a time in each lane. What lies here is at most what came in, and twice the limit."""

    def __init__(self, limit: int) -> None:
        self.frames: "list[Taken]" = []  # the sequenced pieces that wait for the rest of their message
        self._critical = Reassembly(limit)
        self._lossy = Reassembly(limit)

    @property
    def abandoned(self) -> int:
        """Messages that were begun and given up by their sender, or torn by a transport."""
        return self._critical.abandoned + self._lossy.abandoned

    def new_transport(self) -> None:
        """What was under way in the lossy lane is lost; sequenced pieces go on where they were."""
        self._lossy.abandon()

    def under_way(self) -> bool:
        """Whether a critical message waits for more pieces."""
        if self.frames and self.frames[0][1] == FORGOTTEN:
            self.give_up()  # something before it was refused: it comes again from its first piece
        return bool(self.frames)

    def give_up(self) -> "list[Taken]":
        """The critical message will not be finished. The frames that it took so far."""
        frames, self.frames = self.frames, []
        self._critical.abandon()
        return frames

    def take_critical(
        self, frame: "Taken", flags: int, channel: int, data: bytes, start: int, end: int
    ) -> "bytes | None":
        """The next sequenced piece: the whole payload with its last one, b'' before. None: it breaks the rules."""
        begins = end - start >= FRAGMENT_HEAD_BYTES and not any(data[start + 2 : start + 4])
        if self.under_way() == begins:
            return None
        self.frames.append(frame)
        verdict = self._critical.push(flags, channel, data, start, end)
        if verdict == WAIT:
            return b""
        return bytes(self._critical.buffer) if verdict == WHOLE else None

    def finish(self) -> "list[Taken]":
        """The frames of the message that take_critical() completed."""
        frames, self.frames = self.frames, []
        self._critical.buffer = bytearray()
        return frames

    def take_lossy(self, flags: int, channel: int, data: bytes, start: int, end: int) -> "bytes | None":
        """The next unsequenced piece: as take_critical(), but one that does not follow is only left out."""
        verdict = self._lossy.push(flags, channel, data, start, end)
        if verdict == WHOLE:
            whole = bytes(self._lossy.buffer)
            self._lossy.buffer = bytearray()
            return whole
        sound = end - start > FRAGMENT_HEAD_BYTES and (verdict == WAIT or any(data[start + 2 : start + 4]))
        return b"" if sound else None


def pieces_of(payload: bytes, message: int, room: int) -> "list[bytes]":
    """The payloads of the frames that carry this one, each of at most `room` bytes; the last one first, to pop()."""
    pieces = []
    chunk = room - FRAGMENT_HEAD_BYTES
    for number, at in enumerate(range(0, len(payload), chunk)):
        head = bytearray(FRAGMENT_HEAD_BYTES)
        write_head(head, 0, message & 0xFFFF, number, len(payload))
        pieces.append(bytes(head) + payload[at : at + chunk])
    pieces.reverse()
    return pieces
