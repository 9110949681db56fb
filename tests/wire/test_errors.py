"""Errors say whose fault it is, what happened, with which value, and what to do next."""

import pytest

import flight_client.errors as module
from flight_client._tables import CODES
from flight_client.errors import (
    CallerError,
    CoreMissingError,
    EventError,
    FlightError,
    FrameError,
    PeerError,
    RefusedError,
)


def test_the_text_has_what_value_and_next_step() -> None:
    error = CallerError("the channel is too long", value="x" * 70, next_step="use at most 64 bytes")
    assert str(error) == f"the channel is too long (got '{'x' * 70}'). Next: use at most 64 bytes"
    assert (error.fault, error.what, error.value) == ("caller", "the channel is too long", "x" * 70)


def test_a_long_value_is_cut_in_the_text_and_whole_in_the_field() -> None:
    error = PeerError("too much", value="x" * 1000)
    assert len(str(error)) < 150
    assert error.value == "x" * 1000


@pytest.mark.parametrize("entry", CODES, ids=lambda entry: str(entry["name"]))
def test_a_refusal_is_told_in_the_words_of_the_spec(entry: dict[str, object]) -> None:
    error = RefusedError(int(str(entry["value"])), "because of the moon")
    assert (error.name, error.fatal, error.fault) == (entry["name"], entry["fatal"], entry["fault"])
    assert str(entry["text"]) in str(error)
    assert "because of the moon" in str(error)
    assert error.next_step == entry["next"]


def test_a_code_that_this_version_does_not_know_is_not_fatal() -> None:
    error = RefusedError(250)
    assert (error.code, error.name, error.fatal) == (250, "code-250", False)
    assert "250" in str(error)


def test_every_error_is_a_flight_error_and_stands_in_the_tree() -> None:
    for name in module.__all__:
        assert issubclass(getattr(module, name), FlightError)
        assert name in str(module.__doc__)
    assert issubclass(EventError, CallerError)
    assert issubclass(FrameError, PeerError)
    assert issubclass(CoreMissingError, ImportError)
