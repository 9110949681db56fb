"""The channels file: which permissions a channel asks for, by name or by a beginning of names.

    [channels."system-monitoring"]
    required_permissions = ["admin", "system-monitoring"]    # all of them
    [channels."debug.*"]
    required_permissions = ["developer"]
    [channels."*"]
    required_permissions = []                                # nobody: everything else is closed

TOML, or JSON with the same members; the guide's name `requiredPermissions` is taken too. A name that ends in `*` stands for every
channel that begins like it. Of several that fit, the one that says the most of the name holds. A channel that no rule
fits is open to whom a role allows it. The file is read again when it changes, and every session is held to it at once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flight_client.errors import CallerError, RefusedError, file_step
from flight_client.gateway.names import check_beginning, printable
from flight_client.gateway.rights import ROLES, Identity, permits, valid_permission
from flight_client.gateway.rule_file import RuleFile

_KIND = "channels"
_NAMES = ("required_permissions", "requiredPermissions")

_log = logging.getLogger("flight.gateway")

Rules = Mapping[str, frozenset[str]]


class ChannelRules:
    """The hub's permission hook of a gateway with a channels file."""

    def __init__(self, path: Path) -> None:
        """Raises CallerError for a file that cannot be read: what it protects must not be open."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._exact: dict[str, frozenset[str]] = {}
        self._beginnings: list[tuple[str, frozenset[str]]] = []
        self._read()

    def __call__(self, identity: Identity, channel: str, mode: int) -> bool:
        """Whether a role gives this right, and the identity has everything that the channel asks for."""
        if not permits(identity, channel, mode):
            return False
        required = self.required(channel)
        return required is None or (bool(required) and required <= identity.held())

    def required(self, channel: str) -> frozenset[str] | None:
        """What the channel asks for: empty means nobody; None means that no rule fits."""
        found = self._exact.get(channel)
        if found is not None:
            return found
        for beginning, required in self._beginnings:
            if channel.startswith(beginning):
                return required
        return None

    def look(self) -> bool:
        """Read the file again if it changed; True when it did. What cannot be read changes nothing."""
        try:
            return self._read()
        except CallerError as error:
            _log.error("the rules known so far stay: %s", error)
            return False

    def _read(self) -> bool:
        try:
            found = self._path.stat()
            seen = found.st_mtime_ns, found.st_size, found.st_ino
            if seen == self._seen:
                return False
        except OSError as error:
            raise _bad(self._path, f"cannot be read ({error.strerror})", file_step(error)) from error
        data = RuleFile(_KIND, self._path).read()
        self._seen = seen
        rules = parse_rules(data, self._path)
        self._exact = {name: required for name, required in rules.items() if not name.endswith("*")}
        beginnings = [(name[:-1], required) for name, required in rules.items() if name.endswith("*")]
        self._beginnings = sorted(beginnings, key=lambda item: -len(item[0]))
        return True


def parse_rules(data: bytes, path: Path) -> dict[str, frozenset[str]]:
    """Required permissions by channel name or beginning. CallerError for anything doubtful."""
    table = RuleFile(_KIND, path).table(
        data, "channels", "use beginnings with a `*` instead of single names", 'write [channels."NAME"] above each rule'
    )
    return {_pattern(name, path): _required(name, rule, path) for name, rule in table.items()}


def _pattern(name: str, path: Path) -> str:
    try:
        check_beginning(name)
    except RefusedError:
        raise _bad(
            path,
            f"has a rule for {printable(name)}, which is no channel",
            "use a channel's name, or its beginning and one `*` behind it",
        ) from None
    return name


def _required(name: str, rule: Any, path: Path) -> frozenset[str]:
    where = f"the rule for {printable(name)}"
    given = [key for key in _NAMES if isinstance(rule, dict) and key in rule]
    if not isinstance(rule, dict) or len(given) != 1 or len(rule) != 1:
        raise _bad(
            path, f"has in {where} something other than required_permissions", "give it that list and nothing else"
        )
    words = rule[given[0]]
    if not isinstance(words, list) or not all(valid_permission(word) for word in words):
        allowed = f"roles ({', '.join(ROLES)}) and names of permissions"
        raise _bad(
            path, f"has in {where} permissions that are no list of names", f"use {allowed}; [] closes the channel"
        )
    return frozenset(words)


def _bad(path: Path, problem: str, next_step: str) -> CallerError:
    return RuleFile(_KIND, path).bad(problem, next_step)
