"""The counters of a client, put together from where each is kept."""

from __future__ import annotations

import dataclasses

from .nodes import Nodes
from .observe import Outcome
from .outbox import Outbox
from .session.device.machine import DeviceSession


@dataclasses.dataclass(frozen=True, slots=True)
class Counters:
    """A snapshot of a client's counters.

    At any moment accepted == settled + queued + sum(dropped.values()). settled = critical events acknowledged + lossy
    events handed to a transport. Refused emits were never accepted and stand apart. Of the dropped events the critical ones
    lie among the dead letters: `dead_letters` are there now, `dead_letters_dropped` had no room there any more.
    callback_errors: how often a hook, or another function that the application gave, raised.
    """

    accepted: int
    acked: int
    settled: int
    queued: int
    dropped: dict[str, int]
    dead_letters: int
    dead_letters_dropped: int
    refused_emits: dict[str, int]
    delivered: int
    duplicates: int
    resent_frames: int
    connections: int
    reconnects: int
    transport_switches: int
    forged: int = 0  # frames without their right authentication tag
    callback_errors: int = 0

    @property
    def law_holds(self) -> bool:
        """Whether every accepted event has exactly one visible fate."""
        return self.accepted == self.settled + self.queued + sum(self.dropped.values())


def count(
    session: DeviceSession,
    outbox: Outbox,
    nodes: Nodes | None,
    queued: int,
    delivered: int,
    refused_from_threads: int,
    errors: int,
) -> Counters:
    """A snapshot. queued: events accepted and neither settled nor dropped. refused_from_threads: events that found no room on their way to the loop. errors: of callbacks."""
    tally = session.tally
    dropped = {**outbox.dropped, "link": tally.link_dropped, "unconfirmed": tally.unconfirmed}
    dropped["refused"] = tally.refused
    dropped["expired"] += tally.expired
    dropped["too-large"] += tally.too_large
    refused = {outcome.name.lower(): number for outcome, number in outbox.refused_emits.items()}
    if refused_from_threads:
        full = Outcome.REFUSED_FULL.name.lower()
        refused[full] = refused.get(full, 0) + refused_from_threads
    return Counters(
        accepted=outbox.accepted,
        acked=tally.critical_acked,
        settled=tally.critical_acked + tally.lossy_settled,
        queued=queued,
        dropped=dropped,
        dead_letters=len(outbox.letters),
        dead_letters_dropped=outbox.letters.dropped,
        refused_emits=refused,
        delivered=delivered,
        duplicates=tally.duplicates,
        resent_frames=tally.resent_frames,
        connections=tally.connections,
        reconnects=max(0, tally.connections - 1),
        transport_switches=session.policy.switches - (nodes.taken_back if nodes else 0),
        forged=tally.forged,
        callback_errors=errors,
    )
