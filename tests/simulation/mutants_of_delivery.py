"""Rules of numbers, acknowledgements, offsets, transports and counts, each left out; what they are for: mutants.py."""

from collections.abc import Callable
from typing import Any

from flight_client import lanes
from flight_client.gateway import hub, peer, pipe, polling, registry
from flight_client.gateway.engines import memory
from flight_client.gateway.engines.base import AppendStatus
from flight_client.session.device import channels, inbox, receipts, store, tally
from flight_client.session.device.codes import QUIET
from flight_client.session.device.machine import DeviceSession
from flight_client.session.gateway import machine
from flight_client.session.spec import TYPE_GAP

Patch = tuple[Any, str, Any]


def _no_generation_check() -> list[Patch]:
    def polled(self: Any, asked: Any) -> Any:
        found = self._by_id.get(asked.session_id)
        if found is None or found.pipe is None or not found.pipe.turn_based:
            return original(self, asked)
        return found

    original = registry.Registry.polled
    return [(registry.Registry, "polled", polled)]


def _ack_before_store() -> list[Patch]:
    original = machine.GatewaySession.receive

    def receive(self: Any, seq: int, ack: int, now: int, payload_bytes: int = 0) -> int:
        verdict = original(self, seq, ack, now, payload_bytes)
        if seq and verdict == machine.TAKE:
            self.done(seq, now)
        return verdict

    return [(machine.GatewaySession, "receive", receive)]


def _take_duplicates() -> list[Patch]:
    original = machine.GatewaySession.receive

    def receive(self: Any, seq: int, ack: int, now: int, payload_bytes: int = 0) -> int:
        verdict = original(self, seq, ack, now, payload_bytes)
        return machine.TAKE if verdict == machine.IGNORE and seq < self.next_in else verdict

    return [(machine.GatewaySession, "receive", receive), (memory, "cut_to_mark", _whole)]


def _whole(batch: Any, _mark: int, _skip: Any) -> Any:
    return batch


def _failed_is_stored() -> list[Patch]:
    original = peer.Peer._stored

    def stored(self: Any, frames: list[list[int]], number: int, events: int, result: Any) -> None:
        if result.status is AppendStatus.FAILED:
            result.status = AppendStatus.STORED
        original(self, frames, number, events, result)

    return [(peer.Peer, "_stored", stored)]


def _window_of_gateway_off_by_one() -> list[Patch]:
    def can_send(self: Any) -> bool:
        return bool(len(self._held) <= self._window_frames and self._held_bytes < self._window_bytes)

    return [(machine.GatewaySession, "can_send", can_send)]


def _window_of_device_off_by_one() -> list[Patch]:
    original = DeviceSession.begin

    def begin(self: Any) -> None:
        original(self)
        self.sender.window += 1

    def room(self: Any) -> bool:
        return bool(self.used < self.frames)

    return [
        (DeviceSession, "begin", begin),
        (store.SendStore, "__init__", _one_slot_more()),
        (store.SendStore, "room", room),
    ]


def _one_slot_more() -> Callable[..., None]:
    original = store.SendStore.__init__

    def init(self: Any, frames: int, frame_bytes: int) -> None:
        original(self, frames + 1, frame_bytes)

    return init


def _offset_not_advanced() -> list[Patch]:
    original = inbox.Inbox._deliver

    def deliver(self: Any, channel: int, data: Any, start: int, end: int) -> int:
        state = self.session.channels.get(channel)
        kept = bytes(state.offset)
        result = original(self, channel, data, start, end)
        state.offset[:] = kept
        return result

    return [(inbox.Inbox, "_deliver", deliver)]


def _no_epoch_check() -> list[Patch]:
    original = hub.Hub.subscribe

    async def subscribe(self: Any, name: str, start: int, on_ready: Any, **other: Any) -> Any:
        _, last = await self.engine.bounds(name)
        other["epoch"] = self.engine.epoch
        other["offset"] = min(other["offset"], last)
        return await original(self, name, start, on_ready, **other)

    return [(hub.Hub, "subscribe", subscribe)]


def _gap_is_not_told() -> list[Patch]:
    original = inbox.Inbox._in_session

    def in_session(self: Any, kind: int, *rest: Any) -> int:
        result = original(self, kind, *rest)
        return QUIET if kind == TYPE_GAP else result

    return [(inbox.Inbox, "_in_session", in_session)]


def _polls_are_always_new() -> list[Patch]:
    return [(machine.GatewaySession, "new_poll", lambda self, number: True)]


def _gateway_does_not_rewind_at_attach() -> list[Patch]:
    original = machine.GatewaySession.attach

    def attach(self: Any, generation: int, next_expected: int, now: int) -> bool:
        cursor, base = self._cursor, self._base_out
        taken: bool = original(self, generation, next_expected, now)
        self._cursor = max(0, cursor - (self._base_out - base))
        return taken

    return [(machine.GatewaySession, "attach", attach)]


def _attach_ignores_next_expected() -> list[Patch]:
    original = machine.GatewaySession.attach

    def attach(self: Any, generation: int, next_expected: int, now: int) -> bool:
        return original(self, generation, self.next_out, now)

    return [(machine.GatewaySession, "attach", attach)]


