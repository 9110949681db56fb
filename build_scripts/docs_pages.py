"""What sphinx is told about pages that are written for a forge: navigation, reference and docstrings.

The pages are plain Markdown with plain links, so they read well where nobody built anything. What sphinx needs besides is
made from them here: the navigation from the lists in docs/README.md, the reference of Python from the public names, and
reStructuredText from docstrings, which are plain text.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
PAGE_LINK = re.compile(r"\]\(([^)#:\s]+\.md)\)")
NAMES_MARK = "<!-- the public names, by `make docs` -->"
_INDENTED = re.compile(r"^\s{2,}\S")
_INLINE = re.compile(r"`([^`]+)`")


def navigation(index: str) -> str:
    """The tables of contents of an index page: one for each heading, with the pages that are linked below it."""
    parts = HEADING.split(index)
    blocks, seen = [], set()
    for caption, body in zip(parts[1::2], parts[2::2], strict=True):
        pages = [page.removesuffix(".md") for page in PAGE_LINK.findall(body) if page not in seen]
        seen.update(PAGE_LINK.findall(body))
        if pages:
            blocks.append(
                f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(dict.fromkeys(pages)) + "\n```"
            )
    return "\n\n".join(blocks)


def public_names(package: str) -> dict[str, list[str]]:
    """Module -> its public names, in the order in which the package names them."""
    module = importlib.import_module(package)
    found: dict[str, list[str]] = {}
    for name in module.__all__:
        if not name.startswith("_"):
            value = getattr(module, name)
            home = getattr(value, "__module__", None) or package
            found.setdefault(home if home.startswith(package) else package, []).append(name)
    return dict(sorted(found.items()))


def reference(package: str) -> str:
    """Markdown with one section for each module that a public name comes from."""
    blocks = []
    for home, names in public_names(package).items():
        first = first_sentence(inspect.getdoc(importlib.import_module(home)) or home)
        blocks.append(f"## `{home}`\n\n{first}\n")
        lines = ["```{eval-rst}", f".. currentmodule:: {home}", ""]
        for name in names:
            lines += _directive(getattr(importlib.import_module(package), name), home, name)
        blocks.append("\n".join([*lines, "```"]) + "\n")
    return "\n".join(blocks)


def first_sentence(docstring: str) -> str:
    """The first paragraph on one line."""
    return " ".join(docstring.partition("\n\n")[0].split())


def _directive(value: object, home: str, name: str) -> list[str]:
    where = name if getattr(importlib.import_module(home), name, None) is value else f"flight_client.{name}"
    if inspect.isclass(value):
        stop = "Exception" if issubclass(value, BaseException) else "object"
        kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
        options = ["   :members:", "   :undoc-members:", "   :member-order: bysource"]
        if not _is_enum(value):
            options.append(f"   :inherited-members: {stop}")
        return [f".. {kind}:: {where}", *options, ""]
    if inspect.isroutine(value):
        return [f".. autofunction:: {where}", ""]
    return [f".. autodata:: {where}", ""]


def _is_enum(value: type) -> bool:
    return any(base.__name__ == "Enum" for base in value.__mro__)


def restructured(lines: Iterable[str]) -> list[str]:
    """Plain text as reStructuredText: what is indented stands as it is, and no character means anything by itself."""
    made: list[str] = []
    literal = in_list = False
    for line in lines:
        if not line.strip():
            made.append("")
            in_list = in_list and literal
            continue
        if _INDENTED.match(line) and not in_list:
            if not literal:
                made += ["", "::", ""]
                literal = True
            made.append(f"    {line}")
            continue
        if literal:
            made.append("")
            literal = False
        if line.startswith("- ") and not in_list:
            made.append("")
            in_list = True
        elif in_list and not line.startswith(("- ", " ")):
            made.append("")
            in_list = False
        made.append(_inline(line))
    return [*made, ""]


def _inline(line: str) -> str:
    """Escape what is markup, outside of what stands between backticks, which is code."""
    parts = _INLINE.split(line)
    plain = [re.sub(r"([*|_\\`])", r"\\\1", part) for part in parts[::2]]
    code = [f"``{part}``" for part in parts[1::2]]
    text = plain[0]
    for mark, after in zip(code, plain[1:], strict=True):
        text += ("\\ " if text[-1:].isalnum() else "") + mark + ("\\ " if after[:1].isalnum() else "") + after
    return text
