"""Put the modules of the client for MicroPython together into few: a module, and each name that it imports, takes memory.

The text of a part is what its modules have, in the order in which they need each other. What a module imports from another
one of its part is there already; two different things of one name in one part get the name of their module behind it.
Nothing else changes: no statement of a function is touched but the imports in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

# Part -> its modules. A module that is named nowhere is a part of its own: it is loaded when a program needs it.
PARTS: dict[str, tuple[str, ...]] = {
    "core": ("ages", "_plain_bytes", "_plain", "_viper_bytes", "_viper", "fast", "frame", "ring"),
    "session": ("session/",),
    "client": (
        "address",
        "channel",
        "client",
        "clock",
        "driver",
        "hmac_sha256",
        "key",
        "noise",
        "profiles",
        "reports",
    ),
    "coding": ("delta", "delta_pack", "records", "layouts"),
    "events": ("bodies", "events", "tables"),
}


class BundleError(SystemExit):
    """The sources have something that cannot be put together."""


@dataclass
class Module:
    """One module while it is put with others."""

    name: str
    tree: ast.Module
    defined: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)


def part_of(module: str) -> str:
    """The part that has a module."""
    for part, modules in PARTS.items():
        if module in modules or any(name.endswith("/") and module.startswith(name) for name in modules):
            return part
    if "/" in module:
        raise BundleError(f"bundle_micropython: {module} is in a folder, and in no part")
    return module


def _source(module: str, node: ast.ImportFrom) -> str:
    """What an import inside the package names."""
    parts = module.split("/")
    base = parts[: len(parts) - node.level]
    return "/".join([*base, *(node.module or "").split(".")]).strip("/")


def _defined(tree: ast.Module) -> set[str]:
    """Names that a module gives a meaning, but for those that it imports."""
    found: set[str] = set()
    for node in ast.walk(ast.Module([_shell(statement) for statement in tree.body], [])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            found |= set(node.names)
    return found


def _shell(statement: ast.stmt) -> ast.stmt:
    """A statement without what it has inside, where that is another scope."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return ast.FunctionDef(statement.name, ast.arguments([], [], None, [], [], None, []), [], [])
    return statement


class _Clean(ast.NodeTransformer):
    """Without what only a reader or a type checker needs."""

    def __init__(self, viper: bool) -> None:
        self._viper = viper

    def _body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        kept = [statement for statement in body if not _is_nothing(statement)]
        return kept or [ast.Pass()]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            if isinstance(body := getattr(node, name, None), list) and body:
                kept = self._body(body)
                setattr(node, name, [] if name != "body" and isinstance(kept[0], ast.Pass) else kept)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if not (self._viper and node.decorator_list):
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815 - the name that ast wants

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(ast.copy_location(ast.Assign([node.target], node.value), node))


def _is_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass | ast.Assert):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == "__all__"
    )


