"""The short way of plain events: from numbers into a ring of the core, without an object an event (csrc/python/).

It is taken by lossy events of fixed size on a channel that drops the oldest, and only while nothing else waits in the lossy
lane. All others, and all that is unusual about one of them, take the form in Python, which is the rule of what happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._fast import Emitter as QuickEmitter
from .events import MemoryUpdate
from .lanes import QueuedEvent
from .number_layouts import Layout
from .observe import Outcome
from .rules import DROP_OLDEST
from .session.spec import STATE_CLOSED, STATE_STOPPED

if TYPE_CHECKING:
    from .client import Client


def quick_emitter(
    client: Client,
    layout: Layout,
    wide: bool,
    like: QueuedEvent,
    critical: bool,
    slow: Callable[..., Outcome],
    number: tuple[tuple[str, ...], tuple[Any, ...]] | None = None,
) -> QuickEmitter | None:
    """None where this channel or these events always go the long way.

    slow: the long way. number: for an emitter of one number, the fields that take it, and values for all fields.
    """
    if critical or like.rules.policy != DROP_OLDEST or max(layout.bodies[:2]) > client.platform.payload_bytes:
        return None
    lane = client._outbox.lossy
    owner = lane.owner_of(like)
    if owner is None:
        return None
    kind, reports = layout.kind, layout.kind is MemoryUpdate

    def report(*values: Any, **fields: Any) -> None:
        client.report_memory(kind(*values, **fields))

    names, defaults, given, fields = layout.names, layout.defaults, len(layout.names), layout.fields
    if (
        number is not None
    ):  # its one argument comes first; behind it stand the values of the fields that it does not feed
        fed, values = number
        names, given, defaults = ("value", *layout.names), 1, ((), *values)
        fields = tuple((0 if layout.names[of[0]] in fed else of[0] + 1, *of[1:]) for of in layout.fields)
    session = client._session
    return QuickEmitter(
        lane.ring(),
        (
            kind, client, session, session.channels.items, client._driver, Outcome.QUEUED, slow, report,
            client.report_memory,
        ),
        names,
        defaults,
        given,
        layout.bodies,
        fields,
        (like.channel, owner, like.expires_ms, STATE_CLOSED, STATE_STOPPED, wide, reports),
    )  # fmt: skip
