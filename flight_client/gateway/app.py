"""The gateway as a server: one port for WebSocket, polling and the health page, a second one for raw TCP."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import socket

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from flight_client._tables import STRINGS
from flight_client.clock import monotonic_ms
from flight_client.errors import CallerError
from flight_client.gateway.aging import Aging
from flight_client.gateway.alert_events import AlertEvents
from flight_client.gateway.alert_rules import load_alert_rules
from flight_client.gateway.alerts import AlertWatch
from flight_client.gateway.auth import SigningKey, TokenVerifier
from flight_client.gateway.device_keys import load_device_keys
from flight_client.gateway.drain import Drain
from flight_client.gateway.engines import open_engine
from flight_client.gateway.forwarding import Forwarder
from flight_client.gateway.greeting import GOING_AWAY_RETRY_MS
from flight_client.gateway.hub import Hub
from flight_client.gateway.inside import MemoryListener
from flight_client.gateway.json_protocol.messages import MESSAGE_BYTES
from flight_client.gateway.json_protocol.polling import serve_json_poll
from flight_client.gateway.json_protocol.stream import serve_json_stream
from flight_client.gateway.left_out_events import LeftOutEvents
from flight_client.gateway.names import printable
from flight_client.gateway.node_list import hosts_of
from flight_client.gateway.pages import Pages
from flight_client.gateway.platform_file import register_platforms
from flight_client.gateway.polling import serve_poll
from flight_client.gateway.presence import Presence
from flight_client.gateway.proxies import Proxies
from flight_client.gateway.registry import Registry
from flight_client.gateway.rest.handlers import Rest
from flight_client.gateway.security import Security
from flight_client.gateway.settings import GatewaySettings
from flight_client.gateway.strangers import Strangers
from flight_client.gateway.stream import serve_stream
from flight_client.gateway.tcp import TcpListener
from flight_client.gateway.tls import TlsFiles
from flight_client.gateway.web_guard import WebGuard
from flight_client.session import spec
from flight_client.wire.records import skip_records

_log = logging.getLogger("flight.gateway")


def _of_ours(record: logging.LogRecord) -> bool:
    """Keep mistakes of this program with their traceback; a stranger who speaks no HTTP to us is worth one line."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | ConnectionError):
        return True
    _log.info("a request that is none: %s", printable(error))
    return False


_http_log = logging.getLogger("flight.gateway.http")
_http_log.addFilter(_of_ours)

_EXPIRE_S = 5.0
_SHUTDOWN_S = 2.0
_BACKLOG = 4096
INNER_HOST = "127.0.0.1"
_LINGER_S = 1.0  # how long the rest of a refused request is read, so that its sender gets to read why


