"""Imports go one way: cli and dashboard -> gateway, client, capture -> transports -> session, wire -> spec."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.tree import ROOT, python_files, text

# The first name below flight_client -> its floor. A module imports from its own unit and from lower floors only.
FLOOR = {
    "_core": 0,
    "_fast": 0,
    "_tables": 0,
    "_profiles": 0,
    "enums": 0,
    "lazy": 0,
    "version": 0,
    "errors": 1,
    "session": 2,
    "wire": 2,
    "sizes": 2,
    "arguments": 2,
    "clock": 3,
    "proof": 3,
    "platforms": 3,
    "events": 3,
    "rules": 3,
    "settings": 3,
    "identity": 4,
    "json_events": 4,
    "json_text": 2,
    "platform_config": 4,
    "lanes": 4,
    "letters": 4,
    "recovery": 4,
    "transports": 4,
    "observe": 5,
    "channel_info": 5,
    "client_info": 5,
    "messages": 5,
    "publishing": 5,
    "sources": 5,
    "message_events": 10,
    "sending": 11,
    "waiting": 5,
    "hooks": 6,
    "outbox": 6,
    "counting": 7,
    "judgement": 7,
    "links": 7,
    "nodes": 5,
    "own_loop": 3,
    "packing": 7,
    "pressure": 7,
    "resume_file": 6,
    "driver": 8,
    "streams": 7,
    "deliveries": 8,
    "last_values": 8,
    "metrics": 8,
    "presence": 8,
    "subscriptions": 9,
    "history": 10,
    "number_layouts": 4,
    "quick": 6,
    "emitters": 10,
    "error_handler": 5,
    "guards": 8,
    "json_codec": 8,
    "validation": 9,
    "bridge": 7,
    "capture": 8,
    "client_arguments": 9,
    "channels": 11,
    "steering": 10,
    "handling": 10,
    "commands": 11,
    "watching": 11,
    "threadsafe": 11,
    "client": 12,
    "gateway": 10,
    "background": 10,
    "sync_channels": 14,
    "sync_steering": 14,
    "sync_streams": 14,
    "sync_client": 16,
    "connecting": 16,
    "demo": 17,
    "testing": 17,
    "dashboard": 17,
    "cli": 18,
    "__main__": 19,
}
# The wire and everything above it take the numbers of the frames from where the session has them.
SPEC = "session.spec"


def module_name(path: Path) -> list[str]:
    """flight_client/session/device/machine.py -> ["session", "device", "machine"]."""
    parts = [*path.parts[1:-1], path.stem]
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(path: Path) -> list[tuple[int, str]]:
    """Every import of the file with its line, wherever it stands; ours as a name below flight_client with a dot in front.

    What only the type checker imports does not count.
    """
    package = list(path.parts[:-1])
    found = []
    tree = ast.parse(text(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    ours = "flight_client."
    return [(line, "." + name.removeprefix(ours) if name.startswith(ours) else name) for line, name in found]


def test_imports_go_one_way() -> None:
    wrong = []
    for path in python_files("flight_client/"):
        own = module_name(path)
        if not own:
            continue  # the package's __init__ hands on names from everywhere
        for line, name in imported(path):
            if not name.startswith("."):
                continue
            unit = name[1:].partition(".")[0]
            if unit not in FLOOR:
                continue  # a name that the package's __init__ hands on, e.g. __version__
            same = unit == own[0]
            if not same and FLOOR[unit] >= FLOOR[own[0]] and not name[1:].startswith(SPEC):
                wrong.append(f"{path}:{line}: {own[0]} imports {name[1:]}")
    assert not wrong, "\n".join(wrong)


def test_every_part_of_the_package_has_a_floor() -> None:
    units = {module_name(path)[0] for path in python_files("flight_client/") if module_name(path)}
    assert units <= set(FLOOR), f"say in FLOOR where {sorted(units - set(FLOOR))} belongs"


def test_the_session_imports_nothing_but_itself() -> None:
    wrong = []
    for path in python_files("flight_client/session/"):
        wrong += [f"{path}:{line}: {name}" for line, name in imported(path) if not name.startswith(".session.")]
    assert not wrong, "\n".join(wrong)


def test_the_roles_of_the_session_do_not_know_each_other() -> None:
    wrong = []
    for role, other in (("device", "gateway"), ("gateway", "device"), ("common", "device"), ("common", "gateway")):
        for path in python_files(f"flight_client/session/{role}/"):
            wrong += [f"{path}:{line}" for line, name in imported(path) if name.startswith(f".session.{other}")]
    assert not wrong, "\n".join(wrong)


def test_a_folders_init_only_hands_names_on() -> None:
    wrong = []
    for path in python_files("flight_client/"):
        if path.name != "__init__.py":
            continue
        allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr, ast.If)
        # A module's __getattr__ hands names on too, on first use: the start stays short and works without the core.
        wrong += [
            f"{path}:{node.lineno}"
            for node in ast.parse(text(path)).body
            if not isinstance(node, allowed)
            and not (isinstance(node, ast.FunctionDef) and node.name in {"__getattr__", "__dir__"})
        ]
    assert not wrong, "\n".join(wrong)


# --- the common subset of CPython and MicroPython ---

NOT_IN_THE_SUBSET = {
    ast.AsyncFunctionDef: "async function",
    ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
    ast.Await: "await",
    ast.Yield: "generator: allocates",
    ast.YieldFrom: "generator: allocates",
    ast.Match: "match",
    ast.TryStar: "except*",
    ast.Lambda: "lambda: a closure allocates",
    ast.GeneratorExp: "generator: allocates",
    ast.Div: "true division makes a float; use //",
    ast.Global: "global state",
    ast.Nonlocal: "closure: allocates",
}
# Methods that MicroPython does not have, or has with fewer arguments.
NO_METHODS = {
    "bit_count",
    "removeprefix",
    "removesuffix",
    "casefold",
    "zfill",
    "ljust",
    "rjust",
    "popitem",
    "format_map",
}
LARGEST_SMALL_INT = 0x3FFF_FFFF


def outside_the_subset(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if type(node) in NOT_IN_THE_SUBSET:
            found.append((line, NOT_IN_THE_SUBSET[type(node)]))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            found.append((line, NOT_IN_THE_SUBSET[ast.Div]))
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append((line, f"float {node.value}: allocates"))
        elif isinstance(node, ast.Constant) and type(node.value) is int and node.value > LARGEST_SMALL_INT + 1:
            found.append((line, f"{node.value} is no small integer on a 32-bit board"))
        elif isinstance(node, ast.arguments) and node.posonlyargs:
            found.append((node.posonlyargs[0].lineno, "positional-only arguments"))
        elif isinstance(node, ast.Attribute) and node.attr in NO_METHODS:
            found.append((line, f".{node.attr} is not in MicroPython"))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            kinds = {"property", "staticmethod", "classmethod"}
            decorators = [item for item in node.decorator_list if ast.unparse(item) not in kinds]
            found += [(item.lineno, f"decorator {ast.unparse(item)}") for item in decorators]
            found += nested_functions(node)
    return sorted(set(found))


def nested_functions(node: ast.FunctionDef | ast.ClassDef) -> list[tuple[int, str]]:
    if isinstance(node, ast.ClassDef):
        return []
    inner = [item for item in ast.walk(node) if isinstance(item, ast.FunctionDef) and item is not node]
    return [(item.lineno, f"function {item.name} inside a function: a closure allocates") for item in inner]


def test_the_session_stays_in_the_common_subset_of_cpython_and_micropython() -> None:
    wrong = []
    for path in python_files("flight_client/session/"):
        wrong += [f"{path}:{line}: {why}" for line, why in outside_the_subset(ast.parse(text(path)))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "source",
    [
        "async def f(): pass",
        "x = 1 / 2",
        "x = 0.5",
        "x = 0x80000000",
        "def f():\n    def g(): pass",
        "f = lambda: 1",
        "@cache\ndef f(): pass",
        "match x:\n    case 1: pass",
        "def f(a, /): pass",
        "n = x.bit_count()",
        "s = sum(i for i in x)",
    ],
)
def test_the_check_of_the_subset_finds_what_it_is_for(source: str) -> None:
    assert outside_the_subset(ast.parse(source))


def test_the_check_of_the_subset_lets_plain_code_pass() -> None:
    source = "class A:\n    @property\n    def x(self): return self.y // 2 & 0x3FFFFFFF\n"
    assert not outside_the_subset(ast.parse(source))


def test_the_package_imports_no_module_that_only_unix_has_outside_named_files() -> None:
    unix_only = {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog"}
    assert unix_only <= set(sys.stdlib_module_names)
    # Files whose name says so may, and must be imported only where they work.
    wrong = []
    for path in python_files("flight_client/"):
        if "unix" not in path.stem:
            wrong += [f"{path}:{line}: {name}" for line, name in imported(path) if name.partition(".")[0] in unix_only]
    assert not wrong, "\n".join(wrong)
    assert (ROOT / "flight_client").is_dir()


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        ("from flight_client import MemoryUpdate", ("asyncio", "logging", "flight_client.transports")),
        (
            "from flight_client import Client",
            (
                "aiohttp",
                "msgspec",
                "sqlite3",
                "flight_client.capture",
                "flight_client.counting",
                "flight_client.gateway",
                "flight_client.messages",
                "flight_client.metrics",
                "flight_client.platform_config",
                "flight_client.presence",
                "flight_client.testing",
            ),
        ),
    ],
)
def test_a_program_loads_only_what_it_needs(program: str, unwanted: tuple[str, ...]) -> None:
    code = f"import sys; {program}; print([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
