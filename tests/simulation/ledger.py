"""What really happened: every accepted event, every stored entry, every delivery, and the rules between them.

An event is a Payload whose kind names the life of its publisher and whose data is its number in that life.
"""

import struct
from dataclasses import dataclass, field

from flight_client.gateway.engines.base import Entry
from flight_client.observe import Gap
from flight_client.streams import RealtimeEvent

_RECORD = struct.Struct("<BBHHHHH")  # layout, words, age, kind, reserved, length of data, data
_NUMBER = struct.Struct("<H")


def number_bytes(number: int) -> bytes:
    return _NUMBER.pack(number)


def numbers_of(entry: Entry) -> tuple[int, list[int]]:
    """Life and numbers of the events of an entry."""
    life = -1
    numbers: list[int] = []
    for _, _, _, kind, _, _, number in _RECORD.iter_unpack(entry.records):
        life = kind
        numbers.append(number)
    return life, numbers


@dataclass(slots=True)
class Stored:
    """One entry of one log."""

    previous: int
    critical: bool
    life: int
    numbers: list[int]
    received_ms: int


class Log:
    """Everything that one epoch of the gateway's log ever held."""

    def __init__(self, index: int, epoch: bytes) -> None:
        self.index = index
        self.epoch = epoch.hex()
        self.channels: dict[str, dict[int, Stored]] = {}
        self.last: dict[str, int] = {}
        self.trimmed_to: dict[str, int] = {}
        self.critical: dict[int, set[int]] = {}  # of a life: numbers
        self.lossy: dict[int, set[int]] = {}
        self.settled: dict[int, set[int]] = {}  # of a life: acknowledged before this log began, so never to come again
        self._newest: dict[tuple[int, str, bool], int] = {}

    def add(self, entry: Entry) -> list[str]:
        life, numbers = numbers_of(entry)
        found = []
        critical = entry.counter != 0
        lane = (self.critical if critical else self.lossy).setdefault(life, set())
        for number in numbers:
            if number in lane:
                found.append(f"event {number} of life {life} was stored twice in log {self.index}")
            if critical and number in self.settled.get(life, ()):
                found.append(f"event {number} of life {life} was settled before log {self.index} and is stored again")
            lane.add(number)
        key = (life, entry.channel, critical)
        if numbers != sorted(numbers) or numbers[0] <= self._newest.get(key, -1):
            found.append(f"events {numbers[:4]} of life {life} were stored out of order on {entry.channel}")
        self._newest[key] = numbers[-1]
        if entry.previous != self.last.get(entry.channel, 0):
            found.append(f"entry {entry.offset} of {entry.channel} names {entry.previous} before it")
        self.channels.setdefault(entry.channel, {})[entry.offset] = Stored(
            entry.previous, critical, life, numbers, entry.received_ms
        )
        self.last[entry.channel] = entry.offset
        return found


@dataclass(slots=True)
class Life:
    """One run of one client, from its start to its end."""

    index: int
    device_id: str
    platform: str
    critical: list[int] = field(default_factory=list)  # accepted, in order
    lossy: list[int] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)  # of each number
    packed: list[int] = field(
        default_factory=list
    )  # critical, in the order of their counters: so they are acknowledged
    letters: set[int] = field(default_factory=set)  # critical events that were given up
    acked: int = 0  # critical events that the client was told are stored
    floors: list[tuple[int, set[int]]] = field(default_factory=list)  # (index of a log, acked when it began)
    over: bool = False
    received: dict[str, list[RealtimeEvent | Gap]] = field(default_factory=dict)
    taken: int = 0
    from_start: bool = True
    repeated: int = 0  # critical events that a lost log made come again, counted by check_end()


