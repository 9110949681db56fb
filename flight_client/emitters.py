"""Emitting often: an emitter that is bound once, and many events in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .arguments import refuse
from .clock import monotonic_ms
from .errors import CallerError
from .events import EVENT_TYPES, Event, FrameTime, MemoryUpdate, decode_event, encode_event
from .lanes import QueuedEvent
from .number_layouts import Layout, layout_of
from .observe import Outcome
from .quick import quick_emitter

if TYPE_CHECKING:
    from .client import Client

Emitter = Callable[..., Outcome]
"""Takes the fields of its event, in their order or by name; says what became of it."""
NumberEmitter = Callable[[float | None], Outcome]
"""Takes one number; says what became of its event."""


def bind(client: Client, kind: type[Any], wide: bool, like: QueuedEvent, critical: bool) -> Emitter:
    """The function of Channel.emitter(). `like`: an event with everything but layout, body and stamp."""
    slow = slow_emitter(client, kind, wide, like, critical)
    layout = layout_of(kind)
    quick = quick_emitter(client, layout, wide, like, critical, slow) if layout is not None else None
    return slow if quick is None else quick.emit


def quick_events(
    client: Client, kind: type[Any], wide: bool, like: QueuedEvent, critical: bool
) -> Callable[[Any], Outcome | None] | None:
    """The short way of Channel.emit() for a class; it answers None to an event that has to go the long one."""
    layout = layout_of(kind)
    slow = slow_emitter(client, kind, wide, like, critical)
    quick = None if layout is None else quick_emitter(client, layout, wide, like, critical, slow)
    return None if quick is None else quick.emit_event


def bind_number(client: Client, kind: type[Any], field: str | None, wide: bool, like: QueuedEvent) -> NumberEmitter:
    """The function of Channel.number_emitter()."""
    layout = layout_of(kind)
    fed, values = _fields_of_number(kind, layout, field)
    slow = slow_emitter(client, kind, wide, like, False)
    names = [entry.name for entry in dataclasses.fields(kind)]

    def emit(value: Any) -> Outcome:
        return slow(*(value if name in fed else known for name, known in zip(names, values, strict=True)))

    if layout is None or kind is MemoryUpdate:  # its reports want all fields
        return emit
    quick = quick_emitter(client, layout, wide, like, False, emit, (fed, values))
    return emit if quick is None else quick.emit


def _fields_of_number(
    kind: type[Any], layout: Layout | None, field: str | None
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """The fields that take the number, and what the others are."""
    if kind is FrameTime and field is None:
        return ("minimum_us", "mean_us", "maximum_us"), (None, None, None, 1, 0)
    if layout is None:
        raise refuse("kind", "is no class of one number", kind, "give FrameTime, SystemMonitoring or MemoryUpdate")
    if field not in layout.names:
        raise refuse("field", f"is no field of {kind.__name__}", field, f"give one of {', '.join(layout.names)}")
    if () in layout.defaults:
        raise refuse("field", f"alone makes no {kind.__name__}", field, "leave it out, or use emitter()")
    return (field,), layout.defaults


class Buffers:
    """Channel.emit_buffer() of one class: events that lie one behind the other as the wire has them."""

    def __init__(
        self, client: Client, layout: Layout, like: QueuedEvent, critical: bool, emit: Callable[[Any], Outcome]
    ):
        self._layout = layout
        self._emit = emit
        slow = slow_emitter(client, layout.kind, True, like, critical)
        self._quick = quick_emitter(client, layout, True, like, critical, slow)

    def emit(self, buffer: Any, wide: bool) -> int:
        """All of them, or none where one of them cannot be; how many were accepted."""
        layout = self._layout
        bodies = _bytes_of(buffer)
        size = layout.bodies[wide]
        if len(bodies) % size:
            raise refuse("buffer", f"is no sequence of records of {size} bytes", len(bodies), "see the layout's table")
        reserved = layout.reserved[wide]
        for at in range(reserved.start, reserved.stop):
            if any(bodies[at::size]):
                raise refuse(
                    "buffer", f"has a byte in the reserved place {at} of a record", "not 0", "write zeros there"
                )
        count, at, refused = len(bodies) // size, 0, 0
        while at < count:
            done = self._quick.emit_buffer(bodies, wide, at) if self._quick is not None else at
            if done < count and done == at:  # what is not plain goes the long way, one by one
                event = decode_event(layout.bodies[2 + wide], bodies[done * size : (done + 1) * size])
                refused += not self._emit(event).accepted
                done += 1
            at = done
        return count - refused


def _bytes_of(buffer: Any) -> bytes:
    """A copy of them, which nobody changes meanwhile."""
    try:
        view = memoryview(buffer)
    except TypeError:
        raise refuse(
            "buffer", "does not have the buffer protocol", type(buffer).__name__, "give bytes or an array"
        ) from None
    return view.tobytes()


def slow_emitter(client: Client, kind: type[Any], wide: bool, like: QueuedEvent, critical: bool) -> Emitter:
    """The same for every class and every value."""
    channel, rules, lasts_ms, own_key = like.channel, like.rules, like.expires_ms, like.key
    reports = kind is MemoryUpdate

    def emit(*values: Any, **fields: Any) -> Outcome:
        try:
            event = kind(*values, **fields)
        except TypeError as error:
            raise CallerError(
                what=f"these are not the fields of {kind.__name__}", value=str(error), next_step="see its definition"
            ) from None
        layout, body = encode_event(event, wide)
        key = (None, layout) if own_key is None else own_key
        queued = QueuedEvent(channel, layout, body, monotonic_ms(), rules, lasts_ms, key)
        outcome = client._refused(client._put(queued, critical))
        if reports:
            client.report_memory(event)
        return outcome

    return emit


def check_event_type(kind: object) -> None:
    """A class of events.py. Raises CallerError."""
    if kind not in EVENT_TYPES.values():
        names = ", ".join(known.__name__ for known in EVENT_TYPES.values())
        raise refuse("kind", "is no class of events", kind, f"give one of {names}")


def all_of(events: Iterable[Event]) -> list[Event]:
    """The events as a list. Raises CallerError for what is no sequence."""
    if isinstance(events, str | bytes | dict) or not isinstance(events, Iterable):
        raise refuse("events", "is not a sequence of events", events, "give a list of events")
    return list(events)
