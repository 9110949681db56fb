"""One script for the package in Python and for the module in C: `module_run.py WORK PORT [KEY]`; both print the same."""

import sys
import time

import flight_client
from flight_client import Client, EventError, FrameTime, Log, MemoryUpdate, Payload, SystemMonitoring

DEADLINE_MS = 60000
FIRST = [("level", b"info"), ("text", b"first")]


def make(port, **more):
    with open("token") as file:
        return Client("http://127.0.0.1:%s" % port, token=file.read(), device_id="board-1", **more)


def until(client, done, what):
    start = time.ticks_ms()
    while not done():
        wait_ms = client.poll(2000)
        if time.ticks_diff(time.ticks_ms(), start) > DEADLINE_MS:
            raise RuntimeError("%s did not happen: %s %s" % (what, client.state, client.counters()))
        client.wait(min(wait_ms, 5))


def finish(client):
    client.close()
    until(client, lambda: client.state in ("closed", "failed"), "the end")
    found = client.counters()
    law = found["accepted"] == found["settled"] + found["queued"] + sum(found["dropped"].values())
    print("end", client.state, client.reason, found["accepted"], found["queued"], law)


def shown(event):
    values = {}
    for name in ("text", "level", "kind", "data", "minimum_us", "mean_us", "maximum_us", "count", "over_budget",
                 "total_bytes", "used_bytes", "available_bytes", "budget_bytes", "fragmentation", "memory_used_bytes",
                 "dropped_events", "cpu", "battery", "temperature_c"):  # fmt: skip
        if hasattr(event, name):
            value = getattr(event, name)
            values[name] = bytes(value) if name == "data" else value.encode() if isinstance(value, str) else value
    return type(event).__name__, sorted(values.items())


def events(port, key=""):
    """Every class of event there and back, as values and as bytes."""
    client = make(port, **({"device_key": bytes.fromhex(key)} if key else {}))
    heard = []

    def hear(received):
        event = shown(received.event())
        if event[0] != "SystemMonitoring" and event[1] != FIRST:  # that one is for devices that ask for it
            heard.append((received.channel, received.device_id, event))

    client.on("event", hear)
    sent = [
        Log("hello"),
        Log("é", level="error"),
        Payload(65535, b"\0\1"),
        Payload(kind=3),
        FrameTime(1, 0xFFFFFFFF, 0x80000000, 65535, over_budget=3),
        MemoryUpdate(0xFFFFFFFE, used_bytes=7, fragmentation=0.25),
        SystemMonitoring(cpu=0.5, temperature_c=-20.25, dropped_events=0),
    ]
    talk = client.channel("talk", critical=True)
    client.subscribe("talk")
    states = []
    client.on("state", lambda state, reason: states.append(state))
    talk.emit(Log("first"))  # heard: the channel was opened before it was sent
    until(client, lambda: client.queued == 0 and client.state == "connected", "the connection")
    for event in sent:
        if talk.emit(event) != flight_client.QUEUED:
            raise RuntimeError("refused")
    emitter = talk.emitter(6, 16)
    emitter.body[0] = 5
    if emitter.emit() != flight_client.QUEUED or talk.emit_encoded(6, bytearray(emitter.body), 16) != 1:
        raise RuntimeError("refused")
    until(client, lambda: len(heard) == 8, "all")
    for each in heard:
        print(each)
    print("states", "connected" in states)
    finish(client)
    print("after", talk.emit(Log("late")), emitter.emit())


def refused(port, _key=""):
    """What cannot work is said at once."""
    for wrong in (
        lambda: Client("https://a:1", "t", "b"),
        lambda: Client("tcp://user@a:1", "t", "b"),
        lambda: Client("tcp://127.0.0.1:70000", "t", "b"),
        lambda: Client("tcp://127.0.0.1:1", "t", ""),
        lambda: Client("tcp://127.0.0.1:1", "t" * 500, "b"),
        lambda: Client("tcp://127.0.0.1:1", "t", "b", platform="toaster"),
        lambda: Client("tcp://127.0.0.1:1", "t", "b", device_key=b"short"),
    ):
        try:
            wrong()
            print("accepted")
        except ValueError:
            print("ValueError")
    client = make(port)
    talk = client.channel("talk")
    for wrong in (Log(5), Log("x", "loud"), Payload(65536), Payload(1, None), FrameTime(1, 2, 1 << 32, 1), FrameTime(1, True, 3, 1), SystemMonitoring(cpu=7.0), SystemMonitoring(temperature_c=400.0)):  # fmt: skip
        try:
            print("taken", talk.emit(wrong))
        except EventError:
            print("EventError")
    for call in (Log, lambda: Log("x", colour=1), lambda: client.on("nothing", None)):
        try:
            call()
            print("accepted")
        except (TypeError, ValueError) as error:
            print(type(error).__name__)
    print(talk.emit_encoded(6, bytearray(18), 18), client.queued)


def raising(port, _key=""):
    """A handler that raises: poll() raises it, and the client goes on."""
    client = make(port)
    heard = []

    def handler(received):
        heard.append(received.event().data[0])
        if len(heard) == 1:
            raise KeyError("of the handler")

    client.on("event", handler)
    talk = client.channel("talk", critical=True)
    client.subscribe("talk")
    until(client, lambda: client.state == "connected", "the connection")
    raised = 0
    while len(heard) < 3:  # a subscription stands a moment after the connection
        talk.emit(Payload(1, b"a"))
        try:
            until(client, lambda: client.queued == 0, "an acknowledgement")
        except KeyError:
            raised += 1
    print("raised", raised)
    print("first", heard[0])
    client.close()
    until(client, lambda: client.state == "closed", "the end")


def soak(port, _key=""):
    """Many events leave the heap as it was."""
    import gc

    client = make(port)
    emitter = client.channel("talk").emitter(6, 16, True)
    until(client, lambda: client.state == "connected", "the connection")
    for _ in range(20000):
        if emitter.emit() != 1:
            client.poll()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for i in range(2000):
        emitter.emit()
        if i % 16 == 0:
            client.poll()
    print("allocated", gc.mem_alloc() - before)
    gc.enable()
    client.close()
    until(client, lambda: client.state == "closed", "the end")


{"events": events, "refused": refused, "raising": raising, "soak": soak}[sys.argv[1]](*sys.argv[2:])
