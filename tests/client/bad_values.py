"""What is wrong and what is right for each argument of the public methods, for test_bad_input.py."""

import math
import time

from flight_client import (
    FrameTime,
    LinkError,
    Log,
    MemoryUpdate,
    MessagePriority,
    MessageRouting,
    RealtimeMessage,
    RetryConfig,
)
from flight_client.letters import DeadLetter

LONE = "\ud800"
SECONDS = ("1", -1, -0.001, math.nan, math.inf, 10**400, True, object())
COUNTS = ("1", 1.5, -1, 1 << 70, True, object())
FLAGS = ("yes", 1, object())
FUNCTIONS = (5, "print", object())
TEXTS = (5, b"log", object(), LONE)
CHANNELS = (*TEXTS, None, "", "No Name", "a//b", "..", "x" * 65)
NAMES: tuple[object, ...] = ("log", b"log", 5, ["Bad Name"], [5], [None], [])

BAD: dict[str, tuple[object, ...]] = {
    "ack": FLAGS,
    "address": (
        None,
        5,
        b"http://a",
        "",
        LONE,
        "http://[::1",
        "http://a\uff0fb",
        "ftp://a",
        "http://a:99999",
        [],
        [5],
        ["http://a:1", "http://a:1"],
    ),
    "after": COUNTS,
    "buffer": (5, None, "text", b"x", object()),
    "ca_file": (5, None, b"x", object()),
    "capture": (5, object()),
    "channel": CHANNELS,
    "channels": NAMES,
    "critical": FLAGS,
    "data": ("text", 5, None, object()),
    "device_id": (5, b"x", object(), "-bad", "x" * 33, "ü"),
    "device_key": (5, object(), "no hexadecimal", b"short"),
    "epoch": (
        5,
        b"0011223344556677",
        "",
        "0" * 15,
        "G" * 16,
        "0011223344556677",
        object(),
    ),  # the last but one without `after`
    "error": (None, "error", 5),
    "error_handler": (5, "x", object()),
    "event": (None, 5, "text", object(), {"type": "log"}, Log),
    "events": (*COUNTS, None, 0),
    "events_per_s": COUNTS,
    "expires_ms": COUNTS,
    "fatal": FUNCTIONS,
    "field": (5, b"cpu", "no-such-field", object()),
    "handler": (*FUNCTIONS, None),
    "history": (*COUNTS, 0x10000),
    "hook": (*FUNCTIONS, None),
    "interval_ms": (*COUNTS, None, 0, 9),
    "key": ([], {}, ([],)),
    "kind": (None, 5, "log", Log("x"), object, []),
    "last": FLAGS,
    "letter": (None, 5, "letter", object()),
    "letters": (None, 5, "letter", object()),
    "message": (None, 5, "text", {}, Log("x")),
    "limit": (*COUNTS, None, 10001),
    "limits": (None, 5, object()),
    "link_bytes_per_s": COUNTS,
    "long_poll": FLAGS,
    "name": TEXTS,
    "platform": (*TEXTS, None, "", "amiga"),
    "policy": (5, object(), "newest"),
    "pressure_fragmentation": ("0.5", None, -0.1, 1.1, math.nan, True, object()),
    "pressure_used": ("0.5", None, -0.1, 1.1, math.nan, True, object()),
    "priority": (5, object(), "urgent"),
    "proxy": TEXTS,
    "recovery": FUNCTIONS,
    "relieves": (None, 1, "yes"),
    "resume_file": (5, b"x", object()),
    "retries": COUNTS,
    "retry_interval_ms": COUNTS,
    "target": (*TEXTS, None),
    "timeout_s": SECONDS,
    "token": (None, 5, b"token", object(), LONE),
    "transport_factories": (5, "websocket", {5: print}, {"memory": 5}),
    "transports": ("websocket", 5, [5], ["smoke"], []),
    "types": (5, None, "no-such-event", b"log", LONE),
    "update": (None, 5, object(), Log("x"), MemoryUpdate(used_bytes=-1), MemoryUpdate(fragmentation=-0.1)),
    "version": (*TEXTS, None, "x" * 17),
    "wide": FLAGS,
    "warning_fragmentation": ("0.5", None, -0.1, 1.1, math.nan, True, object()),
}
# Where a name means something else, or the default may be left out but None is no value of its own.
BAD_HERE: dict[tuple[str, str], tuple[object, ...]] = {
    ("Client.channel", "name"): CHANNELS,
    ("SyncClient.channel", "name"): CHANNELS,
    ("Client.send", "channel"): tuple(value for value in CHANNELS if value is not None),
    ("SyncClient.send", "channel"): tuple(value for value in CHANNELS if value is not None),
    ("Channel.emit_many", "events"): (5, None, "events", {}, [5], [Log("good"), None]),
    ("SyncChannel.emit_many", "events"): (5, None, "events", {}, [5], [Log("good"), None]),
    ("Client.command", "timeout_s"): (*SECONDS, 0, None, 1e9),
    ("SyncClient.command", "timeout_s"): (*SECONDS, 0, None, 1e9),
    ("RealtimeErrorHandler.handle_connection_error", "platform"): (5, None, object()),
    ("register_recovery", "handler"): FUNCTIONS,
    ("RealtimeErrorHandler.handle_message_error", "message"): (),  # anything may be logged
    ("handle_connection_error", "error"): (),  # not looked at
    ("handle_connection_error", "platform"): (),  # an unknown one has the default
}
# What the error calls the argument, where that is not its name.
SAYS = {
    "address": "address|port|transport",
    "channel": "channel",
    "channels": "channel",
    "device_id": "device.id",
    "device_key": "device.key",
    "event": "event",
    "events": "event",
    "handler": "handler",
    "name": "name|channel",
    "platform": "platform",
    "resume_file": "resume.file",
    "transports": "transport",
    "types": "types|event type",
    "update": "update|used_bytes|fragmentation",
    "version": "version",
}
GOOD: dict[str, object] = {
    "buffer": b"",
    "channel": "log",
    "error": LinkError("gone"),
    "event": Log("good"),
    "events": 5,
    "handler": lambda _: None,
    "hook": lambda _: None,
    "kind": Log,
    "letter": DeadLetter("log", "closed", 0, False, 5, b"", 0),
    "limit": 1,
    "message": RealtimeMessage(
        "m-1",
        "log",
        time.time_ns() // 1_000_000,
        "host",
        '{"text": "good"}',
        MessagePriority.NORMAL,
        MessageRouting(True, RetryConfig(0, 1)),
    ),
    "name": "log",
    "platform": "psp",
    "target": "console-1",
    "update": MemoryUpdate(),
    "address": "http://127.0.0.1:9",
    "token": "t",
}
GOOD_HERE: dict[tuple[str, str], object] = {
    ("Channel.emit_buffer", "kind"): FrameTime,
    ("Channel.number_emitter", "kind"): FrameTime,
    ("SyncChannel.emit_buffer", "kind"): FrameTime,
    ("SyncChannel.number_emitter", "kind"): FrameTime,
    ("Channel.emit_many", "events"): [Log("good")],
    ("SyncChannel.emit_many", "events"): [Log("good")],
}
