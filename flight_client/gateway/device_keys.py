"""The file of device keys: a line for each device, its id and its key in hexadecimal.

    # comments and empty lines are passed over
    dreamcast-1        6f0c...   (32 to 128 digits: 16 to 64 bytes)
    acme/dreamcast-1   93b1...   (a device of the organisation acme)

Anything doubtful ends the start. A gateway that went on without the file, or with a part of it, would take unproven frames
from the very devices that were given a key.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from flight_client.errors import CallerError, RefusedError, file_step
from flight_client.gateway.names import check_device_id, owner_of, printable
from flight_client.gateway.rights import valid_organisation
from flight_client.proof import read_device_key

_FILE_BYTES = 16 << 20


def load_device_keys(path: Path) -> dict[str, bytes]:
    """Keys by device id. CallerError says what is wrong with the file, and never shows a part of a key."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(_FILE_BYTES + 1)
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror})", file_step(error)) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _bad(
            path, f"can be read by others (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {path}, and make new keys"
        )
    if len(data) > _FILE_BYTES:
        raise _bad(path, f"is larger than {_FILE_BYTES} bytes", "remove devices that are gone")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise _bad(path, "is not ASCII text", "write it anew") from None
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        problem = _take(words, keys)
        if problem:
            raise _bad(path, f"has a line {number} that is no device id and key: {problem}", "correct that line")
    return keys


def _take(words: list[str], keys: dict[str, bytes]) -> str:
    """Take one line, or say what is wrong with it."""
    if len(words) != 2:
        return f"{len(words)} words"
    try:
        org, slash, name = words[0].rpartition("/")
        if slash and not valid_organisation(org):
            return "not an organisation before the slash"
        device_id = owner_of(org, check_device_id(name))
        key = read_device_key(words[1])
    except RefusedError:
        return "not a device id"
    except CallerError as error:
        return str(error.value)
    if device_id in keys:
        return f"{printable(device_id)} stands twice"
    keys[device_id] = key
    return ""


def _bad(path: Path, problem: str, next_step: str) -> CallerError:
    return CallerError(f"the file of device keys {problem}", value=str(path), next_step=next_step)
