"""`flight send` as a person and a pipe use it."""

import json

import pytest

from tests.support.ports import free_port
from tests.support.process import GatewayProcess, environment, interrupt, run_flight, start_flight


@pytest.fixture
def here(running: GatewayProcess) -> list[str]:
    return ["--gateway", running.address, "--state-dir", str(running.folder)]


def last(here: list[str], channel: str, count: int) -> list[dict[str, object]]:
    """The last entries of a channel, as `flight tail --json` prints them."""
    done = run_flight("tail", channel, "--history", str(count), "--count", str(count), "--json", *here)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_one_text_is_one_log_event(here: list[str]) -> None:
    done = run_flight("send", "--channel", "one", "--device-id", "me", "level", "loaded", *here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [event] = last(here, "one", 1)
    assert event["data"] == {"text": "level loaded", "level": "info"}
    assert (event["device"], event["channel"], event["type"]) == ("me", "one", "log")


def test_fields_make_an_event_of_their_type_on_its_usual_channel(here: list[str]) -> None:
    done = run_flight("send", "--type", "memory-update", "used_bytes=4194304", "total_bytes=16777216", *here)
    assert done.returncode == 0, done.stderr
    [event] = last(here, "memory-updates", 1)
    assert event["type"] == "memory-update"
    data = event["data"]
    assert isinstance(data, dict)
    assert (data["used_bytes"], data["total_bytes"]) == (4194304, 16777216)


def test_every_line_of_standard_input_is_an_event_in_order(here: list[str]) -> None:
    lines = [f"line {i}" for i in range(2000)]
    done = run_flight("send", "--channel", "lines", *here, text="\n".join(lines) + "\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    # One process is one device: its two thousand events came in order, in batches.
    found = run_flight("tail", "lines", "--history", "2000", "--count", "2000", "--json", *here)
    assert [json.loads(line)["data"]["text"] for line in found.stdout.splitlines()] == lines


def test_json_lines_make_events_of_another_type(here: list[str]) -> None:
    text = '{"minimum_us": 1, "mean_us": 2, "maximum_us": 3, "count": 4}\n' * 2
    done = run_flight("send", "--type", "frame-time", "--transport", "polling", *here, text=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(last(here, "frame-time", 2)) == 2


@pytest.mark.parametrize(
    ("words", "text", "shown"),
    [
        (["--type", "memory-update", "colour=red"], "", ["colour", "used_bytes"]),
        (["--type", "memory-update", "used_bytes"], "", ["used_bytes", "used_bytes=4096"]),
        (["--type", "memory-update", "used_bytes=-1"], "", ["used_bytes", "-1"]),
        (["--type", "component-update", "id=a"], "", ["component-update", "name"]),
        (["--type", "payload", "kind=1"], "", ["payload", "--channel"]),
        (["--channel", "Bad Name", "x"], "", ["Bad Name", "a-z"]),
        (["--channel", "log", "a" * 500], "", ["480"]),
        (["--type", "frame-time"], '{"count": 1}\nnot json\n', ["frame-time"]),
        (["--type", "memory-update"], '{"used_bytes": 1}\nnot json\n', ["line 2", "not json"]),
        (["--type", "memory-update"], "[1]\n", ["line 1", "[1]"]),
        (["--transport", "pigeon", "x"], "", ["pigeon", "websocket"]),
        (["--type", "pigeon", "x"], "", ["pigeon", "memory-update"]),
        (["--device-id", "two words", "x"], "", ["two words"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_what_cannot_be_sent_is_refused_with_the_value(
    here: list[str], words: list[str], text: str, shown: list[str]
) -> None:
    done = run_flight("send", *words, *here, text=text)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    for part in shown:
        assert part in done.stderr


def test_a_line_that_is_no_text_is_an_error_and_not_a_hang(here: list[str]) -> None:
    for mode in ("utf-8:strict", "utf-8:surrogateescape"):
        done = run_flight(
            "send", "--channel", "log", *here, text=b"fine\nl\xe4rm\n", env=environment(PYTHONIOENCODING=mode)
        )
        assert done.returncode == 2, done
        assert "line 2" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_unreachable_gateway_is_exit_3_with_what_to_do(running: GatewayProcess) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    for command in (("send", "x"), ("tail", "log")):
        done = run_flight(*command, "--gateway", address, "--state-dir", str(running.folder), "--wait", "0.3")
        assert done.returncode == 3, done
        assert address in done.stderr
        assert "flight gateway" in done.stderr


def test_a_server_that_is_no_gateway_is_named(running: GatewayProcess) -> None:
    """The gateway's own port under a path nobody serves stands for any web server."""
    done = run_flight("send", "x", "--gateway", running.address + "/elsewhere", "--state-dir", str(running.folder))
    assert done.returncode == 2
    assert "/elsewhere" in done.stderr


def test_a_wrong_token_is_exit_4_with_what_to_do(running: GatewayProcess) -> None:
    for command in (("send", "x"), ("tail", "log")):
        done = run_flight(*command, "--gateway", running.address, env=environment(FLIGHT_TOKEN="a.b.c"))
        assert done.returncode == 4, done
        assert "--print-token" in done.stderr
        assert "a.b.c" not in done.stderr


def test_no_token_at_all_says_where_to_get_one(running: GatewayProcess, tmp_path: object) -> None:
    done = run_flight("send", "x", "--gateway", running.address, "--state-dir", f"{tmp_path}/nothing")
    assert done.returncode == 2
    assert "--print-token" in done.stderr
    done = run_flight("send", "x", "--gateway", running.address, "--token-file", f"{tmp_path}/nothing")
    assert done.returncode == 2
    assert "token file" in done.stderr


def test_ctrl_c_while_it_waits_for_lines_ends_it_cleanly(here: list[str]) -> None:
    process = start_flight("send", "--channel", "typed", *here)
    assert process.stdin is not None
    process.stdin.write("first\n")
    process.stdin.flush()
    assert last(here, "typed", 1)[0]["data"] == {"text": "first", "level": "info"}
    code, out, err = interrupt(process)
    assert (code, out) == (130, ""), err
    assert err.strip() == "flight: interrupted"


def test_send_and_tail_take_a_list_of_gateways_and_find_the_one_that_lives(running: GatewayProcess) -> None:
    nodes = f"http://127.0.0.1:{free_port()}, {running.address}"
    here = ["--state-dir", str(running.folder), "--wait", "60"]
    done = run_flight("send", "--channel", "listed", "over there", "--gateway", nodes, *here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    words = ("tail", "listed", "--history", "1", "--count", "1", "--json", *here)
    found = run_flight(*words, env=environment(FLIGHT_GATEWAY=nodes))
    assert found.returncode == 0, found.stderr
    [event] = [json.loads(line) for line in found.stdout.splitlines()]
    assert event["data"]["text"] == "over there"


def test_a_bad_list_of_gateways_is_one_line() -> None:
    done = run_flight("send", "x", "--gateway", "http://a:1,http://a:1", env=environment(FLIGHT_TOKEN="t"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "stands twice" in done.stderr
