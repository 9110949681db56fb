"""What a client knows of itself, and what it tells its program: the part of Client that the driver calls."""

from .channel import REFUSED_CHANNEL, REFUSED_CLOSED
from .session.device.codes import (
    ANSWERED,
    CONNECTED,
    DELIVERED_AFTER_HOLE,
    ENDED,
    EVENTS_REFUSED,
    MISSING,
    TOKEN_REFUSED,
)
from .session.spec import STATE_CLOSED, STATE_CLOSING, STATE_IDLE, STATE_PAUSED, STATE_READY, STATE_STOPPED

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

    from .channel import Channel, Received
    from .driver import Driver
    from .ring import Ring
    from .session.device.inbox import Inbox
    from .session.device.machine import DeviceSession
    from .session.device.store import SendStore

_CAUSES = {2: "link", 3: "refused", 4: "closed", 6: "too-large", 8: "expired"}


class Reports:
    """Base of Client."""

    session: "DeviceSession"
    inbox: "Inbox"
    driver: "Driver"
    critical: "Ring"
    lossy: "Ring"
    _received: "Received"
    _coded: "bytearray | None"

    def __init__(self) -> None:
        self.refused_too_large = 0
        self.refused_memory = 0
        self._channels: "list[Channel]" = []
        self._handlers: "dict[str, Any]" = {}
        self._state = "disconnected"
        self._closed_events = 0

    # What a program may look at

    @property
    def state(self) -> str:
        """disconnected, connecting, connected, reconnecting, closed, or failed (for good: see `reason`)."""
        state = self.session.state
        if state == STATE_READY or state == STATE_CLOSING:
            return "connected"
        if state == STATE_CLOSED:
            return "closed"
        if state == STATE_STOPPED:
            return "failed"
        if state == STATE_IDLE or state == STATE_PAUSED:
            return "disconnected"
        return "reconnecting" if self.session.tally.connections else "connecting"

    @property
    def reason(self) -> int:
        """The code of the refusal that stopped the client (reference, Codes); 0 for none."""
        return self.session.reason

    @property
    def queued(self) -> int:
        """Events that are accepted and not settled."""
        return self.critical.count + self.lossy.count + self.session.store.events_held

    def counters(self) -> dict:
        """accepted == settled + queued + the sum of dropped, at any moment."""
        tally = self.session.tally
        refused = 0
        for channel in self._channels:
            refused += channel.gate[1]
        return {
            "accepted": self.critical.accepted + self.lossy.accepted,
            "acked": tally.critical_acked,
            "settled": tally.critical_acked + tally.lossy_settled,
            "queued": self.queued,
            "dropped": {
                "oldest": self.lossy.dropped,
                "link": tally.link_dropped,
                "unconfirmed": tally.unconfirmed,
                "refused": tally.refused,
                "expired": tally.expired,
                "too-large": tally.too_large + self.driver.too_large,
                "closed": self._closed_events,
            },
            "refused_emits": {
                "full": self.critical.refused + self.lossy.refused,
                "too-large": self.refused_too_large,
                "memory": self.refused_memory,
                "channel": refused,
            },
            "delivered": tally.delivered_entries,
            "duplicates": tally.duplicates,
            "connections": tally.connections,
            "forged": tally.forged,
        }

    # What the driver tells

    def _tell(self, what: str, *values) -> None:
        handler = self._handlers.get(what)
        if handler is not None:
            handler(*values)

    def _changed(self, reason) -> None:
        state = self.state
        if state != self._state:
            self._state = state
            self._tell("state", state, reason)

    def on_failure(self, error) -> None:
        """A connection ended, or did not begin."""
        self._changed(error)

    def on_end(self, state: int) -> None:
        """The session is over: what is queued counts as closed."""
        for channel in self._channels:
            channel.gate[0] = -REFUSED_CLOSED
        store = self.session.store
        while store.abandon():
            self._closed_events += store.letter_events
            self._tell("letter", "closed", None, store.letter_events)
        for ring in (self.critical, self.lossy):
            while ring.drop():
                self._closed_events += 1
        self._changed(self.session.reason)

    def on_letter(self, store: "SendStore") -> None:
        """A critical frame was given up."""
        channel = self._name(store.channel(store.letter_slot))
        self._tell("letter", _CAUSES.get(store.letter_cause), channel, store.letter_events)

    def on_result(self, result: int, data) -> None:
        """What else a frame meant."""
        inbox = self.inbox
        if result == CONNECTED:
            self._changed("resumed" if self.session.resumed else "new session")
        elif result == MISSING:
            self._tell("gap", self._name(inbox.event_channel), inbox.gap_reason, inbox.gap_after, inbox.gap_to)
        elif result == ANSWERED:
            state = self.session.channels.get(inbox.event_channel)
            for channel in self._channels:
                if channel.number == inbox.event_channel:
                    channel.gate[0] = -REFUSED_CHANNEL if state is not None and state.code else 0
        elif result == EVENTS_REFUSED and self.session.store.letter_slot >= 0:
            self.on_letter(self.session.store)
        elif result == ENDED:
            self.driver.error = "code %d" % self.session.ending.code
        elif result == TOKEN_REFUSED:
            self.driver.error = "token refused: code %d" % inbox.refused_code

    def on_entry(self, inbox: "Inbox", result: int) -> None:
        """Events arrived."""
        if result == DELIVERED_AFTER_HOLE:
            self._tell("gap", self._name(inbox.event_channel), inbox.gap_reason, inbox.gap_after, inbox.gap_to)
        handler = self._handlers.get("event")
        if handler is not None:
            from .receive import hand_out

            hand_out(inbox, self._name(inbox.event_channel), self._received, self._coded, handler)

    def _name(self, number: int) -> str:
        state = self.session.channels.get(number)
        return state.name.decode() if state is not None else ""
