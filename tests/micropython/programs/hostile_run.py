"""What a network, a server and a program can do wrong: `hostile_run.py CASE [ARGUMENT ...]`. Prints what came of it."""

import sys

import fake_time
from fake_link import FakeLink

import micropython
from flight_client import Client, Log
from flight_client.frame import seal_into

RNG = [12345]


def chance(below):
    """A number from 0 to below - 1, the same ones every time."""
    RNG[0] = (RNG[0] * 75 + 74) % 65537
    return RNG[0] % below


def make(make_link, now_ms=1000, **more):
    clock = fake_time.FakeTime(now_ms)
    fake_time.install(clock)
    client = Client("tcp://fake:1", "token", "board-1", transports=(1,), **more)
    client.driver._make_link = make_link
    return client, clock


def live(client, clock, done, limit_ms=600000, step=None):
    """Poll on the fake clock until done() says so; how many ms that took."""
    start = clock.now_ms
    while not done():
        wait_ms = client.poll()
        if step is not None:
            step()
        if done():
            break
        clock.now_ms += max(1, min(wait_ms, 50))
        if clock.now_ms - start > limit_ms:
            raise RuntimeError("not in time: %s %s" % (client.state, client.driver.error))
    return clock.now_ms - start


def law(client):
    found = client.counters()
    return found["accepted"] == found["settled"] + found["queued"] + sum(found["dropped"].values())


def connected(client):
    return client.state == "connected"


class Garbage(FakeLink):
    """A gateway whose frames are cut, changed or followed by noise, until `sound` is set."""

    sound = False
    bad = 0

    def _answer(self, kind, channel, ack, count):
        super()._answer(kind, channel, ack, count)
        if self.sound:
            return
        Garbage.bad += 1
        what = chance(3)
        if what == 0:
            self.filled -= 1 + chance(self.filled)
        elif what == 1:
            self.data[chance(16)] ^= 1 << chance(
                8
            )  # of the header: elsewhere it would be a sound frame that says something else
        else:
            for i in range(chance(600)):
                if self.filled < self.limit:
                    self.data[self.filled] = chance(256)
                    self.filled += 1

    def next(self, frame, allowed_flags):
        found = super().next(frame, allowed_flags)
        if not found and self.filled:
            raise OSError(104)  # the rest never comes: the server has closed
        return found


def frames(count):
    """Hostile answers for so many connections, then sound ones: everything critical arrives."""
    Garbage.sound = False
    client, clock = make(lambda number: Garbage(640), connect_retry_interval_ms=1, backoff_floor_ms=0, backoff_cap_ms=1)
    log = client.channel("log", critical=True)
    accepted = [0]

    def step():
        if client.queued < 5:
            accepted[0] += log.emit(Log("x")) == 1
        if Garbage.bad >= count:
            Garbage.sound = True

    live(client, clock, lambda: Garbage.sound, 10000000, step)
    live(client, clock, lambda: client.queued == 0 and connected(client))
    print("bad", Garbage.bad)
    print("accepted", accepted[0])
    print("acked", client.counters()["acked"])
    print("law", 1 if law(client) else 0)


def bytes_cut(_count):
    """A server that closes after each number of bytes of its greeting."""
    whole = FakeLink(640)
    length = 104
    closed = [0]

    class Cut(FakeLink):
        def __init__(self, at):
            super().__init__(640)
            self.cut_at = at

        def _answer(self, kind, channel, ack, count):
            super()._answer(kind, channel, ack, count)
            if kind == 2:
                self.filled = min(self.filled, self.cut_at)

        def next(self, frame, allowed_flags):
            found = super().next(frame, allowed_flags)
            if not found and self.cut_at < length:
                closed[0] += 1
                raise OSError(104)
            return found

    tries = [-1]

    def link(number):
        tries[0] += 1
        return Cut(tries[0]) if tries[0] < length else whole

    client, clock = make(link, connect_retry_interval_ms=1, backoff_floor_ms=0, backoff_cap_ms=1)
    log = client.channel("log", critical=True)
    log.emit(Log("x"))
    live(client, clock, lambda: connected(client) and client.queued == 0, 10000000)
    print("closed", closed[0])
    print("acked", client.counters()["acked"])
    print("law", 1 if law(client) else 0)


