"""Check a built wheel: one abi3 extension, small, typed, and nothing in it that belongs to the source tree.

`python build_scripts/check_wheel.py dist/flight_realtime-0.1.0-cp311-abi3-linux_x86_64.whl`
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

# What a client program uses; peers that are clients only weigh 77 to 226 KB. The public types with their JSON take some 20 KB of it, the
# calls of the guide's hooks and the client without asyncio as much.
CLIENT_LIMIT_BYTES = 300 * 1024
# The programs that come along, the role of the session that only they play, and what only tests import. A wheel that outgrows this has taken something in by mistake.
PROGRAMS = (
    "flight_client/gateway/", "flight_client/session/gateway/", "flight_client/cli/", "flight_client/demo/", "flight_client/testing/",
)  # fmt: skip
LIMIT_BYTES = 640 * 1024  # a gateway for production and its commands are two thirds of it
EXTENSION = ("flight_client/_core", (".so", ".pyd"))


def problems(wheel: Path) -> list[str]:
    """What is wrong with the wheel, one sentence each; empty when nothing is."""
    found = []
    tag = wheel.stem.split("-")[-3:-1]
    if tag != ["cp311", "abi3"]:
        found.append(f"the tag is {'-'.join(tag)}, not cp311-abi3: look at setup.py (py_limited_api)")
    size = wheel.stat().st_size
    if size > LIMIT_BYTES:
        found.append(f"{size} bytes are over the limit of {LIMIT_BYTES}: look for files that do not belong in it")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    client = client_bytes(wheel)
    if client > CLIENT_LIMIT_BYTES:
        found.append(f"the client's part has {client} bytes, over the limit of {CLIENT_LIMIT_BYTES}")
    cores = [name for name in names if name.startswith(EXTENSION[0]) and name.endswith(EXTENSION[1])]
    if len(cores) != 1:
        found.append(f"there are {len(cores)} C extensions, not 1: {', '.join(cores) or 'none'}")
    elif cores[0].endswith(".so") and ".abi3." not in cores[0]:
        found.append(f"{cores[0]} is not built for the stable ABI")
    if "flight_client/py.typed" not in names:
        found.append("flight_client/py.typed is missing: users get no types")
    strangers = sorted(
        {name.split("/")[0] for name in names if not name.startswith(("flight_client/", "flight_realtime-"))}
    )
    if strangers:
        found.append(f"it holds what is no part of the package: {', '.join(strangers)}")
    return found


def client_bytes(wheel: Path) -> int:
    """Compressed size of everything but the programs."""
    with zipfile.ZipFile(wheel) as archive:
        return sum(info.compress_size for info in archive.infolist() if not info.filename.startswith(PROGRAMS))


def main(argv: list[str] | None = None) -> int:
    """Print the verdict on each wheel; 1 when one has a problem."""
    parser = argparse.ArgumentParser(description="Check that a wheel is abi3, small and complete.")
    parser.add_argument("wheel", type=Path, nargs="+")
    failed = False
    for wheel in parser.parse_args(argv).wheel:
        found = problems(wheel)
        sizes = f"{wheel.stat().st_size / 1024:.0f} KB, of it the client {client_bytes(wheel) / 1024:.0f} KB"
        print(f"{wheel.name}: {sizes}: {'; '.join(found) or 'fine'}")
        failed = failed or bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
