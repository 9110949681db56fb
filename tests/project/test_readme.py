"""The README: its examples run, its table says what the spec says."""

import tomllib
from pathlib import Path

import pytest

from tests.project import readme_examples
from tests.project.tree import ROOT, text

README = Path("README.md")
EXAMPLES = readme_examples.examples("README.md")


def test_the_c_example_compiles_without_a_warning_and_says_what_it_sends(tmp_path: Path) -> None:
    assert readme_examples.run_c(EXAMPLES["c"], tmp_path) == "1 event, 40 bytes to send\n"


@pytest.mark.parametrize(("name", "limit"), [("c", 20), ("python", 15), ("sync", 12)])
def test_the_examples_are_as_short_as_a_first_look_allows(name: str, limit: int) -> None:
    assert len(EXAMPLES[name].splitlines()) <= limit


def test_the_python_example_runs_against_a_real_gateway(tmp_path: Path) -> None:
    with readme_examples.running_gateway(tmp_path) as gateway:
        assert readme_examples.run_python(EXAMPLES["python"], gateway, tmp_path) == "bench-1 uses 9 MB\n"


def test_the_example_without_asyncio_runs_against_a_real_gateway(tmp_path: Path) -> None:
    with readme_examples.running_gateway(tmp_path) as gateway:
        said = readme_examples.run_python(EXAMPLES["sync"], gateway, tmp_path)
    assert said == "STORED\nbench-2 says level loaded\n"


def test_the_example_of_the_clients_page_runs_against_a_real_gateway(tmp_path: Path) -> None:
    example = readme_examples.examples("docs/python-client.md")["publish"]
    with readme_examples.running_gateway(tmp_path) as gateway:
        said = readme_examples.run_python(example, gateway, tmp_path)
    assert said.splitlines()[0] == "Outcome.STORED"
    assert said.splitlines()[1] in ("timeout True", "expired False")


def test_the_example_of_a_command_runs_against_a_real_gateway(tmp_path: Path) -> None:
    example = readme_examples.examples("docs/python-client.md")["commands"]
    with readme_examples.running_gateway(tmp_path) as gateway:
        assert readme_examples.run_python(example, gateway, tmp_path) == "b'restarted level 7'\nunknown\n"


def test_the_platform_table_says_what_the_spec_says() -> None:
    spec = tomllib.loads((ROOT / "spec" / "flight.toml").read_text(encoding="utf-8"))
    rows = [line for line in text(README).splitlines() if line.startswith("| `")]
    expected = [
        f"| `{profile['name']}` | {profile['memory']} | {', '.join(profile['transports'])} "
        f"| {profile['update_interval_ms']:,} ms | {profile['frame_bytes']:,} bytes |"
        for profile in spec["profiles"]
    ]
    assert [row.rpartition("|")[0].rpartition("|")[0] + "|" for row in rows] == expected


def test_the_readme_says_what_nobody_has_tried() -> None:
    untested = text(README).partition("**Untested")[2]
    for word in ("real consoles", "Windows", "macOS"):
        assert word in untested
