"""Publishing without a session: who it comes from, and under which counters it is stored.

A caller that has its own counters names incarnation and counter, and each event is stored once however often it asks.
For the others the gateway counts: one incarnation per device and life of this process, not one per request, because a log
keeps the marks of a few incarnations of a device only.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import OrderedDict

from flight_client._profiles import PROFILES
from flight_client.errors import RefusedError
from flight_client.gateway.engines.base import AppendResult, AppendStatus, Source
from flight_client.gateway.names import owner_of, printable, refusal
from flight_client.gateway.registry import Registry
from flight_client.gateway.rights import Identity
from flight_client.session import spec

_WRITERS = 1024  # devices whose counters are kept
_HOST = next(profile["id"] for profile in PROFILES if profile["name"] == "host")


class Writer:
    """A device that publishes by REST."""

    __slots__ = ("failed", "incarnation", "next_counter", "source")

    def __init__(self, device_id: str) -> None:
        self.source: Source = Source(device_id, _HOST, secrets.token_hex(spec.SHORT_ID_BYTES // 2).encode())
        self.incarnation: bytes = os.urandom(8)
        self.next_counter: int = 1
        self.failed: dict[bytes, int] = {}  # incarnation -> counter that has to come again first


class Publishing:
    """The writers of one gateway."""

    def __init__(self, registry: Registry) -> None:
        self._hub = registry.hub
        self._has_key = registry.has_key
        self._writers: OrderedDict[str, Writer] = OrderedDict()

    def writer(self, identity: Identity, device_id: str) -> Writer:
        """The one that this token may be. Raises RefusedError."""
        if not device_id:
            if identity.subject.endswith("*"):
                raise refusal(
                    spec.CODE_BAD_NAME, "the token is for several devices: name one as deviceId", identity.subject
                )
            device_id = identity.subject
        identity.check_device(device_id)
        owner = owner_of(identity.org, device_id)
        if self._has_key(owner):
            raise refusal(spec.CODE_FORBIDDEN, "this device authenticates its frames, which REST cannot", device_id)
        found = self._writers.get(owner)
        if found is None:
            found = self._writers[owner] = Writer(device_id)
            if len(self._writers) > _WRITERS:
                self._writers.popitem(last=False)
        self._writers.move_to_end(owner)
        return found

    async def publish(
        self, writer: Writer, channel: str, records: bytes, events: int, critical: bool, own: tuple[bytes, int] | None
    ) -> tuple[AppendResult, bytes, int]:
        """Store events; the result, incarnation and counter. own: the caller's. Raises RefusedError."""
        incarnation, counter = own or (writer.incarnation, writer.next_counter if critical else 0)
        if counter >= spec.NUMBER_LIMIT - events:
            raise refusal(spec.CODE_SEQUENCE, "the counters of the incarnation are used up", str(counter))
        first = writer.failed.get(incarnation, counter)
        if own and counter > first:
            raise refusal(spec.CODE_STORE, "send the batch that was not stored again first, counter", str(first))
        if own is None and critical:
            writer.next_counter += events
        done: asyncio.Future[AppendResult] = asyncio.get_running_loop().create_future()

        def settle(result: AppendResult) -> None:
            if not done.done():
                done.set_result(result)

        self._hub.publish(channel, writer.source, incarnation, counter, events, 0, records, settle)
        result = await done
        if result.status is AppendStatus.FAILED:
            if own:
                writer.failed[incarnation] = min(counter, writer.failed.get(incarnation, counter))
                while len(writer.failed) > spec.MARKS_PER_DEVICE:
                    del writer.failed[next(iter(writer.failed))]
            raise RefusedError(spec.CODE_STORE, printable(result.error))
        if own and counter <= writer.failed.get(incarnation, 0) < counter + events:
            del writer.failed[incarnation]
        return result, incarnation, counter
