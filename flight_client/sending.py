"""Sending a message of the guide's form: its type is a type of event, its payload the data of that event as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import check_seconds, refuse
from .clock import monotonic_ms
from .driver import Driver
from .observe import Outcome
from .platforms import Platform
from .rules import usual_channel
from .session.common.clock import later

if TYPE_CHECKING:
    from .channels import Channel
    from .messages import RealtimeMessage


class Sending:
    """The part of a client that sends messages."""

    platform: Platform
    _driver: Driver
    if TYPE_CHECKING:

        def channel(self, name: str) -> Channel:
            """Client.channel()."""

    async def send(
        self, message: RealtimeMessage, channel: str | None = None, *, timeout_s: float | None = None
    ) -> Outcome:
        """Send one message as an event of its `message_type`, with the JSON object in `payload` as the event's data.

        channel: by default the one that carries this type (docs/types.md); a payload has none. The message's priority and
        its retries hold instead of the channel's. One that is acknowledged, as critical ones always are, goes as with
        Channel.publish(): the answer is Outcome.STORED, or NotStoredError is raised. Another waits for room only, and is as
        critical as its channel. How old it is, is told from its timestamp, or from the one in its data; not so on a console
        or a board, whose clocks are not asked: there it is made now.

        Raises CallerError for a message that validate_realtime_message() does not take, one of another platform than the
        client's, and a type that is none of events; EventError for data that such an event cannot have.
        """
        self._driver.check_thread()
        check_seconds("timeout_s", timeout_s)
        from .message_events import event_of, is_acknowledged  # most programs never read JSON

        event, age_ms = event_of(message, self.platform)
        name = usual_channel(event.event_name) if channel is None else channel
        if channel is None and not name:
            raise refuse("channel", "is needed: none is known to carry this type", event.event_name, "name one")
        return await self.channel(name)._send(
            event, message, is_acknowledged(message), later(monotonic_ms(), -age_ms), timeout_s
        )
