"""The steady path without a socket: `steady_run.py EVENTS delta|raw`. 0 bytes may be allocated, heap locked and not.

Works on every build of the interpreter. The events have full-range 32-bit values, written in halves.
"""

import gc
import sys
from struct import pack_into

from fake_link import FakeLink

import micropython
from flight_client import Client

try:
    from flight_client.fast import FORM
except ImportError:  # the compiled package has fewer modules
    from flight_client.core import FORM


def connected(delta):
    client = Client("tcp://fake:1", "token", "board-1", delta=delta, batch_delay_ms=0)
    link = FakeLink(640, 0x40 if delta else 0)
    client.driver._make_link = lambda number: link
    client.channel("log")
    while client.state != "connected":
        client.poll()
    return client, link


def fill(body, i):
    """Three full-range words in halves, and a count: no number is over 16 bits."""
    pack_into("<HHHHHHHH", body, 0, i & 0xFFFF, 0xFFFF, i & 0xFF, 0x8000 | i & 7, 0xFFFF, 0x7FFF, i & 0xFFF, 3)


def rounds(client, lossy, critical, count):
    """Events in both lanes, then everything that there is to do."""
    done = 0
    while done < count:
        for _ in range(10):
            fill(lossy.body, done)
            fill(critical.body, done)
            if lossy.emit() != 1 or critical.emit() != 1:
                raise ValueError("refused")
            done += 2
        client.poll(1000000)
    while client.queued:
        client.poll(1000000)


def run(events, delta):
    client, link = connected(delta)
    channel = client.channel("log")
    lossy = channel.emitter(6, 16)
    critical = channel.emitter(6, 16, critical=True)
    rounds(client, lossy, critical, 400)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    rounds(client, lossy, critical, events)
    print("allocated", gc.mem_alloc() - before)
    micropython.heap_lock()
    rounds(client, lossy, critical, events)
    micropython.heap_unlock()
    print("allocated-locked", gc.mem_alloc() - before)
    gc.enable()
    counters = client.counters()
    print("form", FORM)
    print("events", events)
    print("accepted", counters["accepted"])
    print("settled", counters["settled"])
    print("acked", counters["acked"])
    print("frames", link.sent_frames, "bytes", link.sent_bytes)


run(int(sys.argv[1]), sys.argv[2] == "delta")
