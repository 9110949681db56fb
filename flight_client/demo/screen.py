"""What a person sees of the demonstration: a live table in a terminal, lines in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

from .books import Books, DeviceBook

_LINE_S = 5.0  # how often a pipe gets a line per device


def _mib(value: int | None) -> str:
    return "unknown" if value is None else f"{value / 1048576:.1f}"


class Screen:
    """Shows events of the run as they happen and the table; a terminal gets it live."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._started = time.monotonic()
        self._lines_at = self._started
        self._live: Any = None

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(self._table(), refresh_per_second=4, transient=False)
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.__exit__(None, None, None)
            self._live = None

    def say(self, text: str) -> None:
        """A line that stays."""
        line = f"{time.monotonic() - self._started:6.1f} s  {text}"
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)

    def refresh(self) -> None:
        """Show the present state."""
        if self._live is not None:
            self._live.update(self._table())
        elif time.monotonic() - self._lines_at >= _LINE_S:
            self._lines_at = time.monotonic()
            for book in self._books.devices.values():
                self.say(_line(book))

    def _table(self) -> Any:
        from rich.table import Table

        table = Table(title="flight demo: three devices, one gateway, measured memory of this machine in MiB")
        for name in ("device", "state", "over", "accepted", "delivered", "acked", "queued", "dropped", "reconnects"):
            table.add_column(name, justify="left" if name in ("device", "state", "over") else "right", no_wrap=True)
        for name in ("switches", "used", "total", "budget"):
            table.add_column(name, justify="right", no_wrap=True)
        for book in self._books.devices.values():
            used, total, budget = book.memory
            table.add_row(
                book.name,
                book.state,
                book.transport,
                *(str(value) for value in _numbers(book)),
                _mib(used),
                _mib(total),
                _mib(budget),
                style="" if book.state == "connected" else "yellow",
            )
        return table


def _numbers(book: DeviceBook) -> list[int]:
    names = ("acked", "queued")
    return [
        book.number("accepted"),
        book.delivered,
        *(book.number(name) for name in names),
        sum(book.dropped.values()),
        book.number("reconnects"),
        book.number("transport_switches"),
    ]


def _line(book: DeviceBook) -> str:
    accepted, delivered, acked, queued, dropped, reconnects, switches = _numbers(book)
    used, total, budget = book.memory
    return (
        f"{book.name:<10} {book.state:<13} {book.transport:<10} accepted {accepted}, delivered {delivered}, "
        f"acked {acked}, queued {queued}, dropped {dropped}, reconnects {reconnects}, switches {switches}, "
        f"memory used {_mib(used)} of {_mib(total)} MiB, budget {_mib(budget)}"
    )
