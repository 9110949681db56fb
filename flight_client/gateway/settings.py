"""What a gateway is started with: arguments over environment over defaults, each value checked before anything opens.

The environment has the names of the guide: WEBSOCKET_PORT, REALTIME_BROKER_URL, PLATFORM_MODE.
PLATFORM_MODE=production refuses what is meant for a desk: the memory engine, the development key and wildcard
origins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flight_client.errors import CallerError
from flight_client.gateway.engines import EngineLimits, check_engine_url
from flight_client.gateway.engines.base import HISTORY_BYTES
from flight_client.gateway.hub import HubLimits, SubscriberLimits
from flight_client.gateway.jwks_source import check_source
from flight_client.gateway.node_list import check_nodes, check_workers
from flight_client.gateway.proxies import check_proxies
from flight_client.session import spec

LAN_HOST = "0.0.0.0"  # noqa: S104  only where --lan asks for it

_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}", re.ASCII)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?", re.ASCII)
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", re.ASCII)

# argument -> environment variable
ENVIRONMENT = {
    "port": "WEBSOCKET_PORT",
    "tcp_port": "FLIGHT_TCP_PORT",
    "engine": "REALTIME_BROKER_URL",
    "mode": "PLATFORM_MODE",
    "host": "FLIGHT_HOST",
    "state_dir": "FLIGHT_STATE_DIR",
    "key_file": "FLIGHT_KEY_FILE",
    "device_keys": "FLIGHT_DEVICE_KEYS",
    "tls_cert": "FLIGHT_TLS_CERT",
    "tls_key": "FLIGHT_TLS_KEY",
    "jwks": "FLIGHT_JWKS",
    "channel_rules": "FLIGHT_CHANNELS",
    "alert_rules": "FLIGHT_ALERTS",
    "platforms_file": "FLIGHT_PLATFORMS",
    "audit_log": "FLIGHT_AUDIT_LOG",
    "allowed_origins": "FLIGHT_ALLOWED_ORIGINS",
    "allowed_hosts": "FLIGHT_ALLOWED_HOSTS",
    "channels_per_token": "FLIGHT_CHANNELS_PER_TOKEN",
    "sessions_per_token": "FLIGHT_SESSIONS_PER_TOKEN",
    "strangers": "FLIGHT_STRANGERS",
    "strangers_per_address": "FLIGHT_STRANGERS_PER_ADDRESS",
    "trusted_proxies": "FLIGHT_TRUSTED_PROXIES",
    "workers": "FLIGHT_WORKERS",
    "node": "FLIGHT_NODE",
    "nodes": "FLIGHT_NODES",
    "drain_s": "FLIGHT_DRAIN_S",
    "log_format": "FLIGHT_LOG_FORMAT",
    "channels": "FLIGHT_CHANNEL_LIMIT",
    "sessions": "FLIGHT_SESSIONS",
    "history_entries": "FLIGHT_HISTORY_ENTRIES",
    "history_bytes": "FLIGHT_HISTORY_BYTES",
    "history_age_s": "FLIGHT_HISTORY_AGE_S",
    "subscriber_entries": "FLIGHT_SUBSCRIBER_ENTRIES",
    "subscriber_bytes": "FLIGHT_SUBSCRIBER_BYTES",
}


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Valid by construction: a bad value is a CallerError with its name, the value and what is allowed."""

    host: str = "127.0.0.1"
    port: int = 8080  # 0 = any free port
    tcp: bool = True  # raw TCP on a second port
    tcp_port: int | None = None  # None = the one above `port`, where clients look for it; 0 = any free port
    engine: str = "memory:"
    mode: str = "development"  # development, or production, which refuses what is meant for a desk
    state_dir: Path = Path.home() / ".flight"  # where the development key is kept
    key_file: Path | None = None  # instead of the development key
    device_keys: Path | None = None  # of devices that authenticate their frames (device_keys.py)
    tls_cert: Path | None = None  # PEM chain; with it every port speaks TLS and nothing else
    tls_key: Path | None = None
    jwks: str = ""  # file or URL of public keys; with it the development key is not taken
    channel_rules: Path | None = None  # the channels file (channel_rules.py)
    alert_rules: Path | None = None  # the alerts file (alert_rules.py); without it the defaults hold
    platforms_file: Path | None = None  # platforms beside those of the specification (platform_file.py)
    audit_log: Path | None = None
    audit_log_bytes: int = 16 << 20  # then the file is turned over
    allowed_hosts: tuple[str, ...] = ()  # names beside this machine's own; addresses need none. "*" = any
    channels_per_token: int = 256  # names that the holders of a token may make
    sessions_per_token: int = 0  # of all devices of one subject; 0: as many as `sessions`
    allowed_origins: tuple[str, ...] = ()  # of browsers; none beside the gateway's own. "*" = any
    workers: int = 1  # processes of this machine that share the ports
    node: str = ""  # this gateway's own address among `nodes`
    nodes: tuple[str, ...] = ()  # of all gateways behind one balancer, as they reach each other
    drain_s: int = 10  # how long a stop waits for clients to go
    log_format: str = "text"  # or json
    channels: int = 1024  # names that may exist at a time
    sessions: int = spec.SESSIONS  # of one gateway, attached or not; then HELLO is refused as busy
    strangers: int = 1024  # connections that have not shown a token yet
    strangers_per_address: int = 256  # ... of one address; a proxy in front is one, unless it is trusted
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks of balancers whose X-Forwarded-For is believed
    history_entries: int = spec.HISTORY_ENTRIES  # entries that the log keeps of each channel
    history_bytes: int = HISTORY_BYTES  # bytes of them; the newest entry stays, however large
    history_age_s: int = 0  # seconds that it keeps them at most; 0: any time
    subscriber_entries: int = spec.SUBSCRIBER_ENTRIES  # entries that wait for one subscription; beyond it is told a gap
    subscriber_bytes: int = spec.SUBSCRIBER_BYTES  # bytes of them

    def __post_init__(self) -> None:
        _check_host("host", self.host)
        _check_number("port", self.port, 0, 65535)
        if self.tcp_port is not None:
            _check_number("tcp_port", self.tcp_port, 0, 65535)
            if self.tcp_port and self.tcp_port == self.port:
                raise _bad("tcp_port", self.tcp_port, "another port than the one of HTTP")
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise _bad(missing, None, "both --tls-cert FILE and --tls-key FILE, or neither")
        check_engine_url(self.engine)
        if self.mode not in ("development", "production"):
            raise _bad("mode", self.mode, "development or production")
        for origin in self.allowed_origins:
            _check_origin("allowed_origins", origin)
        for host in self.allowed_hosts:
            if host != "*" and _HOST_NAME.fullmatch(host) is None:
                raise _bad("allowed_hosts", host, "names without a port, as in flight.example, or *")
        check_source(self.jwks)
        _check_number("audit_log_bytes", self.audit_log_bytes, 4096, 1 << 40)
        _check_number("channels_per_token", self.channels_per_token, 1, 100_000)
        _check_number("sessions_per_token", self.sessions_per_token, 0, 1_000_000)
        check_proxies(self.trusted_proxies)
        check_nodes(self.node, self.nodes, self.engine)
        check_workers(self.workers, self.nodes, self.engine)
        _check_number("drain_s", self.drain_s, 0, 3600)
        if self.log_format not in ("text", "json"):
            raise _bad("log_format", self.log_format, "text or json")
        _check_number("channels", self.channels, 1, 100_000)
        _check_number("sessions", self.sessions, 1, 1_000_000)
        _check_number("strangers", self.strangers, 1, 1_000_000)
        _check_number("strangers_per_address", self.strangers_per_address, 1, 1_000_000)
        _check_number("history_entries", self.history_entries, 1, 100_000_000)
        _check_number("history_bytes", self.history_bytes, spec.MAX_FRAME_BYTES, 1 << 40)
        _check_number("history_age_s", self.history_age_s, 0, 10 * 366 * 86400)
        _check_number("subscriber_entries", self.subscriber_entries, 1, 1_000_000)
        # Two of the largest entries: less would drop what it cannot even hold.
        _check_number("subscriber_bytes", self.subscriber_bytes, 2 * spec.MAX_FRAME_BYTES, 1 << 30)
        if self.production:
            self._check_production()

    @property
    def production(self) -> bool:
        return self.mode == "production"

    @property
    def engine_limits(self) -> EngineLimits:
        return EngineLimits(history_entries=self.history_entries, history_bytes=self.history_bytes)

    @property
    def hub_limits(self) -> HubLimits:
        limits = SubscriberLimits(self.subscriber_entries, self.subscriber_bytes)
        return HubLimits(self.channels, limits, self.channels_per_token)

    def _check_production(self) -> None:
        if self.engine == "memory:":
            raise _bad(
                "engine", self.engine, "a durable engine in production mode: sqlite:PATH, redis://HOST or amqp://HOST"
            )
        if self.key_file is None and not self.jwks:
            raise _bad(
                "key_file",
                None,
                "keys in production mode, which does not use the development key: --jwks FILE or --key-file FILE",
            )
        if "*" in self.allowed_hosts:
            raise _bad("allowed_hosts", "*", "named hosts in production mode, as in flight.example")
        if "*" in self.allowed_origins:
            raise _bad("allowed_origins", "*", "named origins in production mode, as in https://tools.example")

    def check_key(self, development: bool) -> None:
        """Call with what the loaded key says of itself: a copied development key is refused in production."""
        if self.production and development:
            raise _bad("key_file", str(self.key_file), "a key that is not a development key in production mode")


