"""A decoder written from docs/protocol.md alone; it imports nothing of the project. Layouts, and names of numbers, it
reads from the tables of the pages themselves. That it agrees with the vectors proves that the document suffices.
"""

import json
import math
import re
import struct
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "protocol.md").read_text("utf-8")
NAMES: dict[str, dict[int, str]] = {}  # field -> number -> name
for _field, _name, _number in re.findall(
    r"^\| (state|event_type|code|level) \| ([a-z-]+) \| (\d+) \|$", PAGE, re.MULTILINE
):
    NAMES.setdefault(_field, {})[int(_number)] = _name
TYPES = {
    int(number): name.lower()
    for name, number in re.findall(r"^\| ([A-Z]+) \| (\d+) \| (?:D|G|both) ", PAGE, re.MULTILINE)
}
LIMIT = 1 << 30
FORMATS = {"u8": "B", "u16": "H", "u32": "I", "i16": "h"}
# Payload heads: field names with struct codes; q = a u32 below the limit, * = the rest is read by hand.
HEADS = {
    "hello": "client_type:B platform:B version_min:B version_max:B capabilities:q frame_limit:H window_frames:H "
    "window_bytes:q incarnation:8s boot:8s client_nonce:8s flags_read:B flags_sent:B lanes:B auth:B unpacked_limit:q -:I",
    "welcome": "session_id:16s short_id:8s incarnation:8s epoch:8s server_nonce:8s heartbeat_ms:q window_frames:H "
    "frame_limit:H reconnect_spread_ms:q mark:q lossy_stored:q session_ttl_ms:q window_bytes:q token_expires_in_ms:q "
    "unpacked_limit:q flags_up:B flags_down:B auth:B -:B",
    "attach": "session_id:16s generation:q next_expected:q proof:16s",
    "resumed": "generation:q next_expected:q lossy_stored:q reconnect_spread_ms:q",
    "reset": "code:B -:B text_bytes:H retry_after_ms:q",
    "ack": "lossy_stored:q",
    "heartbeat": "lossy:q reconnect_spread_ms:q",
    "open": "mode:B start:B count:H epoch:8s offset:Q",
    "opened": "code:B mode:B text_bytes:H epoch:8s offset:Q",
    "critical": "counter:q held:H -:H",
    "deliver": "offset:Q previous:Q received_ms:Q source_short_id:8s counter:q held:H source_platform:B",
    "gap": "reason:B -:B -:B -:B epoch:8s after:Q to:Q",
    "refused": "seq:q code:B -:B text_bytes:H events:q",
    "piece": "message:H number:H total:q",
    "probe": "nonce:8s",
    "poll": "session_id:16s generation:q poll_number:q proof:16s",
    "token": "",
    "renewed": "code:B unasked:B text_bytes:H token_expires_in_ms:q",
}
HEADS |= {"close": HEADS["reset"], "probed": HEADS["probe"]}


class Refused(Exception):  # noqa: N818 - a refusal, no error of the program
    """args: the error's name, or the level where there is none."""


def need(truth: object, error: str) -> None:
    if not truth:
        raise Refused(error)


def layouts() -> dict[int, tuple[str, list[Any], list[Any]]]:
    """Layout number -> name, fixed fields, tail fields; both widths, from the tables of the reference."""
    found = {}
    for part in (DOCS / "reference-spec.md").read_text("utf-8").split("\n### ")[1:]:
        title = re.match(r"([a-z0-9-]+), layout (\d+)(?:, wide (\d+))?", part)
        assert title
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
        fields = [(row[0], row[1], row[4]) for row in rows if len(row) == 5 and row[2].isdigit()]
        tail = [(row[0], row[1], int(row[2]), row[3]) for row in rows if len(row) == 4 and row[2].isdigit()]
        for number, size in ((title[2], "I"), (title[3], "Q")):
            if number:
                codes = [(name, FORMATS.get(kind, size), said) for name, kind, said in fields]
                found[int(number)] = (title[1], codes, tail)
    return found


LAYOUTS = layouts()


