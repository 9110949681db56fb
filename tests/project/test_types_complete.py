"""What a type checker knows of the package, by `pyright --verifytypes`: every symbol of every module, with nothing inferred."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flight_client
from tests.project.tree import ROOT
from tests.support import npm

LIMIT_S = 110

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    tool = npm.installed(ROOT / "tests" / "micropython" / "pyright") / "node_modules" / "pyright" / "index.js"
    command = ["node", str(tool), "--verifytypes", "flight_client", "--ignoreexternal", "--outputjson"]
    # With --verifytypes it asks the first Python of the path for its packages, whatever --pythonpath says; an editable
    # install is found by a hook that it does not run.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)["typeCompleteness"]
    assert found["packageRootDirectory"] == str(ROOT / "flight_client"), done.stderr
    return found


def public(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The public names, where they are at home, and everything in them."""
    homes = tuple(f"flight_client.{module}.{name}" for name, module in flight_client._HOME.items())
    return [s for s in report["symbols"] if s["name"] in homes or s["name"].startswith(tuple(f"{h}." for h in homes))]


def test_every_public_name_says_all_its_types(report: dict[str, Any]) -> None:
    symbols = public(report)
    assert len(symbols) > 500
    wrong = [f"{symbol['name']}: {entry['message']}" for symbol in symbols for entry in symbol["diagnostics"]]
    assert not wrong, "\n".join(wrong)


def test_every_symbol_of_every_module_is_known(report: dict[str, Any], figure: Figure) -> None:
    counts = report["exportedSymbolCounts"]
    figure(f"types: {100 * report['completenessScore']:.1f} % of {sum(counts.values())} symbols known")
    unknown = [symbol["name"] for symbol in report["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    assert not unknown, "\n".join(unknown)
    assert report["completenessScore"] == 1
