"""The codecs as a shared library, and one object for each connection.

FLIGHT_CODEC_FLAGS in the environment builds it in another way and FLIGHT_CODEC_CUTS=0 leaves the cuts out, which is how
coverage is measured (test_codec_coverage.py).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from build_scripts import ctools

HERE = Path(__file__).resolve().parent
DECLARATIONS = """
uint32_t codec_number(uint32_t which);
uint32_t codec_sizeof(int websocket);
int codec_init(void *codec, int websocket, const char *host, uint16_t port, const char *path);
int codec_begin(void *codec, uint8_t *out, size_t capacity, const uint8_t *key);
int codec_end_turn(void *codec, uint8_t *buffer, uint32_t head_room, uint32_t body_bytes);
int codec_feed(void *codec, int websocket, uint8_t *data, size_t *bytes);
int codec_end(void *codec, int websocket);
int codec_close(void *codec, uint16_t code);
uint32_t codec_head(void *codec, uint8_t *out, uint32_t payload_bytes, uint32_t mask);
void codec_look(const void *codec, int websocket, uint32_t *out);
uint32_t codec_answer(void *codec, uint8_t *out, uint32_t most);
void flight_websocket_mask(uint8_t *data, uint32_t bytes, uint32_t mask, uint32_t offset);
void codec_sha1(const uint8_t *data, size_t bytes, const uint32_t *cuts, uint8_t *digest);
size_t flight_base64(uint8_t *text, const uint8_t *data, size_t bytes);
"""
# What a sanitizer finds ends the process: a shared library in Python has no room for its report.
FLAGS = ["-O1", "-g1", "-fPIC", "-shared", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]

OPEN, TURN_DONE, ANSWER, REOPEN, FAILED = 1, 2, 4, 8, 16
HAPPENINGS = OPEN | TURN_DONE | REOPEN
PROBLEMS = ("none", "status", "head", "length", "handshake", "framing", "closed")
ERROR_ARGUMENT, ERROR_NO_ROOM, ERROR_TOO_LARGE = -1, -2, -5
KEY = bytes(range(16))
SEED = int(os.environ.get("FLIGHT_SEED", "1"))


def build() -> Path:
    """Build the library, or take the one that the same sources gave before."""
    flags = shlex.split(os.environ.get("FLIGHT_CODEC_FLAGS", "")) or FLAGS
    sources = [*ctools.codec_sources(), HERE / "codecs.c"]
    name = f"libcodecs-{ctools.stamp_of([], flags)[:8]}.so"
    compiler = ctools.clang() if "-fcoverage-mapping" in flags else ctools.find_tool("gcc", "cc", package="gcc")
    return ctools.program(name, sources, flags, compiler)


@cache
def library() -> tuple[cffi.FFI, Any]:
    """The library, loaded."""
    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    return ffi, ffi.dlopen(str(build()))


def number(which: int) -> int:
    """One of the codecs' sizes: see codec_number."""
    return int(library()[1].codec_number(which))


@dataclass(frozen=True)
class Outcome:
    """All that can be seen of a connection."""

    payload: bytes
    happened: int  # OPEN, TURN_DONE, REOPEN
    failed: bool
    problem: str
    status: int
    retry_after_s: int
    answer: bytes


