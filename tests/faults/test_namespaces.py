"""The kernel's own TCP over bad links, in network namespaces: what no proxy on one machine can show."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight_client.gateway.auth import development_key, make_token
from tests.faults.namespaces import GATEWAY_IP, Link, Modem, Satellite, why_not
from tests.support.figures import Figure
from tests.support.process import environment

PORT = 8080  # of a namespace: nobody else is there
HANG_S = 110.0
LONG = int(os.environ.get("FLIGHT_FAULT_RUNS", "0")) >= 100  # `make soak`: every transport over every link
CASES = [("modem", "websocket"), ("satellite", "tcp")]
if LONG:
    CASES = [(kind, name) for kind in ("modem", "satellite") for name in ("tcp", "websocket", "polling")]
COUNTS = {"modem": 60, "satellite": 400}


@pytest.fixture(autouse=True)
def _possible(figure: Figure) -> None:
    if reason := why_not():
        figure(f"network namespaces: NOT TESTED: {reason}")
        pytest.skip(reason)


def inside(name: str, *words: str, **more: str) -> "subprocess.Popen[str]":
    command = ["ip", "netns", "exec", name, sys.executable, "-m", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment(**more))


def answer(process: "subprocess.Popen[str]") -> Any:
    out, err = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, err
    return json.loads(out)


def over(link: Link, folder: Path, transports: list[str], count: int) -> dict[str, Any]:
    """Send so many events over a link; what the sender says of itself."""
    words = ["gateway", "--host", GATEWAY_IP, "--port", str(PORT), "--state-dir", str(folder), "--engine"]
    gateway = inside(link.gateway, "flight_client", *words, f"sqlite:{folder / 'log.sqlite'}")
    assert gateway.stdout is not None
    try:
        while "stop: Ctrl-C" not in gateway.stdout.readline():
            assert gateway.poll() is None, gateway.communicate()
        token = make_token(development_key(folder), "*", ["publish", "subscribe"], 3600)
        address = f"http://{GATEWAY_IP}:{PORT}"
        program = "tests.faults.namespace_client"
        started = time.monotonic()
        sent = answer(inside(link.device, program, "send", address, str(count), *transports, FLIGHT_TOKEN=token))
        sent["seconds"] = round(time.monotonic() - started, 1)
        found = answer(inside(link.gateway, program, "read", address, str(count), FLIGHT_TOKEN=token))
    finally:
        gateway.kill()
        gateway.communicate()
    assert found == list(range(count)), "lost, doubled or out of order"
    assert (sent["flushed"], sent["acked"], sent["law_holds"]) == (True, count, True), sent
    return dict(sent)


@pytest.mark.parametrize(("kind", "transport"), CASES)
def test_nothing_critical_is_lost_or_doubled_over_a_bad_link(
    tmp_path: Path, kind: str, transport: str, figure: Figure
) -> None:
    seed, count = CASES.index((kind, transport)) + 1, COUNTS[kind]
    make: Callable[[], Link] = Modem if kind == "modem" else lambda: Satellite(100, 50, seed)
    with make() as link:
        sent = over(link, tmp_path, [transport], count)
    figure(f"{kind}, {transport}: {count} critical events in {sent['seconds']} s, {sent['reconnects']} reconnects")
    if isinstance(link, Satellite):
        figure(f"seed {seed}: {link.lost} of {link.lost + link.passed} packets lost")
        assert link.lost, "no packet was lost: this run showed nothing"
    assert sent["transport"] == transport
