"""A WebSocket in C: the upgrade, frames both ways, and servers that break the rules."""

import base64
import hashlib
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_client._tables import STRINGS
from tests.codecs import library
from tests.codecs.library import (
    ANSWER,
    FAILED,
    KEY,
    OPEN,
    SEED,
    Codec,
    CodecError,
    cut_anywhere,
    masked,
    ready,
    unmasked,
)
from tests.codecs.websocket_cases import (
    BAD_UPGRADES,
    BINARY,
    BODY,
    CASES,
    CLOSE,
    CONTINUATION,
    GOOD_UPGRADES,
    GUID,
    MESSAGE_LIMIT,
    PING,
    PONG,
    TEXT,
    UPGRADE,
    close,
    frame,
    upgrade,
)


def opened() -> Codec:
    codec = ready("websocket")
    assert codec.feed(UPGRADE) == (b"", OPEN)
    return codec


# --- SHA-1 and Base64 ---


def sha1(data: bytes, cuts: list[int]) -> bytes:
    ffi, lib = library.library()
    digest = bytearray(20)
    lib.codec_sha1(data, len(data), [*cuts, len(data)], ffi.from_buffer(digest))
    return bytes(digest)


def test_sha1_of_every_length_is_right_however_it_is_cut() -> None:
    rng = random.Random(SEED)
    for count in range(200):
        data = rng.randbytes(count)
        cuts = sorted(rng.choices(range(count + 1), k=3))
        assert sha1(data, cuts) == hashlib.sha1(data).digest(), f"{count} bytes, seed {SEED}"
    data = rng.randbytes(100_000)
    assert sha1(data, []) == hashlib.sha1(data).digest()


def test_base64_of_every_length_is_right() -> None:
    ffi, lib = library.library()
    rng = random.Random(SEED)
    everything = bytes((at * 4 + 1) & 255 for at in range(256)) + bytes(range(256))
    for data in [everything, *(rng.randbytes(count) for count in range(64))]:
        text = bytearray(4 * -(-len(data) // 3) + 1)
        count = lib.flight_base64(ffi.from_buffer(text), data, len(data))
        assert bytes(text) == base64.b64encode(data) + b"\0"
        assert count == len(text) - 1


# --- the upgrade ---


def test_the_request_asks_for_an_upgrade_and_offers_no_extension() -> None:
    request = Codec("websocket", path=STRINGS["stream_path"]).upgrade(KEY)
    assert request.endswith(b"\r\n\r\n")
    assert request.decode().split("\r\n")[:-2] == [
        "GET /v1/stream HTTP/1.1",
        "Host: 192.168.1.10:7070",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(KEY).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {STRINGS['subprotocol']}",
    ]


def test_the_longest_request_fills_its_room() -> None:
    most = library.number(5)
    codec = Codec("websocket", "h" * most, 65535, "/" + "p" * (most - 1))
    assert len(codec.upgrade()) == library.number(1)
    with pytest.raises(CodecError, match=str(library.ERROR_NO_ROOM)):
        Codec("websocket").upgrade(capacity=library.number(1) - 1)


def test_one_connection_upgrades_once() -> None:
    for codec in (ready("websocket"), opened()):
        with pytest.raises(CodecError, match=str(library.ERROR_ARGUMENT)):
            codec.upgrade()


@pytest.mark.parametrize("name", GOOD_UPGRADES)
def test_an_upgrade_that_proves_itself_opens_the_connection(name: str) -> None:
    outcome = cut_anywhere("websocket", GOOD_UPGRADES[name] + frame(BINARY, b"abc"))
    assert (outcome.happened, outcome.payload, outcome.failed, outcome.status) == (OPEN, b"abc", False, 101)


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_an_upgrade_that_does_not_is_refused_wherever_it_is_cut(name: str) -> None:
    problem, status, data = BAD_UPGRADES[name]
    outcome = cut_anywhere("websocket", data + frame(BINARY, b"abc"))
    assert (outcome.problem, outcome.status) == (problem, status)
    assert (outcome.happened, outcome.payload, outcome.answer) == (0, b"", b"")


def test_every_byte_of_the_accept_counts() -> None:
    for at in range(len(UPGRADE)):
        changed = UPGRADE[:at] + bytes([UPGRADE[at] ^ 1]) + UPGRADE[at + 1 :]
        begin = UPGRADE.index(b"Accept: ") + 8
        if begin <= at < begin + 28:
            assert ready("websocket").outcome([changed]).problem == "handshake"


def test_keys_give_their_own_accept() -> None:
    rng = random.Random(SEED)
    for _ in range(50):
        key = rng.randbytes(16)
        accept = base64.b64encode(hashlib.sha1(base64.b64encode(key) + GUID).digest())
        codec = Codec("websocket")
        codec.upgrade(key)
        assert codec.feed(upgrade(accept=accept)) == (b"", OPEN), f"seed {SEED}"


def test_a_refusal_may_say_when_to_come_back() -> None:
    outcome = cut_anywhere("websocket", b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n")
    assert (outcome.problem, outcome.status, outcome.retry_after_s) == ("status", 503, 7)


def test_bytes_before_the_request_are_a_failure() -> None:
    codec = Codec("websocket")
    assert codec.feed(b"") == (b"", 0)
    assert codec.outcome([b"H"]).problem == "handshake"
    with pytest.raises(CodecError):
        codec.upgrade()


# --- frames of the server ---


@pytest.mark.parametrize("name", CASES)
def test_frames_end_as_they_must_wherever_they_are_cut(name: str) -> None:
    case = CASES[name]
    outcome = cut_anywhere("websocket", case.data, before=UPGRADE)
    assert (outcome.problem, outcome.status) == (case.problem, case.status)
    assert outcome.payload == case.payload
    assert outcome.happened == OPEN
    if case.answer is None:
        assert outcome.answer == b""
    else:
        opcode, payload = unmasked(outcome.answer)
        assert (opcode, payload) == (0x80 | case.answer[0], case.answer[1])


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].problem != "none"])
def test_after_the_end_nothing_is_read_or_written(name: str) -> None:
    codec = opened()
    first = codec.outcome([CASES[name].data])
    again = codec.outcome([frame(BINARY, b"ab"), frame(PING, b"cd")])
    assert (again.payload, again.answer, again.happened) == (b"", b"", 0)
    assert (again.problem, again.status) == (first.problem, first.status)
    assert codec.message(b"ab") == b""
    assert codec.close() == 0
    assert codec.end() == FAILED
    assert codec.outcome([b""]).problem == first.problem


