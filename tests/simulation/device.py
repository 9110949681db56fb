"""A machine of a simulation with a program on it: the product's client, an application that emits, one that reads."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from flight_client import Client, ConnectionState, DeadLetter, Gap, Payload
from flight_client.counting import Counters
from flight_client.errors import FlightError
from flight_client.events import decode_event
from flight_client.rules import POLICIES, PRIORITIES
from flight_client.session.device import codes
from flight_client.session.spec import LETTER_BYTES, LETTER_EVENTS
from flight_client.streams import EventStream, RealtimeEvent
from flight_client.testing.virtual_loop import VirtualLoop

from .chance import Machine
from .gateway import DEVICE_KEYS
from .ledger import Ledger, Life, number_bytes
from .network import Wire, factories

CLOSE_S = 1.5  # close() ends within a second, and a transport may take a moment to go


class Role:
    """What a machine is and what its program does."""

    def __init__(self, device_id: str, platform: str, transports: tuple[str, ...], publishes: tuple[str, ...],
                 follows: tuple[str, ...], from_start: bool) -> None:  # fmt: skip
        self.device_id = device_id
        self.platform = platform
        self.transports = transports
        self.publishes = publishes
        self.follows = follows
        self.from_start = from_start


class Ear:
    """Stands between driver and client and hears when the device says that the gateway broke the protocol."""

    def __init__(self, client: Client, device: "Device") -> None:
        self._client = client
        self._device = device

    def on_result(self, result: int, data: bytes) -> None:
        if result == codes.BROKEN:
            self._device.broken += 1
        self._client.on_result(result, data)

    def on_failure(self, error: FlightError) -> int:
        return self._client.on_failure(error)

    def on_drive(self) -> None:
        self._client.on_drive()


class Device:
    """One machine; reboot() begins another life on it."""

    def __init__(
        self, role: Role, loop: VirtualLoop, chance: random.Random, machine: Machine, wire: Wire, ledger: Ledger,
        token: Callable[[], str],
    ) -> None:  # fmt: skip
        self.role = role
        self.machine = machine
        self.wire = wire
        self.client: Client
        self.life: Life
        self.refused = 0
        self.accepted = 0
        self.delivered = 0
        self.switches = 0
        self.broken = 0
        self._loop = loop
        self._chance = chance
        self._ledger = ledger
        self._token = token
        self._tasks: list[asyncio.Task[Any]] = []
        self._gaps: list[tuple[int, Gap]] = []
        self._stream: EventStream | None = None
        self.busy = True  # the program emits

    def start(self) -> None:
        """Switch it on."""
        role = self.role
        self.life = self._ledger.new_life(role.device_id, role.platform)
        self.life.from_start = role.from_start
        self._gaps = []
        self._tasks = [self._run(self._live())]

    def _run(self, work: Any) -> "asyncio.Task[Any]":
        task = self._loop.create_task(work, context=self.machine.context.copy())
        task.add_done_callback(self._look)
        return task

    def _look(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._ledger.problems.append(f"{self.role.device_id}: its program ended with {task.exception()!r}")

    async def _live(self) -> None:
        role = self.role
        client = self.client = Client(
            "http://simulated:1",
            token=self._token,
            device_key=DEVICE_KEYS.get(role.device_id),
            platform=role.platform,
            device_id=role.device_id,
            transports=role.transports,
            transport_factories={n: f for n, f in factories(self.wire).items() if n in role.transports},
        )
        client.on_gap(self._hear_gap)
        client.on_dead_letter(self._note_letter)
        self._note_packing(client, self.life)
        client._driver._listener = Ear(client, self)
        if role.follows:
            self._stream = client.events(channels=role.follows, history=0xFFFF if role.from_start else None)
            self._tasks.append(self._run(self._read(self._stream)))
        rules = random.Random(f"rules of {role.device_id}, life {self.life.index}")  # not the scene's: found seeds stay
        channels = [client.channel(name, **some_rules(rules)) for name in role.publishes]
        self._tasks.append(self._run(client.connect()))
        if not channels:
            return
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / 3.0))
            if self.busy:
                self._burst(channels)

    def _burst(self, channels: list[Any]) -> None:
        """Some events of one lane on one channel: as a program emits them in one turn of its loop."""
        life = self.life
        channel = self._chance.choice(channels)
        critical = self._chance.random() < 0.5
        lane = life.critical if critical else life.lossy
        for _ in range(self._chance.choice((1, 4, 12, 30))):
            number = len(life.channels)
            outcome = channel.emit(Payload(life.index, number_bytes(number)), critical=critical)
            if not outcome.accepted:
                self.refused += 1
                break
            lane.append(number)
            life.channels.append(channel.name)
            self.accepted += 1

    async def _read(self, stream: EventStream) -> None:
        life = self.life
        async for event in stream:
            life.received.setdefault(event.channel, []).append(event)
            life.taken += 1
            self.delivered += 1
            self._merge_gaps()

    def _hear_gap(self, gap: Gap) -> None:
        self._gaps.append((self.client.counters().delivered, gap))
        self._merge_gaps()

    def _merge_gaps(self) -> None:
        """A gap is told at once, the events before it may still wait in the stream."""
        while self._gaps and self._gaps[0][0] <= self.life.taken:
            gap = self._gaps.pop(0)[1]
            self.life.received.setdefault(gap.channel, []).append(gap)

    def _note_packing(self, client: Client, life: Life) -> None:
        """Channels overtake each other on the way into frames; what is acknowledged follows that order."""
        outbox = client._outbox
        packed_critical = outbox.packed_critical

        def note(slot: int, now: int) -> tuple[int, int, int]:
            life.packed += [number_in(event.layout, event.body) for event in outbox.critical.packed]
            return packed_critical(slot, now)

        outbox.packed_critical = note  # type: ignore[method-assign]

    def _note_letter(self, letter: DeadLetter) -> None:
        life = self.life
        self._ledger.given_up(life, number_in(letter.layout, letter.body), letter.sent)

    # Seen from outside

    def counters(self) -> Counters:
        return self.client.counters()

    @property
    def connected(self) -> bool:
        return self.client.state is ConnectionState.CONNECTED

    @property
    def at_rest(self) -> bool:
        """Connected, and nothing waits."""
        return self.connected and self.client.queued == 0

    def check(self) -> list[str]:
        """What must hold at any moment."""
        found = []
        counters = self.counters()
        if not counters.law_holds:
            found.append(f"{self.role.device_id}: the law is broken: {counters}")
        if self.client.state in (ConnectionState.FAILED, ConnectionState.CLOSED):
            found.append(f"{self.role.device_id}: it stopped: {self.client.last_error}")
        if self.broken:
            found.append(f"{self.role.device_id}: it says that the gateway broke the protocol")
        self._ledger.acked(self.life, counters.acked)
        return found + self._check_bounds()

    def _check_bounds(self) -> list[str]:
        """Queues over what the platform says; counted anew, not by the queues' own numbers."""
        client, platform = self.client, self.client.platform
        outbox, store, frames = client._outbox, client._session.store, client._session.profile.window_frames
        found = []
        for name, lane, slots in (
            ("critical", outbox.critical, platform.critical_slots),
            ("lossy", outbox.lossy, platform.lossy_slots),
        ):
            events = lane.everything()
            size = sum(event.size for event in events)
            if len(events) > slots or size > slots * platform.slot_bytes:
                found.append(
                    f"{self.role.device_id}: {len(events)} {name} events of {size} bytes wait in {slots} slots"
                )
        if store.used > frames:
            found.append(f"{self.role.device_id}: {store.used} frames in a window of {frames}")
        letters = client._outbox.letters.all()
        if len(letters) > LETTER_EVENTS or sum(len(letter.body) for letter in letters) > LETTER_BYTES:
            found.append(f"{self.role.device_id}: {len(letters)} dead letters are kept")
        return found

    def check_end(self, one_log: bool) -> list[str]:
        """What must hold at rest."""
        found = self.check()
        counters = self.counters()
        name = self.role.device_id
        if counters.accepted != len(self.life.channels):
            found.append(f"{name}: {counters.accepted} accepted, {len(self.life.channels)} emitted")
        lossy_settled = counters.settled - counters.acked
        stored = self._ledger.stored_lossy(self.life)
        if one_log and lossy_settled != stored:
            found.append(f"{name}: {lossy_settled} lossy events settled, {stored} stored; {counters.dropped}")
        if lossy_settled > stored:
            found.append(f"{name}: {lossy_settled} lossy events settled, only {stored} stored")
        if self._gaps:
            found.append(f"{name}: a gap was told and the events before it never came: {self._gaps[0]}")
        if self._stream is not None and self._stream.dropped:
            found.append(f"{name}: the stream dropped {self._stream.dropped} events")
        return found

    async def close(self) -> None:
        """The program ends as a program should: what is queued has a moment, the rest is counted."""
        begun_s = self._loop.now_s
        problems = self._ledger.problems
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._run(self.client.close())
        if self._loop.now_s - begun_s > CLOSE_S:
            problems.append(f"{self.role.device_id}: close() took {self._loop.now_s - begun_s:.1f} s")
        counters = self.counters()
        if not counters.law_holds or counters.queued:
            problems.append(f"{self.role.device_id}: after close() {counters}")
        self._ledger.acked(self.life, counters.acked)
        self.life.over = True
        self.switches += counters.transport_switches

    async def power_off(self) -> None:
        """No goodbye: the next life knows nothing of this one."""
        counters = self.counters()
        self._ledger.acked(self.life, counters.acked)
        self.life.over = True
        self.switches += counters.transport_switches
        for link in self.wire.links:
            link.go_dark()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client._driver.stop()


def some_rules(chance: random.Random) -> dict[str, Any]:
    """How the program treats the events of one channel."""
    if chance.random() < 0.5:
        return {}
    return {
        "policy": chance.choice(POLICIES),
        "priority": chance.choice(list(PRIORITIES)),
        "expires_ms": chance.choice((0, 0, 500, 5000, 30000)),
    }


def number_in(layout: int, body: bytes) -> int:
    """The number of an event of the simulation."""
    event = decode_event(layout, body)
    assert isinstance(event, Payload)
    return int.from_bytes(event.data, "little")


def newest(events: list[RealtimeEvent | Gap]) -> str:
    """The last thing a subscriber got, for a report."""
    return repr(events[-1]) if events else "nothing"
