"""Known answers for the test program on bare machines, computed by plain Python, written as a C file.

spec/vectors/frames.json, where it exists, adds its frames: every object in it that has the bytes of a frame as hex under
one of HEX_KEYS. What decoding gives is computed here, from the definition.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.core.plain import build_frame, plain_check, plain_crc32c

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "spec" / "vectors" / "frames.json"
HEX_KEYS = ("frame", "bytes", "hex", "wire")
HEADER = (ROOT / "csrc" / "include" / "flight_spec.h").read_text(encoding="utf-8")
MOST_BYTES = 4000  # what the program's buffers hold


def constant(name: str) -> int:
    """A number of the generated C header."""
    found = re.search(rf"^#define FLIGHT_{name} (\w+?)u$", HEADER, re.MULTILINE)
    assert found is not None, name
    return int(found[1], 0)


FLAGS_SUPPORTED = constant("FLAGS_SUPPORTED")
LAST_TYPE = max(int(number, 0) for number in re.findall(r"^#define FLIGHT_TYPE_\w+ (\w+?)u$", HEADER, re.MULTILINE))
ERROR_MAGIC, ERROR_CHECK, ERROR_VERSION, ERROR_TYPE, ERROR_FLAGS, ERROR_NUMBER = -6, -7, -8, -9, -10, -11
ERROR_LENGTH, ERROR_CRC = -12, -13


def judge(data: bytes) -> int:
    """What decoding these bytes gives: the bytes of the frame, 0 for more needed, or an error."""
    if len(data) < 16:
        return ERROR_MAGIC if data and data[0] >> 4 != 0xF else 0
    numbers = int.from_bytes(data[8:12], "little") | int.from_bytes(data[12:16], "little")
    size = 16 + int.from_bytes(data[4:6], "little") + (4 if data[2] & 0x20 else 0)
    problems = (
        (data[0] >> 4 != 0xF, ERROR_MAGIC),
        (data[3] != plain_check(data[:16]), ERROR_CHECK),
        (data[0] & 15 != 1, ERROR_VERSION),
        (not 1 <= data[1] <= LAST_TYPE, ERROR_TYPE),
        (data[2] & ~FLAGS_SUPPORTED != 0, ERROR_FLAGS),
        (numbers >= 1 << 30, ERROR_NUMBER),
        (size > 1 << 16, ERROR_LENGTH),
        (size > len(data), 0),
    )
    for wrong, result in problems:
        if wrong:
            return result
    if data[2] & 0x20 and plain_crc32c(data[: size - 4]) != int.from_bytes(data[size - 4 : size], "little"):
        return ERROR_CRC
    return size


def golden_frames(value: Any) -> Iterator[bytes]:
    """The frames of spec/vectors/frames.json, wherever in it they stand."""
    if isinstance(value, list):
        for item in value:
            yield from golden_frames(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in HEX_KEYS and isinstance(item, str) and re.fullmatch(r"([0-9a-fA-F]{2})*", item):
                yield bytes.fromhex(item)
            else:
                yield from golden_frames(item)


def made_frames(source: random.Random) -> Iterator[bytes]:
    """Frames of every type, with and without CRC, and a few that are wrong in one thing."""
    for type_ in range(1, LAST_TYPE + 1):
        for flags in (0, 0x20, 0x22):
            payload = source.randbytes(source.choice((0, 1, 3, 4, 7, 48, 52, 130)))
            numbers = source.getrandbits(30), source.getrandbits(30)
            yield build_frame(type_, flags, source.getrandbits(16), *numbers, payload)
    good = build_frame(payload=source.randbytes(40))
    yield good[:15]
    yield good[:-1]
    yield build_frame(payload=source.randbytes(2000))
    yield build_frame(first=0xF2)
    yield build_frame(first=0xE1)
    yield build_frame(type=0)
    yield build_frame(type=LAST_TYPE + 1)
    yield build_frame(flags=0x20 | (~FLAGS_SUPPORTED & 0x80))
    yield build_frame(seq=1 << 30)
    yield build_frame(ack=1 << 31)
    yield build_frame(length=65535)
    for bit in source.sample(range(8 * len(good)), 60):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


def plain_age(age_ms: int) -> int:
    """An age as its two bytes say it."""
    if age_ms < 32768:
        return age_ms
    return 0xFFFF if age_ms >= 32767000 else 0x8000 | age_ms // 1000


def plain_record(layout: int, stamp_ms: int, now_ms: int, body: bytes) -> bytes:
    """One event as a batch holds it."""
    age_ms = now_ms - stamp_ms & 0x3FFFFFFF
    age = 0 if age_ms > 0x3FFFFFFF - 0x10000 else plain_age(age_ms)
    head = bytes([layout, min(len(body) // 4, 255)]) + age.to_bytes(2, "little")
    return head + (len(body).to_bytes(4, "little") if len(body) > 1016 else b"") + body


@dataclass
class Vectors:
    """What becomes the C file."""

    seed: int
    data: bytearray = field(default_factory=bytearray)
    crcs: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    golden: int = 0

    @property
    def count(self) -> int:
        """All cases with a known answer."""
        return len(self.crcs) + len(self.checks) + len(self.frames) + len(self.batches)

    def keep(self, data: bytes) -> int:
        """Where in the common bytes these now stand."""
        self.data += data
        return len(self.data) - len(data)

    def add_crc(self, data: bytes) -> None:
        """Its CRC is known."""
        self.crcs.append(f"{{{self.keep(data)}, {len(data)}, 0x{plain_crc32c(data):08x}u}}")

    def add_check(self, header: bytes) -> None:
        """Its check is known."""
        numbers = ", ".join(str(byte) for byte in header)
        self.checks.append(f"{{{{{numbers}}}, {plain_check(header)}}}")

    def add_frame(self, data: bytes) -> None:
        """What decoding it gives is known."""
        result = judge(data)
        fields = (0, 0, 0, 0, 0, 0)
        if result > 0:
            payload = int.from_bytes(data[4:6], "little")
            seq, ack = (int.from_bytes(data[at : at + 4], "little") for at in (8, 12))
            fields = (payload, seq, ack, int.from_bytes(data[6:8], "little"), data[1], data[2])
        self.frames.append(f"{{{self.keep(data)}, {len(data)}, {result}, {', '.join(map(str, fields))}}}")

    def add_batch(self, now_ms: int, events: Sequence[tuple[int, int, bytes]]) -> None:
        """How these events (layout, stamp, body) are packed is known."""
        packed = b"".join(plain_record(layout, stamp_ms, now_ms, body) for layout, stamp_ms, body in events)
        first, bodies = len(self.events), self.keep(bytes(-len(self.data) % 4) + b"".join(body for *_, body in events))
        bodies += -bodies % 4
        self.events += [f"{{{stamp_ms}u, {len(body)}, {layout}}}" for layout, stamp_ms, body in events]
        self.batches.append(f"{{{first}, {len(events)}, {now_ms}u, {bodies}, {self.keep(packed)}, {len(packed)}}}")


def batch_of(source: random.Random) -> tuple[int, list[tuple[int, int, bytes]]]:
    """A clock and events before it, over the clock's end and with ages of every form."""
    now_ms = source.choice((source.getrandbits(30), 5, 0x3FFFFFFF))
    events = []
    for _ in range(source.randint(1, 12)):
        body = source.randbytes(4 * source.randint(1, 60))
        age_ms = source.getrandbits(source.randint(1, 29))
        events.append((constant("LAYOUT_PAYLOAD"), now_ms - age_ms & 0x3FFFFFFF, body))
    if source.random() < 0.3:
        events = [*events[:2], (constant("LAYOUT_LOG"), now_ms, source.randbytes(1020))]
    return now_ms, events


