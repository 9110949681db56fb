"""schemathesis asks a real gateway what its description of REST allows, and what it does not, and judges every answer.

A few examples for each operation; FLIGHT_REST_EXAMPLES=1000 (make soak) makes it many, FLIGHT_REST_SEED another choice of them.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from flight_client.gateway.rest.handlers import _STATUS
from flight_client.gateway.rest.routes import ROUTES
from flight_client.session import spec
from tests.support.bench import Bench

EXAMPLES = int(os.environ.get("FLIGHT_REST_EXAMPLES", "10"))
SEED = int(os.environ.get("FLIGHT_REST_SEED", "1"))
RUN_S = 90 + EXAMPLES
# Every boundary of every field, a thousand requests, and what one answer leads to are tried where there is time.
PHASES = "fuzzing" if EXAMPLES <= 10 else "coverage,fuzzing,stateful"
# A schema cannot say everything that makes a request good: bytes of UTF-8, times near now, what fits together, 241.0 for an int.
NOT_CHECKED = "positive_data_acceptance"


async def run(bench: Bench, folder: Path, token: str, *words: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, what it said, and its report."""
    report = folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "run", f"{bench.address}/v1/openapi.json", "--header", f"Authorization: Bearer {token}",
        "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--exclude-checks", NOT_CHECKED,
        "--suppress-health-check", "all", "--generation-database", "none", "--no-color", "--warnings", "off",
        "--report-json-path", str(report), *words,
        cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(RUN_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"schemathesis was not done after {RUN_S} s") from None
    assert process.returncode is not None
    found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return process.returncode, said.decode(errors="replace"), found


@pytest.fixture(autouse=True)
def nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The devices that it makes up would each be given their full time to answer a command."""
    monkeypatch.setattr("flight_client.gateway.rest.commands._wait_s", lambda _command: 0.001)


async def test_no_request_gets_an_answer_that_the_description_does_not_have(bench: Bench, tmp_path: Path) -> None:
    code, said, report = await run(bench, tmp_path, bench.token("rest-1"), "--phases", PHASES)
    assert code == 0, f"seed {SEED}:\n{said}"
    print(f"schemathesis: seed {SEED}, {bench.gateway.rest.answered} requests", json.dumps(report["operations"]))
    assert bench.gateway.rest.answered > EXAMPLES * (len(ROUTES) - 2), (
        "of one operation, which has no parameters, there is one"
    )
    assert bench.gateway.rest.refused.get("malformed", 0) > 0
    assert bench.gateway.hub.counters().stored > 0, "some were good"
    await bench.serves()


@pytest.mark.skipif(EXAMPLES <= 10, reason="whether schemathesis notices a mistake is asked in make soak")
async def test_an_answer_that_is_not_described_is_found(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_STATUS, spec.CODE_BAD_NAME, 418)
    words = ("--include-path", "/v1/presence", "--phases", "coverage")
    code, said, _ = await run(bench, tmp_path, bench.token("rest-1"), *words)
    assert code == 1, said
    assert "418" in said
