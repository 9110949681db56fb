"""The gateway in figures, in the text form of Prometheus 0.0.4.

Written by hand: a page of sixty lines from counters that exist anyway needs no registry of its own. Names and labels are
ours alone; nothing that a client says becomes a label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flight_client._tables import CODES
from flight_client.version import __version__

if TYPE_CHECKING:
    from flight_client.gateway.app import Gateway

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_CODES = {code["value"]: code["name"] for code in CODES}
_TRANSPORTS = ("tcp", "websocket", "polling", "memory", "json-websocket", "json-polling")

Sample = tuple[Mapping[str, str], float]


def metrics_text(gateway: Gateway) -> str:
    """The whole page."""
    lines: list[str] = []
    for name, kind, text, samples in _families(gateway):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        for labels, value in samples:
            shown = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels.items())
            lines.append(f"{name}{{{shown}}} {value:.17g}" if shown else f"{name} {value:.17g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _one(value: float) -> list[Sample]:
    return [({}, value)]


def _by(label: str, values: Mapping[str, float]) -> list[Sample]:
    return [({label: name}, value) for name, value in values.items()]


def _by_code(counts: Mapping[int, int]) -> list[Sample]:
    """Every code, so that a rate begins at 0 and not at the first trouble."""
    return [({"code": name}, counts.get(code, 0)) for code, name in _CODES.items() if code]


def _families(gateway: Gateway) -> Iterable[tuple[str, str, str, list[Sample]]]:
    """Name, kind, help and samples of each."""
    registry, hub, strangers, rest = gateway.registry, gateway.hub, gateway.strangers, gateway.rest
    counters, events, health = registry.counters, hub.counters(), hub.engine.health()
    attached = Counter(session.transport for session in registry.sessions() if session.attached)
    taken, given = registry.frames()
    yield (
        "flight_info", "gauge", "What runs here; always 1.",
        [({"version": __version__, "engine": hub.engine.name}, 1)],
    )  # fmt: skip
    yield (
        "flight_sessions_attached", "gauge", "Sessions whose client is connected.",
        _by("transport", {name: attached[name] for name in _TRANSPORTS}),
    )  # fmt: skip
    yield "flight_sessions", "gauge", "Sessions, those between two connections too.", _one(len(registry))
    yield "flight_sessions_limit", "gauge", "Sessions that may be open.", _one(gateway.settings.sessions)
    yield "flight_hellos_total", "counter", "HELLOs, accepted or not.", _one(counters.hellos)
    yield "flight_hellos_refused_total", "counter", "HELLOs that were refused.", _by_code(counters.by_code)
    yield "flight_attaches_total", "counter", "Attempts to go on with a session.", _one(counters.attaches)
    yield "flight_resets_total", "counter", "Attempts that were answered with RESET.", _one(counters.resets)
    yield "flight_sessions_expired_total", "counter", "Sessions that ended in silence.", _one(counters.expired)
    yield "flight_sessions_revoked_total", "counter", "Sessions whose token was revoked.", _one(counters.revoked)
    yield (
        "flight_frames_total", "counter", "Frames and messages of JSON in sessions.",
        _by("direction", {"in": taken, "out": given}),
    )  # fmt: skip
    yield "flight_frames_malformed_total", "counter", "Frames that could not be read.", _one(counters.malformed)
    yield "flight_frames_forged_total", "counter", "Of those, frames without their right tag.", _one(counters.forged)
    yield "flight_batches_total", "counter", "Batches handed to the engine.", _one(events.batches)
    yield (
        "flight_events_published_total", "counter", "Events handed to the engine, by what became of them.",
        _by("result", {"stored": events.stored, "duplicate": events.duplicate, "failed": events.failed}),
    )  # fmt: skip
    yield "flight_events_refused_total", "counter", "Events that sessions refused.", _by_code(hub.refused)
    yield "flight_events_conflicting_total", "counter", "Events with counters of others.", _one(events.conflicts)
    yield (
        "flight_events_subscribers_total", "counter", "Events for subscribers, by what became of them.",
        _by("result", {"delivered": events.delivered, "dropped": events.dropped}),
    )  # fmt: skip
    yield "flight_channels", "gauge", "Channels.", _one(len(hub.channels()))
    yield "flight_subscribers", "gauge", "Open subscriptions.", _one(hub.subscribers())
    yield "flight_strangers", "gauge", "Connections that have not shown a token yet.", _one(len(strangers))
    yield "flight_strangers_refused_total", "counter", "Connections over the limits.", _one(strangers.refused)
    yield "flight_strangers_cut_total", "counter", "Connections that took too long.", _one(strangers.cut)
    yield "flight_rest_requests_total", "counter", "Requests to REST.", _one(rest.answered)
    refused = {name: rest.refused.get(name, 0) for name in _CODES.values() if name != "ok"}
    yield "flight_rest_refused_total", "counter", "Requests to REST that were refused.", _by("code", refused)
    yield "flight_engine_up", "gauge", "Whether the engine stores and reads.", _one(health.ok)
    yield "flight_engine_queued_batches", "gauge", "Batches that wait for the engine.", _one(health.queued)
    yield "flight_engine_queued_bytes", "gauge", "Their bytes.", _one(health.queued_bytes)
    yield "flight_engine_failed_appends_total", "counter", "Appends that failed.", _one(health.failed)
    yield "flight_engine_queue_fill", "gauge", "Share of the engine's queue in use.", _one(gateway.alerts.queue_fill())
    lag_s = gateway.alerts.probe.lag_ms() / 1000
    yield "flight_engine_lag_seconds", "gauge", "How long the engine takes to answer.", _one(lag_s)
    yield (
        "flight_alert_raised", "gauge", "Whether an alert of the alerts file is raised.",
        _by("alert", gateway.alerts.raised()),
    )  # fmt: skip
    if gateway.tls is not None:
        end = gateway.tls.expires.timestamp()
        yield "flight_certificate_expires_seconds", "gauge", "When the certificate ends, since 1970.", _one(end)
        trouble = bool(gateway.tls.trouble)
        yield "flight_certificate_trouble", "gauge", "Whether newer files cannot be used.", _one(trouble)
