"""Take a frame apart into the fields of docs/protocol.md, for the vectors and for the annotated hex of that page.

Used by make_vectors.py. Every span of bytes gets a name and a value; together they cover the payload without a hole, so
a field that is forgotten here ends the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from build_scripts import delta_fields
from flight_client._tables import CODES, LAYOUTS, NAMES
from flight_client.events import decode_event
from flight_client.session import spec
from flight_client.session.device import states
from flight_client.wire import FrameReader, decode_age, plain_records, records
from flight_client.wire.coding import CODINGS

# Payloads as (field, kind). Kinds: u8 u16 u32 u64, a number = so many bytes, text8 / text16 = a length and a text,
# ascii = 8 bytes of text, age, flags = u8 of header flags, zero1 to zero4 = reserved, rest = the text to the end, source = DELIVER's device id
# and its padding, records, bytes = the rest as it is.
_ENDING = [("code", "u8"), ("", "zero1"), ("text_bytes", "u16"), ("retry_after_ms", "u32"), ("text", "rest")]
PAYLOADS: dict[str, list[tuple[str, str]]] = {
    "hello": [
        ("client_type", "u8"), ("platform", "u8"), ("version_min", "u8"), ("version_max", "u8"),
        ("capabilities", "u32"), ("frame_limit", "u16"), ("window_frames", "u16"), ("window_bytes", "u32"),
        ("incarnation", "8"), ("boot", "8"), ("client_nonce", "8"),
        ("flags_read", "flags"), ("flags_sent", "flags"), ("lanes", "u8"), ("auth", "u8"), ("unpacked_limit", "u32"),
        ("", "zero4"),
        ("device_id", "text8"), ("platform_name", "text8"), ("program_version", "text8"), ("token", "text16"),
    ],
    "welcome": [
        ("session_id", "16"), ("short_id", "ascii"), ("incarnation", "8"), ("epoch", "8"), ("server_nonce", "8"),
        ("heartbeat_ms", "u32"), ("window_frames", "u16"), ("frame_limit", "u16"), ("reconnect_spread_ms", "u32"),
        ("mark", "u32"), ("lossy_stored", "u32"), ("session_ttl_ms", "u32"),
        ("window_bytes", "u32"), ("token_expires_in_ms", "u32"), ("unpacked_limit", "u32"),
        ("flags_up", "flags"), ("flags_down", "flags"), ("auth", "u8"), ("", "zero1"),
    ],
    "attach": [("session_id", "16"), ("generation", "u32"), ("next_expected", "u32"), ("proof", "16")],
    "resumed": [
        ("generation", "u32"), ("next_expected", "u32"), ("lossy_stored", "u32"), ("reconnect_spread_ms", "u32")
    ],
    "reset": _ENDING,
    "close": _ENDING,
    "ack": [("lossy_stored", "u32")],
    "heartbeat": [("lossy", "u32"), ("reconnect_spread_ms", "u32")],
    "resend": [],
    "skip": [],
    "open": [("mode", "u8"), ("start", "u8"), ("count", "u16"), ("epoch", "8"), ("offset", "u64"), ("name", "text8")],
    "opened": [
        ("code", "u8"), ("mode", "u8"), ("text_bytes", "u16"), ("epoch", "8"), ("offset", "u64"), ("text", "rest")
    ],
    "data": [("records", "records")],
    "data critical": [("counter", "u32"), ("held", "age"), ("", "zero2"), ("records", "records")],
    "deliver": [
        ("offset", "u64"), ("previous", "u64"), ("received_ms", "u64"), ("source_short_id", "ascii"),
        ("counter", "u32"), ("held", "age"), ("source_platform", "u8"), ("source_device_id", "source"),
        ("records", "records"),
    ],
    "gap": [("reason", "u8"), ("", "zero3"), ("epoch", "8"), ("after", "u64"), ("to", "u64")],
    "refused": [
        ("seq", "u32"), ("code", "u8"), ("", "zero1"), ("text_bytes", "u16"), ("events", "u32"), ("text", "rest")
    ],
    "piece": [("message", "u16"), ("number", "u16"), ("total", "u32"), ("piece", "bytes")],
    "probe": [("nonce", "8")],
    "probed": [("nonce", "8")],
    "poll": [("session_id", "16"), ("generation", "u32"), ("poll_number", "u32"), ("proof", "16")],
    "token": [("token", "text16")],
    "renewed": [
        ("code", "u8"), ("unasked", "u8"), ("text_bytes", "u16"), ("token_expires_in_ms", "u32"), ("text", "rest")
    ],
}  # fmt: skip

TYPE_NAMES = {number: name for name, number in NAMES["types"].items()}
CODE_NAMES = {code["value"]: code["name"] for code in CODES}
GAP_NAMES = {number: name for name, number in NAMES["gap_reasons"].items()}
_LAYOUTS = {layout["id"]: layout for layout in LAYOUTS}
_KIND_BYTES = {"u8": 1, "flags": 1, "u16": 2, "u32": 4, "u64": 8, "i16": 2}
_WIDE = 0x80
_ABSENT = 0xFFFF
_LINE_BYTES = 16


class Span(NamedTuple):
    """Some bytes of a frame with their meaning. name: "" for what has none in the vectors."""

    start: int
    end: int
    name: str
    value: Any
    shown: str


def dissect(frame: bytes) -> tuple[dict[str, Any], list[Span]]:
    """The header's fields, and the spans of the whole frame."""
    reader = FrameReader(spec.FLAGS_SUPPORTED)
    reader.feed(frame)
    assert reader.next()
    kind = TYPE_NAMES[reader.type]
    flags = [name for name, bit in NAMES["flags"].items() if reader.flags & bit]
    header = {
        "type": kind, "flags": flags, "check": frame[3], "payload_bytes": reader.end - reader.start,
        "channel": reader.channel, "seq": reader.seq, "ack": reader.ack,
    }  # fmt: skip
    said = f"flags {' '.join(flags)}" if flags else "no flags"
    spans = [
        Span(0, 4, "", None, f"magic f, version 1; type {reader.type}, {kind.upper()}; {said}; check {frame[3]:#04x}"),
        Span(4, 8, "", None, f"{reader.end - reader.start} payload bytes; channel {reader.channel}"),
        Span(8, 12, "", None, f"seq {reader.seq}" + (" (unsequenced)" if not reader.seq else "")),
        Span(12, 16, "", None, f"ack {reader.ack}" + (" (says nothing)" if not reader.ack else "")),
    ]
    tag_bytes = spec.TAG_BYTES if reader.flags & spec.FLAG_AUTHENTICATED else 0
    spans += payload_spans(_form(kind, flags), frame, reader.start, reader.end - tag_bytes, reader.flags & CODINGS)
    if tag_bytes:
        tag = frame[reader.end - tag_bytes : reader.end]
        spans.append(Span(reader.end - tag_bytes, reader.end, "tag", tag.hex(), "tag"))
    if reader.flags & spec.FLAG_CHECKED:
        spans.append(Span(reader.end, reader.end + 4, "", None, "CRC-32C of all bytes before it"))
    assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]], f"{kind}: a hole between fields"
    assert spans[-1].end == len(frame)
    return header, spans


