"""Connect a device on a serial port or a USB cable to a gateway: the host's end of the line.

The device brings its own token; the bridge needs none and passes frames on. It waits for the line when the adapter is
unplugged, and for the gateway when that is away.

examples:
  flight bridge serial:///dev/ttyUSB0                         115200 baud, gateway on this machine
  flight bridge 'serial:///dev/ttyUSB0?baud=1562500'          a Dreamcast coder's cable
  flight bridge serial:///COM3 --gateway http://10.0.0.5:8080
  flight bridge pipe://127.0.0.1:10004                        psplink's first free channel (a PSP by USB)
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable

from flight_client.bridge import Bridge
from flight_client.cli.loop import run_loop
from flight_client.errors import CallerError
from flight_client.sources import DEFAULT_ADDRESS
from flight_client.transports import Address, Transport, TransportOptions, factory
from flight_client.transports.address import Line

_REPORT_S = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight bridge`."""
    parser.add_argument(
        "line", metavar="LINE", help="serial:///dev/ttyUSB0?baud=115200, serial:///COM3 or pipe://host:port"
    )
    parser.add_argument(
        "--gateway",
        metavar="ADDRESS",
        default=os.environ.get("FLIGHT_GATEWAY", DEFAULT_ADDRESS),
        help=f"where the gateway listens (environment FLIGHT_GATEWAY; default {DEFAULT_ADDRESS})",
    )
    parser.add_argument(
        "--transport",
        choices=("websocket", "tcp"),
        help="how to reach it (default: websocket; tcp for a tcp:// address)",
    )
    parser.add_argument(
        "--proxy", default="", metavar="URL", help="HTTP proxy, or `environment` for what HTTP_PROXY says"
    )
    parser.add_argument(
        "--ca-file",
        default=os.environ.get("FLIGHT_CA_FILE", ""),
        metavar="FILE",
        help="PEM file of the authorities to trust for an https or tls address (environment FLIGHT_CA_FILE)",
    )
    parser.add_argument("--verbose", action="store_true", help="log every connection")


def run(arguments: argparse.Namespace) -> int:
    """`flight bridge`."""
    line = Address.parse(arguments.line).line
    if line is None:
        raise CallerError(
            what="not a line",
            value=arguments.line,
            next_step="write it like serial:///dev/ttyUSB0 or pipe://127.0.0.1:10004",
        )
    gateway = Address.parse(arguments.gateway)
    name = arguments.transport or gateway.only or "websocket"
    if gateway.line is not None:
        raise CallerError(
            what="a bridge leads from a line to a gateway, not to another line",
            value=str(gateway),
            next_step="give --gateway http://host:port",
        )
    if not gateway.has(name):
        raise CallerError(what=f"{gateway} leads to no {name}", value=name, next_step=gateway.advice(name))
    make = factory(name, TransportOptions(proxy=arguments.proxy, ca_file=arguments.ca_file))
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        return run_loop(_serve(line, lambda: make(gateway), gateway))
    except KeyboardInterrupt:
        print("bridge stopped", file=sys.stderr)
        return 130


async def _serve(line: Line, connect: Callable[[], Transport], gateway: Address) -> int:
    bridge = Bridge(line, connect, gateway)
    print(f"flight bridge: {line} <-> {gateway}; stop: Ctrl-C", flush=True)
    reporter = asyncio.get_running_loop().create_task(_report(bridge))
    try:
        await bridge.run()
    finally:
        reporter.cancel()
    return 0


async def _report(bridge: Bridge) -> None:
    """A line whenever something was lost, so that a bad cable does not go unseen."""
    seen = (0, 0)
    while True:
        await asyncio.sleep(_REPORT_S)
        now = (bridge.counters.broken, bridge.garbage_bytes)
        if now != seen:
            seen = now
            print(f"flight bridge: {now[0]} connections lost frames, {now[1]} bytes were no frames", file=sys.stderr)
