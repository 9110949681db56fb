"""The walk of micropython/README.md: install with mip, run the program, see the event in `flight tail`."""

import asyncio
import json
import threading
from pathlib import Path

from build_scripts import build_micropython
from tests.micropython.board import Board
from tests.micropython.test_build import serve
from tests.project.readme_examples import examples
from tests.support.bench import Bench
from tests.support.process import interrupt, start_flight

ADDRESS = "http://192.168.1.10:8080"


async def test_a_newcomer_gets_from_mip_to_an_event_in_flight_tail(
    bench: Bench, tmp_path: Path, compiled: Path
) -> None:
    blocks = examples("micropython/README.md")
    empty = tmp_path / "empty"
    empty.mkdir()
    board = Board(tmp_path / "board", package=empty)
    (board.folder / "flight_client").rmdir()
    with serve(compiled) as url:
        (board.folder / "install.py").write_text(
            blocks["install"]
            .replace("http://192.168.1.10:8000/package.json", url)
            .replace('.json")', '.json", target=".")')
        )
        await asyncio.to_thread(board.run, "install.py")
    assert (board.folder / "flight_client" / "client.mpy").exists()
    program = blocks["board"].replace(ADDRESS, bench.address).replace('"TOKEN"', json.dumps(bench.token("board-1")))
    (board.folder / "main.py").write_text(program)
    (tmp_path / "token").write_text(bench.token())
    words = blocks["tail"].strip().removeprefix("$ flight ").split()
    tail = start_flight(*words, "--gateway", bench.address, "--token-file", str(tmp_path / "token"))
    said: list[str] = []
    assert tail.stdout is not None
    reader = threading.Thread(target=lambda: said.extend(iter(tail.stdout.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:
        assert await asyncio.to_thread(board.run, "main.py") == ["connected new session", "1 stored"]
        for _ in range(200):
            if any("hello from a board" in line for line in said):
                break
            await asyncio.sleep(0.05)
    finally:
        await asyncio.to_thread(interrupt, tail)
        reader.join()
    assert any("hello from a board" in line and "board-1" in line for line in said), said


async def test_a_newcomer_with_a_token_of_another_board_is_told(bench: Bench, tmp_path: Path) -> None:
    program = examples("micropython/README.md")["board"].replace(ADDRESS, bench.address)
    board = Board(tmp_path / "board")
    (board.folder / "main.py").write_text(program.replace('"TOKEN"', json.dumps(bench.token("another"))))
    lines = await asyncio.to_thread(board.run, "main.py")
    assert lines[-2:] == ["failed 3", "0 stored"]


def test_the_arch_that_the_page_names_are_known() -> None:
    page = Path(build_micropython.ROOT / "micropython" / "README.md").read_text(encoding="utf-8")
    for arch in ("armv6m", "armv7emsp", "xtensawin", "rv32imc"):
        assert arch in page
        assert arch in build_micropython.ARCHES