def _form(kind: str, flags: list[str]) -> str:
    if "more" in flags:
        return "piece"
    return "data critical" if kind == "data" and "critical" in flags else kind


def payload_spans(form: str, data: bytes, start: int, end: int, coding: int = 0) -> list[Span]:
    """The payload's fields in order."""
    spans: list[Span] = []
    at = start
    for name, kind in PAYLOADS[form]:
        if kind == "records":
            spans += coded_spans(data, at, end, coding)
            at = end
            continue
        new = list(_field(name, kind, data, at, end))
        spans += new
        at = new[-1].end if new else at
    return spans


def coded_spans(data: bytes, start: int, end: int, coding: int) -> Iterator[Span]:
    """The records as they are written."""
    if coding & spec.FLAG_COMPRESSED:
        size = int.from_bytes(data[start : start + 4], "little")
        yield Span(start, start + 4, "", None, f"{size} bytes before compression")
        yield Span(start + 4, end, "", None, f"LZ4 block of {end - start - 4} bytes")
    elif coding & spec.FLAG_DELTA:
        for place, (at, entry_end, parts) in enumerate(delta_fields.entries(data, start, end)):
            if parts is None:
                yield from record_spans(data, at, entry_end, place)
            else:
                yield from (Span(*part[:2], "", None, part[2]) for part in parts)
    else:
        yield from record_spans(data, start, end)


