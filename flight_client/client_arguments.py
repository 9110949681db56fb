"""What Client() and SyncClient() may be given. Values that look right are judged further where they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .arguments import check_flag, check_function, check_kind, check_text, refuse
from .transports import Address


def check_client(values: Mapping[str, Any]) -> None:
    """The arguments by name, but `transports`, which was read already. Raises CallerError, which never shows a token or a key."""
    _check_address(values["address"])
    token = values["token"]
    if not isinstance(token, str) and not callable(token):
        raise refuse(
            "token", "is neither text nor a function", type(token).__name__, "give what `flight gateway` printed"
        )
    if isinstance(token, str) and any("\ud800" <= char <= "\udfff" for char in token):
        raise refuse(
            "token", "is no text that can be sent", f"{len(token)} characters", "give what `flight gateway` printed"
        )
    for name in ("platform", "version", "proxy"):
        check_text(name, values[name])
    if values["device_id"] is not None:
        check_text("device_id", values["device_id"])
    factories = values["transport_factories"]
    if factories is not None:
        check_kind("transport_factories", factories, Mapping, "a dict of names and functions")
        for name, maker in factories.items():
            check_text("transport_factories", name)
            check_function(f"transport_factories[{name!r}]", maker)
    check_flag("long_poll", values["long_poll"])
    check_kind("ca_file", values["ca_file"], (str, Path), "a path")
    key = values["device_key"]
    if key is not None and not isinstance(key, bytes | str):
        raise refuse("device_key", "is neither bytes nor text", type(key).__name__, "give bytes, or hexadecimal digits")
    if values["resume_file"] is not None:
        check_kind("resume_file", values["resume_file"], (str, Path), "a path")
    _check_capture(values["capture"])
    if values["fatal"] is not None:
        check_function("fatal", values["fatal"])


def _check_capture(capture: object) -> None:
    if capture is None or isinstance(capture, str | Path):
        return
    from .capture.record import Recorder  # most programs never record

    check_kind("capture", capture, Recorder, "a path or a Recorder")


def _check_address(address: object) -> None:
    if isinstance(address, str | Address) or callable(address):
        return
    if not isinstance(address, Sequence) or isinstance(address, bytes | bytearray | memoryview):
        raise refuse("address", "is no address", address, "give http://host:port, several in a list, or a function")
    for one in address:
        check_kind("address", one, (str, Address), "a list of addresses such as http://host:port")
