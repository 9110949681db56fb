"""Two batches with one idempotency key and different bodies: a device that breaks its own counters.

The key of a critical event is (device id, incarnation, counter). What the mark knows is that a counter was stored, not
what it stood for, so a second body under the same key is acknowledged and never stored. That is the rule; here it is only
noticed, as far as it is cheap: for the last batches of the devices that sent last, by checksum, within this process.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict, deque

Key = tuple[str, bytes]  # device id, incarnation

BATCHES = 32  # per device and incarnation: what a window may hold and send again
KEYS = 2048


class Fingerprints:
    """Checksums of the last batches, by the counter of their first event."""

    def __init__(self, batches: int = BATCHES, keys: int = KEYS) -> None:
        self._batches = batches
        self._keys = keys
        self._seen: OrderedDict[Key, deque[tuple[int, int]]] = OrderedDict()

    def differs(self, key: Key, counter: int, check: int) -> bool:
        """Whether a stored batch with this first counter had another checksum."""
        seen = self._seen.get(key)
        if not seen or counter > seen[-1][0]:  # as nearly always
            return False
        return any(known == counter and other != check for known, other in seen)

    def stored(self, key: Key, counter: int, check: int) -> None:
        """Note a batch that is in the log; one that failed comes again, perhaps with other events."""
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = deque(maxlen=self._batches)
            if len(self._seen) > self._keys:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(key)
        if not seen or counter > seen[-1][0]:
            seen.append((counter, check))


def checksum(channel: str, records: bytes) -> int:
    """What tells two batches apart."""
    return zlib.crc32(records, zlib.crc32(channel.encode()))
