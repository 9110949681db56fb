"""Which files of tests begin first where several processes share them: the longest, so that none is left over at the end."""

import pytest

# By seconds of a processor, as the end of `make test` prints them; others take less than ten.
FIRST = ("tests/simulation/test_simulation.py",)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort whole files; within a file nothing changes."""
    rank = {path: number for number, path in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
