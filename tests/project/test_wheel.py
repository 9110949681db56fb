"""What a user installs: built, checked, put into an empty venv and used away from the source tree."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from build_scripts import check_wheel
from tests.project.tree import ROOT, files


def run(command: list[str], folder: Path) -> str:
    # Neither the tree nor this interpreter's packages may help.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source distribution and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.mark.timeout(300)
def test_the_source_distribution_holds_every_file_of_the_project_and_no_other(built: Path) -> None:
    """But for what only a clone or a forge needs: names that begin with a dot. What the build writes has no folder of ours."""
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        held = {Path(*Path(member.name).parts[1:]) for member in archive if member.isfile()}
    ours = {path for path in files() if not path.parts[0].startswith(".")}
    assert not [path.as_posix() for path in sorted(ours - held)], "left out: look at MANIFEST.in"
    written = {Path("PKG-INFO"), Path("setup.cfg")}
    strangers = {path for path in held - ours - written if path.parts[0] != "flight_realtime.egg-info"}
    assert not [path.as_posix() for path in sorted(strangers)], "strangers: look at MANIFEST.in"


@pytest.mark.timeout(300)
def test_the_wheel_is_abi3_small_typed_and_holds_nothing_else(wheel: Path) -> None:
    assert check_wheel.problems(wheel) == []


@pytest.mark.timeout(300)
def test_the_wheel_works_in_an_empty_venv_away_from_the_tree(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = str(tmp_path / "venv" / scripts / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, str(wheel)], tmp_path)
    where = run([python, "-W", "error", "-c", "import flight_client; print(flight_client.__file__)"], tmp_path)
    assert Path(where.strip()).is_relative_to(tmp_path)
    assert run([python, "-m", "flight_client", "--version"], tmp_path).startswith("flight 0.1.0\ncore 0.1.0\n")
    run([python, "-m", "flight_client", "doctor"], tmp_path)
    run([python, "-c", "from flight_client import Client; Client"], tmp_path)


def test_a_wheel_with_strangers_and_the_wrong_tag_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "flight_realtime-0.1.0-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("tests/test_x.py", "")
        archive.writestr(
            "flight_client/_core.cpython-311-x86_64-linux-gnu.so", b"x" * (check_wheel.CLIENT_LIMIT_BYTES + 1)
        )
    found = " ".join(check_wheel.problems(bad))
    for word in ("cp311-cp311", "over the limit", "stable ABI", "py.typed", "tests"):
        assert word in found
