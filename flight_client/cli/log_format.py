"""How a gateway writes its log: lines for people, or one JSON object a line for programs.

What devices and strangers send gets into messages: names, versions, requests, words of exceptions. Whatever it holds, one
record stays one line, nothing in it moves a terminal's cursor, and no line can be made to look like another record.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

FORMATS = ("text", "json")

# Attributes that a record may be given with `extra=`.
FIELDS = ("device", "session", "code")

_MOST_CHARACTERS = 8192


def set_up(log_format: str, level: int) -> None:
    """Write the log of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler])


def escaped(text: str) -> str:
    """The text on one line: what is no printable character is written as Python would write it, bounded in length."""
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}... ({len(text)} characters)"
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text)


class TextFormatter(logging.Formatter):
    """Time, level, message. The lines of a traceback are indented, so that none can pass for a record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and its traceback's."""
        head = f"{self.formatTime(record)} {record.levelname} {escaped(record.getMessage())}"
        return "\n  | ".join([head, *[escaped(line) for line in _traceback(self, record)]])


class JsonFormatter(logging.Formatter):
    """One object a line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        fields = {name: str(getattr(record, name))[:_MOST_CHARACTERS] for name in FIELDS if hasattr(record, name)}
        if lines := _traceback(self, record):
            fields["traceback"] = "\n".join(lines)[:_MOST_CHARACTERS]
        return json_line(record.getMessage(), record.levelname.lower(), record.name, record.created, **fields)


def json_line(
    message: str, level: str = "info", logger: str = "flight.gateway", at_s: float | None = None, **fields: Any
) -> str:
    """A record as the JSON log has it."""
    seconds = time.time() if at_s is None else at_s
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"
    if len(message) > _MOST_CHARACTERS:
        message = f"{message[:_MOST_CHARACTERS]}... ({len(message)} characters)"
    return json.dumps({"time": stamp, "level": level, "logger": logger, "message": message, **fields})


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    return formatter.formatException(record.exc_info).splitlines() if record.exc_info else []
