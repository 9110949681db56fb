"""HTTP polling in C: requests as a gateway wants them, replies cut anywhere, and servers that mean harm."""

import http.client
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client._tables import STRINGS
from flight_client.session import spec
from tests.codecs import library
from tests.codecs.http_cases import BODY, CASES, GOOD, HEAD_LIMIT, LIMIT, OK, chunked, reply
from tests.codecs.library import FAILED, REOPEN, SEED, TURN_DONE, Codec, CodecError, cut_anywhere, ready, whole


def test_the_limits_are_those_of_the_protocol() -> None:
    assert library.number(2) == HEAD_LIMIT
    assert library.number(3) == LIMIT == spec.POLL_BODY_BYTES


# --- requests ---


@pytest.mark.parametrize("body", [b"", b"x", BODY, bytes(9), bytes(10), bytes(99999 - 34463)])
def test_a_request_is_one_post_with_a_length(body: bytes) -> None:
    head, _, sent = Codec("http", path=STRINGS["poll_path"]).request(body).partition(b"\r\n\r\n")
    assert sent == body
    assert head.decode().split("\r\n") == [
        "POST /v1/poll HTTP/1.1",
        "Host: 192.168.1.10:7070",
        "Content-Type: application/octet-stream",
        f"Content-Length: {len(body)}",
    ]


@pytest.mark.parametrize("port", [1, 9, 10, 80, 443, 7070, 9999, 10000, 32767, 65535])
def test_a_request_names_the_port(port: int) -> None:
    assert b"\r\nHost: h:%d\r\n" % port in Codec("http", "h", port).request()


def test_the_longest_request_fills_the_room_in_front_of_its_body() -> None:
    most = library.number(5)
    codec = Codec("http", "h" * most, 65535, "/" + "p" * (most - 1))
    body = bytes(LIMIT)
    assert len(codec.request(body)) == library.number(0) + len(body)


def test_a_body_may_stand_further_back() -> None:
    assert Codec("http").request(b"abc", head_room=1000) == Codec("http").request(b"abc")


def test_a_request_that_does_not_fit_is_refused() -> None:
    codec = Codec("http")
    with pytest.raises(CodecError, match=str(library.ERROR_NO_ROOM)):
        codec.request(b"", library.number(0) - 1)
    with pytest.raises(CodecError, match=str(library.ERROR_TOO_LARGE)):
        codec.request(bytes(LIMIT + 1))
    assert codec.request(bytes(LIMIT))


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("", "/"),
        ("h" * 64, "/"),
        ("h\r\nX: y", "/"),
        ("h y", "/"),
        ("h\x7f", "/"),
        ("hö", "/"),
        ("h", ""),
        ("h", "v1/poll"),
        ("h", "/" + "p" * 63),
        ("h", "/ HTTP/1.1\r\n"),
        ("h", "/\t"),
        ("h", "/\N{SNOWMAN}"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_an_address_that_could_break_a_request_is_refused(kind: str, host: str, path: str) -> None:
    assert Codec(kind, host, 80, path).code == library.ERROR_ARGUMENT
    assert Codec(kind, "h" * 63, 80, "/" + "p" * 62).code == 0


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_nothing_where_an_address_belongs_is_refused(kind: str) -> None:
    ffi, lib = library.library()
    codec = Codec(kind)
    text = ffi.new("char[]", b"/")
    websocket = kind == "websocket"
    for arguments in ((ffi.NULL, text, text), (codec.codec, ffi.NULL, text), (codec.codec, text, ffi.NULL)):
        where, host, path = arguments
        assert lib.codec_init(where, websocket, host, 80, path) == library.ERROR_ARGUMENT


# --- replies ---


@pytest.mark.parametrize("name", CASES)
def test_a_reply_ends_as_it_must_wherever_it_is_cut(name: str) -> None:
    case = CASES[name]
    outcome = cut_anywhere("http", case.data)
    assert (outcome.problem, outcome.status) == (case.problem, case.status)
    assert outcome.payload == case.payload
    assert outcome.happened == case.happened
    assert outcome.retry_after_s == case.retry_after_s


@pytest.mark.parametrize("name", [name for name in GOOD if len(GOOD[name].data) < 1000])
def test_a_reply_that_the_connection_cuts_is_none(name: str) -> None:
    data = GOOD[name].data
    for at in range(len(data)):
        codec = ready("http")
        noticed = codec.feed(data[:at])[1]
        assert not noticed & (TURN_DONE | FAILED)
        assert codec.end() == FAILED
        outcome = codec.outcome([b"HTTP"])
        assert (outcome.problem, outcome.payload) == ("closed", b"")


@pytest.mark.parametrize("name", [name for name in CASES if name not in GOOD])
def test_after_a_failure_nothing_is_read_or_sent(name: str) -> None:
    codec = ready("http")
    first = codec.outcome([CASES[name].data])
    again = codec.outcome([reply(BODY)])
    assert (again.payload, again.happened, again.problem) == (b"", 0, first.problem)
    assert codec.end() == FAILED
    with pytest.raises(CodecError, match=str(library.ERROR_ARGUMENT)):
        codec.request()


def test_turns_follow_one_another_on_one_connection() -> None:
    codec = Codec("http")
    for turn in range(200):
        body = bytes([turn]) * (turn * 7)
        codec.request(body)
        data = reply(body, b"Retry-After: 5") if turn % 2 else OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        outcome = codec.outcome([data[:turn], data[turn:]])
        assert outcome.happened == TURN_DONE
        assert outcome.payload == (body if turn % 2 else b"")
        assert outcome.retry_after_s == (5 if turn % 2 else 0)
        assert not outcome.failed


def test_one_request_at_a_time() -> None:
    codec = ready("http")
    for piece in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"a"):
        codec.feed(piece)
        with pytest.raises(CodecError, match=str(library.ERROR_ARGUMENT)):
            codec.request()
    assert codec.feed(b"b") == (b"b", TURN_DONE)
    assert codec.request()


