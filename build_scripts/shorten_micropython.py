"""Short names in place of long ones: MicroPython keeps every name of a program that is not in its own firmware.

A name costs its letters and about ten bytes; the client has nearly a thousand of its own. Here each gets a short one:

- what only one class uses (`_name`, always behind `self.`), the same few names in every class;
- what only one part uses (`_name` of a module), the same few names in every part;
- parameters that nobody names in a call, the same few names in every function;
- all others one name each, in the whole package.

Kept: what a program may use (PUBLIC), what stands in a string (it may be asked for by that), and what objects of the
interpreter have too (an attribute of theirs cannot be told from one of ours). names.txt of the build says what is what, for
who reads a traceback.
"""

from __future__ import annotations

import array
import ast
import asyncio
import builtins
import hashlib
import io
import itertools
import keyword
import re
import select
import socket
import string
from collections.abc import Iterable, Iterator

# Classes whose methods and parameters programs may use ...
PUBLIC = frozenset(("Client", "Reports", "Ring", "Frame"))
# ... and whose attributes too.
OPEN = frozenset(
    (
        "Channel",
        "CommandRequest",
        "CommandResult",
        "ComponentUpdate",
        "Emitter",
        "EventError",
        "FrameTime",
        "Log",
        "MemoryReport",
        "MemoryUpdate",
        "Payload",
        "Profile",
        "Received",
        "SystemMonitoring",
        "V6REvent",
    )
)
# What MicroPython's objects have and CPython's have not.
_BOARD_ONLY = {
    "any",
    "const",
    "deinit",
    "ipoll",
    "mem_alloc",
    "mem_free",
    "native",
    "readinto",
    "sleep_ms",
    "ticks_diff",
    "ticks_ms",
    "ticks_us",
    "viper",
}

Tree = ast.Module


