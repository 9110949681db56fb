"""The engine `amqp://` and `amqps://`: one RabbitMQ stream, read by every gateway that names the same broker and prefix.

Theory of operation
- A group of appends is one message, published mandatory and with a confirm. The result is not the confirm, which knows
  no offset, but what reading the message back says (rabbitmq_log.py).
- A start publishes a marker and reads from `window` messages before the stream's end until the marker comes.
- RabbitMQ answers a request for an offset that it no longer has, or not yet, with silence and other messages. So the
  first message that comes is compared with the one asked for; after an outage it must be the one read last.
- History is what the replica holds in this process: the window at first, then up to the limits of every engine.
- A message that no gateway wrote goes to the dead-letter exchange, where a person can look at it, and is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import (
    AMQPError,
    ChannelPreconditionFailed,
    DeliveryError,
)
from aiormq.exceptions import (
    AuthenticationError,
    ChannelAccessRefused,
    ChannelInvalidStateError,
    ConnectionNotAllowed,
    ProbableAuthenticationError,
)

from flight_client.errors import CallerError, FlightError, PeerError
from flight_client.gateway.engines.base import (
    EPOCH_BYTES,
    READ_BYTES,
    AppendResult,
    Batch,
    Bounds,
    EngineLimits,
    Entry,
    Marks,
    SkipRecords,
)
from flight_client.gateway.engines.broker import BrokerEngine, Shared, Unusable
from flight_client.gateway.engines.broker_url import BrokerUrl
from flight_client.gateway.engines.rabbitmq_log import (
    MARKER,
    PROPOSED,
    REPLACED,
    Outcome,
    Replica,
    batch_record,
    checkpoint_record,
    forget_record,
    record,
    trim_record,
)

ANSWER_S = 10.0
_SILENCE_S = 2.0
_HEARTBEAT_S = 10
_PREFETCH = 400
_ACK_EVERY = 50
_DEAD_LETTERS = 10_000
_OFFSET = "x-stream-offset"


_log = logging.getLogger(__name__)
# They log each failed attempt as an error, with a traceback; the engine says it once.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class RabbitMqEngine(BrokerEngine):
    """Log in a RabbitMQ stream."""

    name = "rabbitmq"
    title = "RabbitMQ"
    link_errors = (AMQPError, ChannelInvalidStateError, OSError, asyncio.TimeoutError, Unusable)

    def __init__(self, url: BrokerUrl, skip_records: SkipRecords, limits: EngineLimits | None = None) -> None:
        super().__init__(url, skip_records, limits)
        self._stream = f"{url.prefix}.log"
        self._dead = f"{url.prefix}.dead"
        self._replica = Replica(skip_records, self._limits)
        self._connection: AbstractConnection | None = None
        self._publishing: AbstractChannel | None = None
        self._reading: AbstractChannel | None = None
        self._incoming: deque[AbstractIncomingMessage] = deque()
        self._came = asyncio.Event()
        self._cancelled = False  # by RabbitMQ: the stream is no longer there
        self._node = os.urandom(8).hex()
        self._number = 0
        self._own: dict[str, asyncio.Future[list[Outcome]]] = {}  # published, not read back yet
        self._last_id = ""  # of the message that was read last
        self._checkpoint_due = 0
        self._read_up = Shared(self._send_marker)  # until all is read that was stored when it was asked
        self._checkpointing: asyncio.Task[None] | None = None

    # Connecting

    async def _connect(self) -> None:
        async with asyncio.timeout(3 * ANSWER_S):
            await self._open_connection()
            marker = self._next_id()
            await self._publish(record(MARKER), marker)
            end = await self._end_of_stream(marker)
            if not await self._goes_on(end):
                await self._read_anew(end, marker)

    async def _open_connection(self) -> None:
        url = self.url
        self._connection = await aio_pika.connect(
            host=url.host, port=url.port, login=url.user or "guest", password=url.password or "guest",
            virtualhost=url.path or "/", ssl=url.secure, ssl_context=self._tls() if url.secure else None, timeout=ANSWER_S,
            heartbeat=_HEARTBEAT_S,
        )  # fmt: skip
        self._connection.close_callbacks.add(self._closed)
        self._publishing = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        arguments: dict[str, Any] = {
            "x-queue-type": "stream",
            "x-max-length-bytes": url.max_bytes,
            "x-stream-max-segment-size-bytes": max(url.max_bytes // 16, 65536),
        }
        await self._publishing.declare_queue(self._stream, durable=True, arguments=arguments)
        dead = await self._publishing.declare_exchange(self._dead, aio_pika.ExchangeType.FANOUT, durable=True)
        letters = await self._publishing.declare_queue(
            self._dead, durable=True, arguments={"x-max-length": _DEAD_LETTERS, "x-overflow": "drop-head"}
        )
        await letters.bind(dead)

    def _tls(self) -> ssl.SSLContext:
        files = self.url.files
        context = ssl.create_default_context(cafile=files.get("ca"))
        if "cert" in files:
            context.load_cert_chain(files["cert"], files.get("key"))
        return context

    def _closed(self, *_: object) -> None:
        self._came.set()

    async def _end_of_stream(self, marker: str) -> int:
        """Offset of the marker, or of a message behind it. Not above what was read last: the stream lost its end."""
        await self._consume("last")  # the last chunk, which may begin long before the marker
        offset = -1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SILENCE_S):
                while True:
                    message = await self._next_message()
                    offset = _offset_of(message)
                    if message.message_id == marker or offset > self._replica.position:
                        break
        await self._stop_consuming()
        return offset

    async def _goes_on(self, end: int) -> bool:
        """Whether the stream still has the message that was read last; then reading goes on behind it."""
        position = self._replica.position
        if position < 0 or end <= position:
            return False
        await self._consume(position)
        first = await self._next_message()
        if _offset_of(first) == position and (first.message_id or "") == self._last_id:
            return True
        await self._stop_consuming()
        return False

    async def _read_anew(self, end: int, marker: str) -> None:
        """A new replica out of the window, or of more, when the window holds no full checkpoint."""
        before, last_id, known_epoch = self._replica, self._last_id, self.epoch
        try:
            window = self.url.window
            while True:
                asked = max(0, end - window)
                begun = await self._read_window(asked, marker)
                if asked == 0 or begun > asked or self._replica.complete:  # else look further back, if there is more
                    break
                window *= 4
            if known_epoch and self._replica.epoch == known_epoch and end <= before.position:  # it lost its end
                await self._put_checkpoint(checkpoint_record(REPLACED, os.urandom(EPOCH_BYTES)))
            if not self._replica.epoch:
                await self._put_checkpoint(checkpoint_record(PROPOSED, os.urandom(EPOCH_BYTES)))
        except BaseException:
            self._replica, self._last_id = before, last_id
            raise
        self._plan_checkpoint()
        self._take_epoch(self._replica.epoch, self._replica.last_offsets())
        if known_epoch == self._replica.epoch:
            self._hand_on_newest(before)

    async def _read_window(self, asked: int, marker: str) -> int:
        """Read from there to the marker; the offset at which it really began."""
        await self._stop_consuming()
        replica = self._replica = Replica(self._skip_records, self._limits)
        await self._consume(asked)
        first = await self._next_message()
        begun = _offset_of(first)
        replica.begin(begun)
        await self._take(first, live=False)
        if first.message_id != marker:
            await self._read_until(marker)
        return begun

    def _hand_on_newest(self, before: Replica) -> None:
        """What was read while nobody was told: the newest entry of a channel sends its subscribers to the log."""
        for name, log in self._replica.logs.items():
            known = before.logs.get(name)
            if known is None or log.last > known.last:
                for entry in log.read(log.before_last(1), 1, READ_BYTES):
                    self._hand_on(entry)

    async def _read_until(self, marker: str) -> None:
        while True:
            message = await self._next_message()
            await self._take(message, live=False)
            if message.message_id == marker:
                return

    async def _put_checkpoint(self, body: bytes) -> None:
        message_id = self._next_id()
        await self._publish(body, message_id)
        await self._read_until(message_id)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._publishing = self._reading = None
        self._incoming.clear()
        for waiting in self._own.values():
            if not waiting.done():
                waiting.set_exception(Unusable("the connection was closed"))
                waiting.exception()  # whoever waited may have gone
        self._own.clear()
        if self._checkpointing is not None:
            self._checkpointing.cancel()
            await asyncio.gather(self._checkpointing, return_exceptions=True)
            self._checkpointing = None
        if connection is not None:
            connection.close_callbacks.discard(self._closed)
            with contextlib.suppress(*self.link_errors):
                async with asyncio.timeout(1.0):
                    await connection.close()

    def _explain(self, error: BaseException) -> FlightError:
        if isinstance(error, FlightError):
            return error
        if isinstance(error, Unusable) and self._cancelled:
            return self._refused(error, "see who deleted it; a new one is made, with another epoch")
        if isinstance(error, AuthenticationError | ProbableAuthenticationError):
            return self._refused(
                error, f"put user and password into the URL: {self.url.scheme}://USER:PASSWORD@HOST/VHOST"
            )
        if isinstance(error, ChannelPreconditionFailed):
            next_step = "use the max-bytes that the stream was made with, or another prefix: ?prefix=OTHER"
            return self._refused(error, next_step)
        if isinstance(error, ChannelAccessRefused | ConnectionNotAllowed):
            return self._refused(
                error, "give this user the right to configure, write and read, or see the virtual host"
            )
        if isinstance(error, DeliveryError):
            return self._refused(error, "see the log of RabbitMQ; the stream may have been deleted; it is tried again")
        return self._unreachable(error)

    # The stream

    async def _consume(self, offset: int | str) -> None:
        connection = self._ready()
        self._incoming.clear()
        self._reading = await connection.channel(publisher_confirms=False)
        await self._reading.set_qos(prefetch_count=_PREFETCH)
        queue = await self._reading.get_queue(self._stream, ensure=False)
        incoming = self._incoming = deque()

        async def take(message: AbstractIncomingMessage) -> None:
            incoming.append(message)
            self._came.set()

        def cancelled(*_: object) -> None:
            self._cancelled = True
            self._came.set()

        self._cancelled = False
        underlay = await self._reading.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(cancelled)
        await queue.consume(take, arguments={_OFFSET: offset})

    async def _stop_consuming(self) -> None:
        reading, self._reading = self._reading, None
        self._incoming = deque()
        if reading is not None:
            await reading.close()

    async def _next_message(self) -> AbstractIncomingMessage:
        while not self._incoming:
            connection = self._ready()
            if connection.is_closed or self._reading is None or self._reading.is_closed:
                raise Unusable("the connection was closed")
            if self._cancelled:
                raise Unusable("the stream was deleted")
            self._came.clear()
            # Without an event when the channel alone is closed: look again now and then.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), 1.0)
        message = self._incoming.popleft()
        if not self._incoming or (message.delivery_tag or 0) % _ACK_EVERY == 0:
            await message.ack(multiple=True)
        return message

    async def _take(self, message: AbstractIncomingMessage, live: bool) -> None:
        """Apply one message; while live hand on what it stored."""
        offset = _offset_of(message)
        replica = self._replica
        if offset <= replica.position:
            return
        if offset != replica.position + 1:
            raise Unusable(f"offset {offset} came after {replica.position}: the stream was trimmed under this reader")
        message_id = self._last_id = message.message_id or ""
        try:
            outcomes = replica.apply(offset, message.body)
        except PeerError as error:
            if live:
                self._log_unreadable(self._stream, offset, error)
                await self._bury(message, str(error))
            return
        if live:
            for outcome in outcomes:
                if outcome.entry is not None:
                    self._hand_on(outcome.entry)
        waiting = self._own.pop(message_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcomes)

    async def _follow(self) -> None:
        while True:
            await self._take(await self._next_message(), live=True)
            if (
                self._replica.wants_checkpoint(self._checkpoint_due, self.url.max_bytes // 8)
                and not self._checkpointing
            ):
                self._checkpointing = self._loop.create_task(self._add_checkpoint())

    async def _bury(self, message: AbstractIncomingMessage, reason: str) -> None:
        if self._publishing is None:
            return
        exchange = await self._publishing.get_exchange(self._dead, ensure=False)
        headers: dict[str, Any] = {"x-flight-reason": reason, "x-flight-offset": _offset_of(message)}
        letter = aio_pika.Message(message.body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, headers=headers)
        await exchange.publish(letter, "")

    def _plan_checkpoint(self) -> None:
        # Not all gateways at once: the first one's checkpoint moves the others' plans.
        window = self.url.window
        self._checkpoint_due = self._replica.checkpoint_at + window // 4 + random.randrange(1 + window // 8)  # noqa: S311 - spreads work, keeps no secret

    async def _add_checkpoint(self) -> None:
        try:
            await self._publish(self._replica.checkpoint(), self._next_id())
            self._plan_checkpoint()
            # Until it is read back no other is due.
            self._checkpoint_due = max(self._checkpoint_due, self._replica.position + 1 + self.url.window // 16)
        except self.link_errors as error:
            _log.debug("no checkpoint: %s", error)  # whoever writes or reads finds out too
        finally:
            self._checkpointing = None

    async def _publish(self, body: bytes, message_id: str) -> None:
        """Confirmed, or an error: a message that no queue takes comes back as one too."""
        if self._publishing is None:
            raise Unusable("the connection was closed")
        message = aio_pika.Message(body, message_id=message_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        confirm = self._publishing.default_exchange.publish(message, self._stream, mandatory=True, timeout=ANSWER_S)
        await confirm

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._node}-{self._number}"

    def _ready(self) -> AbstractConnection:
        if self._connection is None:
            raise Unusable("the connection was closed")
        return self._connection

    # Writing

    async def _store(self, batches: Sequence[Batch], results: list[AppendResult | None]) -> None:
        left: list[tuple[int, Batch]] = []
        for index, batch in enumerate(batches):
            known = self._replica.judge_before(batch)
            if isinstance(known, Batch):
                left.append((index, known))
            else:
                results[index] = known
        if not left:
            return
        outcomes = await self._send(b"".join(batch_record(batch) for _, batch in left))
        if len(outcomes) != len(left):
            raise Unusable("the message came back with other contents")
        for (index, _), outcome in zip(left, outcomes, strict=True):
            results[index] = outcome.result

    async def _send(self, body: bytes) -> list[Outcome]:
        """Publish it, and wait for the confirm and until it was read back."""
        message_id = self._next_id()
        back: asyncio.Future[list[Outcome]] = self._loop.create_future()
        self._own[message_id] = back
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._publish(body, message_id)
                return await back
        finally:
            self._own.pop(message_id, None)

    async def _send_marker(self) -> None:
        await self._send(record(MARKER))

    async def trim(self, channel: str, keep: int) -> None:
        async def ask() -> None:
            await self._send(trim_record(channel, max(keep, 0)))

        await self._ask_in_turn(ask)

    async def forget(self, channel: str, up_to: int) -> None:
        async def ask() -> None:
            await self._send(forget_record(channel, up_to))

        await self._ask_in_turn(ask)

    # Reading: all of it from the replica

    async def marks(self, device_id: str, incarnation: bytes) -> Marks:
        async def ask() -> Marks:
            await self._read_up()
            return self._replica.marks(device_id, incarnation)

        return await self._ask_in_turn(ask)

    async def channels(self) -> list[str]:
        return sorted(self._open_replica().logs)

    async def bounds(self, channel: str) -> Bounds:
        # What another gateway has handed on must count here too, or its subscriber would seem to come from another log.
        await self._ask_now(self._read_up)
        log = self._replica.logs.get(channel)
        return log.bounds() if log is not None else Bounds(1, 0)

    async def before_last(self, channel: str, count: int) -> int:
        await self._ask_now(self._read_up)
        log = self._replica.logs.get(channel)
        return log.before_last(count) if log is not None else 0

    async def read(self, channel: str, after: int, limit: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        log = self._open_replica().logs.get(channel)
        return log.read(after, limit, limit_bytes) if log is not None else []

    def _open_replica(self) -> Replica:
        if not self._open:
            raise self._store_error("it is not open")
        return self._replica


def _offset_of(message: AbstractIncomingMessage) -> int:
    offset: Any = message.headers.get(_OFFSET)
    if not isinstance(offset, int):
        raise CallerError(
            what="the queue is no stream",
            value=message.routing_key,
            next_step="use another prefix: ?prefix=OTHER",
        )
    return offset
