"""The vectors that stand alone: frames that the conversation does not have, every layout, every age, and what is invalid.

Used by make_vectors.py. Valid frames come from the project's own writers; invalid ones are valid ones with something
wrong, sealed anew where the fault is not in the seal.
"""

from __future__ import annotations

from typing import Any

from build_scripts.conversation import CLIENT_NONCE, EPOCH, INCARNATION, SESSION_ID
from flight_client._tables import LAYOUTS, NAMES
from flight_client.errors import FrameError
from flight_client.events import (
    CommandRequest,
    CommandResult,
    ComponentUpdate,
    Event,
    FrameTime,
    Log,
    MemoryUpdate,
    Payload,
    SystemMonitoring,
    V6REvent,
    encode_event,
)
from flight_client.gateway.engines.base import Batch, Entry, Source
from flight_client.gateway.portions import portions
from flight_client.platforms import get_platform
from flight_client.session import spec
from flight_client.session.common.profile import Profile, profile_of
from flight_client.session.device.agreement import Agreement
from flight_client.session.device.identity import Identity
from flight_client.session.device.messages import write_hello
from flight_client.session.gateway import messages
from flight_client.wire import EventRing, FrameReader, count_records, encode_frame

HEADER_EXAMPLE = encode_frame(spec.TYPE_RESEND, 0, 0, 0, 2, b"")

# Which of the single frames the document shows, with a sentence.
SHOWN = (
    ("resend", "Send again from number 2, the ack of this frame."),
    ("skip", "Number 5 will not carry anything; no event has it."),
    ("probe", "On a throw-away connection: does this transport work?"),
    ("probed", "It does."),
    ("reset-unknown-session", "The answer to ATTACH after the gateway was started anew."),
    ("close-going-away", "The gateway stops; come back after 500 ms and a bit."),
    ("portion", "Two of the three events of an entry, for a subscriber whose frames are too small for all."),
    ("portion-last", "The rest of it. Now the subscriber stands behind offset 9."),
    ("token", "A new token, a minute before the old one ends."),
    ("renewed", "It is taken; it lives another hour."),
    ("renewed-unasked", "No new token came in time: nothing is delivered or stored before one does."),
    (
        "gap-epoch",
        "The log was replaced: offsets of the old epoch mean nothing, entries up to 4 of the new one are gone.",
    ),
)

_NEXT = b"header.claims.another"
_NOW = 1 << 28
_OVER_NINE_HOURS_MS = 40_000_000
_MOST = spec.NUMBER_LIMIT - 1
Single = tuple[str, str, bytes]


def batch(*events: tuple[Event, int | None], wide: bool = False) -> bytes:
    """Records with these ages in ms, packed by the ring."""
    ring = EventRing(128, 64)
    out = bytearray(8192)
    for event, age_ms in events:
        layout, body = encode_event(event, wide)
        ring.put(1, layout, _NOW - (_OVER_NINE_HOURS_MS if age_ms is None else age_ms), body)
    return bytes(out[: ring.pack(out, 0, len(out), _NOW, 64)])


def lossy(records: bytes) -> bytes:
    """A frame with these records."""
    return encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH, 1, 0, 1, records)


