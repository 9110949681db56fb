"""The counters of a client, put together from where each is kept."""

from __future__ import annotations

from .nodes import Nodes
from .observe import Counters, Outcome
from .outbox import Outbox
from .session.device.machine import DeviceSession


def queued_events(session: DeviceSession, outbox: Outbox) -> int:
    """Events accepted and neither settled nor dropped."""
    return outbox.waiting + session.store.events_held


def count(
    session: DeviceSession, outbox: Outbox, nodes: Nodes | None, delivered: int, refused_from_threads: int, errors: int
) -> Counters:
    """A snapshot. refused_from_threads: events that found no room on their way to the loop. errors: of callbacks."""
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
        queued=queued_events(session, outbox),
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
