"""A client from its first argument to its close(): clear refusals, and an end from every state."""

import asyncio
import gc
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from flight_client import (
    CallerError,
    Client,
    ConnectionState,
    FlightError,
    LinkError,
    Log,
    Outcome,
    RefusedError,
)
from flight_client.gateway.auth import SigningKey
from flight_client.session import spec
from flight_client.transports import Address
from tests.support.bench import Bench, Reader, component, hurry, subscribed
from tests.support.ports import every_transport_at, free_port
from tests.support.waiting import eventually, within

ANY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ({"platform": "gamecube"}, "gamecube"),
        ({"transports": ["pigeon"]}, "pigeon"),
        ({"transports": []}, "()"),
        ({"device_id": "a" * 33}, "aaa"),
        ({"device_id": "two words"}, "two words"),
        ({"device_id": "esc\x1b[2J"}, "\\x1b[2J"),
        ({"version": "v" * 17}, "vvv"),
        ({"token": "t" * 481}, "481"),
        ({"address": "gopher://here"}, "gopher://here"),
        ({"address": "http://"}, "http://"),
        ({"address": "http://here:99999"}, "99999"),
        ({"address": "http://here:8080/path"}, "/path"),
        ({"address": ""}, "''"),
    ],
    ids=str,
)
async def test_a_value_that_cannot_work_is_refused_with_the_value_and_what_to_do(
    arguments: dict[str, object], shown: str
) -> None:
    given: dict[str, object] = {"address": ANY, "token": "t", **arguments}
    with pytest.raises(CallerError) as caught:
        Client(given.pop("address"), **given)  # type: ignore[arg-type]
    assert shown in str(caught.value)
    assert caught.value.next_step


def test_the_names_of_transports_may_come_from_an_iterator() -> None:
    assert Client(ANY, token="t", transports=iter(["websocket", "polling"])).transport == "websocket"


@pytest.mark.parametrize(
    "address", ["http://user:hunter2@host:80", "ws://:hunter2@host", "http://host?token=hunter2", "host:80?hunter2"]
)
async def test_an_address_with_a_secret_is_refused_and_never_echoed(address: str) -> None:
    with pytest.raises(CallerError) as caught:
        Client(address, token="t")
    assert "hunter2" not in str(caught.value) + repr(caught.value.value) + repr(caught.value)


@pytest.mark.parametrize("name", ["", "Upper", "two words", "a" * 65, "ü", "a\nb", "a//b", "../up", "/a"], ids=repr)
async def test_a_bad_channel_name_is_refused_where_it_is_given(name: str) -> None:
    client = Client(ANY, token="t")
    for give in (client.channel, lambda name: client.events(channels=[name])):
        with pytest.raises(CallerError) as caught:
            give(name)
        assert repr(name[:10])[:-1] in str(caught.value.value)
        assert caught.value.next_step


async def test_an_unknown_event_type_is_refused_with_those_that_exist() -> None:
    with pytest.raises(CallerError, match=r"unknown event type.*memory-updat.*memory-update"):
        Client(ANY, token="t").events("memory-updat")


async def test_more_channels_than_the_platform_has_are_refused() -> None:
    client = Client(ANY, token="t", platform="dreamcast")
    for i in range(spec.DEVICE_CHANNELS):
        client.channel(f"channel-{i}")
    with pytest.raises(CallerError, match="too many channels"):
        client.channel("one-more")
    client.channel("channel-0")


async def test_a_token_of_another_key_stops_the_client_at_once(bench: Bench, transport: str) -> None:
    stranger = SigningKey(bench.gateway.key.key_id, os.urandom(32))
    client = bench.client("bench-1", transport, token=bench.token(key=stranger))
    with pytest.raises(RefusedError) as caught:
        await within(client.connect())
    assert (caught.value.name, caught.value.fatal) == ("credential", True)
    assert caught.value.next_step
    assert client.state is ConnectionState.FAILED
    assert bench.gateway.registry.counters.hellos == 1
    assert client.channel("log").emit(Log("late")) is Outcome.REFUSED_CLOSED
    with pytest.raises(RefusedError):
        await within(client.connect())
    with pytest.raises(RefusedError):
        await within(client.flush())


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "ümlaut.b.c"])
async def test_a_token_that_is_none_stops_the_client_at_once(bench: Bench, token: str) -> None:
    client = bench.client("bench-1", token=token)
    with pytest.raises(RefusedError):
        await within(client.connect())
    assert bench.gateway.registry.counters.hellos == 1


async def test_an_expired_token_stops_the_client_at_once(bench: Bench) -> None:
    client = bench.client("bench-1", token=bench.token(age_s=7200))
    with pytest.raises(RefusedError) as caught:
        await within(client.connect())
    assert caught.value.name == "expired-token"
    assert bench.gateway.registry.counters.hellos == 1


