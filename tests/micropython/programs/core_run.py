"""Compares the core of a board with what the C core wrote: `vectors FILE`, `batches FILE`, `events FILE`, `blocks FILE`.

Prints the number of comparisons, and one line for each that failed.
"""

import json
import struct
import sys

from flight_client import events, fast, frame, records
from flight_client.delta import DeltaReader
from flight_client.delta_pack import pack_delta
from flight_client.lz4 import Packer, decompress_into
from flight_client.ring import QUEUED, Ring

FLAGS_PLAIN = 0x23
FLAGS_ALL = 0x7F


def unhex(text):
    return bytearray(bytes.fromhex(text))


def vectors(name):
    """Every frame of spec/vectors: read, written again, its records read and written again; the invalid ones refused."""
    done = 0
    with open(name, encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            found = refused(entry) if "error" in entry else same_frame(entry)
            done += 1
            if found:
                print("differs", entry["name"], found)
    print("checked", done)


def same_frame(entry):
    data = unhex(entry["hex"])
    reader = frame.Frame()
    total = reader.read(data, 0, len(data), 65536, FLAGS_ALL)
    if total != len(data):
        return "read %d" % total
    again = bytearray(len(data))
    again[16:] = data[16:]
    count = reader.end - reader.start
    frame.seal_into(again, reader.type, reader.flags, reader.channel, reader.seq, reader.ack, count)
    if again != data:
        return again.hex()
    for cut in range(len(data)):
        if reader.read(data, 0, cut, 65536, FLAGS_ALL) > 0:
            return "cut at %d" % cut
    return same_records(entry, data) if entry["records"] else None


def same_records(entry, data):
    start, end = entry["from"], entry["to"]
    out = data
    if entry["flags"] & 4:
        out = bytearray(65536)
        end = decompress_into(data, start, end, out, len(out))
        if end < 0:
            return "decompress %d" % end
        start = 0
    if entry["flags"] & 0x40:
        plain = bytearray(65536)
        end = DeltaReader().unpack_into(out, start, end, plain, len(plain))
        if end < 0:
            return "delta %d" % end
        start, out = 0, plain
    if out[start:end].hex() != entry["plain"]:
        return "plain records " + out[start:end].hex()
    record = records.Record()
    for expected in entry["records"]:
        size = record.next(out, start, end)
        if size <= 0:
            return "record %d" % size
        start += size
        if not expected:
            continue
        event = events.decode(record.layout, out, record.start, record.end)
        body = bytearray(record.end - record.start + 8)
        count = events.encode_into(event, body, record.layout > 0x7F)
        if body[:count] != out[record.start : record.end]:
            return "event %r" % event
    return None


def refused(entry):
    data = unhex(entry["hex"])
    reader = frame.Frame()
    found = reader.read(data, 0, len(data), entry.get("limit", 65536), FLAGS_PLAIN)
    if entry["level"] == "frame":
        return None if found == entry["code"] else "read %d" % found
    if found != len(data):
        return "read %d" % found
    if entry["level"] == "records":
        found = records.count_records(data, entry["from"], reader.end)
        return None if found == -14 else "records %d" % found
    record = records.Record()
    record.next(data, entry["from"], reader.end)
    try:
        events.decode(record.layout, data, record.start, record.end)
    except events.EventError:
        return None
    return "decoded"


def batches(name):
    """Rings filled with the same events as the C core's must give the same bytes, at every limit, and read back."""
    ring = Ring(192, 64)
    out = bytearray(8200)
    plain = bytearray(65536)
    reader = DeltaReader()
    done = events_done = 0
    with open(name, "rb") as file:
        while True:
            head = file.read(16)
            if not head:
                break
            now, room, most, delta, count, _ = struct.unpack("<IHHHHI", head)
            for _ in range(count):
                channel, layout, size, stamp = struct.unpack("<HBxHxxI", file.read(12))
                if ring.put(channel, layout, stamp, file.read(size)) != QUEUED:
                    print("differs: no room in the ring")
            while True:
                for i in range(len(out)):
                    out[i] = 0xA5
                wrote = pack_delta(ring, out, 16, room, now, most) if delta else ring.pack(out, 16, room, now, most)
                wanted = struct.unpack("<HHi", file.read(8))
                body = file.read(max(0, wanted[2]))
                mine = (ring.packed_events, ring.packed_channel, wrote)
                if wanted[2] >= 0 and (mine != wanted or out[16 : 16 + wrote] != body):
                    print("differs", done, delta, wanted, mine)
                if wanted[2] < 0 and wrote != -1:
                    print("differs", done, "an event that does not fit gave", wrote)
                done += 1
                if wanted[2] <= 0:
                    break
                if out[:16] != b"\xa5" * 16 or out[16 + room :] != b"\xa5" * (len(out) - 16 - room):
                    print("differs", done, "bytes outside the room")
                events_done += ring.packed_events
                if delta:
                    back = reader.unpack_into(out, 16, 16 + wrote, plain, len(plain))
                    if back < 0 or records.count_records(plain, 0, back) != ring.packed_events:
                        print("differs", done, "read back", back)
            while ring.drop():
                pass
    print("checked", done)
    print("events", events_done)


def objects(name):
    """Events from natural values give the same bodies."""
    done = 0
    out = bytearray(1500)
    with open(name, encoding="utf-8") as file:
        for line in file:
            kind, values, wide, expected = json.loads(line)
            if "data" in values:
                values["data"] = bytes.fromhex(values["data"])
            event = getattr(events, kind)(**values)
            count = events.encode_into(event, out, wide)
            if out[:count].hex() != expected:
                print("differs", line, out[:count].hex())
            done += 1
    print("checked", done)


def blocks(name):
    """Compressed blocks are the C core's, both ways; damaged ones are refused as it does."""
    packer = Packer()
    out = bytearray(70000)
    done = 0
    with open(name, encoding="utf-8") as file:
        for line in file:
            kind, data, expected = line.split()
            data = bytes.fromhex(data if data != "-" else "")
            if kind == "pack":
                count = packer.compress_into(data, 0, len(data), out, len(data) - 1)
                found = out[:count].hex() if count else "none"
            else:
                count = decompress_into(data, 0, len(data), out, 4096)
                found = out[:count].hex() if count > 0 else "refused"
            if found != expected:
                print("differs", line, found)
            done += 1
    print("checked", done)


print("form", fast.FORM)
{"vectors": vectors, "batches": batches, "events": objects, "blocks": blocks}[sys.argv[1]](sys.argv[2])
