"""What the C core says: files of cases for programs/core_run.py to compare a board with."""

import json
import random
import struct
from pathlib import Path
from typing import Any

from flight_client import events
from flight_client._core import ffi, lib
from flight_client.errors import FrameError
from flight_client.session.spec import FLAG_BATCH, FLAG_COMPRESSED, FLAG_DELTA, FLAG_MORE
from flight_client.wire import FrameReader, compress_payload, decompress_payload, records
from flight_client.wire.coding import plain_records
from tests.core.test_delta import FIXED, TAILS
from tests.core.test_ring import Ring
from tests.micropython.board import ROOT

ALL_FLAGS = 0x7F
# MicroPython's json takes the last of two equal keys and says nothing; CPython's takes NaN.
NOT_NOTICED = ("json-key-twice", "json-not-a-number")
NO_ROOM = -2


def write_vectors(path: Path) -> int:
    """spec/vectors as lines of JSON, with what a small reader cannot work out for itself."""
    lines = []
    for name in ("frames", "coded"):
        vectors = json.loads((ROOT / "spec" / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
        lines += [_sound(entry) for entry in vectors["frames"]]
        lines += [
            _unsound(entry)
            for entry in vectors.get("invalid", ())
            if entry["level"] != "payload" and entry["name"] not in NOT_NOTICED
        ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return len(lines)


def _sound(entry: dict[str, Any]) -> dict[str, Any]:
    frame = bytes.fromhex(entry["hex"])
    reader = FrameReader(ALL_FLAGS)
    reader.feed(frame)
    assert reader.next()
    line: dict[str, Any] = {"name": entry["name"], "hex": entry["hex"], "flags": reader.flags, "records": []}
    if entry.get("records") and not reader.flags & FLAG_MORE:
        end = reader.end - (8 if reader.flags & 0x10 else 0)
        start = _records_start(frame, reader)
        plain = plain_records(frame, start, end, reader.flags & (FLAG_DELTA | FLAG_COMPRESSED))
        # On its way through JSON metadata may be written in another order or with other blanks: no bytes to compare.
        wanted = [not {"json", "map"} & _kinds(layout) for layout, *_ in records(plain, 0, len(plain))]
        line |= {"from": start, "to": end, "plain": plain.hex(), "records": wanted}
    return line


def _kinds(layout: int) -> set[str]:
    return {2: {"json"}, 4: {"map"}}.get(layout & 0x7F, set())


def _records_start(frame: bytes, reader: FrameReader) -> int:
    if reader.type == 14:
        return reader.start + 40 + (frame[reader.start + 39] + 3 & ~3)
    return reader.start + (8 if reader.flags & 1 else 0)


def _unsound(entry: dict[str, Any]) -> dict[str, Any]:
    line = {key: entry[key] for key in ("name", "hex", "level", "limit", "error", "code")}
    if entry["level"] != "frame":
        frame = bytes.fromhex(entry["hex"])
        reader = FrameReader()
        reader.feed(frame)
        assert reader.next()
        assert reader.flags & FLAG_BATCH
        line["from"] = _records_start(frame, reader)
    return line


def write_batches(path: Path, seed: int, events_wanted: int) -> int:
    """Random events of full-range values through the C core's ring, packed at random limits; the number of packs."""
    chance = random.Random(seed)
    out = bytearray()
    packs = put = 0
    while put < events_wanted:
        now, room = chance.randrange(1 << 30), chance.choice((60, 200, 616, 2000, 8000))
        most, delta = chance.choice((1, 5, 16, 300)), chance.randrange(2)
        batch = _events(chance, now)
        put += len(batch)
        ring = Ring(96, 64)
        out += struct.pack("<IHHHHI", now, room, most, delta, len(batch), 0)
        for channel, layout, stamp, body in batch:
            assert ring.put(channel, layout, stamp, body) == 0
            out += struct.pack("<HBxHxxI", channel, layout, len(body), stamp) + body
        packs += _packs(out, ring, delta, room, now, most)
    path.write_bytes(out)
    return packs


def _events(chance: random.Random, now: int) -> list[tuple[int, int, int, bytes]]:
    """Events as devices have them: layouts take turns, words change a little, a lot or not at all, up to 2^32 - 1."""
    layouts = chance.sample(sorted(FIXED), chance.choice((1, 2, 6)))
    bodies = {layout: bytearray(chance.randbytes(FIXED[layout])) for layout in layouts}
    channel, found, slots = chance.randrange(1, 65536), [], 0
    for _ in range(chance.randrange(1, 80)):
        layout = chance.choice(layouts)
        body = bodies[layout]
        for at in range(0, len(body), 4):
            change = chance.choice((0, 0, 0, 0, 1, -1, 100, 5000, -70000, 1 << 31, chance.getrandbits(32)))
            word = int.from_bytes(body[at : at + 4], "little") + change
            body[at : at + 4] = (word & 0xFFFFFFFF).to_bytes(4, "little")
        tail = 4 * chance.choice((0, 1, 3, 40, 300)) if layout in TAILS and chance.random() < 0.5 else 0
        slots += (len(body) + tail + 16 + 63) // 64
        if slots > 80:
            break
        age = chance.choice((0, 1, 100, 100, 100, 32767, 32768, 40000, 33000000, chance.randrange(1 << 30)))
        found.append((channel, layout, now - age & 0x3FFFFFFF, bytes(body) + chance.randbytes(tail)))
        channel = channel if chance.random() < 0.97 else chance.randrange(1, 65536)
    return found


def _packs(out: bytearray, ring: Ring, delta: int, room: int, now: int, most: int) -> int:
    call = lib.flight_delta_pack if delta else lib.flight_batch_pack
    memory, batch = ffi.new("uint8_t[]", room + 8), ffi.new("flight_batch *")
    packs = 0
    while True:
        size = call(ring.ring, memory, room, now, most, batch)
        assert size >= 0 or size == NO_ROOM
        out += struct.pack("<HHi", batch.events, batch.channel, size) + bytes(ffi.buffer(memory, max(size, 0)))
        packs += 1
        if size <= 0:
            return packs


def write_events(path: Path, seed: int, count: int) -> int:
    """Random events as their fields, and the body that CPython writes."""
    chance = random.Random(seed)
    lines = []
    for _ in range(count):
        wide = chance.random() < 0.3
        sizes = [None, 0, 1, 0x3FFFFFFF, 0x40000000, 0xFFFFFFFE] + (
            [0xFFFFFFFF, (1 << 64) - 2, 1 << 63] if wide else []
        )
        name, values = _values(chance, sizes)
        given = dict(values)
        if "data" in values:
            values["data"] = values["data"].hex()
        body = events.encode_event(getattr(events, name)(**given), wide)[1]
        lines.append(json.dumps([name, values, wide, body.hex()], ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return count


def _values(chance: random.Random, sizes: list[Any]) -> tuple[str, dict[str, Any]]:
    def size() -> Any:
        return chance.choice(sizes)

    def u32() -> int:
        return chance.choice((0, 1, 0x3FFFFFFF, 0x40000000, 0xFFFFFFFE, chance.getrandbits(32)))

    def text(limit: int) -> str:
        return "".join(chance.choice("ab/ é€𝄞") for _ in range(chance.randrange(limit // 4)))

    share = chance.choice((None, 0.0, 0.25, 1.0, 6.5534))
    kind = chance.randrange(6)
    if kind == 0:
        return "MemoryUpdate", {
            "total_bytes": size(),
            "used_bytes": size(),
            "available_bytes": size(),
            "fragmentation": share,
        }
    if kind == 1:
        return "SystemMonitoring", {
            "memory_used_bytes": size(), "network_sent_bytes": size(), "dropped_events": min(u32(), 0xFFFFFFFE),
            "cpu": share, "battery": 0.5, "temperature_c": chance.choice((None, -327.67, 20.25, 327.67)),
        }  # fmt: skip
    if kind == 2:
        return "FrameTime", {
            "minimum_us": u32(),
            "mean_us": u32(),
            "maximum_us": u32(),
            "count": 65535,
            "over_budget": 3,
        }
    if kind == 3:
        return "Log", {"text": text(480), "level": chance.choice(("debug", "info", "warning", "error"))}
    if kind == 4:
        return "V6REvent", {
            "event_type": "vm-scaling",
            "resource": text(128),
            "organization": chance.choice((None, "", "o")),
        }
    return "Payload", {"kind": chance.randrange(65536), "data": chance.randbytes(chance.randrange(100))}


def write_blocks(path: Path, seed: int, count: int) -> int:
    """Bytes and what compressing and decompressing them gives; some blocks are damaged."""
    chance = random.Random(seed)
    lines: list[str] = []
    while len(lines) < count:
        words = [chance.randbytes(chance.randrange(1, 12)) for _ in range(chance.randrange(1, 6))]
        data = b"".join(chance.choice(words) for _ in range(chance.randrange(1, 200)))[:2000]
        if chance.random() < 0.1:
            data = chance.randbytes(len(data))
        if len(data) < 2:
            continue
        packed = compress_payload(data)
        lines.append(f"pack {data.hex()} {packed.hex() if packed else 'none'}")
        if packed is None:
            continue
        if chance.random() < 0.7:
            broken = bytearray(packed)
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
            packed = bytes(broken[: chance.randrange(len(broken) + 1)] if chance.random() < 0.3 else broken)
        try:
            plain = decompress_payload(packed, 4096).hex()
        except FrameError:
            plain = "refused"
        lines.append(f"unpack {packed.hex() or '-'} {plain}")
    path.write_text("\n".join(lines) + "\n")
    return len(lines)
