"""Files with rules of an operator: TOML, or JSON with the same members, one table and nothing beside it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from flight_client.errors import CallerError, file_step
from flight_client.gateway.names import printable

FILE_BYTES = 1 << 20


class RuleFile:
    """Which file it is, for its errors."""

    def __init__(self, kind: str, path: Path) -> None:
        self._kind = kind
        self._path = path

    def table(self, data: bytes, table: str, too_large: str, missing: str) -> dict[str, Any]:
        """The members of the one table. CallerError for anything doubtful; too_large and missing: what to do then."""
        if len(data) > FILE_BYTES:
            raise self.bad(f"is larger than {FILE_BYTES} bytes", too_large)
        try:
            text = data.decode("utf-8")
            members = (
                json.loads(text, object_pairs_hook=_once)
                if self._path.suffix == ".json" or text.lstrip().startswith("{")
                else tomllib.loads(text)
            )
        except (ValueError, RecursionError) as error:
            raise self.bad(f"is neither TOML nor JSON ({printable(error)})", "correct it") from None
        if not isinstance(members, dict) or set(members) != {table} or not isinstance(members[table], dict):
            raise self.bad(f"has something other than a table `{table}`", missing)
        return dict(members[table])

    def read(self) -> bytes:
        """The bytes, at most one more than a file may have. CallerError when it cannot be read."""
        try:
            with self._path.open("rb") as stream:
                return stream.read(FILE_BYTES + 1)
        except OSError as error:
            raise self.bad(f"cannot be read ({error.strerror})", file_step(error)) from error

    def bad(self, problem: str, next_step: str) -> CallerError:
        """An error that names the file."""
        return CallerError(f"the {self._kind} file {problem}", value=str(self._path), next_step=next_step)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)
