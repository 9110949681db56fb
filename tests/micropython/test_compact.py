"""The package as it is installed: put together, trimmed and with short names; it does what the sources do."""

import ast
import asyncio
import re
from pathlib import Path

import pytest

from build_scripts import build_micropython, bundle_micropython, shorten_micropython, trim_micropython
from build_scripts.bundle_micropython import BundleError
from tests.micropython import wasm32
from tests.micropython.board import ROOT, Board, figure, install_compiled, names_of_programs
from tests.project.readme_examples import examples
from tests.support.bench import Bench

EVENTS = 30


# ---- the whole package ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "websocket", "polling"])
async def test_events_go_there_and_back(
    bench: Bench, tmp_path: Path, compiled_for_programs: Path, transport: str
) -> None:
    board = Board(tmp_path, package=compiled_for_programs)
    (board.folder / "token").write_text(bench.token("board-1"))
    words = ("events", str(bench.settings.port), transport, str(EVENTS))
    lines = await asyncio.to_thread(board.run, "gateway_run.py", *words)
    assert figure(lines, "found") == 2 * EVENTS
    assert figure(lines, "law") == 1
    assert figure(lines, "acked") == EVENTS


@pytest.fixture(scope="module")
def bytecode_for_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled package without machine code, with the names that the programs of the tests use."""
    folder: Path = tmp_path_factory.mktemp("bytecode-for-programs")
    install_compiled(folder, arch="", keep=names_of_programs())
    return folder / "flight_client"


@pytest.mark.parametrize("coding", ["raw", "delta"])
def test_an_event_takes_no_heap(
    tmp_path: Path, compiled_for_programs: Path, bytecode_for_programs: Path, coding: str
) -> None:
    board = Board(tmp_path / "64", package=compiled_for_programs)
    small = Board(tmp_path / "32", package=bytecode_for_programs)
    for lines in (
        board.run("steady_run.py", "4000", coding),
        wasm32.run(small.folder, "steady_run.py", "4000", coding),
    ):
        assert figure(lines, "allocated") == 0
        assert figure(lines, "allocated-locked") == 0
        assert figure(lines, "accepted") == figure(lines, "settled") >= 8000


def test_what_a_program_uses_keeps_its_name() -> None:
    _, meaning = build_micropython.compact(("micro",), "", frozenset())
    renamed = set(meaning.values())
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "micropython" / "examples").glob("*.py")]
    page = (ROOT / "micropython" / "README.md").read_text(encoding="utf-8")
    texts += examples("micropython/README.md").values()
    asked = set(re.findall(r"`(?:client|channel|received|)\.(\w+)", page))
    for text in texts:
        nodes = list(ast.walk(ast.parse(text)))
        own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        asked |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        for node in nodes:
            if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in own):
                asked |= {word.arg for word in node.keywords if word.arg}
    assert {"emit", "poll", "queued", "counters", "device_id"} <= asked
    assert sorted(asked & renamed) == []


def test_every_short_name_can_be_looked_up(tmp_path: Path) -> None:
    build_micropython.build(tmp_path)
    meaning = dict(line.split() for line in (tmp_path / "names.txt").read_text().splitlines())
    known = {short.rpartition(".")[2] for short in meaning}
    sources = set(re.findall(r"\w+", " ".join(path.read_text() for path in build_micropython.sources().values())))
    for path in (tmp_path / "prepared").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert node.name in known | sources, f"{path.name}: {node.name}"
    assert meaning["session." + _short(meaning, "session.", "write_hello")] == "write_hello"


def _short(meaning: dict[str, str], where: str, name: str) -> str:
    return next(
        short.removeprefix(where) for short, found in meaning.items() if found == name and short.startswith(where)
    )


# ---- put together ---------------------------------------------------------------------------------------------------


def together(monkeypatch: pytest.MonkeyPatch, **texts: str) -> dict[str, str]:
    """Modules a, b ... in one part, `other` alone."""
    monkeypatch.setattr(bundle_micropython, "PARTS", {"all": tuple(name for name in texts if name != "other")})
    return {part: ast.unparse(tree) for part, tree in bundle_micropython.bundled(texts).items()}


def test_a_part_has_what_its_modules_have_in_the_order_in_which_they_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = together(monkeypatch, a="from .b import B\nclass A(B):\n    x = 1\n", b="class B:\n    pass\n")
    space: dict[str, type] = {}
    exec(parts["all"], space)
    assert issubclass(space["A"], space["B"])


def test_two_things_of_one_name_stay_two(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = together(
        monkeypatch,
        a="def f():\n    return 1\ndef a():\n    return f()\n",
        b="from .a import f as g\ndef f():\n    return 2\ndef b():\n    return f() * 10 + g()\n",
        other="from .b import f\n",
    )
    space: dict[str, object] = {}
    exec(parts["all"] + "\nfound = (a(), b())\n", space)
    assert space["found"] == (1, 21)
    assert parts["other"] == "from .all import f_b as f"


def test_a_module_that_is_used_by_its_name_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = together(monkeypatch, a="def f():\n    return 5\n", b="from . import a\nfound = a.f()\n")
    space: dict[str, object] = {}
    exec(parts["all"], space)
    assert space["found"] == 5


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"a": "x = 1\n", "b": "from .a import x\nfrom . import a\ny = a\n"}, "uses the module a as a value"),
        ({"a": "from .gone import x\n"}, "which is not there"),
        ({"a": "def time():\n    pass\n", "b": "import time\n"}, "means a in its part"),
        ({"a": "def f():\n    pass\n", "b": "def f():\n    pass\ndef g(f):\n    return f\n"}, "locals named as"),
        ({"a": "x = 1\n", "other": "from . import a\n"}, "import its names"),
    ],
)
def test_what_cannot_be_put_together_is_refused(
    monkeypatch: pytest.MonkeyPatch, texts: dict[str, str], said: str
) -> None:
    with pytest.raises(BundleError, match=said):
        together(monkeypatch, **texts)


def test_of_two_forms_the_one_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = "try:\n    from .fast import f\nexcept ImportError:\n    from .slow import f\nfound = f()\n"
    for there in ("fast", "slow"):
        parts = together(monkeypatch, **{there: f"def f():\n    return '{there}'\n", "a": choice})
        space: dict[str, object] = {}
        exec(parts["all"], space)
        assert space["found"] == there


# ---- trimmed --------------------------------------------------------------------------------------------------------


def trimmed(text: str, used: set[str], **values: int | bytes) -> str:
    parts = trim_micropython.trimmed({"p": ast.parse(text)}, used, (), {("p", name): v for name, v in values.items()})
    return ast.unparse(parts["p"])


def test_what_nothing_asks_for_is_left_out_and_what_then_nothing_asks_for_too() -> None:
    text = trimmed(
        "import time\nLIMIT = 3\n"
        "def deep():\n    return time.time() + LIMIT\ndef lonely():\n    return deep() + lonely()\n"
        "class C:\n    def used(self):\n        return 1\n    def lost(self):\n        return 2\n"
        "def start():\n    return C().used()\n",
        {"start"},
    )
    assert text == "class C:\n\n    def used(self):\n        return 1\n\ndef start():\n    return C().used()"


def test_what_a_string_names_stays() -> None:
    assert "def wanted" in trimmed(
        "class C:\n    def wanted(self):\n        pass\nprint(getattr(C(), 'wanted'))\n", set()
    )


def test_numbers_are_computed_and_values_that_were_computed_are_written() -> None:
    text = trimmed("_SIZE = 64 - 4\n_STEPS = [1, 2]\n_NEXT = make(_STEPS)\nprint(_SIZE, _NEXT)\n", set(), _NEXT=b"ab")
    assert text == "_NEXT = b'ab'\nprint(60, _NEXT)"


# ---- short names ----------------------------------------------------------------------------------------------------


def test_short_names_change_no_meaning() -> None:
    text = """
