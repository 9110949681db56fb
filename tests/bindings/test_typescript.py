"""The TypeScript package: programs with the guide's imports, calls and names compile against it and print what the guide prints."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from tests.bindings import built
from tests.support.figures import Figure
from tests.support.process import HANG_S


@pytest.fixture(scope="module")
def folder() -> Path:
    return built.typescript()


def output(folder: Path, program: str) -> str:
    command = ["node", str(folder / "programs" / program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_quick_start_prints_what_the_guide_prints(folder: Path) -> None:
    lines = output(folder, "quick_start.js").splitlines()
    assert lines[0] == "Platform capabilities: [ 'basic-messaging', 'memory-updates', 'polling-mode' ]"
    assert lines[1] == "Update interval: 5000"
    assert lines[2] == "8.4MB/16MB, fragmented: 0.35"


def test_the_guides_patterns_hold(folder: Path) -> None:
    lines = output(folder, "patterns.js").splitlines()
    assert lines[0] == "valid: true false false false true"
    assert lines[1] == "by hand: true false false false"


def test_waits_have_full_jitter_below_a_ceiling_that_doubles(folder: Path) -> None:
    lines = [json.loads(line) for line in output(folder, "backoff.js").splitlines()]
    lowest, highest, hinted, healthy = lines
    assert lowest == [0, 250, 250, 250, 250, 250, 250, 250]
    assert highest == [250, 1000, 2000, 4000, 8000, 10000, 10000, 10000]
    assert hinted == [1125, 1500, 2000]
    assert healthy == [250, 1000, 1000, 250]


def test_unknown_numbers_are_never_zero_and_bad_input_is_explained(folder: Path) -> None:
    lines = output(folder, "inputs.js").splitlines()
    assert lines == [
        "unknown NaN false",
        "gone again null",
        "caller: unknown platform (amiga); use one of: dreamcast, psp, vita, v6r-cloud, web, host, micro",
        "caller: the platform is of the type web-browser, no console (web); write the ClientInfo yourself",
        "caller: there is no token (); make one with `flight gateway --print-token`",
        "caller: the address is none of a gateway (nowhere); write http://HOST:PORT or https://HOST:PORT",
        "16MB 8.4MB 1MB 0B unknown",
        "8192 true 1",
    ]


def test_the_hooks_follow_a_connection_and_are_told_apart_from_a_missing_react(folder: Path) -> None:
    lines = output(folder, "render.js").splitlines()
    assert lines[0] == 'caller: the hooks have no React (undefined); write `import "@flight/realtime-types/react"` once'
    assert lines[1:] == [
        "waiting",
        "1: 8.4MB",
        "2: unknown",
        "listeners left: 0",
        "strict: 1: 8.4MB",
        "left of strict: 0 0 0 0",
        "disconnected none",
        "connected vita 2",
        "intervals left: 0",
    ]


def test_the_package_says_nothing_of_its_readers_machine_and_depends_on_nothing() -> None:
    about = json.loads((built.TYPESCRIPT / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in about
    assert about["license"] == "MIT"
    assert about["peerDependenciesMeta"] == {"react": {"optional": True}}


@pytest.fixture(scope="module")
def hostile(folder: Path) -> list[str]:
    return output(folder, "hostile.js").splitlines()


def test_servers_that_are_none_are_told_apart_and_leave_no_timer(hostile: list[str]) -> None:
    told = dict(line.split(": ", 1) for line in hostile[:13])
    assert {name: " ".join(reason.split(": ")[0].split()) for name, reason in told.items()} == {
        **dict.fromkeys(("garbled", "a list", "no messages", "no welcome", "huge", "redirect", "not found"), "connecting peer"),
        "bad gateway": "connecting link",
        **dict.fromkeys(("not an object", "wrong type", "no events"), "reconnecting peer"),
        "beyond 2^53": "failed peer",
        "refused": "failed caller",
    }  # fmt: skip
    assert "over 16777216 bytes" in told["huge"]
    assert "other.invalid" in told["redirect"]
    assert "timers left" not in "".join(told.values())


def test_it_polls_where_no_websocket_opens_and_goes_back_to_one_that_does(hostile: list[str]) -> None:
    """On the way back nothing is lost: both batches are stored, and the channel goes on behind the offset it had."""
    assert hostile[13] == "ways: polling websocket polled streamed after 4 0"


def test_what_cannot_be_is_the_callers_mistake_and_what_is_given_up_a_dead_letter(hostile: list[str]) -> None:
    words = [
        "not yours", "letters: refused", "nothing to publish", "type of event is not known", "data of a log is no object",
        "timestamp is beyond 2^53-1", "timestamp is a BigInt", "timestamp is not finite (Infinity)", "larger than 120000 bytes",
        "unknown priority", "channel is not valid (7)", "handler is no function", "already subscribed", "no place to start",
        "pattern has no place", "no token", "was opened before", "may not be sent", "it is no object", "payload is no JSON",
        "another platform", "listener is no function",
        "hidden: it may hold a secret",
        "updateInterval is no time", "webSocket is no class", "no ClientInfo", "not sent within 1 ms", "letters: expired false",
        "is closed", "is closed",
    ]  # fmt: skip
    lines = hostile[14:-1]
    assert len(lines) == len(words)
    for line, expected in zip(lines, words, strict=True):
        assert expected in line
    assert "secret@" not in "".join(lines)


def test_a_closed_connection_leaves_neither_socket_nor_timer(hostile: list[str]) -> None:
    assert hostile[-1] == "left: 0 0"


def test_publishing_through_an_outage_is_bounded_and_does_not_hurry_the_next_attempt(folder: Path) -> None:
    lines = output(folder, "outage.js").splitlines()
    assert lines == ["attempts while it waits: 0 given up: 1488 kept: 512 in time: 0", "told: 2000"]


def test_the_package_is_small(folder: Path, figure: Figure) -> None:
    """Bytes of JavaScript as tsc writes it, with its comments; React's part is not loaded by those who do not use it."""
    made = folder / "node_modules" / "@flight" / "realtime-types" / "dist"
    size = sum(path.stat().st_size for path in made.rglob("*.js"))
    packed = sum(len(gzip.compress(path.read_bytes())) for path in made.rglob("*.js"))
    figure(f"@flight/realtime-types: {size:,} bytes of JavaScript, {packed:,} compressed")
    assert size < 100_000


def test_it_uses_nothing_that_node_18_does_not_have(folder: Path) -> None:
    """Against the declarations of that version alone, without a browser's: what came later does not compile."""
    package = folder / "node_modules" / "@flight" / "realtime-types"
    probe = folder / "newer.ts"
    said = {"target": "ES2022", "module": "NodeNext", "lib": "ES2022", "types": "node"}
    flags = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        *(word for name, value in said.items() for word in (f"--{name}", value)),
    ]
    tsc = built.compiler()
    built.run(tsc, *flags, package / "src" / "index.ts", cwd=folder)
    probe.write_text("export const socket = WebSocket; AbortSignal.any([]);\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="'WebSocket'"):
        built.run(tsc, *flags, probe, cwd=folder)
