"""The vectors and the worked examples: fresh, true to the code, and readable by whoever has only the document."""

import json
from pathlib import Path
from typing import Any

import pytest

from build_scripts import make_vectors, protocol_fields
from build_scripts.conversation import TOKEN
from flight_client._tables import NAMES
from flight_client.errors import EventError, FrameError
from flight_client.events import EVENT_TYPES, decode_event, encode_event
from flight_client.gateway.engines.base import Batch, Entry, Source
from flight_client.gateway.peer import Peer
from flight_client.gateway.peer_parts import OpenChannel, Violation
from flight_client.proof import SessionKey
from flight_client.session import spec
from flight_client.session.common.profile import Profile
from flight_client.session.device import messages as device
from flight_client.session.device import states
from flight_client.session.device.agreement import Agreement
from flight_client.session.device.channels import ChannelState
from flight_client.session.device.identity import Identity
from flight_client.session.gateway import messages as gateway
from flight_client.wire import FrameReader, count_records, encode_frame, records
from tests.docs import tiny_decoder
from tests.support.tenures import endless

VECTORS = json.loads(make_vectors.VECTORS.read_text(encoding="utf-8"))
FRAMES: list[dict[str, Any]] = VECTORS["frames"]
INVALID: list[dict[str, Any]] = VECTORS["invalid"]
BY_NAME = {entry["name"]: entry for entry in FRAMES}


