"""The URL of a broker: taken apart once, and never shown with its password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from flight_client.errors import CallerError

DEFAULT_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
DEFAULT_PREFIX = "flight"
SECURE = ("rediss", "amqps")

_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_OPTIONS = {
    "redis": "prefix, and for rediss ca, cert and key (files)",
    "amqp": "prefix, window, max-bytes, and for amqps ca, cert and key (files)",
}
_FILES = ("ca", "cert", "key")
# name -> least, most, what it is when nothing is said
_NUMBERS = {"window": (100, 10_000_000, 10_000), "max-bytes": (1 << 20, 1 << 40, 1 << 30)}


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """What a URL says. `repr` and `shown` are without user and password."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    path: str  # Redis: number of the database; RabbitMQ: the virtual host
    prefix: str
    files: Mapping[str, str]
    window: int
    max_bytes: int

    @property
    def secure(self) -> bool:
        return self.scheme in SECURE

    @property
    def shown(self) -> str:
        """For messages: where the broker is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}" + (f"/{self.path}" if self.path else "")

    def __repr__(self) -> str:
        return f"BrokerUrl({self.shown!r})"


def parse_broker_url(url: str) -> BrokerUrl:
    """Take it apart, or say what is wrong with it; what is said never holds the password."""
    scheme = url.partition(":")[0]
    family = "redis" if scheme.startswith("redis") else "amqp"
    example = f"{scheme}://HOST:{DEFAULT_PORTS[scheme]}" + ("/0" if family == "redis" else "/VHOST")
    if "#" in url:  # it would end the URL in the middle of a password
        raise _bad(scheme, "has a # in it", None, f"write %23 for a # in the password: {example}")
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[scheme]
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise _bad(scheme, "cannot be read as a URL", _without_secret(str(error), url), example) from None
    if not url.startswith(f"{scheme}://") or not parts.hostname or "\0" in url:
        raise _bad(scheme, "names no host", _after_secret(url), example)
    path = unquote(parts.path[1:])
    if family == "redis" and path and not re.fullmatch(r"[0-9]{1,4}", path, re.ASCII):
        raise _bad(scheme, "has a database that is no number", path, example)
    for name in options:
        known = name in ("prefix", *(_FILES if scheme in SECURE else ()), *(_NUMBERS if family == "amqp" else ()))
        if not known:
            raise _bad(scheme, f"has an option {name[:32]!r} that is not known", None, f"use {_OPTIONS[family]}")
    prefix = options.get("prefix", DEFAULT_PREFIX)
    if not _PREFIX.fullmatch(prefix):
        raise _bad(scheme, "has a prefix that is not allowed", prefix, "use 1 to 32 letters, digits, dots, - and _")
    numbers = {name: _number(scheme, name, options.get(name)) for name in _NUMBERS}
    files = {name: options[name] for name in _FILES if name in options}
    return BrokerUrl(
        scheme, parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), path, prefix, files,
        numbers["window"], numbers["max-bytes"],
    )  # fmt: skip


def _number(scheme: str, name: str, text: str | None) -> int:
    low, high, default = _NUMBERS[name]
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) or not low <= int(text) <= high:
        raise _bad(
            scheme, f"has an option {name} that is not allowed", text, f"use a whole number from {low} to {high}"
        )
    return int(text)


def _after_secret(url: str) -> str:
    return url.partition(":")[0] + "://..." + url.rpartition("@")[2] if "@" in url else url


def _without_secret(text: str, url: str) -> str:
    # What urllib quotes of a URL may be a part of the password.
    return "not shown, it may hold the password" if "@" in url else text


def _bad(scheme: str, what: str, value: str | None, next_step: str) -> CallerError:
    return CallerError(what=f"the engine {scheme}:// {what}", value=value, next_step=next_step)
