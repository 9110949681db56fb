"""Sessions that are told: agreements, and payloads that are larger than a frame, both ways."""

from __future__ import annotations

import struct
from collections.abc import Callable

from flight_client.session.device import codes
from flight_client.session.spec import (
    CODE_STORE,
    FLAG_DELTA,
    FLAG_MORE,
    TRANSPORT_TCP,
    TYPE_ACK,
    TYPE_DELIVER,
    TYPE_REFUSED,
    TYPE_RESUMED,
    TYPE_SKIP,
)
from tests.twin import steps
from tests.twin.script import Script, refused


def large_events_go_in_pieces() -> Script:
    """Critical ones lie in a row of slots, lossy ones go at once; what turns out small goes in one frame."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE, unpacked_bytes=8000)
    script.connect()
    assert script.pack_large(3000, 3000) == codes.PACK_CRITICAL
    assert script.pack_large(2500, 2500, critical=False) == codes.PACK_LOSSY
    assert script.pack_large(2500, 900, critical=False) == codes.PACK_LOSSY
    assert script.pack_large(2500, 900) == codes.PACK_CRITICAL
    for critical, count in ((True, 60001), (False, 60001), (False, 70000), (True, 9000)):
        assert script.pack_large(count, 0, critical) == codes.TOO_LARGE
    for seq in (2, 3):
        refused(script, seq, CODE_STORE)
        script.run(after=2100)
    refused(script, 3)
    script.run()
    script.fail()
    while script.do(steps.ABANDON):
        pass
    return script


def a_piece_is_lost_with_its_link() -> Script:
    """The rest of a lossy payload does not go on over another transport."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE, unpacked_bytes=8000)
    script.connect()
    script.until_packing(critical=False)
    script.do(steps.PACK_LARGE, struct.pack("<I", 2500))
    script.packed(2500)
    script.waiting(0)
    script.fail()
    script.connect()
    return script


def pieces_wait_for_room() -> Script:
    """A large critical event waits until the store has slots in a row; its pieces expire together."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE, unpacked_bytes=8000)
    script.connect()
    script.do(steps.POKE, struct.pack("<BI", 5, 16))
    script.pack_frames(14)
    script.until_packing()
    assert script.do(steps.PACK_LARGE, struct.pack("<I", 3000)) == codes.NOTHING
    assert script.do(steps.POLL) not in (codes.PACK_CRITICAL, codes.PACK_LOSSY)
    script.do(steps.TURN_DONE)
    script.receive(TYPE_ACK, bytes(4), ack=14)
    script.expires_ms = 5000
    script.until_packing()
    script.do(steps.PACK_LARGE, struct.pack("<I", 3000))
    script.packed(3000)
    script.waiting(0)
    script.run()
    script.fail()
    script.run(after=20000)
    script.receive(TYPE_RESUMED, struct.pack("<4I", script.reference.session.generation, 14, 0, 250))
    assert codes.LETTER in script.run()
    script.receive(TYPE_REFUSED, struct.pack("<IBBHI", 16, 15, 0, 0, 1))
    script.run()
    return script


def pieces_get_new_counters() -> Script:
    """In a new incarnation a batch has another counter; it stands in its first piece."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE, unpacked_bytes=8000)
    script.connect()
    script.waiting(2)
    script.run()
    script.pack_large(3000, 3000)
    script.incarnation = b"another1"
    script.next_gateway()
    script.run()
    return script


def part_of_a_batch_is_acknowledged() -> Script:
    """No gateway does that: then a refusal of the rest is of something that is not under way."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE, unpacked_bytes=8000)
    script.connect()
    script.pack_large(3000, 3000)
    script.receive(TYPE_ACK, bytes(4), ack=2)
    assert refused(script, 3) == codes.BROKEN
    return script


def another_gateway_takes_less() -> Script:
    """What was packed for one gateway is written plain for the next, or given up."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE | FLAG_DELTA, unpacked_bytes=8000)
    script.packed_flags = FLAG_DELTA
    script.connect()
    for _ in range(2):
        script.waiting(2)
        script.run()
    script.pack_large(3000, 3000)
    script.packed_flags = 0
    script.until_packing()
    script.packed(800)
    script.waiting(0)
    script.run()
    refused(script, 1)
    script.run()
    script.next_gateway()
    script.run()
    script.flags = 0
    script.next_gateway()
    for record_bytes in (40, 0):
        while (command := script.do(steps.POLL)) != codes.RECODE and command != codes.NOTHING:
            pass
        script.do(steps.RECODED, struct.pack("<I", record_bytes))
    script.run()
    script.frame_bytes = 640
    script.next_gateway()
    assert codes.LETTER in script.run()
    return script


