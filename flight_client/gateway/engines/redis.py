"""The engine `redis://` and `rediss://`: a stream per channel, shared by every gateway that names the same Redis and prefix.

Theory of operation
- An entry's id is `0-N`; N is its offset. Offsets have no holes, so the offset before is N - 1.
- append and mark are one script (redis_script.py); a group of appends is one pipeline.
- Live delivery reads the same streams with XREAD, from the offset handed on last. What this gateway stored itself is
  handed on when its answer comes, if it is the next one; else the reader brings it in its order.
- A stream `channels` names every channel in the order of its first entry: that is how a gateway hears of new ones.
- Redis must keep an append-only file, else a restart of Redis loses the log. The gateway says so when there is none.
- With `appendfsync everysec` Redis answers before it has written to the file when the disk is busy: it puts the write off
  for up to two seconds, and a Redis that is killed then forgets what it has answered. So nothing is acknowledged, handed
  on or read before INFO says that the file holds it (_until_written).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import zlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, NoScriptError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from flight_client.errors import CallerError, FlightError, PeerError
from flight_client.gateway.engines import redis_script as script
from flight_client.gateway.engines.base import (
    EPOCH_BYTES,
    READ_BYTES,
    AppendResult,
    AppendStatus,
    Batch,
    Bounds,
    EngineLimits,
    Entry,
    Marks,
    SkipRecords,
    cut_to_mark,
    failed,
    overtakes,
)
from flight_client.gateway.engines.broker import BrokerEngine, Shared, Unusable
from flight_client.gateway.engines.broker_url import BrokerUrl
from flight_client.gateway.engines.packing import pack_batch, unpack_batch
from flight_client.gateway.engines.redis_pool import PackingConnection, PackingSSLConnection, StrictPool

SCHEMA = b"1"
ANSWER_S = 5.0  # a Redis that is silent for so long is taken for dead
_BLOCK_MS = 2000  # less than ANSWER_S: a reader with nothing to read still hears that Redis lives
_FOLLOW_ENTRIES = 256
_READ_ENTRIES = 64
_CONNECTIONS = 16
_CUT_ROUNDS = 8
_LATE_WRITE_S = 0.002

_AOF_NOTE = "it keeps no append-only file: acknowledged events are lost when Redis restarts; set `appendonly yes`"
_EVICT_NOTE = "it may evict our keys when its memory is full, which loses events; set `maxmemory-policy noeviction`"


class RedisEngine(BrokerEngine):
    """Log in Redis Streams."""

    name = "redis"
    title = "Redis"
    link_errors: tuple[type[Exception], ...] = (RedisError, OSError, asyncio.TimeoutError, Unusable)

    def __init__(self, url: BrokerUrl, skip_records: SkipRecords, limits: EngineLimits | None = None) -> None:
        super().__init__(url, skip_records, limits)
        prefix = f"{{{url.prefix}}}:"
        self._log_prefix = (prefix + "log:").encode()
        self._lives_prefix = (prefix + "device:").encode()
        self._heads, self._used, self._meta, self._channels, self._sizes = (
            (prefix + name).encode() for name in ("heads", "used", "meta", "channels", "sizes")
        )
        self._client: Any = None  # redis-py's types know nothing of raw bytes
        self._asker: Any = None
        self._positions: dict[str, int] = {}  # handed on up to here
        self._checks: dict[str, int] = {}  # CRC of the entry at that position
        self._announced = b"0-0"  # read so far of the stream `channels`
        self._sha = ""
        self._writes_late = False  # an answer may be ahead of the append-only file
        self._written = Shared(self._until_written)

    # Connecting

    async def _connect(self) -> None:
        client = self._client = Redis(connection_pool=self._pool(StrictPool))
        self._asker = Redis(connection_pool=self._pool(BlockingConnectionPool))
        self._sha = await client.script_load(script.APPEND)
        fresh = os.urandom(EPOCH_BYTES).hex()
        pipe = client.pipeline(transaction=True)
        pipe.hsetnx(self._meta, "schema", SCHEMA)
        pipe.hsetnx(self._meta, "epoch", fresh)
        pipe.hmget(self._meta, "schema", "epoch")
        pipe.xrevrange(self._channels, count=1)
        pipe.hgetall(self._heads)
        _, _, (schema, stored_epoch), newest, heads = await pipe.execute()
        if schema != SCHEMA:
            raise CallerError(
                what=f"the log was written by a gateway of another version (schema {schema!r}, this one knows {SCHEMA!r})",
                value=self.url.shown,
                next_step="update flight-realtime on every gateway, or use another prefix: ?prefix=OTHER",
            )
        epoch = bytes.fromhex(stored_epoch.decode())
        last = {name.decode(): int(offset) for name, offset in heads.items()}
        if self.epoch and epoch == self.epoch and not await self._is_same_log(client, last):
            epoch = bytes.fromhex(
                (
                    await client.eval(script.NEW_EPOCH, 1, self._meta, epoch.hex(), os.urandom(EPOCH_BYTES).hex())
                ).decode()
            )
        if epoch != self.epoch:
            self._positions = dict(last)
            self._checks.clear()
            self._announced = newest[0][0] if newest else b"0-0"
            self._take_epoch(epoch, last)
        await self._look_at_configuration(client)

    def _pool(self, kind: type[BlockingConnectionPool]) -> BlockingConnectionPool:
        url = self.url
        more: dict[str, Any] = {"connection_class": PackingConnection}
        if url.secure:
            files = url.files
            more = {
                "connection_class": PackingSSLConnection,
                "ssl_ca_certs": files.get("ca"),
                "ssl_certfile": files.get("cert"),
                "ssl_keyfile": files.get("key"),
            }
        return kind(
            max_connections=_CONNECTIONS, timeout=ANSWER_S, host=url.host, port=url.port, db=int(url.path or 0),
            username=url.user or None, password=url.password or None, socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0), protocol=2, **more,
        )  # fmt: skip

    async def _is_same_log(self, client: Any, last: dict[str, int]) -> bool:
        """Whether it still has, at the offsets that were handed on, what was handed on."""
        if any(last.get(channel, 0) < offset for channel, offset in self._positions.items()):
            return False
        checks = list(self._checks.items())
        if not checks:
            return True
        pipe = client.pipeline(transaction=False)
        for channel, _ in checks:
            entry_id = b"0-%d" % self._positions[channel]
            pipe.xrange(self._log_key(channel), entry_id, entry_id)
        found = await pipe.execute()
        return all(
            not rows or zlib.crc32(rows[0][1].get(b"entry", b"")) == check  # an entry that was trimmed says nothing
            for (_, check), rows in zip(checks, found, strict=True)
        )

    async def _look_at_configuration(self, client: Any) -> None:
        try:
            persistence = await client.info("persistence")
            memory = await client.info("memory")
        except ResponseError:  # a hosted Redis may not tell
            return
        notes = []
        self._writes_late = bool(persistence.get("aof_enabled"))
        if self._writes_late:
            with contextlib.suppress(ResponseError):
                self._writes_late = (await client.config_get("appendfsync")).get("appendfsync") != "always"
        if not persistence.get("aof_enabled"):
            notes.append(_AOF_NOTE)
        if memory.get("maxmemory") and str(memory.get("maxmemory_policy", "")).startswith("allkeys"):
            notes.append(_EVICT_NOTE)
        self._warn("; ".join(notes))

    async def _until_written(self) -> None:
        """Until the append-only file holds everything that Redis had done when this was called."""
        if not self._writes_late:
            return
        goal = -1
        while True:
            state = await self._ready().info("persistence")
            waiting = state.get("aof_buffer_length", 0)
            size = state.get("aof_current_size", 0)
            if not waiting or size >= goal >= 0:
                return
            # What others do meanwhile waits too. A rewritten file is shorter: then it takes until nothing waits.
            goal = size + waiting if goal < 0 else goal
            await asyncio.sleep(_LATE_WRITE_S)

    async def _disconnect(self) -> None:
        clients, self._client, self._asker = (self._client, self._asker), None, None
        for client in clients:
            if client is not None:
                await client.connection_pool.disconnect(inuse_connections=True)

    def _explain(self, error: BaseException) -> FlightError:
        if isinstance(error, FlightError):
            return error
        text = str(error)
        if isinstance(error, AuthenticationError) or text.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
            return self._refused(error, f"put user and password into the URL: {self.url.scheme}://USER:PASSWORD@HOST/0")
        if "WRONGTYPE" in text:
            return self._refused(error, "another program uses these keys; use another prefix: ?prefix=OTHER")
        if isinstance(error, (BusyLoadingError, RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)):
            return self._unreachable(error)
        if isinstance(error, Unusable | RedisError):
            return self._refused(error, "see the log of Redis; it is tried again")
        return self._unreachable(error)

    def _ready(self) -> Any:
        if self._client is None:
            raise Unusable("the connection was closed")
        return self._client

    def _for_questions(self) -> Any:
        """For what only reads: there a lost connection may be replaced in silence."""
        if self._asker is None:
            raise Unusable("the connection was closed")
        return self._asker

    def _log_key(self, channel: str) -> bytes:
        return self._log_prefix + channel.encode()

    # Writing

    async def _store(self, batches: Sequence[Batch], results: list[AppendResult | None]) -> None:
        """In most cases one round. What reaches across the mark is cut and goes again, with what had to wait for it."""
        left = list(enumerate(batches))
        for _ in range(_CUT_ROUNDS):
            left = await self._store_round(left, results)
            if not left:
                return
        for index, _ in left:
            results[index] = failed("other gateways store events of the same device; the devices send again")

    async def _store_round(
        self, batches: list[tuple[int, Batch]], results: list[AppendResult | None]
    ) -> list[tuple[int, Batch]]:
        client = self._ready()
        pipe = client.pipeline(transaction=False)
        blobs = [pack_batch(batch) for _, batch in batches]
        for (_, batch), blob in zip(batches, blobs, strict=True):
            pipe.execute_command(*self._append_command(batch, blob))
        answers = await pipe.execute(raise_on_error=False)
        await self._written()
        again: list[tuple[int, Batch]] = []
        cut: set[tuple[str, bytes]] = set()
        for (index, batch), blob, answer in zip(batches, blobs, answers, strict=True):
            key = (batch.owner, batch.incarnation)
            if isinstance(answer, NoScriptError):
                raise Unusable("Redis was restarted")
            if isinstance(answer, Exception):
                error = self._explain(answer)
                results[index] = failed(f"{error}; the devices send again")
                continue
            status, offset, mark, lossy = answer
            if status == script.FOREIGN:
                raise Unusable("the log is another one than before")
            if status == script.ACROSS or (status == script.EARLY and key in cut):
                part = self._cut(index, batch, mark, results)
                if part is not None:
                    cut.add(key)
                    again.append((index, part))
                continue
            results[index] = self._result(batch, status, offset, mark, lossy)
            if status == script.STORED:
                self._hand_on_own(batch, offset, blob)
        return again

    def _append_command(self, batch: Batch, blob: bytes) -> tuple[Any, ...]:
        limits = self._limits
        device = batch.owner.encode()
        return (
            "EVALSHA", self._sha, 7,
            self._log_key(batch.channel), self._heads, self._lives_prefix + device, self._used, self._meta, self._channels,
            self._sizes,
            self.epoch.hex(), batch.channel, device, batch.incarnation, batch.counter, batch.events, batch.follows, blob,
            limits.history_entries, limits.marks_per_device, limits.marks_total, limits.history_bytes,
        )  # fmt: skip

    def _cut(self, index: int, batch: Batch, mark: int, results: list[AppendResult | None]) -> Batch | None:
        """What is left of the batch above the mark; None when it has its result."""
        try:
            part = cut_to_mark(batch, mark, self._skip_records)
        except Exception as error:
            results[index] = failed(f"the batch could not be stored: {error!r}")
            return None
        return part or batch  # wholly below the mark by now: the script says DUPLICATE

    @staticmethod
    def _result(batch: Batch, status: int, offset: int, mark: int, lossy: int) -> AppendResult:
        if status == script.STORED:
            return AppendResult(AppendStatus.STORED, offset, batch.events, mark, lossy)
        if status == script.DUPLICATE:
            return AppendResult(AppendStatus.DUPLICATE, mark=mark, lossy_stored=lossy)
        return AppendResult(AppendStatus.FAILED, mark=mark, lossy_stored=lossy, error=overtakes(batch, mark))

    def _hand_on_own(self, batch: Batch, offset: int, blob: bytes) -> None:
        if offset == self._positions.get(batch.channel, 0) + 1:
            self._positions[batch.channel] = offset
            self._checks[batch.channel] = zlib.crc32(blob)
            self._hand_on(Entry(batch, offset, offset - 1))

    # Following

    async def _follow(self) -> None:
        client = self._ready()
        while True:
            streams: dict[Any, Any] = {self._channels: self._announced}
            for channel, offset in self._positions.items():
                streams[self._log_key(channel)] = b"0-%d" % offset
            found = await client.xread(streams, count=_FOLLOW_ENTRIES, block=_BLOCK_MS) or ()
            if any(self._is_news(key, rows) for key, rows in found):
                await self._written()
            for key, rows in found:
                if key == self._channels:
                    for _, fields in rows:
                        self._positions.setdefault(fields[b"name"].decode(), 0)
                    self._announced = rows[-1][0]
                    continue
                channel = key[len(self._log_prefix) :].decode()
                self._take_rows(channel, rows)
                await asyncio.sleep(0)  # others have their turn between the channels

    def _is_news(self, key: bytes, rows: list[Any]) -> bool:
        """Whether it has something that was not handed on already."""
        channel = key[len(self._log_prefix) :].decode()
        return key != self._channels and _offset(rows[-1][0]) > self._positions.get(channel, 0)

    def _take_rows(self, channel: str, rows: list[Any]) -> None:
        for entry_id, fields in rows:
            offset = _offset(entry_id)
            if offset <= self._positions.get(channel, 0):
                continue
            self._positions[channel] = offset
            entry = self._entry(channel, offset, fields)
            if entry is not None:
                self._checks[channel] = zlib.crc32(fields[b"entry"])
                self._hand_on(entry)

    def _entry(self, channel: str, offset: int, fields: dict[bytes, bytes]) -> Entry | None:
        """None for what no gateway wrote: the next entry names it as the one before, so subscribers get a GAP."""
        try:
            return Entry(unpack_batch(channel, fields.get(b"entry", b"")), offset, offset - 1)
        except PeerError as error:
            self._log_unreadable(channel, offset, error)
            return None

    # Reading

    async def marks(self, device_id: str, incarnation: bytes) -> Marks:
        async def ask() -> Marks:
            stored = await self._ready().hget(self._lives_prefix + device_id.encode(), incarnation)
            mark, lossy = stored.split() if stored else (0, 0)
            return Marks(int(mark), int(lossy))

        return await self._ask_in_turn(ask)

    async def trim(self, channel: str, keep: int) -> None:
        async def ask() -> None:
            await self._ready().xtrim(self._log_key(channel), maxlen=max(keep, 0), approximate=False)

        await self._ask_in_turn(ask)

    async def forget(self, channel: str, up_to: int) -> None:
        async def ask() -> None:
            await self._ready().xtrim(self._log_key(channel), minid=f"0-{up_to + 1}", approximate=False)

        await self._ask_in_turn(ask)

    async def channels(self) -> list[str]:
        async def ask() -> list[str]:
            return sorted(name.decode() for name in await self._for_questions().hkeys(self._heads))

        return await self._ask_now(ask)

    async def bounds(self, channel: str) -> Bounds:
        return await self._ask_now(lambda: self._bounds(channel))

    async def _bounds(self, channel: str) -> Bounds:
        pipe = self._for_questions().pipeline(transaction=True)
        pipe.hget(self._heads, channel)
        pipe.xrange(self._log_key(channel), count=1)
        head, rows = await pipe.execute()
        last = int(head or 0)
        first = _offset(rows[0][0]) if rows else last + 1
        # Streams are trimmed by whole nodes: what is there beyond the limit is not for readers.
        return Bounds(max(first, last - self._limits.history_entries + 1), last)

    async def before_last(self, channel: str, count: int) -> int:
        first, last = await self.bounds(channel)
        return max(first - 1, last - max(count, 0))

    async def read(self, channel: str, after: int, limit: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        async def ask() -> list[Entry]:
            found = await self._read(channel, after, limit, limit_bytes)
            if found and found[-1].offset > self._positions.get(channel, 0):
                await self._written()
            return found

        return await self._ask_now(ask)

    async def _read(self, channel: str, after: int, limit: int, limit_bytes: int) -> list[Entry]:
        first, last = await self._bounds(channel)
        after = max(after, first - 1)
        found: list[Entry] = []
        total = 0
        while after < last and len(found) < limit:
            count = min(limit - len(found), _READ_ENTRIES)
            rows = await self._for_questions().xrange(self._log_key(channel), b"(0-%d" % after, count=count)
            for entry_id, fields in rows:
                after = _offset(entry_id)
                entry = self._entry(channel, after, fields)
                if entry is None:
                    continue
                total += len(entry.payload)
                if found and total > limit_bytes:
                    return found
                found.append(entry)
            if len(rows) < count:
                break
        return found


def _offset(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[2])