def heap(_count):
    """The heap is full at one poll after another, and at an emit: nothing is lost, and the reason is told."""
    polls = 0
    client, clock = make(
        lambda number: FakeLink(640), connect_retry_interval_ms=1, backoff_floor_ms=0, backoff_cap_ms=1
    )
    log = client.channel("log", critical=True)
    log.emit(Log("x"))  # loads what the first event needs
    failures = 0
    for turn in range(60):
        micropython.heap_lock()
        try:
            client.poll()
        except MemoryError:
            failures += 1
        refused = None
        event_text = "y"
        micropython.heap_unlock()
        event = Log(event_text)
        micropython.heap_lock()
        try:
            refused = log.emit(event)
        except MemoryError:
            failures += 1
        micropython.heap_unlock()
        clock.now_ms += 20
        for _ in range(turn % 4):
            client.poll()
            clock.now_ms += 20
        polls += 1
        if not law(client):
            raise RuntimeError("the law is broken at %d" % turn)
    live(client, clock, lambda: connected(client) and client.queued == 0)
    found = client.counters()
    print("escaped", failures)
    print("refused", found["refused_emits"]["memory"])
    print("last", refused)
    print("accepted", found["accepted"])
    print("acked", found["acked"])
    print("law", 1 if law(client) else 0)


def wrap(_count):
    """The clock passes 2^30 in the middle: ages stay right and nothing waits for ever."""
    seen = []

    def look(buffer, count):
        if buffer[1] == 13 and not buffer[2] & 1:
            seen.append(buffer[18] | buffer[19] << 8)

    link = FakeLink(640)
    link.last = look
    client, clock = make(lambda number: link, (1 << 30) - 3000)
    log = client.channel("log")
    live(client, clock, lambda: connected(client))
    while clock.now_ms < (1 << 30) + 5000:
        log.emit(Log("x"))
        live(client, clock, lambda: client.queued == 0)
    print("events", client.counters()["accepted"])
    print("oldest", max(seen))
    print("law", 1 if law(client) else 0)


def outage(_count):
    """The link dies, nothing answers for 3 s: when the first try comes, and how long until events flow again."""
    down = [False]
    tries = []

    class Down(FakeLink):
        def open(self):
            tries.append(clock.now_ms)
            if down[0]:
                raise OSError(111)
            super().open()

    client, clock = make(lambda number: Down(640), backoff_cap_ms=1000)
    log = client.channel("log", critical=True)
    live(client, clock, lambda: connected(client))
    clock.now_ms += 1  # then it lives longer than healthy_ms
    healthy = clock.now_ms + 11000
    live(client, clock, lambda: clock.now_ms > healthy)
    del tries[:]
    down[0] = True
    lost = clock.now_ms
    client.driver.lose(OSError(104), clock.ticks_ms())
    log.emit(Log("x"))
    live(client, clock, lambda: clock.now_ms >= lost + 3000)
    down[0] = False
    back = clock.now_ms
    live(client, clock, lambda: client.queued == 0)
    print("first-retry-ms", tries[0] - lost)
    print("tries", len(tries))
    print("resumed-ms", clock.now_ms - back)
    print("law", 1 if law(client) else 0)


def silence(_count):
    """The peer takes everything and says nothing: that is noticed after two heartbeats."""

    class Silent(FakeLink):
        quiet = False

        def _answer(self, kind, channel, ack, count):
            if not self.quiet:
                super()._answer(kind, channel, ack, count)

    link = Silent(640)
    client, clock = make(lambda number: link)
    live(client, clock, lambda: connected(client))
    heartbeat_ms = client.session.sender.heartbeat_ms
    link.quiet = True
    print("noticed-ms", live(client, clock, lambda: not connected(client)))
    print("heartbeat-ms", heartbeat_ms)


def platform(_count):
    """A platform that this build does not have, a channel that no client may have, an address that is none."""
    for wrong in (
        lambda: Client("tcp://a:1", "t", "b", platform="toaster"),
        lambda: Client("https://a:1", "t", "b"),
        lambda: Client("tcp://user@a:1", "t", "b"),
        lambda: Client("tcp://a:1", "t", ""),
        lambda: Client("tcp://a:1", "t" * 500, "b"),
        lambda: Client("tcp://a:1", "t", "b", transports=(3,)),
        lambda: Client("tcp://a:1", "t", "b", nonsense=1),
        lambda: Client("tcp://a:1", "t", "b", device_key=b"fifteen bytes.."),
    ):
        try:
            wrong()
            print("accepted")
        except ValueError as error:
            print("refused", error)


