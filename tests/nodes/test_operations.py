"""What docs/operations.md tells a person to do, done: the settings table, the systemd unit, the steps of the container files.

No container engine is asked for: the Containerfile's RUN lines work on a copy of the project in fresh virtual environments,
and every service of the compose file is started with its command and environment on this machine. Names and ports are all
that is replaced.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from build_scripts import make_settings
from flight_client.gateway.auth import development_key, make_token
from flight_client.gateway.settings import ENVIRONMENT
from tests.nodes.traffic import Traffic
from tests.project.tree import ROOT
from tests.support.brokers import Group, RedisServer, need
from tests.support.figures import Figure
from tests.support.ports import free_port
from tests.support.process import FLIGHT, GatewayProcess, environment
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
START_S = 60.0


def test_the_settings_reference_is_what_the_program_has() -> None:
    assert make_settings.main(["--check"]) == 0, "run `make generate`"
    for variable in ENVIRONMENT.values():
        assert f"`{variable}`" in PAGE
    for variable in ("REALTIME_BROKER_URL", "WEBSOCKET_PORT", "PLATFORM_MODE"):
        assert variable in ENVIRONMENT.values()


def test_every_file_of_the_page_s_examples_is_named_on_it() -> None:
    found = [path for name in ("balancers", "systemd", "containers") for path in (EXAMPLES / name).iterdir()]
    assert len(found) >= 6
    for path in found:
        assert f"examples/{path.relative_to(EXAMPLES)}" in PAGE


# --- systemd ---


def unit(section: str) -> dict[str, list[str]]:
    """The unit's lines of one section: a name may stand more than once."""
    found: dict[str, list[str]] = {}
    here = ""
    for line in (EXAMPLES / "systemd/flight-gateway.service").read_text().splitlines():
        if line.startswith("["):
            here = line.strip("[]")
        elif here == section and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_systemd_itself_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / "flight-gateway.service"
    text = (EXAMPLES / "systemd/flight-gateway.service").read_text()
    copy.write_text(text.replace("/opt/flight/bin/flight", sys.executable))  # it must be there
    done = subprocess.run([program, "verify", str(copy)], capture_output=True, text=True, check=False, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if copy.name in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


async def test_the_unit_s_command_runs_with_its_environment_and_ends_when_systemd_says_so(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    service = unit("Service")
    text = (EXAMPLES / "systemd/gateway.env").read_text()
    given = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert set(given) <= set(ENVIRONMENT.values()), "a variable that nothing reads"
    assert int(service["TimeoutStopSec"][0]) > int(given["FLIGHT_DRAIN_S"])
    assert service["KillSignal"] == ["SIGTERM"]
    [state] = [value.partition("=")[2] for value in service["Environment"]]
    assert state == "/var/lib/" + service["StateDirectory"][0]
    port = free_port()
    replaced = {
        "FLIGHT_HOST": "127.0.0.1",
        "WEBSOCKET_PORT": str(port),
        "REALTIME_BROKER_URL": redis_server.url("systemd"),
        "FLIGHT_STATE_DIR": str(tmp_path),
    }
    assert set(replaced) <= {*given, "FLIGHT_STATE_DIR"}
    [command] = service["ExecStart"]
    words = shlex.split(command)
    assert words[0] == "/opt/flight/bin/flight"
    node = ServiceProcess(tmp_path, [*FLIGHT, *words[1:]], port, environment(**{**given, **replaced}))
    try:
        node.start_and_wait()
        async with Traffic(node.address, node.token(), "websocket") as traffic:
            await traffic.more(20)
            sent = await traffic.check()
        assert sent >= 20
        node.terminate()
        await eventually(lambda: node.ended() is not None, "the end", START_S)
        assert node.ended() == 0
    finally:
        node.kill()


# --- containers ---


class ServiceProcess(GatewayProcess):
    """A gateway that was started with somebody's words and environment."""

    def __init__(self, folder: Path, words: list[str], port: int, env: dict[str, str]) -> None:
        super().__init__(folder)
        self.port, self.address = port, f"http://127.0.0.1:{port}"
        self._words, self._env = words, env

    def token(self, device: str = "*") -> str:
        folder = Path(self._env["FLIGHT_STATE_DIR"])
        return make_token(development_key(folder), device, ["publish", "subscribe"], 3600)

    def start_and_wait(self) -> None:
        with (self.folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env
            )
        self.wait()


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage of the Containerfile."""
    found: list[list[tuple[str, str]]] = []
    for line in (EXAMPLES / "containers/Containerfile").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def pip_lines(stage: list[tuple[str, str]]) -> list[str]:
    return [rest for word, rest in stage if word == "RUN" and rest.startswith("pip ")]


def sources(folder: Path) -> Path:
    """What `COPY . /src` takes, without what a build left behind."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if names.returncode:
        pytest.skip("no git here: what would be copied is not known")
    for name in names.stdout.decode().split("\0"):
        if name and not name.startswith(("tests/", "benchmarks/")) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of what the Containerfile builds, without a container."""
    build, final = stages()
    folder = tmp_path_factory.mktemp("image")
    wheels, source = folder / "wheels", sources(folder / "src")
    assert ("COPY", ". /src") in build
    assert ("COPY", "--from=build /wheels /wheels") in final
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for stage, name in ((build, "build"), (final, "final")):
        venv.create(folder / name, with_pip=True)
        [line] = pip_lines(stage)
        words = shlex.split(line.replace("/wheels", str(wheels)).replace("/src", str(source)))
        assert words[0] == "pip"
        pip = [str(folder / name / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        done = subprocess.run([*pip, *words[1:]], env=env, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if stage is final:
            assert "--no-index" in words
    return folder / "final" / "bin"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / "containers/compose.yaml").read_text())
    return found


def defaults_of_the_image() -> dict[str, str]:
    return dict(pair.split("=", 1) for word, rest in stages()[-1] if word == "ENV" for pair in shlex.split(rest))


@pytest.fixture
def services(image: Path, tmp_path: Path) -> Iterator[tuple[str, list[ServiceProcess]]]:
    """Everything in the compose file, started in its order: where the balancer listens, and the gateways."""
    found = compose()["services"]
    assert set(found) == {"redis", "node-a", "node-b", "balancer"}
    redis_port, ports = free_port(), {"node-a": free_port(), "node-b": free_port()}
    running: list[Group] = []
    nodes: list[ServiceProcess] = []

    def here(text: str) -> str:
        text = text.replace("redis:6379", f"127.0.0.1:{redis_port}")
        for name, port in ports.items():
            text = text.replace(f"{name}:8080", f"127.0.0.1:{port}").replace(f"{name}:8081", f"127.0.0.1:{port + 1}")
        return text

    try:
        words = found["redis"]["command"]
        need(words[0], "redis-server")
        log = (tmp_path / "redis.log").open("ab")
        local = ["--port", str(redis_port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
        with log:
            running.append(Group([*words, *local], tmp_path, log, None))
        for name in ("node-a", "node-b"):
            nodes.append(service_process(found[name], image, tmp_path, ports[name], here))
            nodes[-1].start_and_wait()
            check_health(found[name], image, ports[name])
        listening = free_port()
        config = tmp_path / "haproxy.cfg"
        [mounted] = found["balancer"]["volumes"]
        text = here((EXAMPLES / "containers" / mounted.partition(":")[0]).read_text())
        config.write_text(
            text.replace(":8000", f"127.0.0.1:{listening}").replace(":8001", f"127.0.0.1:{listening + 1}")
        )
        with (tmp_path / "haproxy.log").open("ab") as log:
            running.append(Group([need("haproxy", "haproxy"), "-db", "-f", str(config)], tmp_path, log, None))
        yield f"http://127.0.0.1:{listening}", nodes
    finally:
        for node in nodes:
            node.kill()
        for group in running:
            group.kill()


def service_process(service: dict[str, Any], image: Path, folder: Path, port: int, here: Any) -> ServiceProcess:
    """A gateway of the compose file, on this machine's address, with the image's ENTRYPOINT."""
    [entry] = [rest for word, rest in stages()[-1] if word == "ENTRYPOINT"]
    words = yaml.safe_load(entry)
    given = {**defaults_of_the_image(), **service["environment"]}
    assert set(given) <= set(ENVIRONMENT.values()), "a variable that nothing reads"
    assert service["volumes"] == ["state:" + given["FLIGHT_STATE_DIR"]]
    env = {name: here(value) for name, value in given.items()}
    env |= {"FLIGHT_HOST": "127.0.0.1", "FLIGHT_STATE_DIR": str(folder), "WEBSOCKET_PORT": str(port)}
    return ServiceProcess(folder, [str(image / words[0]), *words[1:]], port, environment(**env))


def check_health(service: dict[str, Any], image: Path, port: int) -> None:
    """The compose file's own check says that it is well."""
    check = service["healthcheck"]["test"]
    assert check[0] == "CMD"
    healthy = [str(image / check[1]), *[word.replace(":8080", f":{port}") for word in check[2:]]]
    assert subprocess.run(healthy, check=False, timeout=START_S).returncode == 0


@pytest.mark.timeout(600)
async def test_the_steps_of_the_container_files_are_two_gateways_behind_a_balancer(
    services: tuple[str, list[ServiceProcess]], figure: Figure
) -> None:
    address, nodes = services
    async with Traffic(address, nodes[0].token(), "polling", seed=9) as traffic:
        await traffic.more(100)
        nodes[0].terminate()  # `compose stop node-a`
        await eventually(lambda: nodes[0].ended() is not None, "the end", START_S)
        assert nodes[0].ended() == 0
        await traffic.more(100)
        sent = await traffic.check()
    figure(f"compose: {sent} critical events through the steps of the container files, 0 lost, 0 doubled")


def test_the_container_files_fit_the_program() -> None:
    found = compose()["services"]
    for name in ("node-a", "node-b"):
        service = found[name]
        assert service["environment"]["FLIGHT_NODE"] == f"http://{name}:8080"
        assert service["environment"]["FLIGHT_NODE"] in service["environment"]["FLIGHT_NODES"].split(",")
        assert int(service["stop_grace_period"].removesuffix("s")) > 10
        assert (EXAMPLES / "containers" / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
    final = dict(stages()[-1])
    assert final["USER"] == "flight", "not root"
    assert getattr(signal, final["STOPSIGNAL"]) is signal.SIGTERM
    assert not re.search(r"gcc|apt-get", " ".join(rest for _, rest in stages()[-1])), "no compiler in the image"
