"""Run a gateway: devices and host tools connect to it.

It binds to this machine only, until --lan or --host opens it. The first start makes a development key in the state
folder; whoever has a token made with it may connect.

examples:
  flight gateway                                  this machine only, events kept in ~/.flight/log.sqlite
  flight gateway --lan                            consoles on the network can connect
  flight gateway --engine memory: --port 9000     nothing is kept
  flight gateway --engine redis://localhost       shares its events with every gateway on that Redis
  flight gateway --print-token --device my-dc     a token for one device; then paste it into the program

Limits, trusted proxies and what else has no option are set in the environment: docs/operations.md lists them all.

SIGTERM drains it: it takes no more connections, tells its clients when to come back, waits for them to go, and stops. A
second SIGTERM or Ctrl-C stops it at once.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from flight_client.cli.log_format import json_line, set_up
from flight_client.cli.loop import run_loop
from flight_client.cli.serving import serve
from flight_client.cli.workers_unix import supervise
from flight_client.errors import CallerError
from flight_client.gateway.app import Gateway
from flight_client.gateway.auth import DEVELOPMENT_LIFETIME_S, make_token
from flight_client.gateway.security import own_key
from flight_client.gateway.settings import GatewaySettings, load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight gateway`."""
    parser.add_argument("--port", help="port to listen on (environment WEBSOCKET_PORT; default 8080; 0: any free one)")
    second = parser.add_mutually_exclusive_group()
    second.add_argument(
        "--tcp-port",
        metavar="PORT",
        help="port of raw TCP (environment FLIGHT_TCP_PORT; default: the one above --port, where clients look for it)",
    )
    second.add_argument("--no-tcp", action="store_true", help="no raw TCP: WebSocket and polling only")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", help="address to bind to (environment FLIGHT_HOST; default 127.0.0.1)")
    where.add_argument("--lan", action="store_true", help="bind to all addresses of this machine")
    parser.add_argument(
        "--engine",
        metavar="URL",
        help="where events are kept: sqlite:PATH, memory:, or a broker that several gateways share, redis://HOST or "
        "amqp://HOST (environment REALTIME_BROKER_URL, the place for a URL with a password; default: log.sqlite in the "
        "state folder)",
    )
    parser.add_argument(
        "--state-dir", metavar="DIR", help="folder of key and log (environment FLIGHT_STATE_DIR; default ~/.flight)"
    )
    parser.add_argument("--key-file", metavar="FILE", help="key to check tokens with, instead of the development key")
    _configure_security(parser)
    parser.add_argument(
        "--device-keys",
        metavar="FILE",
        help="devices that authenticate every frame: lines of a device id and a key of 32 to 128 hexadecimal digits "
        "(environment FLIGHT_DEVICE_KEYS)",
    )
    parser.add_argument(
        "--tls-cert",
        metavar="FILE",
        help="PEM certificate chain: all ports speak TLS. Read again when the file changes, and at SIGHUP (environment "
        "FLIGHT_TLS_CERT)",
    )
    parser.add_argument("--tls-key", metavar="FILE", help="its key, PEM, no passphrase (environment FLIGHT_TLS_KEY)")
    parser.add_argument(
        "--allow-origin", action="append", metavar="ORIGIN", help="a web page's origin that may connect; repeatable"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="NAME",
        help="a name that this gateway goes by, beside its address; repeatable",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        help="worker processes that share the ports, for a machine with several processors; needs redis://HOST or "
        "amqp://HOST (environment FLIGHT_WORKERS; default 1)",
    )
    parser.add_argument(
        "--node",
        metavar="ADDRESS",
        help="behind a balancer: this gateway's own address, as the other ones reach it (environment FLIGHT_NODE)",
    )
    parser.add_argument(
        "--nodes",
        metavar="ADDRESSES",
        help="behind a balancer: the addresses of all gateways, with commas, so that polling requests find their session "
        "(environment FLIGHT_NODES)",
    )
    parser.add_argument(
        "--drain",
        metavar="SECONDS",
        help="how long SIGTERM waits for clients to go (environment FLIGHT_DRAIN_S; default 10)",
    )
    parser.add_argument(
        "--alerts",
        metavar="FILE",
        help="from which values on something is an alert, TOML or JSON: docs/operations.md (environment FLIGHT_ALERTS)",
    )
    parser.add_argument(
        "--platforms",
        metavar="FILE",
        help="platforms of your own, TOML or JSON: docs/operations.md (environment FLIGHT_PLATFORMS)",
    )
    parser.add_argument("--print-token", action="store_true", help="print a token and exit")
    parser.add_argument(
        "--device", default="*", metavar="ID", help="the device id that the token is for (default: any)"
    )
    parser.add_argument("--verbose", action="store_true", help="log every session")
    parser.add_argument(
        "--log-format",
        metavar="FORMAT",
        help="text, or json: one object a line, the start's too, which then shows no token (environment "
        "FLIGHT_LOG_FORMAT; default text)",
    )