def make_vectors(seed: int) -> Vectors:
    """All vectors: fixed ones, golden ones, random ones of this seed."""
    source = random.Random(seed)
    vectors = Vectors(seed)
    for data in (b"", b"123456789", bytes(32), b"\xff" * 32, bytes(range(32)), bytes(range(31, -1, -1))):
        vectors.add_crc(data)
    for size in range(1, 70):
        vectors.add_crc(source.randbytes(size))
    for size in (255, 256, 640, 1023):
        vectors.add_crc(source.randbytes(size))
    for header in (
        bytes(16),
        b"\xff" * 16,
        *(bytes(1 << bit % 8 if bit // 8 == at else 0 for at in range(16)) for bit in range(128)),
    ):
        vectors.add_check(header)
    for _ in range(100):
        vectors.add_check(source.randbytes(16))
    for frame in made_frames(source):
        vectors.add_frame(frame)
    if GOLDEN.exists():
        golden = [
            frame for frame in golden_frames(json.loads(GOLDEN.read_text(encoding="utf-8"))) if len(frame) <= MOST_BYTES
        ]
        assert golden, f"no frames in {GOLDEN}: each stands as hex under one of {HEX_KEYS}"
        vectors.golden = len(golden)
        for frame in golden:
            vectors.add_frame(frame)
    for _ in range(60):
        vectors.add_batch(*batch_of(source))
    return vectors


def write_c(vectors: Vectors, path: Path) -> None:
    """The C file that the test program is built with."""
    lines = ['#include "target.h"', f"const uint32_t vector_seed = {vectors.seed}u;"]
    numbers = [", ".join(map(str, vectors.data[at : at + 64])) for at in range(0, len(vectors.data), 64)]
    tables = (
        ("const uint8_t vector_bytes", numbers, "__attribute__((aligned(4)))"),
        ("const crc_vector crc_vectors", vectors.crcs, ""),
        ("const check_vector check_vectors", vectors.checks, ""),
        ("const frame_vector frame_vectors", vectors.frames, ""),
        ("const batch_event batch_events", vectors.events, ""),
        ("const batch_vector batch_vectors", vectors.batches, ""),
    )
    for name, rows, attribute in tables:
        lines += [f"{name}[] {attribute} = {{", *(f"    {row}," for row in rows), "};"]
    for name in ("crc", "check", "frame", "batch"):
        lines.append(f"const uint32_t {name}_vector_count = sizeof {name}_vectors / sizeof {name}_vectors[0];")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