async def test_a_token_for_another_device_stops_the_client_at_once(bench: Bench) -> None:
    client = bench.client("bench-1", token=bench.token("bench-2"))
    with pytest.raises(RefusedError, match=r"bench-2.*bench-1") as caught:
        await within(client.connect())
    assert caught.value.name == "forbidden"


async def test_a_refused_client_leaves_nothing_behind_when_async_with_fails(bench: Bench) -> None:
    before = asyncio.all_tasks()
    with pytest.raises(RefusedError):
        async with bench.client("bench-1", token="nonsense"):
            raise AssertionError("connected with a wrong token")
    assert asyncio.all_tasks() <= before


async def test_the_token_is_asked_for_at_each_attempt(bench: Bench) -> None:
    asked = []

    async def token() -> str:
        asked.append(1)
        return bench.token()

    client = hurry(bench.client("bench-1", token=token))
    await within(client.connect())
    assert len(asked) == 1
    await bench.restart()
    await eventually(lambda: client.counters().reconnects == 1)
    assert len(asked) >= 2


async def test_a_token_source_that_fails_is_asked_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Callable[[], str]] = [bench.token]

    def token() -> str:
        if answers and len(asked) < 2:
            asked.append(1)
            raise OSError("the vault is locked")
        return bench.token()

    asked: list[int] = []
    client = hurry(bench.client("bench-1", token=token))
    await within(client.connect())
    assert len(asked) == 2


async def test_a_role_that_only_publishes_cannot_subscribe_and_is_told(bench: Bench) -> None:
    client = await bench.connected("bench-1", token=bench.token(roles=("publish",)))
    reader = Reader(client.events("log"))
    with pytest.raises(RefusedError) as caught:
        await reader.take(1)
    assert caught.value.name == "forbidden"
    assert client.channel("own").emit(Log("fine"), critical=True) is Outcome.QUEUED
    assert await within(client.flush())
    assert client.counters().acked == 1


async def test_a_role_that_only_subscribes_cannot_publish_and_is_told(bench: Bench) -> None:
    client = await bench.connected("bench-1", token=bench.token(roles=("subscribe",)))
    channel = client.channel("component-events")
    assert channel.emit(component(1)) is Outcome.QUEUED  # the answer is not there yet
    assert await within(client.flush())
    assert client.counters().dropped["refused"] == 1
    assert client.counters().law_holds
    await subscribed(client)
    assert channel.emit(component(2)) is Outcome.REFUSED_CHANNEL


async def test_connect_with_a_limit_says_what_went_wrong() -> None:
    async with _closing(Client(f"http://127.0.0.1:{free_port()}", token="t")) as client:
        with pytest.raises(LinkError, match="cannot be reached") as caught:
            await within(client.connect(0.5))
        assert caught.value.next_step


