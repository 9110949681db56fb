"""The vectors of frames with flags by agreement: delta batches, compressed records, pieces. Used by make_vectors.py."""

from __future__ import annotations

from typing import NamedTuple

from build_scripts.conversation import CLIENT_NONCE, SERVER_NONCE, SESSION_ID, TOKEN
from flight_client.events import ComponentUpdate, Event, Log, MemoryUpdate, Payload, SystemMonitoring, encode_event
from flight_client.gateway.engines.base import Batch, Entry, Source
from flight_client.proof import client_key, gateway_key
from flight_client.session import spec
from flight_client.session.device.messages import write_attach
from flight_client.session.gateway import messages
from flight_client.session.gateway.parts import pieces_of
from flight_client.wire import EventRing, compress_payload, encode_frame

DEVICE_KEY = bytes(range(32))
_NOW = 1 << 28
_DELTA, _COMPRESSED, _MORE = spec.FLAG_DELTA, spec.FLAG_COMPRESSED, spec.FLAG_MORE
_CRITICAL = spec.FLAG_BATCH | spec.FLAG_CRITICAL


class Coded(NamedTuple):
    """A frame; `said` is empty where the document does not show it."""

    name: str
    sender: str
    frame: bytes
    said: str = ""


def batch(*events: tuple[Event, int], delta: bool, wide: bool = False) -> bytes:
    """Records with these ages in ms, packed by the ring."""
    ring = EventRing(128, 64)
    out = bytearray(8192)
    for event, age_ms in events:
        layout, body = encode_event(event, wide)
        ring.put(1, layout, _NOW - age_ms, body)
    size = ring.pack(out, 0, len(out), _NOW, 64, delta=delta)
    assert ring.count == 0
    return bytes(out[:size])


def frames() -> list[Coded]:
    """All of them, in the order of the document."""
    memory = [(MemoryUpdate(16 << 20, 9_000_000 + 1500 * i, None, 12 << 20, 0.25), 200 - 100 * i) for i in range(3)]
    many = [(MemoryUpdate(used_bytes=9_000_000 + 320 * i * i), 1500 - 100 * i) for i in range(16)]
    system = [
        (SystemMonitoring(5 << 20, 1000 * i, 3000 * i, 0, 0.5, 0.9, 41.5 - i, 59.9, 0.1), 4000 - 1000 * i)
        for i in range(4)
    ]
    mixed: list[tuple[Event, int]] = [
        (Log("one"), 40000), (MemoryUpdate(used_bytes=1), 39000), (Log("two, longer", "error"), 38000),
        (MemoryUpdate(used_bytes=0), 31000), (ComponentUpdate("a", "b"), 30), (Log("one"), 30), (Payload(9, b"x"), 29),
        (Payload(8, b"xyz"), 29), (SystemMonitoring(cpu=0.5), 28), (SystemMonitoring(cpu=0.25), 27),
    ]  # fmt: skip
    text = batch((Log("no sound: no sound: no sound: no sound: no sound"), 12), delta=False)
    both = batch(*[(Log(f"the same words again and again {i}"), 100 - i) for i in range(12)], delta=True)
    large = _prefixed(7, batch((Log("larger than a frame of this receiver"), 5), delta=False))
    pieces = pieces_of(large, 3, 40)[::-1]
    found = [
        Coded("delta", "device", _data(_DELTA, batch(*memory, delta=True)), _SAID_DELTA),
        Coded("compressed", "device", _data(_COMPRESSED, _squeezed(text)), "A text that repeats itself."),
    ]
    for number, piece in enumerate(pieces):
        frame = encode_frame(spec.TYPE_DATA, _CRITICAL | _MORE, 1, 12 + number, 5, piece)
        found.append(Coded(f"piece-{number + 1}", "device", frame, _SAID_PIECES[number]))
    source = Source("bench-1", 6, b"0badcafe")
    stored = Batch("any", source, bytes(8), 20, 4, 0x0010, 1_800_000_000_000, batch(*system, delta=True), 0, _DELTA)
    entry = Entry(stored, 9, 8).payload
    return [
        *found,
        Coded("delta-of-16", "device", _data(_DELTA, batch(*many, delta=True))),
        Coded("delta-wide", "device", _data(_DELTA, batch(*memory, delta=True, wide=True))),
        Coded("delta-mixed", "device", _data(_DELTA, batch(*mixed, delta=True))),
        Coded("delta-one-event", "device", _data(_DELTA, batch(memory[0], delta=True))),
        Coded("delta-critical", "device", _critical(_DELTA, 3, batch(*system, delta=True))),
        Coded("delta-deliver", "gateway", encode_frame(spec.TYPE_DELIVER, _CRITICAL | _DELTA, 3, 5, 2, entry)),
        Coded("compressed-delta", "device", _critical(_DELTA | _COMPRESSED, 4, _squeezed(both))),
        *authenticated(),
        Coded("piece-lossy-only-one", "device", _data(_MORE, pieces_of(text, 65535, 200)[0])),
    ]  # fmt: skip