def _field(name: str, kind: str, data: bytes, at: int, end: int) -> Iterator[Span]:
    if kind in _KIND_BYTES or kind == "age":
        size = _KIND_BYTES.get(kind, 2)
        number = int.from_bytes(data[at : at + size], "little")
        yield Span(at, at + size, name, number, f"{name}: {number}{_meaning(name, kind, number)}")
    elif kind.startswith("zero"):
        size = int(kind[4:])
        yield Span(at, at + size, "", None, "reserved, 0")
    elif kind == "rest":
        if end > at:
            yield Span(at, end, name, data[at:end].decode(), f"{name}: {data[at:end].decode()!r}")
    elif kind == "bytes":
        yield Span(at, end, name, data[at:end].hex(), f"{name}: {end - at} bytes of the payload")
    elif kind == "ascii":
        text = data[at : at + 8].decode("ascii")
        yield Span(at, at + 8, name, text, f"{name}: {text!r}")
    elif kind.startswith("text"):
        size = int(kind[4:]) // 8
        length = int.from_bytes(data[at : at + size], "little")
        yield Span(at, at + size, "", None, f"length of {name}: {length}")
        if length:
            text = data[at + size : at + size + length].decode()
            yield Span(at + size, at + size + length, name, text, f"{name}: {text!r}")
    elif kind == "source":
        length = data[at] & ~spec.PORTION_FLAG
        portion = data[at] != length
        yield Span(at, at + 1, "", None, f"length of {name}: {length}" + (", and more follows" if portion else ""))
        text = data[at + 1 : at + 1 + length].decode()
        yield Span(at + 1, at + 1 + length, name, text, f"{name}: {text!r}")
        if length % 4:
            yield Span(at + 1 + length, at + 1 + length + (-length % 4), "", None, "zero padding")
        at += 1 + length + -length % 4
        if portion:
            so_far = int.from_bytes(data[at : at + 2], "little")
            yield Span(at, at + 2, "events_so_far", so_far, f"events so far: {so_far}")
            yield Span(at + 2, at + 4, "", None, "reserved, 0")
    else:
        value = data[at : at + int(kind)].hex()
        yield Span(at, at + int(kind), name, value, name)


def _meaning(name: str, kind: str, number: int) -> str:
    tables = {"code": CODE_NAMES, "reason": GAP_NAMES, "source_platform": None, "platform": None}
    table = tables.get(name)
    if table:
        return f" ({table[number]})"
    if kind == "flags":
        return f" ({' '.join(flag for flag, bit in NAMES['flags'].items() if number & bit) or 'none'})"
    if kind == "age":
        age_ms = decode_age(number)
        return " (unknown)" if age_ms is None else f" ({age_ms} ms)"
    return f" ({number:#x})" if name == "capabilities" else ""


def record_spans(data: bytes, start: int, end: int, first: int = 0) -> Iterator[Span]:
    """The records of a batch, field by field."""
    for place, (layout, _, body_start, body_end) in enumerate(records(data, start, end), first):
        entry = _LAYOUTS[layout & 0x7F]
        width = ", 64-bit sizes" if layout & _WIDE else ""
        yield Span(start, start + 1, "", None, f"record {place + 1}: layout {layout:#04x}, {entry['name']}{width}")
        words = data[start + 1]
        yield Span(start + 1, start + 2, "", None, f"body of {words} words" if words < 255 else "length follows")
        age = int.from_bytes(data[start + 2 : start + 4], "little")
        yield Span(start + 2, start + 4, "", None, f"age: {age:#06x}{_meaning('age', 'age', age)}")
        if words == 255:
            yield Span(start + 4, start + 8, "", None, f"body of {body_end - body_start} bytes")
        yield from _body_spans(entry, bool(layout & _WIDE), data, body_start, body_end)
        start = body_end


def _body_spans(entry: dict[str, Any], wide: bool, data: bytes, at: int, end: int) -> Iterator[Span]:
    layout = entry["id"] | (_WIDE if wide else 0)
    event = decode_event(layout, data[at:end])
    for field in entry["fields"]:
        size = (8 if wide else 4) if field["kind"] == "size" else _KIND_BYTES[field["kind"]]
        said = "reserved, 0" if field.get("reserved") else f"{field['name']}: {_shown(getattr(event, field['name']))}"
        yield Span(at, at + size, "", None, said)
        at += size
    for tail in entry["tail"]:
        length = int.from_bytes(data[at : at + 2], "little")
        absent = length == _ABSENT
        yield Span(at, at + 2, "", None, f"{tail['name']}: absent" if absent else f"length of {tail['name']}: {length}")
        at += 2
        if length and not absent:
            yield Span(at, at + length, "", None, f"{tail['name']}: {_shown(getattr(event, tail['name']))}")
            at += length
    if at < end:
        yield Span(at, end, "", None, "zero padding")


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    text = f"{value}" if isinstance(value, int | float) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def events_of(data: bytes, start: int, end: int, coding: int = 0) -> list[dict[str, Any]]:
    """The records as the vectors list them: layout, age and the event's fields as natural values."""
    data = plain_records(data, start, end, coding)
    start, end = 0, len(data)
    found = []
    for layout, age_ms, body_start, body_end in records(data, start, end):
        event = decode_event(layout, data[body_start:body_end])
        values = {name: getattr(event, name) for name in event.__slots__}
        values = {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}
        found.append({"layout": layout, "event": event.event_name, "age_ms": age_ms, "fields": values})
    return found


