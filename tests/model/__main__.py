"""The larger searches, for `make soak`: minutes instead of seconds."""

import sys

from .search import search
from .session import Bounds, Model

_SEARCHES = (Bounds(2, 2, 1), Bounds(2, 1, 2), Bounds(1, 1, 3))
_LIMIT = 2_000_000  # about two gigabytes


def main() -> int:
    failed = 0
    for bounds in _SEARCHES:
        found = search(Model(bounds), _LIMIT)
        print(f"{bounds}: {found.text()}", flush=True)
        failed |= bool(found.problem)
    return failed


if __name__ == "__main__":
    sys.exit(main())
