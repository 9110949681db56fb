"""A board and a real gateway: `gateway_run.py WORK PORT [ARGUMENT ...]`; the token stands in the file `token`."""

import gc
import sys
import time

from flight_client import Client, FrameTime, Log, Payload

TRANSPORTS = {"tcp": 1, "websocket": 2, "polling": 3}  # numbers of the spec: a compiled build has no names for them
DEADLINE_MS = 60000


def token():
    with open("token") as file:
        return file.read()


def make(port, transport="tcp", device="board-1", **more):
    scheme = more.pop("scheme", "http")
    return Client("%s://127.0.0.1:%d" % (scheme, port), token(), device, transports=(TRANSPORTS[transport],), **more)


def until(client, done, what="it", also=None):
    """Poll until done() says so."""
    start = time.ticks_ms()
    while not done():
        wait_ms = client.poll()
        if also is not None:
            also()
        if time.ticks_diff(time.ticks_ms(), start) > DEADLINE_MS:
            raise RuntimeError(
                "%s did not happen: %s %s %s" % (what, client.state, client.driver.error, client.counters())
            )
        client.wait(min(wait_ms, 5))


def is_connected(client):
    return client.state == "connected"


def finish(client):
    client.close()
    until(client, lambda: client.state in ("closed", "failed"), "the end")
    counters = client.counters()
    law = counters["accepted"] == counters["settled"] + counters["queued"] + sum(counters["dropped"].values())
    print("law", 1 if law else 0)
    for name in ("accepted", "acked", "settled", "queued", "connections", "delivered", "duplicates"):
        print(name, counters[name])
    print("dropped", sum(counters["dropped"].values()), counters["dropped"])


def events(port, transport, count):
    """Critical and lossy events there and back."""
    client = make(port, transport)
    found = []
    client.on("event", lambda received: found.append((received.channel, received.event().__dict__, received.device_id)))
    log = client.channel("log", critical=True)
    times = client.channel("frame-time")
    client.subscribe("log")
    client.subscribe("frame-time")
    until(client, lambda: is_connected(client) and client.session.channels.unopened == 0, "the connection")
    until(client, lambda: log_opened(client), "the channels")
    for i in range(count):
        assert log.emit(Log("line %d" % i, "warning")) == 1
        assert times.emit(FrameTime(1, 0xFFFFFFFF, 0x80000000, i)) == 1
        until(client, lambda: client.queued < 40, "room")
    until(client, lambda: len(found) == 2 * count, "the events")
    texts = [values["text"] for channel, values, _ in found if channel == "log"]
    assert texts == ["line %d" % i for i in range(count)], texts
    counts = [values["count"] for channel, values, _ in found if channel == "frame-time"]
    assert counts == list(range(count)), counts
    assert found[-1][2] == "board-1"
    print("found", len(found))
    finish(client)


def log_opened(client):
    for state in client.session.channels.items:
        if not state.opened:
            return False
    return True


def outage(port, _transport, count):
    """Critical events through outages that somebody else makes: `count` of them, one every 4 ms."""
    client = make(port, "tcp", scheme="tcp", connect_retry_interval_ms=250, backoff_cap_ms=500)
    log = client.channel("log", critical=True)
    sent = [0]
    last = [time.ticks_ms()]

    def emit():
        now = time.ticks_ms()
        if sent[0] < count and time.ticks_diff(now, last[0]) >= 4 and log.emit(Log("event %d" % sent[0])) == 1:
            sent[0] += 1
            last[0] = now

    until(client, lambda: sent[0] == count and client.queued == 0, "all events", emit)
    finish(client)