class Codec:
    """One connection."""

    def __init__(self, kind: str, host: str = "192.168.1.10", port: int = 7070, path: str = "/v1/poll") -> None:
        """kind: http or websocket."""
        self._ffi, self.lib = library()
        self.websocket = kind == "websocket"
        # Memory of the codec's exact size, so that what reads or writes beyond it is found by the allocator's tools.
        self.codec = self._ffi.new("uint64_t[]", (self.lib.codec_sizeof(self.websocket) + 7) // 8)
        self._texts = [self._ffi.new("char[]", text.encode()) for text in (host, path)]
        self.code = self.lib.codec_init(self.codec, self.websocket, self._texts[0], port, self._texts[1])

    def request(self, body: bytes = b"", head_room: int | None = None) -> bytes:
        """HTTP: the request around a body."""
        room = number(0) if head_room is None else head_room
        written = bytearray(bytes(room) + body + b"!")
        begin = self.lib.codec_end_turn(self.codec, self._ffi.from_buffer(written), room, len(body))
        if begin < 0:
            raise CodecError(begin)
        assert written[:begin] == bytes(begin), "nothing is written in front of the request"
        assert written.endswith(body + b"!")
        return bytes(written[begin:-1])

    def upgrade(self, key: bytes = KEY, capacity: int | None = None) -> bytes:
        """WebSocket: the request."""
        room = number(1) if capacity is None else capacity
        buffer = self._ffi.new("uint8_t[]", room + 1)
        count = self.lib.codec_begin(self.codec, buffer, room, key)
        if count < 0:
            raise CodecError(count)
        assert self._ffi.buffer(buffer)[room] == b"\0"
        return bytes(self._ffi.buffer(buffer, count))

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """One piece: what is left of it, and what was noticed."""
        buffer = bytearray(data + b"\xa5")
        count = self._ffi.new("size_t *", len(data))
        noticed = self.lib.codec_feed(self.codec, self.websocket, self._ffi.from_buffer(buffer), count)
        assert count[0] <= len(data)
        assert buffer[-1] == 0xA5, "nothing is written behind the piece"
        return bytes(buffer[: count[0]]), noticed

    def end(self) -> int:
        """The connection ended."""
        return int(self.lib.codec_end(self.codec, self.websocket))

    def close(self, code: int = 1000) -> int:
        """WebSocket: say that we close."""
        return int(self.lib.codec_close(self.codec, code))

    def answer(self, most: int = 131) -> bytes:
        """Take the answer, or the next so many bytes of it."""
        buffer = self._ffi.new("uint8_t[]", 131)
        return bytes(self._ffi.buffer(buffer, self.lib.codec_answer(self.codec, buffer, most)))

    def message(self, payload: bytes, mask: int = 0x44332211) -> bytes:
        """WebSocket: a masked message; empty where the codec writes none."""
        head = self._ffi.new("uint8_t[]", 15)
        count = self.lib.codec_head(self.codec, head, len(payload), mask)
        assert bytes(self._ffi.buffer(head))[count:] == bytes(15 - count)
        return bytes(self._ffi.buffer(head, count)) + masked(payload, mask) if count else b""

    def words(self) -> list[int]:
        """Problem, status, retry_after_s, answer_bytes."""
        words = self._ffi.new("uint32_t[4]")
        self.lib.codec_look(self.codec, self.websocket, words)
        return list(words)

    def outcome(self, pieces: Iterable[bytes]) -> Outcome:
        """Feed pieces and look."""
        payload = bytearray()
        happened = last = 0
        for piece in pieces:
            left, last = self.feed(piece)
            payload += left
            happened |= last & HAPPENINGS
        problem, status, retry_after_s, answer_bytes = self.words()
        assert bool(last & FAILED) == (problem != 0)
        assert bool(last & ANSWER) == (answer_bytes != 0)
        answer = self.answer() if self.websocket else b""
        return Outcome(bytes(payload), happened, problem != 0, PROBLEMS[problem], status, retry_after_s, answer)


class CodecError(Exception):
    """A call refused what it was given."""


def masked(payload: bytes, mask: int, cuts: Sequence[int] = ()) -> bytes:
    """Payload with the mask, done in parts."""
    ffi, lib = library()
    out = bytearray()
    for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True):
        part = bytearray(payload[start:end] + b"!")
        lib.flight_websocket_mask(ffi.from_buffer(part), end - start, mask, start)
        assert part.endswith(b"!")
        out += part[:-1]
    return bytes(out)


def unmasked(frame: bytes) -> tuple[int, bytes]:
    """First byte and payload of a masked frame with a short length."""
    assert frame[1] & 0x80
    assert len(frame) == 6 + (frame[1] & 0x7F)
    return frame[0], bytes(byte ^ frame[2 + at % 4] for at, byte in enumerate(frame[6:]))


def ready(kind: str) -> Codec:
    """A connection that waits for the server: a request is out, or the handshake is done."""
    codec = Codec(kind, path="/v1/poll" if kind == "http" else "/v1/stream")
    if kind == "http":
        codec.request(b"")
    else:
        codec.upgrade()
    return codec


def whole(kind: str, data: bytes, before: bytes = b"") -> Outcome:
    """What comes of these bytes in one piece."""
    codec = ready(kind)
    return codec.outcome([before, data] if before else [data])


def cut_anywhere(kind: str, data: bytes, before: bytes = b"") -> Outcome:
    """What comes of these bytes, after seeing that every cut gives the same: at each place, and into single bytes."""
    expected = whole(kind, data, before)
    if os.environ.get("FLIGHT_CODEC_CUTS") == "0":
        return expected
    places = range(1, len(data)) if len(data) < 600 else range(1, len(data), len(data) // 300)
    for at in places:
        assert ready(kind).outcome([before, data[:at], data[at:]] if before else [data[:at], data[at:]]) == expected, at
    # An empty piece at the end, so that what is looked at last is a state and not a happening.
    pieces = [data[at : at + 1] for at in range(len(data))]
    assert ready(kind).outcome([before, *pieces, b""]) == expected
    return expected
