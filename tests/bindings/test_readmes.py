"""The READMEs of the bindings: their first program and the machine that speaks to it, word for word but for the address."""

import os
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bindings import built
from tests.support.process import HANG_S, GatewayProcess

ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    process = GatewayProcess(tmp_path_factory.mktemp("gateway"), "memory:")
    process.start()
    yield process
    process.kill()


def blocks(page: Path, language: str) -> list[str]:
    """The pieces of code of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def first_line(command: list[str | Path], token: str, folder: Path) -> str:
    """What a program that never ends prints first."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()
    assert process.stdout is not None
    reader = threading.Thread(target=lambda stream: lines.put(stream.readline()), args=(process.stdout,), daemon=True)
    reader.start()
    try:
        return lines.get(timeout=2 * HANG_S)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def test_the_live_view_of_typescript_shows_what_its_machine_says(gateway: GatewayProcess) -> None:
    live, speak = blocks(built.TYPESCRIPT / "README.md", "js")
    assert ADDRESS in live
    program = built.typescript() / "programs" / f"readme-{os.getpid()}.mjs"
    program.write_text(live.replace(ADDRESS, gateway.address) + speak, encoding="utf-8")
    try:
        assert first_line(["node", program], gateway.token(), program.parent) == "host: 8.4MB of 16MB\n"
    finally:
        program.unlink()


def test_the_live_view_of_go_shows_what_its_machine_says(gateway: GatewayProcess, tmp_path: Path) -> None:
    live, speak = blocks(built.GO / "README.md", "go")
    assert live.count("realtime.Options{}") == live.count("\tselect {}\n") == 1
    program = live.replace("realtime.Options{}", f'realtime.Options{{Address: "{gateway.address}"}}')
    (tmp_path / "main.go").write_text(program.replace("\tselect {}\n", f"{speak}\tselect {{}}\n"), encoding="utf-8")
    module = "github.com/flight-core/shared-types/go"
    for words in (
        ("mod", "init", "live"),
        ("mod", "edit", f"-replace={module}={built.GO}"),
        ("mod", "edit", f"-require={module}@v0.0.0"),
        ("build", "-o", "live", "."),
    ):
        built.run("go", *words, cwd=tmp_path, **built.go_settings())
    assert first_line([tmp_path / "live"], gateway.token(), tmp_path) == "host 8.4MB of 16MB\n"
