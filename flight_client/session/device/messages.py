"""The payloads that a device writes and reads. Layouts: docs/protocol.md.

Writers fill a frame buffer from offset 16 on and return the payload's length; readers get the payload's bounds and
return False when it is not what it says it is.
"""

from ..common.fields import Buffer, copy, fill, get_u16, get_u32, put_u16, put_u32
from ..common.profile import Profile
from ..spec import HEADER_BYTES, SESSION_ID_BYTES, START_AFTER, VERSION
from .channels import ChannelState
from .identity import Identity

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from .agreement import Agreement

_AT = HEADER_BYTES


def _text(out: bytearray, at: int, text: bytes) -> int:
    out[at] = len(text)
    copy(out, at + 1, text, 0, len(text))
    return at + 1 + len(text)


def write_hello(out: bytearray, identity: Identity, profile: Profile, agreement: "Agreement", nonce: Buffer) -> int:
    """HELLO: who we are, what we can take and what we would like to send."""
    out[_AT] = identity.client_type
    out[_AT + 1] = identity.platform_number
    out[_AT + 2] = VERSION
    out[_AT + 3] = VERSION
    put_u32(out, _AT + 4, identity.capabilities)
    put_u16(out, _AT + 8, min(profile.frame_bytes, 0xFFFF))
    put_u16(out, _AT + 10, profile.window_frames)
    put_u32(out, _AT + 12, agreement.window_bytes)
    copy(out, _AT + 16, identity.incarnation, 0, 8)
    copy(out, _AT + 24, identity.boot, 0, 8)
    copy(out, _AT + 32, nonce, 0, 8)
    out[_AT + 40] = agreement.reads
    out[_AT + 41] = agreement.sends
    out[_AT + 42] = agreement.lanes
    out[_AT + 43] = agreement.auth
    put_u32(out, _AT + 44, agreement.unpacked_bytes)
    put_u32(out, _AT + 48, 0)
    at = _text(out, _AT + 52, identity.device_id)
    at = _text(out, at, identity.platform)
    at = _text(out, at, identity.version)
    put_u16(out, at, len(identity.token))
    copy(out, at + 2, identity.token, 0, len(identity.token))
    return at + 2 + len(identity.token) - _AT


def write_attach(out: bytearray, session_id: Buffer, generation: int, next_expected: int) -> int:
    """ATTACH without its proof, which the caller writes at offset 40."""
    copy(out, _AT, session_id, 0, SESSION_ID_BYTES)
    put_u32(out, _AT + 16, generation)
    put_u32(out, _AT + 20, next_expected)
    fill(out, _AT + 24, 16, 0)
    return 40


def write_poll(out: bytearray, session_id: Buffer, generation: int, number: int) -> int:
    """POLL without its proof, which the caller writes at offset 40."""
    return write_attach(out, session_id, generation, number)


def write_open(out: bytearray, state: ChannelState) -> int:
    """OPEN: a stream that was interrupted goes on behind what the application has had; mode 0 leaves the channel."""
    out[_AT] = 0 if state.leaving == 2 else state.mode
    out[_AT + 1] = START_AFTER if state.positioned else state.start
    put_u16(out, _AT + 2, state.taken if state.positioned else state.count)
    copy(out, _AT + 4, state.epoch, 0, 8)
    copy(out, _AT + 12, state.offset, 0, 8)
    return _text(out, _AT + 20, state.name) - _AT


def write_close(out: bytearray, code: int) -> int:
    """CLOSE with a code and no text."""
    fill(out, _AT, 8, 0)
    out[_AT] = code
    return 8


def write_token(out: bytearray, token: bytes) -> int:
    """TOKEN: go on with this one."""
    put_u16(out, _AT, len(token))
    copy(out, _AT + 2, token, 0, len(token))
    return 2 + len(token)


class Renewed:
    """What RENEWED said."""

    def __init__(self) -> None:
        self.code: int = 0
        self.unasked: bool = False  # it answers no TOKEN: the session's token has ended
        self.expires_in_ms: int = 0
        self.text_start: int = 0
        self.text_end: int = 0

    def read(self, data: Buffer, start: int, end: int) -> bool:
        """Take the fields of a RENEWED payload."""
        if end - start < 8:
            return False
        self.code = data[start]
        self.unasked = data[start + 1] != 0
        self.expires_in_ms = get_u32(data, start + 4)
        self.text_start = start + 8
        self.text_end = start + 8 + get_u16(data, start + 2)
        return self.expires_in_ms >= 0 and self.text_end <= end


class Welcome:
    """What WELCOME granted."""

    def __init__(self) -> None:
        self.session_id: bytearray = bytearray(SESSION_ID_BYTES)
        self.short_id: bytearray = bytearray(8)
        self.incarnation: bytearray = bytearray(8)
        self.epoch: bytearray = bytearray(8)
        self.server_nonce: bytearray = bytearray(8)
        self.heartbeat_ms: int = 0
        self.window_frames: int = 0
        self.frame_bytes: int = 0
        self.spread_ms: int = 0
        self.mark: int = 0
        self.lossy_stored: int = 0
        self.session_ttl_ms: int = 0
        self.window_bytes: int = 0
        self.token_expires_in_ms: int = 0  # 0 = never
        self.unpacked_bytes: int = 0
        self.flags_up: int = 0
        self.flags_down: int = 0
        self.auth: int = 0

    def read(self, data: Buffer, start: int, end: int) -> bool:
        """Take the fields of a WELCOME payload."""
        if end - start < 88:
            return False
        copy(self.session_id, 0, data, start, SESSION_ID_BYTES)
        copy(self.short_id, 0, data, start + 16, 8)
        copy(self.incarnation, 0, data, start + 24, 8)
        copy(self.epoch, 0, data, start + 32, 8)
        copy(self.server_nonce, 0, data, start + 40, 8)
        self.heartbeat_ms = get_u32(data, start + 48)
        self.window_frames = get_u16(data, start + 52)
        self.frame_bytes = get_u16(data, start + 54)
        self.spread_ms = get_u32(data, start + 56)
        self.mark = get_u32(data, start + 60)
        self.lossy_stored = get_u32(data, start + 64)
        self.session_ttl_ms = get_u32(data, start + 68)
        self.window_bytes = get_u32(data, start + 72)
        self.token_expires_in_ms = get_u32(data, start + 76)
        self.unpacked_bytes = get_u32(data, start + 80)
        self.flags_up = data[start + 84]
        self.flags_down = data[start + 85]
        self.auth = data[start + 86]
        numbers = (self.spread_ms, self.mark, self.lossy_stored, self.session_ttl_ms)
        if min(numbers) < 0 or min(self.token_expires_in_ms, self.unpacked_bytes) < 0:
            return False
        return min(self.heartbeat_ms, self.window_frames, self.window_bytes, self.frame_bytes) > 0


class Ending:
    """What CLOSE or RESET said."""

    def __init__(self) -> None:
        self.code: int = 0
        self.retry_after_ms: int = 0
        self.text_start: int = 0
        self.text_end: int = 0

    def read(self, data: Buffer, start: int, end: int) -> bool:
        """Take the fields of a CLOSE or RESET payload; the text stays in `data`."""
        if end - start < 8:
            return False
        self.code = data[start]
        self.retry_after_ms = get_u32(data, start + 4)
        self.text_start = start + 8
        self.text_end = start + 8 + get_u16(data, start + 2)
        return self.retry_after_ms >= 0 and self.text_end <= end
