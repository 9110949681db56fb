"""Make keys for devices whose frames are to be authenticated where there is no TLS.

A key is a secret that the device and the gateway share; it never travels. It stands in the gateway's file of device keys, which
the gateway reads when it starts (flight gateway --device-keys FILE), and in the program on the device.

examples:
  flight device-key new my-dc                         adds my-dc to ~/.flight/device-keys and prints its key
  flight device-key new my-dc --file /etc/flight/keys
  flight device-key remove my-dc
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.device_keys import load_device_keys
from flight_client.gateway.names import check_device_id

_KEY_BYTES = 32


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `flight device-key`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (("new", "make a key for a device"), ("remove", "forget the key of a device")):
        action = actions.add_parser(name, help=text, description=f"{text.capitalize()}.", allow_abbrev=False)
        action.add_argument("device", metavar="ID", help="the device id")
        action.add_argument(
            "--file",
            metavar="FILE",
            help="the file of device keys (environment FLIGHT_DEVICE_KEYS; default ~/.flight/device-keys)",
        )


def run(arguments: argparse.Namespace) -> int:
    """`flight device-key`."""
    path = Path(arguments.file or os.environ.get("FLIGHT_DEVICE_KEYS") or Path.home() / ".flight" / "device-keys")
    try:
        device = check_device_id(arguments.device)
    except RefusedError as error:
        raise CallerError(what="not a device id", value=arguments.device, next_step=error.next_step) from None
    known = load_device_keys(path) if path.exists() else {}
    if arguments.action == "new":
        return _new(path, device, known)
    if device not in known:
        raise CallerError(
            what="there is no key of this device", value=device, next_step=f"the file {path} has {len(known)} others"
        )
    _write(path, {name: key for name, key in known.items() if name != device})
    print(f"removed {device} from {path}; restart the gateway", file=sys.stderr)
    return 0


def _new(path: Path, device: str, known: dict[str, bytes]) -> int:
    if device in known:
        raise CallerError(
            what="this device has a key already",
            value=device,
            next_step=f"use that one, or `flight device-key remove {device}` first: the device then needs the new one",
        )
    key = secrets.token_bytes(_KEY_BYTES)
    _write(path, {**known, device: key})
    print(key.hex())
    print(
        f"added {device} to {path}; start the gateway with --device-keys {path}, and give the key to the device: "
        f'Client(..., device_id="{device}", device_key="...")',
        file=sys.stderr,
    )
    return 0


def _write(path: Path, keys: dict[str, bytes]) -> None:
    """The whole file anew, for this user alone; a power cut leaves the old one or the new one."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
            stream.writelines(f"{name} {key.hex()}\n" for name, key in keys.items())
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise CallerError(
            what=f"the file of device keys cannot be written ({error.strerror})",
            value=str(path),
            next_step="choose a file that this user may write: --file FILE",
        ) from error
