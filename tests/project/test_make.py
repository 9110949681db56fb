"""The commands that a contributor types."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.tree import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="make and bash are Unix tools")

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROMISED = {
    *(
        "amalgamate",
        "demo",
        "test",
        "lint",
        "format",
        "generate",
        "bench",
        "bench-core",
        "docs",
        "install",
        "wheel",
        "clean",
    ),
}


def test_make_alone_lists_every_target() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert listed >= PROMISED


def test_every_target_for_people_has_a_line_of_help() -> None:
    phony = set(re.findall(r"^\.PHONY: ([a-z-]+)", MAKEFILE, re.MULTILINE)) - {"always"}
    explained = set(re.findall(r"^([a-z-]+):.*## .+", MAKEFILE, re.MULTILINE))
    assert phony == explained


def test_ci_runs_what_contributors_run() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^exec make test$", script, re.MULTILINE)
    assert re.search(r"^export CI=true$", script, re.MULTILINE)


def plan(target: str, folder: Path) -> str:
    """What make would do for a target in a copy of the tree that nothing was made in."""
    for name in ("Makefile", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, folder)
    for name in ("build_scripts", "csrc"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    done = subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_does_not_install_what_only_development_needs(tmp_path: Path) -> None:
    assert "'.[gateway,tools]'" in plan("demo", tmp_path)


def test_tests_install_everything(tmp_path: Path) -> None:
    assert "'.[gateway,tools,dev]'" in plan("test", tmp_path)


def stamped(folder: Path) -> None:
    """As after an installation: a .venv with a Python that starts, and both stamps."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    for stamp in (".installed-run", ".installed-dev"):
        (folder / ".venv" / stamp).write_text(f"{folder}\n", encoding="utf-8")


def test_a_second_run_installs_nothing(tmp_path: Path) -> None:
    plan("clean", tmp_path)
    stamped(tmp_path)
    assert "pip install" not in plan_again("test", tmp_path)
    assert "pip install" not in plan_again("demo", tmp_path)


def plan_again(target: str, folder: Path) -> str:
    done = subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "changed", ["pyproject.toml", "setup.py", "build_scripts/build_core.py", "csrc/include/flight.h"]
)
def test_a_change_that_the_extension_is_made_of_installs_anew(changed: str, tmp_path: Path) -> None:
    plan("clean", tmp_path)
    stamped(tmp_path)
    later = (tmp_path / ".venv" / ".installed-dev").stat().st_mtime + 10
    os.utime(tmp_path / changed, (later, later))
    assert "pip install" in plan_again("test", tmp_path)