def authenticated() -> list[Coded]:
    """Frames with tags, under the token and the nonces of the conversation and the device key 00 01 02 ... 1f."""
    device, gateway = client_key(DEVICE_KEY), gateway_key(DEVICE_KEY)
    for key in (device, gateway):
        key.begin(TOKEN, CLIENT_NONCE, SERVER_NONCE)
    assert device.tags is not None
    assert gateway.tags is not None
    records = batch((Log("hi"), 12), delta=False)
    attach = bytearray(56)
    write_attach(attach, SESSION_ID, 3, 4)
    device.attach(attach, 40, 3)
    beat = messages.counts(1, spec.RECONNECT_SPREAD_MS)
    batch_flag = spec.FLAG_BATCH
    return [
        Coded("tag", "device", device.tags.encode(0, spec.TYPE_DATA, batch_flag, 1, 0, 2, records), _SAID_TAG),
        Coded("tag-checked", "gateway", gateway.tags.encode(3, spec.TYPE_HEARTBEAT, 0x20, 0, 0, 2, beat), _SAID_BOTH),
        Coded("tag-empty", "device", device.tags.encode(1, spec.TYPE_RESEND, 0, 0, 0, 2, b"")),
        Coded("tag-attach", "device", device.tags.encode(3, spec.TYPE_ATTACH, 0x20, 0, 0, 0, bytes(attach[16:]))),
    ]


def whole_of_pieces() -> bytes:
    """The frame that piece-1 and piece-2 of the document are cut from."""
    records = batch((Log("larger than a frame of this receiver"), 5), delta=False)
    return encode_frame(spec.TYPE_DATA, _CRITICAL, 1, 13, 5, _prefixed(7, records))


def _data(flags: int, payload: bytes) -> bytes:
    return encode_frame(spec.TYPE_DATA, spec.FLAG_BATCH | flags, 1, 0, 5, payload)


def _critical(flags: int, seq: int, records: bytes) -> bytes:
    return encode_frame(spec.TYPE_DATA, _CRITICAL | flags, 1, seq, 5, _prefixed(seq, records))


def _prefixed(counter: int, records: bytes) -> bytes:
    return counter.to_bytes(4, "little") + bytes(4) + records


def _squeezed(records: bytes) -> bytes:
    packed = compress_payload(records)
    assert packed is not None
    return packed


_SAID_DELTA = "Three memory updates, 100 ms and 1,500 bytes apart: 24 bytes for the first, then 6 and 3. As plain records they take 72."
_SAID_TAG = "Generation 0. The length counts the tag; the records end before it."
_SAID_BOTH = "Generation 3, on a line that damages bytes: the tag first, then a CRC that covers it too."
_SAID_PIECES = (
    "A critical batch of 56 bytes for a receiver whose frames have room for 40: the prefix and the first bytes.",
    "The rest. The gateway stores the whole and then acknowledges both, with ack 14.",
)