def _configure_security(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jwks",
        metavar="FILE|URL",
        help="public keys to check tokens with (`flight token key new` makes them); the development key is not taken then "
        "(environment FLIGHT_JWKS)",
    )
    parser.add_argument(
        "--channels",
        metavar="FILE",
        help="which permissions channels ask for, TOML or JSON: docs/security.md (environment FLIGHT_CHANNELS)",
    )
    parser.add_argument(
        "--audit-log",
        metavar="FILE",
        help="write each decision about rights into this file, a line of JSON each (environment FLIGHT_AUDIT_LOG)",
    )
    parser.add_argument(
        "--channels-per-token", metavar="N", help="names that the holders of one token may make (default 256)"
    )
    parser.add_argument(
        "--sessions-per-token", metavar="N", help="sessions of all devices of one token's subject (default: no limit)"
    )


def run(arguments: argparse.Namespace) -> int:
    """`flight gateway`."""
    settings = _settings(arguments)
    try:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # key and log are this user's business
    except OSError as error:
        raise CallerError(
            what=f"the state folder cannot be made ({error.strerror})",
            value=str(settings.state_dir),
            next_step="choose a folder that this user may write: --state-dir FOLDER",
        ) from error
    if arguments.print_token:
        key = own_key(settings)
        if key is None:
            raise CallerError(
                what="a gateway with --jwks makes no tokens",
                value=settings.jwks,
                next_step="make one where the private key is: flight token new --key FILE",
            )
        print(make_token(key, arguments.device, ["publish", "subscribe"], DEVELOPMENT_LIFETIME_S))
        return 0
    level = logging.INFO if arguments.verbose else logging.WARNING
    set_up(settings.log_format, level)
    term = asyncio.Event()
    try:
        if settings.workers > 1:
            return run_loop(supervise(settings, arguments.device, level, term), term.set)
        return run_loop(serve(Gateway(settings), term, arguments.device), term.set)
    except KeyboardInterrupt:
        said = "gateway stopped"
        print(json_line(said) if settings.log_format == "json" else said, file=sys.stderr)
        return 130


def _settings(arguments: argparse.Namespace) -> GatewaySettings:
    folder = Path(arguments.state_dir or os.environ.get("FLIGHT_STATE_DIR") or Path.home() / ".flight")
    given = {
        "port": arguments.port,
        "tcp_port": arguments.tcp_port,
        "tcp": False if arguments.no_tcp else None,
        "host": arguments.host,
        "lan": arguments.lan,
        "engine": arguments.engine,
        "state_dir": str(folder),
        "key_file": arguments.key_file,
        "device_keys": arguments.device_keys,
        "tls_cert": arguments.tls_cert,
        "tls_key": arguments.tls_key,
        "jwks": arguments.jwks,
        "channel_rules": arguments.channels,
        "alert_rules": arguments.alerts,
        "platforms_file": arguments.platforms,
        "audit_log": arguments.audit_log,
        "channels_per_token": arguments.channels_per_token,
        "sessions_per_token": arguments.sessions_per_token,
        "allowed_hosts": ",".join(arguments.allow_host) if arguments.allow_host else None,
        "allowed_origins": ",".join(arguments.allow_origin) if arguments.allow_origin else None,
        "workers": arguments.workers,
        "node": arguments.node,
        "nodes": arguments.nodes,
        "drain_s": arguments.drain,
        "log_format": arguments.log_format,
    }
    if given["engine"] is None and not os.environ.get("REALTIME_BROKER_URL"):
        given["engine"] = f"sqlite:{folder / 'log.sqlite'}"
    return load_settings(given, os.environ)