class _Site(web.TCPSite):
    """The port of HTTP, with a gate before each connection."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, strangers: Strangers, *, shared: bool) -> None:
        super().__init__(runner, host, port, reuse_address=True, reuse_port=shared or None, backlog=_BACKLOG)
        self._strangers = strangers
        self._shared = shared or None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await web.BaseSite.start(self)
        assert self._runner.server is not None
        self._server = await asyncio.get_running_loop().create_server(
            self._strangers.gate(self._runner.server), self._host, self._port, backlog=_BACKLOG, reuse_address=True,
            reuse_port=self._shared,
        )  # fmt: skip


class Gateway:
    """A gateway in this process: start(), then stop(). All methods belong to one event loop."""

    def __init__(self, settings: GatewaySettings, inner_port: int = 0) -> None:
        """inner_port: of a worker, where the other workers of this machine ask it; its public ports it shares with them."""
        self.settings = settings
        self._inner_port = inner_port
        if settings.platforms_file is not None:
            register_platforms(settings.platforms_file)
        self.security: Security = Security(settings)
        engine = open_engine(settings.engine, skip_records, settings.engine_limits)
        self.hub: Hub = Hub(engine, settings.hub_limits, permit=self.security.permit)
        self._alert_events = AlertEvents(self.hub, settings.node)
        rules = load_alert_rules(settings.alert_rules)
        self.alerts: AlertWatch = AlertWatch(
            self.hub, settings.engine_limits, rules, monotonic_ms, self._alert_events.tell_change
        )
        device_keys = load_device_keys(settings.device_keys) if settings.device_keys else {}
        self.forwarder: Forwarder | None = Forwarder(settings.node, settings.nodes) if settings.nodes else None
        """The way to the other nodes behind the same balancer."""
        self.registry: Registry = Registry(
            self.hub,
            TokenVerifier(self.security.keys).verify_token,
            monotonic_ms,
            settings.sessions,
            device_keys=device_keys,
            revoked=self.security.withdrawn,
            prepare=self.security.keys.prepare,
            note=self.security.note,
            sessions_per_token=settings.sessions_per_token,
            node_tag=self.forwarder.tag if self.forwarder else b"",
        )
        self._aging = Aging(engine, settings.history_age_s, self.hub.now_ms)
        self.presence: Presence = Presence(self.registry, settings.node)
        self.left_out: LeftOutEvents = LeftOutEvents(self.hub, settings.node)
        self.port: int = settings.port
        self.tcp_port: int = 0
        """Of raw TCP; 0 while there is none."""
        self.tcp_absent = "" if settings.tcp else "switched off"
        """Why there is none."""
        self.tls: TlsFiles | None = (
            TlsFiles(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
        )
        self.stopping: bool = False
        """From stop() on: not ready for anybody."""
        self.proxies: Proxies = Proxies(settings.trusted_proxies)
        self.strangers: Strangers = Strangers(
            settings.strangers, settings.strangers_per_address, self.tls, self.proxies.trusts
        )
        self.rest: Rest = Rest(self.registry, self.strangers, self.forwarder)
        self._tcp = TcpListener(self.registry, self.strangers)
        self._runner: web.AppRunner | None = None
        self._site: _Site | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._listeners: list[MemoryListener] = []

    @property
    def key(self) -> SigningKey:
        """What this gateway may make tokens with. CallerError when it only checks them."""
        return self.security.signing_key()

    async def start(self) -> None:
        """Open the engine and the ports. Raises CallerError when a port is taken, LinkError when the log is not to be had."""
        await self.security.start()
        await self.hub.start()
        hosts = self.settings.allowed_hosts + hosts_of(self.settings.nodes)
        guard = WebGuard(self.settings.allowed_origins, hosts, self.settings.host)
        app = web.Application(
            client_max_size=MESSAGE_BYTES, middlewares=[self.proxies.middleware(self.strangers), guard.middleware]
        )
        app.router.add_get(STRINGS["stream_path"], self._stream)
        app.router.add_post(STRINGS["poll_path"], self._poll)
        Pages(self).add_to(app.router)
        self.rest.add_to(app.router)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_http_log,
            shutdown_timeout=_SHUTDOWN_S,
            lingering_time=_LINGER_S,
            max_line_size=4096,
            max_field_size=8192,
            auto_decompress=False,  # nothing of ours is compressed, so a body is as large as it looks
        )
        await self._runner.setup()
        shared = bool(self._inner_port)
        try:
            self._site = _Site(self._runner, self.settings.host, self.settings.port, self.strangers, shared=shared)
            await self._site.start()
        except OSError as error:
            await self.stop()
            raise self._taken(self.settings.port, "--port", error) from error
        for address in self._runner.addresses:
            self.port = int(address[1])
        if self._inner_port:
            # Whoever gets here is on this machine, and needs a session's proof as everywhere.
            await web.TCPSite(self._runner, INNER_HOST, self._inner_port, reuse_port=True, backlog=_BACKLOG).start()
        if self.settings.tcp:
            await self._open_tcp()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        self._aging.start()

    async def _open_tcp(self) -> None:
        """The second port. One that nobody asked for by number may be taken: clients then step down to WebSocket."""
        asked = self.settings.tcp_port
        port = self.port + 1 if asked is None else asked
        try:
            if port > 65535:
                raise OSError(errno.EADDRNOTAVAIL, "there is no port above 65535")
            await self._tcp.open(self.settings.host, port, shared=bool(self._inner_port))
            self.tcp_port = self._tcp.port
        except OSError as error:
            if asked is not None:
                await self.stop()
                raise self._taken(port, "--tcp-port", error) from error
            self.tcp_absent = f"port {port}: {error.strerror}"
            _log.warning("no raw TCP: port %s cannot be opened (%s); see --tcp-port", port, error.strerror)

    def _taken(self, port: int, option: str, error: OSError) -> CallerError:
        return CallerError(
            what=f"port {port} on {self.settings.host} cannot be opened",
            value=error.strerror,
            next_step=f"stop what uses it, or choose another with {option} (0 takes any free one)",
        )

    async def drain(self) -> tuple[int, int]:
        """Before stop(): take no new connections, send the clients away, wait for them to go, at most drain_s.

        Returns how many were told, and how many of them had not gone in time.
        """
        assert self._site is not None
        await self._site.stop()  # the other workers may ask on: a device that polls has to hear that it is sent away
        self._tcp.stop_listening()
        drain = Drain(self.registry, monotonic_ms, secrets.randbits)
        left = await drain.run(self.settings.drain_s * 1000)
        return drain.told, left

    async def stop(self) -> None:
        """Tell every client to come back later, store what is queued, close."""
        self.stopping = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for session in self.registry.sessions():
            session.end_transport(spec.CODE_GOING_AWAY, GOING_AWAY_RETRY_MS, "the gateway stops")
        await self._tcp.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self.forwarder is not None:
            await self.forwarder.close()
        self.strangers.close()
        for listener in self._listeners:
            await listener.close()
        await self._aging.close()
        await self.alerts.probe.close()
        self.presence.close()
        await self.hub.close()
        await self.security.close()

    def listen_in_memory(self) -> MemoryListener:
        """Accept connections from this process, without a socket; closed by stop()."""
        listener = MemoryListener(self.registry)
        self._listeners.append(listener)
        return listener

    def addresses(self) -> list[str]:
        """The addresses to give to a device, the likeliest first."""
        host = self.settings.host
        scheme = "http" if self.tls is None else "https"
        if host not in ("0.0.0.0", "::"):  # noqa: S104 - only compared
            return [f"{scheme}://{host}:{self.port}"]
        return [f"{scheme}://{found}:{self.port}" for found in (*_lan_addresses(), "127.0.0.1")]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRE_S)
            self.security.look(self.registry)
            self.registry.expire()
            self.announce_spread()
            self.alerts.look()
            self._alert_events.go_on()
            self.presence.look()
            self.left_out.look()
            if self.tls is not None:
                self.tls.reload_if_changed()

    def announce_spread(self) -> None:
        """Let each heartbeat say how widely clients spread their first retry now: who came first knows of the fleet too."""
        spread_ms = self.registry.spread_ms()
        for peer in self.registry.peers():
            peer.session.spread_ms = spread_ms

    def reload_certificate(self) -> None:
        """Read certificate and key again now: for SIGHUP. Without TLS there is nothing to read."""
        if self.tls is not None:
            self.tls.reload()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """The first of the client's subprotocols that we speak."""
        serve = {STRINGS["subprotocol"]: serve_stream, STRINGS["json_subprotocol"]: serve_json_stream}
        offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        for name in offered:
            if name in serve:
                return await serve[name](self.registry, request, self.strangers)
        shown = ", ".join(filter(None, offered)) or "nothing"
        return web.Response(status=400, text=f"this gateway speaks {' and '.join(serve)}, offered was: {shown}\n")

    async def _poll(self, request: web.Request) -> web.StreamResponse:
        if request.content_type == "application/json":
            return await serve_json_poll(self.registry, request, self.strangers, self.forwarder)
        return await serve_poll(self.registry, request, self.strangers, self.forwarder)


def _lan_addresses() -> list[str]:
    """Addresses of this machine on its networks; nothing is sent."""
    found: list[str] = []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # a documentation address: the routing table alone answers
            found.append(str(probe.getsockname()[0]))
    except OSError:
        _log.debug("no route to any network")
    return [address for address in found if not address.startswith("127.")]