def test_the_end_of_a_connection_that_owes_nothing_is_no_failure() -> None:
    codec = Codec("http")
    assert codec.end() == REOPEN
    codec.request()
    codec.feed(reply(BODY, b"Connection: close"))
    assert codec.end() == REOPEN
    assert codec.request(), "on a new connection"


def test_bytes_before_any_request_are_a_failure() -> None:
    outcome = Codec("http").outcome([b"H"])
    assert (outcome.problem, outcome.payload) == ("length", b"")
    assert Codec("http").feed(b"") == (b"", 0)


# --- another reader of HTTP ---


class Sock:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def judged(data: bytes) -> tuple[int, bytes] | None:
    """What Python's own client reads; None where it does not."""
    response = http.client.HTTPResponse(Sock(data), method="POST")  # type: ignore[arg-type]
    try:
        response.begin()
        return response.status, response.read()
    except (http.client.HTTPException, ValueError, OSError):
        return None


@pytest.mark.parametrize("name", GOOD)
def test_what_is_taken_is_what_pythons_client_takes(name: str) -> None:
    if name == "the same length in one list":  # it takes that for no length
        return
    if name == "interim replies with fields that do not count":  # it knows 100 and no other
        return
    assert judged(GOOD[name].data) == (200, GOOD[name].payload)


token = st.text("abcXYZ-_!0", min_size=1, max_size=40).map(str.encode)
value = st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte >= 32 and byte != 127))
space = st.sampled_from([b"", b" ", b"\t", b"  "])


@st.composite
def fields(draw: st.DrawFn) -> bytes:
    names = st.one_of(token.map(lambda name: b"X-" + name), st.sampled_from([b"Date", b"Server", b"Connection-"]))
    lines = draw(st.lists(st.tuples(names, space, value, space), max_size=6))
    return b"".join(name + b":" + before + text + behind + b"\r\n" for name, before, text, behind in lines)


@st.composite
def replies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A reply after the grammar, and its body."""
    body = draw(st.binary(max_size=400))
    interim = b"".join(
        b"HTTP/1.1 100%s\r\n%s\r\n" % (reason, draw(fields()))
        for reason in draw(st.lists(st.sampled_from([b"", b" ", b" Continue"]), max_size=2))
    )
    head = b"HTTP/1.1 200" + draw(st.sampled_from([b"", b" ", b" OK", b" \xfc"])) + b"\r\n" + draw(fields())
    if draw(st.booleans()):
        framing, data = b"Content-Length:" + draw(space) + b"%d\r\n" % len(body), body
    else:
        framing, data, at = b"Transfer-Encoding: chunked\r\n", b"", 0
        while at < len(body):
            count = draw(st.integers(1, len(body) - at))
            size = draw(st.sampled_from([b"%x", b"%X", b"0%x"])) % count
            extension = draw(st.sampled_from([b"", b";a", b';a="b"', b" ;c=d"]))
            data += size + extension + b"\r\n" + body[at : at + count] + b"\r\n"
            at += count
        data += b"0\r\n" + draw(fields()) + b"\r\n"
    return interim + head + framing + draw(fields()) + b"\r\n" + data, body


@given(replies(), st.randoms(use_true_random=False))
def test_every_reply_of_the_grammar_is_taken_and_cut_anywhere(pair: tuple[bytes, bytes], rng: random.Random) -> None:
    data, body = pair
    cuts = sorted(rng.choices(range(len(data) + 1), k=rng.randrange(8)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    outcome = ready("http").outcome(pieces)
    if len(data) - len(body) < 1500:
        assert (outcome.happened & TURN_DONE, outcome.payload, outcome.failed) == (TURN_DONE, body, False)
    assert judged(data) == (200, body)


@given(replies(), st.data())
def test_a_damaged_reply_is_refused_or_read_as_pythons_client_reads_it(
    pair: tuple[bytes, bytes], data: st.DataObject
) -> None:
    damaged = bytearray(pair[0])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        piece = data.draw(st.one_of(st.binary(max_size=2), st.sampled_from([b"\r\n", b":", b",", b" ", b";", b"0"])))
        damaged[at : at + data.draw(st.integers(0, 3))] = piece
        if not damaged:
            return
    outcome = whole("http", bytes(damaged))
    if outcome.happened & TURN_DONE:
        read = judged(bytes(damaged))
        # Python's client leaves what stands behind the reply alone, and reads on where a length is missing.
        assert read is None or read == (200, outcome.payload)


def test_chunks_of_any_sizes_give_the_same_body() -> None:
    rng = random.Random(SEED)
    body = rng.randbytes(3000)
    for _ in range(50):
        at, data = 0, OK + b"Transfer-Encoding: chunked\r\n\r\n"
        while at < len(body):
            count = rng.randint(1, 300)
            part = body[at : at + count]
            data += b"%x\r\n" % len(part) + part + b"\r\n"
            at += count
        data += b"0\r\n\r\n"
        cuts = sorted(rng.choices(range(len(data)), k=40))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert ready("http").outcome(pieces).payload == body, f"seed {SEED}"


def test_the_table_is_what_its_names_say() -> None:
    assert len(CASES) > 150
    assert chunked(b"5\r\n", b"0\r\n") == OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5] + b"\r\n0\r\n\r\n"
