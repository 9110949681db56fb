"""How a command finds the gateway and its token: the arguments that `tail`, `send` and `capture` share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from flight_client.capture.record import Recorder
from flight_client.cli.loop import run_loop
from flight_client.client import Client
from flight_client.errors import CallerError, file_step
from flight_client.sources import DEFAULT_ADDRESS

_TOOL_TOKEN_S = 86400


def add_arguments(parser: argparse.ArgumentParser, *, capture: bool = True) -> None:
    """--gateway, --token-file, --state-dir, --device-id, --transport; --capture unless the command has its own."""
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--gateway",
        metavar="ADDRESS",
        default=os.environ.get("FLIGHT_GATEWAY", DEFAULT_ADDRESS),
        help="where the gateway listens: http(s)://host:port, tcp://host:port, tls://host:port, serial:///dev/ttyUSB0 or "
        "pipe://host:port; several that share their events with commas "
        f"(environment FLIGHT_GATEWAY; default {DEFAULT_ADDRESS})",
    )
    group.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with a token (or environment FLIGHT_TOKEN); without either, one is made with the development key "
        "of a gateway on this machine",
    )
    group.add_argument(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="where that gateway keeps its development key (environment FLIGHT_STATE_DIR; default ~/.flight)",
    )
    group.add_argument("--device-id", metavar="ID", help="the name of this tool (default: host and process number)")
    group.add_argument(
        "--transport",
        action="append",
        metavar="NAME",
        help="tcp, websocket or polling; may be given several times, in order",
    )
    group.add_argument(
        "--proxy",
        default="",
        metavar="URL",
        help="HTTP proxy, or `environment` for what HTTP_PROXY says (default: none)",
    )
    group.add_argument(
        "--ca-file",
        default=os.environ.get("FLIGHT_CA_FILE", ""),
        metavar="FILE",
        help="PEM file of the authorities to trust for an https or tls address (environment FLIGHT_CA_FILE; default: the "
        "system's)",
    )
    group.add_argument(
        "--wait", type=float, default=10.0, metavar="SECONDS", help="how long to wait for the first connection (10)"
    )
    if capture:
        group.add_argument(
            "--capture",
            type=Path,
            metavar="FILE",
            help="record the session into this new file (`flight capture --help`)",
        )


def state_dir(arguments: argparse.Namespace) -> Path:
    """Where the development key is."""
    given: Path | None = arguments.state_dir
    return given or Path(os.environ.get("FLIGHT_STATE_DIR") or Path.home() / ".flight")


def find_token(arguments: argparse.Namespace) -> str:
    """The token to use. Raises CallerError when there is none."""
    if arguments.token_file is not None:
        try:
            return str(arguments.token_file.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            step = file_step(error) if isinstance(error, OSError) else "name a file with a token, which is text"
            raise CallerError(
                what="the token file cannot be read", value=str(arguments.token_file), next_step=step
            ) from error
    if token := os.environ.get("FLIGHT_TOKEN", ""):
        return token
    folder = state_dir(arguments)
    from flight_client.gateway.auth import KEY_FILE, development_key, make_token

    if not (folder / KEY_FILE).exists():
        raise CallerError(
            what="no token: no gateway was started on this machine",
            value=str(folder),
            next_step="start `flight gateway`, or give --token-file with a token that `flight gateway --print-token` "
            "printed where the gateway runs",
        )
    return make_token(development_key(folder), "*", ["publish", "subscribe"], _TOOL_TOKEN_S)


def _recorder(arguments: argparse.Namespace) -> Recorder | None:
    if arguments.capture is None:
        return None
    with_secrets = getattr(arguments, "with_secrets", False)
    if with_secrets:
        print(f"-- {arguments.capture} will hold your token: whoever has the file can act as you", file=sys.stderr)
    return Recorder(arguments.capture, with_secrets=with_secrets)


def run_client(arguments: argparse.Namespace, work: Callable[[Client], Awaitable[int]]) -> int:
    """Connect, do the work, close. Errors go up to main()."""

    async def connected() -> int:
        token = find_token(arguments)
        client = Client(
            arguments.gateway,
            token=token,
            device_id=arguments.device_id,
            transports=arguments.transport,
            proxy=arguments.proxy,
            ca_file=arguments.ca_file,
            capture=_recorder(arguments),
        )
        try:
            await client.connect(arguments.wait)
            return await work(client)
        finally:
            await client.close()

    return run_loop(connected())
