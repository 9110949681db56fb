"""A connection that connects nothing: for unit tests of code that only sends and closes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from ..errors import CallerError
from ..observe import ConnectionState, Outcome


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its arguments as they were."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


class Recorded:
    """A function that keeps what it was called with, and answers as the test says."""

    def __init__(self, name: str, answer: Any = None) -> None:
        self.calls: list[Call] = []
        """Every call, the oldest first."""
        self.answer = answer
        """What a call returns."""
        self.raises: BaseException | None = None
        """What a call raises instead, each time until it is None again. The call is kept all the same."""
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(Call(args, kwargs))
        if self.raises is not None:
            raise self.raises
        return self.answer

    @property
    def called(self) -> bool:
        """Whether there was any call."""
        return bool(self.calls)

    @property
    def last(self) -> Call:
        """The newest call. Raises AssertionError where there was none."""
        assert self.calls, f"{self._name}() was not called"
        return self.calls[-1]

    def forget(self) -> None:
        """Begin with no calls."""
        self.calls.clear()


class MockConnection:
    """A connection with `id`, `state`, `send` and `close`; the last two are recorded.

    It stands for a client too, where code only emits: `channel(name).emit(event)` is kept as `send(event, channel=name)`.
    close() may be awaited or not; it sets the state to CLOSED; what is sent after that is kept and answered with Outcome.REFUSED_CLOSED.
    """

    def __init__(
        self, id: str = "test-connection", state: ConnectionState = ConnectionState.CONNECTED  # noqa: A002 - the name in the guide's words
    ) -> None:  # fmt: skip
        self.id = id
        self.state = state
        self.send: Recorded = Recorded("send", Outcome.QUEUED)
        self.close: Recorded = _Close(self)

    @property
    def sent(self) -> list[Any]:
        """What was sent: the first argument of every send()."""
        return [call.args[0] for call in self.send.calls if call.args]

    def channel(self, name: str, **_rules: Any) -> MockChannel:
        """A channel that sends through this connection."""
        return MockChannel(self, name)


class _Nothing:
    """What close() returns: code may await it, as it awaits Client.close()."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class _Close(Recorded):
    """close(): recorded, and the end."""

    def __init__(self, connection: MockConnection) -> None:
        super().__init__("close", _Nothing())
        self._connection = connection

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._connection.state = ConnectionState.CLOSED
        self._connection.send.answer = Outcome.REFUSED_CLOSED
        return super().__call__(*args, **kwargs)


class MockChannel:
    """A channel of a MockConnection."""

    def __init__(self, connection: MockConnection, name: str) -> None:
        if not name:
            raise CallerError("a channel has a name", value="''", next_step="give 1 to 64 characters")
        self.name = name
        self._connection = connection

    def emit(self, event: Any, **other: Any) -> Any:
        """Kept as send(event, channel=name, ...)."""
        return self._connection.send(event, channel=self.name, **other)
