"""`flight gateway` as a person starts it."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flight_client import Client, Log, RefusedError
from flight_client.gateway.auth import TokenVerifier, development_key, load_key, new_key
from flight_client.gateway.key_files import key_text, write_secret
from tests.support.ports import free_port
from tests.support.process import GatewayProcess, environment, interrupt, run_flight, start_flight
from tests.support.waiting import within


def start_and_read(folder: Path, *words: str, env: dict[str, str] | None = None) -> tuple["subprocess.Popen[str]", str]:
    """Start a gateway and read what it prints, up to its last line."""
    process = start_flight("gateway", "--state-dir", str(folder), *words, env=env)
    assert process.stdout is not None
    printed = ""
    while "stop: Ctrl-C" not in printed:
        line = process.stdout.readline()
        assert line, printed + (process.stderr.read() if process.stderr else "")
        printed += line
    return process, printed


def test_it_prints_address_token_and_the_lines_to_paste_and_is_closed_to_other_hosts(tmp_path: Path) -> None:
    port = free_port()
    process, printed = start_and_read(tmp_path, "--port", str(port))
    try:
        address = f"http://127.0.0.1:{port}"
        assert f"listens on {address} (this machine only; --lan opens it" in printed
        token = re.search(r"^  (\S+\.\S+\.\S+)$", printed, re.MULTILINE)
        assert token is not None
        identity = TokenVerifier([development_key(tmp_path)]).verify_token(token.group(1))
        assert identity.roles == {"publish", "subscribe"}
        assert f'config.host = "127.0.0.1"; config.port = {port}; config.token = "{token.group(1)}";' in printed
        assert f'Client("{address}", token="{token.group(1)}"' in printed
        assert f'ADDRESS, TOKEN = "{address}", "{token.group(1)}"' in printed
        assert f"{address}/health" in printed
        assert f"sqlite:{tmp_path / 'log.sqlite'}" in printed
        listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert f"0100007F:{port:04X}" in listening
        assert f"00000000:{port:04X}" not in listening
    finally:
        code, out, err = interrupt(process)
    assert (code, out) == (130, "")
    assert err == "gateway stopped\n"


def test_in_production_the_start_shows_no_token(tmp_path: Path) -> None:
    """What it prints goes into the log of a service manager there."""
    key = tmp_path / "own.json"
    write_secret(key, key_text(new_key("HS256", "own-1")))
    log = f"sqlite:{tmp_path / 'own.sqlite'}"
    words = ["--port", "0", "--key-file", str(key), "--engine", log]
    process, printed = start_and_read(tmp_path, *words, env=environment(PLATFORM_MODE="production"))
    code, _, err = interrupt(process)
    assert (code, err) == (130, "gateway stopped\n")
    assert "tokens are made where the key is (flight token new --key FILE); keys: own-1" in printed
    assert re.search(r"[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}", printed) is None


def test_lan_opens_it_and_says_so(tmp_path: Path) -> None:
    process, printed = start_and_read(tmp_path, "--port", "0", "--lan", "--engine", "memory:")
    code, _, _ = interrupt(process)
    assert "(open to the network)" in printed or "http://127.0.0.1" in printed
    assert re.search(r"listens on http://[0-9.]+:[1-9]", printed)
    assert code == 130


def test_a_stop_with_a_connected_client_is_clean_too(tmp_path: Path) -> None:
    port = free_port()
    process, _ = start_and_read(tmp_path, "--port", str(port), "--engine", "memory:")
    words = ("tail", "log", "--gateway", f"http://127.0.0.1:{port}", "--state-dir", str(tmp_path))
    tail = start_flight(*words)
    assert tail.stderr is not None
    while "connected" not in tail.stderr.readline():
        assert tail.poll() is None
    code, _, err = interrupt(process)
    assert (code, err) == (130, "gateway stopped\n")
    assert "reconnecting" in tail.stderr.readline()
    code, _, err = interrupt(tail)
    assert code == 130
    assert "Traceback" not in err


def test_print_token_makes_one_for_one_device_and_nothing_else(tmp_path: Path) -> None:
    done = run_flight("gateway", "--print-token", "--device", "my-dc", "--state-dir", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    [token] = done.stdout.split()
    assert TokenVerifier([development_key(tmp_path)]).verify_token(token).subject == "my-dc"


def test_the_state_folder_and_its_key_are_for_this_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert run_flight("gateway", "--print-token", "--state-dir", str(folder)).returncode == 0
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_a_port_in_use_is_an_error_with_the_port_and_what_to_do(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = run_flight("gateway", "--port", str(port), "--engine", "memory:", "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(rf"flight: your command: .*{port}.*--port.*\n", done.stderr), done.stderr


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--engine", "kafka:here"], "kafka"),
        (["--engine", "sqlite:"], "sqlite"),
        (["--engine", "redis://someone:secret@127.0.0.1:1/0"], "redis://127.0.0.1:1/0"),
        (["--engine", "amqp://someone:secret@127.0.0.1:1/x"], "amqp://127.0.0.1:1/x"),
        (["--engine", "rediss://someone:secret@127.0.0.1:port"], "rediss://HOST"),
        (["--port", "eighty"], "eighty"),
        (["--port", "70000"], "70000"),
        (["--host", "no host"], "no host"),
        (["--allow-origin", "evil"], "evil"),
        (["--key-file", "/nowhere/key.json"], "/nowhere/key.json"),
        (["--print-token", "--device", "two words"], "two words"),
        (["--state-dir", "{folder}/a-file"], "a-file"),
        (["--engine", "sqlite:{folder}/no/such/folder/log"], "no/such/folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_value_is_one_line_with_the_value_and_what_to_do(tmp_path: Path, words: list[str], shown: str) -> None:
    (tmp_path / "a-file").write_text("")
    given = [word.format(folder=tmp_path) for word in words]
    if "--state-dir" not in given:
        given += ["--state-dir", str(tmp_path)]
    if not {"--port", "--print-token"} & set(given):
        given += ["--port", str(free_port())]
    done = run_flight("gateway", *given)
    assert done.returncode in (2, 3), done
    assert done.stdout == ""
    assert done.stderr.startswith("flight: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert shown in done.stderr
    assert "secret" not in done.stderr


def test_the_environment_is_read_and_a_bad_value_names_its_variable(tmp_path: Path) -> None:
    done = run_flight("gateway", "--state-dir", str(tmp_path), env=environment(WEBSOCKET_PORT="many"))
    assert done.returncode == 2
    assert "WEBSOCKET_PORT" in done.stderr
    assert "many" in done.stderr


def test_a_stranger_who_speaks_no_http_leaves_no_traceback_in_the_log(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path)
    gateway.start()
    try:
        with socket.create_connection(("127.0.0.1", gateway.port)) as stranger:
            stranger.sendall(b"\x16\x03\x01\x1b[2J\r\n\r\n")
            stranger.recv(4096)
    finally:
        gateway.kill()
    assert "Traceback" not in gateway.said()
    assert "\x1b" not in gateway.said()


def test_python_m_flight_client_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "flight_client", "--version"], capture_output=True, check=False)
    assert done.returncode == 0


def test_it_prints_where_raw_tcp_is_or_why_there_is_none(tmp_path: Path) -> None:
    port, other = free_port(), free_port()
    for words, said in (
        ([], f"raw TCP on tcp://127.0.0.1:{port + 1}\n"),
        (["--tcp-port", str(other)], f"raw TCP on tcp://127.0.0.1:{other}; clients must be given this address"),
        (["--no-tcp"], "no raw TCP (switched off)"),
    ):
        process, printed = start_and_read(tmp_path, "--port", str(port), "--engine", "memory:", *words)
        code, _, _ = interrupt(process)
        assert said in printed
        assert code == 130


async def test_public_keys_rules_and_audit_log_are_taken_from_the_command(tmp_path: Path) -> None:
    """With public keys only it prints no token; one that is made where the private key is gets in and reads what it may."""
    signing, public, rules = tmp_path / "signing.json", tmp_path / "signing.jwks.json", tmp_path / "channels.toml"
    assert run_flight("token", "key", "new", str(signing)).returncode == 0
    rules.write_text('[channels."secret"]\nrequired_permissions = ["admin"]\n')
    words = ("--port", str(port := free_port()), "--engine", "memory:", "--jwks", str(public), "--channels", str(rules))
    process, printed = start_and_read(tmp_path / "state", *words, "--audit-log", str(tmp_path / "audit"))
    try:
        assert "tokens are made where the private key is" in printed
        assert load_key(signing).key_id in printed
        assert re.search(r"^  \S+\.\S+\.\S+$", printed, re.MULTILINE) is None
        assert not (tmp_path / "state" / "development-key.json").exists()
        made = run_flight("token", "new", "--key", str(signing), "--role", "developer")
        token = made.stdout.strip()
        async with Client(f"http://127.0.0.1:{port}", token=token, device_id="dc-1") as client:
            assert client.channel("log").emit(Log("hello"), critical=True).accepted
            assert await within(client.flush(10))
            with pytest.raises(RefusedError, match="does not allow"):
                await within(anext(client.events("log", channels=["secret"])))
    finally:
        code, _, err = interrupt(process)
    assert (code, err) == (130, "gateway stopped\n")
    audit = (tmp_path / "audit").read_text()
    assert [json.loads(line)["what"] for line in audit.splitlines()] == [
        "started", "connect", "subscribe-refused", "stopped",
    ]  # fmt: skip
    assert token not in audit


@pytest.mark.parametrize("option", ["--jwks", "--channels", "--key-file", "--device-keys"])
def test_a_file_that_is_not_there_ends_the_start(tmp_path: Path, option: str) -> None:
    done = run_flight("gateway", "--port", "0", "--state-dir", str(tmp_path), option, str(tmp_path / "not-there"))
    assert done.returncode == 2
    assert "not-there" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gateway_with_public_keys_prints_no_token(tmp_path: Path) -> None:
    assert run_flight("token", "key", "new", str(tmp_path / "k.json")).returncode == 0
    done = run_flight("gateway", "--print-token", "--state-dir", str(tmp_path), "--jwks", str(tmp_path / "k.jwks.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "makes no tokens" in done.stderr
