"""The payloads that a gateway reads and writes. Layouts: docs/protocol.md.

Readers answer None for a payload that is not what it says it is; writers return new bytes: the gateway has a heap.
"""

from ..common.fields import Buffer, get_u16, get_u32, put_u16, put_u32
from ..spec import (
    DEVICE_ID_BYTES,
    HELLO_FRAME_BYTES,
    NONCE_BYTES,
    PLATFORM_BYTES,
    PROOF_BYTES,
    SESSION_ID_BYTES,
    TEXT_BYTES,
    TOKEN_BYTES,
    VERSION_BYTES,
)


class Hello:
    """What HELLO said: who the client claims to be and what it can take."""

    def __init__(self) -> None:
        self.client_type = 0
        self.platform_number = 0
        self.version_min = 0
        self.version_max = 0
        self.capabilities = 0
        self.frame_bytes = 0
        self.window_frames = 0
        self.window_bytes = 0
        self.flags_read = 0
        self.flags_sent = 0
        self.lanes = 0
        self.auth = 0
        self.unpacked_bytes = 0
        self.incarnation = b""
        self.boot = b""
        self.nonce = b""
        self.device_id = b""
        self.platform = b""
        self.version = b""
        self.token = b""


def _short(data: Buffer, at: int, end: int, limit: int) -> bytes | None:
    """A text behind a u8 length, or None when it does not fit."""
    if at >= end or data[at] > limit or at + 1 + data[at] > end:
        return None
    return bytes(data[at + 1 : at + 1 + data[at]])


def read_hello(data: Buffer, start: int, end: int) -> Hello | None:
    """HELLO, or None when it is malformed."""
    if end - start < 52:
        return None
    hello = Hello()
    hello.client_type = data[start]
    hello.platform_number = data[start + 1]
    hello.version_min = data[start + 2]
    hello.version_max = data[start + 3]
    hello.capabilities = get_u32(data, start + 4)
    hello.frame_bytes = get_u16(data, start + 8)
    hello.window_frames = get_u16(data, start + 10)
    hello.window_bytes = get_u32(data, start + 12)
    hello.incarnation = bytes(data[start + 16 : start + 24])
    hello.boot = bytes(data[start + 24 : start + 32])
    hello.nonce = bytes(data[start + 32 : start + 32 + NONCE_BYTES])
    hello.flags_read = data[start + 40]
    hello.flags_sent = data[start + 41]
    hello.lanes = data[start + 42]
    hello.auth = data[start + 43]
    hello.unpacked_bytes = get_u32(data, start + 44)
    at = start + 52
    texts = []
    for limit in (DEVICE_ID_BYTES, PLATFORM_BYTES, VERSION_BYTES):
        text = _short(data, at, end, limit)
        if text is None:
            return None
        texts.append(text)
        at += 1 + len(text)
    hello.device_id, hello.platform, hello.version = texts
    if at + 2 > end or get_u16(data, at) > TOKEN_BYTES or at + 2 + get_u16(data, at) != end:
        return None
    hello.token = bytes(data[at + 2 : end])
    sound = (
        hello.capabilities >= 0
        and hello.unpacked_bytes >= 0
        and hello.window_bytes > 0
        and hello.window_frames > 0
        and hello.frame_bytes >= HELLO_FRAME_BYTES
    )
    return hello if sound else None


class Attach:
    """What ATTACH, or POLL, said. `number` is the next expected sequence number, or the number of the poll."""

    def __init__(self) -> None:
        self.session_id = b""
        self.generation = 0
        self.number = 0
        self.proof = b""


def read_attach(data: Buffer, start: int, end: int) -> Attach | None:
    """ATTACH or POLL, or None when it is malformed."""
    if end - start != SESSION_ID_BYTES + 8 + PROOF_BYTES:
        return None
    attach = Attach()
    attach.session_id = bytes(data[start : start + SESSION_ID_BYTES])
    attach.generation = get_u32(data, start + 16)
    attach.number = get_u32(data, start + 20)
    attach.proof = bytes(data[start + 24 : start + 24 + PROOF_BYTES])
    return attach if attach.generation >= 0 and attach.number >= 0 else None


class Open:
    """What OPEN asked for."""

    def __init__(self) -> None:
        self.mode = 0
        self.start = 0
        self.count = 0
        self.epoch = b""
        self.offset = 0
        self.name = b""


