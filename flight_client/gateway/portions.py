"""A stored entry for a subscriber that cannot be given the whole: its events in several DELIVERs, cut between records.

Each portion is a DELIVER of its own: offset and previous offset of the entry, counter of its first event. All but the last
say so, and how many events of the entry they and those before make up; a subscriber moves its offset with the last one.
What it has had already when its session is lost it tells in OPEN, so that no event comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from flight_client.errors import FrameError
from flight_client.gateway.engines.base import Entry, Portion, layout_bit
from flight_client.session.spec import PORTION_BYTES
from flight_client.wire.records import records


def portions(entry: Entry, room_bytes: int, had: int = 0, layouts_left_out: int = 0) -> tuple[list[Portion], bool]:
    """The events of an entry behind the first `had`, in DELIVER payloads of at most so many bytes.

    False: some are larger than that, or of a layout that is left out, and missing. What comes last is then not marked as
    the last portion, since the subscriber has to hear of the loss in its place.
    """
    try:
        data = entry.records
        found_records = records(data, 0, len(data))
    except FrameError:  # the gateway checks what it stores: a log that was damaged on its disk
        return [], False
    ends = [end for _, _, _, end in found_records]
    withheld = {number for number, (layout, *_) in enumerate(found_records) if layouts_left_out & layout_bit(layout)}
    room = room_bytes - len(entry.head()) - PORTION_BYTES
    groups = list(_groups(ends, room, had, withheld))
    whole = sum(last - first for first, last in groups) == max(0, len(ends) - had)
    found = []
    for first, last in groups:
        begin = ends[first - 1] if first else 0
        left = not (whole and last == len(ends))
        head = entry.head(first, last if left else 0)
        found.append(Portion(head + data[begin : ends[last - 1]], entry.counter, last - first))
    return found, whole


def _groups(ends: list[int], room: int, had: int, withheld: set[int]) -> Iterator[tuple[int, int]]:
    """Events that go together, as many as fit: number of the first, and of the one behind the last."""
    first = had
    for number in range(had, len(ends)):
        begin = ends[number - 1] if number else 0
        if ends[number] - begin > room or number in withheld:
            if first < number:
                yield first, number
            first = number + 1
        elif ends[number] - (ends[first - 1] if first else 0) > room:
            yield first, number
            first = number
    if first < len(ends):
        yield first, len(ends)