def test_payload_is_handed_out_as_it_comes() -> None:
    codec = opened()
    data = frame(BINARY, b"hello")
    assert [codec.feed(piece)[0] for piece in (data[:4], data[4:5], data[5:])] == [b"he", b"l", b"lo"]


def test_an_answer_waits_until_it_is_taken_and_the_newest_ping_wins() -> None:
    codec = opened()
    assert codec.feed(frame(PING, b"one")) == (b"", ANSWER)
    assert codec.feed(frame(BINARY, b"ab") + frame(PONG, b"zzzz")) == (b"ab", ANSWER)
    assert codec.feed(b"") == (b"", ANSWER)
    assert codec.feed(frame(PING, b"two")[:3]) == (b"", 0), "half a ping is no answer, and its place is needed"
    assert codec.feed(frame(PING, b"two")[3:]) == (b"", ANSWER)
    assert codec.feed(close(1000)[:3]) == (b"", ANSWER)
    assert unmasked(codec.answer()) == (0x80 | PONG, b"two")
    codec = opened()
    assert codec.feed(frame(PONG, b"x")) == (b"", 0)


def test_an_answer_that_has_left_in_part_stays_as_it_is() -> None:
    for later in (frame(PING, b"later"), frame(PING, b""), frame(PING, bytes(125)) * 3):
        codec = opened()
        codec.feed(frame(PING, b"one"))
        first = codec.answer(4)
        assert codec.feed(frame(BINARY, b"ab") + later) == (b"ab", ANSWER)
        assert codec.close() == 0, "not between the halves of a frame"
        assert unmasked(first + codec.answer()) == (0x80 | PONG, b"one")
        assert codec.feed(b"") == (b"", 0)
        assert codec.close() == ANSWER


def test_a_ping_that_begins_behind_half_an_answer_gets_none() -> None:
    codec = opened()
    codec.feed(frame(PING, b"one"))
    first = codec.answer(8)
    later = frame(PING, b"later")
    assert codec.feed(later[:4]) == (b"", ANSWER)
    assert unmasked(first + codec.answer()) == (0x80 | PONG, b"one")
    assert codec.feed(later[4:]) == (b"", 0)
    assert codec.feed(frame(PING, b"two")) == (b"", ANSWER)
    assert unmasked(codec.answer()) == (0x80 | PONG, b"two")


@pytest.mark.parametrize("data", [close(1000), frame(TEXT, b"hello")])
def test_the_end_behind_half_an_answer_leaves_the_other_half(data: bytes) -> None:
    codec = opened()
    codec.feed(frame(PING, b"one"))
    first = codec.answer(3)
    assert codec.feed(data) == (b"", ANSWER | FAILED)
    assert unmasked(first + codec.answer()) == (0x80 | PONG, b"one")


def test_our_close_in_the_middle_of_a_ping_is_what_goes_out() -> None:
    for at in range(2, 8):
        codec = opened()
        ping = frame(PING, b"hello")
        codec.feed(ping[:at])
        assert codec.close(1000) == ANSWER
        assert codec.feed(ping[at:] + frame(BINARY, b"ab")) == (b"ab", ANSWER)
        assert unmasked(codec.answer()) == (0x80 | CLOSE, struct.pack(">H", 1000))


def test_answers_have_masks_of_their_own() -> None:
    codec = opened()
    masks = set()
    for _ in range(100):
        codec.feed(frame(PING, b"x"))
        masks.add(codec.answer()[2:6])
    assert len(masks) == 100
    other = Codec("websocket")
    other.upgrade(bytes(range(1, 17)))
    assert codec.answer() == b""