class Base:
    def __init__(self, length):
        self._long_private = length
        self.shared_attribute = [length]
    def _long_method(self, factor_of_it):
        return self._long_private * factor_of_it
class Derived(Base):
    def __init__(self):
        super().__init__(7)
        self._another_private = 3
    def work(self, items):
        global _module_number
        _module_number += 1
        helper_function = len(items)
        return self._long_method(2), self._another_private, self.shared_attribute, helper_function
def helper_function(first_argument, *rest, named_one=4):
    inner = lambda first_argument: first_argument + named_one
    return inner(first_argument), rest
class Other:
    def __init__(self):
        self._long_private = "x"
_module_number = 0
found = (Derived().work([1, 2]), helper_function(1, 2, named_one=5), Other()._long_private, _module_number)
"""
    parts, meaning = shorten_micropython.shortened({"p": ast.parse(text)}, {"found"})
    short = ast.unparse(parts["p"])
    spaces: list[dict[str, object]] = [{}, {}]
    for space, program in zip(spaces, (text, short), strict=True):
        exec(program, space)
    assert spaces[0]["found"] == spaces[1]["found"] == ((14, 3, [7], 2), (6, (2,)), "x", 1)
    assert not re.search(r"shared_attribute|_another_private|factor_of_it|_module_number", short)
    assert "named_one" in short
    assert "shared_attribute" in meaning.values()


def test_attributes_that_objects_of_the_interpreter_have_keep_their_names() -> None:
    text = "class Bag:\n    def append(self, x):\n        pass\ndef put(bag):\n    bag.append(1)\n"
    parts, _ = shorten_micropython.shortened({"p": ast.parse(text)}, {"put"})
    assert ast.unparse(parts["p"]).count("append") == 2