def single_frames() -> list[Single]:
    """All valid frames beside the conversation: name, sender, bytes."""
    found = [
        ("hello-largest", "device", _largest_hello()),
        ("resend", "gateway", HEADER_EXAMPLE),
        ("skip", "device", encode_frame(spec.TYPE_SKIP, 0, 0, 5, 1, b"")),
        ("probe", "device", encode_frame(spec.TYPE_PROBE, 0, 0, 0, 0, CLIENT_NONCE)),
        ("probed", "gateway", encode_frame(spec.TYPE_PROBED, 0, 0, 0, 0, CLIENT_NONCE)),
        ("reset-unknown-session", "gateway", _ending(spec.TYPE_RESET, spec.CODE_UNKNOWN_SESSION, 0, "")),
        ("close-going-away", "gateway", _ending(spec.TYPE_CLOSE, spec.CODE_GOING_AWAY, 500, "the gateway stops")),
        ("close-not-ascii", "gateway", _ending(spec.TYPE_CLOSE, spec.CODE_BUSY, 5000, "völlig ausgelastet")),
        ("gap-epoch", "gateway", _sequenced(spec.TYPE_GAP, 1, messages.gap(spec.GAP_EPOCH, EPOCH, 0, 4))),
        ("gap-trimmed", "gateway", _sequenced(spec.TYPE_GAP, 2, messages.gap(spec.GAP_TRIMMED, EPOCH, 4, 1 << 40))),
        *_portions(),
        ("refused-lossy", "gateway", _sequenced(spec.TYPE_REFUSED, 3, messages.refused(0, spec.CODE_STORE, 3, "full"))),
        ("token", "device", encode_frame(spec.TYPE_TOKEN, 0, 0, 0, 5, (len(_NEXT)).to_bytes(2, "little") + _NEXT)),
        ("renewed", "gateway", encode_frame(spec.TYPE_RENEWED, 0, 0, 0, 3, messages.renewed(0, 3_600_000))),
        ("renewed-refused", "gateway", encode_frame(spec.TYPE_RENEWED, 0, 0, 0, 3, messages.renewed(3, 0, "no"))),
        ("renewed-unasked", "gateway", encode_frame(spec.TYPE_RENEWED, 0, 0, 0, 3, messages.renewed(18, 0, "", True))),
        ("heartbeat-largest", "gateway", encode_frame(8, 0, 0, 0, _MOST, messages.counts(_MOST, _MOST))),
        ("data-checked", "device", encode_frame(13, 0x22, 0xFFFF, 0, _MOST, batch((Log(text="x"), 0)))),
    ]
    found += [(f"event-{name}", "device", lossy(records)) for name, records in _layouts()]
    found += [(f"age-{name}", "device", lossy(batch((_frame_time(), age_ms)))) for name, age_ms in _AGES]
    many: list[tuple[Event, int | None]] = [(MemoryUpdate(used_bytes=1000 + i), 100 * (15 - i)) for i in range(16)]
    return [*found, ("batch-of-16", "device", lossy(batch(*many)))]


def _portions() -> list[Single]:
    """An entry of three events that a small subscriber gets in two frames."""
    source = Source("bench-1", get_platform("host").number, b"short-id")
    records_of = batch(*((Log(text), 0) for text in ("one", "two", "three")))
    entry = Entry(Batch("log", source, INCARNATION, 12, 3, 0, 1_700_000_000_000, records_of), 9, 7)
    parts, _ = portions(entry, 90)
    flags = spec.FLAG_BATCH | spec.FLAG_CRITICAL
    return [
        (name, "gateway", encode_frame(spec.TYPE_DELIVER, flags, 3, 4 + number, 5, part.payload))
        for number, (name, part) in enumerate(zip(("portion", "portion-last"), parts, strict=True))
    ]


_AGES = (
    ("0-ms", 0),
    ("32767-ms", 32767),
    ("32768-ms", 32768),
    ("33000-ms", 33000),
    ("longest", 32_766_000),
    ("unknown", None),
)


def _layouts() -> list[tuple[str, bytes]]:
    memory = MemoryUpdate(16 << 20, 9 << 20, 7 << 20, 12 << 20, 0.3125)
    component = ComponentUpdate("a/b", "Größe", "1.2.3", "error", 4096, 86_400_000, {"k": [1, None, {"deep": True}]})
    system = SystemMonitoring(5 << 20, 123456, 654321, 7, 0.5, 0.875, -3.25, 59.94, 0.0)
    known: list[tuple[str, Event]] = [("memory-update", memory), ("component-update", component)]
    known += [("system-monitoring", system)]
    unknown: list[tuple[str, Event]] = [
        ("memory-update-unknown", MemoryUpdate()),
        ("component-update-unknown", ComponentUpdate("id", "name")),
        ("system-monitoring-unknown", SystemMonitoring()),
    ]
    fixed: list[tuple[str, Event]] = [
        ("v6r-event", V6REvent("vm-started", "vm-7", "acme", {"zone": "b", "size": "large"})),
        ("v6r-event-no-organization", V6REvent("vm-deleted", "vm-7")),
        ("v6r-event-empty-organization", V6REvent("vm-created", "", "")),
        ("log", Log("disc read error ✗", "warning")),
        ("log-empty", Log("", "debug")),
        ("log-longest", Log("x" * 480, "error")),
        ("frame-time", _frame_time()),
        ("command-request", CommandRequest("reload", "dreamcast-1", b"level 7", 0x12345678, 10_000)),
        ("command-result", CommandResult(0x12345678, "bench-1", "failed", "the disc is out", b"\x02")),
        ("payload", Payload(513, b"\x00\x01\xff")),
        ("payload-empty", Payload(0)),
        ("payload-longest-short-form", Payload(1, bytes(1010))),
        ("payload-shortest-long-form", Payload(1, bytes(1011))),
    ]
    found = [(name, batch((event, 1))) for name, event in known + unknown + fixed]
    found += [(f"{name}-wide", batch((event, 1), wide=True)) for name, event in known + unknown]
    over = MemoryUpdate(total_bytes=0xFFFFFFFF)  # the first size that 32 bits cannot carry: there it means unknown
    return [*found, ("memory-update-over-32-bits", batch((over, 1)))]


