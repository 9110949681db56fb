"""docs/types.md: every example runs and prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.project import readme_examples
from tests.project.tree import text

PAGE = text(Path("docs/types.md"))
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
CONNECTING = "asyncio.run("


pytestmark = pytest.mark.usefixtures("platforms_as_they_were")


def test_every_example_of_the_page_has_its_output_below_it() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") >= 8


def test_the_examples_print_what_stands_below_them() -> None:
    names: dict[str, Any] = {}
    for code, output in EXAMPLES:
        if CONNECTING in code:
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, "docs/types.md", "exec", dont_inherit=True), names)
        assert said.getvalue() == output, code


def test_the_examples_that_connect_run_against_a_real_gateway(tmp_path: Path) -> None:
    connecting = [example for example in EXAMPLES if CONNECTING in example[0]]
    assert len(connecting) == 2
    with readme_examples.running_gateway(tmp_path) as gateway:
        for code, output in connecting:
            here = code.replace(', device_id="my-psp"', ', device_id="my-psp", address="http://127.0.0.1:8080"')
            assert readme_examples.run_python(here, gateway, tmp_path) == output, code
