"""The Go module: gofmt and vet have nothing to say, the guide's program prints what the guide prints, bad input is explained."""

import subprocess
from pathlib import Path

import pytest

from tests.bindings import built
from tests.support.process import HANG_S


@pytest.fixture(scope="module")
def programs() -> Path:
    return built.go() / "bin"


def output(program: Path) -> list[str]:
    done = subprocess.run([program], capture_output=True, text=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_quick_start_prints_what_the_guide_prints(programs: Path) -> None:
    assert output(programs / "quickstart") == ["PSP Memory Constraint: 32MB", "Max retries: 2, Interval: 3000ms"]


def test_unknown_numbers_are_never_zero_and_bad_input_is_explained(programs: Path) -> None:
    assert output(programs / "inputs") == [
        "true 16777216 true true psp",
        "another type: false",
        "caller: unknown platform (amiga); use one of: dreamcast, psp, vita, v6r-cloud, web, host, micro",
        "caller: the platform is of the type web-browser, no console (web); write the ClientInfo yourself",
        "[basic-messaging memory-updates polling-mode]",
        'caller: there is no token (""); make one with `flight gateway --print-token`',
        "caller: the address is none of a gateway (nowhere); write http://HOST:PORT or https://HOST:PORT",
        "5000",
        "<nil>",
        "caller: the message is too old, or dated ahead (36000000 ms); make it anew",
        "caller: the payload is larger than the 896 bytes that psp takes (897); send less at once",
    ]


def test_the_module_needs_nothing_but_the_standard_library() -> None:
    assert "require" not in (built.GO / "go.mod").read_text(encoding="utf-8")
