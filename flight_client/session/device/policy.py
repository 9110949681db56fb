"""When to try again, and over which transport. Data from the profile, numbers in, numbers out.

A transport counts as working only after a frame came back on it. After the profile's number of failures without one we
step down; when the last transport failed as often, we start again at the top. On a lower transport we probe the next
better one on a throw-away connection, first 5 s after the step down, then 30 s doubling to 10 min; an upgrade that dies
within 60 s doubles the wait once more.

The application may judge each failure (recover of machine.py): take one transport now, or back off sooner: a failure after a
healthy connection counts, so that the one behind it waits longer. Everything else stays as it is.

Waits have full jitter between the profile's floor and a doubling ceiling; the first retry after a healthy connection is
uniform over the spread that the gateway announced, so that a fleet does not come back in one instant.
"""

from ..common.clock import LONGEST_MS, elapsed, later
from ..common.profile import Profile
from ..spec import (
    HEALTHY_MS,
    PROBE_BASE_MS,
    PROBE_CAP_MS,
    PROBE_FIRST_MS,
    RECONNECT_SPREAD_MS,
    UPGRADE_HEALTHY_MS,
)

_RANDOM_RANGE = 65536


def uniform(low: int, high: int, random: int) -> int:
    """A number from low to high, from 16 random bits."""
    if high <= low:
        return low
    span = high - low + 1
    if span < 8192:  # the product stays below 2^30
        return low + span * random // _RANDOM_RANGE
    return low + (span >> 4) * random // (_RANDOM_RANGE >> 4)


class Policy:
    """Retry, step down, probe and step up for one client."""

    def __init__(self, profile: Profile, transports: tuple[int, ...]):
        self.transports = transports
        self.index: int = 0
        self.switches: int = 0  # changes of transport so far
        self.failed_total: int = 0  # failures of connections so far
        self.spread_ms: int = RECONNECT_SPREAD_MS
        self.probe_at: int = 0
        self.probing: bool = False
        self._profile = profile
        self._attempt = 0  # failures since the last healthy connection
        self._failures = 0  # failures of this transport without a frame back
        self._ready_at = 0
        self._was_ready = False
        self._upgraded = False  # the present connection is an upgrade on trial
        self._flapped = False  # the last upgrade died on trial
        self._stepped_down = False
        self._probe_wait_ms = PROBE_BASE_MS
        self._hint_ms = -1

    def transport(self) -> int:
        """The transport to use now (spec: transports)."""
        return self.transports[self.index]

    def heard(self) -> None:
        """A frame came back: this transport works."""
        self._failures = 0

    def ready(self, now: int) -> None:
        """The session is attached on this transport."""
        self._failures = 0
        self._was_ready = True
        self._ready_at = now
        wait = PROBE_FIRST_MS if self._stepped_down and not self._flapped else self._probe_wait_ms
        self._stepped_down = False
        self.probing = False
        self.probe_at = later(now, wait)

    def hint(self, retry_after_ms: int) -> None:
        """The gateway said when to come back; obeyed at the next wait."""
        self._hint_ms = min(retry_after_ms, LONGEST_MS)

    def announce(self, spread_ms: int) -> None:
        """The gateway said over how long its clients spread their first retry; 0 says nothing."""
        if spread_ms > 0:
            self.spread_ms = min(spread_ms, LONGEST_MS)

    def failed(self, now: int) -> None:
        """The transport could not be opened, died, or stayed silent."""
        lived = elapsed(now, self._ready_at) if self._was_ready else 0
        self._was_ready = False
        self.failed_total = self.failed_total + 1 & 0xFFFFFF
        self._judge_upgrade(lived)
        if lived >= HEALTHY_MS:
            self._attempt = 0
            return
        self._attempt += 1
        self._failures += 1
        if len(self.transports) > 1 and self._failures >= max(1, self._profile.max_retries):
            self._failures = 0
            self.index += 1
            self._stepped_down = True
            if self.index == len(self.transports):
                self.index = 0
                self._stepped_down = False
            self.switches += 1

    def use(self, transport: int) -> None:
        """The next attempt is on this transport, where it is one of ours."""
        for index in range(len(self.transports)):
            if self.transports[index] == transport and index != self.index:
                self._stepped_down = index > self.index
                self.index = index
                self.switches += 1
                self._failures = 0
                return

    def back_off(self) -> None:
        """Count the last failure though the connection was healthy: the present wait stays, the next one is longer."""
        self._attempt = max(self._attempt, 1)

    def paused(self, now: int) -> None:
        """The application gave the connection up: no failure, so nothing is spent. An upgrade stays on trial."""
        if self._was_ready and elapsed(now, self._ready_at) >= HEALTHY_MS:
            self._attempt = 0
        self._was_ready = False
        self.probing = False

    def wait_ms(self, random: int) -> int:
        """How long to wait before the next attempt; `random` is 16 random bits."""
        if self._hint_ms >= 0:
            wait = self._hint_ms + uniform(0, self.spread_ms, random)
            self._hint_ms = -1
            return wait
        if self._attempt == 0:
            return uniform(0, self.spread_ms, random)
        # A fleet stays spread when it fails again: nobody comes twice while the others come for the first time.
        floor = max(self._profile.backoff_floor_ms, self.spread_ms)
        ceiling = max(self._profile.connect_retry_interval_ms, 2 * self.spread_ms)
        doublings = self._attempt - 1
        while doublings > 0 and ceiling < self._profile.backoff_cap_ms:
            ceiling *= 2
            doublings -= 1
        return uniform(floor, min(ceiling, max(self._profile.backoff_cap_ms, 2 * self.spread_ms)), random)

    def probe_due(self, now: int) -> bool:
        """Whether the better transport is to be probed now."""
        return (
            self._profile.probe != 0
            and self.index > 0
            and not self.probing
            and self._was_ready
            and elapsed(now, self.probe_at) >= 0
        )

    def probe_wait_ms(self, now: int, wait_ms: int) -> int:
        """`wait_ms`, or less when a probe is due before."""
        if self._profile.probe == 0 or self.index == 0 or self.probing or not self._was_ready:
            return wait_ms
        return min(wait_ms, -elapsed(now, self.probe_at))

    def probe_target(self) -> int:
        """The transport that a probe tries; 0 where there is no better one."""
        return self.transports[self.index - 1] if self.index else 0

    def probe_failed(self, now: int) -> None:
        """The better transport did not answer: ask again later."""
        self.probing = False
        self.probe_at = later(now, self._probe_wait_ms)
        self._double_probe_wait()

    def upgrade(self) -> None:
        """The better transport answered: use it from now on."""
        self.probing = False
        self.index -= 1
        self.switches += 1
        self._failures = 0
        self._was_ready = False
        self._upgraded = True

    def _judge_upgrade(self, lived_ms: int) -> None:
        if lived_ms >= UPGRADE_HEALTHY_MS:
            self._flapped = False
            if self._upgraded or self.index == 0:
                self._probe_wait_ms = PROBE_BASE_MS
        elif self._upgraded:
            self._flapped = True
            self._double_probe_wait()
        self._upgraded = False

    def _double_probe_wait(self) -> None:
        self._probe_wait_ms = min(self._probe_wait_ms * 2, PROBE_CAP_MS)
