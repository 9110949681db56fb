"""What a WebSocket server may send, good and hostile, and what the codec must make of it.

The list follows the sections of the Autobahn suite for clients (framing 1, pings 2, reserved bits 3, opcodes 4, fragments 5,
UTF-8 6, closing 7, limits 9), with binary messages where that one has text: text is a breach of this protocol.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

from tests.codecs.library import KEY

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ACCEPT = base64.b64encode(hashlib.sha1(base64.b64encode(KEY) + GUID).digest())
MESSAGE_LIMIT = 131072
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
BODY = bytes(range(256))

FIELDS = {
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Accept": ACCEPT,
    b"Sec-WebSocket-Protocol": b"flight.v1",
}


def upgrade(*more: bytes, start: bytes = b"HTTP/1.1 101 Switching Protocols", **changed: bytes | None) -> bytes:
    """The server's answer; a field may be given another value, or None to be left out."""
    fields = dict(FIELDS)
    for name, value in changed.items():
        full = next(field for field in fields if field.lower().endswith(name.encode()))
        if value is None:
            del fields[full]
        else:
            fields[full] = value
    lines = [start, *(name + b": " + value for name, value in fields.items()), *more, b"", b""]
    return b"\r\n".join(lines)


UPGRADE = upgrade()


def frame(opcode: int, payload: bytes = b"", last: bool = True, reserved: int = 0, mask: int = 0) -> bytes:
    """A frame of a server."""
    count = len(payload)
    if count < 126:
        length = bytes([mask | count])
    else:
        length = b"\x7e" + struct.pack(">H", count) if count < 65536 else b"\x7f" + struct.pack(">Q", count)
    return bytes([last << 7 | reserved << 4 | opcode]) + length + payload


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason)


@dataclass(frozen=True)
class Case:
    """Frames behind the upgrade, the payload that comes out, and how it ends: an answer's opcode and payload, a problem."""

    data: bytes
    payload: bytes = b""
    answer: tuple[int, bytes] | None = None
    problem: str = "none"
    status: int = 101


def breach(data: bytes, code: int = 1002, payload: bytes = b"") -> Case:
    """The server broke a rule: a close frame says which."""
    return Case(data, payload, (CLOSE, struct.pack(">H", code)), "framing", code)


def closed(data: bytes, code: int, payload: bytes = b"") -> Case:
    """The server closed, and its code goes back."""
    return Case(data, payload, (CLOSE, struct.pack(">H", code)), "closed", code)


def pong(data: bytes, echoed: bytes, payload: bytes = b"") -> Case:
    return Case(data, payload, (PONG, echoed))


