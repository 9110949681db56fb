r"""What a device's events cost, before anything is written: bytes on the wire, share of the link, memory, instructions, delay.

    python build_scripts/budget.py --profile dreamcast --link modem-33k6 \
        frame-time:frame-time:1 player:48:60 log:log+40:0.5 save:component-update+60:0.1:critical

Each event is NAME:SIZE:PER_SECOND[:critical]. NAME is its channel. SIZE is the bytes of the body, or a layout of the spec,
with +BYTES for the text in its tail. The model: events go into the ring of their lane in the order of their times; every
`batch_delay_ms` everything that waits is packed. A frame holds events of one channel, so channels that take turns in one ring
cost a frame header each time. What the transport itself adds (TCP/IP, HTTP) counts only where --overhead-bytes names it.

Exits 0 when it fits, 1 when it does not, 2 for input that makes no sense.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from flight_client._core import ffi, lib

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benchmarks" / "baseline" / "core.json"
SPEC = tomllib.loads((ROOT / "spec" / "flight.toml").read_text(encoding="utf-8"))
PROFILES: dict[str, dict[str, Any]] = {profile["name"]: profile for profile in SPEC["profiles"]}
LAYOUTS: dict[str, dict[str, Any]] = {layout["name"]: layout for layout in SPEC["layouts"]}

# Bytes per second that a device can send. Serial: 10 bits a byte. Modems: the rate in bits / 8. Wi-Fi: to plan with, no promise.
LINKS = {
    "modem-28k8": 3_600,
    "modem-33k6": 4_200,
    "serial-115200": 11_520,
    "serial-781250": 78_125,
    "serial-1562500": 156_250,
    "psp-wifi": 200_000,
    "vita-wifi": 600_000,
}
# The processor of a profile, as benchmarks name it, and the bytes of its pointers.
MACHINES = {"dreamcast": ("sh4", 4), "psp": ("mips", 4), "vita": ("arm", 4), "micro": ("arm", 4)}
HOST = ("x86_64", ffi.sizeof("void *"))
BYTE_STREAMS = ("tcp", "serial")
CHECKED = ("serial",)  # links that may damage bytes: frames carry a CRC

HEADER_BYTES: int = SPEC["frame"]["header_bytes"]
TRAILER_BYTES: int = SPEC["frame"]["trailer_bytes"]
PREFIX_BYTES: int = SPEC["frame"]["critical_prefix_bytes"]
RECORD_HEAD_BYTES: int = SPEC["frame"]["record_head_bytes"]
SLOT_HEAD_BYTES = 8
SHORT_BODY_BYTES = 1016  # longer ones carry their length in four more bytes

# A run of the model: long enough for rare events, short enough to wait for.
ENOUGH_OF_EACH = 40
MOST_EVENTS = 200_000
PAYLOAD = LAYOUTS["payload"]["id"]


class BudgetError(Exception):
    """Input that makes no sense; the text says what, with which value, and what would."""


@dataclass(frozen=True)
class Event:
    """One kind of event."""

    name: str
    body_bytes: int
    per_second: float
    critical: bool = False
    layout: int = PAYLOAD

    @property
    def record_bytes(self) -> int:
        """What it takes in a batch."""
        return RECORD_HEAD_BYTES + (4 if self.body_bytes > SHORT_BODY_BYTES else 0) + self.body_bytes


class Put(NamedTuple):
    """An event going into its ring."""

    at_ms: float
    event: int  # its index


class Frame(NamedTuple):
    """A frame as the model packs it."""

    sent_ms: float
    events: list[Put]
    frame_bytes: int


# --- input ---


def parse_event(text: str) -> Event:
    """NAME:SIZE:PER_SECOND[:critical]."""
    parts = text.split(":")
    if len(parts) not in {3, 4} or not parts[0] or (len(parts) == 4 and parts[3] != "critical"):
        raise BudgetError(f"'{text}' is no event; write NAME:SIZE:PER_SECOND or NAME:SIZE:PER_SECOND:critical")
    layout, body_bytes = parse_size(parts[1], text)
    return Event(
        parts[0], body_bytes, positive(parts[2], f"the rate of '{text}'", "events per second"), len(parts) == 4, layout
    )


def parse_size(size: str, text: str) -> tuple[int, int]:
    """The layout's number and the bytes of the body, padded to whole words."""
    name, plus, tail = size.partition("+")
    if name.isdecimal() and name.isascii() and not plus:
        body_bytes, layout = int(name), PAYLOAD
        if body_bytes == 0:
            raise BudgetError(f"'{text}': an event of 0 bytes says nothing; give the bytes of its body")
    elif name in LAYOUTS:
        entry = LAYOUTS[name]
        if plus and not (tail.isdecimal() and tail.isascii()):
            raise BudgetError(f"'{text}': '{tail}' is no number of bytes; write {name}+BYTES")
        if plus and not entry["tail"]:
            raise BudgetError(f"'{text}': the layout {name} has no tail; write {name}")
        layout = entry["id"]
        body_bytes = lib.flight_layout_bytes(layout) + 2 * len(entry["tail"]) + int(tail or 0)
    else:
        raise BudgetError(
            f"'{text}': '{size}' is neither a number of bytes nor a layout; layouts: {', '.join(LAYOUTS)}"
        )
    return layout, -(-body_bytes // 4) * 4


def positive(text: str | float, what: str, unit: str) -> float:
    """A finite number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise BudgetError(f"{what} is {text}; it must be a number of {unit} above 0")
    return number


def parse_link(text: str) -> float:
    """A name of LINKS or bytes per second."""
    return (
        float(LINKS[text]) if text in LINKS else positive(text, "the link", f"bytes per second (or {', '.join(LINKS)})")
    )


def profile_of(name: str) -> dict[str, Any]:
    """A profile of the spec."""
    if name not in PROFILES:
        raise BudgetError(f"the profile '{name}' is not in the spec; profiles: {', '.join(PROFILES)}")
    return PROFILES[name]


def check(events: list[Event], profile: dict[str, Any]) -> None:
    """Refuse what the profile never takes."""
    if not events:
        raise BudgetError("there is no event; give at least one NAME:SIZE:PER_SECOND")
    for event in events:
        if event.body_bytes > profile["payload_bytes"]:
            raise BudgetError(
                f"'{event.name}' has {event.body_bytes} bytes; the profile {profile['name']} takes "
                f"{profile['payload_bytes']} at most: split it"
            )
    rate = sum(event.per_second for event in events)
    if rate > 1_000_000:
        raise BudgetError(f"{rate:g} events per second are no plan; the sum must be at most 1,000,000")


# --- the model ---


def order(events: list[Event], seconds: float) -> list[Put]:
    """Every event of a run, in the order in which it is put. Each kind is spread evenly and starts half a step in."""
    puts = []
    for index, event in enumerate(events):
        step_ms = 1000 / event.per_second
        puts += [Put((number + 0.5) * step_ms, index) for number in range(round(seconds * event.per_second))]
    return sorted(puts)


def run_seconds(events: list[Event], delay_ms: float) -> float:
    """How long a run is: whole batches, enough of the rarest event, and not more events than one waits for."""
    rate = sum(event.per_second for event in events)
    seconds = min(ENOUGH_OF_EACH / min(event.per_second for event in events), MOST_EVENTS / rate)
    if delay_ms == 0:
        return seconds
    return max(1, round(seconds * 1000 / delay_ms)) * delay_ms / 1000


def batches(puts: list[Put], delay_ms: float) -> Iterator[tuple[float, list[Put]]]:
    """What waits together, and when it is packed."""
    waiting: list[Put] = []
    due_ms = 0.0
    for put in puts:
        end_ms = put.at_ms if delay_ms == 0 else (put.at_ms // delay_ms + 1) * delay_ms
        if waiting and end_ms != due_ms:
            yield due_ms, waiting
            waiting = []
        due_ms = end_ms
        waiting.append(put)
    if waiting:
        yield due_ms, waiting


def lane_frames(
    events: list[Event], profile: dict[str, Any], delay_ms: float, critical: bool, seconds: float, checked: bool
) -> list[Frame]:
    """The frames of one lane in a run."""
    heads = HEADER_BYTES + (PREFIX_BYTES if critical else 0)
    room = profile["frame_bytes"] - heads - TRAILER_BYTES
    puts = [put for put in order(events, seconds) if events[put.event].critical == critical]
    frames = []
    for sent_ms, waiting in batches(puts, delay_ms):
        inside: list[Put] = []
        used = 0
        for put in waiting:
            event = events[put.event]
            other = bool(inside) and events[inside[0].event].name != event.name
            if other or used + event.record_bytes > room or len(inside) == profile["batch_events"]:
                frames.append(Frame(sent_ms, inside, heads + used + (TRAILER_BYTES if checked else 0)))
                inside, used = [], 0
            inside.append(put)
            used += event.record_bytes
        frames.append(Frame(sent_ms, inside, heads + used + (TRAILER_BYTES if checked else 0)))
    return frames


def slots_of(event: Event, slot_bytes: int) -> int:
    return -(-(SLOT_HEAD_BYTES + event.record_bytes) // slot_bytes)


def most_waiting_slots(frames: list[Frame], events: list[Event], slot_bytes: int) -> int:
    """The slots that the fullest batch takes before it is packed."""
    waiting: dict[float, int] = {}
    for frame in frames:
        slots = sum(slots_of(events[put.event], slot_bytes) for put in frame.events)
        waiting[frame.sent_ms] = waiting.get(frame.sent_ms, 0) + slots
    return max(waiting.values(), default=0)


# --- memory, delta and instructions ---


def struct_bytes(name: str, pointer_bytes: int) -> int:
    """The sizeof on a machine with such pointers; every other field is as large everywhere."""
    offset, widest = 0, 1
    for _, member in ffi.typeof(name).fields:
        size = pointer_bytes if member.type.kind == "pointer" else ffi.sizeof(member.type)
        align = pointer_bytes if member.type.kind == "pointer" else ffi.alignof(member.type)
        offset = -(-offset // align) * align + size
        widest = max(widest, align)
    return -(-offset // widest) * widest


def memory(profile: dict[str, Any], byte_stream: bool) -> dict[str, int]:
    """flight_core_need of the profile, with the objects as large as on its machine."""
    setup = ffi.new("flight_setup *")
    for name in ("frame_bytes", "slot_bytes", "critical_slots", "lossy_slots", "window_frames"):
        setattr(setup, name, profile[name])
    setup.byte_stream = byte_stream
    parts = ffi.new("flight_parts *")
    total = lib.flight_core_need(setup, parts)
    if total < 0:
        raise BudgetError(
            f"flight_core_need refuses the profile {profile['name']}: {ffi.string(lib.flight_error_text(total)).decode()}"
        )
    found = {name: int(getattr(parts, name)) for name, _ in ffi.typeof("flight_parts").fields}
    pointer_bytes = MACHINES.get(profile["name"], HOST)[1]
    objects = 2 * struct_bytes("flight_ring", pointer_bytes) + byte_stream * struct_bytes(
        "flight_stream", pointer_bytes
    )
    total += objects - found["objects_bytes"]
    found["objects_bytes"] = objects
    return {**found, "total_bytes": total}


def delta_bytes(frames: list[Frame], events: list[Event], critical: bool, checked: bool) -> int | None:
    """The bytes of the same frames, coded by the core's delta where it has one.

    The content is made up: of each event's fixed part the first word counts up, every third one moves by a small step, and
    the rest stays.
    """
    pack = getattr(lib, "flight_delta_pack", None)
    if pack is None:
        return None
    ring, batch, out = ffi.new("flight_ring *"), ffi.new("flight_batch *"), ffi.new("uint8_t[]", 65536)
    memory_bytes = 4 * 65536
    storage = ffi.new("uint32_t[]", memory_bytes // 4)
    bodies = [[0] * (event.body_bytes // 4) for event in events]
    heads = HEADER_BYTES + (PREFIX_BYTES if critical else 0) + (TRAILER_BYTES if checked else 0)
    total = 0
    for frame in frames:
        lib.flight_ring_init(ring, storage, 4096, 64)
        for number, put in enumerate(frame.events):
            words, fixed = bodies[put.event], lib.flight_layout_bytes(events[put.event].layout) // 4
            for word in range(min(fixed, len(words))):
                step = 1 if word == 0 else (number * 7 + word) % 9 - 4 if word % 3 == 0 else 0
                words[word] = (words[word] + step) & 0xFFFFFFFF
            body = b"".join(value.to_bytes(4, "little") for value in words)
            if (
                lib.flight_ring_put(ring, 1, events[put.event].layout, round(put.at_ms) & 0x3FFFFFFF, body, len(body))
                != 0
            ):
                return None  # a batch that this ring cannot hold is no sample
        while (used := pack(ring, out, 65536, round(frame.sent_ms) & 0x3FFFFFFF, 65535, batch)) > 0:
            total += heads + used
    return total


def instructions(
    events: list[Event], profile: dict[str, Any], frames_per_second: float, baseline: Path
) -> dict[str, Any] | None:
    """Instructions per frame of the game: emitting its events, and their share of a batch of 16. None = not measured."""
    isa = MACHINES.get(profile["name"], HOST)[0]
    try:
        figures = {entry["name"]: entry["value"] for entry in json.loads(baseline.read_text(encoding="utf-8"))}
        emit, batch16 = figures[f"core.emit.{isa}"], figures[f"core.batch16.{isa}"]
    except FileNotFoundError:
        return None
    except KeyError:
        return None
    except (ValueError, TypeError) as error:
        raise BudgetError(
            f"{baseline.name} is no list of figures ({error}); make it anew with make bench-core"
        ) from error
    per_frame = sum(event.per_second for event in events) / frames_per_second
    return {"isa": isa, "frames_per_second": frames_per_second, "per_frame": round(per_frame * (emit + batch16 / 16))}


# --- the budget ---


def budget(
    events: list[Event],
    profile_name: str = "dreamcast",
    *,
    link_bytes_per_s: float | None = None,
    delay_ms: float | None = None,
    transport: str | None = None,
    overhead_bytes: int = 0,
    frames_per_second: float = 60,
    baseline: Path = BASELINE,
) -> dict[str, Any]:
    """Everything that the command prints, by name."""
    profile = profile_of(profile_name)
    check(events, profile)
    delay = float(profile["batch_delay_ms"] if delay_ms is None else delay_ms)
    if not (math.isfinite(delay) and 0 <= delay <= 60_000):
        raise BudgetError(f"the delay is {delay:g} ms; it must be 0 to 60000")
    transport = transport or profile["transports"][0]
    if transport not in SPEC["transports"]:
        raise BudgetError(
            f"the transport '{transport}' is not in the spec; transports: {', '.join(SPEC['transports'])}"
        )
    checked = transport in CHECKED
    seconds = run_seconds(events, delay)
    lanes = {critical: lane_frames(events, profile, delay, critical, seconds, checked) for critical in (True, False)}
    frames = [*lanes[True], *lanes[False]]
    waits = [frame.sent_ms - put.at_ms for frame in frames for put in frame.events]
    sends = len({frame.sent_ms for frame in frames})
    overhead = sends * overhead_bytes
    raw = (sum(frame.frame_bytes for frame in frames) + overhead) / seconds
    deltas = [delta_bytes(found, events, critical, checked) for critical, found in lanes.items()]
    delta = None if None in deltas else (sum(filter(None, deltas)) + overhead) / seconds
    result: dict[str, Any] = {
        "profile": profile_name,
        "transport": transport,
        "delay_ms": delay,
        "events_per_s": round(len(waits) / seconds, 3),
        "frames_per_s": round(len(frames) / seconds, 3),
        "bytes_per_s": round(raw, 1),
        "delta_bytes_per_s": None if delta is None else round(delta, 1),
        "link_bytes_per_s": link_bytes_per_s,
        "link_share": None if link_bytes_per_s is None else round(raw / link_bytes_per_s, 4),
        "latency_mean_ms": round(sum(waits) / len(waits), 1),
        "latency_max_ms": round(max(waits), 1),
        "waiting_slots": {
            lane: [
                most_waiting_slots(lanes[lane == "critical"], events, profile["slot_bytes"]),
                profile[f"{lane}_slots"],
            ]
            for lane in ("critical", "lossy")
        },
        "memory": memory(profile, transport in BYTE_STREAMS),
        "instructions": instructions(events, profile, frames_per_second, baseline),
    }
    result["problems"] = problems(result)
    return result


def problems(result: dict[str, Any]) -> list[str]:
    """Why it does not fit."""
    found = []
    if result["link_share"] is not None and result["link_share"] > 1:
        found.append(
            "more bytes than the link carries: send less often, or put events that go together into one channel"
        )
    for lane, (most, slots) in result["waiting_slots"].items():
        if most > slots:
            found.append(
                f"{most} slots of {lane} events wait for a batch and the ring has {slots}: use a shorter --delay-ms"
            )
    return found


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    share, delta, work = result["link_share"], result["delta_bytes_per_s"], result["instructions"]
    parts = result["memory"]
    rows = [
        ("profile", f"{result['profile']}, {result['transport']}, a batch every {result['delay_ms']:g} ms"),
        ("events", f"{result['events_per_s']:,.2f} /s in {result['frames_per_s']:,.2f} frames/s"),
        ("on the wire, raw", f"{result['bytes_per_s']:,.0f} bytes/s"),
        ("on the wire, delta", "not offered by this core" if delta is None else f"about {delta:,.0f} bytes/s"),
        (
            "share of the link",
            "no --link given" if share is None else f"{share:.1%} of {result['link_bytes_per_s']:,.0f} bytes/s",
        ),
        (
            "waits for its batch",
            f"{result['latency_mean_ms']:,.0f} ms mean, {result['latency_max_ms']:,.0f} ms at most",
        ),
        *((f"ring of {lane}", f"{most} of {slots} slots") for lane, (most, slots) in result["waiting_slots"].items()),
        ("memory", f"{parts['total_bytes']:,} bytes"),
        *((f"  {name.removesuffix('_bytes')}", f"{size:,}") for name, size in parts.items() if name != "total_bytes"),
        (
            "instructions per frame",
            "not measured"
            if work is None
            else f"{work['per_frame']:,} ({work['isa']}, {work['frames_per_second']:g} frames/s)",
        ),
        ("fits", "yes" if not result["problems"] else "no"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    return "\n".join([*lines, *(f"  - {problem}" for problem in result["problems"])])


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"budget: {message}\n")


def main(argv: list[str] | None = None) -> int:
    parser = Parser(description=(__doc__ or "").split("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "events", nargs="*", metavar="NAME:SIZE:PER_SECOND[:critical]", help="SIZE: bytes, or a layout[+BYTES]"
    )
    parser.add_argument("--profile", default="dreamcast", help=f"one of {', '.join(PROFILES)}")
    parser.add_argument("--link", help=f"bytes per second, or one of {', '.join(LINKS)}")
    parser.add_argument(
        "--delay-ms", type=float, help="how long a batch collects (default: the profile's batch_delay_ms)"
    )
    parser.add_argument("--transport", help="default: the first of the profile")
    parser.add_argument("--overhead-bytes", type=int, default=0, help="what the transport adds to each send")
    parser.add_argument("--fps", type=float, default=60, help="frames per second of the game (default: 60)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    try:
        if arguments.overhead_bytes < 0:
            raise BudgetError(f"--overhead-bytes is {arguments.overhead_bytes}; it must be 0 or more")
        result = budget(
            [parse_event(text) for text in arguments.events],
            arguments.profile,
            link_bytes_per_s=None if arguments.link is None else parse_link(arguments.link),
            delay_ms=arguments.delay_ms,
            transport=arguments.transport,
            overhead_bytes=arguments.overhead_bytes,
            frames_per_second=positive(arguments.fps, "--fps", "frames per second"),
        )
    except BudgetError as error:
        parser.error(str(error))
    print(json.dumps(result, indent=2) if arguments.json else table(result))
    return 1 if result["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