class _Scope(ast.NodeTransformer):
    """Names and imports of one module, as they are in its part."""

    def __init__(self, module: Module, part: str, modules: dict[str, Module]) -> None:
        self._module = module
        self._part = part
        self._modules = modules
        self._spaces: dict[str, Module] = {}  # modules of this part that are used by name
        self.names: dict[str, str] = dict(module.renamed)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | list[ast.stmt]:
        if node.level == 0:
            return node
        source = _source(self._module.name, node)
        inside: list[ast.stmt] = []
        elsewhere: dict[str, list[ast.alias]] = {}
        for alias in node.names:
            name = alias.asname or alias.name
            whole = f"{source}/{alias.name}".strip("/")
            if whole in self._modules:
                if part_of(whole) != self._part:
                    raise BundleError(
                        f"bundle_micropython: {self._module.name} imports all of {whole}: import its names"
                    )
                self._spaces[name] = self._modules[whole]
                continue
            if source not in self._modules:
                raise BundleError(f"bundle_micropython: {self._module.name} imports from {source}, which is not there")
            other = self._modules[source]
            target = other.renamed.get(alias.name, alias.name)
            if part_of(source) != self._part:
                elsewhere.setdefault(part_of(source), []).append(ast.alias(target, name if name != target else None))
            else:
                self.names[name] = target
        for part, aliases in elsewhere.items():
            inside.append(ast.copy_location(ast.ImportFrom(part, aliases, 1), node))
        return inside or ast.copy_location(ast.Pass(), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in self._spaces:
            other = self._spaces[node.value.id]
            return ast.copy_location(ast.Name(other.renamed.get(node.attr, node.attr), node.ctx), node)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._spaces:
            raise BundleError(f"bundle_micropython: {self._module.name} uses the module {node.id} as a value")
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self.names.get(name, name) for name in node.names]
        return node

    def _named(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        if node in self._module.tree.body:
            node.name = self.names.get(node.name, node.name)
        return self.generic_visit(node)

    visit_FunctionDef = _named  # noqa: N815 - the name that ast wants
    visit_ClassDef = _named  # noqa: N815 - the name that ast wants


def _locals_clash(module: Module, renamed: set[str]) -> None:
    """A renamed name must not be a local one somewhere: the new name would be used there too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            taken = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
            taken |= {
                inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
            }
            given = {name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names}
            if clash := (taken - given) & renamed:
                raise BundleError(f"bundle_micropython: {module.name} has locals named as its module's {sorted(clash)}")


def _imported(tree: ast.Module) -> dict[str, str]:
    """Names that a module takes from outside the package -> where from."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def _needs(module: Module) -> Iterable[str]:
    for node in module.tree.body:
        for inner in ast.walk(_shell(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else node):
            if isinstance(inner, ast.ImportFrom) and inner.level:
                source = _source(module.name, inner)
                yield source
                yield from (f"{source}/{alias.name}".strip("/") for alias in inner.names)


def _ordered(modules: list[Module]) -> list[Module]:
    """Those that others need go first."""
    by_name = {module.name: module for module in modules}
    done: list[Module] = []

    def take(module: Module, above: tuple[str, ...]) -> None:
        if module in done:
            return
        for need in _needs(module):
            if need in by_name and need not in above and need != module.name:
                take(by_name[need], (*above, module.name))
        done.append(module)

    for module in modules:
        take(module, ())
    return done


def _separate(modules: list[Module]) -> None:
    """Two meanings of one name: the later one gets another name."""
    owners: dict[str, str] = {}
    for module in modules:
        meanings = {**_imported(module.tree), **dict.fromkeys(module.defined, module.name)}
        for name, meaning in meanings.items():
            if owners.setdefault(name, meaning) == meaning:
                continue
            if meaning != module.name:
                raise BundleError(
                    f"bundle_micropython: {module.name} imports {name}, which means {owners[name]} in its part"
                )
            module.renamed[name] = f"{name}_{module.name.rpartition('/')[2].strip('_')}"


def _chosen(name: str, tree: ast.Module, texts: dict[str, str]) -> ast.Module:
    """A module that tries to import one form of something and else another takes the form that is there."""
    body: list[ast.stmt] = []
    for node in tree.body:
        imports = (
            [inner for inner in node.body if isinstance(inner, ast.ImportFrom)] if isinstance(node, ast.Try) else []
        )
        if isinstance(node, ast.Try) and imports and all(inner.level for inner in imports):
            there = all(_source(name, inner) in texts for inner in imports)
            body += node.body if there else [inner for handler in node.handlers for inner in handler.body]
        else:
            body.append(node)
    return ast.Module(body, [])


def bundled(texts: dict[str, str]) -> dict[str, ast.Module]:
    """The parts of a package, from the texts of its modules."""
    modules = {}
    for name, text in texts.items():
        tree = _Clean(viper="micropython.viper" in text).visit(_chosen(name, ast.parse(text), texts))
        modules[name] = Module(name, tree, _defined(tree))
    members: dict[str, list[Module]] = {}
    for name, module in modules.items():
        members.setdefault(part_of(name), []).append(module)
    ordered = {part: _ordered(found) for part, found in members.items()}
    for found in ordered.values():
        _separate(found)
    return {part: _joined(part, found, modules) for part, found in ordered.items()}


def _joined(part: str, members: list[Module], modules: dict[str, Module]) -> ast.Module:
    """One part: its imports, each source once, then everything else."""
    sources: dict[tuple[int, str], dict[str, str | None]] = {}
    whole: dict[str, str | None] = {}
    body: list[ast.stmt] = []
    for module in members:
        # Imports first: they say what the names of the rest mean.
        module.tree.body.sort(key=lambda node: not isinstance(node, ast.ImportFrom | ast.Import))
        scope = _Scope(module, part, modules)
        statements = scope.visit(module.tree).body
        _locals_clash(module, {name for name, target in scope.names.items() if name != target})
        for statement in statements:
            if isinstance(statement, ast.ImportFrom):
                names = sources.setdefault((statement.level, statement.module or ""), {})
                names.update({alias.name: alias.asname for alias in statement.names})
            elif isinstance(statement, ast.Import):
                whole.update({alias.name: alias.asname for alias in statement.names})
            elif not _is_nothing(statement):
                body.append(statement)
    used = {node.id for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)}
    imports: list[ast.stmt] = [
        ast.Import([ast.alias(name, asname)]) for name, asname in sorted(whole.items()) if (asname or name) in used
    ]
    for (level, source), names in sources.items():
        needed = [ast.alias(name, other) for name, other in sorted(names.items()) if level or (other or name) in used]
        if needed:
            imports.append(ast.ImportFrom(source, needed, level))
    whole_part: ast.Module = _Clean(viper=True).visit(ast.Module([*imports, *body], []))
    return ast.fix_missing_locations(whole_part)
