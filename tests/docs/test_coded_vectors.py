"""The vectors with flags by agreement: true to the wire layer, and to a decoder that was written from the document."""

import hmac
import json
from typing import Any

import pytest

from build_scripts import coded_cases, make_vectors
from flight_client._tables import NAMES
from flight_client.session import spec
from flight_client.session.common.reassembly import WAIT, WHOLE, Reassembly
from flight_client.wire import FrameReader, encode_frame, plain_records, records
from flight_client.wire.coding import CODINGS
from tests.docs import tiny_decoder

FRAMES: list[dict[str, Any]] = json.loads(make_vectors.CODED.read_text(encoding="utf-8"))["frames"]
BY_NAME = {entry["name"]: entry for entry in FRAMES}


def read(frame: bytes) -> FrameReader:
    reader = FrameReader(spec.FLAGS_SUPPORTED)
    reader.feed(frame)
    assert reader.next()
    return reader


@pytest.mark.parametrize("entry", FRAMES, ids=BY_NAME)
def test_a_decoder_written_from_the_document_reads_every_coded_vector(entry: dict[str, Any]) -> None:
    found = tiny_decoder.decode(bytes.fromhex(entry["hex"]), agreed=tuple(entry["agreed"]))
    assert found == {key: entry[key] for key in ("frame", "payload", "records", "tag") if key in entry}


@pytest.mark.parametrize("entry", FRAMES, ids=BY_NAME)
def test_without_the_agreement_it_is_refused_by_both(entry: dict[str, Any]) -> None:
    frame = bytes.fromhex(entry["hex"])
    with pytest.raises(tiny_decoder.Refused, match="FLAGS"):
        tiny_decoder.decode(frame)
    reader = FrameReader()
    reader.feed(frame)
    with pytest.raises(Exception, match="flag"):
        reader.next()


@pytest.mark.parametrize("entry", FRAMES, ids=BY_NAME)
def test_the_wire_layer_reads_each_field_and_writes_the_same_bytes(entry: dict[str, Any]) -> None:
    frame = bytes.fromhex(entry["hex"])
    reader, head = read(frame), entry["frame"]
    assert reader.flags == sum(NAMES["flags"][name] for name in head["flags"])
    payload = frame[reader.start : reader.end]
    assert encode_frame(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, payload) == frame


@pytest.mark.parametrize(
    "entry", [entry for entry in FRAMES if "records" in entry], ids=lambda entry: str(entry["name"])
)
def test_the_core_and_the_decoder_agree_on_the_plain_records(entry: dict[str, Any]) -> None:
    frame = bytes.fromhex(entry["hex"])
    reader = read(frame)
    at = reader.start
    if reader.type == spec.TYPE_DELIVER:
        at += 40 + (frame[at + 39] + 3 & ~3)
    elif reader.flags & spec.FLAG_CRITICAL:
        at += spec.CRITICAL_PREFIX_BYTES
    end = reader.end - (spec.TAG_BYTES if reader.flags & spec.FLAG_AUTHENTICATED else 0)
    ours = plain_records(frame, at, end, reader.flags & CODINGS)
    theirs = frame[at:end]
    if reader.flags & spec.FLAG_COMPRESSED:
        theirs = tiny_decoder.decompress(theirs)
    if reader.flags & spec.FLAG_DELTA:
        theirs = tiny_decoder.undelta(theirs)
    assert ours == theirs
    assert len(records(ours, 0, len(ours))) == len(entry["records"])


@pytest.mark.parametrize(
    ("name", "direction", "generation"),
    [("tag", 0, 0), ("tag-checked", 1, 3), ("tag-empty", 0, 1), ("tag-attach", 0, 3)],
)
def test_a_tag_is_what_the_document_says(name: str, direction: int, generation: int) -> None:
    token, nonces = b"header.claims.signature", bytes(range(0xC0, 0xC8)) + bytes(range(0xD0, 0xD8))
    key = hmac.digest(bytes(range(32)), token + nonces, "sha256")
    frame = bytes.fromhex(BY_NAME[name]["hex"])
    end = 16 + BY_NAME[name]["frame"]["payload_bytes"] - 8
    number = bytes(8) if frame[1] == spec.TYPE_DATA and not any(frame[8:12]) else b""
    covered = b"frame" + bytes((direction,)) + generation.to_bytes(4, "little") + number + frame[:end]
    assert BY_NAME[name]["tag"] == hmac.digest(key, covered, "sha256")[:8].hex()
    proof = BY_NAME[name]["payload"].get("proof")
    said = b"attach" + nonces[8:] + generation.to_bytes(4, "little")
    assert proof in (None, hmac.digest(key, said, "sha256")[:16].hex())


def test_the_pieces_of_the_document_give_their_whole() -> None:
    reassembly = Reassembly(100)
    for name, verdict in (("piece-1", WAIT), ("piece-2", WHOLE)):
        frame = bytes.fromhex(BY_NAME[name]["hex"])
        reader = read(frame)
        assert reassembly.push(reader.flags, reader.channel, frame, reader.start, reader.end) == verdict
    whole = read(coded_cases.whole_of_pieces())
    assert bytes(reassembly.buffer) == coded_cases.whole_of_pieces()[whole.start : whole.end]


def test_sixteen_slowly_changing_events_stay_below_the_promised_size() -> None:
    assert len(bytes.fromhex(BY_NAME["delta-of-16"]["hex"])) <= 224