def vector(name: str, sender: str, frame: bytes) -> dict[str, Any]:
    """One frame with everything it says, as spec/vectors/frames.json has it."""
    header, spans = dissect(frame)
    values = {span.name: span.value for span in spans if span.name}
    fields = [(field, kind) for field, kind in PAYLOADS[_form(header["type"], header["flags"])] if field]
    # An empty text has no bytes of its own, so no span; records stand in a member of their own.
    payload = {field: values.get(field, "") for field, kind in fields if kind != "records"}
    if "events_so_far" in values:
        payload["events_so_far"] = values["events_so_far"]
    found: dict[str, Any] = {"name": name, "from": sender, "hex": frame.hex(), "frame": header, "payload": payload}
    agreed = [flag for flag in header["flags"] if NAMES["flags"][flag] & spec.FLAGS_BY_AGREEMENT]
    if agreed:
        found["agreed"] = agreed
    if "tag" in values:
        found["tag"] = values["tag"]
    if header["type"] in ("data", "deliver") and "more" not in agreed:
        start = _records_start(header, frame)
        coding = sum(NAMES["flags"][flag] for flag in agreed) & CODINGS
        end = spec.HEADER_BYTES + header["payload_bytes"] - (spec.TAG_BYTES if "tag" in values else 0)
        found["records"] = events_of(frame, start, end, coding)
    return found


def _records_start(header: dict[str, Any], frame: bytes) -> int:
    if header["type"] == "deliver":
        length = frame[spec.HEADER_BYTES + 39]
        portion = spec.PORTION_BYTES if length & spec.PORTION_FLAG else 0
        return spec.HEADER_BYTES + 40 + ((length & ~spec.PORTION_FLAG) + 3 & ~3) + portion
    return spec.HEADER_BYTES + (spec.CRITICAL_PREFIX_BYTES if "critical" in header["flags"] else 0)


def annotated(frame: bytes) -> list[str]:
    """The frame's bytes with what each of them means, as lines of a code block."""
    lines = []
    for span in dissect(frame)[1]:
        for start in range(span.start, span.end, _LINE_BYTES):
            chunk = frame[start : min(start + _LINE_BYTES, span.end)]
            said = span.shown if start == span.start else ""
            lines.append(f"{start:4}  {chunk.hex(' '):<48}{said}".rstrip())
    return lines


def header_check_steps(header: bytes) -> tuple[int, list[str]]:
    """The header check bit by bit, with one table row for each set bit."""
    check = 0
    rows = ["| byte | bit | k | column 0x80 XOR (k XOR 24) | check so far |", "|---|---|---|---|---|"]
    for k in range(128):
        if k // 8 != 3 and header[k // 8] >> (k % 8) & 1:
            column = 0x80 | (k ^ 24)
            check ^= column
            rows.append(f"| {k // 8} | {k % 8} | {k} | {column:#04x} | {check:#04x} |")
    return check, rows


def state_names() -> dict[int, str]:
    return {number: name for name, number in NAMES["session_states"].items()}


def state_table() -> list[str]:
    """The transitions of the device session as a table and a diagram."""
    names = state_names()
    rows = [(names[a], states.HAPPENINGS[happening], names[b]) for a, happening, b in states.TRANSITIONS]
    lines = ["| state | happening | next state |", "|---|---|---|"]
    lines += [f"| {a} | {happening} | {b} |" for a, happening, b in rows]
    lines += ["", "```mermaid", "stateDiagram-v2", "    [*] --> idle"]
    lines += [f"    {a} --> {b}: {happening}" for a, happening, b in rows]
    ends = [name for name in names.values() if all(name != a for a, _, _ in rows)]
    return [*lines, *(f"    {name} --> [*]" for name in ends), "```"]
