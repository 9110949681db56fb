"""A real gateway in this process with clients that are closed at the end, watched for what nobody may leave behind."""

import asyncio
import gc
import logging
from collections import Counter
from pathlib import Path
from typing import Any

from flight_client import Client, ComponentUpdate, Log
from flight_client.gateway.app import Gateway
from flight_client.gateway.auth import SigningKey, make_token
from flight_client.gateway.settings import GatewaySettings
from flight_client.streams import RealtimeEvent
from flight_client.testing import Reader

from .ports import free_port
from .waiting import eventually, within

__all__ = ["BOTH_ROLES", "Bench", "Reader", "Watch", "component", "doubled", "hurry", "numbers", "subscribed", "texts"]

BOTH_ROLES = ("publish", "subscribe")


class Watch:
    """Errors that reached the event loop, and tasks that were left behind."""

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _loop, context: self.errors.append(context))
        self._tasks = asyncio.all_tasks()

    def new_tasks(self) -> set[asyncio.Task[Any]]:
        return {task for task in asyncio.all_tasks() - self._tasks - {asyncio.current_task()} if not task.done()}

    async def check(self) -> None:
        """Nothing went wrong unseen, nothing runs on."""
        await eventually(lambda: not self.new_tasks(), f"the end of {self.new_tasks()}")
        gc.collect()  # what was dropped without being awaited or closed complains now
        self._loop.set_exception_handler(None)
        assert not self.errors, self.errors


class Bench:
    """One gateway and its clients."""

    def __init__(self, folder: Path, engine: str = "memory:", **settings: Any) -> None:
        self.folder = folder
        self.settings = GatewaySettings(port=free_port(), engine=engine, state_dir=folder, **settings)
        self.gateway: Gateway
        self.watch = Watch()
        self.clients: list[Client] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    async def start(self) -> None:
        self.gateway = Gateway(self.settings)
        await self.gateway.start()

    async def restart(self) -> None:
        """A polite stop, then a new gateway on the same port."""
        await within(self.gateway.stop())
        await self.start()

    async def stop(self) -> None:
        """Close everything; fail when something was left behind."""
        for client in self.clients:
            await within(client.close())
            assert client.counters().law_holds, client.counters()
            assert client.counters().queued == 0
        await within(self.gateway.stop())
        await self.watch.check()

    def token(
        self, device: str = "*", roles: tuple[str, ...] = BOTH_ROLES, *, key: SigningKey | None = None, age_s: int = 0
    ) -> str:
        """A token of this gateway's key; `age_s` makes it as old, with a life of an hour."""
        import time

        return make_token(key or self.gateway.key, device, roles, 3600, clock_s=lambda: time.time() - age_s)

    def client(self, device_id: str, *transports: str, **other: Any) -> Client:
        """A client that is closed at the end of the test; by default with a token for any device."""
        if "token" not in other:
            other["token"] = self.token()
        client = Client(other.pop("address", self.address), device_id=device_id, transports=transports or None, **other)
        self.clients.append(client)
        return client

    async def connected(self, device_id: str, *transports: str, **other: Any) -> Client:
        client = self.client(device_id, *transports, **other)
        await within(client.connect())
        return client

    async def tool(self, *types: str, **other: Any) -> tuple[Client, Reader]:
        """A connected host tool whose subscriptions stand."""
        client = await self.connected(other.pop("device_id", "tool"), *other.pop("transports", ()))
        reader = Reader(client.events(*types, **other))
        await subscribed(client)
        return client, reader

    async def serves(self) -> None:
        """A device and a tool are served as ever."""
        number = len(self.clients)
        tool, reader = await self.tool("log", device_id=f"healthy-tool-{number}", channels=["healthy"])
        device = await self.connected(f"healthy-{number}")
        assert device.channel("healthy").emit(Log(f"still here {number}"), critical=True).accepted
        [event] = await reader.take(1)
        assert event.data == Log(f"still here {number}")
        assert event.source.device_id == f"healthy-{number}"
        for client in (device, tool):
            await within(client.close())
        assert not self.watch.errors, self.watch.errors


async def subscribed(client: Client) -> None:
    """Until the gateway has answered every OPEN of a client."""
    items = client._session.channels.items
    await eventually(lambda: all(state.opened for state in items), "the answer to every OPEN")


def hurry(client: Client) -> Client:
    """Short waits between attempts, through the session's profile, so that a test does not wait for a back-off."""
    profile = client._session.profile
    profile.backoff_floor_ms = 20
    profile.backoff_cap_ms = 60
    profile.connect_retry_interval_ms = 40
    return client


def component(number: int) -> ComponentUpdate:
    """A critical event with a number."""
    return ComponentUpdate(id="renderer", name="renderer", metadata={"number": number})


def numbers(events: list[RealtimeEvent]) -> list[int]:
    """The numbers of component events."""
    return [event.data.metadata["number"] for event in events if isinstance(event.data, ComponentUpdate)]


def doubled(values: list[int]) -> list[int]:
    return [value for value, count in Counter(values).items() if count > 1]


def texts(caplog_records: list[logging.LogRecord]) -> str:
    return "\n".join(record.getMessage() for record in caplog_records)
