"""Everything that the asyncio client has, a plain program has too, under the same name and with the same arguments."""

import dataclasses
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flight_client import (
    CallerError,
    Channel,
    Client,
    CommandRequest,
    ComponentUpdate,
    EventStream,
    LinkError,
    Log,
    MemoryPressure,
    MemoryUpdate,
    MetricsStream,
    PresenceStream,
    PressureLevel,
    RealtimeErrorHandler,
    RealtimeEvent,
    SyncChannel,
    SyncClient,
    SyncEventStream,
    SyncMetricsStream,
    SyncPresenceStream,
)
from flight_client.platforms import get_platform
from tests.support.process import GatewayProcess
from tests.support.waiting import HANG_S

PAIRS: list[tuple[type[Any], type[Any]]] = [
    (Client, SyncClient),
    (Channel, SyncChannel),
    (EventStream, SyncEventStream),
    (MetricsStream, SyncMetricsStream),
    (PresenceStream, SyncPresenceStream),
]
# What has no meaning there, and why.
LEFT_OUT = {
    "threadsafe": "every call of a SyncClient is safe in every thread",
    "on_result": "for the driver",
    "on_drive": "for the driver",
    "on_failure": "for the driver",
    "platform": "a field of Client; see platform_config()",
    "emit_encoded": "for Threadsafe",
    "put": "of streams: for the client; of channels it is there",
    "finish": "of streams: for the client",
    "forget_recent": "of streams: for the client",
    "wait": "of streams: next()",
    "ended": "of streams: StopIteration",
    "error": "of streams: next() raises it",
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    made = GatewayProcess(tmp_path_factory.mktemp("gateway"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[SyncClient]:
    with SyncClient(gateway.address, token=gateway.token(), device_id="bench-1") as made:
        yield made


@pytest.mark.parametrize(("ours", "plain"), PAIRS, ids=lambda pair: getattr(pair, "__name__", ""))
def test_a_plain_program_has_every_word_of_the_asyncio_client_with_the_same_arguments(
    ours: type[Any], plain: type[Any]
) -> None:
    for name, member in inspect.getmembers(ours):
        if name.startswith("_") or name in LEFT_OUT:
            continue
        assert hasattr(plain, name), f"{plain.__name__} lacks {name}"
        if not inspect.isfunction(member):
            assert isinstance(getattr(plain, name), property)
            continue
        wanted = list(inspect.signature(member).parameters)
        found = list(inspect.signature(getattr(plain, name)).parameters)
        assert [argument for argument in wanted if argument not in found] == [], name
        assert set(found) - set(wanted) <= {"timeout_s"}, name


def test_streams_know_latest_and_recent_and_forget_them(client: SyncClient) -> None:
    stream = client.events("log", channels=["sync/recent"], history=5, timeout_s=HANG_S)
    for number in range(3):
        client.publish("sync/recent", Log(str(number)), timeout_s=HANG_S)
    assert [next(stream).data for _ in range(3)] == [Log(str(number)) for number in range(3)]
    assert stream.latest is not None
    assert stream.latest.data == Log("2")
    assert [event.data for event in stream.recent] == [Log(str(number)) for number in range(3)]
    late = client.events("log", channels=["sync/recent"], last=True)
    assert [event.data for event in late.take(5)] == [Log("2")]
    assert client.clear_event_history() == 4
    assert (stream.recent, stream.clear_history()) == ((), 0)
    stream.close()
    assert list(stream) == []


def test_history_metrics_and_presence_are_there_without_a_loop(client: SyncClient) -> None:
    channel = client.channel("sync/history")
    for number in range(3):
        channel.publish(Log(str(number)), timeout_s=HANG_S)
    assert [event.data for event in channel.history(2, "log", timeout_s=HANG_S)] == [Log("1"), Log("2")]
    with client.metrics(10, timeout_s=HANG_S) as metrics:
        sample = next(metrics)
        assert sample.metrics.counters.acked >= 3
        assert metrics.latest is sample
    with client.presence(timeout_s=HANG_S) as presence:
        [told] = channel.history(1, timeout_s=HANG_S)
        metadata = {"presence": "here", "sessionId": "s", "transport": "polling", "gateway": "gateway", "life": "1"}
        told.source = dataclasses.replace(told.source, device_id="gateway")
        told.data = ComponentUpdate(id="console-1", name="psp", metadata=metadata)
        client._background.call(lambda: presence._stream.put(told))  # what the gateway tells every few seconds
        assert next(change for change in presence if change.device_id == "console-1").state == "here"
        assert presence.members["console-1"].platform == "psp"


def test_decorators_hooks_and_commands_work_in_a_plain_program(client: SyncClient, gateway: GatewayProcess) -> None:
    seen: list[str] = []
    arrived = threading.Event()

    @client.handles(channels=["sync/handled"])
    def note(event: RealtimeEvent) -> None:
        assert isinstance(event.data, Log)
        seen.append(event.data.text)
        arrived.set()

    @client.answers("add", channel="sync/orders")
    def add(command: CommandRequest) -> bytes:
        return bytes([sum(command.data)])

    @client.on_pressure
    def pressed(told: MemoryPressure) -> None:
        seen.append(told.level.value)

    with SyncClient(gateway.address, token=gateway.token(), device_id="bench-2") as tool:
        tool.command("bench-1", "add", bytes([2, 3]), channel="sync/orders", timeout_s=HANG_S)
        assert tool.command("bench-1", "add", bytes([2, 3]), channel="sync/orders", timeout_s=HANG_S) == b"\x05"
        tool.publish("sync/handled", Log("handled"), timeout_s=HANG_S)
        assert arrived.wait(HANG_S)
    assert seen == ["handled"]
    assert (note.__name__, add.__name__) == ("note", "add")
    client.pressure.relieves = True  # as on dreamcast and psp
    full = MemoryUpdate(total_bytes=100, used_bytes=95)
    assert client.report_memory(full) is PressureLevel.PRESSURE
    assert seen == ["handled", "pressure"]
    assert client.pressure.queue_events == 10
    assert client.report_memory(MemoryUpdate(total_bytes=100, used_bytes=5)) is PressureLevel.CALM
    assert pressed.__name__ == "pressed"


def test_a_plain_program_limits_queue_and_rate_and_sets_its_error_handler(client: SyncClient) -> None:
    assert client.set_max_queue_size(3) == 0
    assert client.pressure.queue_events == 3
    with pytest.raises(CallerError, match="out of range"):
        client.set_max_queue_size(get_platform("host").lossy_slots + 1)
    client.limit_rate(events_per_s=1000, link_bytes_per_s=0)
    assert client.trigger_memory_optimization() == 0
    mine = RealtimeErrorHandler()
    client.error_handler = mine
    assert client.error_handler is mine
    assert client.recovery(LinkError("gone"), "vita") == "retry-with-backoff"
    client.recovery = lambda _error, _platform: "fallback-to-polling"
    assert client.recovery(LinkError("gone"), "vita") == "fallback-to-polling"
    client.recovery = None
    client.error_handler = None
    assert client.error_handler is not mine
    assert client.address is not None
    assert client.critical_done >= 0
