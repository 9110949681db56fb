"""Leave out of the client for MicroPython what a board never uses: every function that is loaded takes memory.

Left out are functions, methods, classes, imports and numbers of a module whose name stands nowhere else in the package, and
what then stands nowhere else either. A name that a program may use stays (`used`), one that stands in a string too, and one
that objects of the interpreter have: who calls those cannot be seen. Values of a module that are computed from numbers are
computed here.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable

Tree = ast.Module
Stays = Callable[[str], bool]


class _Fold(ast.NodeTransformer):
    """Numbers in place of the names of one part that stand for numbers."""

    def __init__(self, numbers: dict[str, int]) -> None:
        self._numbers = numbers

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self._numbers:
            return ast.copy_location(ast.Constant(self._numbers[node.id]), node)
        return node


def _folded(tree: Tree) -> Tree:
    """`_NAME = 64 - 4` is a number too."""
    stores = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    taken = {argument.arg for argument in ast.walk(tree) if isinstance(argument, ast.arg)}
    numbers = {}
    body = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[0], ast.Name):
            value = _number(statement.value)
            single = stores[target.id] == 1 and target.id not in taken and len(statement.targets) == 1
            if value is not None and single and target.id.isupper():
                numbers[target.id] = value
                continue
        body.append(statement)
    return _Fold(numbers).visit(ast.Module(body, [])) if numbers else tree


def _number(node: ast.expr) -> int | None:
    """The value of an expression of nothing but numbers."""
    if any(
        not isinstance(n, ast.BinOp | ast.UnaryOp | ast.Constant | ast.operator | ast.unaryop) for n in ast.walk(node)
    ):
        return None
    value = eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})  # noqa: S307 - numbers and operators only
    return value if type(value) is int else None


def _words(trees: Iterable[Tree]) -> set[str]:
    """Words in strings."""
    found: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"[A-Za-z_]\w*", node.value))
    return found


def _asked(trees: Iterable[Tree]) -> tuple[Counter[str], Counter[str]]:
    """How often each name is asked for: of a module, and behind a dot."""
    names: Counter[str] = Counter()
    members: Counter[str] = Counter()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                names[node.id] += not isinstance(node.ctx, ast.Store)
            elif isinstance(node, ast.Attribute):
                members[node.attr] += not isinstance(node.ctx, ast.Store)
            elif isinstance(node, ast.ImportFrom) and node.level:
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.Global):
                names.update(node.names)
    return names, members


def _imported(trees: Iterable[Tree]) -> set[str]:
    """Names that a part has from another one."""
    return {
        alias.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }


def _import_left(node: ast.ImportFrom | ast.Import, used: set[str]) -> bool:
    """Take names that nothing uses out of an import; whether one is left."""
    node.names = [alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] in used]
    return bool(node.names)


def _own(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, member: bool, most: int) -> int:
    """How often something asks for itself: what nobody else asks for is asked for by nobody."""
    return _asked([ast.Module([node], [])])[member][node.name] if 0 < most < 4 else 0


def _left(
    body: list[ast.stmt], used: set[str], asked: Counter[str], of_objects: Counter[str], stays: Stays
) -> list[ast.stmt]:
    """The statements of a module or a class that something uses."""
    kept: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not stays(node.name) and asked[node.name] <= _own(node, asked is of_objects, asked[node.name]):
                continue
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            pure = not any(isinstance(inner, ast.Call) for inner in ast.walk(node.value))
            if pure and asked[node.targets[0].id] == 0 and not stays(node.targets[0].id):
                continue
        elif isinstance(node, ast.ImportFrom | ast.Import) and not _import_left(node, used):
            continue
        if isinstance(node, ast.ClassDef):
            node.body = _left(node.body, used, of_objects, of_objects, stays) or [ast.Pass()]
        kept.append(node)
    return kept


def trimmed(
    parts: dict[str, Tree], used: set[str], whole: Iterable[str], computed: dict[tuple[str, str], int | bytes]
) -> dict[str, Tree]:
    """The parts without what nothing uses.

    `used`: names that stay. `whole`: parts of which every name without underscore stays. `computed`: (part, name) -> the value
    that the part would compute at its start.
    """
    parts = {part: _with_values(part, tree, computed) for part, tree in parts.items()}
    parts = {part: _folded(_folded(tree)) for part, tree in parts.items()}
    used = used | _words(parts.values())
    size = 0
    while size != (size := sum(sum(1 for _ in ast.walk(tree)) for tree in parts.values())):
        everywhere, of_objects = _asked(parts.values())
        asked_for = _imported(parts.values())
        for part, tree in parts.items():
            here = _asked([tree])[0]

            def stays(name: str, open_part: bool = part in whole) -> bool:
                return name in used or (name.startswith("__") and name.endswith("__")) or (open_part and name[0] != "_")

            asked = Counter(
                {name: here[name] if name[0] == "_" and name not in asked_for else n for name, n in everywhere.items()}
            )
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            tree.body = _left(tree.body, names, asked, of_objects, stays)
    return parts


def _with_values(part: str, tree: Tree, computed: dict[tuple[str, str], int | bytes]) -> Tree:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found = computed.get((part, node.targets[0].id))
            if found is not None:
                node.value = ast.copy_location(ast.Constant(found), node.value)
    return tree
