"""Every Python example of the pages runs, and prints what its page says. One gateway for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import snippets
from tests.docs.snippets import Snippet
from tests.project.readme_examples import RunningGateway, running_gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.mark.parametrize("snippet", snippets.all_snippets(), ids=str)
def test_an_example_runs_and_prints_what_its_page_says(
    snippet: Snippet, gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = snippets.run(snippet, gateway)
    if snippet.shown is not None:
        assert printed == snippet.shown


def test_a_block_is_read_with_what_it_needs_and_what_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snippets, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("A\n<!-- given\nx = 1\n-->\n```python\nprint(x)\n```\n\n```text\n1\n```\n\n```python\nx\n```\n")
    first, second = snippets.snippets(page)
    assert first == Snippet("page.md", 5, "print(x)\n", "x = 1\n", "1\n")
    assert (second.given, second.shown) == ("", None)
    assert snippets.run(first, RunningGateway("", "")) == "1\n"
    with pytest.raises(NameError):
        snippets.run(second, RunningGateway("", ""))
