"""The files of the project, as the project's own tests look at them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {
    "csrc/include/flight_spec.h",
    "micropython/flight_client/layouts.py",
    "micropython/flight_client/profiles.py",
    "micropython/flight_client/tables.py",
    "flight_client/session/spec.py",
    "flight_client/_tables.py",
    "flight_client/_profiles.py",
    "flight_client/enums.py",
    "docs/reference-spec.md",
    "bindings/typescript/src/generated/constants.ts",
    "bindings/typescript/src/generated/event_data.ts",
    "bindings/go/realtime/generated_constants.go",
    "bindings/go/realtime/generated_events.go",
}
MADE = {".git", ".venv", "build", "dist", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the project, relative to its root: what git tracks or would."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = [Path(name) for name in listed.split("\0") if name]
    else:
        # A source distribution has no git.
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [path for path in names if not MADE.intersection(path.parts) and not path.match("*.egg-info/*")]
    return tuple(sorted(path for path in names if (ROOT / path).is_file()))


def python_files(*folders: str) -> list[Path]:
    """The Python files below these folders."""
    return [path for path in files() if path.suffix == ".py" and path.as_posix().startswith(folders)]


def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