class Ledger:
    """All lives and all logs of one run."""

    def __init__(self) -> None:
        self.lives: list[Life] = []
        self.logs: list[Log] = []
        self.problems: list[str] = []
        self._by_epoch: dict[bytes, Log] = {}

    def new_life(self, device_id: str, platform: str) -> Life:
        life = Life(len(self.lives), device_id, platform)
        self.lives.append(life)
        return life

    def new_log(self, epoch: bytes) -> None:
        """The gateway has another log from now on: what was not acknowledged must come to it."""
        log = self._by_epoch[epoch] = Log(len(self.logs), epoch)
        self.logs.append(log)
        for life in self.lives:
            if not life.over:
                log.settled[life.index] = set(life.packed[: life.acked])
                life.floors.append((log.index, log.settled[life.index]))

    def stored(self, epoch: bytes, entry: Entry) -> None:
        self.problems += self._by_epoch[epoch].add(entry)

    def acked(self, life: Life, count: int) -> None:
        """The client counts this many critical events as stored: they must be."""
        if count > len(life.critical):
            self.problems.append(f"{life.device_id}: {count} events acknowledged of {len(life.critical)}")
            return
        while life.acked < count:
            number = life.packed[life.acked]
            if not any(number in log.critical.get(life.index, ()) for log in self.logs):
                self.problems.append(f"event {number} of {life.device_id} was acknowledged and never stored")
            life.acked += 1

    def given_up(self, life: Life, number: int, may_be_stored: bool) -> None:
        """The client wrote a dead letter: the event has its fate, and is not stored if the letter says so."""
        life.critical.remove(number)
        if number in life.packed:
            life.packed.remove(number)
        life.letters.add(number)
        if not may_be_stored and any(number in log.critical.get(life.index, ()) for log in self.logs):
            self.problems.append(
                f"event {number} of {life.device_id} is a dead letter that was not sent, and is stored"
            )

    def check_end(self) -> list[str]:
        """The rules that hold when everything has come to rest."""
        found = list(self.problems)
        for life in self.lives:
            life.repeated = 0
            if not life.over:
                found += self._check_publisher(life)
            found += self._check_only_accepted(life)
            for channel, received in life.received.items():
                found += Reading(self, life, channel).check(received)
                found += doubled(life, channel, received)
        return found

    def _check_publisher(self, life: Life) -> list[str]:
        found = []
        if life.acked != len(life.critical):
            found.append(f"{life.device_id}: {len(life.critical) - life.acked} critical events have no fate")
        for first, acked in life.floors:
            kept = set().union(*(log.critical.get(life.index, set()) for log in self.logs[first:]))
            lost = [number for number in life.critical if number not in acked and number not in kept]
            if lost:
                found.append(f"{life.device_id}: critical event {lost[0]} is not in log {first} or later")
        stored = set().union(*(log.critical.get(life.index, set()) for log in self.logs))
        lost = [number for number in life.critical if number not in stored]
        if lost:
            found.append(f"{life.device_id}: {len(lost)} critical events were lost, the first is {lost[0]}")
        return found

    def _check_only_accepted(self, life: Life) -> list[str]:
        found = []
        for name, accepted, of_log in (
            ("critical", [*life.critical, *life.letters], [log.critical for log in self.logs]),
            ("lossy", life.lossy, [log.lossy for log in self.logs]),
        ):
            stored = set().union(*(lane.get(life.index, set()) for lane in of_log))
            if not stored <= set(accepted):
                found.append(f"{life.device_id}: {name} events were stored that were never accepted")
        return found

    def stored_lossy(self, life: Life) -> int:
        return sum(len(log.lossy.get(life.index, ())) for log in self.logs)


def doubled(life: Life, channel: str, received: list[RealtimeEvent | Gap]) -> list[str]:
    """Critical events that one subscriber got again without being told of another log: docs/protocol.md section 14.

    It looks at nothing but what the application got, and knows nothing of offsets: Reading might be wrong about those.
    """
    found = []
    log = 0
    last_log: dict[tuple[int, int], int] = {}
    for item in received:
        if isinstance(item, Gap):
            log += item.reason == "epoch"
        elif item.counter:
            key = of, number = item.data.kind, int.from_bytes(item.data.data, "little")  # type: ignore[union-attr]
            if last_log.get(key) == log:
                found.append(f"{life.device_id} on {channel}: critical event {number} of life {of} twice without a gap")
            life.repeated += key in last_log
            last_log[key] = log
    return found