def name(_count):
    """A name that nobody knows."""
    client = Client(
        "http://no-such-host.invalid:1", "token", "board-1", connect_retry_interval_ms=1, backoff_floor_ms=0
    )
    log = client.channel("log", critical=True)
    log.emit(Log("x"))
    for _ in range(200):
        client.poll()
        client.wait(1)
        if client.session.policy.failed_total >= 1:
            break
    print("failed", client.session.policy.failed_total)
    print("state", client.state)
    print("law", 1 if law(client) else 0)


class Stingy:
    """A socket that says EAGAIN at every other call, and otherwise takes or gives a byte or two."""

    def __init__(self, sock):
        self.sock = sock
        self.calls = 0
        self._writes = 0  # reads and writes alternate by themselves: one count for both would starve one of them
        self._reads = 0

    def write(self, data, at, count):
        self.calls += 1
        self._writes += 1
        return None if self._writes % 2 else self.sock.write(data, at, min(count, 1 + chance(3)))

    def readinto(self, buffer, count):
        self.calls += 1
        self._reads += 1
        return None if self._reads % 2 else self.sock.readinto(buffer, min(count, 1 + chance(3)))

    def close(self):
        self.sock.close()


def again(port, transport):
    """A real gateway through a socket that gives almost nothing at a time."""
    import time

    with open("token") as file:
        client = Client("http://127.0.0.1:%s" % port, file.read(), "board-1", transports=(int(transport),))
    log = client.channel("log", critical=True)
    client.subscribe("log")
    heard = []
    client.on("event", lambda received: heard.append(received.event().text))
    start = time.ticks_ms()
    sent = 0
    calls = 0
    while len(heard) < 10:
        client.poll()
        link = client.driver.link
        if client.driver._open and link._socket is not None and not isinstance(link._socket, Stingy):
            link._socket = Stingy(link._socket)
        if client.session.channels.items[0].opened and sent < 10:
            sent += log.emit(Log("line %d" % sent)) == 1
        if time.ticks_diff(time.ticks_ms(), start) > 30000:
            raise RuntimeError("%s %s %s" % (client.state, client.driver.error, client.counters()))
        if link is not None and isinstance(link._socket, Stingy):
            calls = max(calls, link._socket.calls)
    print("heard", len(heard))
    print("in-order", 1 if heard == ["line %d" % i for i in range(10)] else 0)
    print("calls", calls)
    print("connections", client.counters()["connections"])
    print("law", 1 if law(client) else 0)


def flood(budget_us):
    """A peer from which always more comes: how often one poll() looks at the link, where each look takes 100 us."""
    from flight_client import driver

    looks = [0]

    class Endless(FakeLink):
        flooding = False

        def fill(self):
            if not self.flooding:
                return super().fill()
            looks[0] += 1
            if looks[0] > 10000:
                print("looks", looks[0])
                sys.exit(1)  # it never ends
            return True

    link = Endless(640)
    client, clock = make(lambda number: link)
    live(client, clock, lambda: connected(client))
    driver.ticks_us = lambda: looks[0] * 100
    link.flooding = True
    print("wait-ms", client.poll(budget_us))
    print("looks", looks[0])
    print("law", 1 if law(client) else 0)


def values(_count):
    """Values that an event cannot carry: each is refused with its name, and nothing is queued."""
    from flight_client import EventError, FrameTime, Payload, SystemMonitoring

    client, _ = make(lambda number: FakeLink(640))
    channel = client.channel("any")
    for wrong in (
        Payload(1, None),
        Payload(1, "text"),
        Payload(65536, b""),
        Payload(-1, b""),
        Payload(1.5, b""),
        Log(5),
        Log("x", "loud"),
        Log("x" * 70000),
        FrameTime(1, 2, 1 << 32, 1),
        FrameTime(1, True, 3, 1),
        SystemMonitoring(cpu=7.0),
        SystemMonitoring(temperature_c=400),
    ):
        try:
            print("taken", channel.emit(wrong))
        except EventError as error:
            print("refused", error)
    print("queued", client.queued)
    print("accepted", client.counters()["accepted"])


CASES = {
    "values": values,
    "flood": flood,
    "frames": frames,
    "bytes": bytes_cut,
    "heap": heap,
    "wrap": wrap,
    "outage": outage,
    "silence": silence,
    "platform": platform,
    "name": name,
}
if sys.argv[1] == "again":
    again(sys.argv[2], sys.argv[3])
else:
    CASES[sys.argv[1]](int(sys.argv[2]))
