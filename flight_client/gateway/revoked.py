"""Tokens that are valid by their signature and not accepted any more: a file of fingerprints, read again when it changes.

A line is the fingerprint of a token (32 hexadecimal digits of its SHA-256) and the second since 1970 at which it ends by itself.
The token itself is not kept. `flight token revoke` adds a line; a running gateway finds it within 5 seconds.
"""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path

from flight_client.errors import CallerError
from flight_client.gateway.auth import Identity

FILE = "revoked-tokens"

_LINE = re.compile(r"([0-9a-f]{32}) ([0-9]{1,12})", re.ASCII)
_FILE_BYTES = 16 << 20

_log = logging.getLogger("flight.gateway")


class RevokedTokens:
    """The file of one gateway, which need not be there. Answers whether an identity's token is in it."""

    def __init__(self, path: Path) -> None:
        """Raises CallerError for a file that cannot be read: who was revoked must not get in by that."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._found: frozenset[str] = frozenset()
        self._look()

    def __call__(self, identity: Identity) -> bool:
        """Whether this token was revoked."""
        try:
            self._look()
        except CallerError as error:  # while it runs: what was known stays
            _log.error("%s", error)
        return identity.fingerprint in self._found

    def _look(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._found = None, frozenset()
            return
        except OSError as error:
            raise _bad(self._path, f"cannot be read ({error.strerror})") from error
        seen = found.st_mtime_ns, found.st_size, found.st_ino
        if seen != self._seen:
            self._seen = seen
            self._found = frozenset(read_revoked(self._path))


def read_revoked(path: Path) -> dict[str, int]:
    """Fingerprints with the second at which each token ends. Raises CallerError for anything doubtful."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_FILE_BYTES + 1)
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror})") from error
    if len(data) > _FILE_BYTES:
        raise _bad(path, f"is larger than {_FILE_BYTES} bytes")
    found: dict[str, int] = {}
    for number, line in enumerate(data.decode("ascii", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise _bad(path, f"has a line {number} that is no fingerprint and time")
        found[match[1]] = int(match[2])
    return found


def revoke(path: Path, identity: Identity) -> bool:
    """Add a token to the file; False when it stood there. Tokens that have ended by themselves leave it."""
    known = read_revoked(path) if path.exists() else {}
    if identity.fingerprint in known:
        return False
    now = time.time()
    kept = {name: ends_s for name, ends_s in known.items() if ends_s > now}
    kept[identity.fingerprint] = identity.expires_s
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.writelines(f"{name} {ends_s}\n" for name, ends_s in kept.items())
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise _bad(path, f"cannot be written ({error.strerror})") from error
    return True


def _bad(path: Path, problem: str) -> CallerError:
    return CallerError(
        what=f"the file of revoked tokens {problem}",
        value=str(path),
        next_step="correct it, or restore it from a copy; without it revoked tokens are accepted again",
    )
