"""Pages about the gateway itself: health for a person, liveness and readiness for what restarts and balances, metrics.

None of them needs a token, so none of them names a device, a channel or a key; numbers only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from flight_client._tables import CODES, STRINGS
from flight_client.gateway.metrics import METRICS_TYPE, metrics_text
from flight_client.session import spec
from flight_client.version import __version__

if TYPE_CHECKING:
    from flight_client.gateway.app import Gateway

_HEADERS = {"Cache-Control": "no-store"}
_CODES = {code["value"]: code["name"] for code in CODES}


class Pages:
    """Of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Their paths."""
        router.add_get(STRINGS["health_path"], self._health)
        router.add_get(STRINGS["live_path"], self._live)
        router.add_get(STRINGS["ready_path"], self._ready)
        router.add_get(STRINGS["metrics_path"], self._metrics)

    async def _live(self, _request: web.Request) -> web.Response:
        """That this answers is all it says: a process whose event loop hangs does not."""
        return web.json_response({"status": "alive"}, headers=_HEADERS)

    async def _ready(self, _request: web.Request) -> web.Response:
        """Whether new clients belong here now, and if not, why."""
        reasons = self._reasons()
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200, headers=_HEADERS)

    def _reasons(self) -> list[str]:
        gateway = self._gateway
        health = gateway.hub.engine.health()
        reasons = []
        if gateway.stopping or gateway.registry.draining:
            reasons.append("the gateway stops")
        if not health.ok:
            reasons.append(f"the engine: {health.text}")
        if len(gateway.registry) >= gateway.settings.sessions:
            reasons.append(f"{len(gateway.registry)} sessions are open, which is the limit")
        return reasons

    async def _metrics(self, _request: web.Request) -> web.Response:
        text = metrics_text(self._gateway)
        return web.Response(body=text.encode(), headers={**_HEADERS, "Content-Type": METRICS_TYPE})

    async def _health(self, _request: web.Request) -> web.Response:
        gateway = self._gateway
        health = gateway.hub.engine.health()
        counters = gateway.registry.counters
        hub = gateway.hub.counters()
        tls: dict[str, Any] | None = None
        if gateway.tls is not None:
            tls = {
                "expires": gateway.tls.expires.isoformat(),
                "reloads": gateway.tls.reloads,
                "trouble": gateway.tls.trouble,
            }
        body = {
            "status": "draining" if gateway.registry.draining else "ok" if health.ok else "failing",
            "version": __version__,
            "protocol": spec.VERSION,
            "ports": {"http": gateway.port, "tcp": gateway.tcp_port or None, "tcp_absent": gateway.tcp_absent},
            "tls": tls,
            "engine": {"name": gateway.hub.engine.name, "ok": health.ok, "text": health.text, "queued": health.queued},
            "epoch": gateway.hub.epoch.hex(),
            "sessions": {
                "open": len(gateway.registry),
                "attached": sum(1 for session in gateway.registry.sessions() if session.attached),
                "refused": {_CODES.get(code, str(code)): count for code, count in counters.by_code.items()},
                "malformed": counters.malformed,
                "forged": counters.forged,
            },
            "strangers": {
                "open": len(gateway.strangers),
                "refused": gateway.strangers.refused,
                "cut": gateway.strangers.cut,
            },
            "forwarded": gateway.forwarder.forwarded if gateway.forwarder else 0,
            "channels": len(gateway.hub.channels()),
            "subscribers": gateway.hub.subscribers(),
            "events": {
                "published": hub.published,
                "stored": hub.stored,
                "duplicate": hub.duplicate,
                "failed": hub.failed,
                "delivered": hub.delivered,
                "dropped": hub.dropped,
            },
        }
        return web.json_response(body, status=200 if body["status"] == "ok" else 503, headers=_HEADERS)