def read_open(data: Buffer, start: int, end: int) -> Open | None:
    """OPEN, or None when it is malformed."""
    if end - start < 21 or end - start != 21 + data[start + 20]:
        return None
    opened = Open()
    opened.mode = data[start]
    opened.start = data[start + 1]
    opened.count = get_u16(data, start + 2)
    opened.epoch = bytes(data[start + 4 : start + 12])
    opened.offset = int.from_bytes(bytes(data[start + 12 : start + 20]), "little")
    opened.name = bytes(data[start + 21 : end])
    return opened


def _said(text: str) -> bytes:
    """A text within its limit, cut between two characters."""
    said = text.encode()
    end = min(len(said), TEXT_BYTES)
    while end < len(said) and said[end] & 0xC0 == 0x80:
        end -= 1
    return said[:end]


def welcome(
    session_id: bytes, short_id: bytes, incarnation: bytes, epoch: bytes, nonce: bytes, numbers: tuple[int, ...]
) -> bytes:
    """WELCOME; numbers: heartbeat_ms, window_frames, frame_bytes, spread_ms, mark, lossy_stored, session_ttl_ms,
    window_bytes, token_expires_in_ms, unpacked_bytes, flags_up, flags_down, auth.
    """
    out = bytearray(88)
    out[0:16] = session_id
    out[16:24] = short_id
    out[24:32] = incarnation
    out[32:40] = epoch
    out[40:48] = nonce
    put_u32(out, 48, numbers[0])
    put_u16(out, 52, numbers[1])
    put_u16(out, 54, min(numbers[2], 0xFFFF))
    put_u32(out, 56, numbers[3])
    put_u32(out, 60, numbers[4])
    put_u32(out, 64, numbers[5])
    put_u32(out, 68, numbers[6])
    put_u32(out, 72, numbers[7])
    put_u32(out, 76, numbers[8])
    put_u32(out, 80, numbers[9])
    out[84] = numbers[10]
    out[85] = numbers[11]
    out[86] = numbers[12]
    return bytes(out)


def resumed(generation: int, next_expected: int, lossy_stored: int, spread_ms: int) -> bytes:
    """RESUMED."""
    out = bytearray(16)
    put_u32(out, 0, generation)
    put_u32(out, 4, next_expected)
    put_u32(out, 8, lossy_stored)
    put_u32(out, 12, spread_ms)
    return bytes(out)


def ending(code: int, retry_after_ms: int = 0, text: str = "") -> bytes:
    """CLOSE or RESET."""
    said = _said(text)
    out = bytearray(8)
    out[0] = code
    put_u16(out, 2, len(said))
    put_u32(out, 4, retry_after_ms)
    return bytes(out) + said


def opened(code: int, mode: int, epoch: bytes, offset: int, text: str = "") -> bytes:
    """OPENED: the answer to OPEN and the position behind which the stream begins."""
    said = _said(text)
    out = bytearray(20)
    out[0] = code
    out[1] = mode
    put_u16(out, 2, len(said))
    out[4:12] = epoch
    out[12:20] = offset.to_bytes(8, "little")
    return bytes(out) + said


def gap(reason: int, epoch: bytes, after: int, to: int) -> bytes:
    """GAP: what lies in (after, to] will not come."""
    return bytes((reason, 0, 0, 0)) + epoch + after.to_bytes(8, "little") + to.to_bytes(8, "little")


def read_token(data: Buffer, start: int, end: int) -> bytes | None:
    """The token of TOKEN, or None when it is malformed."""
    if end - start < 2 or get_u16(data, start) > TOKEN_BYTES or end - start != 2 + get_u16(data, start):
        return None
    return bytes(data[start + 2 : end])


def renewed(code: int, expires_in_ms: int, text: str = "", unasked: bool = False) -> bytes:
    """RENEWED: the answer to TOKEN, or, unasked, that the token of the session has ended."""
    said = _said(text)
    out = bytearray(8)
    out[0] = code
    out[1] = 1 if unasked else 0
    put_u16(out, 2, len(said))
    put_u32(out, 4, expires_in_ms)
    return bytes(out) + said


def refused(seq: int, code: int, events: int, text: str = "") -> bytes:
    """REFUSED: this frame of yours was not stored."""
    said = _said(text)
    out = bytearray(12)
    put_u32(out, 0, seq)
    out[4] = code
    put_u16(out, 6, len(said))
    put_u32(out, 8, events)
    return bytes(out) + said


def counts(lossy_stored: int, spread_ms: int = -1) -> bytes:
    """ACK, or HEARTBEAT when a spread is given."""
    out = bytearray(4 if spread_ms < 0 else 8)
    put_u32(out, 0, lossy_stored)
    if spread_ms >= 0:
        put_u32(out, 4, spread_ms)
    return bytes(out)