def by_name(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def of_types(*types: str) -> pytest.MarkDecorator:
    found = [entry for entry in FRAMES if entry["frame"]["type"] in types]
    assert found
    return pytest.mark.parametrize("entry", found, ids=by_name)


def read(frame: bytes, limit: int = spec.MAX_FRAME_BYTES) -> FrameReader:
    reader = FrameReader()
    reader.feed(frame, limit)
    assert reader.next()
    return reader


def payload_of(entry: dict[str, Any]) -> bytes:
    frame = bytes.fromhex(entry["hex"])
    reader = read(frame)
    return frame[reader.start : reader.end]


# ---- fresh -----------------------------------------------------------------------------------------------------------


def test_vectors_and_worked_examples_are_what_the_code_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_vectors.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_file_is_named_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "protocol.md"
    text = make_vectors.DOCUMENT.read_text(encoding="utf-8")
    document.write_text(text.replace("stateDiagram-v2", "stateDiagram"), encoding="utf-8")
    monkeypatch.setattr(make_vectors, "ROOT", tmp_path)
    monkeypatch.setattr(make_vectors, "DOCUMENT", document)
    monkeypatch.setattr(make_vectors, "VECTORS", tmp_path / "vectors" / "frames.json")
    monkeypatch.setattr(make_vectors, "CODED", tmp_path / "vectors" / "coded.json")
    assert make_vectors.main(["--check"]) == 1
    assert "stale: vectors/frames.json, vectors/coded.json, protocol.md" in capsys.readouterr().out
    assert not (tmp_path / "vectors").exists()
    assert make_vectors.main([]) == 0
    assert document.read_text(encoding="utf-8") == text
    assert make_vectors.main(["--check"]) == 0


def test_a_marker_without_its_block_is_an_error() -> None:
    with pytest.raises(SystemExit, match="lost"):
        make_vectors.with_blocks("<!-- generated: lost -->\n<!-- end -->\n", {})


def test_the_state_table_has_every_transition_and_every_state() -> None:
    table = "\n".join(protocol_fields.state_table())
    assert table.count("-->") == len(states.TRANSITIONS) + 3  # the beginning and two ends
    for name in NAMES["session_states"]:
        assert f"| {name} |" in table


def test_every_frame_type_and_layout_has_a_vector() -> None:
    assert {entry["frame"]["type"] for entry in FRAMES} == set(NAMES["types"])
    layouts = {record["layout"] for entry in FRAMES for record in entry.get("records", ())}
    assert layouts == {1, 2, 3, 4, 5, 6, 7, 8, 9, 0x81, 0x82, 0x83}
    assert {entry["error"] for entry in INVALID if entry["level"] in ("frame", "records")} == {
        "CUT", "MAGIC", "CHECK", "VERSION", "TYPE", "FLAGS", "NUMBER", "LENGTH", "CRC", "RECORD",
    }  # fmt: skip


# ---- true to the wire layer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", FRAMES, ids=by_name)
def test_the_wire_layer_reads_each_field_and_writes_the_same_bytes(entry: dict[str, Any]) -> None:
    frame = bytes.fromhex(entry["hex"])
    reader, head = read(frame), entry["frame"]
    flags = sum(NAMES["flags"][name] for name in head["flags"])
    assert (reader.type, reader.flags) == (NAMES["types"][head["type"]], flags)
    assert (reader.channel, reader.seq, reader.ack) == (head["channel"], head["seq"], head["ack"])
    assert (reader.end - reader.start, frame[3]) == (head["payload_bytes"], head["check"])
    assert encode_frame(reader.type, flags, reader.channel, reader.seq, reader.ack, payload_of(entry)) == frame


@pytest.mark.parametrize("entry", [entry for entry in FRAMES if "records" in entry], ids=by_name)
def test_the_events_of_a_vector_are_read_and_written_with_the_same_bytes(entry: dict[str, Any]) -> None:
    data = payload_of(entry)
    size = sum(len(record) for record in written_records(entry))
    assert data[len(data) - size :] == b"".join(written_records(entry))
    found = records(data, len(data) - size, len(data))
    for (layout, age_ms, start, end), record in zip(found, entry["records"], strict=True):
        assert (layout, age_ms) == (record["layout"], record["age_ms"])
        assert decode_event(layout, data[start:end]) == event_of(record)


def event_of(record: dict[str, Any]) -> Any:
    values = dict(record["fields"])
    if record["event"] in ("payload", "command-request", "command-result"):
        values["data"] = bytes.fromhex(values["data"])
    return EVENT_TYPES[record["event"]](**values)


def written_records(entry: dict[str, Any]) -> list[bytes]:
    found = []
    for record in entry["records"]:
        layout, body = encode_event(event_of(record), wide=record["layout"] >= 0x80)
        assert layout == record["layout"]
        age_ms = record["age_ms"]
        age = 0xFFFF if age_ms is None else age_ms if age_ms < 32768 else 0x8000 | age_ms // 1000
        words = len(body) // 4
        long = words > 254
        head = bytes((layout, 255 if long else words)) + age.to_bytes(2, "little")
        found.append(head + (len(body).to_bytes(4, "little") if long else b"") + body)
    return found


# ---- true to the session's writers and readers -----------------------------------------------------------------------


@of_types("hello")
def test_the_device_writes_this_hello_and_the_gateway_reads_it(entry: dict[str, Any]) -> None:
    said, data = entry["payload"], payload_of(entry)
    names = ("device_id", "platform_name", "program_version", "token")
    texts = [said[name].encode() for name in names]
    identity = Identity(texts[0], texts[1], said["platform"], texts[2], said["client_type"])
    identity.token, identity.capabilities = texts[3], said["capabilities"]
    identity.boot[:] = bytes.fromhex(said["boot"])
    identity.incarnation[:] = bytes.fromhex(said["incarnation"])
    numbers = (1, (2,), 1, 1, 1, 1, said["frame_limit"], 1, 1, said["window_frames"], 1, 1, 1, 1, 1, 0, 1, 10, 0)
    buffer = bytearray(spec.HELLO_FRAME_BYTES)
    wishes = Agreement(Profile(numbers))
    wishes.reads, wishes.sends, wishes.lanes, wishes.auth = (
        said["flags_read"], said["flags_sent"], said["lanes"], said["auth"],
    )  # fmt: skip
    wishes.unpacked_bytes = said["unpacked_limit"]
    size = device.write_hello(buffer, identity, Profile(numbers), wishes, bytes.fromhex(said["client_nonce"]))
    assert buffer[16 : 16 + size] == data
    hello = gateway.read_hello(data, 0, len(data))
    assert hello is not None
    assert [hello.device_id, hello.platform, hello.version, hello.token] == texts
    assert (hello.client_type, hello.platform_number, hello.capabilities) == (
        said["client_type"], said["platform"], said["capabilities"],
    )  # fmt: skip
    assert (hello.version_min, hello.version_max) == (said["version_min"], said["version_max"])
    assert (hello.frame_bytes, hello.window_frames, hello.window_bytes) == (
        said["frame_limit"], said["window_frames"], said["window_bytes"],
    )  # fmt: skip
    assert (hello.flags_read, hello.flags_sent, hello.lanes, hello.auth, hello.unpacked_bytes) == (
        said["flags_read"], said["flags_sent"], said["lanes"], said["auth"], said["unpacked_limit"],
    )  # fmt: skip
    assert (hello.incarnation.hex(), hello.boot.hex(), hello.nonce.hex()) == (
        said["incarnation"], said["boot"], said["client_nonce"],
    )  # fmt: skip


@of_types("welcome")
def test_the_gateway_writes_this_welcome_and_the_device_reads_it(entry: dict[str, Any]) -> None:
    said, data = entry["payload"], payload_of(entry)
    order: tuple[str, ...] = (
        "heartbeat_ms",
        "window_frames",
        "frame_limit",
        "reconnect_spread_ms",
        "mark",
        "lossy_stored",
    )
    order += ("session_ttl_ms", "window_bytes", "token_expires_in_ms", "unpacked_limit")
    order += ("flags_up", "flags_down", "auth")
    numbers = tuple(said[name] for name in order)
    incarnation, epoch, nonce = (bytes.fromhex(said[name]) for name in ("incarnation", "epoch", "server_nonce"))
    ids = (bytes.fromhex(said["session_id"]), said["short_id"].encode())
    assert gateway.welcome(*ids, incarnation, epoch, nonce, numbers) == data
    found = device.Welcome()
    assert found.read(data, 0, len(data))
    assert (found.session_id.hex(), found.short_id.decode()) == (said["session_id"], said["short_id"])
    assert found.incarnation + found.epoch + found.server_nonce == incarnation + epoch + nonce
    read_numbers: tuple[int, ...] = (
        found.heartbeat_ms,
        found.window_frames,
        found.frame_bytes,
        found.spread_ms,
        found.mark,
    )
    read_numbers += (found.lossy_stored, found.session_ttl_ms, found.window_bytes, found.token_expires_in_ms)
    assert (*read_numbers, found.unpacked_bytes, found.flags_up, found.flags_down, found.auth) == numbers


@of_types("attach", "poll")
def test_the_device_writes_this_attach_or_poll_with_this_proof(entry: dict[str, Any]) -> None:
    said, data = entry["payload"], payload_of(entry)
    attach = entry["frame"]["type"] == "attach"
    number = said["next_expected" if attach else "poll_number"]
    key = SessionKey()
    nonces = (BY_NAME["hello"]["payload"]["client_nonce"], BY_NAME["welcome"]["payload"]["server_nonce"])
    key.begin(TOKEN, *(bytes.fromhex(nonce) for nonce in nonces))
    buffer = bytearray(56)
    write = device.write_attach if attach else device.write_poll
    assert write(buffer, bytes.fromhex(said["session_id"]), said["generation"], number) == len(data)
    if attach:
        key.attach(buffer, 40, said["generation"])
        assert key.attach_is_true(bytes.fromhex(said["proof"]), said["generation"])
        assert not key.attach_is_true(bytes.fromhex(said["proof"]), said["generation"] + 1)
    else:
        key.poll(buffer, 40, said["generation"], number)
        assert key.poll_is_true(bytes.fromhex(said["proof"]), said["generation"], number)
    assert buffer[16:] == data
    found = gateway.read_attach(data, 0, len(data))
    assert found is not None
    assert (found.session_id.hex(), found.generation, found.number) == (said["session_id"], said["generation"], number)
    assert found.proof.hex() == said["proof"]


@of_types("open")
def test_the_device_writes_this_open_and_the_gateway_reads_it(entry: dict[str, Any]) -> None:
    said, data = entry["payload"], payload_of(entry)
    buffer = bytearray(128)
    size = device.write_open(buffer, ChannelState(said["name"].encode(), said["mode"], said["start"], said["count"]))
    assert buffer[16 : 16 + size] == data
    found = gateway.read_open(data, 0, len(data))
    assert found is not None
    assert (found.mode, found.start, found.count) == (said["mode"], said["start"], said["count"])
    assert (found.epoch.hex(), found.offset, found.name.decode()) == (said["epoch"], said["offset"], said["name"])


@of_types("resumed", "opened", "gap", "refused", "ack", "heartbeat", "reset", "close", "renewed")
def test_the_writers_of_answers_give_exactly_these_payloads(entry: dict[str, Any]) -> None:
    said, data, kind = entry["payload"], payload_of(entry), entry["frame"]["type"]
    if kind == "resumed":
        order = ("generation", "next_expected", "lossy_stored", "reconnect_spread_ms")
        assert gateway.resumed(*(said[name] for name in order)) == data
    elif kind == "opened":
        epoch = bytes.fromhex(said["epoch"])
        assert gateway.opened(said["code"], said["mode"], epoch, said["offset"], said["text"]) == data
    elif kind == "gap":
        assert gateway.gap(said["reason"], bytes.fromhex(said["epoch"]), said["after"], said["to"]) == data
    elif kind == "refused":
        assert gateway.refused(said["seq"], said["code"], said["events"], said["text"]) == data
    elif kind == "renewed":
        made = gateway.renewed(said["code"], said["token_expires_in_ms"], said["text"], bool(said["unasked"]))
        assert made == data
    elif kind == "ack":
        assert gateway.counts(said["lossy_stored"]) == data
    elif kind == "heartbeat":
        assert gateway.counts(said["lossy"], said["reconnect_spread_ms"]) == data
    else:
        assert gateway.ending(said["code"], said["retry_after_ms"], said["text"]) == data
        found = device.Ending()
        assert found.read(data, 0, len(data))
        assert (found.code, found.retry_after_ms) == (said["code"], said["retry_after_ms"])
        assert data[found.text_start : found.text_end].decode() == said["text"]


@of_types("token")
def test_the_device_writes_this_token_and_the_gateway_reads_it(entry: dict[str, Any]) -> None:
    data = payload_of(entry)
    buffer = bytearray(128)
    token = entry["payload"]["token"].encode()
    assert buffer[16 : 16 + device.write_token(buffer, token)] == data
    assert gateway.read_token(data, 0, len(data)) == token


def test_the_device_writes_this_close() -> None:
    buffer = bytearray(24)
    assert device.write_close(buffer, 0) == 8
    assert buffer[16:] == payload_of(BY_NAME["close-device"])


@of_types("deliver")
def test_the_gateways_log_writes_this_delivery(entry: dict[str, Any]) -> None:
    said = entry["payload"]
    source = Source(said["source_device_id"], said["source_platform"], said["source_short_id"].encode())
    batch = Batch(
        "any", source, bytes(8), said["counter"], len(entry["records"]), said["held"], said["received_ms"],
        b"".join(written_records(entry)),
    )  # fmt: skip
    head = Entry(batch, said["offset"], said["previous"]).head(0, said.get("events_so_far", 0))
    assert head + batch.records == payload_of(entry)


# ---- what is invalid -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [entry for entry in INVALID if entry["level"] == "frame"], ids=by_name)
def test_the_core_refuses_an_invalid_frame_with_its_code(entry: dict[str, Any]) -> None:
    with pytest.raises(FrameError) as caught:
        read(bytes.fromhex(entry["hex"]), entry["limit"])
    assert caught.value.code == entry["code"]


@pytest.mark.parametrize("entry", [entry for entry in INVALID if entry["level"] == "records"], ids=by_name)
def test_the_core_refuses_invalid_records_in_a_sound_frame(entry: dict[str, Any]) -> None:
    data = payload_of(entry)
    with pytest.raises(FrameError) as caught:
        count_records(data, 0, len(data))
    assert caught.value.code == entry["code"]


@pytest.mark.parametrize("entry", [entry for entry in INVALID if entry["level"] == "event"], ids=by_name)
def test_an_invalid_body_in_a_sound_record_is_refused(entry: dict[str, Any]) -> None:
    data = payload_of(entry)
    ((layout, _, start, end),) = records(data, 0, len(data))
    with pytest.raises(EventError) as caught:
        decode_event(layout, data[start:end])
    assert caught.value.fault == "peer"


@pytest.mark.parametrize("entry", [entry for entry in INVALID if entry["level"] == "payload"], ids=by_name)
def test_the_gateway_refuses_an_invalid_payload_in_a_sound_frame(entry: dict[str, Any]) -> None:
    frame = bytes.fromhex(entry["hex"])
    reader = read(frame)
    start, end = reader.start, reader.end
    if reader.type == spec.TYPE_HELLO:
        hello = gateway.read_hello(frame, start, end)
        assert hello is None or not reader.flags & spec.FLAG_CHECKED
    elif reader.type in (spec.TYPE_ATTACH, spec.TYPE_POLL):
        assert gateway.read_attach(frame, start, end) is None
    else:
        hello = gateway.read_hello(payload_of(BY_NAME["hello"]), 0, len(payload_of(BY_NAME["hello"])))
        assert hello is not None
        source = Source("vita-1", 3, b"short_id")
        hub: Any = None  # what is malformed never reaches it
        peer = Peer(hub, endless(), hello, source, bytes(16), SessionKey(), bytes(8), 5000, (16, 1 << 16), 32)
        peer._channels[1] = OpenChannel("log", spec.MODE_PUBLISH)
        with pytest.raises(Violation) as caught:
            peer.take(reader.type, reader.flags, reader.channel, reader.seq, reader.ack, frame, start, end, 0)
        assert caught.value.code == spec.CODE_MALFORMED


# ---- the document suffices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", FRAMES, ids=by_name)
def test_a_decoder_written_from_the_document_reads_every_vector(entry: dict[str, Any]) -> None:
    found = tiny_decoder.decode(bytes.fromhex(entry["hex"]))
    assert found == {key: entry[key] for key in ("frame", "payload", "records") if key in entry}


@pytest.mark.parametrize("entry", INVALID, ids=by_name)
def test_a_decoder_written_from_the_document_refuses_every_invalid_vector(entry: dict[str, Any]) -> None:
    with pytest.raises(tiny_decoder.Refused) as caught:
        tiny_decoder.decode(bytes.fromhex(entry["hex"]), entry["limit"])
    assert caught.value.args == (entry["error"] or entry["level"],)


def test_every_example_in_the_document_is_the_vector_of_its_name() -> None:
    text = make_vectors.DOCUMENT.read_text(encoding="utf-8")
    shown = 0
    coded = json.loads(make_vectors.CODED.read_text(encoding="utf-8"))["frames"]
    known = BY_NAME | {entry["name"]: entry for entry in coded}
    for part in text.split("\n**")[1:]:
        name = part.split("**", 1)[0]
        lines = part.split("```text\n", 1)[1].split("\n```", 1)[0].splitlines()
        octets = "".join(line[6:53].replace(" ", "") for line in lines)
        assert octets == known[name]["hex"], name
        shown += 1
    assert shown > 30


def test_the_document_names_every_number_that_the_reference_leaves_out() -> None:
    fields = {"component_states": "state", "v6r_event_types": "event_type", "log_levels": "level"}
    for table, field in fields.items():
        assert tiny_decoder.NAMES[field] == {number: name for name, number in NAMES[table].items()}