def load_settings(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> GatewaySettings:
    """Settings from a command's arguments (None = not given) and the environment."""
    known = {field.name for field in fields(GatewaySettings)}
    values: dict[str, Any] = {}
    shown: dict[str, str] = {}  # names of the variables that values came from
    for name, variable in ENVIRONMENT.items():
        text = environment.get(variable, "")
        if text and arguments.get(name) is None:  # what an argument replaces need not be right
            values[name], shown[name] = _from_text(name, text, variable), variable
    for name, value in arguments.items():
        if name == "lan":
            continue
        if name not in known:
            raise _bad("the arguments", name, "a setting of " + ", ".join(sorted(known)))
        if value is not None:
            values[name] = _from_text(name, value, name) if isinstance(value, str) else value
    if arguments.get("lan") and arguments.get("host") is None:
        values["host"] = LAN_HOST
    for name in (
        "state_dir",
        "key_file",
        "device_keys",
        "tls_cert",
        "tls_key",
        "channel_rules",
        "alert_rules",
        "platforms_file",
        "audit_log",
    ):
        if isinstance(values.get(name), str):
            values[name] = Path(values[name])
    for name in ("allowed_origins", "allowed_hosts"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    try:
        return GatewaySettings(**values)
    except CallerError as error:
        name, space, rest = error.what.removeprefix("the ").partition(" ")
        if name not in shown:
            raise
        raise CallerError(shown[name] + space + rest, value=error.value, next_step=error.next_step) from None


def _from_text(name: str, text: str, shown: str) -> Any:
    return _READERS.get(name, _as_text)(text, shown)


def _as_text(text: str, _shown: str) -> str:
    return text


def _as_number(text: str, shown: str) -> int:
    if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) is None:
        raise _bad(shown, text, "a whole number")
    return int(text)


def _as_mode(text: str, shown: str) -> str:
    if text not in ("development", "production"):
        raise _bad(shown, text, "development or production")
    return text


def _as_origins(text: str, shown: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in origins:
        _check_origin(shown, origin)
    return origins


def _as_list(text: str, _shown: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _as_port(text: str, shown: str) -> int:
    port = _as_number(text, shown)
    _check_number(shown, port, 0, 65535)
    return port


_READERS: dict[str, Callable[[str, str], Any]] = {
    "port": _as_port,
    "tcp_port": _as_port,
    "mode": _as_mode,
    "allowed_origins": _as_origins,
    "allowed_hosts": _as_list,
    "audit_log_bytes": _as_number,
    "channels_per_token": _as_number,
    "sessions_per_token": _as_number,
    "nodes": _as_list,
    "trusted_proxies": _as_list,
    "workers": _as_number,
    "drain_s": _as_number,
    "channels": _as_number,
    "sessions": _as_number,
    "strangers": _as_number,
    "strangers_per_address": _as_number,
    "history_entries": _as_number,
    "history_bytes": _as_number,
    "history_age_s": _as_number,
    "subscriber_entries": _as_number,
    "subscriber_bytes": _as_number,
}


def _check_host(name: str, host: str) -> None:
    if _HOST.fullmatch(host) is None:
        raise _bad(name, host, "an address or a host name, as in 127.0.0.1")


def _check_number(name: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise _bad(name, value, f"a whole number from {low} to {high}")


def _check_origin(name: str, origin: str) -> None:
    if origin != "*" and _ORIGIN.fullmatch(origin) is None:
        raise _bad(name, origin, "origins without a path, as in https://tools.example or http://localhost:3000, or *")


def _bad(name: str, value: object, allowed: str) -> CallerError:
    return CallerError(f"{name} has a value that is not allowed", value=value, next_step=f"use {allowed}")
