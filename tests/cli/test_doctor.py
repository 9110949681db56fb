"""`flight doctor`: what it finds, what it says, and what it keeps to itself."""

import json
import os
import re
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from flight_client.cli import doctor
from flight_client.cli.main import main
from tests.support.ports import free_port
from tests.support.process import GatewayProcess, run_flight

# A core that cannot be imported, from the first moment of a fresh interpreter.
WITHOUT_CORE = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "flight_client._core":
            raise ModuleNotFoundError("No module named 'flight_client._core'", name=name)
sys.meta_path.insert(0, Blocker())
from flight_client.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def find(checks: list[doctor.Check], name: str) -> doctor.Check:
    return next(check for check in checks if check.name == name)


def core_that_says(selftest: int = 0, version: int = 0x000100, protocol: int = 1) -> ModuleType:
    def seal(frame: bytearray, *fields: int) -> int:
        frame[0] = 0xF0 | protocol
        return len(frame)

    core: Any = ModuleType("_core")
    core.__file__ = "_core.abi3.so"
    core.ffi = SimpleNamespace(new=lambda kind, count: bytearray(4 * count), from_buffer=lambda frame: frame)
    core.lib = SimpleNamespace(
        python_seal=seal,
        flight_selftest=lambda scratch: selftest,
        flight_version=lambda: version,
    )
    assert isinstance(core, ModuleType)
    return core


def test_this_machine_is_usable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert text.endswith("\nusable\n")
    for name in (
        "python",
        "platform",
        "compiler",
        "package",
        "core",
        "core version",
        "packages",
        "port",
        "state directory",
    ):
        assert f" {name} " in text


def test_without_the_core_it_still_runs_and_says_what_to_do() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_CORE, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "not built" in done.stdout
    assert "pip install -e ." in done.stdout
    assert done.stderr == ""


def test_without_core_compiler_and_headers_it_names_the_debian_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(doctor, "load_core", lambda: ModuleNotFoundError("no core"))
    checks = doctor.examine()
    assert not doctor.usable(checks)
    assert doctor.debian_packages(checks) == ["gcc", "libc6-dev", "python3-dev"]
    assert "apt-get install gcc libc6-dev python3-dev" in doctor.as_table(checks)


def test_a_missing_compiler_is_no_fault_where_the_core_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert doctor.check_compiler(needed=False).state == doctor.OK
    assert doctor.check_compiler(needed=True).state == doctor.MISSING


def test_a_compiler_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("this is no program")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    check = doctor.check_compiler(needed=True)
    assert check.state == doctor.MISSING
    assert str(tmp_path) not in check.text


def test_a_core_that_fails_its_self_test_makes_the_machine_unusable() -> None:
    check = doctor.check_core(core_that_says(selftest=5))[0]
    assert check.state == doctor.MISSING
    assert "step 5" in check.text


def test_a_core_that_does_not_load_is_told_from_one_that_is_not_built() -> None:
    assert "does not load" in doctor.check_core(ImportError("undefined symbol: flight_x"))[0].text


@pytest.mark.parametrize(("version", "protocol"), [(0x000200, 1), (0x000100, 2)])
def test_a_core_of_another_version_is_found(version: int, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "__version__", "0.1.0")
    check = find(doctor.check_core(core_that_says(version=version, protocol=protocol)), "core version")
    assert check.state == doctor.MISSING
    assert "the package is 0.1.0, protocol 1" in check.text


@pytest.mark.parametrize(
    ("installed", "word"), [("", "without being installed"), ("9.9.9", "9.9.9 is what is installed")]
)
def test_a_package_that_is_not_the_installed_one_is_a_warning(
    installed: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "installed_version", lambda name: installed)
    check = doctor.check_package()
    assert check.state == doctor.WARNING
    assert word in check.text


