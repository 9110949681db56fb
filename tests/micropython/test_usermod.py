"""The module in C has the names and the behaviour of the package in Python: the same scripts run on both, and print the same."""

import asyncio
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from flight_client import Client, FrameTime, Log, Payload, SystemMonitoring
from tests.micropython import usermod
from tests.micropython.board import PROGRAMS, ROOT, TIMEOUT_S, Board, environment
from tests.support.bench import Bench
from tests.support.waiting import within

EXAMPLE = ROOT / "micropython" / "examples" / "console_script.py"
KINDS = ("package", "module")
PLAY = """\
import sys, time
from console_script import Game

with open("token") as file:
    game = Game("http://127.0.0.1:%s" % sys.argv[1], file.read(), "console-1")
start = time.ticks_ms()
while game.level == "garden" and time.ticks_diff(time.ticks_ms(), start) < 60000:
    game.frame(16000)
    time.sleep_ms(2)
print("level", game.level)
print("end", game.end()["queued"])
"""


class Script:
    """A folder with a program, and the interpreter that runs it."""

    def __init__(self, folder: Path, kind: str, bench: Bench, device: str = "board-1") -> None:
        self.bench = bench
        if kind == "package":
            board = Board(folder)
            self.command = board.command
        else:
            interpreter = str(usermod.interpreter())
            folder.mkdir(exist_ok=True)
            shutil.copy(PROGRAMS / "module_run.py", folder)
            self.command = lambda program, *words, **_: [interpreter, program, *words]
        self.folder = folder
        (folder / "token").write_text(bench.token(device))
        shutil.copy(EXAMPLE, folder)

    async def run(self, program: str, *words: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            self.command(program, *words),
            cwd=self.folder,
            env=environment(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.mark.parametrize("kind", KINDS)
async def test_every_event_goes_there_and_back_with_its_values(bench: Bench, tmp_path: Path, kind: str) -> None:
    said = await Script(tmp_path / kind, kind, bench).run("module_run.py", "events", str(bench.settings.port))
    async with Client(bench.address, token=bench.token(), device_id="tool") as tool:
        stream = tool.events("system-monitoring", channels=["talk"], history=100)
        seen = (await within(anext(stream))).data
    assert seen == SystemMonitoring(cpu=0.5, temperature_c=-20.25, dropped_events=0)
    lines = said.splitlines()
    assert len(lines) == 11
    assert lines[1] == "('talk', 'board-1', ('Log', [('level', b'error'), ('text', b'\\xc3\\xa9')]))"
    assert "('maximum_us', 2147483648), ('mean_us', 4294967295)" in lines[4]
    assert "('fragmentation', 0.25), ('total_bytes', 4294967294)" in lines[5]
    assert lines[8:] == ["states True", "end closed 0 10 0 True", "after -4 -4"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_work_is_refused(bench: Bench, tmp_path: Path, kind: str) -> None:
    said = await Script(tmp_path / kind, kind, bench).run("module_run.py", "refused", str(bench.settings.port))
    wanted = ["ValueError"] * 7 + ["EventError"] * 8 + ["TypeError", "TypeError", "ValueError", "-2 0"]
    assert said.splitlines() == wanted


@pytest.mark.parametrize("kind", KINDS)
async def test_a_handler_that_raises_is_heard_and_does_no_harm(bench: Bench, tmp_path: Path, kind: str) -> None:
    said = await Script(tmp_path / kind, kind, bench).run("module_run.py", "raising", str(bench.settings.port))
    assert said.splitlines() == ["raised 1", "first 97"]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_event_takes_no_heap(bench: Bench, tmp_path: Path, kind: str) -> None:
    said = await Script(tmp_path / kind, kind, bench).run("module_run.py", "soak", str(bench.settings.port))
    assert said.splitlines() == ["allocated 0"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_script_of_a_console_is_seen_on_the_pc_and_hears_it(bench: Bench, tmp_path: Path, kind: str) -> None:
    script = Script(tmp_path / kind, kind, bench, "console-1")
    (script.folder / "play.py").write_text(PLAY)
    async with Client(bench.address, token=bench.token(), device_id="tool") as tool:
        stream = tool.events(channels=["log", "scores", "frame-time"], history=100)
        running = asyncio.create_task(script.run("play.py", str(bench.settings.port)))
        seen: list[object] = []
        sent = False
        while Log("level lava, as tool wants", "warning") not in seen:
            event = await within(anext(stream), TIMEOUT_S)
            seen.append(event.data)
            wanted = FrameTime if kind == "module" else Payload  # one a second from the client in C
            if isinstance(event.data, wanted) and not sent:
                sent = tool.channel("console-commands").emit(Payload(1, b"lava"), critical=True).accepted
        said = await within(running, TIMEOUT_S)
    assert seen[0] == Log("level garden")
    assert any(isinstance(data, Payload) and data.data.isdigit() for data in seen)
    assert said.splitlines() == ["level lava", "end 0"]


async def test_a_device_key_goes_with_the_module_too(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    key = bytes(range(32)).hex()
    keys.write_text(f"board-1 {key}\n")
    keys.chmod(0o600)
    bench = Bench(tmp_path, device_keys=keys)
    await bench.start()
    try:
        said = [
            await Script(tmp_path / kind, kind, bench).run("module_run.py", "events", str(bench.settings.port), key)
            for kind in KINDS
        ]
    finally:
        await bench.stop()
    assert said[0] == said[1]


# What can be seen without MicroPython's sources: the tables of the module say what those of the package say.


def text_of(name: str) -> str:
    return (usermod.MODULE / name).read_text(encoding="utf-8")


def test_the_fields_of_the_module_are_those_of_the_package() -> None:
    events = runpy.run_path(str(ROOT / "micropython" / "flight_client" / "tables.py"))["EVENTS"]
    forms = {"U8": "B", "U16": "H", "S16": "h", "U32": "I", "SIZE": "Z"}
    found = dict(re.findall(r"static const field (\w+)_fields\[\] = \{(.*?)\};", text_of("events.c"), re.DOTALL))
    assert sorted(found) == ["frame_time", "log", "memory_update", "payload", "system_monitoring"]
    for name, text in found.items():
        layout, fields, tails = events[name.replace("_", "-")]
        rows = re.findall(r"\{MP_QSTR(?:_(\w+)|null), (\d+), (\d+|0xffff), (\w+), (\w+)\}", text)
        assert f"FLIGHT_LAYOUT_{name.upper()}" in text_of("events.c"), layout
        told = [(row[0] or None, forms[row[3]], int(row[1]), row[4] == "UNKNOWN") for row in rows if row[3] in forms]
        assert told == [(field, code, scale, optional) for field, code, scale, optional, _ in fields], name
        ends = [(row[0], int(row[2], 0)) for row in rows if row[3] not in forms]
        assert ends == [(field, min(limit, 0xFFFF)) for field, _, limit, _ in tails] or name == "payload", name


def test_the_numbers_and_names_of_the_module_are_those_of_the_package() -> None:
    package = ROOT / "micropython" / "flight_client"
    for name, value in re.findall(r"#define ((?:QUEUED|REFUSED_\w+)) \(?(-?\d)\)?", text_of("flight_module.h")):
        text = (package / "ring.py").read_text() + (package / "channel.py").read_text()
        assert re.search(rf"^{name} = {value}\b", text, re.MULTILINE), name
    critical = re.search(r"critical_channels\[\] = \{(.*?)\}", text_of("client.c"))
    assert critical is not None
    told = (package / "profiles.py").read_text()
    assert f"CRITICAL = ({critical.group(1)})".replace('"', "'") in told
    public = re.findall(r'^    "(\w+)",$', (package / "__init__.pyi").read_text(), re.MULTILINE)
    names = set(re.findall(r"MP_QSTR_(\w+)\), MP_ROM_(?:PTR|INT)", text_of("module.c")))
    assert names <= set(public)
    assert set(public) - names == {"CommandRequest", "CommandResult", "ComponentUpdate", "V6REvent"}


def test_both_builds_name_every_file_of_the_module() -> None:
    files = {path.stem for path in usermod.MODULE.glob("*.c")}
    for name in ("micropython.mk", "micropython.cmake"):
        text = text_of(name)
        assert all(re.search(rf"\b{file}\b", text) for file in files), name
