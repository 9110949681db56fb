"""Every program in examples/python runs and says what it should. One gateway for all of them."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.project.readme_examples import RunningGateway, running_gateway
from tests.project.tree import ROOT
from tests.support.ports import free_port

FOLDER = ROOT / "examples" / "python"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


def run(name: str, gateway: RunningGateway, *arguments: str, address: str = "") -> list[str]:
    env = {**os.environ, "FLIGHT_GATEWAY": address or gateway.url, "FLIGHT_TOKEN": gateway.token}
    command = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_live_view_shows_what_the_sensor_sends(gateway: RunningGateway) -> None:
    # The view ends with the sensor: on a busy machine it may have connected too late to see anything of a short one.
    said = next((lines for seconds in ("1", "4", "20") if (lines := run("sensor_to_live_view", gateway, seconds))), [])
    assert said
    assert all(line.startswith("thermometer: 2") and line.endswith(" C") for line in said)


def test_an_agent_says_what_became_of_its_reports(gateway: RunningGateway) -> None:
    said = run("host_agent", gateway, "3")
    assert said[0].split()[:3] == ["disconnected", "->", "connecting"]
    assert said[-1] == "3 accepted, 3 settled, 0 dropped"


def test_a_command_is_answered_and_its_failure_too(gateway: RunningGateway) -> None:
    assert run("command_to_device", gateway) == ["level 7 loaded", "failed: failed"]


def test_a_dead_letter_is_handled_once_its_fault_is_mended(gateway: RunningGateway) -> None:
    said = run("dead_letters_and_replay", gateway)
    assert [line.partition(":")[0] for line in said] == ["dead letter", "done again", "stored", "left"]
    assert (said[0], said[1], said[3]) == ("dead letter: handler", "done again: 1", "left: 0")


def test_a_script_without_asyncio_says_something_and_reads_it(gateway: RunningGateway) -> None:
    assert run("sync_script", gateway, "good", "morning") == ["script said good morning"]


def test_with_several_gateways_one_that_answers_is_found(gateway: RunningGateway) -> None:
    said = run("several_gateways", gateway, address=f"http://127.0.0.1:{free_port()},{gateway.url}")
    assert said[-2:] == ["STORED", f"at {gateway.url}"]


def test_no_example_is_left_out() -> None:
    told = {path.stem for path in FOLDER.glob("*.py")}
    text = (ROOT / "tests" / "docs" / "test_examples.py").read_text(encoding="utf-8")
    assert {name for name in told if f'run("{name}"' in text} == told
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert {name for name in told if f"({'../examples/python/' + name}.py)" in page} == told
