"""The mock connection: what it keeps, what it answers."""

import pytest

from flight_client import CallerError, ConnectionState, LinkError, Log, Outcome
from flight_client.testing import Call, MockConnection


def test_what_is_sent_and_closed_is_kept_as_it_was() -> None:
    connection = MockConnection()
    states = [connection.state]
    assert connection.id == "test-connection"
    assert connection.send({"a": 1}, priority="high") is Outcome.QUEUED
    assert connection.send.calls == [Call(({"a": 1},), {"priority": "high"})]
    assert connection.sent == [{"a": 1}]
    assert connection.close.calls == []
    connection.close()
    assert connection.close.called
    assert [*states, connection.state] == [ConnectionState.CONNECTED, ConnectionState.CLOSED]
    assert connection.send("late") is Outcome.REFUSED_CLOSED
    assert connection.sent == [{"a": 1}, "late"]


async def test_close_may_be_awaited() -> None:
    connection = MockConnection("bench-1")
    await connection.close()
    assert connection.close.calls == [Call(())]


def test_it_fails_when_it_is_told_to() -> None:
    connection = MockConnection(state=ConnectionState.RECONNECTING)
    connection.send.raises = LinkError("the cable is out")
    with pytest.raises(LinkError, match="cable"):
        connection.send("x")
    connection.send.raises = None
    connection.send.answer = Outcome.REFUSED_FULL
    assert connection.send("y") is Outcome.REFUSED_FULL
    assert connection.sent == ["x", "y"]
    connection.send.forget()
    with pytest.raises(AssertionError, match=r"send\(\) was not called"):
        _ = connection.send.last


def test_it_stands_for_a_client_where_code_only_emits() -> None:
    connection = MockConnection()
    assert connection.channel("log", priority="low").emit(Log("hello"), critical=True) is Outcome.QUEUED
    assert connection.send.last == Call((Log("hello"),), {"channel": "log", "critical": True})
    with pytest.raises(CallerError):
        connection.channel("")
