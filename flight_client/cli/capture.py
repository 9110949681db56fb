"""Record the session of a client into a file, or list what is in one.

Everything that enters and leaves the session is recorded, with its times: `flight replay` does it again without a network.
The token and the session id are masked, so a recording can be part of a bug report; the events in it are not.
`flight tail` and `flight send` record what they do with --capture FILE.

examples:
  flight capture record dump.capture                      follow every well-known channel until Ctrl-C
  flight capture record dump.capture log --seconds 60     one channel for a minute
  flight send --channel log --capture send.capture hello  what `flight send` says to the gateway
  flight capture show dump.capture                        number, time, direction, type, seq, ack, bytes
  flight capture show dump.capture --hex | less           with the bytes
  flight replay dump.capture                              the same bytes again?
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from flight_client._tables import CHANNELS
from flight_client.capture.fields import DamagedError
from flight_client.capture.format import WHOLE, CaptureFile
from flight_client.capture.listing import rows, title
from flight_client.cli.connect import add_arguments, run_client
from flight_client.client import Client
from flight_client.observe import ConnectionState, StateChange

_FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight capture`."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="record|show")
    record = parts.add_parser(
        "record", help="connect like `flight tail` and record",
        description="Connect like `flight tail` and record the session into a new file.", allow_abbrev=False,
    )  # fmt: skip
    record.add_argument("capture", type=Path, metavar="FILE", help="the file to make")
    known = ", ".join(CHANNELS)
    record.add_argument("channel", nargs="*", help=f"channels to follow (default: {known})")
    record.add_argument("--seconds", type=float, metavar="S", help="stop after so long (default: at Ctrl-C)")
    add_arguments(record, capture=False)
    record.add_argument("--with-secrets", action="store_true", help="keep token and session id in the file")
    show = parts.add_parser(
        "show", help="list the frames and happenings of a file",
        description="List the frames and happenings of a recording.", allow_abbrev=False,
    )  # fmt: skip
    show.add_argument("file", type=Path, metavar="FILE", help="a recording")
    show.add_argument("--all", action="store_true", help="also what led to nothing, and how events were packed")
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--hex", action="store_true", help="the payload of every frame below its line")
    shape.add_argument("--json", action="store_true", help="one JSON object per line")


def run(arguments: argparse.Namespace) -> int:
    """`flight capture`."""
    if arguments.part == "show":
        return _show(arguments)
    try:
        return run_client(arguments, lambda client: _record(client, arguments))
    except KeyboardInterrupt:
        return 0  # how a recording without --seconds ends


async def _record(client: Client, arguments: argparse.Namespace) -> int:
    path = arguments.capture
    print(f"-- connected over {client.transport}, recording to {path}; stop: Ctrl-C", file=sys.stderr, flush=True)
    client.on_state(_show_state)
    stream = client.events(channels=arguments.channel or list(CHANNELS))
    events = 0
    try:
        with contextlib.closing(stream), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(arguments.seconds):
                async for _ in stream:
                    events += 1
    finally:
        print(f"-- {events} events received; look at them: flight capture show {path}", file=sys.stderr, flush=True)
    return 0


def _show_state(change: StateChange) -> None:
    if change.new is not ConnectionState.CLOSED:
        print(f"-- {change.new.value} over {change.transport}", file=sys.stderr, flush=True)


def _show(arguments: argparse.Namespace) -> int:
    file = CaptureFile(arguments.file)
    try:
        if not arguments.json:
            for line in title(file.header):
                print(line)
        for row in rows(file, everything=arguments.all):
            print(row.object() if arguments.json else row.line())
            if arguments.hex:
                for line in row.dump():
                    print(line)
    except DamagedError as error:
        print(f"flight: the file: {error}", file=sys.stderr)
        return _FAILED
    finally:
        file.close()
    if file.ending != WHOLE:
        print(f"-- {file.ending}: {file.trouble}", file=sys.stderr)
    return 0 if file.ending != "damaged" else _FAILED
