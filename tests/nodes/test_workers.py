"""`flight gateway --workers N`: one port, several processes; one is killed, all are drained, and nothing critical suffers."""

import asyncio
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from flight_client.errors import CallerError
from flight_client.gateway.settings import GatewaySettings, load_settings
from flight_client.session import spec
from tests.nodes.traffic import LIMIT_S, Traffic
from tests.support.brokers import RedisServer
from tests.support.figures import Figure
from tests.support.process import GatewayProcess, run_flight
from tests.support.raw import RawPoller, critical_frame, frames_of, of_kind, open_frame
from tests.support.waiting import eventually, within

WORKERS = 2
_numbers = iter(range(1, 1000))


@pytest.fixture
def crew(redis_server: RedisServer, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway of two workers; it is started by the test."""
    made = GatewayProcess(tmp_path, redis_server.url(f"workers-{next(_numbers)}"), "--workers", str(WORKERS))
    made.words += ["--tcp-port", str(made.port + 1), "--drain", "30"]
    yield made
    for one in processes(made):
        one.kill()
    made.kill()


def processes(crew: GatewayProcess) -> list[psutil.Process]:
    """The workers that there are now."""
    if crew._process is None or crew._process.poll() is not None:
        return []
    return [one for one in psutil.Process(crew._process.pid).children() if one.status() != psutil.STATUS_ZOMBIE]


async def inner_pages(crew: GatewayProcess) -> list[dict[str, Any]]:
    """The health page of each worker that answers."""
    found = []
    async with aiohttp.ClientSession() as http:
        for address in re.findall(
            r"http://127\.0\.0\.1:\d+(?=/health[, \n])", crew.said().split("pages of its own:")[1]
        ):
            try:
                async with http.get(address + "/health") as answer:
                    found.append({**await answer.json(), "address": address})
            except aiohttp.ClientError:
                pass
    return found[:WORKERS]


async def started(crew: GatewayProcess) -> None:
    await crew.start_beside()
    await eventually(lambda: "stop: Ctrl-C" in crew.said(), "what the start says", LIMIT_S)


async def test_one_port_leads_to_every_worker_and_a_polling_session_is_found_from_each(
    crew: GatewayProcess, figure: Figure
) -> None:
    await started(crew)
    pages = await inner_pages(crew)
    assert len({page["address"] for page in pages}) == WORKERS
    assert {page["ports"]["http"] for page in pages} == {crew.port}
    connections = []
    try:
        async with aiohttp.ClientSession() as http:
            for _ in range(200):  # the system chooses by the client's port: 200 of them leave no worker out
                one = socket.create_connection(("127.0.0.1", crew.port), 5)
                connections.append(one)
            counts = []
            for page in pages:
                async with http.get(page["address"] + "/health") as answer:
                    counts.append((await answer.json())["strangers"]["open"])
        assert min(counts) > 0, counts
    finally:
        for one in connections:
            one.close()
    assert crew.said().count("pages of its own") == 1
    assert crew.said().count("stop: Ctrl-C") == 1
    async with RawPoller(crew.address) as poller:
        session = await poller.hello(crew.token())
        for number in range(1, 41):  # each on a connection of its own, which leads to any worker
            frames = [open_frame(1, b"log")] if number == 1 else [critical_frame(1, number - 1, number - 1)]
            asked = b"".join([session.poll_frame(number), *frames])
            status, body = await poller.request(asked, headers={"Connection": "close"})
            assert status == 200
            assert not of_kind(frames_of(body), spec.TYPE_RESET)
            assert frames_of(body)[-1].ack == number
    passed = [page["forwarded"] for page in await inner_pages(crew)]
    assert sum(passed) > 0
    headers = {"Authorization": f"Bearer {crew.token()}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for page in pages:  # REST too: the session is seen at either
            async with http.get(page["address"] + "/v1/presence") as answer:
                present = await answer.json()
            assert (present["total"], len(present["devices"])) == (1, 1)
            assert present["nodes"] == {"known": WORKERS, "answered": WORKERS}
    figure(
        f"{WORKERS} workers: 40 polling requests on connections of their own, {sum(passed)} passed on, none lost its session"
    )


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_worker_killed_under_load_costs_nothing_critical_and_comes_back(
    crew: GatewayProcess, transport: str, figure: Figure
) -> None:
    await started(crew)
    kills = 2 if transport == "websocket" else 1
    async with Traffic(crew.address, crew.token(), transport, seed=11) as traffic:
        for _ in range(kills):
            await traffic.more(60)
            pages = await inner_pages(crew)
            busy = max(pages, key=lambda page: page["sessions"]["open"])
            [victim] = [one for one in processes(crew) if listens(one, busy["address"])]
            victim.kill()
            await eventually(lambda victim=victim: not victim.is_running(), "its end", LIMIT_S)  # type: ignore[misc]
            await traffic.more(60)
            await eventually(lambda: len(processes(crew)) == WORKERS, "the next one", LIMIT_S)
            await within(all_answer(crew), LIMIT_S)
        sent = await traffic.check()
    forwarded = sum(page["forwarded"] for page in await inner_pages(crew))
    assert crew.said().count("ended (signal 9)") == kills
    figure(
        f"{WORKERS} workers, {transport}: {kills} killed under load, {sent} critical events, 0 lost, 0 doubled, "
        f"{forwarded} requests passed on"
    )


def listens(process: psutil.Process, address: str) -> bool:
    port = int(address.rpartition(":")[2])
    return any(one.laddr.port == port for one in process.net_connections("tcp") if one.status == "LISTEN")


async def all_answer(crew: GatewayProcess) -> None:
    while len(await inner_pages(crew)) < WORKERS:  # noqa: ASYNC110 - another process tells nobody
        await asyncio.sleep(0.05)


async def test_sigterm_drains_all_of_them(crew: GatewayProcess, figure: Figure) -> None:
    await started(crew)
    async with Traffic(crew.address, crew.token(), "polling", seed=12) as traffic:
        await traffic.more(60)
        children = processes(crew)
        crew.terminate()
        await eventually(lambda: crew.ended() is not None, "the end of all", LIMIT_S)
        assert crew.ended() == 0, crew.said()
        assert not [one for one in children if one.is_running()]
        assert "Traceback" not in crew.said()
        told = [int(number) for number in re.findall(r"drained: (\d) clients told", crew.said())]
        assert len(told) == WORKERS
        assert sum(told) == 2
        await crew.start_beside()
        await traffic.more(60)
        sent = await traffic.check()
    figure(f"{WORKERS} workers, polling: drained and started again, {sent} critical events, 0 lost, 0 doubled")


async def test_ctrl_c_stops_them_at_once_and_they_do_not_outlive_the_one_that_keeps_them(crew: GatewayProcess) -> None:
    await started(crew)
    children = processes(crew)
    assert len(children) == WORKERS
    assert crew._process is not None
    crew._process.send_signal(signal.SIGHUP)  # without TLS nothing is read again; nobody ends by it
    async with Traffic(crew.address, crew.token(), "websocket") as traffic:
        await traffic.more(10)
        crew._process.send_signal(signal.SIGINT)
        await eventually(lambda: crew.ended() is not None, "the end of all", LIMIT_S)
    assert crew.ended() == 130
    assert not [one for one in children if one.is_running()]
    assert "Traceback" not in crew.said()
    await crew.start_beside()
    children = processes(crew)
    crew.kill()
    await eventually(lambda: not any(one.is_running() for one in children), "the end of the workers", LIMIT_S)


async def test_an_engine_that_is_not_there_is_said_and_ends_it(tmp_path: Path) -> None:
    done = await asyncio.to_thread(
        run_flight,
        "gateway",
        "--port",
        "0",
        "--state-dir",
        str(tmp_path),
        "--workers",
        "2",
        "--engine",
        "redis://127.0.0.1:9",
    )
    assert done.returncode == 1
    assert "a worker cannot start" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_port_that_is_taken_is_said_with_the_option(tmp_path: Path, redis_server: RedisServer) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        words = ["gateway", "--state-dir", str(tmp_path), "--workers", "2", "--engine", redis_server.url("taken")]
        done = await asyncio.to_thread(run_flight, *words, "--port", str(port))
        assert done.returncode != 0
        assert f"port {port} on 127.0.0.1 cannot be opened" in done.stderr
        assert "--port" in done.stderr


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"workers": "0"}, "from 1 to 64"),
        ({"workers": "65"}, "from 1 to 64"),
        ({"workers": "two"}, "a whole number"),
        ({"workers": "-1"}, "a whole number"),
        ({"workers": "2", "engine": "memory:"}, "in one process"),
        ({"workers": "2", "engine": "sqlite:log.sqlite"}, "one process owns"),
    ],
)
def test_a_number_of_workers_that_cannot_work_is_refused_with_the_next_step(given: dict[str, str], what: str) -> None:
    with pytest.raises(CallerError, match=what):
        load_settings({"engine": "redis://localhost", **given}, {})


def test_workers_and_nodes_do_not_go_together_and_one_worker_is_the_default() -> None:
    nodes = {"node": "http://a:1", "nodes": "http://a:1,http://b:1", "engine": "redis://localhost"}
    with pytest.raises(CallerError, match="either workers, or nodes"):
        load_settings({**nodes, "workers": "2"}, {})
    assert load_settings({}, {"FLIGHT_WORKERS": "4", "REALTIME_BROKER_URL": "amqp://localhost"}).workers == 4
    assert GatewaySettings().workers == 1