async def test_a_call_from_another_thread_is_refused(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    channel = client.channel("log")
    caught: list[BaseException] = []

    def emit() -> None:
        try:
            channel.emit(Log("from elsewhere"))
        except FlightError as error:
            caught.append(error)

    thread = threading.Thread(target=emit, daemon=True)
    thread.start()
    await eventually(lambda: not thread.is_alive(), "the end of the thread")
    [error] = caught
    assert isinstance(error, CallerError)
    assert "client.threadsafe" in error.next_step
    assert client.counters().accepted == 0


async def test_a_closed_client_says_so_instead_of_waiting(bench: Bench) -> None:
    never = bench.client("never-connected")
    used = await bench.connected("bench-1")
    for client in (never, used):
        await within(client.close())
        with pytest.raises(CallerError, match="closed"):
            await within(client.connect())
        with pytest.raises(CallerError, match="closed"):
            await within(client.flush())
        assert client.channel("log").emit(Log("late")) is Outcome.REFUSED_CLOSED
        assert client.state is ConnectionState.CLOSED


async def test_close_ends_the_waits_of_others(bench: Bench) -> None:
    client = await bench.connected("bench-1")
    reader = Reader(client.events("log"))
    await within(bench.gateway.stop())
    client.channel("component-events").emit(component(1))
    flushing = asyncio.create_task(client.flush())
    reading = asyncio.create_task(reader.rest())
    await asyncio.sleep(0)
    await within(client.close())
    with pytest.raises(CallerError, match="closed"):
        await within(flushing)
    assert await within(reading) == []
    assert client.counters().dropped["closed"] == 1
    assert client.counters().law_holds
    await bench.start()


# close() from every state


class _closing:  # noqa: N801 - reads like contextlib.closing
    """Closes a client at the end and looks for what it left: tasks, sockets, errors nobody heard."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __aenter__(self) -> Client:
        self._sockets = _open_sockets()
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await within(self.client.close())
        await within(self.client.close())  # a second time does no harm
        assert self.client.state in (ConnectionState.CLOSED, ConnectionState.FAILED)
        assert not _client_tasks()
        gc.collect()
        await eventually(lambda: _open_sockets() <= self._sockets, "the close of every socket")
        assert self.client._driver._timer is None or self.client._driver._timer.cancelled()
        counters = self.client.counters()
        assert counters.law_holds
        assert counters.queued == 0


def _client_tasks() -> list[str]:
    """Tasks that clients made; those of the gateway in this process are its own business."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("Driver.", "WebSocketTransport.", "PollingTransport."))]


def _open_sockets() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - links, some of which are gone when read
        try:
            target = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture
async def silent_server() -> AsyncIterator[Callable[[bytes], Awaitable[tuple[str, list[bytes]]]]]:
    """A server that reads, says a fixed answer once, and then nothing."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> tuple[str, list[bytes]]:
        heard: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(4096):
                heard.append(data)
                if answer:
                    writer.write(answer)
            writer.close()

        port = free_port()
        servers.append(await asyncio.start_server(serve, "127.0.0.1", port))
        return f"http://127.0.0.1:{port}", heard

    yield start
    for server in servers:
        server.close()


async def test_close_without_connect_leaves_nothing() -> None:
    async with _closing(Client(ANY, token="t")) as client:
        client.channel("log").emit(Log("never sent"))
    assert client.counters().dropped["closed"] == 1


async def test_close_right_after_connect_began_leaves_nothing(bench: Bench, transport: str) -> None:
    async with _closing(bench.client("bench-1", transport)) as client:
        connecting = asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        await within(client.close())
        with pytest.raises(CallerError, match="closed"):
            await within(connecting)


async def test_close_while_connected_leaves_nothing(bench: Bench, transport: str) -> None:
    async with _closing(bench.client("bench-1", transport)) as client:
        await within(client.connect())
        client.events("log")
        for i in range(20):
            client.channel("component-events").emit(component(i))
    assert client.counters().acked == 20
    await eventually(lambda: len(bench.gateway.registry) == 0, "the end of the session")


async def test_close_while_connecting_to_a_black_hole_leaves_nothing(transport: str) -> None:
    with socket.socket() as hole, socket.socket() as filler:
        hole.bind(("127.0.0.1", free_port()))
        hole.listen(0)
        filler.setblocking(False)
        filler.connect_ex(hole.getsockname())  # the backlog is full now: nobody else is answered
        async with _closing(Client(every_transport_at(hole.getsockname()[1]), token="t", transports=[transport])) as c:
            connecting = asyncio.create_task(c.connect())
            await eventually(lambda: c.state is ConnectionState.CONNECTING)
            await asyncio.sleep(0.05)
            assert not connecting.done()
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 101 Switching Protocols\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nF"],
    ids=["nothing", "half a handshake", "half a reply"],
)
async def test_close_while_a_server_never_answers_leaves_nothing(
    silent_server: Callable[[bytes], Awaitable[tuple[str, list[bytes]]]], transport: str, answer: bytes
) -> None:
    address, heard = await silent_server(answer)
    at = every_transport_at(Address.parse(address).port)
    async with _closing(Client(at, token="t", transports=[transport])) as client:
        client.channel("component-events").emit(component(1))
        connecting = asyncio.create_task(client.connect())
        await eventually(lambda: heard, "the first bytes of the client")
        await asyncio.sleep(0.02)
    with pytest.raises(FlightError):
        await within(connecting)
    assert client.counters().dropped["closed"] == 1


async def test_close_between_two_attempts_leaves_nothing(transport: str) -> None:
    client = Client(f"http://127.0.0.1:{free_port()}", token="t", transports=[transport])
    async with _closing(client):
        connecting = asyncio.create_task(client.connect())
        await eventually(lambda: client._session.state == spec.STATE_WAITING)
    with pytest.raises(CallerError, match="closed"):
        await within(connecting)
    assert client.last_error is not None


async def test_close_after_the_gateway_went_silent_leaves_nothing(bench: Bench, transport: str) -> None:
    """The gateway stands still as a whole, its sockets open: a dead peer."""
    async with _closing(bench.client("bench-1", transport)) as client:
        await within(client.connect())
        for peer in bench.gateway.registry.peers():
            peer.take = lambda *_: None  # type: ignore[method-assign]
        client.channel("component-events").emit(component(1))
        await asyncio.sleep(0.05)
    assert client.counters().dropped["closed"] == 1


async def test_cancelling_close_still_releases_everything(bench: Bench) -> None:
    async with _closing(bench.client("bench-1")) as client:
        await within(client.connect())
        for peer in bench.gateway.registry.peers():
            peer.take = lambda *_: None  # type: ignore[method-assign]
        client.channel("component-events").emit(component(1))
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0.05)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert closing.cancelled()
        assert client.state is ConnectionState.CLOSED


async def test_close_inside_a_hook_task_ends_the_client(bench: Bench) -> None:
    closings: list[asyncio.Task[None]] = []
    client = bench.client("bench-1")
    client.on_state(
        lambda change: (
            closings.append(asyncio.create_task(client.close())) if change.new is ConnectionState.CONNECTED else None
        )
    )
    await within(client.connect())
    await eventually(lambda: closings)
    await within(closings[0])
    assert client.state is ConnectionState.CLOSED