SIZES = (0, 1, 124, 125, 126, 127, 128, 255, 256, 65535, 65536, 65537, MESSAGE_LIMIT)
CASES: dict[str, Case] = {
    **{f"1 a message of {size} bytes": Case(frame(BINARY, bytes(size)), bytes(size)) for size in SIZES},
    "1 two messages": Case(frame(BINARY, b"ab") + frame(BINARY, b"cd"), b"abcd"),
    # pings and pongs
    "2 a ping": pong(frame(PING), b""),
    "2 a ping with a payload": pong(frame(PING, BODY[100:200]), BODY[100:200]),
    "2 the longest ping": pong(frame(PING, BODY[:125]), BODY[:125]),
    "2 a ping that is too long": breach(frame(PING, BODY[:126])),
    "2 a pong that nobody asked for": Case(frame(PONG, b"abc")),
    "2 a pong and a ping": pong(frame(PONG, b"abc") + frame(PING, b"def"), b"def"),
    "2 the longest pong": Case(frame(PONG, bytes(125))),
    "2 a pong that is too long": breach(frame(PONG, bytes(126))),
    "2 ten pings": pong(b"".join(frame(PING, b"ping %d" % number) for number in range(10)), b"ping 9"),
    "2 a flood of pings": pong(frame(PING, bytes(125)) * 500 + frame(PING, b"last"), b"last"),
    "2 a ping between messages": pong(frame(BINARY, b"ab") + frame(PING, b"p") + frame(BINARY, b"cd"), b"p", b"abcd"),
    "2 a ping with a longer length": breach(b"\x89\x7e\x00\x05hello"),
    "2 a ping with the longest length": breach(b"\x89\x7f" + struct.pack(">Q", 5) + b"hello"),
    # reserved bits
    **{f"3 reserved bits {bits} of a message": breach(frame(BINARY, b"ab", reserved=bits)) for bits in range(1, 8)},
    **{f"3 reserved bits {bits} of a ping": breach(frame(PING, b"ab", reserved=bits)) for bits in (1, 2, 4, 7)},
    **{f"3 reserved bits {bits} of a close": breach(frame(CLOSE, b"", reserved=bits)) for bits in (1, 2, 4, 7)},
    "3 a reserved bit behind a message": breach(frame(BINARY, b"ab") + frame(BINARY, b"cd", reserved=4), payload=b"ab"),
    "3 a reserved bit of a continuation": breach(
        frame(BINARY, b"ab", last=False) + frame(CONTINUATION, b"cd", reserved=4), payload=b"ab"
    ),
    # opcodes
    **{f"4 opcode {code}": breach(frame(code, b"ab")) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "4 a wrong opcode behind a message": breach(frame(BINARY, b"ab") + frame(3), payload=b"ab"),
    "4 text": breach(frame(TEXT, b"hello"), 1003),
    "4 empty text": breach(frame(TEXT), 1003),
    "4 text behind a message": breach(frame(BINARY, b"ab") + frame(TEXT, b"cd"), 1003, b"ab"),
    "4 text within a message": breach(frame(BINARY, b"ab", last=False) + frame(TEXT, b"cd"), 1003, b"ab"),
    # fragments
    "5 a message in two": Case(frame(BINARY, b"ab", last=False) + frame(CONTINUATION, b"cd"), b"abcd"),
    "5 a message in many": Case(
        frame(BINARY, b"a", last=False) + frame(CONTINUATION, b"b", last=False) * 50 + frame(CONTINUATION, b"c"),
        b"a" + b"b" * 50 + b"c",
    ),
    "5 empty pieces": Case(
        frame(BINARY, b"", last=False) + frame(CONTINUATION, b"", last=False) * 3 + frame(CONTINUATION, b"x"), b"x"
    ),
    "5 an empty message in pieces": Case(frame(BINARY, last=False) + frame(CONTINUATION)),
    "5 a ping in pieces": breach(frame(PING, b"ab", last=False)),
    "5 a pong in pieces": breach(frame(PONG, b"ab", last=False)),
    "5 a close in pieces": breach(frame(CLOSE, b"\x03\xe8", last=False)),
    "5 a ping between pieces": pong(
        frame(BINARY, b"ab", last=False) + frame(PING, b"p") + frame(CONTINUATION, b"cd"), b"p", b"abcd"
    ),
    "5 a pong between pieces": Case(
        frame(BINARY, b"ab", last=False) + frame(PONG, b"p") + frame(CONTINUATION, b"cd"), b"abcd"
    ),
    "5 a close between pieces": closed(
        frame(BINARY, b"ab", last=False) + close(1000) + frame(CONTINUATION, b"cd"), 1000, b"ab"
    ),
    "5 a continuation of nothing": breach(frame(CONTINUATION, b"ab")),
    "5 a continuation that goes on with nothing": breach(frame(CONTINUATION, b"ab", last=False)),
    "5 a continuation behind a message": breach(frame(BINARY, b"ab") + frame(CONTINUATION, b"cd"), payload=b"ab"),
    "5 a continuation behind a message in pieces": breach(
        frame(BINARY, b"ab", last=False) + frame(CONTINUATION, b"cd") + frame(CONTINUATION, b"ef"), payload=b"abcd"
    ),
    "5 a message within a message": breach(frame(BINARY, b"ab", last=False) + frame(BINARY, b"cd"), payload=b"ab"),
    "5 a message between a ping and the rest": breach(
        frame(BINARY, b"ab", last=False) + frame(PING, b"p") + frame(BINARY, b"cd"), payload=b"ab"
    ),
    # closing
    "7 a close without a code": Case(frame(CLOSE), b"", (CLOSE, b""), "closed", 1005),
    "7 a close with half a code": breach(frame(CLOSE, b"\x03")),
    "7 a close with a reason": closed(close(1000, b"goodbye"), 1000),
    "7 a close with the longest reason": closed(close(1000, b"x" * 123), 1000),
    "7 a close that is too long": breach(close(1000, b"x" * 124)),
    "7 a message behind a close": closed(close(1000) + frame(BINARY, b"ab"), 1000),
    "7 a ping behind a close": closed(close(1000) + frame(PING, b"ab"), 1000),
    "7 a second close": closed(close(1001) + close(1000), 1001),
    "7 a close behind a message": closed(frame(BINARY, b"ab") + close(1001), 1001, b"ab"),
    "7 a close behind a ping": closed(frame(PING, b"ab") + close(1001), 1001),
    **{
        f"7 close code {code}": closed(close(code), code)
        for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999)
    },
    **{
        f"7 invalid close code {code}": breach(close(code))
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    # limits
    "9 a message over the limit": breach(frame(BINARY, bytes(MESSAGE_LIMIT + 1)), 1009),
    "9 pieces up to the limit": Case(
        frame(BINARY, bytes(65536), last=False) + frame(CONTINUATION, bytes(65536)), bytes(MESSAGE_LIMIT)
    ),
    "9 pieces over the limit": breach(
        frame(BINARY, bytes(65536), last=False) + frame(CONTINUATION, bytes(65537)), 1009, bytes(65536)
    ),
    "9 a piece too many": breach(
        frame(BINARY, bytes(MESSAGE_LIMIT), last=False) + frame(CONTINUATION, b"x"), 1009, bytes(MESSAGE_LIMIT)
    ),
    "9 nothing more at the limit": Case(
        frame(BINARY, bytes(MESSAGE_LIMIT), last=False) + frame(CONTINUATION), bytes(MESSAGE_LIMIT)
    ),
    "9 the limit counts anew": Case(
        frame(BINARY, bytes(100000)) + frame(BINARY, bytes(100000), last=False) + frame(CONTINUATION, b"x"),
        bytes(200000) + b"x",
    ),
    # lengths
    "10 a longer length than needed": breach(b"\x82\x7e\x00\x7dhello"),
    "10 the shortest longer length": Case(b"\x82\x7e\x00\x7e" + bytes(126), bytes(126)),
    "10 a longer length of nothing": breach(b"\x82\x7e\x00\x00"),
    "10 the longest length for little": breach(b"\x82\x7f" + struct.pack(">Q", 65535)),
    "10 the longest length for nothing": breach(b"\x82\x7f" + bytes(8)),
    "10 a length with the high bit": breach(b"\x82\x7f" + struct.pack(">Q", 1 << 63), 1009),
    "10 a length with the high bit and a small one": breach(b"\x82\x7f" + struct.pack(">Q", 1 << 63 | 5), 1009),
    "10 a length of 2^32 + 5": breach(b"\x82\x7f" + struct.pack(">Q", (1 << 32) + 5), 1009),
    "10 a length of 2^32 - 1": breach(b"\x82\x7f" + struct.pack(">Q", (1 << 32) - 1), 1009),
    "10 a length of 2^64 - 1": breach(b"\x82\x7f" + b"\xff" * 8, 1009),
    # masks are the client's alone
    "11 a mask": breach(frame(BINARY, b"ab", mask=0x80)),
    "11 a mask on nothing": breach(frame(BINARY, b"", mask=0x80)),
    "11 a masked ping": breach(frame(PING, b"ab", mask=0x80)),
    "11 a masked close": breach(frame(CLOSE, b"", mask=0x80)),
    "11 a masked longer length": breach(b"\x82\xfe\x01\x00"),
}

GOOD_TEXT = {
    "two bytes": "é".encode(),
    "three bytes": "€".encode(),
    "four bytes": "\N{GRINNING FACE}".encode(),
    "the first and last of each length": "\x00\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff".encode(),
    "next to the surrogates": "\ud7ff\ue000".encode(),
    "a greeting": "κόσμε".encode(),
}
BAD_TEXT = {
    "a continuation": b"\x80",
    "a continuation behind a letter": b"a\xbf",
    "two bytes for one": b"\xc0\x80",
    "two bytes for DEL": b"\xc1\xbf",
    "three bytes for two": b"\xe0\x9f\xbf",
    "four bytes for three": b"\xf0\x8f\xbf\xbf",
    "a surrogate": b"\xed\xa0\x80",
    "the last surrogate": b"\xed\xbf\xbf",
    "above U+10FFFF": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "FE": b"\xfe",
    "FF": b"\xff",
    "half of two": b"\xc3",
    "half of three": b"\xe2\x82",
    "half of four": b"\xf0\x9f\x98",
    "a letter in the middle": b"\xe2\x82a",
    "a letter behind the first": b"\xc3a",
    "a start in the middle": b"\xe2\xe2\x82\xac",
}
CASES |= {f"6 a reason of {name}": closed(close(1000, text), 1000) for name, text in GOOD_TEXT.items()}
CASES |= {f"6 a reason with {name}": breach(close(1000, b"ok" + text), 1007) for name, text in BAD_TEXT.items()}

# --- upgrades ---

GOOD_UPGRADES = {
    "as aiohttp writes it": upgrade(
        b"Content-Type: application/octet-stream", b"Date: Mon, 23 Nov 2026 10:00:00 GMT", b"Server: x"
    ),
    "names and words in any case": UPGRADE.replace(b"Upgrade: websocket", b"uPGRADE: WebSocket").replace(
        b"Connection: Upgrade", b"CONNECTION:keep-alive,UPGRADE"
    ),
    "fields of bodies do not count": upgrade(b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Connection: close"),
    "an interim reply first": b"HTTP/1.1 100 Continue\r\nUpgrade: h2c\r\n\r\n" + UPGRADE,
    "no reason": upgrade(start=b"HTTP/1.1 101"),
}

BAD_UPGRADES: dict[str, tuple[str, int, bytes]] = {
    "no Upgrade": ("handshake", 101, upgrade(upgrade=None)),
    "another Upgrade": ("handshake", 101, upgrade(upgrade=b"h2c")),
    "more than one Upgrade": ("handshake", 101, upgrade(upgrade=b"websocket, h2c")),
    "an empty Upgrade": ("handshake", 101, upgrade(upgrade=b"")),
    "no Connection": ("handshake", 101, upgrade(connection=None)),
    "another Connection": ("handshake", 101, upgrade(connection=b"keep-alive")),
    "no accept": ("handshake", 101, upgrade(accept=None)),
    "a wrong accept": ("handshake", 101, upgrade(accept=ACCEPT[:-2] + b"A=")),
    "an accept in another case": ("handshake", 101, upgrade(accept=ACCEPT.swapcase())),
    "a short accept": ("handshake", 101, upgrade(accept=ACCEPT[:-1])),
    "a long accept": ("handshake", 101, upgrade(accept=ACCEPT + b"=")),
    "an empty accept": ("handshake", 101, upgrade(accept=b"")),
    "the key for an accept": ("handshake", 101, upgrade(accept=base64.b64encode(KEY))),
    "two accepts": ("handshake", 101, upgrade(b"Sec-WebSocket-Accept: " + ACCEPT)),
    "the accept twice in one field": ("handshake", 101, upgrade(accept=ACCEPT + b"," + ACCEPT)),
    "a right and a wrong accept": ("handshake", 101, upgrade(b"Sec-WebSocket-Accept: x")),
    "no subprotocol": ("handshake", 101, upgrade(protocol=None)),
    "another subprotocol": ("handshake", 101, upgrade(protocol=b"flight.v2")),
    "a subprotocol in another case": ("handshake", 101, upgrade(protocol=b"Flight.v1")),
    "a longer subprotocol": ("handshake", 101, upgrade(protocol=b"flight.v10")),
    "two subprotocols": ("handshake", 101, upgrade(protocol=b"flight.v1, flight.v1")),
    "an extension": ("handshake", 101, upgrade(b"Sec-WebSocket-Extensions: permessage-deflate")),
    "an extension without a name": ("handshake", 101, upgrade(b"Sec-WebSocket-Extensions:")),
    "HTTP/1.0": ("handshake", 101, upgrade(start=b"HTTP/1.0 101 Switching Protocols")),
    "nothing proved": ("handshake", 101, b"HTTP/1.1 101 x\r\n\r\n"),
    "proofs in an interim reply": (
        "handshake",
        101,
        upgrade(start=b"HTTP/1.1 102 x") + b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ),
    "no head": ("head", 0, b"hello"),
    "a line feed alone": ("head", 0, UPGRADE.replace(b"\r\n", b"\n")),
    "a head without an end": ("head", 0, upgrade()[:-2] + b"X: y\r\n" * 1000),
    "interim replies without an end": ("head", 0, b"HTTP/1.1 100 Continue\r\n\r\n" * 200),
    **{
        f"status {status}": ("status", status, b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status)
        for status in (200, 204, 301, 302, 307, 400, 401, 403, 404, 426, 500, 503)
    },
    "status 200 with all proofs": ("status", 200, upgrade(start=b"HTTP/1.1 200 OK")),
}
