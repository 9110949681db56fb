"""The short way of an event (quick.py) and the long one: the same bytes, answers, counters, order, drops and levels."""

import array
import gc
import random
import threading
import time
import tracemalloc
from typing import Any

import pytest

from flight_client import CallerError, Client, EventError, FrameTime, Log, MemoryUpdate, Outcome, SystemMonitoring
from flight_client.clock import monotonic_ms
from flight_client.emitters import slow_emitter
from flight_client.events import decode_event, encode_event
from flight_client.pressure import _PLENTY
from flight_client.session.common.clock import elapsed
from flight_client.session.device import batching

CHANNELS: list[tuple[str, type[Any], dict[str, Any]]] = [
    ("frame-times", FrameTime, {}),
    ("memory-updates", MemoryUpdate, {}),
    ("soon-over", SystemMonitoring, {"expires_ms": 300}),
    ("urgent", FrameTime, {"priority": "high"}),
    ("latest", FrameTime, {"policy": "latest-wins"}),
]
ROUNDS = 3000
SEEDS = range(4)


def made(platform: str) -> Client:
    return Client("http://127.0.0.1:9", token="t", device_id="bench-1", platform=platform)


class Side:
    """A client and its emitters: bound ones, or those that know the long way only."""

    def __init__(self, platform: str, quick: bool) -> None:
        self.client = made(platform)
        self.told: list[Any] = []
        self.client.on_pressure(self.told.append)
        self.emitters = []
        for name, kind, rules in CHANNELS:
            channel = self.client.channel(name, **rules)
            like, critical = channel._queued(0, b"", 0, None, None, None)
            like.key = None
            slow = slow_emitter(self.client, kind, channel._wide, like, critical)
            self.emitters.append(channel.emitter(kind) if quick else slow)

    def emit(self, number: int, values: tuple[Any, ...], fields: dict[str, Any]) -> object:
        try:
            return self.emitters[number](*values, **fields)
        except (EventError, CallerError) as error:
            return str(error)

    def pack(self, room: int, most: int, delta: bool) -> tuple[bytes, list[int]]:
        frame = bytearray(room)
        lane = self.client._outbox.lossy
        written = lane.pack(frame, 0, room, monotonic_ms(), most, delta=delta)
        return bytes(frame[:written]), [event.channel for event in lane.packed]

    def seen(self) -> object:
        lane, pressure = self.client._outbox.lossy, self.client.pressure
        queue = lane.count, lane.bytes, lane.limit_events, pressure.queue_events
        return self.client.counters(), queue, pressure.level, self.told

    def expires_in_ms(self) -> int:
        return self.client._outbox.lossy.expires_in_ms(monotonic_ms(), 1000)

    def first_over_ms(self) -> int:
        """When the first event that waits is really over."""
        waiting = [event for event in self.client._outbox.lossy.everything() if event.expires_ms]
        left = [event.expires_ms - elapsed(monotonic_ms(), event.stamp_ms) for event in waiting]
        return max(0, min([1000, *left]))

    def waiting(self) -> object:
        return [
            (event.channel, event.layout, event.body, event.stamp_ms, event.expires_ms, event.key)
            for event in self.client._outbox.lossy.everything()
        ]