def _resumed_before_the_store_answered() -> list[Patch]:
    async def settle(self: Any, timeout_s: float) -> bool:
        return True

    return [(peer.Peer, "settle", settle)]


def _later_batches_overtake() -> list[Patch]:
    return [(memory, "overtakes", lambda batch, mark: "")]


def _fenced_writer_goes_on() -> list[Patch]:
    return [(pipe.DuplexPipe, "_ended", lambda self: False)]


def _poll_does_not_say_it_again() -> list[Patch]:
    original = polling._poll

    async def poll(reg: Any, who: Any, number: int, reader: Any, data: bytes, hold_ms: int) -> bytes:
        rewind = who.session.rewind
        who.session.rewind = lambda: None
        try:
            return await original(reg, who, number, reader, data, hold_ms)
        finally:
            who.session.rewind = rewind

    return [(polling, "_poll", poll)]


def _device_does_not_rewind() -> list[Patch]:
    return [(store.SendStore, "rewind", lambda self: None)]


def _ack_frees_one_more() -> list[Patch]:
    original = store.SendStore.acknowledge

    def acknowledge(self: Any, ack: int) -> bool:
        return original(self, min(ack + 1, self.base + self.sent) if ack > self.base else ack)

    return [(store.SendStore, "acknowledge", acknowledge)]


def _numbers_go_on_in_a_new_session() -> list[Patch]:
    original = store.SendStore.renumber

    def renumber(self: Any) -> None:
        base = self.base
        original(self)
        self.base = base

    return [(store.SendStore, "renumber", renumber)]


def _device_takes_any_number() -> list[Patch]:
    original = receipts.Receipts.take

    def take(self: Any, seq: int, now: int) -> bool:
        original(self, seq, now)
        return True

    def is_old(self: Any, state: Any, data: Any, offset_at: int) -> bool:
        return False

    return [(receipts.Receipts, "take", take), (channels.ChannelTable, "is_old", is_old)]


def _channels_are_not_asked_for_again() -> list[Patch]:
    original = channels.ChannelTable.ask_again

    def ask_again(self: Any, all_channels: bool) -> None:
        original(self, False)

    return [(channels.ChannelTable, "ask_again", ask_again)]


def _lossy_events_are_never_lost() -> list[Patch]:
    return [(tally.Tally, "lossy_restart", lambda self, count, log_replaced=False: None)]


def _counted_twice() -> list[Patch]:
    original = tally.Tally.acknowledged

    def acknowledged(self: Any, of: Any) -> None:
        original(self, of)
        if of.acked_events > 3:
            original(self, of)

    return [(tally.Tally, "acknowledged", acknowledged)]


def _a_dead_peer_is_never_noticed() -> list[Patch]:
    return [
        (DeviceSession, "_silent_ms", lambda self: 1 << 28),
        (machine.GatewaySession, "dead", lambda self, now: False),
    ]


def _counters_begin_again() -> list[Patch]:
    original = DeviceSession.begin

    def begin(self: Any) -> None:
        original(self)
        if not self.store.used:
            self.next_counter = 1

    return [(DeviceSession, "begin", begin)]


def _queue_takes_one_more() -> list[Patch]:
    def fits(self: Any, size: int) -> bool:
        return bool(self.count <= self.limit_events)

    return [(lanes.Lane, "fits", fits)]


MUTANTS: dict[str, Callable[[], list[Patch]]] = {
    "no generation check": _no_generation_check,
    "ack before store": _ack_before_store,
    "no dedupe in the store": _take_duplicates,
    "a failed append is acknowledged": _failed_is_stored,
    "window of the gateway off by one": _window_of_gateway_off_by_one,
    "window of the device off by one": _window_of_device_off_by_one,
    "offset not advanced": _offset_not_advanced,
    "no epoch check": _no_epoch_check,
    "a gap is not told": _gap_is_not_told,
    "poll replies counted twice": _polls_are_always_new,
    "gateway does not rewind at ATTACH": _gateway_does_not_rewind_at_attach,
    "resume ignores next_expected": _attach_ignores_next_expected,
    "RESUMED before the store answered": _resumed_before_the_store_answered,
    "later batches overtake a failed one": _later_batches_overtake,
    "a fenced writer goes on": _fenced_writer_goes_on,
    "a poll does not say it again": _poll_does_not_say_it_again,
    "device does not rewind": _device_does_not_rewind,
    "an ack frees one frame more": _ack_frees_one_more,
    "numbers go on in a new session": _numbers_go_on_in_a_new_session,
    "device takes any number": _device_takes_any_number,
    "channels are not asked for again": _channels_are_not_asked_for_again,
    "lossy events are never lost": _lossy_events_are_never_lost,
    "acknowledged events counted twice": _counted_twice,
    "a dead peer is never noticed": _a_dead_peer_is_never_noticed,
    "a queue takes one event more": _queue_takes_one_more,
    "counters begin again in a new session": _counters_begin_again,
}
