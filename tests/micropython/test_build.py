"""What boards install: every file is listed, every processor's compiler takes the sources, and mip installs the package."""

import contextlib
import functools
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_scripts import build_micropython
from tests.micropython.board import ROOT, Board, figure, install_compiled
from tests.support.ports import free_port

TEN = ("x86", "x64", "armv6", "armv6m", "armv7m", "armv7emsp", "armv7emdp", "xtensa", "xtensawin", "rv32imc")


def test_the_committed_lists_name_every_file() -> None:
    assert build_micropython.main(["--check"]) == 0


@pytest.mark.parametrize("arch", TEN)
def test_machine_code_compiles_for_every_processor(tmp_path: Path, arch: str) -> None:
    sizes = []
    for name in build_micropython.NATIVE:
        target = tmp_path / f"{name}.mpy"
        build_micropython.mpy_cross(build_micropython.MIRROR / f"{name}.py", target, f"{name}.py", arch)
        head = target.read_bytes()[:4]
        assert head[:2] == b"M\x06"
        assert head[2] >> 2, "no processor is named"
        sizes.append(target.stat().st_size)
    print(f"{arch}: {sum(sizes)} bytes of machine code")


def test_numbers_stand_in_place_of_names_and_lines_stay_where_they_were() -> None:
    texts = build_micropython.prepared(("micro",))
    for module, text in texts.items():
        assert len(text.splitlines()) == len(build_micropython.sources()[module].read_text().splitlines()), module
    sender = texts["session/device/sender"]
    assert "_DATA" not in sender
    assert not re.search(r"\bPACK_CRITICAL\b(?!\")", sender.partition('"""\n\nfrom')[2])
    assert '"vita"' not in texts["session/spec"]
    assert '"micro"' in texts["session/spec"]


@contextlib.contextmanager
def serve(compiled: Path) -> Iterator[str]:
    """The built package behind HTTP, as somebody would put it on a server of his own; the address of its list."""
    folder = compiled.parent
    names = [path.relative_to(folder).as_posix() for path in compiled.rglob("*.mpy")]
    (folder / "package.json").write_text(build_micropython.package_list({name: name for name in names}))
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/package.json"
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
        pass


def test_mip_installs_the_package_and_it_works(tmp_path: Path, compiled_for_programs: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    board = Board(tmp_path / "board", package=nothing)
    (board.folder / "flight_client").rmdir()
    (board.folder / "install.py").write_text(
        "import mip, sys\nmip.install(sys.argv[1], target='lib')\nsys.path.insert(0, 'lib')\nimport steady_run\n"
    )
    (board.folder / "steady_run.py").write_text(
        (board.folder / "steady_run.py").read_text().replace("run(int(sys.argv[1]), sys.argv[2]", "run(1000, 'delta'")
    )
    with serve(compiled_for_programs) as url:
        lines = board.run("install.py", url)
    assert figure(lines, "allocated") == 0
    assert "form viper" in lines
    installed = {path.relative_to(board.folder / "lib").as_posix() for path in (board.folder / "lib").rglob("*.mpy")}
    assert installed == {f"flight_client/{path.name}" for path in compiled_for_programs.glob("*.mpy")}


def test_the_source_package_lists_what_is_there() -> None:
    listed = json.loads((ROOT / "micropython" / "package.json").read_text())
    for to, at in listed["urls"]:
        assert (ROOT / "micropython" / at).resolve().is_file(), at
        assert to.startswith("flight_client/")
    assert listed["version"] == build_micropython.version()


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package compiled module by module."""
    folder: Path = tmp_path_factory.mktemp("readable")
    install_compiled(folder, readable=True)
    return folder / "flight_client"


# The most that a part may take after import, in bytes, as it is installed. Not to be raised without a reason.
LIMITS = {"core": 8_000, "session": 55_000, "full": 87_000}


def test_the_package_takes_less_memory_compiled_and_least_put_together(
    tmp_path: Path, compiled: Path, readable: Path
) -> None:
    def program(core: str, session: str, rest: str) -> str:
        return (
            "import gc\n"
            "def live():\n"
            "    gc.collect()\n"
            "    return gc.mem_alloc()\n"
            "start = live()\n"
            f"import {core}\n"
            "print('core', live() - start)\n"
            f"import {session}\n"
            "print('session', live() - start)\n"
            f"import {rest}\n"
            "print('full', live() - start)\n"
        )

    rest = "flight_client.client, flight_client.stream, flight_client.websocket, flight_client.polling"
    session = "flight_client.session.device.machine, flight_client.session.device.inbox"
    apart = program("flight_client.ring, flight_client.frame", session, rest)
    together = program("flight_client.core", "flight_client.session", rest)
    found = {}
    for name, package, text in (
        ("source", None, apart),
        ("readable", readable, apart),
        ("compiled", compiled, together),
    ):
        board = Board(tmp_path / name, package=package)
        (board.folder / "ram.py").write_text(text)
        found[name] = board.run("ram.py", heap="4m")
        print(f"{name}: {', '.join(found[name])} bytes after import, 64 bits")
    for part, limit in LIMITS.items():
        assert figure(found["readable"], part) < figure(found["source"], part)
        assert figure(found["compiled"], part) < figure(found["readable"], part)
        assert figure(found["compiled"], part) <= limit
