"""The example for a PC is built by its own Makefile from the three files, and seen by `flight tail` at a real gateway."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flight_client import SyncClient
from tests.packaging.programs import program, run
from tests.project.tree import ROOT
from tests.support.process import GatewayProcess, interrupt, run_flight, start_flight

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the POSIX port")

EXAMPLES = ROOT / "csrc" / "examples"
CHANNELS = ["player", "log", "memory-updates", "frame-time"]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in a folder of its own, made of two files, one port file and its main.c."""
    folder = tmp_path_factory.mktemp("example")
    run(sys.executable, ROOT / "build_scripts" / "amalgamate.py", "--output", folder / "flight")
    for path in (EXAMPLES / "posix").iterdir():
        if path.suffix == ".c" or path.name == "Makefile":
            (folder / path.name).write_bytes(path.read_bytes())
    flags = "CFLAGS=-O1 -Wall -Wextra -Werror"
    run(program("make"), "FLIGHT=flight", flags, "CC=gcc", folder=folder, MAKEFLAGS="")
    assert sorted(path.name for path in folder.glob("*.o")) == ["flight.o", "flight_port_posix.o", "main.o"]
    return folder / "example"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Any:
    process = GatewayProcess(tmp_path_factory.mktemp("gateway"))
    process.start()
    yield process
    process.kill()


class Tail:
    """`flight tail` of all that the game sends."""

    def __init__(self, gateway: GatewayProcess) -> None:
        where = ["--gateway", gateway.address, "--state-dir", str(gateway.folder)]
        self.process = start_flight("tail", *CHANNELS, "--history", "100", "--json", *where)
        self.seen: list[dict[str, Any]] = []

    def wait_for(self, channel: str, **fields: object) -> dict[str, Any]:
        """The first event of a channel that has these fields."""
        found = [entry for entry in self.seen if matches(entry, channel, fields)]
        while not found:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, f"flight tail ended before {channel} {fields}"
            self.seen.append(json.loads(line))
            found = [entry for entry in self.seen[-1:] if matches(entry, channel, fields)]
        return found[0]


def matches(entry: dict[str, Any], channel: str, fields: dict[str, object]) -> bool:
    return bool(entry["channel"] == channel and fields.items() <= entry["data"].items())


def test_the_game_is_seen_on_the_pc_and_hears_it(example: Path, gateway: GatewayProcess) -> None:
    words = [str(example), "127.0.0.1", gateway.token("posix-example"), str(gateway.port)]
    where = ["--gateway", gateway.address, "--state-dir", str(gateway.folder)]
    tail = Tail(gateway)
    with subprocess.Popen(words, cwd=example.parent) as game:
        try:
            player = tail.wait_for("player")
            assert tail.wait_for("log")["data"]["text"] == "frame 0"
            assert tail.wait_for("memory-updates")["data"]["used_bytes"] > 0
            assert tail.wait_for("frame-time")["data"]["count"] > 1, "one event for all frames of a second"
            command = ["send", "--channel", "command", "--type", "payload", "kind=1", "data=hp50"]
            assert run_flight(*command, *where).returncode == 0
            assert tail.wait_for("log", text="hp is now 50")["device"] == "posix-example"
            assert player["data"]["data"].endswith("64000000"), "hp was 100"
            assert tail.wait_for("player", kind=1)
            while not tail.seen[-1]["data"].get("data", "").endswith("32000000"):
                tail.seen.clear()
                tail.wait_for("player")
            with SyncClient(gateway.address, token=gateway.token("tool-1"), device_id="tool-1") as tool:
                assert struct.unpack("<iii", tool.command("posix-example", "where"))[2] == 50, "the hit points"
        finally:
            game.terminate()
            interrupt(tail.process)


def test_the_game_ends_by_itself_where_no_gateway_is(example: Path, tmp_path: Path) -> None:
    done = subprocess.run([example, "127.0.0.1", "token", "1", "5"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("console", ["dreamcast", "psp", "vita"])
def test_the_examples_of_the_consoles_name_three_objects(console: str) -> None:
    makefile = (EXAMPLES / console / "Makefile").read_text(encoding="utf-8")
    port = {"dreamcast": "kos"}.get(console, console)
    assert f"OBJS = main.o flight.o flight_port_{port}.o\n" in makefile
