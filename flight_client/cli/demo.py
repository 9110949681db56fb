"""Three simulated consoles, a gateway that is killed half way, a live table.

A Dreamcast and a PSP (polling) and a Vita (WebSocket) run as processes of their own on the real core and session. Each
reports memory it measured itself: used by its process, total of this machine; the platform's budget stands beside it.
Half way the gateway is killed with SIGKILL and stays away for 8 s. At the end both ends' books are compared.

examples:
  flight demo --seconds 40
  flight demo --engine memory            the log does not survive the kill: a GAP says so
  flight demo --seconds 40 --json        the last line is the result

exit codes: 0 the law of conservation held, 1 it was broken
"""

from __future__ import annotations

import argparse

from flight_client.cli.loop import run_loop
from flight_client.demo.director import SHORTEST_S, Director
from flight_client.errors import CallerError

_LONGEST_S = 86400


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight demo`."""
    parser.add_argument("--seconds", type=float, default=60.0, metavar="N", help="how long the devices emit (60)")
    parser.add_argument(
        "--engine", choices=("sqlite", "memory"), default="sqlite", help="where events are kept (sqlite)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON in the last line")


def run(arguments: argparse.Namespace) -> int:
    """`flight demo`."""
    if not SHORTEST_S <= arguments.seconds <= _LONGEST_S:  # also refuses what is no number
        raise CallerError(
            what="no time to show a kill and a return in"
            if arguments.seconds < SHORTEST_S
            else "not a time to run for",
            value=arguments.seconds,
            next_step=f"use {SHORTEST_S} to {_LONGEST_S} seconds",
        )
    return run_loop(Director(arguments.seconds, arguments.engine, arguments.json).run())
