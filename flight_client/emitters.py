"""Emitting often: an emitter that is bound once, and many events in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .arguments import refuse
from .clock import monotonic_ms
from .errors import CallerError
from .events import EVENT_TYPES, Event, MemoryUpdate, encode_event
from .lanes import QueuedEvent
from .observe import Outcome

if TYPE_CHECKING:
    from .client import Client

Emitter = Callable[..., Outcome]
"""Takes the fields of its event, in their order or by name; says what became of it."""


def bind(client: Client, kind: type[Any], wide: bool, like: QueuedEvent, critical: bool) -> Emitter:
    """The function of Channel.emitter(). `like`: an event with everything but layout, body and stamp."""
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
