"""Print events as they arrive.

examples:
  flight tail                                     every well-known channel
  flight tail memory-updates --history 10         the last ten entries, then live
  flight tail log --json | jq .data.text          one JSON object per line
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import time

from flight_client._tables import CHANNELS
from flight_client.cli.connect import add_arguments, run_client
from flight_client.client import Client
from flight_client.observe import ConnectionState, Gap, StateChange
from flight_client.rules import check_name
from flight_client.streams import RealtimeEvent


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight tail`."""
    known = ", ".join(CHANNELS)
    parser.add_argument("channel", nargs="*", help=f"channels to follow (default: {known})")
    parser.add_argument("--history", type=_whole, metavar="N", help="begin with the last N entries of each channel")
    parser.add_argument("--count", type=_whole, metavar="N", help="stop after N events")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    add_arguments(parser)


def _whole(text: str) -> int:
    """0 or more."""
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"not a whole number from 0: {text}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """`flight tail`."""
    for channel in arguments.channel:
        check_name(channel)
    return run_client(arguments, lambda client: _tail(client, arguments))


async def _tail(client: Client, arguments: argparse.Namespace) -> int:
    print(f"-- connected over {client.transport}", file=sys.stderr, flush=True)
    client.on_state(_show_state)
    client.on_gap(lambda gap: _show_gap(gap, arguments.json))
    stream = client.events(channels=arguments.channel or list(CHANNELS), history=arguments.history)
    if arguments.count == 0:
        return 0
    shown = 0
    with contextlib.closing(stream):
        async for event in stream:
            print(as_json(event) if arguments.json else as_line(event), flush=True)
            shown += 1
            if arguments.count is not None and shown >= arguments.count:
                break
    return 0


def as_json(event: RealtimeEvent) -> str:
    """One event as a JSON object on one line."""
    data = {
        "type": event.type,
        "channel": event.channel,
        "offset": event.offset,
        "timestamp": event.timestamp_ms,
        "received": event.received_ms,
        "device": event.source.device_id,
        "platform": event.source.platform,
        "session": event.source.session_id,
        "data": dataclasses.asdict(event.data),
    }
    return json.dumps(data, default=_bytes_as_hex, separators=(",", ":"))


def _bytes_as_hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def as_line(event: RealtimeEvent) -> str:
    """One event for a person; text of others never reaches the terminal with control characters."""
    moment = event.timestamp_ms if event.timestamp_ms is not None else event.received_ms
    clock = time.strftime("%H:%M:%S", time.localtime(moment / 1000))
    fields = dataclasses.asdict(event.data)
    shown = " ".join(f"{name}={_shown(value)}" for name, value in fields.items() if value not in (None, "", {}, b""))
    return f"{clock}.{moment % 1000:03d} {_shown(event.source.device_id):<12} {event.channel:<18} {shown}"


def _shown(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    plain = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return f'"{plain}"' if " " in plain else plain


def _show_state(change: StateChange) -> None:
    if change.new is ConnectionState.CLOSED:
        return
    reason = f": {change.reason}" if change.reason and change.new is not ConnectionState.CONNECTED else ""
    again = f" (next attempt in {change.next_attempt_ms} ms)" if change.next_attempt_ms else ""
    print(f"-- {change.new.value} over {change.transport}{reason}{again}", file=sys.stderr, flush=True)


def _show_gap(gap: Gap, as_object: bool) -> None:
    if as_object:
        print(json.dumps({"gap": dataclasses.asdict(gap)}, separators=(",", ":")), flush=True)
        return
    what = f"the log was replaced, it goes on in epoch {gap.epoch}" if gap.reason == "epoch" else gap.reason
    print(f"-- GAP on {gap.channel}: entries {gap.after + 1} to {gap.to} will not come ({what})", flush=True)
