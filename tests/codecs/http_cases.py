"""Replies of HTTP servers, good and hostile, and what the codec must make of them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.codecs.library import REOPEN, TURN_DONE

OK = b"HTTP/1.1 200 OK\r\n"
BODY = bytes(range(256))
LIMIT = 65536
HEAD_LIMIT = 2048


@dataclass(frozen=True)
class Case:
    """A reply and its end: the body and happenings, or a problem."""

    data: bytes
    payload: bytes = b""
    happened: int = 0
    problem: str = "none"
    status: int = 0
    retry_after_s: int = 0


def good(data: bytes, payload: bytes, happened: int = TURN_DONE, status: int = 200, retry_after_s: int = 0) -> Case:
    return Case(data, payload, happened, status=status, retry_after_s=retry_after_s)


def bad(problem: str, data: bytes, status: int = 0, payload: bytes = b"", happened: int = 0, retry: int = 0) -> Case:
    return Case(data, payload, happened, problem, status, retry)


def reply(body: bytes, *fields: bytes, start: bytes = OK) -> bytes:
    """A reply with a length, and fields in front of it."""
    lines = [*fields, b"Content-Length: %d" % len(body), b""]
    return start + b"\r\n".join(lines) + b"\r\n" + body


def chunked(*sizes: bytes, fields: tuple[bytes, ...] = (), trailers: bytes = b"\r\n") -> bytes:
    """A reply in chunks, each a size line with its line end; the body is BODY from its beginning on."""
    out = OK + b"".join(field + b"\r\n" for field in (b"Transfer-Encoding: chunked", *fields)) + b"\r\n"
    at = 0
    for size in sizes:
        count = int(size.split(b";")[0].split(b"\r")[0].strip() or b"0", 16)
        out += size + (BODY[at : at + count] + b"\r\n" if count else b"")
        at += count
    return out + trailers


def head_of(size: int) -> bytes:
    """A whole head of so many bytes, with an empty body."""
    start, end = OK + b"Content-Length: 0\r\nX: ", b"\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


GOOD = {
    "a length": good(reply(BODY), BODY),
    "no body": good(reply(b""), b""),
    "one byte": good(reply(b"x"), b"x"),
    "the largest body": good(reply(bytes(LIMIT)), bytes(LIMIT)),
    "what aiohttp writes": good(
        reply(
            BODY,
            b"Cache-Control: no-store",
            b"Content-Type: application/octet-stream",
            b"Date: Mon, 23 Nov 2026 10:00:00 GMT",
            b"Server: Python/3.11 aiohttp/3.13",
        ),
        BODY,
    ),
    "names of fields in any case": good(OK + b"cOnTeNt-LeNgTh: 3\r\n\r\nabc", b"abc"),
    "no white space behind the colon": good(OK + b"Content-Length:3\r\n\r\nabc", b"abc"),
    "white space round a value": good(OK + b"Content-Length: \t 3 \t \r\n\r\nabc", b"abc"),
    "zeros in front of a length": good(OK + b"Content-Length: 0000000000000000000000003\r\n\r\nabc", b"abc"),
    "the same length twice": good(OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    "the same length in one list": good(OK + b"Content-Length: 3, 3\r\n\r\nabc", b"abc"),
    "no reason": good(reply(BODY, start=b"HTTP/1.1 200 \r\n"), BODY),
    "no reason and no space": good(reply(BODY, start=b"HTTP/1.1 200\r\n"), BODY),
    "a reason with other characters": good(reply(BODY, start="HTTP/1.1 200 Schön\tso\r\n".encode()), BODY),
    "fields of an upgrade": good(reply(BODY, b"Upgrade: websocket", b"Sec-WebSocket-Accept: x"), BODY),
    "a field without a value": good(reply(BODY, b"X:"), BODY),
    "a value of other characters": good(reply(BODY, b"X: \xff\x80,;\"'"), BODY),
    "every character of a name": good(reply(BODY, b"!#$%&'*+-.^_`|~09AZaz: 1"), BODY),
    "a name that is longer than any we know": good(reply(BODY, b"Content-Length-Of-Something-Else: 1"), BODY),
    "names that only begin like ours": good(reply(BODY, b"Content-Lengt: 1", b"Connection2: close"), BODY),
    "the longest head": good(head_of(HEAD_LIMIT), b""),
    "identity": good(reply(BODY, b"Content-Encoding: Identity"), BODY),
    "keep-alive": good(reply(BODY, b"Connection: keep-alive"), BODY),
    "close": good(reply(BODY, b"Connection: close"), BODY, TURN_DONE | REOPEN),
    "close in any case": good(reply(BODY, b"connection: CLOSE"), BODY, TURN_DONE | REOPEN),
    "close in a list": good(reply(BODY, b"Connection: x-y , ,close\t,z"), BODY, TURN_DONE | REOPEN),
    "close without a body": good(reply(b"", b"Connection: close"), b"", TURN_DONE | REOPEN),
    "words that hold close": good(reply(BODY, b"Connection: closed, clos, not close, x" + b"close" * 20), BODY),
    "HTTP/1.0": good(reply(BODY, start=b"HTTP/1.0 200 OK\r\n"), BODY, TURN_DONE | REOPEN),
    "HTTP/1.0 with keep-alive": good(
        reply(BODY, b"Connection: keep-alive", start=b"HTTP/1.0 200 OK\r\n"), BODY, TURN_DONE | REOPEN
    ),
    "an interim reply": good(b"HTTP/1.1 100 Continue\r\n\r\n" + reply(BODY), BODY),
    "interim replies with fields that do not count": good(
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n"
        b"Retry-After: 9\r\n\r\nHTTP/1.0 102 x\r\n\r\n" + reply(BODY),
        BODY,
    ),
    "retry after": good(reply(BODY, b"Retry-After: 120"), BODY, retry_after_s=120),
    "retry after a date": good(reply(BODY, b"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"), BODY),
    "retry after the largest number": good(reply(BODY, b"Retry-After: 99999999"), BODY, retry_after_s=99999999),
    "retry after too long": good(reply(BODY, b"Retry-After: 100000000"), BODY),
    "retry after nothing": good(reply(BODY, b"Retry-After:"), BODY),
    "one chunk": good(chunked(b"100\r\n", b"0\r\n"), BODY),
    "chunks of every size": good(chunked(*(b"%X\r\n" % size for size in range(1, 20)), b"0\r\n"), BODY[:190]),
    "digits in both cases": good(chunked(b"aB\r\n", b"0\r\n"), BODY[:0xAB]),
    "no chunk": good(chunked(b"0\r\n"), b""),
    "chunked in any case": good(OK + b"transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n", b""),
    "zeros in front of a size": good(chunked(b"0000000a\r\n", b"000\r\n"), BODY[:10]),
    "extensions": good(chunked(b"5;a\r\n", b'5;b="c;d"\r\n', b"5 \t ; e = f\r\n", b"0;last\r\n"), BODY[:15]),
    "white space behind a size": good(chunked(b"5 \r\n", b"5\t\r\n", b"0\r\n"), BODY[:10]),
    "trailers": good(chunked(b"5\r\n", b"0\r\n", trailers=b"A: b\r\nC:\r\n\r\n"), BODY[:5]),
    "trailers that mean nothing there": good(
        chunked(b"5\r\n", b"0\r\n", trailers=b"Content-Length: 99\r\nConnection: close\r\nRetry-After: 5\r\n\r\n"),
        BODY[:5],
    ),
    "chunks and close": good(chunked(b"5\r\n", b"0\r\n", fields=(b"Connection: close",)), BODY[:5], TURN_DONE | REOPEN),
    "the largest body in chunks": good(
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + bytes(4096) + b"\r\n") * 16 + b"0\r\n\r\n",
        bytes(LIMIT),
    ),
    "the largest body in one chunk": good(
        OK + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n" + bytes(LIMIT) + b"\r\n0\r\n\r\n", bytes(LIMIT)
    ),
    "chunks that take more than a head may": good(
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 600 + b"0\r\n\r\n", b"x" * 600
    ),
}

# --- a head that is none: from the first wrong byte on nothing is read ---

NO_HEAD = {
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2\r\n",
    "frames of Flight": b"\xf1\x02\x00\x00" * 8,
    "an empty line first": b"\r\n" + reply(b""),
    "small letters": reply(b"", start=b"http/1.1 200 OK\r\n"),
    "HTTP/2": reply(b"", start=b"HTTP/2 200\r\n"),
    "HTTP/1.2": reply(b"", start=b"HTTP/1.2 200 OK\r\n"),
    "HTTP/1.10": reply(b"", start=b"HTTP/1.10 200 OK\r\n"),
    "HTTP/0.9": reply(b"", start=b"HTTP/0.9 200 OK\r\n"),
    "two spaces": reply(b"", start=b"HTTP/1.1  200 OK\r\n"),
    "a status of two digits": reply(b"", start=b"HTTP/1.1 20 OK\r\n"),
    "a status of four digits": reply(b"", start=b"HTTP/1.1 2000 OK\r\n"),
    "a status with a letter": reply(b"", start=b"HTTP/1.1 2o0 OK\r\n"),
    "a status with a sign": reply(b"", start=b"HTTP/1.1 +20 OK\r\n"),
    "status 0": reply(b"", start=b"HTTP/1.1 000 OK\r\n"),
    "status 099": reply(b"", start=b"HTTP/1.1 099 OK\r\n"),
    "status 600": reply(b"", start=b"HTTP/1.1 600 OK\r\n"),
    "status 999": reply(b"", start=b"HTTP/1.1 999 OK\r\n"),
    "a tab behind the status": reply(b"", start=b"HTTP/1.1 200\tOK\r\n"),
    "a control character in the reason": reply(b"", start=b"HTTP/1.1 200 O\x00K\r\n"),
    "a line feed alone": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a line feed alone behind a field": OK + b"Content-Length: 0\nX: y\r\n\r\n",
    "a carriage return alone": OK + b"X: a\rb\r\nContent-Length: 0\r\n\r\n",
    "a carriage return twice": OK + b"X: a\r\r\nContent-Length: 0\r\n\r\n",
    "no line feed at the end": OK + b"Content-Length: 0\r\n\rx",
    "a space in front of a colon": OK + b"Content-Length : 0\r\n\r\n",
    "a space in a name": OK + b"Content Length: 0\r\n\r\n",
    "a field without a name": OK + b": 0\r\n\r\n",
    "a field without a colon": OK + b"Content-Length\r\n\r\n",
    "a line that goes on": OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a first line that goes on": OK + b" X: a\r\nContent-Length: 0\r\n\r\n",
    "a zero in a name": OK + b"Con\x00tent-Length: 0\r\n\r\n",
    "a zero in a value": OK + b"Content-Length: 0\x00\r\n\r\n",
    "DEL in a value": OK + b"X: \x7f\r\n\r\n",
    "other characters in a name": OK + b"X\xe4: 1\r\n\r\n",
    "a head that is one byte too long": head_of(HEAD_LIMIT + 1),
    "a head without an end": OK + b"X: y\r\n" * 1000,
    "a status line without an end": b"HTTP/1.1 200 " + b"O" * 4000,
    "a name without an end": OK + b"X" * 4000,
    "a value without an end": OK + b"X: " + b"y" * 4000,
    "interim replies without an end": b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
}

# --- a head whose reply has no body that can be trusted ---

NO_LENGTH = {
    "no length": OK + b"\r\n" + BODY,
    "no length and close": OK + b"Connection: close\r\n\r\n" + BODY,
    "no length in HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "an empty length": OK + b"Content-Length:\r\n\r\n",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": OK + b"Content-Length: +5\r\n\r\nhello",
    "a length with a letter": OK + b"Content-Length: 5x\r\n\r\nhello",
    "a hexadecimal length": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "a length with a space": OK + b"Content-Length: 1 2\r\n\r\nhello",
    "a length with a fraction": OK + b"Content-Length: 5.0\r\n\r\nhello",
    "a length in other digits": OK + "Content-Length: \N{ARABIC-INDIC DIGIT FIVE}\r\n\r\nhello".encode(),
    "a length above the limit": reply(bytes(LIMIT + 1)),
    "a length of 2^32 + 5": OK + b"Content-Length: 4294967301\r\n\r\nhello",
    "a length of 2^64 + 5": OK + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "a length of many digits": OK + b"Content-Length: " + b"9" * 1000 + b"\r\n\r\nhello",
    "a length of many zeros": OK + b"Content-Length: " + b"0" * 29 + b"\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "two lengths in one list": OK + b"Content-Length: 5, 6\r\n\r\nhello",
    "a length and nothing in one list": OK + b"Content-Length: 5,\r\n\r\nhello",
    "a length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks in two fields": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip in chunks": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "gzip and a length": OK + b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "an encoding that only begins like ours": OK + b"Transfer-Encoding: chunkedfoo\r\n\r\n0\r\n\r\n",
    "chunked with a parameter": OK + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
    "an empty encoding": OK + b"Transfer-Encoding:\r\nContent-Length: 0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a compressed body": reply(BODY, b"Content-Encoding: gzip"),
    "a body compressed twice": reply(BODY, b"Content-Encoding: identity, br"),
    "a coding without a name": reply(BODY, b"Content-Encoding:"),
}

# --- chunks that are none: what stood before is handed out ---

CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BAD_CHUNKS = {
    "no size": bad("length", CHUNKS + b"\r\nhello", 200),
    "no digit": bad("length", CHUNKS + b"x\r\nhello", 200),
    "a negative size": bad("length", CHUNKS + b"-5\r\nhello", 200),
    "a size with a prefix": bad("length", CHUNKS + b"0x5\r\nhello", 200),
    "a space in front of a size": bad("length", CHUNKS + b" 5\r\nhello", 200),
    "an extension without a size": bad("length", CHUNKS + b";a=b\r\nhello", 200),
    "something behind a size": bad("length", CHUNKS + b"5g\r\nhello", 200),
    "something behind a space": bad("length", CHUNKS + b"5 g\r\nhello", 200),
    "a line feed alone behind a size": bad("length", CHUNKS + b"5\nhello", 200),
    "a carriage return alone behind a size": bad("length", CHUNKS + b"5\rhello", 200),
    "a control character in an extension": bad("head", CHUNKS + b"5;a\nb\r\nhello", 200),
    "a zero in an extension": bad("head", CHUNKS + b"5;a\x00\r\nhello", 200),
    "a size of 2^32 + 5": bad("length", CHUNKS + b"100000005\r\nhello", 200),
    "a size of 2^64 + 5": bad("length", CHUNKS + b"10000000000000005\r\nhello", 200),
    "a size of 2^32 - 1": bad("length", CHUNKS + b"ffffffff\r\nhello", 200),
    "a size of many digits": bad("length", CHUNKS + b"f" * 3000, 200),
    "a size of many zeros": bad("head", CHUNKS + b"0" * 3000, 200),
    "a size above the limit": bad("length", CHUNKS + b"10001\r\n", 200),
    "chunks above the limit": bad(
        "length", CHUNKS + b"8000\r\n" + bytes(32768) + b"\r\n8001\r\n", 200, payload=bytes(32768)
    ),
    "an extension without an end": bad("head", CHUNKS + b"5;" + b"a" * 4000, 200),
    "white space without an end": bad("head", CHUNKS + b"5" + b" " * 4000, 200),
    "many extensions": bad("head", CHUNKS + (b"1;" + b"a" * 500 + b"\r\nx\r\n") * 10, 200, payload=b"xxx"),
    "no line end behind a chunk": bad("length", CHUNKS + b"5\r\nhello0\r\n\r\n", 200, payload=b"hello"),
    "a line feed alone behind a chunk": bad("length", CHUNKS + b"5\r\nhello\n0\r\n\r\n", 200, payload=b"hello"),
    "a carriage return alone behind a chunk": bad("length", CHUNKS + b"5\r\nhello\r0\r\n\r\n", 200, payload=b"hello"),
    "a trailer that is none": bad("head", CHUNKS + b"0\r\nno colon\r\n\r\n", 200),
    "a trailer that goes on": bad("head", CHUNKS + b"0\r\n a: b\r\n\r\n", 200),
    "trailers without an end": bad("head", CHUNKS + b"0\r\n" + b"a: b\r\n" * 1000, 200),
}

# --- statuses ---

STATUSES = {
    f"status {status}": bad("status", b"HTTP/1.1 %d x\r\nContent-Length: 5\r\n\r\nhello" % status, status)
    for status in (
        101,
        201,
        202,
        204,
        205,
        206,
        300,
        301,
        302,
        304,
        307,
        308,
        400,
        403,
        404,
        408,
        413,
        429,
        500,
        503,
        599,
    )
}
STATUSES |= {
    "a redirect": bad("status", b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n", 302),
    "a refusal that says when": bad(
        "status", b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", 503, retry=30
    ),
    "a status before any flaw": bad("status", b"HTTP/1.1 500 x\r\nContent-Encoding: gzip\r\n\r\n", 500),
    "no content without a length": bad("status", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    "an upgrade that nobody asked for": bad("status", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101),
    "interim replies, then a refusal": bad("status", b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 404 x\r\n\r\n", 404),
}

# --- bytes that nobody asked for ---

BEHIND = {
    "a byte behind the body": bad("length", reply(BODY) + b"x", 200, BODY, TURN_DONE),
    "a line end behind the body": bad("length", reply(BODY) + b"\r\n", 200, BODY, TURN_DONE),
    "a second reply": bad("length", reply(BODY) + reply(BODY), 200, BODY, TURN_DONE),
    "a byte behind an empty body": bad("length", reply(b"") + b"x", 200, b"", TURN_DONE),
    "a byte behind the last chunk": bad("length", chunked(b"5\r\n", b"0\r\n") + b"x", 200, BODY[:5], TURN_DONE),
    "a byte behind a reply that closes": bad(
        "length", reply(BODY, b"Connection: close") + b"x", 200, BODY, TURN_DONE | REOPEN
    ),
}

CASES: dict[str, Case] = {
    **GOOD,
    **{name: bad("head", data) for name, data in NO_HEAD.items()},
    **{name: bad("length", data, 200) for name, data in NO_LENGTH.items()},
    **BAD_CHUNKS,
    **STATUSES,
    **BEHIND,
}
