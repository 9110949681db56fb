"""The bindings, compiled once for what they are made of: the TypeScript package with the test's programs, and the Go programs."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.project.tree import ROOT
from tests.support import npm

HERE = Path(__file__).resolve().parent
TYPESCRIPT = ROOT / "bindings" / "typescript"
GO = ROOT / "bindings" / "go"
_LIMIT_S = 240.0


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """What a compiler says; a failure with that."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=_LIMIT_S, check=False, env={**os.environ, **variables}
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def digest(*folders: Path) -> str:
    """Of every file below these folders but what a package manager or a compiler put there."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not {"node_modules", "dist"} & set(path.relative_to(folder).parts):
                found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder build/NAME, made by the first process that needs it."""
    made = ROOT / "build" / name
    if not made.exists():
        making = made.with_name(f"{name}-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        make(making)
        try:
            making.rename(made)
        except OSError:  # another process was quicker
            shutil.rmtree(making)
    return made


def compiler() -> Path:
    """tsc, of the version that is pinned."""
    return npm.installed(HERE / "npm") / "node_modules" / ".bin" / "tsc"


def typescript() -> Path:
    """A folder in which the package is installed as its users have it, with the compiled programs of the tests in `programs`."""
    packages = npm.installed(HERE / "npm")
    programs = HERE / "typescript"

    def make(folder: Path) -> None:
        tsc = compiler()
        package = folder / "node_modules" / "@flight" / "realtime-types"
        package.parent.mkdir(parents=True)
        shutil.copytree(TYPESCRIPT, package, ignore=shutil.ignore_patterns("node_modules", "dist"))
        # Copies: a link would be followed, and its modules look for theirs where they really lie.
        for path in (packages / "node_modules").iterdir():
            if path.name not in (".bin", "typescript", "@typescript", ".package-lock.json"):
                shutil.copytree(path, folder / "node_modules" / path.name)
        run(tsc, "--project", package, cwd=folder)
        shutil.copytree(programs, folder / "programs")
        run(tsc, "--project", folder / "programs", cwd=folder)

    return once(f"bindings-typescript-{digest(TYPESCRIPT, programs, HERE / 'npm')}", make)


def go_settings(*, race: bool = False) -> dict[str, str]:
    """The environment of Go's tools: nothing is fetched, and what they keep lies in build/."""
    return {
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GO111MODULE": "on",
        "CGO_ENABLED": "1" if race else "0",  # the race detector is C
        "GOCACHE": str(ROOT / "build" / "go-cache"),
        "GOPATH": str(ROOT / "build" / "go-path"),
    }


def go() -> Path:
    """The folder with the compiled programs of tests/bindings/go, after gofmt and vet had nothing to say.

    With FLIGHT_GO_RACE they end with a complaint where two goroutines race; that takes twenty seconds more to compile.
    """
    race = bool(os.environ.get("FLIGHT_GO_RACE"))
    for tool in ("go", "gofmt"):
        if shutil.which(tool) is None:
            npm.missing(f"no {tool}: build_scripts/install_deps brings it on Debian")
    programs = HERE / "go"

    def make(folder: Path) -> None:
        shutil.copytree(GO, folder / "module")
        shutil.copytree(programs, folder / "programs")
        assert run("gofmt", "-l", ".", cwd=folder) == "", "gofmt would write these anew"
        settings = go_settings(race=race)
        for part in ("module", "programs"):
            run("go", "vet", "./...", cwd=folder / part, **settings)
        (folder / "bin").mkdir()
        flags = ["-race"] if race else []
        run("go", "build", *flags, "-o", str(folder / "bin") + "/", "./...", cwd=folder / "programs", **settings)

    return once(f"bindings-go-{digest(GO, programs)}{'-race' * race}", make)