def test_a_tree_that_was_moved_installs_anew(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    plan("clean", first)
    stamped(first)
    second = first.rename(tmp_path / "second")
    assert "pip install" in plan_again("test", second)


# --- install_deps ---


def run_install_deps(
    programs: dict[str, str], folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it where only these programs exist: name -> path of the real one, or the text of a script."""
    for name, target in programs.items():
        path = folder / name
        if target.startswith("#!"):
            path.write_text(target, encoding="utf-8")
            path.chmod(0o755)
        else:
            path.symlink_to(target)
    bash = shutil.which("bash")
    assert bash is not None
    env = {"PATH": str(folder), **environment}
    command = [bash, str(ROOT / "build_scripts" / "install_deps"), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def basics() -> dict[str, str]:
    found = {name: shutil.which(name) for name in ("mktemp", "rm", "bash")}
    return {name: path for name, path in found.items() if path is not None}


def everything_present() -> dict[str, str]:
    """Stand-ins for a Python and a compiler that have all that is asked of them."""
    return {**basics(), "python3": "#!/bin/sh\nexit 0\n", "cc": "#!/bin/sh\nexit 0\n"}


NOT_ROOT = {"id": "#!/bin/sh\necho 1000\n"}
IS_ROOT = {"id": "#!/bin/sh\necho 0\n"}


def test_where_everything_is_there_install_deps_says_nothing(tmp_path: Path) -> None:
    done = run_install_deps({**everything_present(), **NOT_ROOT}, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_rights_install_deps_says_exactly_what_to_install(tmp_path: Path) -> None:
    # A Python without venv and headers, and no compiler.
    python = '#!/bin/sh\ncase "$2" in *version_info*) exit 0 ;; esac\nexit 1\n'
    done = run_install_deps({**basics(), **NOT_ROOT, "python3": python}, tmp_path)
    assert done.returncode == 1
    assert "sudo apt-get install python3-venv python3-dev gcc libc6-dev" in done.stderr
    assert "ensurepip" in done.stderr


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    done = run_install_deps({**everything_present(), **NOT_ROOT, "python3": "#!/bin/sh\nexit 1\n"}, tmp_path)
    assert done.returncode == 1
    assert "older than 3.11" in done.stderr


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    programs = {**everything_present(), **NOT_ROOT}
    del programs["python3"]
    done = run_install_deps(programs, tmp_path)
    assert done.returncode == 1
    assert "python3 was not found" in done.stderr


def test_a_compiler_without_the_c_library_is_not_taken_for_one(tmp_path: Path) -> None:
    done = run_install_deps({**everything_present(), **NOT_ROOT, "cc": "#!/bin/sh\nexit 1\n"}, tmp_path)
    assert done.returncode == 1
    assert "gcc libc6-dev" in done.stderr


def test_as_root_with_apt_install_deps_installs_and_looks_again(tmp_path: Path) -> None:
    # This apt-get brings the compiler that was missing.
    cat, chmod = shutil.which("cat"), shutil.which("chmod")
    assert cat is not None
    assert chmod is not None
    brings = f"#!/bin/sh\nprintf '#!/bin/sh\\nexit 0\\n' > {tmp_path}/cc\n{chmod} +x {tmp_path}/cc\n"
    programs = {**everything_present(), **IS_ROOT, "apt-get": brings}
    del programs["cc"]
    done = run_install_deps(programs, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "installing gcc libc6-dev" in done.stdout
    assert re.search(r"that took \d+ s", done.stdout)


DEVELOPMENT = (
    "gcc-sh4-linux-gnu gcc-12-plugin-dev-sh4-linux-gnu g++ gcc-mipsel-linux-gnu gcc-arm-linux-gnueabihf"
    " libc6-dev-armhf-cross qemu-user valgrind clang cmake make pkg-config binutils clang-19 llvm-19 cppcheck clang-tidy-19"
    " nodejs npm redis-server rabbitmq-server curl chromium-headless-shell libclang-rt-19-dev"
)


def test_what_only_development_needs_is_asked_for_only_there(tmp_path: Path) -> None:
    done = run_install_deps({**everything_present(), **NOT_ROOT}, tmp_path, "python3", "run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_its_tools_development_goes_on_and_says_what_is_skipped(tmp_path: Path) -> None:
    done = run_install_deps({**everything_present(), **NOT_ROOT}, tmp_path, "python3", "dev")
    assert done.returncode == 0
    assert f"sudo apt-get install {DEVELOPMENT}\n" in done.stderr
    assert "skipped" in done.stderr
    assert "clang, which some tests start" in done.stderr


def test_without_its_tools_continuous_integration_fails(tmp_path: Path) -> None:
    done = run_install_deps({**everything_present(), **NOT_ROOT}, tmp_path, "python3", "dev", CI="true")
    assert done.returncode == 1
    assert f"sudo apt-get install {DEVELOPMENT}\n" in done.stderr


def test_a_missing_python_is_a_failure_whatever_else_is_missing(tmp_path: Path) -> None:
    programs = {**everything_present(), **NOT_ROOT}
    del programs["python3"]
    assert run_install_deps(programs, tmp_path, "python3", "dev").returncode == 1


def test_apt_may_not_remove_what_is_installed(tmp_path: Path) -> None:
    programs = {**everything_present(), **IS_ROOT, "apt-get": '#!/bin/sh\necho "$*"\n[ "$1" = update ]\n'}
    done = run_install_deps(programs, tmp_path, "python3", "dev")
    assert "--no-remove" in done.stdout


def test_an_apt_that_cannot_install_leaves_advice_and_a_failure(tmp_path: Path) -> None:
    programs = {**everything_present(), **IS_ROOT, "apt-get": "#!/bin/sh\nexit 100\n"}
    del programs["cc"]
    done = run_install_deps(programs, tmp_path)
    assert done.returncode == 1
    assert "On Debian or Ubuntu" in done.stderr


def test_as_root_with_apt_everything_that_development_lacks_is_asked_for_at_once(tmp_path: Path) -> None:
    asks = f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
    programs = {**everything_present(), **IS_ROOT, "apt-get": asks}
    done = run_install_deps(programs, tmp_path, "python3", "dev")
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert len(asked) == 1
    assert asked[0].endswith(DEVELOPMENT)
    # This apt-get brought nothing.
    assert done.returncode == 0
    assert "skipped" in done.stderr