def soak(port, _transport, count):
    """Many events leave the heap as it was; in large frames, so that it does not take long."""
    client = make(
        port, frame_bytes=4096, window_frames=8, critical_slots=256, lossy_slots=256, batch_events=60, batch_delay_ms=0
    )
    channel = client.channel("frame-time")
    lossy = channel.emitter(6, 16)
    critical = channel.emitter(6, 16, critical=True)
    until(client, lambda: is_connected(client), "the connection")
    live = []
    for part in range(count // 1000):
        for i in range(500):
            while lossy.emit() != 1 or critical.emit() != 1:
                client.poll()
            if i % 5 == 0:
                client.poll()
        until(client, lambda: client.queued == 0, "the acknowledgements")
        if part == 0 or part == count // 1000 - 1:
            gc.collect()
            live.append(gc.mem_alloc())
    print("live-first", live[0])
    print("live-last", live[-1])
    finish(client)


def reconnects(port, _transport, count):
    """Each time the link is lost: the heap stays as it was."""
    client = (
        make(port, reconnect_spread_ms=1)
        if False
        else make(port, backoff_floor_ms=0, connect_retry_interval_ms=1, backoff_cap_ms=1)
    )
    client.session.policy.spread_ms = 1
    log = client.channel("log", critical=True)
    live = []
    for i in range(count):
        until(client, lambda: is_connected(client), "connection %d" % i)
        client.session.policy.spread_ms = 1
        log.emit(Log("again"))
        until(client, lambda: client.queued == 0, "event %d" % i)
        client.driver.lose(None, time.ticks_ms() & 0x3FFFFFFF)
        if i == 19 or i == count - 1:
            gc.collect()
            live.append(gc.mem_alloc())
    print("live-first", live[0])
    print("live-last", live[-1])
    until(client, lambda: is_connected(client), "the last connection")
    finish(client)


def steady(port, transport, count):
    """The steady path over a real socket."""
    client = make(port, transport, delta=False)
    channel = client.channel("frame-time")
    lossy = channel.emitter(6, 16)
    critical = channel.emitter(6, 16, critical=True)
    until(client, lambda: is_connected(client), "the connection")
    rounds(client, (lossy, critical), 1000)
    measure(client, (lossy, critical), count)
    finish(client)


def rounds(client, emitters, total):
    """So many events, until the last one is acknowledged."""
    done = 0
    while done < total:
        for emitter in emitters:
            if emitter.emit() == 1:
                done += 1
        client.poll()
    while client.queued:
        client.poll()


def measure(client, emitters, count):
    """The heap that so many events take."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    start = time.ticks_us()
    rounds(client, emitters, count)
    took_us = time.ticks_diff(time.ticks_us(), start)
    print("allocated", gc.mem_alloc() - before)
    print("rate", count * 1000000 // took_us)
    gc.enable()


def talk(port, transport, count):
    """Say something, wait until somebody else answers, and so on."""
    client = make(port, transport)
    answers = []

    def heard(received):
        text = received.event().text
        if text.startswith("answer"):
            answers.append(text)

    client.on("event", heard)
    log = client.channel("log", critical=True)
    client.subscribe("log")
    until(client, lambda: is_connected(client) and log_opened(client), "the channels")
    for i in range(count):
        log.emit(Log("question %d" % i))
        until(client, lambda: len(answers) > i, "answer %d" % i)
    print("answers", len(answers))
    finish(client)


def three(port, transport, count):
    """Say `count` payloads of kind 1 on a channel where others say theirs, and hear all of all."""
    client = make(port, transport)
    found = {}

    def heard(received):
        event = received.event()
        found.setdefault((received.device_id, event.kind), []).append(event.data[0])

    client.on("event", heard)
    talk = client.channel("talk", critical=True)
    client.subscribe("talk", last=100)
    for i in range(count):
        talk.emit(Payload(1, bytes([i])))
    until(client, lambda: sum(len(numbers) for numbers in found.values()) >= 3 * count, "everything")
    print("heard", found)
    finish(client)


def authenticated(port, transport, count):
    """Frames carry a tag in both directions; the coded events of others are read."""
    client = make(port, transport, device_key=bytes(range(32)), read_coded=True)
    found = []
    client.on("event", lambda received: found.append(received.event().count))
    times = client.channel("frame-time")
    log = client.channel("log", critical=True)
    client.subscribe("frame-time")
    until(client, lambda: is_connected(client) and log_opened(client), "the channels")
    log.emit(Log("tagged"))
    for i in range(count):
        times.emit(FrameTime(1, 2, 3, i))
    until(client, lambda: len(found) == count and client.queued == 0, "the events")
    assert found == list(range(count)), found
    client.driver.lose(None, time.ticks_ms() & 0x3FFFFFFF)
    log.emit(Log("tagged again"))
    until(client, lambda: is_connected(client) and client.queued == 0, "the next link")
    print("found", len(found))
    print("forged", client.session.tally.forged)
    finish(client)


WORKS = {
    "authenticated": authenticated,
    "talk": talk,
    "three": three,
    "events": events,
    "outage": outage,
    "soak": soak,
    "reconnects": reconnects,
    "steady": steady,
}
if __name__ == "__main__":
    WORKS[sys.argv[1]](int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