def _foreign() -> set[str]:
    """Attributes that objects of the interpreter may have."""
    samples: list[object] = [
        "",
        b"",
        bytearray(),
        memoryview(b""),
        [],
        {},
        (),
        set(),
        0,
        0.5,
        None,
        OSError(),
        array.array("i"),
        hashlib.sha256(),
        io.BytesIO(),
        socket.socket,
        asyncio,
        asyncio.Task,
        asyncio.StreamReader,
        asyncio.StreamWriter,
        len,
        type,
    ]
    if hasattr(select, "poll"):
        samples.append(select.poll())
    return {name for sample in samples for name in dir(sample)} | _BOARD_ONLY


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _viper(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any("viper" in ast.unparse(mark) for mark in node.decorator_list)


def _members(node: ast.ClassDef) -> Iterator[str]:
    """Names that a class gives its objects."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner in node.body:
            yield inner.name
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "self":
            yield inner.attr
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def _offered(node: ast.ClassDef) -> set[str]:
    """Names of a class that programs may use."""
    methods = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)}
    found = set(_members(node)) if node.name in OPEN else methods if node.name in PUBLIC else set()
    return {name for name in found if not name.startswith(("_", "on_"))}  # on_...: what the driver tells Reports


def _top_level(tree: Tree) -> set[str]:
    """Names of the package's own that a part has."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Try):
            found |= _top_level(ast.Module([*node.body, *(s for h in node.handlers for s in h.body)], []))
    return found


def _outside(tree: Tree) -> set[str]:
    """Names that come from the interpreter's modules, and what is asked of those."""
    found: set[str] = set()
    spaces: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            spaces |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {part for alias in node.names for part in (alias.name, alias.asname) if part}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in spaces:
            found.add(node.attr)
    return found | spaces


def public(parts: dict[str, Tree]) -> set[str]:
    """Names that a program may use, and those that may be anybody's."""
    found = _foreign() | PUBLIC | OPEN
    for tree in parts.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found |= _offered(node)
    return found


class _Plan:
    """Which name becomes what."""

    def __init__(self, parts: dict[str, Tree], keep: Iterable[str]) -> None:
        self.parts = parts
        self.classes = {
            node.name: node for tree in parts.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        }
        self.kept = self._kept() | set(keep)
        self.attributes: dict[str, str] = {}
        self.globals: dict[str, str] = {}
        self.of_class: dict[str, dict[str, str]] = {}
        self.of_part: dict[str, dict[str, str]] = {}
        self._share_attributes()
        self._share_globals()

    # What stays

    def _kept(self) -> set[str]:
        kept = _foreign() | set(dir(builtins)) | set(keyword.kwlist) | set(self.parts) | PUBLIC | OPEN
        for tree in self.parts.values():
            kept |= _outside(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    kept |= set(re.findall(r"[A-Za-z_]\w*", node.value))
                elif isinstance(node, ast.keyword) and node.arg:
                    kept.add(node.arg)
        for name in (PUBLIC | OPEN) & self.classes.keys():
            kept |= (offered := _offered(self.classes[name]))
            for function in _functions(self.classes[name]):
                if not isinstance(function, ast.Lambda) and function.name in {*offered, "__init__"}:
                    kept |= {argument.arg for argument in _parameters(function)}
        return kept

    def _fixed(self, name: str) -> bool:
        return name in self.kept or (name.startswith("__") and name.endswith("__"))

    # What shares a name

    def _families(self) -> dict[str, str]:
        """Class -> the first of those that it inherits from, or that inherit from the same."""
        first = {name: name for name in self.classes}

        def top(name: str) -> str:
            while first[name] != name:
                name = first[name]
            return name

        for name, node in self.classes.items():
            for base in node.bases:
                if isinstance(base, ast.Name) and base.id in self.classes:
                    first[top(name)] = top(base.id)
        return {name: top(name) for name in self.classes}

    def _share_attributes(self) -> None:
        families = self._families()
        owners: dict[str, set[str]] = {}
        shared: set[str] = set()
        inside: set[int] = set()
        for name, node in self.classes.items():
            for member in _members(node):
                owners.setdefault(member, set()).add(families[name])
            inside |= {
                id(inner)
                for inner in ast.walk(node)
                if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "self"
            }
        for tree in self.parts.values():
            shared |= {
                node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and id(node) not in inside
            }
        everywhere: set[str] = set()
        for name, of in owners.items():
            if self._fixed(name):
                continue
            if name.startswith("_") and name not in shared:
                for family in sorted(of):
                    table = self.of_class.setdefault(family, {})
                    table[name] = self._private(len(table))
            else:
                everywhere.add(name)
        fresh = self._names()
        for name in sorted(everywhere):
            self.attributes[name] = next(fresh)
        self.of_class = {name: self.of_class.get(family, {}) for name, family in families.items()}

    def _share_globals(self) -> None:
        own = {part: {name for name in _top_level(tree) if not self._fixed(name)} for part, tree in self.parts.items()}
        asked: set[str] = set()
        for tree in self.parts.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.level:
                    asked |= {part for alias in node.names for part in (alias.name, alias.asname) if part}
        fresh = self._names()
        for name in sorted(set().union(*own.values()) & asked):
            self.globals[name] = next(fresh)
        for part, names in own.items():
            alone = sorted(names - asked)
            self.of_part[part] = {name: self._private(i) for i, name in enumerate(alone)}

    def _private(self, number: int) -> str:
        letters = string.ascii_lowercase + string.ascii_uppercase
        return "_" + (letters[number] if number < 52 else letters[number // 52 - 1] + letters[number % 52])

    def _names(self) -> Iterator[str]:
        """Names of two letters that mean nothing else."""
        spoken = {
            word
            for tree in self.parts.values()
            for node in ast.walk(tree)
            for word in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "arg", None))
            if isinstance(word, str)
        }
        for first, second in itertools.product(string.ascii_lowercase, string.ascii_letters + string.digits):
            name = first + second
            if name not in self.kept and name not in spoken and not keyword.iskeyword(name):
                yield name


class _Rename(ast.NodeTransformer):
    """One part with the names of the plan."""

    def __init__(self, plan: _Plan, part: str) -> None:
        self._plan = plan
        self._globals = {**plan.globals, **plan.of_part[part]}
        self._attributes = plan.attributes
        self._class = False

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._attributes.get(node.attr, node.attr)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._globals.get(node.id, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._globals.get(name, name) for name in node.names]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.level:
            for alias in node.names:
                alias.name = self._globals.get(alias.name, alias.name)
                alias.asname = self._globals.get(alias.asname, alias.asname) if alias.asname else None
                if alias.asname == alias.name:
                    alias.asname = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        before = self._attributes
        self._attributes = {**self._plan.attributes, **self._plan.of_class[node.name]}
        node.bases = [self.visit(base) for base in node.bases]
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                name = self._attributes.get(statement.name, statement.name)
                self._function(statement)
                statement.name = name
            elif isinstance(statement, ast.Assign):
                statement.value = self.visit(statement.value)
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        target.id = self._attributes.get(target.id, target.id)
        node.name = self._globals.get(node.name, node.name)
        self._attributes = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._globals.get(node.name, node.name)
        return self._function(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815 - the name that ast wants

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self._locals(node)
        return self.generic_visit(node)

    def _locals(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Names that a function gives itself: none of them may be taken for one of the module's."""
        inner = [other for other in _functions(node) if other is not node]
        given = {name for other in ast.walk(node) if isinstance(other, ast.Global) for name in other.names}
        stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} - given
        stored |= {
            a.asname or a.name for n in ast.walk(node) if isinstance(n, ast.ImportFrom) for a in n.names if not n.level
        }
        every = {argument.arg for function in [node, *inner] for argument in _parameters(function)}
        spoken = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        table: dict[str, str] = {}
        fixed = self._plan.kept
        simple = not inner and not _viper(node)
        letters = [letter for letter in string.ascii_lowercase if letter not in spoken | every | given]
        for argument in _parameters(node):
            if simple and argument.arg not in fixed and len(argument.arg) > 1 and letters:
                table[argument.arg] = letters.pop(0)
        for name in stored | every:
            if name not in table and name in self._globals:
                table[name] = name + "_"
        for other in ast.walk(node):
            if isinstance(other, ast.Name) and other.id in table:
                other.id = table[other.id]
            elif isinstance(other, ast.arg) and other.arg in table:
                other.arg = table[other.arg]
            elif isinstance(other, ast.ExceptHandler) and other.name in table:
                other.name = table[other.name]


def shortened(parts: dict[str, Tree], keep: Iterable[str] = ()) -> tuple[dict[str, Tree], dict[str, str]]:
    """The parts with short names, and the meaning of those: `part or class.short` -> name. `keep`: names to leave."""
    plan = _Plan(parts, keep)
    meaning = {short: name for name, short in plan.globals.items()}
    meaning.update({f".{short}": name for name, short in plan.attributes.items()})
    for part, table in plan.of_part.items():
        meaning.update({f"{part}.{short}": name for name, short in table.items()})
    for cls, table in plan.of_class.items():
        meaning.update({f"{cls}.{short}": name for name, short in table.items()})
    made = {part: ast.fix_missing_locations(_Rename(plan, part).visit(tree)) for part, tree in parts.items()}
    return made, meaning
