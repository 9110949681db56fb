"""Replay a recorded session without a network, and check that it does the same again, byte for byte.

A fresh session is told all that the recorded one was told, at the same times and with the same random bits. Every command,
every state and every outgoing byte has to be equal. Exit code 1 and the first difference in words where one is not: then
this version does something else than the one that recorded.

examples:
  flight replay dump.capture
  flight replay dump.capture --json | jq .difference
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from flight_client.capture.format import WHOLE
from flight_client.capture.replay import Report, replay


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight replay`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording, as `flight capture record` writes it")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """`flight replay`."""
    report = replay(arguments.file)
    if arguments.json:
        print(json.dumps({**dataclasses.asdict(report), "same": report.same}, separators=(",", ":")))
    else:
        print(summary(report))
    return 0 if report.same else 1


def summary(report: Report) -> str:
    """What a replay found, for a person."""
    frames = report.frames_out + report.frames_in
    verdict = "same bytes" if report.difference is None else "a difference"
    lines = [
        f"replay: {report.happenings} happenings, {frames} frames, {report.duration_ms / 1000:.1f} s, {verdict}",
        f"  {report.frames_out} frames out ({report.bytes_out} bytes), {report.frames_in} in ({report.bytes_in} bytes)",
    ]
    if report.difference is not None:
        lines.append(f"  first difference: {report.difference}")
    elif report.ending != WHOLE:
        lines.append(f"  the file is {report.ending} behind that: {report.trouble}")
    return "\n".join(lines)