def _frame_time() -> FrameTime:
    return FrameTime(16600, 16700, 18200, 60, 1)


def _ending(kind: int, code: int, retry_after_ms: int, text: str) -> bytes:
    return encode_frame(kind, 0, 0, 0, 0, messages.ending(code, retry_after_ms, text))


def _sequenced(kind: int, seq: int, payload: bytes) -> bytes:
    return encode_frame(kind, 0, 3, seq, 1, payload)


def _largest_hello() -> bytes:
    """Every text as long as it may be."""
    profile = profile_of("dreamcast")
    assert profile is not None
    limits = (spec.DEVICE_ID_BYTES, spec.PLATFORM_BYTES, spec.VERSION_BYTES)
    texts = [letter * size for letter, size in zip((b"d", b"p", b"v"), limits, strict=True)]
    identity = Identity(texts[0], texts[1], 0, texts[2], 1)
    identity.token = b"t" * spec.TOKEN_BYTES
    identity.incarnation[:] = INCARNATION
    assert identity.fits()
    buffer = bytearray(spec.HELLO_FRAME_BYTES)
    size = write_hello(buffer, identity, profile, _wishes(profile), CLIENT_NONCE)
    return encode_frame(spec.TYPE_HELLO, spec.FLAG_CHECKED, 0, 0, 0, buffer[16 : 16 + size])


def _wishes(profile: Profile) -> Agreement:
    """Everything that may be agreed on, asked for."""
    wishes = Agreement(profile)
    wishes.reads = wishes.sends = spec.FLAGS_BY_AGREEMENT
    wishes.auth = spec.AUTH_HMAC
    wishes.unpacked_bytes = spec.UNPACKED_BYTES
    return wishes


# ---- what is invalid -------------------------------------------------------------------------------------------------

ERRORS = {
    0: "CUT", -6: "MAGIC", -7: "CHECK", -8: "VERSION", -9: "TYPE", -10: "FLAGS", -11: "NUMBER", -12: "LENGTH", -13: "CRC",
    -14: "RECORD",
}  # fmt: skip


def raw_frame(kind: int, flags: int, seq: int, ack: int, payload: bytes, first: int = 0xF1) -> bytes:
    """A frame with a right header check and whatever else; without a CRC."""
    head = bytearray((first, kind, flags, 0))
    head += len(payload).to_bytes(2, "little") + bytes(2) + seq.to_bytes(4, "little") + ack.to_bytes(4, "little")
    for k in range(128):
        if k // 8 != 3 and head[k // 8] >> (k % 8) & 1:
            head[3] ^= 0x80 | (k ^ 24)
    return bytes(head) + payload


def flipped(data: bytes, at: int, mask: int = 1) -> bytes:
    """The same bytes with bits of one of them inverted."""
    return data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]


