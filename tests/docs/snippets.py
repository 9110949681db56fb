"""The Python examples of the pages: every fenced block of Python, what it needs, and what the page says that it prints.

<!-- given                       hidden on the page: runs before the block, for what a reader has and a test has not
vault = ...
-->
```python                        runs as a program of its own
```

```text                          directly behind it: what the program prints, to the letter
```
"""

import contextlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

from tests.project.readme_examples import RunningGateway
from tests.project.tree import ROOT

BLOCK = re.compile(
    r"(?:^<!-- given\n(?P<given>(?:(?!-->).)*?)-->\n+)?"
    r"(?:^<!-- test: \S+ -->\n)?"
    r"^```python\n(?P<source>.*?)^```\n"
    r"(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Snippet:
    """One example. `line` is where its block begins."""

    page: str
    line: int
    source: str
    given: str
    shown: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def snippets(page: Path) -> list[Snippet]:
    """Every block of Python of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("source"))
        found.append(Snippet(str(page.relative_to(ROOT)), line, match["source"], match["given"] or "", match["shown"]))
    assert len(found) == len(re.findall(r"^```py", text, re.MULTILINE)), f"{page} has a block that would not be run"
    return found


def all_snippets() -> list[Snippet]:
    """Those of every page below docs/, but for two whose own tests run all of their programs as one: testing.md, types.md.

    They are tests/testing/test_docs.py and tests/public/test_types_page.py.
    """
    pages = [page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in ("testing.md", "types.md")]
    return [snippet for page in pages for snippet in snippets(page)]


def run(snippet: Snippet, gateway: RunningGateway) -> str:
    """Run it in this process against a gateway, as a program; what it printed."""
    names: dict[str, object] = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for label, source in ((f"{snippet} (given)", snippet.given), (str(snippet), snippet.source)):
            # Blank lines before it: a traceback then names the line of the page.
            padded = "\n" * (snippet.line if source is snippet.source else 0) + adapted(source, gateway)
            exec(compile(padded, label, "exec"), names)
    return printed.getvalue()


def adapted(source: str, gateway: RunningGateway) -> str:
    """With the address and the token of this run."""
    return source.replace("http://127.0.0.1:8080", gateway.url).replace('"TOKEN"', json.dumps(gateway.token))