def test_a_pong_that_waits_gives_way_to_a_close() -> None:
    codec = opened()
    assert codec.feed(frame(PING, b"one") + close(1001)) == (b"", ANSWER | FAILED)
    assert unmasked(codec.answer()) == (0x80 | CLOSE, struct.pack(">H", 1001))


def test_a_connection_that_ends_has_failed() -> None:
    waiting = opened()
    waiting.feed(frame(PING, b"x"))
    for codec in (Codec("websocket"), ready("websocket"), opened(), waiting):
        assert codec.end() == FAILED
        outcome = codec.outcome([b""])
        assert (outcome.problem, outcome.status, outcome.answer) == ("closed", 1006, b"")


# --- closing from our side ---


def test_our_close_is_said_once_and_what_still_comes_is_read() -> None:
    codec = opened()
    assert codec.close(1000) == ANSWER
    assert codec.close(1001) == 0
    assert codec.feed(frame(BINARY, b"ab") + frame(PING, b"no pong")) == (b"ab", ANSWER)
    assert unmasked(codec.answer()) == (0x80 | CLOSE, struct.pack(">H", 1000))
    assert codec.message(b"ab") == b"", "nothing follows a close frame"
    outcome = codec.outcome([frame(BINARY, b"cd") + frame(PING, b"x") + close(1000)])
    assert (outcome.payload, outcome.problem, outcome.status, outcome.answer) == (b"cd", "closed", 1000, b"")


@pytest.mark.parametrize(("data", "status"), [(frame(BINARY, b"ab", reserved=1), 1002), (close(1005), 1002)])
def test_a_breach_after_our_close_has_no_second_one(data: bytes, status: int) -> None:
    codec = opened()
    codec.close()
    codec.answer()
    outcome = codec.outcome([data])
    assert (outcome.problem, outcome.status, outcome.answer) == ("framing", status, b"")


def test_a_longer_length_after_our_close_does_not_forget_it() -> None:
    codec = opened()
    codec.close()
    codec.answer()
    assert codec.feed(frame(BINARY, bytes(300)) + frame(BINARY, bytes(70000))) == (bytes(70300), 0)
    assert codec.message(b"x") == b""


def test_nobody_hears_a_close_before_the_connection_is_open() -> None:
    for codec in (Codec("websocket"), ready("websocket")):
        assert codec.close() == 0
        assert codec.message(b"x") == b""


# --- frames of the client ---


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, MESSAGE_LIMIT])
def test_a_message_is_masked_and_has_the_shortest_length(size: int) -> None:
    payload = (BODY * (size // 256 + 1))[:size]
    written = opened().message(payload, 0x44332211)
    expected = bytearray(frame(BINARY, payload)[: -size or None])
    expected[1] |= 0x80
    assert written[: len(expected) + 4] == bytes(expected) + b"\x11\x22\x33\x44"
    assert written[len(expected) + 4 :] == bytes(
        byte ^ (0x11, 0x22, 0x33, 0x44)[at & 3] for at, byte in enumerate(payload)
    )


def test_a_message_over_the_limit_is_not_written() -> None:
    assert opened().message(bytes(MESSAGE_LIMIT + 1)) == b""


@given(st.binary(max_size=100), st.integers(0, 2**32 - 1), st.lists(st.integers(0, 100), max_size=5))
def test_a_mask_may_be_put_on_in_parts_and_twice_is_not_at_all(payload: bytes, mask: int, cuts: list[int]) -> None:
    inside = sorted(min(cut, len(payload)) for cut in cuts)
    once = masked(payload, mask, inside)
    assert once == bytes(byte ^ (mask >> 8 * (at & 3)) & 255 for at, byte in enumerate(payload))
    assert masked(once, mask) == payload


# --- random conversations against a model ---


def story(rng: random.Random) -> tuple[bytes, bytes, bytes | None]:
    """Valid frames: bytes, payload, and the payload of the last ping."""
    data, payload, last = b"", b"", None
    for _ in range(rng.randrange(6)):
        pieces = [rng.randbytes(rng.choice([0, 1, 5, 125, 126, 300])) for _ in range(rng.randrange(1, 4))]
        for at, piece in enumerate(pieces):
            data += frame(CONTINUATION if at else BINARY, piece, last=at == len(pieces) - 1)
            payload += piece
            if rng.random() < 0.4:
                ping = rng.randbytes(rng.choice([0, 1, 125]))
                data += frame(PING, ping)
                last = ping
            if rng.random() < 0.2:
                data += frame(PONG, rng.randbytes(3))
    return data, payload, last


def test_random_conversations_come_out_as_they_went_in() -> None:
    rng = random.Random(SEED)
    for number in range(300):
        data, payload, ping = story(rng)
        cuts = sorted(rng.choices(range(len(data) + 1), k=rng.randrange(10)))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        outcome = opened().outcome(pieces)
        assert (outcome.payload, outcome.problem) == (payload, "none"), f"conversation {number}, seed {SEED}"
        assert (unmasked(outcome.answer) if outcome.answer else None) == (None if ping is None else (0x80 | PONG, ping))


def test_the_list_is_long_enough() -> None:
    assert len(CASES) > 130
    assert len(BAD_UPGRADES) > 35