def test_a_port_in_use_is_a_warning_that_claims_no_culprit(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        monkeypatch.setenv("WEBSOCKET_PORT", str(port))
        check = find(doctor.check_gateway(), "port")
    assert check.state == doctor.WARNING
    assert f"{port} is in use, by whom cannot be seen" in check.text


@pytest.mark.parametrize("text", ["eighty", "65536", "-1", "\uff18\uff10"])
def test_a_setting_that_the_gateway_would_refuse_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSOCKET_PORT", text)
    (check,) = doctor.check_gateway()
    assert check.state == doctor.WARNING
    assert "WEBSOCKET_PORT" in check.text
    assert text not in check.text


def test_a_state_directory_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    check = doctor.check_state_directory(in_the_way)
    assert check.state == doctor.WARNING
    assert "FLIGHT_STATE_DIR" in check.next_step


def test_looking_at_the_state_directory_makes_nothing(tmp_path: Path) -> None:
    assert doctor.check_state_directory(tmp_path / "one" / "two").state == doctor.OK
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_a_warning_and_a_missing_base_package_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requirements", lambda: {"": ["cffi"], "gateway": ["joserfc"], "dev": ["pytest"]})
    monkeypatch.setattr(doctor, "installed_version", lambda name: "")
    states = {check.name: check.state for check in doctor.check_requirements()}
    assert states == {"packages": doctor.MISSING, "extra gateway": doctor.WARNING}


def test_extras_are_read_from_what_the_distribution_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "aiohttp<4,>=3.14",
        'rich<16,>=15; extra == "tools"',
        'uvloop; sys_platform != "win32" and extra == "gateway"',
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    monkeypatch.setattr(sys, "platform", "linux")
    assert doctor.requirements() == {"": ["aiohttp"], "tools": ["rich"], "gateway": ["uvloop"]}
    monkeypatch.setattr(sys, "platform", "win32")
    assert doctor.requirements() == {"": ["aiohttp"], "tools": ["rich"]}


@pytest.mark.parametrize("form", ["--report", "--json"])
def test_what_is_passed_on_names_no_person_no_host_no_path_and_no_secret(form: str, tmp_path: Path) -> None:
    home = tmp_path / "jolanda-of-thornfield"
    home.mkdir()
    settings = {
        "HOME": str(home),
        "USER": "jolanda-of-thornfield",
        "LOGNAME": "jolanda-of-thornfield",
        "HOSTNAME": "thornfield-hall",
        "FLIGHT_STATE_DIR": str(home / "state"),
        "CC": str(home / "bin" / "cc"),
        "FLIGHT_TOKEN": "very-secret-token",
        "REALTIME_BROKER_URL": "redis://jolanda:very-secret@thornfield-hall",
    }
    (home / "bin").mkdir()
    (home / "bin" / "cc").write_text(f"#!/bin/sh\necho {home}/bin/cc 1.0\n")
    (home / "bin" / "cc").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "flight_client", "doctor", form],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for word in ("jolanda", "thornfield", "very-secret", str(tmp_path), sys.executable, socket.gethostname()):
        assert word not in done.stdout


def test_the_report_can_be_pasted_as_a_block(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--report"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "```"
    assert lines[-1] == "```"


def test_json_is_one_object_that_agrees_with_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["usable"] is (code == 0)
    assert {check["state"] for check in result["checks"]} <= {"ok", "warning", "missing"}


def test_report_and_json_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--report"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_it_asks_every_gateway_of_a_list_and_keeps_the_addresses_to_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, dead = GatewayProcess(tmp_path), free_port()
    gateway.start()
    nodes = f"{gateway.address},http://127.0.0.1:{dead}"
    try:
        assert main(["doctor", "--gateway", gateway.address]) == 0
        capsys.readouterr()
        assert main(["doctor", "--gateway", nodes]) == 1, "one does not answer"
        text = capsys.readouterr().out
        assert re.search(rf"ok +node 1 +answers over .*websocket.*polling.*{gateway.port}", text), text
        assert re.search(rf"missing +node 2 +does not answer.*127.0.0.1:{dead}", text), text
        assert main(["doctor", "--report", "--gateway", nodes]) == 1
        report = capsys.readouterr().out
        assert "node 2" in report
        assert "127.0.0.1" not in report
    finally:
        gateway.kill()


def test_a_bad_list_of_gateways_is_one_line() -> None:
    done = run_flight("doctor", "--gateway", "http://a:1,gopher://b")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"flight: .*gopher://b.*\n", done.stderr), done.stderr