class Reading:
    """Walks what one subscriber got of one channel beside the logs."""

    def __init__(self, ledger: Ledger, life: Life, channel: str) -> None:
        self._ledger = ledger
        self._life = life
        self._channel = channel
        self._log: Log | None = None
        self._at = self._previous = -1
        self._left: list[int] = []  # of the entry that is being read
        self._found: list[str] = []

    def check(self, received: list[RealtimeEvent | Gap]) -> list[str]:
        for item in received:
            if isinstance(item, Gap):
                self._gap(item)
            else:
                self._event(item)
            if self._found:
                return self._found
        if self._life.over:  # it may have ended anywhere, in the middle of an entry too
            return self._found
        if self._left:
            self._say(f"the rest of entry {self._at} did not come: {self._left[:4]}")
        self._complete()
        return self._found

    def _say(self, text: str) -> None:
        self._found.append(f"{self._life.device_id} (life {self._life.index}) on {self._channel}: {text}")

    def _complete(self) -> None:
        newest = self._ledger.logs[-1]
        last = newest.last.get(self._channel, 0)
        if self._log is None:
            if self._life.from_start and last > newest.trimmed_to.get(self._channel, 0):
                self._say(f"nothing came of {last} entries")
        elif self._log is not newest:
            if last:
                self._say(f"it stands in log {self._log.index} of {len(self._ledger.logs)}")
        elif self._at != last:
            self._say(f"it stands at {self._at} of {last}")

    def _gap(self, gap: Gap) -> None:
        if self._left:
            self._cut_short(gap)
        log = next((log for log in self._ledger.logs if log.epoch == gap.epoch), None)
        if log is None:
            self._say(f"a gap of an unknown epoch {gap.epoch}")
        elif gap.reason == "epoch":
            if self._log is not None and log.index <= self._log.index:
                self._say(f"a gap `epoch` from log {self._log.index} to {log.index}")
            self._log, self._at = log, gap.to
        elif gap.reason in ("trimmed", "slow", "limit"):
            if self._log is not None and (log is not self._log or gap.after != self._at):
                self._say(f"{gap} at {self._at} of log {self._log.index}")
            if gap.to > log.last.get(self._channel, 0) or gap.to <= gap.after:
                self._say(f"{gap} beyond the log")
            if gap.reason == "trimmed" and gap.to > log.trimmed_to.get(self._channel, 0):
                self._say(f"{gap}, but the log was trimmed to {log.trimmed_to.get(self._channel, 0)} only")
            self._log, self._at = log, gap.to
        else:
            self._say(f"{gap} at {self._at}")

    def _cut_short(self, gap: Gap) -> None:
        """An entry that comes in portions may end early where its log is lost, or its rest is: the gap has it whole."""
        if gap.reason != "epoch" and not (gap.after == self._previous and gap.to >= self._at):
            self._say(f"{gap} in the middle of entry {self._at}, which begins behind {self._previous}")
        self._left = []
        self._at = self._previous

    def _event(self, event: RealtimeEvent) -> None:
        number = int.from_bytes(event.data.data, "little")  # type: ignore[union-attr]
        if self._left:
            if event.offset != self._at or number != self._left.pop(0):
                self._say(f"event {number} of offset {event.offset} came inside entry {self._at}")
            return
        if self._log is None:
            self._begin(event, number)
            return
        entry = self._log.channels.get(self._channel, {}).get(event.offset)
        if entry is None or event.offset <= self._at or entry.previous != self._at:
            self._say(f"offset {event.offset} came behind {self._at} of log {self._log.index}")
            return
        self._take(event, number, entry)

    def _begin(self, event: RealtimeEvent, number: int) -> None:
        for log in self._ledger.logs:
            entry = log.channels.get(self._channel, {}).get(event.offset)
            if entry is None or entry.numbers[0] != number or entry.life != event.data.kind:  # type: ignore[union-attr]
                continue
            if entry.received_ms != event.received_ms:  # a lost log had the same events at the same place
                continue
            self._log = log
            self._take(event, number, entry)
            if self._life.from_start and entry.previous > log.trimmed_to.get(self._channel, 0):
                self._say(f"it began at {event.offset}, the log was trimmed to {log.trimmed_to.get(self._channel, 0)}")
            return
        self._say(f"event {number} at {event.offset} stands in no log")

    def _take(self, event: RealtimeEvent, number: int, entry: Stored) -> None:
        if entry.life != event.data.kind or entry.numbers[0] != number or entry.critical != (event.counter > 0):  # type: ignore[union-attr]
            self._say(f"offset {event.offset} carried event {number}, not {entry.numbers[0]} of life {entry.life}")
        self._at, self._previous = event.offset, entry.previous
        self._left = entry.numbers[1:]
