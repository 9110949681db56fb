"""A board on a serial line: `line_run.py WORK ARGUMENT [ARGUMENT ...]`."""

import sys

import gateway_run

import flight_client.frame
from flight_client import Client, Log
from flight_client.frame import Frame
from flight_client.line import Line
from flight_client.session.spec import FLAG_AUTHENTICATED, FLAGS_PLAIN


class File:
    """A terminal that gives what it has and waits for nothing, as a UART does."""

    def __init__(self, path):
        file = open(path, "r+b", buffering=0)
        self.readinto = file.readinto
        self.write = file.write


def make(path, **more):
    with open("token") as file:
        return Client(File(path), file.read(), "board-1", **more)


def authenticated(path, count):
    """Frames have their tags in both directions, also after the line was lost."""
    client = make(path, device_key=bytes(range(32)))
    found = []
    client.on("event", lambda received: found.append(received.event().text))
    log = client.channel("log", critical=True)
    client.subscribe("down", last=count)
    gateway_run.until(client, lambda: client.state == "connected" and gateway_run.log_opened(client), "the channels")
    log.emit(Log("tagged"))
    gateway_run.until(client, lambda: len(found) == count, "the events")
    assert found == ["line %d" % i for i in range(count)], found
    client.driver.lose(None, gateway_run.time.ticks_ms() & 0x3FFFFFFF)
    log.emit(Log("tagged again"))
    gateway_run.until(client, lambda: client.state == "connected" and client.queued == 0, "the next connection")
    print("found", len(found))
    print("forged", client.session.tally.forged)
    gateway_run.finish(client)


def steady(path, count):
    """Events over the line and their acknowledgements: no heap."""
    client = make(path, delta=False)
    channel = client.channel("frame-time")
    emitters = channel.emitter(6, 16), channel.emitter(6, 16, critical=True)
    gateway_run.until(client, lambda: client.state == "connected" and gateway_run.log_opened(client), "the channel")
    gateway_run.rounds(client, emitters, 100)
    gateway_run.measure(client, emitters, count)
    gateway_run.finish(client)


class Pipe:
    """What a file holds, in pieces; nothing more after it."""

    def __init__(self, path, piece):
        with open(path, "rb") as file:
            self.data = file.read()
        self.at = 0
        self.piece = piece

    def readinto(self, buffer, count):
        count = min(count, self.piece, len(self.data) - self.at)
        buffer[:count] = self.data[self.at : self.at + count]
        self.at += count
        return count or None


def bytes_of(path, line):
    """What a line makes of bytes: each frame, the garbage, and the bytes of which a CRC was made."""
    summed = [0, 0]
    inner = flight_client.frame.crc32c_into

    def counted(data, at, count, out, to):
        summed[0] += count + 4
        summed[1] += count + 4
        inner(data, at, count, out, to)

    flight_client.frame.crc32c_into = counted
    link = Line(Pipe(path, 200), 640)
    link.open()
    link._line = line
    frame = Frame()
    most = 0
    while link.fill():
        summed[1] = 0
        while link.next(frame, FLAGS_PLAIN | FLAG_AUTHENTICATED):
            start = frame.start - 16 if frame.flags & FLAG_AUTHENTICATED else frame.start
            print("frame", frame.type, frame.flags, frame.channel, frame.seq, link.data[start : frame.end].hex())
        most = max(most, summed[1])
    print("garbage", link.garbage_bytes)
    print("summed", summed[0])
    print("most", most)


if __name__ == "__main__":
    {"authenticated": authenticated, "steady": steady, "bytes": bytes_of}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
