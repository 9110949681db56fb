"""Send one event, or one per line of standard input.

Without FIELD=VALUE and text, every line of standard input is an event: text on the channel `log`, a JSON object of the
fields for any other type. It returns when the gateway has stored everything.

examples:
  flight send --channel log "level loaded"
  flight send --type memory-update used_bytes=4194304 total_bytes=16777216
  some-program | flight send --channel log
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import json
import sys
import threading
from typing import Any

from flight_client._tables import CHANNELS
from flight_client.cli.connect import add_arguments, run_client
from flight_client.client import Client
from flight_client.errors import CallerError, LinkError
from flight_client.events import EVENT_TYPES, Event, encode_event
from flight_client.observe import Outcome
from flight_client.rules import check_name, usual_channel

_QUEUED_LINES = 256


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight send`."""
    parser.add_argument("field", nargs="*", metavar="TEXT | FIELD=VALUE", help="a text, or the fields of the event")
    parser.add_argument("--channel", help="channel to send on (default: the usual one of the type)")
    parser.add_argument("--type", choices=sorted(EVENT_TYPES), help="event type (default: the channel's, or log)")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait for storage (30)"
    )
    add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """`flight send`."""
    kind, channel = _target(arguments)
    check_name(channel)
    if arguments.field:
        event = _from_words(kind, arguments.field)
        encode_event(event)  # what cannot be sent is said before anybody is asked
        return run_client(arguments, lambda client: _send_one(client, channel, event, arguments.timeout))
    return run_client(arguments, lambda client: _send_lines(client, channel, kind, arguments.timeout))


def _target(arguments: argparse.Namespace) -> tuple[str, str]:
    kind = arguments.type
    channel = arguments.channel
    if kind is None:
        kind = CHANNELS[channel]["event"] if channel in CHANNELS else "log"
    if channel is None:
        channel = usual_channel(kind)
        if not channel:
            raise CallerError(what="no usual channel for this type", value=kind, next_step="give --channel NAME")
    return kind, channel


def _from_words(kind: str, words: list[str]) -> Event:
    """An event from the command line."""
    if kind == "log" and not all("=" in word for word in words):
        return _make(kind, {"text": " ".join(words)})
    fields: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise CallerError(what="not FIELD=VALUE", value=word, next_step="write it like used_bytes=4096")
        try:
            fields[name] = json.loads(text)
        except ValueError:
            fields[name] = text
    return _make(kind, fields)


def _make(kind: str, fields: dict[str, Any]) -> Event:
    made = EVENT_TYPES[kind]
    if kind == "payload" and isinstance(fields.get("data"), str):
        fields = {**fields, "data": fields["data"].encode()}
    try:
        return made(**fields)
    except TypeError as error:
        names = ", ".join(name for name in made.__dataclass_fields__ if name != "event_name")
        raise CallerError(
            what=f"these fields do not make a {kind}", value=", ".join(fields), next_step=f"its fields are: {names}"
        ) from error


async def _send_one(client: Client, channel: str, event: Event, timeout_s: float) -> int:
    await _emit(client, channel, event, timeout_s)
    await _finish(client, timeout_s)
    return 0


async def _emit(client: Client, channel: str, event: Event, timeout_s: float) -> None:
    """Queue one event; when the queue is full, wait until it has room."""
    outcome = client.channel(channel).emit(event, critical=True)
    if outcome is Outcome.REFUSED_FULL:
        await _finish(client, timeout_s)
        outcome = client.channel(channel).emit(event, critical=True)
    if not outcome.accepted:
        raise CallerError(what="the event was refused", value=outcome.value, next_step="see `flight send --help`")


async def _finish(client: Client, timeout_s: float) -> None:
    if not await client.flush(timeout_s):
        raise client.last_error or LinkError(
            what="not everything was stored in time",
            value=f"{client.queued} events after {timeout_s} s",
            next_step="look at the gateway, or give more --timeout",
        )
    refused = client.counters().dropped["refused"]
    if refused:
        raise CallerError(
            what="the gateway refused events",
            value=refused,
            next_step="check the channel's name and the token's rights",
        )


async def _send_lines(client: Client, channel: str, kind: str, timeout_s: float) -> int:
    """Standard input, line by line; a thread reads it, because no event loop can on every system."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUED_LINES)
    loop = asyncio.get_running_loop()

    def hand_over(line: bytes | None) -> bool:
        """False when the command is over: nobody takes lines any more."""
        put = lines.put(line)
        try:
            asyncio.run_coroutine_threadsafe(put, loop).result()
        except (RuntimeError, concurrent.futures.CancelledError):
            put.close()
            return False
        return True

    def read() -> None:
        # Not sys.stdin: its lock, held by a thread that still waits for a line, would abort the interpreter at its end.
        with open(sys.stdin.fileno(), "rb", closefd=False) as stream:
            for line in stream:
                if not hand_over(line):
                    return
            hand_over(None)

    threading.Thread(target=read, daemon=True).start()
    number = 0
    while (line := await lines.get()) is not None:
        number += 1
        text = _as_text(line, number).rstrip("\r\n")
        if text:
            await _emit(client, channel, _from_line(kind, text, number), timeout_s)
    await _finish(client, timeout_s)
    return 0


def _as_text(line: bytes, number: int) -> str:
    """UTF-8 wherever it runs; nothing is guessed."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise CallerError(
            what=f"line {number} is not UTF-8", value=line[:60], next_step="convert it first, as iconv does"
        ) from error


def _from_line(kind: str, text: str, number: int) -> Event:
    if kind == "log":
        return _make(kind, {"text": text})
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise CallerError(
            what=f"line {number} is not a JSON object", value=text[:60], next_step=f"give the fields of a {kind}"
        )
    return _make(kind, fields)
