"""The same event by codecs and clients that a Python program could take instead.

A codec's emit is: the object from integers, its bytes, their length before them, a deque; and once more with a CRC-32. A
client's is its own call for publishing, with the connection replaced by its own queue: no socket is open anywhere.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import msgpack
import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from .event import FIELDS, MANY, VALUES
from .rounds import Work

Encode = Callable[[Sequence[int]], bytes]


class Packed(msgspec.Struct, array_like=True, gc=False):
    """The event of msgspec, in its quickest form."""

    channel: int
    kind: int
    flags: int
    seq: int
    time_ms: int
    total: int
    used: int
    available: int
    budget: int
    fragmentation: int


def _protobuf_class() -> Any:
    """The same message for protobuf, described here so that no compiler is needed."""
    described = descriptor_pb2.FileDescriptorProto(name="bench.proto", package="bench", syntax="proto3")
    message = described.message_type.add(name="Event")
    for number, name in enumerate(FIELDS, 1):
        kinds = descriptor_pb2.FieldDescriptorProto
        kind = kinds.TYPE_UINT32 if name in ("channel", "kind", "flags", "seq", "fragmentation") else kinds.TYPE_UINT64
        message.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    batch = described.message_type.add(name="Many")
    batch.field.add(name="events", number=1, type=11, type_name=".bench.Event", label=3)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(described)
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"bench.{name}")) for name in ("Event", "Many")
    )


Event, Many = _protobuf_class()


def _codecs() -> dict[str, Encode]:
    encoder = msgspec.msgpack.Encoder()
    packer = msgpack.Packer()

    def protobuf(values: Sequence[int]) -> bytes:
        channel, kind, flags, seq, time_ms, total, used, available, budget, fragmentation = values
        made = Event(
            channel=channel, kind=kind, flags=flags, seq=seq, time_ms=time_ms, total=total, used=used,
            available=available, budget=budget, fragmentation=fragmentation,
        )  # fmt: skip
        data: bytes = made.SerializeToString()
        return data

    return {
        "msgspec": lambda values: encoder.encode(Packed(*values)),
        "msgpack": packer.pack,
        "protobuf": protobuf,
        "pymavlink": _mavlink(),
    }


def _mavlink() -> Encode:
    """The nearest message of the common dialect: MEMORY_VECT, 36 bytes."""
    from pymavlink.dialects.v20 import common

    link = common.MAVLink(None, srcSystem=1, srcComponent=1)

    def encode(values: Sequence[int]) -> bytes:
        vector = [value & 0x7F for value in values[2:]] + [0] * 24
        data: bytes = link.memory_vect_encode(values[0], 1, values[1], vector).pack(link)
        return data

    return encode


def emitting() -> list[Work]:
    """Every codec, without and with a CRC-32 over what it wrote."""
    found = []
    for name, encode in _codecs().items():
        queue: deque[bytes] = deque()

        def plain(encode: Encode = encode, queue: deque[bytes] = queue) -> bytes:
            put = queue.append
            for values in VALUES:
                data = encode(values)
                put(len(data).to_bytes(4, "little") + data)
            return b"".join(queue)

        def checked(encode: Encode = encode, queue: deque[bytes] = queue) -> bytes:
            put, crc32 = queue.append, zlib.crc32
            for values in VALUES:
                data = encode(values)
                put(len(data).to_bytes(4, "little") + crc32(data).to_bytes(4, "little") + data)
            return b"".join(queue)

        said = f"{name} {version(name)}"
        found.append(Work(name, plain, MANY, f"{said}: object, bytes, length, deque, joined", queue.clear))
        if name != "pymavlink":  # it has a CRC of its own
            found.append(Work(f"{name}+crc", checked, MANY, f"{said}: the same with a CRC-32", queue.clear))
    return found


def clients(loop: asyncio.AbstractEventLoop) -> list[Work]:
    """What the clients take for one publish, up to their own queue."""
    return [_nats(loop), _paho(), _socketio(loop)]


def _payloads() -> list[bytes]:
    return [msgspec.json.encode(dict(zip(FIELDS, values, strict=True))) for values in VALUES]


def _nats(loop: asyncio.AbstractEventLoop) -> Work:
    from nats.aio.client import Client

    client = Client()
    client._status = Client.RECONNECTING  # then it queues as it does in an outage
    encoder = msgspec.msgpack.Encoder()

    async def publish() -> None:
        for values in VALUES:
            await client.publish("memory-updates", encoder.encode(Packed(*values)))

    def clear() -> None:
        client._pending.clear()
        client._pending_data_size = 0

    client._max_pending_size, client._max_payload = 2 << 20, 1 << 20  # as connect() sets them
    loop.run_until_complete(publish())
    assert len(client._pending) == MANY
    clear()
    how = f"nats-py {version('nats-py')}: publish() of msgspec bytes, as in an outage"
    return Work("nats-py", lambda: loop.run_until_complete(publish()), MANY, how, clear)


def _paho() -> Work:
    import paho.mqtt.client as mqtt

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    encoder = msgspec.msgpack.Encoder()

    def publish() -> None:
        for values in VALUES:
            client.publish("memory-updates", encoder.encode(Packed(*values)), qos=1)

    publish()
    assert len(client._out_messages) == MANY
    how = f"paho-mqtt {version('paho-mqtt')}: publish() of msgspec bytes with QoS 1, not connected"
    return Work("paho-mqtt", publish, MANY, how, client._out_messages.clear)


def _socketio(loop: asyncio.AbstractEventLoop) -> Work:
    import socketio

    client = socketio.AsyncClient()
    client.namespaces["/"] = "sid"
    client.connected = True
    client.eio.state = "connected"
    client.eio.queue = queue = client.eio.create_queue()

    async def emit() -> None:
        for values in VALUES:
            await client.emit("memory-update", dict(zip(FIELDS, values, strict=True)))

    def clear() -> None:
        while not queue.empty():
            queue.get_nowait()

    loop.run_until_complete(emit())
    assert queue.qsize() == MANY
    clear()
    how = f"python-socketio {version('python-socketio')}: emit() of a dictionary, up to its queue"
    return Work("python-socketio", lambda: loop.run_until_complete(emit()), MANY, how, clear)


def decoding(count: int) -> list[Work]:
    """A list of so many events as objects, three fields of each read."""
    events = [Packed(*values) for values in VALUES[:count]]
    data = msgspec.msgpack.encode(events)
    decoder = msgspec.msgpack.Decoder(list[Packed])
    many = Many(events=[Event(**dict(zip(FIELDS, values, strict=True))) for values in VALUES[:count]])
    buffer = many.SerializeToString()

    def by_msgspec() -> int:
        return sum(event.used + event.total + event.seq for event in decoder.decode(data))

    def by_msgpack() -> int:
        return sum(event[6] + event[5] + event[3] for event in msgpack.unpackb(data))

    def by_protobuf() -> int:
        return sum(event.used + event.total + event.seq for event in Many.FromString(buffer).events)

    assert by_msgspec() == by_msgpack() == by_protobuf()
    return [
        Work("msgspec", by_msgspec, count, f"msgspec: a list of {count} Structs, three fields of each read"),
        Work("msgpack", by_msgpack, count, f"msgpack: {count} lists, three elements of each read"),
        Work("protobuf", by_protobuf, count, f"protobuf: {count} messages, three fields of each read"),
    ]
