"""Entries in the forms that subscribers read: what is kept of them is bounded, whatever a log holds."""

import random

import pytest

from flight_client.gateway.engines import base
from flight_client.gateway.engines.base import COMPRESS_BYTES, Batch, Entry, Source
from flight_client.gateway.engines.forms import Forms
from flight_client.session.spec import FLAG_COMPRESSED, UNPACKED_BYTES
from flight_client.wire.compression import compress_payload

SOURCE = Source("device", 1, b"12345678")
LIMIT = 200_000


@pytest.fixture
def forms(monkeypatch: pytest.MonkeyPatch) -> Forms:
    found = Forms(LIMIT)
    monkeypatch.setattr(base, "_forms", found)
    return found


def entry(number: int, records: bytes, coding: int = 0) -> Entry:
    return Entry(Batch("log", SOURCE, bytes(8), 0, 1, 0, 0, records, coding=coding), number, number - 1)


def text(number: int) -> bytes:
    """40,000 bytes that can be compressed, different ones for every number."""
    return random.Random(number).randbytes(400) * 100


def packed(records: bytes) -> bytes:
    found = compress_payload(memoryview(records))
    assert found is not None
    return found


def held(entries: list[Entry]) -> int:
    return sum(len(one._plain) + len(one._packed or b"") for one in entries)


def test_a_log_of_compressed_entries_does_not_grow_because_they_were_read_by_those_who_unpack_nothing(
    forms: Forms,
) -> None:
    log = [entry(number, packed(text(number)), FLAG_COMPRESSED) for number in range(1, 101)]
    for _ in range(2):
        for number, one in enumerate(log, 1):
            coding, payload = one.form_for(0, 0)
            assert coding == 0
            assert payload.endswith(text(number))
            assert held(log) <= forms.bytes <= LIMIT
    assert held(log) > LIMIT / 2


def test_the_same_holds_for_plain_entries_that_are_compressed_for_their_readers(forms: Forms) -> None:
    log = [entry(number, text(number)) for number in range(1, 101)]
    for _ in range(2):
        for number, one in enumerate(log, 1):
            coding, payload = one.form_for(FLAG_COMPRESSED, UNPACKED_BYTES)
            assert coding == FLAG_COMPRESSED
            assert payload.endswith(packed(text(number)))
            assert sum(len(other.payload) for other in log if other._packed) <= forms.bytes <= LIMIT


def test_a_form_that_is_kept_is_made_once(forms: Forms) -> None:
    one = entry(1, packed(text(1)), FLAG_COMPRESSED)
    assert one.form_for(0, 0)[1] is one.form_for(0, 0)[1]
    before = forms.bytes
    one.form_for(0, 0)
    assert forms.bytes == before


def test_what_is_not_worth_compressing_is_tried_once_and_keeps_nothing(
    forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = entry(1, random.Random(1).randbytes(COMPRESS_BYTES))
    assert one.form_for(FLAG_COMPRESSED, UNPACKED_BYTES) == (0, one.payload)
    monkeypatch.setattr(base, "compress_payload", None)  # would not be callable
    assert one.form_for(FLAG_COMPRESSED, UNPACKED_BYTES) == (0, one.payload)
    assert forms.bytes == 0


def test_a_form_larger_than_the_bound_is_given_and_not_kept() -> None:
    few = Forms(1000)
    one = entry(1, packed(text(1)), FLAG_COMPRESSED)
    one._plain = form = bytes(2000)
    few.keep(one, form)
    assert few.bytes == 0
    assert not one._plain
