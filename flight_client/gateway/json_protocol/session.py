"""A session that speaks JSON: its channels, what it publishes, and what waits for its client.

Theory of operation
- There are no sequence numbers: below JSON is always TCP. What survives a connection is what survives a gateway too:
  upwards the incarnation with the counters of critical events, of which each is stored once however often it comes;
  downwards (epoch, offset), from which a subscription goes on. A client that comes back says hello with its incarnation
  and subscribes from its offsets.
- Every request has an id, and one answer with that id: what it asked for, or an error. Nothing is answered before it is
  done: an `ack` means stored.
- A critical batch that could not be stored must come again before newer ones of the incarnation: the mark would swallow it
  otherwise. Until then newer ones are refused.
- What waits for the client is bounded: answers in number, entries by the hub's limits for a subscriber.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from flight_client._tables import CHANNELS, STRINGS
from flight_client.errors import EventError, FlightError, RefusedError
from flight_client.gateway.engines.base import AppendResult, AppendStatus, Entry, Portion, Source
from flight_client.gateway.hub import Gap, Hub, Subscription
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.json_protocol.batches import entry_text, records_of
from flight_client.gateway.json_protocol.patterns import Patterns, is_pattern, may_follow
from flight_client.gateway.names import printable, refusal
from flight_client.gateway.peer_parts import PeerCounters
from flight_client.gateway.registry import Accepted
from flight_client.gateway.tenure import Tenure, TooOften
from flight_client.session import spec
from flight_client.session.common.clock import elapsed

_log = logging.getLogger("flight.gateway")

_ANSWERS = 320  # that may wait for a client that does not read
_REQUESTS = 256  # published and not stored yet
_GAP_REASONS = {
    spec.GAP_TRIMMED: "trimmed", spec.GAP_EPOCH: "epoch", spec.GAP_SLOW: "slow", spec.GAP_LIMIT: "limit"
}  # fmt: skip
_STARTS = {"live": spec.START_LIVE, "after": spec.START_AFTER, "last": spec.START_LAST}


class JsonSession:
    """One session, whatever carries it."""

    def __init__(self, hub: Hub, accepted: Accepted, version: str, transport: str, now: int) -> None:
        self.session_id: bytes = accepted.session_id
        self.source: Source = accepted.source
        self.tenure: Tenure = accepted.tenure
        self.platform: str = accepted.profile["name"]
        self.version = version
        self.transport = transport
        self.gone: bool = False
        self.ending: dict[str, Any] | None = None
        """What is said last, once the transport is to close."""
        self.attached: bool = True
        self.heard_at: int = now
        self.counters: PeerCounters = PeerCounters()
        self.on_wake: Callable[[], object] = lambda: None
        """Of the transport: there is something to send."""
        self.turns: Any = None
        """PollTurns, of a session that polls."""
        self.former: str = ""
        """Fingerprint of the token before the present one."""
        self._hub = hub
        self._incarnation = accepted.incarnation
        self._next_counter = accepted.mark + 1
        self._failed_at = 0  # counter of the batch that has to come again first; 0: none
        self._limit = spec.TOOL_CHANNELS if accepted.profile["memory_bytes"] == 0 else spec.DEVICE_CHANNELS
        self._channels: dict[str, Subscription] = {}
        self._opening: set[str] = set()
        self._patterns = Patterns(hub, accepted.tenure.identity.org, self._follow_pattern)
        self._ready: deque[str] = deque()
        self._ready_set: set[str] = set()
        self._answers: deque[bytes] = deque()
        self._unsettled = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told_end = False
        self._say(self._welcome(accepted))

    def _welcome(self, accepted: Accepted) -> dict[str, Any]:
        return {
            "type": "welcome",
            "protocol": STRINGS["json_subprotocol"],
            "sessionId": self.source.short_id.decode(),
            "incarnation": accepted.incarnation.hex(),
            "mark": accepted.mark,
            "epoch": self._hub.epoch.hex(),
            "tokenExpiresInMs": self.tenure.left_ms(),
            "messageBytes": messages.MESSAGE_BYTES,
            "channels": self._limit,
        }

    # For the registry

    def away_ms(self, now: int) -> int:
        """How long the client has been silent, where silence means anything: a WebSocket says when it ends."""
        return elapsed(now, self.heard_at) if self.transport == "json-polling" else 0

    def wake(self) -> None:
        """Something may be sent."""
        self.on_wake()

    def end_transport(self, code: int, retry_after_ms: int, text: str) -> None:
        """Tell the client why and close."""
        if self.ending is None:
            self.ending = messages.refusal_message(code, text, retry_after_ms)
        self.wake()

    def discard(self, code: int, text: str = "") -> None:
        """It is over."""
        if self.gone:
            return
        self.gone = True
        self.attached = False
        for subscription in self._channels.values():
            subscription.close()
        self._channels.clear()
        self._patterns.close()
        for task in self._tasks:
            task.cancel()
        self.end_transport(code, 0, text)

    # What comes in

    def take(self, message: messages.Message, now: int) -> None:
        """One message of the client."""
        self.heard_at = now
        self.counters.frames_in += 1
        request = getattr(message, "id", "")
        try:
            if len(request) > messages.ID_CHARACTERS:
                raise refusal(
                    spec.CODE_TOO_LARGE, f"an id of over {messages.ID_CHARACTERS} characters", printable(request)
                )
            self._take(message, request, now)
        except (RefusedError, EventError) as error:
            events, channel = (
                (len(message.events), message.channel) if isinstance(message, messages.Publish) else (0, "")
            )
            self._refuse(request, error, events, channel)
        if len(self._answers) > _ANSWERS:
            self.end_transport(spec.CODE_TOO_MANY, 0, "answers are asked for and not read")

    def unreadable(self, error: messages.Unreadable, now: int) -> None:
        """Text that is no message: it is answered, and the session goes on."""
        self.heard_at = now
        self._say({"type": "error", **messages.error_of(error)})
        if len(self._answers) > _ANSWERS:
            self.end_transport(spec.CODE_TOO_MANY, 0, "answers are asked for and not read")

    def _take(self, message: messages.Message, request: str, now: int) -> None:
        if isinstance(message, messages.Publish):
            self._publish(message)
        elif isinstance(message, messages.Subscribe):
            self._subscribe(message)
        elif isinstance(message, messages.Unsubscribe):
            self._unsubscribe(message.channel)
            self._say({"type": "unsubscribed", "id": request, "channel": message.channel})
        elif isinstance(message, messages.Token):
            self._renew(message, now)
        elif isinstance(message, messages.Ping):
            self._say({"type": "pong", "id": request})
        elif isinstance(message, messages.Hello):
            raise refusal(spec.CODE_MALFORMED, "hello inside a session", "open a new connection")
        else:
            self.discard(spec.CODE_OK)

    def _publish(self, message: messages.Publish) -> None:
        self._check_token()
        channel = message.channel
        if not message.events:
            raise refusal(spec.CODE_MALFORMED, "a publish without events", printable(channel))
        if message.priority and message.priority not in ("low", "normal", "high", "critical"):
            raise refusal(
                spec.CODE_MALFORMED, "priority is none of low, normal, high, critical", printable(message.priority)
            )
        if self._unsettled >= _REQUESTS:
            raise refusal(spec.CODE_TOO_MANY, "published and not stored yet", str(self._unsettled))
        inner = self._opened(channel, spec.MODE_PUBLISH)
        records = records_of([(event.type, event.data) for event in message.events], self._hub.now_ms())
        events = len(message.events)
        self.counters.received += events
        counter = self._counter_of(message, events)
        self._unsettled += 1
        self._idle.clear()

        left_out = self._hub.left_out(inner, self.source, records)

        def done(result: AppendResult) -> None:
            self._stored(message, counter, events, result, left_out)

        self._hub.publish(inner, self.source, self._incarnation, counter, events, 0, records, done)

    def _counter_of(self, message: messages.Publish, events: int) -> int:
        """The counter of the first event, 0 for lossy ones; RefusedError for one that may not be stored now."""
        counter = message.counter
        if not counter:
            asked = message.routing is not None and message.routing.requires_ack
            if not (asked or message.priority == "critical" or CHANNELS.get(message.channel, {}).get("critical")):
                return 0
            counter = self._next_counter
        limit = spec.NUMBER_LIMIT - events
        if not 0 < counter < limit:
            raise refusal(spec.CODE_SEQUENCE, f"counter is not 1 to {limit - 1}", str(counter))
        if self._failed_at and counter > self._failed_at:
            text = "send the batch that was not stored again first, counter"
            raise refusal(spec.CODE_STORE, text, str(self._failed_at))
        if counter <= self._failed_at < counter + events:
            self._failed_at = 0
        self._next_counter = max(self._next_counter, counter + events)
        return counter

    def _stored(
        self, message: messages.Publish, counter: int, events: int, result: AppendResult, left_out: dict[str, int]
    ) -> None:
        self._settled()
        if self.gone:
            return
        if result.status is AppendStatus.FAILED:
            self.counters.failed += events
            _log.error("%s: an append failed: %s", self.source.device_id, result.error)
            if message.counter:  # its sender knows the number, and may use it again
                self._failed_at = min(self._failed_at or counter, counter)
            what = refusal(spec.CODE_STORE, "counter" if counter else "lossy events", str(counter or events))
            self._refuse(message.id, what, events, message.channel)
            return
        self.counters.stored += result.events
        answer: dict[str, Any] = {
            "type": "ack",
            "id": message.id,
            "status": result.status.value,
            "stored": result.events,
        }
        if left_out and result.status is AppendStatus.STORED:
            answer["leftOut"] = left_out
        if counter:
            answer |= {"counter": counter, "mark": result.mark}
        self._say(answer)

    def _subscribe(self, message: messages.Subscribe) -> None:
        self._check_token()
        start = _STARTS.get(message.start)
        if start is None:
            raise refusal(spec.CODE_UNSUPPORTED, "start is none of live, after, last", printable(message.start))
        epoch = messages.read_hex("epoch", message.epoch) if start == spec.START_AFTER else b""
        if not 0 <= message.offset < 1 << 63 or not 0 <= message.count <= 0xFFFF:
            raise refusal(spec.CODE_MALFORMED, "offset or count is out of range", f"{message.offset}, {message.count}")
        if is_pattern(message.channel):
            self._subscribe_pattern(message, start)
            return
        if message.channel in self._channels or message.channel in self._opening:
            raise refusal(spec.CODE_TOO_MANY, "already subscribed to", printable(message.channel))
        if len(self._channels) + len(self._opening) >= self._limit:
            raise refusal(spec.CODE_TOO_MANY, "channels are subscribed to", str(self._limit))
        inner = self._opened(message.channel, spec.MODE_SUBSCRIBE)
        self._begin(message, inner, start, epoch)

    def _subscribe_pattern(self, message: messages.Subscribe, start: int) -> None:
        if start == spec.START_AFTER:
            raise refusal(spec.CODE_UNSUPPORTED, "a pattern starts live or with last", printable(message.channel))
        if not self.tenure.identity.may("subscribe"):
            raise refusal(spec.CODE_FORBIDDEN, "subscribe", printable(message.channel))
        channels = self._patterns.add(message.channel)
        found = [name for name in channels if may_follow(self._hub, self.tenure.identity, name)]
        new = sum(name not in self._channels and name not in self._opening for name in found)
        if len(self._channels) + len(self._opening) + new > self._limit:
            self._patterns.remove(message.channel)
            raise refusal(spec.CODE_TOO_MANY, f"of {self._limit} channels, {new} more", printable(message.channel))
        epoch = self._hub.epoch.hex()
        answer = {"type": "subscribed", "id": message.id, "channel": message.channel, "epoch": epoch, "offset": 0}
        self._say({**answer, "channels": found})
        for name in found:
            self._follow_pattern(name, False, message.start, message.count)

    def _follow_pattern(self, name: str, begins: bool, start: str = "live", count: int = 0) -> None:
        """A channel that fits a pattern: one that begins is followed from its first entry."""
        if name in self._channels or name in self._opening or not may_follow(self._hub, self.tenure.identity, name):
            return
        inner = self._hub.open_channel(self.tenure.identity, name, spec.MODE_SUBSCRIBE)
        if len(self._channels) + len(self._opening) >= self._limit:
            if begins:  # at most so many as the gateway has channels
                error = refusal(spec.CODE_TOO_MANY, "channels are subscribed to", str(self._limit))
                self._say({"type": "unsubscribed", "channel": name, "error": messages.error_of(error)})
            return
        self._patterns.note(self._patterns.of(name), name)
        asked = messages.Subscribe(id="", channel=name, start="after" if begins else start, count=count)
        self._begin(asked, inner, _STARTS[asked.start], self._hub.epoch)

    def _unsubscribe(self, channel: str) -> None:
        if is_pattern(channel):
            names = self._patterns.remove(channel)
        elif channel in self._channels:
            names = {channel}
        else:
            raise refusal(spec.CODE_UNKNOWN_CHANNEL, "not subscribed to", printable(channel))
        for name in names:
            self._patterns.forget(name)
            subscription = self._channels.pop(name, None)
            if subscription is not None:
                subscription.close()

    def _begin(self, message: messages.Subscribe, inner: str, start: int, epoch: bytes) -> None:
        self._opening.add(message.channel)
        self._unsettled += 1
        self._idle.clear()
        task = asyncio.get_running_loop().create_task(self._follow(message, inner, start, epoch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, message: messages.Subscribe, inner: str, start: int, epoch: bytes) -> None:
        name = message.channel
        try:
            subscription = await self._hub.subscribe(
                inner, start, lambda: self._is_ready(name), epoch=epoch, offset=message.offset,
                count=message.count if start == spec.START_LAST else 0, holder=self.tenure.identity.holder,
                limits=self._hub.subscriber_limits._replace(entry_bytes=1 << 30),
            )  # fmt: skip
        except RefusedError as error:
            self._refuse(message.id, error)
        except FlightError as error:
            self._refuse(message.id, refusal(spec.CODE_STORE, "history", error.what))
        else:
            if self.gone:
                subscription.close()
                return
            if not message.id and not self._patterns.of(name):  # the pattern was left meanwhile
                subscription.close()
                return
            self._channels[name] = subscription
            epoch_now, offset = self._hub.epoch.hex(), subscription.starts_after
            head = {"id": message.id} if message.id else {}  # one that a pattern follows was not asked for by itself
            self._say({"type": "subscribed", **head, "channel": name, "epoch": epoch_now, "offset": offset})
            self._is_ready(name)
        finally:
            self._opening.discard(name)
            self._settled()

    def _renew(self, message: messages.Token, now: int) -> None:
        former = self.tenure.identity.fingerprint
        try:
            self.tenure.renew(message.token.encode("utf-8", "replace"), self.source.device_id, now)
        except TooOften:
            self.end_transport(spec.CODE_TOO_MANY, 0, "one token after the other")
            return
        except RefusedError as error:
            self.tenure.note("refresh-refused", code=error.name, text=error.text)
            raise
        self.tenure.note_identity("refreshed")
        self._told_end = False
        self.former = former
        self._say({"type": "renewed", "id": message.id, "tokenExpiresInMs": self.tenure.left_ms()})
        self.check_channels()

    def open_channels(self) -> dict[str, int]:
        """Channels that it follows; publishing opens none."""
        return dict.fromkeys(self._channels, spec.MODE_SUBSCRIBE)

    def check_channels(self) -> None:
        """What the token or the rules do not allow any more is left, and the client hears why."""
        for name in list(self._channels):
            try:
                self._opened(name, spec.MODE_SUBSCRIBE)
            except RefusedError as error:
                self._channels.pop(name).close()
                self._patterns.forget(name)
                self._say({"type": "unsubscribed", "channel": name, "error": messages.error_of(error)})
        self._patterns.again()

    def _opened(self, channel: str, mode: int) -> str:
        """The inner name of a channel that may be used so; RefusedError, written down, for another."""
        try:
            return self._hub.open_channel(self.tenure.identity, channel, mode)
        except RefusedError as error:
            self.tenure.note_refused(printable(channel), mode, error.name)
            raise

    def _check_token(self) -> None:
        if self.tenure.ended():
            raise refusal(spec.CODE_EXPIRED_TOKEN, "send a new one with the type", "token")

    async def settle(self, timeout_s: float) -> bool:
        """Until the store has answered everything that came in. False when it takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _settled(self) -> None:
        self._unsettled -= 1
        if not self._unsettled:
            self._idle.set()

    # What goes out

    def _refuse(self, request: str, error: RefusedError | EventError, events: int = 0, channel: str = "") -> None:
        self.counters.refused += events
        if events:
            code = error.code if isinstance(error, RefusedError) else spec.CODE_MALFORMED
            sender = (self.tenure.identity.org, self.source.device_id, channel[: spec.CHANNEL_NAME_BYTES])
            self._hub.count_refused(code, events, sender)
        fields: dict[str, Any] = {"type": "error", **messages.error_of(error)}
        if request:
            fields["id"] = request[: messages.ID_CHARACTERS]
        self._say(fields)

    def _say(self, fields: dict[str, Any]) -> None:
        self._answers.append(messages.encode(fields))
        self.wake()

    def _is_ready(self, name: str) -> None:
        if name not in self._ready_set:
            self._ready_set.add(name)
            self._ready.append(name)
        self.wake()

    def next_text(self) -> bytes | None:
        """The next message to send; None when there is nothing now."""
        text = self._next_text()
        self.counters.frames_out += text is not None
        return text

    def _next_text(self) -> bytes | None:
        if self._answers:
            return self._answers.popleft()
        if self.tenure.ended():
            if self._told_end:
                return None
            self._told_end = True
            return messages.encode({"type": "token-ended", "graceMs": spec.TOKEN_GRACE_MS})
        while self._ready:
            name = self._ready.popleft()
            subscription = self._channels.get(name)
            item = subscription.next() if subscription is not None else None
            if item is None:
                self._ready_set.discard(name)
                continue
            self._ready.append(name)
            return self._text_of(name, item)
        return None

    def _text_of(self, name: str, item: Entry | Portion | Gap) -> bytes:
        epoch = self._hub.epoch.hex()
        if isinstance(item, Entry):
            try:
                return entry_text(item, epoch)
            except FlightError as error:  # a log that was damaged on its disk
                _log.error("%s", error)
                item = Gap(item.previous, item.offset, spec.GAP_TRIMMED)
        assert isinstance(item, Gap)  # an entry of any size is taken whole
        reason = _GAP_REASONS.get(item.reason, str(item.reason))
        return messages.encode(
            {"type": "gap", "channel": name, "epoch": epoch, "reason": reason, "after": item.after, "to": item.to}
        )
