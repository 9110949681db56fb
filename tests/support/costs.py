"""What each part of the tests costs: seconds of processors, with all the programs that a test starts.

The wall clock of one test says little while another one runs beside it. What all tests take together, divided by the
processors, is how long a run takes; CONTRIBUTING.md says what it may be.
"""

import resource
from collections import defaultdict
from collections.abc import Generator

import pytest

_PROPERTY = "cpu_s"
_LONGEST = 8

# Part of the tests, its folders, and the seconds that a run on two processors has for it.
PARTS = (
    ("core on four instruction sets", 120, ("core", "ctest", "target", "packaging")),
    ("console client and its ports", 60, ("console",)),
    ("corpus, fuzzers, proofs", 60, ("corpus", "fuzz", "proof")),
    ("session and simulation", 180, ("session", "simulation", "twin", "model", "capture")),
    ("client and transports", 60, ("client", "transports", "conformance/transports", "faults", "wire", "websocket")),
    ("gateway and engines", 90, ("gateway", "conformance/engines", "nodes")),
    ("codecs of the console client", 20, ("codecs",)),
    ("bindings for TypeScript and Go", 20, ("bindings",)),
    ("MicroPython", 60, ("micropython",)),
    ("commands, project, docs", 60, ("cli", "docs", "project")),
)
PROCESSORS = 2


def part_of(path: str) -> str:
    """The part that a file of tests belongs to; the longest folder that fits counts."""
    fits = [
        (len(folder), name) for name, _, folders in PARTS for folder in folders if path.startswith(f"tests/{folder}/")
    ]
    return max(fits)[1] if fits else "others"


def _spent_s() -> float:
    """Of this process and of those that it started and that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Costs:
    """A plugin: counts in the process that runs a test, adds up in the one that prints."""

    def __init__(self) -> None:
        self._begun_s = 0.0
        self._files: dict[str, float] = defaultdict(float)
        self._tests: dict[str, int] = defaultdict(int)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        self._begun_s = _spent_s()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: "pytest.CallInfo[None]") -> None:
        if call.when == "teardown":
            item.user_properties.append((_PROPERTY, _spent_s() - self._begun_s))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            path = report.nodeid.partition("::")[0]
            self._files[path] += sum(float(str(value)) for name, value in report.user_properties if name == _PROPERTY)
            self._tests[path] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        """The last thing before the verdict, behind figures and failures."""
        yield
        if len(self._files) < 2:
            return
        terminalreporter.section("what the tests cost, in seconds of one processor")
        spent: dict[str, float] = defaultdict(float)
        count: dict[str, int] = defaultdict(int)
        for path, seconds in self._files.items():
            spent[part_of(path)] += seconds
            count[part_of(path)] += self._tests[path]
        terminalreporter.write_line(f"{'':30} {'tests':>6} {'seconds':>8} {f'on {PROCESSORS}':>6} {'budget':>7}")
        for name, budget_s, _ in (*PARTS, ("others", 0, ())):
            if count[name]:
                row = f"{name:30} {count[name]:6} {spent[name]:8.0f} {spent[name] / PROCESSORS:6.0f} {budget_s:7}"
                terminalreporter.write_line(row)
        every_s = sum(spent.values())
        terminalreporter.write_line(f"{'all':30} {sum(count.values()):6} {every_s:8.0f} {every_s / PROCESSORS:6.0f}")
        longest = sorted(self._files.items(), key=lambda item: -item[1])[:_LONGEST]
        terminalreporter.write_line("most: " + ", ".join(f"{path} {seconds:.0f}" for path, seconds in longest))
