"""Check the links in the documentation: every file and heading that a page names must be there.

`python build_scripts/check_docs.py` looks at README.md, the other pages beside it and docs/. Addresses of other sites are
not asked: a check must give the same answer without a network.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:\s*<?(\S+?)>?\s*$")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
FENCE = re.compile(r"^\s*(```|~~~)")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def pages(root: Path) -> list[Path]:
    """Every page that a reader may open."""
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob(".github/**/*.md")])


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside code blocks, numbered from 1, without inline code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchor(heading: str) -> str:
    """The name that a heading gets on the page: lower case, words joined by hyphens."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """All anchors of a page; a heading that stands twice gets -1, -2 ... as on the usual viewers."""
    found: set[str] = set()
    for _, line in prose(page.read_text(encoding="utf-8")):
        if match := HEADING.match(line):
            name = anchor(match[1])
            count, unique = 0, name
            while unique in found:
                count += 1
                unique = f"{name}-{count}"
            found.add(unique)
    return found


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Every link of a page with its line."""
    for number, line in prose(page.read_text(encoding="utf-8")):
        plain = re.sub(r"`[^`]*`", "", line)
        for match in LINK.finditer(plain):
            yield number, match[1]
        if reference := REFERENCE.match(plain):
            yield number, reference[1]


def problem(page: Path, link: str, root: Path) -> str:
    """Why the link leads nowhere, or an empty text."""
    if ELSEWHERE.match(link):
        return ""
    path, _, name = link.partition("#")
    target = page if not path else (page.parent / unquote(path)).resolve()
    if not target.is_relative_to(root):
        return f"{link} leads out of the project"
    if not target.exists():
        return f"{link}: there is no such file"
    if name and target.suffix == ".md" and unquote(name) not in anchors(target):
        return f"{link}: {target.name} has no such heading"
    return ""


def check(root: Path) -> list[str]:
    """Every broken link below `root`, as `page:line: reason`."""
    found = []
    for page in pages(root):
        for number, link in links(page):
            if reason := problem(page, link, root):
                found.append(f"{page.relative_to(root)}:{number}: {reason}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Print what is broken; 1 when something is."""
    parser = argparse.ArgumentParser(description="Check that every link in the docs leads somewhere.")
    parser.add_argument("root", type=Path, nargs="?", default=ROOT)
    root = parser.parse_args(argv).root.resolve()
    found = check(root)
    for line in found:
        print(line)
    count = len(pages(root))
    print(f"docs: {count} pages, {len(found)} broken links")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
