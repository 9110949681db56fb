"""What a WebSocket client may send to a gateway, and how the gateway has to take it.

The list follows the sections of the Autobahn suite for servers (framing 1, pings 2, reserved bits 3, opcodes 4, fragments 5,
UTF-8 6, closing 7, limits 9). Where that suite has an echo, this has PROBE: the gateway answers with its first 8 bytes. Text
is no part of `flight.v1`, so UTF-8 is asked of `flight.v1.json` and of the reasons of closing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.codecs.websocket_cases import BAD_TEXT, GOOD_TEXT
from tests.support.websocket_bytes import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, closing

LIMIT_BYTES = 131_072
BODY = bytes(range(256))
SHORTEST = 16 + 8


@dataclass(frozen=True)
class Case:
    """Bytes of a client; the messages that the gateway gives, its pongs, and the code that it closes with at last."""

    data: bytes
    probed: tuple[bytes, ...] = ()
    pongs: tuple[bytes, ...] = ()
    code: int = 1000
    lenient: bool = False
    """The RFC would have it refused; it harms nobody here, and the library below takes it."""
    closes: bool = True
    """The client closes behind it; else the gateway has to."""


def probe(number: int = 1, size: int = SHORTEST) -> bytes:
    """A message of this size that is answered with its number."""
    return encode_frame(spec.TYPE_PROBE, 0, 0, 0, 0, answer(number) + bytes(size - SHORTEST))


def answer(number: int = 1) -> bytes:
    return b"case%04d" % number


def message(data: bytes) -> bytes:
    return client_frame(BINARY, data)


def pieces(data: bytes, *sizes: int, between: bytes = b"", empty: bool = False) -> bytes:
    """A message cut into pieces of these sizes and the rest."""
    out, at, opcode = b"", 0, BINARY
    for size in sizes:
        out += client_frame(opcode, data[at : at + size], last=False) + between
        at += size
        opcode = CONTINUATION
    if empty:
        out += client_frame(CONTINUATION, b"", last=False) * 3
    return out + client_frame(CONTINUATION, data[at:])


def good(data: bytes, *numbers: int, pongs: tuple[bytes, ...] = ()) -> Case:
    """It goes on behind these, until the client closes."""
    return Case(data, tuple(answer(number) for number in numbers), pongs)


def breach(data: bytes, code: int = 1002, *numbers: int) -> Case:
    return Case(data, tuple(answer(number) for number in numbers), (), code, closes=False)


def closed(data: bytes) -> Case:
    """The library below always answers with 1000, which the RFC leaves open."""
    return Case(data, closes=False)


def lenient(data: bytes, *numbers: int) -> Case:
    return Case(data, tuple(answer(number) for number in numbers), lenient=True)


def long_length(opcode: int, payload: bytes, form: int) -> bytes:
    """A frame that says its short length in a long form."""
    size = struct.pack(">BH", 0xFE, len(payload)) if form == 126 else struct.pack(">BQ", 0xFF, len(payload))
    return bytes([0x80 | opcode]) + size + bytes(4) + payload  # a mask of zeros changes nothing


SIZES = (24, 64, 124, 125, 126, 127, 128, 255, 256, 639, 640)
CASES: dict[str, Case] = {
    # framing
    **{f"1 a message of {size} bytes": good(message(probe(size, size)), size) for size in SIZES},
    "1 an empty message": good(message(b"") + message(probe()), 1),
    "1 two messages": good(message(probe(1)) + message(probe(2)), 1, 2),
    "1 ten messages": good(b"".join(message(probe(n)) for n in range(10)), *range(10)),
    "1 a length of 16 bits for little": lenient(long_length(BINARY, probe(), 126), 1),
    "1 a length of 64 bits for little": lenient(long_length(BINARY, probe(), 127), 1),
    "1 no mask": lenient(client_frame(BINARY, probe(), masked=False), 1),
    # pings and pongs
    "2 a ping": good(client_frame(PING), pongs=(b"",)),
    "2 a ping with a payload": good(client_frame(PING, b"hello"), pongs=(b"hello",)),
    "2 a ping of bytes": good(client_frame(PING, BODY[100:200]), pongs=(BODY[100:200],)),
    "2 the longest ping": good(client_frame(PING, BODY[:125]), pongs=(BODY[:125],)),
    "2 a ping that is too long": breach(client_frame(PING, BODY[:126])),
    "2 a pong that nobody asked for": good(client_frame(PONG, b"x") + message(probe()), 1),
    "2 the longest pong": good(client_frame(PONG, bytes(125)) + message(probe()), 1),
    "2 a pong that is too long": breach(client_frame(PONG, bytes(126))),
    "2 pong, ping": good(client_frame(PONG, b"a") + client_frame(PING, b"b"), pongs=(b"b",)),
    "2 eight pings": good(
        b"".join(client_frame(PING, b"%d" % n) for n in range(8)), pongs=tuple(b"%d" % n for n in range(8))
    ),
    "2 a ping between messages": good(
        message(probe(1)) + client_frame(PING, b"p") + message(probe(2)), 1, 2, pongs=(b"p",)
    ),
    "2 a ping with a long length": breach(long_length(PING, b"hello", 126)),
    # reserved bits
    **{
        f"3 reserved bits {bits} of a message": breach(client_frame(BINARY, probe(), reserved=bits))
        for bits in range(1, 8)
    },
    **{
        f"3 reserved bits {bits} of a ping": breach(client_frame(PING, b"x", reserved=bits)) for bits in (1, 2, 3, 4, 7)
    },
    **{f"3 reserved bits {bits} of a text": breach(client_frame(TEXT, b"x", reserved=bits)) for bits in (1, 2, 4)},
    **{f"3 reserved bits {bits} of a close": breach(client_frame(CLOSE, b"", reserved=bits)) for bits in (1, 2, 4)},
    "3 a reserved bit behind a message": breach(message(probe()) + client_frame(BINARY, probe(2), reserved=4), 1002, 1),
    "3 a reserved bit of a continuation": breach(
        client_frame(BINARY, probe()[:9], last=False) + client_frame(CONTINUATION, probe()[9:], reserved=4)
    ),
    # opcodes
    **{f"4 opcode {code}": breach(client_frame(code)) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"4 opcode {code} with a payload": breach(client_frame(code, b"ab")) for code in (3, 7, 11, 15)},
    "4 a wrong opcode behind a message": breach(message(probe()) + client_frame(3), 1002, 1),
    "4 a wrong opcode behind a ping": breach(client_frame(PING, b"p") + client_frame(11)),
    # fragments
    "5 a message in two": good(pieces(probe(), 9), 1),
    "5 a message in single bytes": good(pieces(probe(), *[1] * 23), 1),
    "5 a message of 640 bytes in pieces of 64": good(pieces(probe(1, 640), *[64] * 9), 1),
    "5 empty pieces": good(pieces(probe(), 9, empty=True), 1),
    "5 an empty first piece": good(pieces(probe(), 0, 9), 1),
    "5 an empty last piece": good(pieces(probe(), 9, 15), 1),
    "5 an empty message in pieces": good(pieces(b"", 0) + message(probe()), 1),
    "5 two messages in pieces": good(pieces(probe(1), 5) + pieces(probe(2), 20), 1, 2),
    "5 a ping between pieces": good(pieces(probe(), 9, between=client_frame(PING, b"p")), 1, pongs=(b"p",)),
    "5 three pings between pieces": good(
        pieces(probe(), 1, 2, 3, between=client_frame(PING, b"p")), 1, pongs=(b"p",) * 3
    ),
    "5 a pong between pieces": good(pieces(probe(), 9, between=client_frame(PONG, b"p")), 1),
    "5 a ping in pieces": breach(client_frame(PING, b"x", last=False) + client_frame(CONTINUATION, b"y")),
    "5 a pong in pieces": breach(client_frame(PONG, b"x", last=False)),
    "5 a close in pieces": breach(client_frame(CLOSE, b"\x03\xe8", last=False)),
    "5 a continuation of nothing": breach(client_frame(CONTINUATION, probe())),
    "5 a continuation that goes on with nothing": breach(client_frame(CONTINUATION, probe(), last=False)),
    "5 a continuation behind a message": breach(message(probe()) + client_frame(CONTINUATION, b"x"), 1002, 1),
    "5 a continuation behind a message in pieces": breach(
        pieces(probe(), 9) + client_frame(CONTINUATION, b"x"), 1002, 1
    ),
    "5 a message within a message": breach(client_frame(BINARY, probe()[:9], last=False) + message(probe())),
    "5 a piece of another within a message": breach(
        client_frame(BINARY, probe()[:9], last=False) + client_frame(BINARY, probe(), last=False)
    ),
    "5 a text within a message": breach(client_frame(BINARY, probe()[:9], last=False) + client_frame(TEXT, b"x")),
    "5 a close between pieces": closed(client_frame(BINARY, probe()[:9], last=False) + closing(1000)),
    # closing
    "7 a close without a code": closed(client_frame(CLOSE)),
    "7 a close with half a code": breach(client_frame(CLOSE, b"\x03")),
    "7 a close with a reason": closed(closing(1000, b"goodbye")),
    "7 a close with the longest reason": closed(closing(1000, b"x" * 123)),
    "7 a close that is too long": breach(closing(1000, b"x" * 124)),
    "7 a message behind a close": closed(closing(1000) + message(probe())),
    "7 a ping behind a close": closed(closing(1000) + client_frame(PING, b"x")),
    "7 a second close": closed(closing(1001) + closing(1002)),
    "7 a close behind a message": Case(message(probe()) + closing(1001), (answer(),), closes=False),
    "7 a close behind a ping": Case(client_frame(PING, b"p") + closing(1000), (), (b"p",), closes=False),
    **{
        f"7 close code {code}": closed(closing(code))
        for code in (*range(1000, 1004), *range(1007, 1012), 3000, 3999, 4000, 4999)
    },
    **{
        f"7 invalid close code {code}": breach(closing(code))
        for code in (0, 1, 999, 1004, 1005, 1016, 1100, 2000, 2999)
    },
    # reasons and text
    **{f"6 a reason of {name}": closed(closing(1000, text)) for name, text in GOOD_TEXT.items()},
    **{f"6 a reason with {name}": breach(closing(1000, b"ok" + text), 1007) for name, text in BAD_TEXT.items()},
    **{f"6 text with {name}": breach(client_frame(TEXT, b"ok" + text), 1007) for name, text in BAD_TEXT.items()},
    "6 text with a wrong byte in pieces": breach(
        client_frame(TEXT, b"ok\xce", last=False) + client_frame(CONTINUATION, b"\x28"), 1007
    ),
    # limits
    "9 a byte over the limit": breach(client_frame(BINARY, said_bytes=LIMIT_BYTES + 1), 1009),
    "9 2^31 bytes": breach(client_frame(BINARY, said_bytes=1 << 31), 1009),
    "9 2^63 bytes": breach(client_frame(BINARY, said_bytes=1 << 63), 1009),
    "9 pieces over the limit": breach(
        client_frame(BINARY, bytes(65_536), last=False) + client_frame(CONTINUATION, said_bytes=65_537), 1009
    ),
}
