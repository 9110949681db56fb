"""Every public name with values that nobody means: it takes them, or says so with an error of our tree. Names are found, not listed."""

import enum
import inspect
import math
from collections.abc import Callable

import pytest

import flight_client
from flight_client import FlightError

# Made by a client, not by programs.
MADE_BY_CLIENTS = {
    "Channel", "EventStream", "MetricsStream", "PresenceStream", "SyncChannel", "SyncEventStream", "SyncMetricsStream",
    "SyncPresenceStream",
}  # fmt: skip
HOSTILE: tuple[object, ...] = (
    None, True, -1, 1 << 80, 1.5, math.nan, "", "\ud800", "x" * 100_000, b"", b"\xff", [], [[]], {}, {"type": 5}, {5: 5}, object(),
    int, len,
)  # fmt: skip


def callables() -> list[str]:
    found = []
    for name in flight_client.__all__:
        thing = getattr(flight_client, name)
        if callable(thing) and name not in MADE_BY_CLIENTS:
            is_enum = inspect.isclass(thing) and issubclass(thing, enum.Enum)
            if not is_enum:  # what is none of its members is Python's ValueError, as everywhere
                found.append(name)
    return found


def required(thing: Callable[..., object]) -> list[inspect.Parameter]:
    parameters = inspect.signature(thing).parameters.values()
    return [p for p in parameters if p.default is p.empty and p.kind != p.VAR_KEYWORD]


async def called(name: str, value: object) -> str:
    """What is wrong about the outcome of a call with this value for everything that must be given; empty: nothing."""
    thing = getattr(flight_client, name)
    parameters = required(thing)
    given = [value for p in parameters if p.kind is not p.KEYWORD_ONLY]
    named = {p.name: value for p in parameters if p.kind is p.KEYWORD_ONLY}
    try:
        answer = thing(*given, **named)
        if inspect.isawaitable(answer):
            await answer
    except FlightError as error:
        return "" if error.next_step else f"{name}({value!r:.40}) does not say what to do: {error}"
    except Exception as error:
        return f"{name}({value!r:.40}): {type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("name", callables())
async def test_a_public_name_takes_any_value_or_says_what_is_wrong(name: str) -> None:
    assert [text for text in [await called(name, value) for value in HOSTILE] if text] == []


def test_every_class_that_clients_make_is_public() -> None:
    assert set(flight_client.__all__) >= MADE_BY_CLIENTS
