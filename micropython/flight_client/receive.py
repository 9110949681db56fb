"""From a delivered entry to the events in it."""

from micropython import const

from .records import Record

_COMPRESSED = const(4)
_DELTA = const(0x40)

_record = Record()


def hand_out(inbox, channel: str, received, coded, handler) -> int:
    """Call the handler for each event; how many there were, -1 where the batch cannot be read."""
    data = inbox.event_data
    at = inbox.event_records
    end = inbox.event_end
    flags = inbox.event_flags
    if flags:
        if coded is None:
            return -1
        data, at, end = _plain(data, at, end, flags, coded)
        if end < 0:
            return -1
    received.head(inbox.event_data, inbox.event_start)
    received.channel = channel
    received.data = data
    record = _record
    found = 0
    while at < end:
        size = record.next(data, at, end)
        if size < 0:
            return -1
        at += size
        received.layout = record.layout
        received.start = record.start
        received.end = record.end
        received.age(record.age)
        handler(received)
        found += 1
        if received.counter:
            received.counter += 1
    return found


def _plain(data, at: int, end: int, flags: int, out: bytearray):
    """The records as they stand without these flags: where, from, to; below 0 where they cannot be read."""
    if flags & _COMPRESSED:
        from .lz4 import decompress_into

        if flags & _DELTA:
            block = bytearray(len(out))
            end = decompress_into(data, at, end, block, len(block))
            data, at = block, 0
        else:
            return out, 0, decompress_into(data, at, end, out, len(out))
    if end >= 0 and flags & _DELTA:
        from .delta import DeltaReader

        end = DeltaReader().unpack_into(data, at, end, out, len(out))
    return out, 0, end