def header_check(head: bytes) -> int:
    check = 0
    for k in range(128):
        if not 24 <= k <= 31 and head[k // 8] >> k % 8 & 1:
            check ^= 0x80 | (k ^ 24)
    return check


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


FLAGS = {"critical": 1, "batch": 2, "compressed": 4, "more": 8, "authenticated": 0x10, "checked": 0x20, "delta": 0x40}


def decode(frame: bytes, limit: int = 65536, agreed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Header, payload fields and records of one whole frame; agreed: flags beyond the plain ones."""
    if len(frame) < 16:
        raise Refused("CUT" if frame and frame[0] >> 4 == 15 else "MAGIC")
    first, kind, flags, check, length, channel, seq, ack = struct.unpack("<BBBBHHII", frame[:16])
    total = 16 + length + (4 if flags & 0x20 else 0)
    need(first >> 4 == 15, "MAGIC")
    need(check == header_check(frame), "CHECK")
    need(first & 15 == 1, "VERSION")
    need(kind in TYPES, "TYPE")
    need(not flags & ~(0x23 | sum(FLAGS[name] for name in agreed)), "FLAGS")
    need(seq < LIMIT and ack < LIMIT, "NUMBER")
    need(total <= min(limit, 65536), "LENGTH")
    need(total == len(frame), "CUT")
    need(not flags & 0x20 or crc32c(frame[:-4]) == int.from_bytes(frame[-4:], "little"), "CRC")
    names = [name for name, bit in FLAGS.items() if flags & bit]
    need(not flags & 0x4C or TYPES[kind] in ("data", "deliver"), "payload")
    head = {"type": TYPES[kind], "flags": names, "check": check, "payload_bytes": length}
    head |= {"channel": channel, "seq": seq, "ack": ack}
    if not flags & 0x10:
        return {"frame": head, **payload(head, frame[16 : 16 + length])}
    need(length >= 8, "payload")
    tag = frame[8 + length : 16 + length]
    return {"frame": head, "tag": tag.hex(), **payload(head, frame[16 : 8 + length])}


def fields_of(form: str, data: bytes) -> tuple[dict[str, Any], int]:
    """The fields of a payload's head, and its length."""
    found: dict[str, Any] = {}
    at = 0
    for item in HEADS.get(form, "").split():
        name, code = item.split(":")
        size = struct.calcsize("<" + code.replace("q", "I"))
        need(at + size <= len(data), "payload")
        (value,) = struct.unpack_from("<" + code.replace("q", "I"), data, at)
        need(code != "q" or value < LIMIT, "payload")
        at += size
        if name != "-":
            found[name] = value.hex() if isinstance(value, bytes) else value
            if name.endswith("short_id"):
                found[name] = bytes.fromhex(found[name]).decode("ascii")
    return found, at


def counted(data: bytes, at: int, size: int, limit: int) -> tuple[bytes, int]:
    """A text behind its length."""
    need(at + size <= len(data), "payload")
    end = at + size + int.from_bytes(data[at : at + size], "little")
    need(end <= len(data) and end - at - size <= limit, "payload")
    return data[at + size : end], end


def payload(head: dict[str, Any], data: bytes) -> dict[str, Any]:
    kind, critical = head["type"], "critical" in head["flags"]
    if kind == "data":
        need("batch" in head["flags"] and critical == bool(head["seq"]), "payload")
    if "more" in head["flags"]:
        found, at = fields_of("piece", data)
        need(at < len(data) and len(data) - at <= found["total"] <= 65536, "payload")
        return {"payload": {**found, "piece": data[at:].hex()}}
    found, at = fields_of("critical" if kind == "data" and critical else kind, data)
    if kind == "hello":
        need("checked" in head["flags"], "payload")
        for name, size, limit in (
            ("device_id", 1, 32),
            ("platform_name", 1, 16),
            ("program_version", 1, 16),
            ("token", 2, 480),
        ):
            raw, at = counted(data, at, size, limit)
            found[name] = raw.decode()
        need(found["frame_limit"] and found["window_frames"] and found["window_bytes"], "payload")
    if kind == "token":
        raw, at = counted(data, at, 2, 480)
        found["token"] = raw.decode()
    if kind == "open":
        raw, at = counted(data, at, 1, 255)
        need(head["channel"], "payload")
        found["name"] = raw.decode()
    if kind in ("hello", "attach", "open", "poll", "token"):
        need(at == len(data), "payload")
    if "text_bytes" in found:
        need(at + found["text_bytes"] <= len(data), "payload")
        found["text"] = data[at : at + found["text_bytes"]].decode("utf-8", "replace")
    if kind == "deliver":
        portion = at < len(data) and data[at] >= 0x80
        if portion:
            data = data[:at] + bytes((data[at] & 0x7F,)) + data[at + 1 :]
        raw, at = counted(data, at, 1, 255)
        found["source_device_id"] = raw.decode()
        at += -len(raw) % 4
        if portion:
            need(at + 4 <= len(data), "payload")
            found["events_so_far"] = int.from_bytes(data[at : at + 2], "little")
            need(found["events_so_far"], "payload")
            at += 4
    if kind not in ("data", "deliver"):
        return {"payload": found}
    need(kind == "deliver" or (at < len(data) and found.get("counter", 1)), "payload")
    data = data[at:]
    if "compressed" in head["flags"]:
        data = decompress(data)
    return {"payload": found, "records": [*records(undelta(data) if "delta" in head["flags"] else data)]}


def decompress(data: bytes) -> bytes:
    """An LZ4 block behind its size."""
    size, out, at = int.from_bytes(data[:4], "little"), bytearray(), 4
    need(len(data) > 4 and 0 < size <= min(65536, 255 * (len(data) - 4)), "COMPRESSED")

    def length(half: int) -> int:
        nonlocal at
        more = half == 15
        while more:
            half += data[at]
            more = data[at] == 255
            at += 1
        return half

    while True:
        token = data[at]
        at += 1
        literals = length(token >> 4)
        out += data[at : at + literals]
        at += literals
        if at == len(data):
            need(len(out) == size, "COMPRESSED")
            return bytes(out)
        offset = int.from_bytes(data[at : at + 2], "little")
        at += 2
        for _ in range(length(token & 15) + 4):
            out.append(out[-offset])


def undelta(data: bytes) -> bytes:
    """A delta batch as plain records."""
    out = bytearray()
    kept: list[dict[str, Any]] = []
    at = age = step = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                return value

    while at < len(data):
        control, last = data[at], age
        if not control & 0x40:
            words = struct.calcsize("<" + "".join(code for _, code, _ in LAYOUTS[control][1])) // 4
            head = 8 if data[at + 1] == 255 else 4
            size = int.from_bytes(data[at + 4 : at + 8], "little") if head == 8 else 4 * data[at + 1]
            need(all(control != one["layout"] for one in kept), "RECORD")
            age = int.from_bytes(data[at + 2 : at + 4], "little")
            if len(kept) < 4 and words <= 12:
                fixed = struct.unpack_from(f"<{words}I", data, at + head)
                kept.append({"layout": control, "fixed": list(fixed), "mask": 0})
            step = (age - last) % 65536 if out else 0
            out += data[at : at + head + size]
            at += head + size
            continue
        need(not control & 0xA0 and control & 3 < len(kept), "RECORD")
        at += 1
        layout = kept[control & 3]
        folded = varint() if control & 4 else 0
        age = (age + step + (folded >> 1 ^ -(folded & 1))) % 65536
        step = (age - last) % 65536
        layout["mask"] = varint() if control & 8 else layout["mask"]
        for n in range(len(layout["fixed"])):
            if layout["mask"] >> n & 1:
                folded = varint()
                layout["fixed"][n] = (layout["fixed"][n] + (folded >> 1 ^ -(folded & 1))) % 2**32
        body = struct.pack(f"<{len(layout['fixed'])}I", *layout["fixed"])
        if control & 16:
            size = 4 * varint()
            body += data[at : at + size]
            at += size
        need(len(body) <= 1016, "too long for this decoder")
        out += struct.pack("<BBH", layout["layout"], len(body) // 4, age) + body
    return bytes(out)


def records(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    at = 0
    while at < len(data):
        need(at + 4 <= len(data), "RECORD")
        layout, words, age = struct.unpack_from("<BBH", data, at)
        at, size = at + 4, 4 * words
        if words == 255:
            need(at + 4 <= len(data), "RECORD")
            size = int.from_bytes(data[at : at + 4], "little")
            need(size > 1016 and size % 4 == 0, "RECORD")
            at += 4
        need(layout in LAYOUTS and at + size <= len(data) and not 0x8000 <= age < 0x8020, "RECORD")
        age_ms = None if age == 0xFFFF else age if age < 0x8000 else max(32768, (age - 0x8000) * 1000)
        need(size >= struct.calcsize("<" + "".join(code for _, code, _ in LAYOUTS[layout][1])), "RECORD")
        found.append({"layout": layout, "age_ms": age_ms, "body": data[at : at + size]})
        at += size
    for entry in found:
        entry["event"], entry["fields"] = LAYOUTS[entry["layout"]][0], body(entry["layout"], entry.pop("body"))
    return found


def body(layout: int, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    _, fields, tail = LAYOUTS[layout]
    at = 0
    for name, code, said in fields:
        (value,) = struct.unpack_from("<" + code, data, at)
        at += struct.calcsize("<" + code)
        if "must be 0" in said:
            need(value == 0, "event")
            continue
        if name in NAMES:
            need(value in NAMES[name], "event")
            value = NAMES[name][value]
        unknown = -0x8000 if code == "h" else (1 << 8 * struct.calcsize(code)) - 1
        scale = re.search(r"in 1/(\d+)", said)
        found[name] = None if "unknown" in said and value == unknown else value / int(scale[1]) if scale else value
    for name, kind, limit, absent in tail:
        length = int.from_bytes(data[at : at + 2], "little")
        need(at + 2 <= len(data), "event")
        at += 2
        if length == 0xFFFF and absent == "yes":
            found[name] = None
            continue
        need(length <= limit and at + length <= len(data), "event")
        found[name] = tail_value(kind, data[at : at + length])
        at += length
    need(len(data) - at == -at % 4 and not any(data[at:]), "event")
    return found


def tail_value(kind: str, raw: bytes) -> Any:
    if kind == "bytes":
        return raw.hex()
    try:
        text = raw.decode()
        if kind == "text":
            return text
        value = json.loads(text, object_pairs_hook=once, parse_float=finite, parse_constant=finite)
    except ValueError:
        raise Refused("event") from None
    need(isinstance(value, dict) and (kind == "json" or all(isinstance(one, str) for one in value.values())), "event")
    return value


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len(dict(pairs)) == len(pairs), "event")
    return dict(pairs)


def finite(text: str) -> float:
    need(math.isfinite(float(text)), "event")
    return float(text)
