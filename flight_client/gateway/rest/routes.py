"""What REST offers: one table, from which requests are routed and the description is made.

An answer that is not in a route's table is a mistake of this program: tests see every one that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flight_client.gateway.rest.schemas import CHANNEL_NAME, CURSOR, DEVICE_ID
from flight_client.session import spec

HISTORY_COUNT = 100
HISTORY_MOST = 1000
PRESENCE_MOST = 1000  # sessions in one answer; `next` says where to go on
BODY_BYTES = 131072

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value in the path or behind the question mark."""

    name: str
    place: str  # path or query
    schema: Schema
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """One request. `right` is the mode that the token needs; 0: no token at all."""

    name: str  # also the method of Rest that answers it
    method: str
    path: str
    text: str
    right: int
    parameters: tuple[Parameter, ...] = ()
    body: str = ""  # name of a schema
    answers: tuple[tuple[int, str], ...] = ()  # status, name of a schema


ANSWER_TEXTS = {
    200: "done",
    201: "stored",
    400: "the request is wrong: the error says what, with which value",
    401: "no token, or one that is not accepted",
    403: "the token does not allow this",
    404: "there is no such channel",
    408: "the body did not come in time",
    413: "the body is too large",
    429: "a limit of the gateway is reached",
    503: "the gateway cannot read or store now: try again",
}

_CHANNEL = Parameter(
    "channel", "path", CHANNEL_NAME,
    "name of the channel; a slash in it is written %2F",
)  # fmt: skip
_READ = ((400, "Error"), (401, "Error"), (403, "Error"))
_WRITE = (
    (400, "Error"),
    (401, "Error"),
    (403, "Error"),
    (408, "Error"),
    (413, "Error"),
    (429, "Error"),
    (503, "Error"),
)

ROUTES = (
    Route(
        "channels", "GET", "/v1/channels", "every channel that the token may read", spec.MODE_SUBSCRIBE,
        answers=((200, "Channels"), *_READ),
    ),
    Route(
        "history", "GET", "/v1/channels/{channel}/events",
        "what the channel's log holds: the newest entries, or those behind an offset", spec.MODE_SUBSCRIBE,
        (
            _CHANNEL,
            Parameter(
                "count", "query", {"type": "integer", "minimum": 1, "maximum": HISTORY_MOST, "default": HISTORY_COUNT},
                "at most so many entries",
            ),
            Parameter(
                "after", "query", {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1},
                "the entries behind this offset, oldest first; without it the newest",
            ),
            Parameter(
                "epoch", "query", {"type": "string", "pattern": "^[0-9a-f]{16}$"},
                "the log that `after` belongs to; where it is another one now, all is given and the gap says so",
            ),
        ),
        answers=((200, "History"), *_READ, (404, "Error"), (503, "Error")),
    ),
    Route(
        "publish", "POST", "/v1/channels/{channel}/events", "store events in a channel", spec.MODE_PUBLISH,
        (_CHANNEL,), "Publish", ((201, "Stored"), *_WRITE),
    ),
    Route(
        "publish_vm_event", "POST", "/v1/vm-events", "store one of the five events of a virtual machine in v6r-events",
        spec.MODE_PUBLISH, (), "VmEvent", ((201, "Stored"), *_WRITE),
    ),
    Route(
        "dead_letters", "GET", "/v1/dead-letters", "events that this gateway refused lately; their senders have them",
        spec.MODE_SUBSCRIBE,
        (
            Parameter(
                "count", "query", {"type": "integer", "minimum": 1, "maximum": HISTORY_MOST, "default": HISTORY_COUNT},
                "the newest so many",
            ),
        ),
        answers=((200, "DeadLetters"), *_READ),
    ),
    Route(
        "command", "POST", "/v1/devices/{device}/commands", "ask a device to carry out a command, and wait for its answer",
        spec.MODE_PUBLISH, (Parameter("device", "path", DEVICE_ID, "the device that is to carry it out"),), "Command",
        ((200, "CommandAnswer"), *_WRITE),
    ),
    Route(
        "presence", "GET", "/v1/presence", "the devices and tools that have a session at any of the gateways, in the order of their ids", spec.MODE_SUBSCRIBE,
        (
            Parameter(
                "channel", "query", CHANNEL_NAME,
                "only those that have this channel open",
            ),
            Parameter(
                "count", "query",
                {"type": "integer", "minimum": 1, "maximum": PRESENCE_MOST, "default": PRESENCE_MOST},
                "at most so many sessions",
            ),
            Parameter(
                "after", "query", CURSOR,
                "the `next` of the answer before: the sessions behind it",
            ),
        ),
        answers=((200, "Presence"), *_READ),
    ),
    Route("openapi", "GET", "/v1/openapi.json", "this description", 0, answers=((200, "OpenApi"),)),
    Route(
        "asyncapi", "GET", "/v1/asyncapi.json", "the channels and the messages of JSON, as AsyncAPI", 0,
        answers=((200, "AsyncApi"),),
    ),
)  # fmt: skip
