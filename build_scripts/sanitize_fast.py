"""The tests of flight_client._fast with a module that address and undefined-behaviour sanitizers watch.

`python -m build_scripts.sanitize_fast`, about 20 s; part of `make soak`. Unix only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from build_scripts import ctools

# Everything that pytest would look for in the repository, so that it finds none of it there.
COPIED = ("flight_client", "tests", "build_scripts", "spec", "pyproject.toml")
TESTS = ("tests/client/test_quick_reader.py", "tests/client/test_quick_emitters.py")
# Stands beside the tests: whose module they see.
_WHOSE = """
def test_the_module_under_test_is_the_watched_one() -> None:
    import flight_client._fast as fast

    assert fast.__file__ == {module!r}
"""


def build(out: Path) -> None:
    """The module, as setup.py has it but for the sanitizers."""
    core = [ctools.CORE / f"flight_{name}.c" for name in ("batch", "delta_pack", "pack", "ring")]
    macros = [f"-DFLIGHT_{part}=0" for part in ("SESSION", "POLLING", "WEBSOCKET")]
    command: list[str | Path] = [ctools.find_tool("gcc", package="gcc"), "-shared", "-fPIC", "-O1", *ctools.WARNINGS]
    done = ctools.run(
        [*command, *ctools.SANITIZERS, *macros, *ctools.python_includes(), *ctools.python_sources(), *core, "-o", out]
    )
    if done.returncode != 0:
        raise SystemExit(f"sanitize_fast: the module cannot be built\n{done.stderr}")


def main() -> int:
    """Build, run, say what came of it."""
    gcc = ctools.find_tool("gcc", package="gcc")
    names = ("libasan.so", "libubsan.so")
    libraries = [ctools.run([gcc, f"-print-file-name={name}"]).stdout.strip() for name in names]
    with tempfile.TemporaryDirectory(prefix="flight-sanitize-") as folder:
        root = Path(folder)
        for name in COPIED:
            there = ctools.ROOT / name
            if there.is_dir():
                shutil.copytree(there, root / name)
            else:
                shutil.copy(there, root / name)
        module = root / "flight_client" / "_fast.abi3.so"
        build(module)
        (root / "tests/client/test_whose_module.py").write_text(_WHOSE.format(module=str(module)), encoding="utf-8")
        environment = {
            **os.environ,
            **ctools.SANITIZER_ENVIRONMENT,
            "LD_PRELOAD": " ".join(libraries),
            "PYTHONPATH": folder,
            "PYTHONMALLOC": "malloc",  # so that each object has its own bounds
        }
        tests = subprocess.run(
            [sys.executable, "-m", "pytest", "--quiet", "tests/client/test_whose_module.py", *TESTS],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    print(tests.stdout + tests.stderr)
    print(f"_fast under sanitizers: {'nothing to say' if tests.returncode == 0 else 'FAILED'}")
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())