def any_values(chance: random.Random, kind: type[Any]) -> Any:
    size = chance.choice(
        [1 << 20, 1 << 29, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 40, (1 << 64) - 2, (1 << 64) - 1, -1, True, None]
    )
    share = chance.choice([None, None, None, 0, 1, 0.5, 0.12345, 0.00005, 7.0, float("nan"), "x"])
    if kind is MemoryUpdate:
        total = 512 << 20
        used = chance.choice([chance.randrange(total // 2), chance.randrange(total // 2), chance.randrange(total)])
        return chance.choice(
            [((total, used), {}), ((total, used, 0), {}), ((), {"used_bytes": used, "total_bytes": total}),
             ((total, used, None, None, share), {}), ((size, used), {}), ((), {"no_field": 1})]
        )  # fmt: skip
    if kind is SystemMonitoring:
        return chance.choice(
            [((size,), {}), ((1, 2, 3, 4), {"cpu": share}), ((), {"temperature_c": chance.choice([-40.5, -400.0, 21, 1e300])}),
             ((1, 2, 3, 1 << 32), {}), ((), {"frames_per_second": 59.94, "queue_fill": share})]
        )  # fmt: skip
    one = chance.choice([0, 1, 16_000, 0xFFFFFFFF, 1 << 32, -1, 1.5, None, True])
    return chance.choice(
        [((1, 2, 3, 4), {}), ((1, 2, one), {"count": 3}), ((1, 2, 3, 4, one), {}), ((1,), {}), ((1,) * 6, {})]
    )


@pytest.mark.parametrize("platform", ["host", "psp"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_short_way_and_the_long_one_are_the_same(seed: int, platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    quick, slow = Side(platform, True), Side(platform, False)
    in_ring = 0
    for _ in range(ROUNDS):
        now_s += chance.choice([0, 0, 0, 0.0004, 0.001, 0.05])
        what = chance.random()
        if what < 0.8:
            number = chance.choice([0, 0, 0, 1, 1, 2, 3, 4])
            values, fields = any_values(chance, CHANNELS[number][1])
            for _ in range(chance.choice([1, 1, 3])):
                assert quick.emit(number, values, fields) == slow.emit(number, values, fields)
        elif what < 0.93:
            room, most, delta = chance.choice([30, 200, 4000]), chance.choice([1, 16, 64]), chance.random() < 0.3
            assert quick.pack(room, most, delta) == slow.pack(room, most, delta)
        elif what < 0.95:
            for side in (quick, slow):
                while side.client._outbox.lossy.count:
                    side.pack(4000, 64, False)
        elif what < 0.97:
            for side in (quick, slow):
                side.client._outbox.expire(monotonic_ms())
        elif what < 0.98:
            most = chance.randrange(1, 40)
            for side in (quick, slow):
                side.client.set_max_queue_size(most)
        elif what < 0.99:
            assert quick.waiting() == slow.waiting()
        else:
            for side in (quick, slow):
                side.client.trigger_memory_optimization()
        ring = quick.client._outbox.lossy._ring
        in_ring += ring is not None and ring.count > 0
        assert quick.seen() == slow.seen()
        assert quick.expires_in_ms() <= slow.first_over_ms()
    assert quick.waiting() == slow.waiting()
    assert slow.client._outbox.lossy._ring is None
    assert in_ring > ROUNDS // 20  # it was the short way that was compared
    for side in (quick, slow):
        side.client._outbox.close()
    assert quick.seen() == slow.seen()


def test_events_of_the_ring_go_without_an_object_each() -> None:
    client = made("host")
    emit = client.channel("frame-times").emitter(FrameTime)
    for number in range(20):
        assert emit(number, number, number, 1) is Outcome.QUEUED
    lane = client._outbox.lossy
    assert lane._ring is not None
    assert lane._ring.count == lane.count == 20
    assert lane.pack(bytearray(4000), 0, 4000, monotonic_ms(), 16) > 0
    assert len({id(event) for event in lane.packed}) == 1
    assert len(lane.packed) == 16
    assert lane.count == lane._ring.count == 4
    assert client.channel("logs").emit(Log("x")) is Outcome.QUEUED
    assert lane._ring.count == 0
    assert lane.count == 5
    assert emit(1, 1, 1, 1) is Outcome.QUEUED
    assert [event.layout for event in lane.everything()].count(5) == 1


async def test_another_thread_is_refused_as_on_the_long_way() -> None:
    client = made("host")
    emit = client.channel("frame-times").emitter(FrameTime)
    client._driver._take_loop()
    client._driver._soon = client._driver.loop.call_soon(lambda: None)  # type: ignore[union-attr]
    assert emit(1, 2, 3, 4) is Outcome.QUEUED
    raised: list[Exception] = []

    def elsewhere() -> None:
        try:
            emit(1, 2, 3, 4)
        except CallerError as error:
            raised.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(30)
    assert len(raised) == 1
    assert "thread" in str(raised[0])
    assert client.counters().accepted == 1


def test_a_client_with_bound_emitters_goes_away_and_emitting_keeps_no_memory() -> None:
    client = made("host")
    emit = client.channel("memory-updates").emitter(MemoryUpdate)
    frame = bytearray(8000)

    def some(count: int) -> None:
        for number in range(count):
            emit(1 << 33, 1_000_000 + number, None, fragmentation=None)
            if number % 50 == 49:
                while client._outbox.lossy.count:
                    client._outbox.lossy.pack(frame, 0, 8000, monotonic_ms(), 64)

    some(500)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        some(5000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 5000
    finally:
        tracemalloc.stop()
    emitter = emit.__self__  # type: ignore[attr-defined]
    assert type(emitter).__name__ == "Emitter"
    assert client in gc.get_referents(emitter)


def test_what_is_plenty_of_memory_is_so_for_the_batches_too() -> None:
    assert _PLENTY == batching._MANY


def test_the_readable_form_takes_the_short_way_from_the_second_event_on_and_says_the_same() -> None:
    client = made("host")
    times, logs = client.channel("frame-times"), client.channel("logs")
    assert [times.emit(FrameTime(number, 2, 3, 4)) for number in range(3)] == [Outcome.QUEUED] * 3
    lane = client._outbox.lossy
    assert lane._ring is not None
    assert (lane._ring.count, lane.count) == (0, 3)  # the first waits in a queue, so the others do too
    while lane.count:
        lane.pack(bytearray(4000), 0, 4000, monotonic_ms(), 16)
    assert [times.emit(FrameTime(number, 2, 3, 4)) for number in range(3)] == [Outcome.QUEUED] * 3
    assert (lane._ring.count, lane.count) == (3, 3)
    with pytest.raises(EventError, match="mean_us"):
        times.emit(FrameTime(1, -2, 3, 4))
    assert times.emit(FrameTime(4, 2, 3, 4), expires_ms=5) is Outcome.QUEUED
    assert logs.emit(Log("x")) is Outcome.QUEUED
    assert logs.emit(Log("y")) is Outcome.QUEUED
    assert client.counters().accepted == lane.count + 3 == 9


def bodies(client: Client) -> list[object]:
    return [decode_event(event.layout, event.body) for event in client._outbox.lossy.everything()]


def test_one_number_is_an_event() -> None:
    client = made("host")
    times, system = client.channel("frame-times"), client.channel("system")
    frame, cpu = times.number_emitter(FrameTime), system.number_emitter(SystemMonitoring, "cpu")
    assert [frame(16_600), cpu(0.25), cpu(None), frame(7)] == [Outcome.QUEUED] * 4
    expected = [
        FrameTime(16_600, 16_600, 16_600, 1),
        SystemMonitoring(cpu=0.25),
        SystemMonitoring(),
        FrameTime(7, 7, 7, 1),
    ]
    assert bodies(client) == expected
    with pytest.raises(EventError, match="minimum_us"):
        frame(-1)
    with pytest.raises(EventError, match="cpu"):
        cpu(7.0)
    used = client.channel("memory-updates").number_emitter(MemoryUpdate, "used_bytes")
    assert used(1 << 20) is Outcome.QUEUED
    assert bodies(client)[-1] == MemoryUpdate(used_bytes=1 << 20)
    for kind, field in (
        (Log, None),
        (FrameTime, "count"),
        (SystemMonitoring, "no"),
        (SystemMonitoring, None),
        (int, None),
    ):
        with pytest.raises(CallerError):
            times.number_emitter(kind, field)  # type: ignore[arg-type]


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("policy", ["drop-oldest", "latest-wins", "refuse"])
def test_a_buffer_of_records_is_the_same_as_its_events(policy: str, wide: bool) -> None:
    chance = random.Random(policy)
    events = [
        MemoryUpdate(1 << 30, chance.randrange(1 << 30), None, 5, chance.choice([None, 0.25])) for _ in range(1500)
    ]
    buffer = b"".join(encode_event(event, wide)[1] for event in events)
    client, other = made("host"), made("host")
    taken = client.channel("memory-updates", policy=policy).emit_buffer(MemoryUpdate, memoryview(buffer), wide=wide)
    channel = other.channel("memory-updates", policy=policy)
    outcomes = [channel.emit(event) for event in events]
    assert taken == sum(outcome.accepted for outcome in outcomes)
    assert bodies(client) == bodies(other)
    assert client.counters() == other.counters()
    assert client.pressure.level is other.pressure.level


def test_a_buffer_that_is_no_row_of_records_is_refused_whole() -> None:
    client = made("host")
    channel = client.channel("frame-times")
    good = encode_event(FrameTime(1, 2, 3, 4))[1]
    for kind, buffer in ((FrameTime, good * 3 + b"x"), (FrameTime, 7), (FrameTime, "text"), (Log, good), (int, good)):
        with pytest.raises(CallerError):
            channel.emit_buffer(kind, buffer)  # type: ignore[arg-type]
    memory = encode_event(MemoryUpdate(1, 2), True)[1]
    with pytest.raises(CallerError, match="reserved place 34"):
        channel.emit_buffer(MemoryUpdate, memory + memory[:34] + b"\1\0" + memory[36:] + memory)
    with pytest.raises(CallerError, match="wide"):
        channel.emit_buffer(FrameTime, good, wide=1)  # type: ignore[arg-type]
    assert client.counters().accepted == 0
    assert channel.emit_buffer(FrameTime, b"") == 0
    assert channel.emit_buffer(FrameTime, array.array("B", good * 3)) == 3
    assert bodies(client) == [FrameTime(1, 2, 3, 4)] * 3