def invalid() -> list[dict[str, Any]]:
    """Every refusal: by the core (level frame or records), of an event's body, of a session payload."""
    found = []
    for name, frame in _bad_frames():
        found.append(_entry(name, "frame", frame, _frame_error_code(frame)))
    for name, records in _bad_records():
        found.append(_entry(name, "records", lossy(records), _records_error_code(records)))
    for name, layout, body in _bad_bodies():
        assert len(body) % 4 == 0, name  # else the record itself would be wrong
        record = bytes((layout, len(body) // 4, 0, 0)) + body
        found.append(_entry(name, "event", lossy(record), None))
    for name, frame in _bad_payloads():
        found.append(_entry(name, "payload", frame, None))
    return found


def _entry(name: str, level: str, frame: bytes, code: int | None) -> dict[str, Any]:
    error = "" if code is None else ERRORS[code]
    limit = LIMIT if level == "frame" else spec.MAX_FRAME_BYTES
    return {"name": name, "level": level, "limit": limit, "error": error, "code": code, "hex": frame.hex()}


LIMIT = 640  # bytes of the largest frame that the reader of an invalid vector takes


def _frame_error_code(frame: bytes) -> int:
    reader = FrameReader()
    reader.feed(frame, LIMIT)
    try:
        reader.next()
    except FrameError as error:
        return error.code
    raise SystemExit(f"this frame should be invalid and is not: {frame.hex()}")


def _records_error_code(data: bytes) -> int:
    try:
        count_records(data, 0, len(data))
    except FrameError as error:
        return error.code
    raise SystemExit(f"these records should be invalid and are not: {data.hex()}")


def _bad_frames() -> list[tuple[str, bytes]]:
    good = lossy(batch((_frame_time(), 0)))
    checked = encode_frame(spec.TYPE_DATA, 0x22, 1, 0, 1, batch((_frame_time(), 0)))
    number = spec.NUMBER_LIMIT
    found = [
        ("not-a-frame", b"GET / HTTP/1.1\r\n\r\n"),
        ("not-a-frame-short", b"GET"),
        ("cut-in-header", good[:15]),
        ("cut-in-payload", good[:-1]),
        ("cut-in-trailer", checked[:-1]),
        ("header-one-bit", flipped(good, 6)),
        ("header-two-bits", flipped(flipped(good, 8), 13, 0x80)),
        ("header-check-byte", flipped(good, 3, 0x40)),
        ("version-0", raw_frame(13, 2, 0, 0, b"", 0xF0)),
        ("version-2", raw_frame(13, 2, 0, 0, b"", 0xF2)),
        ("type-0", raw_frame(0, 0, 0, 0, b"")),
        ("type-22", raw_frame(22, 0, 0, 0, b"")),
        ("flag-0x80", raw_frame(13, 0x82, 0, 0, b"")),
        ("seq-at-limit", raw_frame(13, 3, number, 0, b"")),
        ("ack-at-limit", raw_frame(7, 0, 0, number, bytes(4))),
        ("over-the-limit", raw_frame(13, 2, 0, 0, bytes(LIMIT - 15))),
        ("over-the-limit-with-trailer", raw_frame(13, 0x22, 0, 0, bytes(LIMIT - 19))),
        ("payload-one-bit", flipped(checked, 20)),
        ("trailer-one-bit", flipped(checked, len(checked) - 1)),
    ]
    refused = [name for name, bit in NAMES["flags"].items() if not bit & spec.FLAGS_SUPPORTED]
    return found + [(f"flag-{name}", raw_frame(13, 2 | NAMES["flags"][name], 0, 0, b"")) for name in refused]


def _bad_records() -> list[tuple[str, bytes]]:
    good = batch((_frame_time(), 0))
    return [
        ("record-head-cut", good[:3]),
        ("record-body-cut", good[:-4]),
        ("record-second-cut", good + good[:8]),
        ("record-layout-0", b"\x00" + good[1:]),
        ("record-layout-10", b"\x0a" + good[1:]),
        ("record-wide-without-sizes", b"\x86" + good[1:]),
        ("record-body-shorter-than-fixed-part", b"\x06\x03" + good[2:16]),
        ("record-body-empty", b"\x06\x00\x00\x00"),
        ("record-long-form-not-needed", b"\x07\xff\x00\x00" + (1016).to_bytes(4, "little") + bytes(1016)),
        ("record-long-form-not-a-multiple-of-4", b"\x07\xff\x00\x00" + (1022).to_bytes(4, "little") + bytes(1022)),
        ("record-long-form-cut", b"\x07\xff\x00\x00\xfc"),
        ("record-age-0-seconds", good[:2] + b"\x00\x80" + good[4:]),
        ("record-age-31-seconds", good[:2] + b"\x1f\x80" + good[4:]),
    ]


def _bad_bodies() -> list[tuple[str, int, bytes]]:
    number = {layout["name"]: int(layout["id"]) for layout in LAYOUTS}
    memory, component, v6r, log = (number[name] for name in ("memory-update", "component-update", "v6r-event", "log"))
    info = bytes((1, 0, 0, 0))
    active = b"\xff" * 8 + bytes((1, 0, 0, 0))
    started = bytes((2, 0, 0, 0))
    nothing = bytes(2)
    return [
        ("reserved-not-zero", memory, bytes(18) + b"\x01\x00"),
        ("body-longer-than-its-fields", memory, bytes(24)),
        ("padding-not-zero", log, info + b"\x01\x00x\x01"),
        ("padding-of-a-word", log, info + b"\x02\x00xy" + bytes(4)),
        ("text-not-utf-8", log, info + b"\x02\x00\xc3\x28"),
        ("text-over-its-limit", log, info + (482).to_bytes(2, "little") + b"x" * 482),
        ("text-over-the-body", log, info + b"\x03\x00xy"),
        ("text-missing", log, info),
        ("text-absent-where-required", log, info + b"\xff\xff\x00\x00"),
        ("enum-0", v6r, bytes(4) + nothing + b"\xff\xff" + b"\x02\x00{}"),
        ("enum-too-high", log, bytes((4, 0, 0, 0)) + bytes(4)),
        ("json-empty", component, active + nothing * 4),
        ("json-not-an-object", component, active + nothing * 3 + b"\x02\x00[]" + nothing),
        ("json-key-twice", component, active + nothing * 3 + b"\x0d\x00" + b'{"a":1,"a":2}' + bytes(3)),
        ("json-not-a-number", component, active + nothing * 3 + b"\x09\x00" + b'{"a":NaN}' + bytes(3)),
        ("map-value-not-text", v6r, started + nothing + b"\xff\xff" + b"\x07\x00" + b'{"a":1}' + bytes(3)),
    ]


def _bad_payloads() -> list[tuple[str, bytes]]:
    checked = spec.FLAG_CHECKED
    hello = _largest_hello()
    said = bytearray(hello[16:-4])
    attach = SESSION_ID + (1).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(16)
    asked = bytes((1, 0)) + bytes(18) + b"\x03log"
    records = batch((_frame_time(), 0))
    prefix = (1).to_bytes(4, "little") + bytes(4)
    over = spec.NUMBER_LIMIT.to_bytes(4, "little")
    data = spec.TYPE_DATA
    return [
        ("hello-cut", encode_frame(1, checked, 0, 0, 0, said[:51])),
        ("hello-with-more", encode_frame(1, checked, 0, 0, 0, said + b"\x00")),
        ("hello-token-cut", encode_frame(1, checked, 0, 0, 0, said[:-1])),
        ("hello-device-id-too-long", encode_frame(1, checked, 0, 0, 0, said[:52] + b"\x21" + b"d" * 33 + said[85:])),
        ("hello-window-0", encode_frame(1, checked, 0, 0, 0, said[:10] + bytes(2) + said[12:])),
        ("hello-capabilities-over-the-limit", encode_frame(1, checked, 0, 0, 0, said[:4] + over + said[8:])),
        ("hello-unpacked-limit-over-the-limit", encode_frame(1, checked, 0, 0, 0, said[:44] + over + said[48:])),
        ("hello-not-checked", encode_frame(1, 0, 0, 0, 0, said)),
        ("attach-cut", encode_frame(3, checked, 0, 0, 0, attach[:-1])),
        ("attach-with-more", encode_frame(3, checked, 0, 0, 0, attach + b"\x00")),
        ("attach-generation-over-the-limit", encode_frame(3, checked, 0, 0, 0, attach[:16] + over + attach[20:])),
        ("poll-cut", encode_frame(19, checked, 0, 0, 0, attach[:-1])),
        ("open-cut", encode_frame(11, 0, 1, 0, 1, asked[:-1])),
        ("open-with-more", encode_frame(11, 0, 1, 0, 1, asked + b"\x00")),
        ("open-channel-0", encode_frame(11, 0, 0, 0, 1, asked)),
        ("data-critical-without-number", encode_frame(data, 3, 1, 0, 1, prefix + records)),
        ("data-lossy-with-number", encode_frame(data, 2, 1, 1, 1, records)),
        ("data-without-batch", encode_frame(data, 0, 1, 0, 1, records)),
        ("data-without-records", encode_frame(data, 2, 1, 0, 1, b"")),
        ("data-critical-without-prefix", encode_frame(data, 3, 1, 1, 1, prefix[:7])),
        ("data-critical-without-records", encode_frame(data, 3, 1, 1, 1, prefix)),
        ("data-counter-0", encode_frame(data, 3, 1, 1, 1, bytes(8) + records)),
        ("data-counter-over-the-limit", encode_frame(data, 3, 1, 1, 1, over + bytes(4) + records)),
    ]
