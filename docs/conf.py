"""How sphinx builds the pages: `make docs`. The root of the sources is the project's, so that links work as on a forge."""

import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from build_scripts import docs_pages  # noqa: E402 - behind the line that makes it findable
from flight_client.version import __version__  # noqa: E402 - behind the line that makes it findable

project = "Flight Realtime"
author = "The Flight Realtime authors"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "docs/README"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/**.md",
    "micropython/**.md",
    "bindings/*/README.md",
]
exclude_patterns = [".*", "build", "dist", "**/node_modules"]

html_theme = "furo"
html_title = f"Flight {release}"
html_copy_source = False
html_show_sourcelink = False

myst_heading_anchors = 4
highlight_language = "text"
smartquotes = False  # a quotation mark in a page may be typed by its reader

autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"


def _on_read(_app: Any, name: str, source: list[str]) -> None:
    if name == root_doc:
        source[0] += "\n" + docs_pages.navigation(source[0]) + "\n"
    elif docs_pages.NAMES_MARK in source[0]:
        source[0] = source[0].replace(docs_pages.NAMES_MARK, docs_pages.reference("flight_client"))


def _on_docstring(_app: Any, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = docs_pages.restructured(lines)


def _on_finish(app: Any, error: Exception | None) -> None:
    """Who opens the folder gets the first page."""
    if error is None:
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={root_doc}.html"><title>{project}</title>\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app: Any) -> None:
    """Called by sphinx."""
    app.add_lexer("mermaid", TextLexer)  # drawn on a forge; elsewhere it reads well as text
    app.connect("source-read", _on_read)
    app.connect("autodoc-process-docstring", _on_docstring)
    app.connect("build-finished", _on_finish)
