"""The one that keeps the workers: a worker that never serves, and a system that has no room for a process."""

import asyncio
import sys
from pathlib import Path

import pytest

from flight_client.cli import workers_unix
from flight_client.cli.workers_unix import Orders, Worker
from flight_client.gateway.settings import GatewaySettings
from tests.support.waiting import within


def worker() -> Worker:
    return Worker(1, Orders(GatewaySettings(), 0, "*", 30, -1))


async def test_a_worker_that_never_serves_is_killed_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 600\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    monkeypatch.setattr(workers_unix, "_START_S", 0.05)
    made = worker()
    assert await within(made.start()) is False
    await within(made.ended())
    assert "worker 1 did not serve within 0.05 s: it is killed" in caplog.text


async def test_where_no_process_can_be_started_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = worker()
    tried = asyncio.Event()
    attempts = 0

    async def start() -> bool:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        tried.set()
        await asyncio.Event().wait()
        return True

    async def ends_at_once() -> int:
        return 1

    monkeypatch.setattr(workers_unix, "_PAUSES_S", (0.0,))
    monkeypatch.setattr(made, "start", start)
    monkeypatch.setattr(made, "_wait", ends_at_once)
    keeping = asyncio.create_task(made.keep())
    try:
        await within(tried.wait())
        assert "worker 1 cannot be started" in caplog.text
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
