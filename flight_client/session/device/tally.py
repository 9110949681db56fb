"""The counters of a client. They make the law of conservation checkable:

accepted = settled + queued + dropped, where settled = critical events acknowledged + lossy events handed to a transport,
less those that a dead link swallowed. The client adds what it accepted, what its queues hold, and what it dropped there.
"""

from .store import SendStore


class Tally:
    """Counters of one client since it was made. Integers only."""

    def __init__(self) -> None:
        self.critical_acked: int = 0  # events the gateway stored
        self.refused: int = 0  # events the gateway refused for good
        self.expired = 0  # critical events whose time was over after they were packed
        self.too_large = 0  # critical events that the gateway cannot take any more as they were packed
        self.lossy_settled: int = 0  # events handed to a transport and not known to be lost
        self.link_dropped: int = 0  # lossy events that a transport took with it when it died
        self.unconfirmed: int = 0  # lossy events whose fate went with the gateway's log
        self.lossy_handed: int = 0  # of this incarnation, as the gateway will count them
        self.lossy_confirmed: int = 0  # of those, stored by the gateway
        self.delivered_entries = 0
        self.duplicates = 0  # frames received twice
        self.resent_frames = 0
        self.forged = 0  # frames without their right tag
        self.connections = 0  # times the session became ready

    def acknowledged(self, store: SendStore) -> None:
        """Take what the store freed last."""
        self.critical_acked += store.acked_events

    def lossy_stored(self, count: int) -> None:
        """The gateway has stored this many lossy events so far; more may be on their way."""
        if self.lossy_confirmed < count <= self.lossy_handed:
            self.lossy_confirmed = count

    def lossy_refused(self, events: int) -> None:
        """The gateway refused lossy events instead of storing them."""
        if 0 < events <= self.lossy_handed - self.lossy_confirmed:
            self.lossy_handed -= events
            self.lossy_settled -= events
            self.refused += events

    def lossy_restart(self, count: int, log_replaced: bool = False) -> None:
        """On a new transport nothing is on its way: what was handed over and is not stored was lost with the link.

        With a new log, or a count below what was confirmed, the gateway has lost its store: then only what it had not
        yet confirmed is ours to count, as `unconfirmed`, because subscribers may have had it; the rest is a gap of the log.
        """
        log_replaced = log_replaced or count < self.lossy_confirmed
        lost = self.lossy_handed - (self.lossy_confirmed if log_replaced else count)
        if lost > 0:
            self.lossy_settled -= lost
            if log_replaced:
                self.unconfirmed += lost
            else:
                self.link_dropped += lost
        self.lossy_handed = count
        self.lossy_confirmed = count
