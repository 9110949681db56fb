"""The frame of the command line: what people see of help, errors and exit codes."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from flight_client import errors
from flight_client.cli import main as frame
from flight_client.session import spec


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[argparse.Namespace], int]], None]:
    """Put a command `send` in place whose run() is the given function."""

    def place(run: Callable[[argparse.Namespace], int]) -> None:
        module = ModuleType("flight_client.cli.send", "Do it.")
        vars(module)["configure"] = lambda parser: parser.add_argument("--count", type=int, default=0)
        vars(module)["run"] = run
        monkeypatch.setitem(sys.modules, "flight_client.cli.send", module)

    return place


def raising(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        raise error

    return run


def test_help_lists_every_command_with_a_line_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["--help"]) == frame.DONE
    text = capsys.readouterr().out
    for name, line in frame.COMMANDS.items():
        assert f"  {name} " in text
        assert line in text
    assert "examples:" in text
    for code in (
        "0 done",
        "1 failed",
        "2 bad usage",
        "3 could not connect",
        "4 refused by the gateway",
        "130 interrupted",
    ):
        assert code in text


def test_help_imports_no_command() -> None:
    script = (
        "import sys; from flight_client.cli.main import main; main(['--help']);"
        "loaded = [m for m in sys.modules if m.startswith('flight_client.cli.') and not m.endswith('.main')];"
        "sys.exit(f'{loaded}' if loaded or 'aiohttp' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(frame.COMMANDS))
def test_every_listed_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main([name, "--help"]) == frame.DONE
    assert f"usage: flight {name}" in capsys.readouterr().out


def test_without_a_command_the_help_is_printed_and_the_usage_is_bad(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main([]) == frame.USAGE
    assert "commands:" in capsys.readouterr().err


def test_a_mistyped_command_is_named_and_the_nearest_one_proposed(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["docter"]) == frame.USAGE
    text = capsys.readouterr().err
    assert "(docter)" in text
    assert "flight doctor" in text


def test_an_unknown_option_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["--colour", "doctor"]) == frame.USAGE
    assert "--colour" in capsys.readouterr().err


def test_a_commands_arguments_reach_it_and_its_exit_code_is_the_process_s(
    command: Callable[[Callable[[argparse.Namespace], int]], None],
) -> None:
    command(lambda arguments: int(arguments.count))
    assert frame.main(["send", "--count", "7"]) == 7


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            errors.CallerError("no such channel", value="up", next_step="name another"),
            frame.USAGE,
            "flight: your command: no such channel (up); name another\n",
        ),
        (errors.PeerError("it broke"), frame.FAILED, "flight: the other side: it broke\n"),
        (
            errors.LinkError("nobody answers", value="127.0.0.1:1", next_step="start a gateway"),
            frame.UNREACHABLE,
            "flight: the connection: nobody answers (127.0.0.1:1); start a gateway\n",
        ),
        (errors.CoreMissingError("no core"), frame.FAILED, "flight: this installation: no core\n"),
    ],
)
def test_an_error_of_ours_is_one_line_and_an_exit_code(
    error: errors.FlightError,
    code: int,
    line: str,
    command: Callable[[Callable[[argparse.Namespace], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(raising(error))
    assert frame.main(["send"]) == code
    assert capsys.readouterr().err == line


def test_a_refusal_says_what_the_gateway_said_and_what_to_do(
    command: Callable[[Callable[[argparse.Namespace], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(errors.RefusedError(spec.CODE_CREDENTIAL)))
    assert frame.main(["send"]) == frame.REFUSED
    text = capsys.readouterr().err
    assert text.startswith("flight: your command: refused by the gateway: the token is not accepted; ")
    assert text.count("\n") == 1


def test_a_value_cannot_flood_or_command_the_terminal(
    command: Callable[[Callable[[argparse.Namespace], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(errors.CallerError("bad name", value="\x1b[2J\n" + "x" * 10_000)))
    frame.main(["send"])
    text = capsys.readouterr().err
    assert "\x1b" not in text
    assert text.count("\n") == 1
    assert len(text) < 200


def test_an_error_that_nobody_foresaw_keeps_its_traceback(
    command: Callable[[Callable[[argparse.Namespace], int]], None],
) -> None:
    command(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        frame.main(["send"])


def test_ctrl_c_ends_cleanly(
    command: Callable[[Callable[[argparse.Namespace], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(KeyboardInterrupt()))
    assert frame.main(["send"]) == frame.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_extra_is_named_with_the_way_to_get_it(
    command: Callable[[Callable[[argparse.Namespace], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(ModuleNotFoundError("No module named 'rich'", name="rich.table")))
    assert frame.main(["send"]) == frame.FAILED
    assert "pip install 'flight-realtime[tools]'" in capsys.readouterr().err


def test_a_core_that_is_not_built_sends_people_to_the_doctor(
    command: Callable[[Callable[[argparse.Namespace], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(ModuleNotFoundError("No module named 'flight_client._core'", name="flight_client._core")))
    assert frame.main(["send"]) == frame.FAILED
    assert "flight doctor" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    # The reader's end is closed before the first byte is written.
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flight_client", "doctor"],
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write_end)
    assert done.stderr == ""


def test_version_names_package_core_and_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["--version"]) == frame.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["flight", "core", "protocol"]
    assert lines[0].split()[1] == lines[1].split()[1] == metadata.version("flight-realtime")


def test_the_module_and_the_script_are_the_same_command() -> None:
    for module in ("flight_client", "flight_client.cli"):
        done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("flight ")


@pytest.mark.parametrize(
    "words",
    [
        ["tail", "--token-file"],
        ["capture", "show"],
        ["replay"],
        ["gateway", "--key-file"],
        ["gateway", "--jwks"],
        ["gateway", "--channels"],
        ["gateway", "--alerts"],
        ["gateway", "--device-keys"],
        ["gateway", "--tls-key", "key.pem", "--tls-cert"],
    ],
    ids=" ".join,
)
def test_a_file_that_is_not_there_is_said_so_with_its_path_and_nobody_asks_for_a_right(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHT_STATE_DIR", str(tmp_path / "state"))
    missing = tmp_path / "nothing"
    if words[0] == "gateway":
        words = ["gateway", "--port", "0", "--engine", "memory:", *words[1:]]
    assert frame.main([*words, str(missing)]) == frame.USAGE
    said = capsys.readouterr().err
    assert str(missing) in said
    assert "check the path" in said
    assert "right" not in said
    assert "Errno" not in said


def test_every_part_of_a_command_says_what_it_does_in_its_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["token", "new"],
        ["token", "revoke"],
        ["token", "key", "new"],
        ["device-key", "new"],
        ["capture", "record"],
    ):
        assert frame.main([*words, "--help"]) == frame.DONE
        said = capsys.readouterr().out
        sentence = said.split("\n\n")[1].strip()
        assert sentence.endswith("."), said
        assert sentence[0].isupper()


def test_the_help_names_the_environments_folder_and_where_the_other_settings_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("gateway", "tail"):
        assert frame.main([name, "--help"]) == frame.DONE
        assert "FLIGHT_STATE_DIR" in capsys.readouterr().out
    assert frame.main(["gateway", "--help"]) == frame.DONE
    assert "docs/operations.md lists them all" in capsys.readouterr().out
