"""The platforms file: platforms of an operator's own, which a gateway knows before its first client comes.

    [platforms.saturn]
    memory_constraint = "2MB"
    connection_mode = "polling"
    update_interval_ms = 8000
    max_retries = 1
    capabilities = ["basic-messaging"]
    like = "dreamcast"   # whose limits hold for what is not said here; default: the one that the memory suggests
    number = 200         # on the wire, 128 to 255 and the same in the clients; default: made from the name

TOML, or JSON with the same members: those of PlatformConfig, and the two that register_platform() takes beside it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from flight_client.errors import CallerError
from flight_client.gateway.names import printable
from flight_client.gateway.rule_file import RuleFile
from flight_client.platform_config import BatchingConfig, PlatformConfig, register_platform
from flight_client.platforms import PLATFORMS

_FIELDS = [field for field in dataclasses.fields(PlatformConfig) if field.name != "platform"]
_NEEDED = [field.name for field in _FIELDS if field.default is dataclasses.MISSING]
_MEMBERS = [*(field.name for field in _FIELDS), "like", "number"]
_BATCHING = [field.name for field in dataclasses.fields(BatchingConfig)]


def register_platforms(path: Path) -> None:
    """Register every platform of a file in this process. CallerError for a file that cannot be read or understood.

    Nothing is registered of a file with a mistake.
    """
    file = RuleFile("platforms", path)
    table = file.table(
        file.read(), "platforms", "it needs a few lines only", "write [platforms.NAME] above each platform"
    )
    found = {name: _platform(file, name, members) for name, members in table.items()}
    before = dict(PLATFORMS)
    try:
        for name, (config, more) in found.items():
            with _Told(file, name):
                register_platform(config, **more)
    except CallerError:  # a number or a name that is taken
        PLATFORMS.clear()
        PLATFORMS.update(before)
        raise


def _platform(file: RuleFile, name: str, members: Any) -> tuple[PlatformConfig, dict[str, Any]]:
    """What a table says: the platform, and what register_platform() takes beside it."""
    where = _where(name)
    if not isinstance(members, dict):
        raise file.bad(f"has for {where} something other than a table", f"write {where} above its members")
    _check_names(file, where, members, _MEMBERS, _NEEDED)
    values = dict(members)
    more = {one: values.pop(one) for one in ("like", "number") if one in values}
    given, batching = "batching" in values, values.pop("batching", None)
    if given:
        if not isinstance(batching, dict):
            raise file.bad(f"has in {where} batching that is no table", f"give {' and '.join(_BATCHING)} in it")
        _check_names(file, f"{where[:-1]}.batching]", batching, _BATCHING, _BATCHING)
    with _Told(file, name):
        if given:
            values["batching"] = BatchingConfig(**batching)
        return PlatformConfig(name, **values), more


def _check_names(file: RuleFile, where: str, members: dict[str, Any], known: list[str], needed: list[str]) -> None:
    for one in members:
        if one not in known:
            raise file.bad(f"has in {where} {printable(one)}, which is no member", f"use some of {', '.join(known)}")
    for one in needed:
        if one not in members:
            raise file.bad(f"lacks {one} in {where}", f"give {', '.join(needed)}")


def _where(name: str) -> str:
    return f"[platforms.{printable(name)[1:-1]}]"


class _Told:
    """An error about a value, told with the file and the table in which it stands."""

    def __init__(self, file: RuleFile, name: str) -> None:
        self._file, self._where = file, _where(name)

    def __enter__(self) -> None:
        """Nothing to do yet."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, CallerError):
            said = f"{error.what}: {printable(repr(error.value))}"
            raise self._file.bad(f"has in {self._where} what cannot be: {said}", error.next_step) from None
