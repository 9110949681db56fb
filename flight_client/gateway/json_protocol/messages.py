"""The messages of `flight.v1.json`: what a client may say, read strictly, and what it is told.

One message is one JSON object with a `type`. A field that is not known is refused by its name, so that a mistake in
spelling is heard of at once.
"""

from __future__ import annotations

from typing import Any

from flight_client._tables import CODES, NAMES, STRINGS
from flight_client.errors import CallerError, EventError, RefusedError
from flight_client.platforms import PLATFORMS
from flight_client.session import spec
from flight_client.session.gateway.messages import Hello as HelloFrame

try:
    import msgspec
except ImportError as _error:
    raise CallerError(
        what="the gateway needs the package msgspec for its JSON",
        value=str(_error),
        next_step="pip install 'flight-realtime[gateway]'",
    ) from _error

SUBPROTOCOL = STRINGS["json_subprotocol"]
MESSAGE_BYTES = 131072  # as much as a message of the binary protocol
ID_CHARACTERS = 64

CODE_NUMBERS: dict[str, int] = {code["name"]: code["value"] for code in CODES}

_CODES = {code["value"]: code for code in CODES}


class _Message(msgspec.Struct, rename="camel", forbid_unknown_fields=True, tag_field="type"):
    pass


class _Part(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class ClientInfo(_Part):
    """The guide's ClientInfo."""

    client_type: str
    platform: str
    version: str = ""
    capabilities: list[str] = []


class RetryConfig(_Part):
    """The guide's; the sender's own business: the gateway retries nothing."""

    max_retries: int
    retry_interval_ms: int


class Routing(_Part):
    """The guide's MessageRouting."""

    requires_ack: bool = False
    retry_config: RetryConfig | None = None


class EventObject(_Part):
    """The guide's RealtimeEvent."""

    type: str
    data: dict[str, Any]


class Hello(_Message, tag="hello"):
    device_id: str
    client_info: ClientInfo
    token: str
    incarnation: str = ""


class Subscribe(_Message, tag="subscribe"):
    id: str
    channel: str
    start: str = "live"
    epoch: str = ""
    offset: int = 0
    count: int = 0


class Unsubscribe(_Message, tag="unsubscribe"):
    id: str
    channel: str


class Publish(_Message, tag="publish"):
    id: str
    channel: str
    events: list[EventObject]
    counter: int = 0
    priority: str = ""
    routing: Routing | None = None


class Token(_Message, tag="token"):
    id: str
    token: str


class Ping(_Message, tag="ping"):
    id: str = ""


class Close(_Message, tag="close"):
    pass


Message = Hello | Subscribe | Unsubscribe | Publish | Token | Ping | Close


class Poll(_Part):
    """A polling request: what proves the session, its number, and messages."""

    poll_key: str
    token: str
    number: int
    messages: list[Message] = []


_message = msgspec.json.Decoder(Message).decode
_poll = msgspec.json.Decoder(Poll).decode
_encode = msgspec.json.Encoder().encode


class Unreadable(Exception):  # noqa: N818 - it is answered, it is no error of this program
    """Text that is no message: what is wrong, and where."""


def read_message(text: str | bytes) -> Message:
    """One message. Raises Unreadable."""
    found: Message = read_with(_message, text)
    return found


def read_poll(text: bytes) -> Poll:
    """One polling request. Raises Unreadable."""
    found: Poll = read_with(_poll, text)
    return found


def read_with(decode: Any, text: str | bytes) -> Any:
    """What a decoder of msgspec makes of a text. Raises Unreadable."""
    try:
        return decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # ValidationError is a DecodeError
        raise Unreadable(_bounded(str(error))) from None


def _bounded(text: str) -> str:
    """Never more than a line of somebody else's text, and no control characters."""
    return ascii(text[: spec.TEXT_BYTES])[1:-1]


def encode(fields: Any) -> bytes:
    """A message as text."""
    return _encode(fields)


def hello_frame(hello: Hello) -> HelloFrame:
    """What a binary HELLO of the same words would have said. Raises RefusedError for words without a number."""
    frame = HelloFrame()
    info = hello.client_info
    kind = NAMES["client_types"].get(info.client_type)
    if kind is None:
        known = ", ".join(NAMES["client_types"])
        raise RefusedError(spec.CODE_UNSUPPORTED, f"clientType {_bounded(info.client_type)!r} is none of {known}")
    frame.client_type = kind
    frame.platform_number = PLATFORMS.get(info.platform, {}).get("id", 0)
    frame.version_min = frame.version_max = spec.VERSION
    frame.capabilities = 0
    for name in info.capabilities:
        bit = NAMES["capabilities"].get(name)
        if bit is None:
            raise RefusedError(spec.CODE_UNSUPPORTED, f"capability {_bounded(name)!r} is not known")
        frame.capabilities |= bit
    frame.incarnation = read_hex("incarnation", hello.incarnation or "0" * 16)
    frame.flags_read = frame.flags_sent = 0
    frame.lanes = spec.LANE_CRITICAL | spec.LANE_LOSSY
    frame.auth = spec.AUTH_NONE
    frame.device_id = hello.device_id.encode("utf-8", "replace")
    frame.platform = info.platform.encode("utf-8", "replace")
    frame.version = info.version.encode("utf-8", "replace")[: spec.VERSION_BYTES]
    frame.token = hello.token.encode("utf-8", "replace")
    return frame


def read_hex(name: str, text: str) -> bytes:
    """An epoch or an incarnation. Raises RefusedError(malformed)."""
    try:
        found = bytes.fromhex(text) if len(text) == 16 else b""
    except ValueError:
        found = b""
    if not found:
        raise RefusedError(spec.CODE_MALFORMED, f"{name} is not 16 hexadecimal digits: {_bounded(text)!r}")
    return found


def error_of(error: RefusedError | EventError | Unreadable) -> dict[str, Any]:
    """Whose fault, what, which value, what next: the members of an `error`, but for type and id."""
    if isinstance(error, RefusedError):
        code = _CODES[error.code]
        value, what, following = error.text, code["text"], code["next"]
        return {
            "code": code["name"], "fault": code["fault"], "fatal": code["fatal"], "message": what, "value": value,
            "nextStep": following,
        }  # fmt: skip
    if isinstance(error, EventError):
        return {
            "code": "malformed", "fault": "caller", "fatal": False, "message": _bounded(error.what),
            "value": _bounded(repr(error.value)), "nextStep": _bounded(error.next_step),
        }  # fmt: skip
    return {
        "code": "malformed", "fault": "caller", "fatal": False, "message": "the message cannot be read",
        "value": str(error), "nextStep": "see docs/json.md for the fields of each type",
    }  # fmt: skip


def refusal_message(code: int, text: str = "", retry_after_ms: int = 0) -> dict[str, Any]:
    """An `error` with a code of the table."""
    fields = {"type": "error", **error_of(RefusedError(code, text))}
    if retry_after_ms:
        fields["retryAfterMs"] = retry_after_ms
    return fields
