"""What a type checker knows of the package, by `pyright --verifytypes`: everything that a public name says itself.

A symbol of a public name is known, or known but for a class from inside that it names (DeviceSession and what it is made of: the
session's modules are written without annotations for MicroPython, and pyright takes what it infers there for ambiguous). How
much of the whole package is known may only become more.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import flight_client
from tests.project.tree import ROOT
from tests.support import npm

LIMIT_S = 110
KNOWN_LEAST = 0.82  # of all symbols
# Words of pyright about a type that is known here and is not wherever it leads.
THROUGH_OTHERS = ("partially unknown",)

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    tool = npm.installed(ROOT / "tests" / "micropython" / "pyright") / "node_modules" / "pyright" / "index.js"
    command = ["node", str(tool), "--pythonpath", sys.executable, "--verifytypes", "flight_client"]
    command += ["--ignoreexternal", "--outputjson"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
    }  # an editable install is found by a hook that pyright does not run
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
    wrong = []
    for symbol in symbols:
        said = [entry["message"] for entry in symbol["diagnostics"]]
        wrong += [f"{symbol['name']}: {text}" for text in said if not any(words in text for words in THROUGH_OTHERS)]
    assert not wrong, "\n".join(wrong)


def test_the_package_is_known_no_less_than_it_was(report: dict[str, Any], figure: Figure) -> None:
    counts = report["exportedSymbolCounts"]
    inside = public(report)
    known = sum(symbol["isTypeKnown"] for symbol in inside)
    figure(
        f"types: {100 * known / len(inside):.1f} % of {len(inside)} symbols of public names known, in all modules "
        f"{100 * report['completenessScore']:.1f} % of {sum(counts.values())}"
    )
    assert report["completenessScore"] >= KNOWN_LEAST
