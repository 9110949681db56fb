"""A gateway from its start to the end of its drain, as a process: what it prints, and which signals it hears."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable

from flight_client.cli.log_format import json_line
from flight_client.errors import CallerError
from flight_client.gateway.app import Gateway
from flight_client.gateway.auth import DEVELOPMENT_LIFETIME_S, make_token
from flight_client.gateway.engines import shown_url
from flight_client.version import __version__


async def serve(
    gateway: Gateway, term: asyncio.Event, device: str, started: Callable[[Gateway], None] | None = None
) -> int:
    """Start it, say what a person needs next, drain it when term is set; the exit code. started: called instead of saying it.

    device: for whom the shown token is.
    """
    settings = gateway.settings
    try:
        await gateway.start()
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, gateway.reload_certificate)
        if started is not None:
            started(gateway)
        else:
            announce(gateway, device)
        await term.wait()
        told, left = await gateway.drain()
        gone = f"{left} had not gone after {settings.drain_s} s" if left else "all gone"
        said = f"drained: {told} clients told, {gone}"
        print(json_line(said, told=told, left=left) if settings.log_format == "json" else said, file=sys.stderr)
    except OSError as error:
        raise CallerError(what="the gateway cannot start", value=str(error), next_step="see `flight doctor`") from error
    finally:
        await gateway.stop()
    return 0


def _say_in_json(gateway: Gateway) -> None:
    """For programs: no token, since logs are kept and read by many."""
    settings = gateway.settings
    line = json_line(
        f"flight gateway {__version__} listens",
        addresses=gateway.addresses(),
        tcp_port=gateway.tcp_port or None,
        engine=shown_url(settings.engine),
        epoch=gateway.hub.epoch.hex(),
        mode=settings.mode,
    )
    print(line, file=sys.stderr, flush=True)


def announce(gateway: Gateway, device: str) -> None:
    """What a person needs next: the address, a token, the line to paste. For programs the addresses alone."""
    settings = gateway.settings
    if settings.log_format == "json":
        _say_in_json(gateway)
        return
    addresses = gateway.addresses()
    address = addresses[0]
    open_to = "this machine only; --lan opens it to the network" if len(addresses) == 1 else "open to the network"
    signs = gateway.security.signs
    shows = signs and not settings.production  # there it would be kept in the log of a service manager
    token = make_token(gateway.key, device, ["publish", "subscribe"], DEVELOPMENT_LIFETIME_S) if shows else "YOUR-TOKEN"
    days = DEVELOPMENT_LIFETIME_S // 86400
    lines = [
        f"flight gateway {__version__} listens on {', '.join(addresses)} ({open_to})",
        _tcp_line(gateway, addresses),
        f"engine {shown_url(settings.engine)}, epoch {gateway.hub.epoch.hex()}",
        f"token for {'any device' if device == '*' else device}, good for {days} days:"
        if shows
        else f"tokens are made where the {'key' if signs else 'private key'} is (flight token new --key FILE); "
        f"keys: {_shown_keys(gateway)}",
        "",
        *([f"  {token}", ""] if shows else []),
        "paste into a program, the line of its language:",
        "",
        *_to_paste(gateway, address, token),
        "",
        f"watch: flight tail --gateway {address}      health: {address}/health      stop: Ctrl-C",
    ]
    print("\n".join(lines), flush=True)


def _to_paste(gateway: Gateway, address: str, token: str) -> list[str]:
    """The line of each language that can speak to this gateway."""
    host, _, port = address.partition("://")[2].rpartition(":")
    if gateway.tls is not None:
        return [f'  Python:       client = Client("{address}", token="{token}", device_id="my-device", ca_file="FILE")']
    return [
        f'  C:            config.host = "{host}"; config.port = {port}; config.token = "{token}";',
        f'  Python:       client = Client("{address}", token="{token}", device_id="my-device")',
        f'  MicroPython:  ADDRESS, TOKEN = "{address}", "{token}"',
    ]


def _shown_keys(gateway: Gateway) -> str:
    """The ids of the keys that are taken."""
    return ", ".join(gateway.security.keys)


def _tcp_line(gateway: Gateway, addresses: list[str]) -> str:
    if not gateway.tcp_port:
        return f"no raw TCP ({gateway.tcp_absent})"
    hosts = [address.partition("://")[2].rpartition(":")[0] for address in addresses]
    scheme = "tcp" if gateway.tls is None else "tls"
    found = gateway.tls is None and gateway.tcp_port == gateway.port + 1
    note = "" if found else "; clients must be given this address, they do not look there by themselves"
    return f"raw TCP on {', '.join(f'{scheme}://{host}:{gateway.tcp_port}' for host in hosts)}{note}"