def pieces_for_a_smaller_gateway(unpacked_bytes: int, window_bytes: int, window: int) -> Script:
    """A row of pieces that the next gateway cannot put together, or take at once."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE, unpacked_bytes=8000)
    script.connect()
    script.pack_large(3000, 3000)
    script.unpacked_bytes, script.window_bytes = unpacked_bytes, window_bytes
    script.next_gateway(window)
    assert codes.LETTER in script.run()
    return script


def the_next_gateway_unpacks_less() -> Script:
    """The next gateway puts together less than was cut."""
    return pieces_for_a_smaller_gateway(2000, 1 << 20, 8)


def the_next_gateway_takes_fewer_bytes() -> Script:
    """The next gateway takes fewer bytes at once than all pieces have."""
    return pieces_for_a_smaller_gateway(60000, 2000, 8)


def the_next_gateway_takes_fewer_frames() -> Script:
    """The next gateway takes fewer frames at once than there are pieces."""
    return pieces_for_a_smaller_gateway(60000, 1 << 20, 2)


def frames_too_small_for_pieces() -> Script:
    """A gateway that grants frames with no room for a piece gets none; one with small windows neither."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE, unpacked_bytes=8000)
    script.frame_bytes = 28
    script.connect()
    assert script.pack_large(3000, 0) == codes.TOO_LARGE
    script.frame_bytes = 1024
    script.window_bytes = 2500
    script.next_gateway()
    assert script.pack_large(3000, 0) == codes.TOO_LARGE
    script.flags = 0
    script.next_gateway()
    assert script.pack_large(3000, 0) == codes.TOO_LARGE
    return script


def entries_come_in_pieces() -> Script:
    """Pieces are put together; what does not follow, or would be too large, breaks the protocol."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_MORE | FLAG_DELTA, unpacked_bytes=500)
    for name in (0, 1):
        script.do(steps.CHANNEL, struct.pack("<BBHBB", 3, 0, 0, name, 0))
    script.connect()
    first = struct.pack("<QQ", 5, 4) + bytes(24) + bytes(range(60))
    entry = struct.pack("<QQ", 6, 5) + bytes(24) + bytes(60)
    rest = entry[50:]

    def piece(number: int, part: bytes, total: int = 100, message: int = 7, channel: int = 1, flags: int = 0x0A) -> int:
        head = struct.pack("<HHI", message, number, total)
        return script.receive(TYPE_DELIVER, head + part, channel=channel, flags=flags)

    def broken(
        number: int, part: bytes, total: int = 100, message: int = 7, channel: int = 1, flags: int = 0x0A
    ) -> None:
        assert piece(number, part, total, message, channel, flags) == codes.BROKEN
        script.connect()

    assert piece(0, first[:50]) == codes.QUIET
    assert piece(1, first[50:]) == codes.DELIVERED
    broken(1, rest)
    for wrong in (
        (1, rest, 100, 8), (1, rest, 100, 7, 2), (2, rest), (1, rest, 99), (1, rest, 100, 7, 1, 0x4A), (1, rest + b"x"),
        (0, rest),
    ):  # fmt: skip
        piece(0, entry[:50])
        broken(*wrong)
    for number, part, total in ((0, rest, 501), (0, rest, 0), (0, b"", 100)):
        broken(number, part, total)
    for part in (entry[:10], entry[10:20]):
        piece(int(part != entry[:10]), part)
    broken(1, entry[10:20])
    piece(0, entry[:50])
    assert script.receive(TYPE_DELIVER, entry, channel=1) == codes.BROKEN
    script.connect()
    script.next_gateway()
    script.run()
    piece(0, entry[:50])
    for channel in (2, 1, 1):
        script.receive(TYPE_SKIP, b"", channel=channel)
    assert script.receive(TYPE_DELIVER, entry, channel=1) == codes.DELIVERED
    assert script.receive(TYPE_ACK, bytes(4), flags=FLAG_DELTA) == codes.BROKEN
    script.connect()
    return script


def grants_beyond_the_wishes() -> Script:
    """WELCOME may not grant what HELLO did not offer."""
    script = Script("vita", TRANSPORT_TCP, flags=FLAG_DELTA)
    script.do(steps.START)
    script.run()
    for flags, auth in ((FLAG_MORE, 0), (FLAG_DELTA, 1)):
        script.flags = flags
        assert script.welcome(auth=auth) == codes.BROKEN
        script.run(after=20000)
    script.flags = FLAG_DELTA
    script.window_bytes = 0
    assert script.welcome() == codes.BROKEN
    script.run(after=20000)
    script.window_bytes = 5000
    script.welcome()
    script.run()
    return script


PIECES: tuple[Callable[[], Script], ...] = (
    large_events_go_in_pieces,
    a_piece_is_lost_with_its_link,
    pieces_wait_for_room,
    pieces_get_new_counters,
    part_of_a_batch_is_acknowledged,
    another_gateway_takes_less,
    the_next_gateway_unpacks_less,
    the_next_gateway_takes_fewer_bytes,
    the_next_gateway_takes_fewer_frames,
    frames_too_small_for_pieces,
    entries_come_in_pieces,
    grants_beyond_the_wishes,
)
