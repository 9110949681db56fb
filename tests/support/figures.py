"""Figures that tests count, shown together at the end of a run: also where each test ran in a process of its own."""

from collections.abc import Callable

import pytest

_PROPERTY = "figure"
Figure = Callable[[str], None]


class Figures:
    """A plugin: the fixture that takes them and the summary that shows them."""

    def __init__(self) -> None:
        self._shown: dict[str, list[str]] = {}

    @pytest.fixture
    def figure(self, request: pytest.FixtureRequest) -> Figure:
        """Called with a line, or more, that belongs to the result of the run."""
        properties: list[tuple[str, object]] = request.node.user_properties
        return lambda text: properties.append((_PROPERTY, text.strip()))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Properties travel with the reports from the workers to the process that prints."""
        found = [str(value) for name, value in report.user_properties if name == _PROPERTY]
        if found and report.when == "teardown":
            self._shown[report.nodeid] = found

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """In the order of the files, whichever was ready first."""
        if self._shown:
            terminalreporter.section("what the tests counted")
        for test in sorted(self._shown, key=lambda name: name.partition("::")[0]):
            for text in self._shown[test]:
                terminalreporter.write_line(text)
