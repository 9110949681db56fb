"""SyncClient: the same words for a program without a loop, on threads that end."""

import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from flight_client import (
    CallerError,
    ConnectionState,
    DeadLetter,
    LinkError,
    Log,
    NotStoredError,
    Outcome,
    RefusedError,
    StateChange,
    SyncClient,
)
from flight_client.background import Background
from tests.support.bench import component, hurry, numbers
from tests.support.ports import free_port
from tests.support.process import GatewayProcess, environment

HANG_S = 20.0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    made = GatewayProcess(tmp_path_factory.mktemp("gateway"))
    made.start()
    yield made
    made.kill()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test may leave a thread or a socket of its own behind."""
    before = set(threading.enumerate()), _sockets()
    yield
    gc.collect()
    until(lambda: set(threading.enumerate()) <= before[0] and _sockets() <= before[1], "the end of threads and sockets")


def _sockets() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - links, some of which are gone when read
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))  # noqa: PTH115
        except OSError:
            continue
    return {name for name in found if name.startswith(("socket:", "anon_inode:[eventpoll]"))}


def until(condition: Callable[[], object], what: str = "the condition") -> None:
    limit = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < limit, f"hangs: {what}"
        time.sleep(0.005)


def elsewhere(work: Callable[[], Any]) -> "Future[Any]":
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer


def subscribed(client: SyncClient) -> None:
    """Until the gateway has answered every OPEN: what comes before belongs to no live stream."""
    until(lambda: all(state.opened for state in client._client._session.channels.items), "the answer to every OPEN")


def client_of(gateway: GatewayProcess, device_id: str, **other: Any) -> SyncClient:
    return SyncClient(gateway.address, token=gateway.token(), device_id=device_id, **other)


@pytest.mark.parametrize("transport", ["tcp", "websocket", "polling"])
def test_a_plain_program_emits_publishes_flushes_and_reads(gateway: GatewayProcess, transport: str) -> None:
    channel_name = f"plain-{transport}"
    with client_of(gateway, "bench-1", transports=[transport]) as client:
        assert client.transport == transport
        channel = client.channel(channel_name, priority="high")
        assert channel.rules.priority == "high"
        assert channel.publish(component(0)) is Outcome.STORED
        assert client.publish(channel_name, component(1)) is Outcome.STORED
        assert channel.emit(component(2), critical=True) is Outcome.QUEUED
        assert channel.put(component(3), critical=True, timeout_s=5) is Outcome.QUEUED
        assert client.emit(channel_name, component(4), critical=True) is Outcome.QUEUED
        assert client.flush(HANG_S)
        assert client.counters().acked == 5
        assert client.queued == 0
        with client.events(channels=[channel_name], history=10, timeout_s=HANG_S) as events:
            assert numbers([next(events) for _ in range(5)]) == list(range(5))
    assert client.state is ConnectionState.CLOSED
    assert client.counters().law_holds
    assert client.epoch != "0" * 16


def test_a_step_of_an_iterator_may_have_a_time_limit_and_loses_nothing(gateway: GatewayProcess) -> None:
    with client_of(gateway, "bench-1") as client:
        events = client.events(channels=["limit"], timeout_s=0.05)
        with pytest.raises(TimeoutError):
            next(events)
        subscribed(client)
        assert client.publish("limit", Log("one")) is Outcome.STORED
        assert events.next(HANG_S).data == Log("one")
        client.publish("limit", Log("two"))
        for event in client.events(channels=["limit"], history=1, timeout_s=HANG_S):
            assert event.data == Log("two")
            break
        assert events.next(HANG_S).data == Log("two")
        assert events.dropped == 0


def test_a_loop_over_events_ends_when_another_thread_closes(gateway: GatewayProcess) -> None:
    client = client_of(gateway, "bench-1")
    client.connect(HANG_S)
    reading = elsewhere(lambda: list(client.events(channels=["over"])))
    time.sleep(0.02)
    client.close()
    assert reading.result(HANG_S) == []


def test_what_came_before_close_can_still_be_read(gateway: GatewayProcess) -> None:
    client = client_of(gateway, "bench-1")
    client.connect(HANG_S)
    events = client.events(channels=["before"])
    subscribed(client)
    client.publish("before", Log("kept"))
    until(lambda: client.counters().delivered == 1)
    client.close()
    assert [event.data for event in events] == [Log("kept")]
    with pytest.raises(StopIteration):
        events.next()


def test_many_threads_may_use_one_client(gateway: GatewayProcess) -> None:
    with client_of(gateway, "bench-1") as client:
        answers = [
            elsewhere(lambda: [client.publish("many", Log("x")) for _ in range(20)] + [client.flush(HANG_S)])
            for _ in range(6)
        ]
        for answer in answers:
            assert answer.result(HANG_S) == [Outcome.STORED] * 20 + [True]
        assert client.counters().acked == 120


def test_every_wait_ends_when_another_thread_closes(gateway: GatewayProcess) -> None:
    client = SyncClient(f"http://127.0.0.1:{free_port()}", token="t", device_id="bench-1")
    waits: dict[str, Callable[[], object]] = {
        "connect": client.connect,
        "publish": lambda: client.publish("log", Log("x")),
        "flush": client.flush,
        "event": lambda: client.events(channels=["log"]).next(),
    }
    answers = {name: elsewhere(wait) for name, wait in waits.items()}
    until(lambda: client.queued == 1)
    client.close()
    errors = {name: answer.exception(HANG_S) for name, answer in answers.items()}
    assert isinstance(errors["connect"], CallerError)
    assert isinstance(errors["flush"], CallerError)
    assert isinstance(errors["publish"], NotStoredError)
    assert isinstance(errors["event"], StopIteration)
    assert [letter.cause for letter in client.dead_letters()] == ["closed"]


def test_a_closed_client_answers_as_before_and_starts_nothing(gateway: GatewayProcess) -> None:
    for used in (False, True):
        client = client_of(gateway, "bench-1")
        if used:
            client.connect(HANG_S)
        client.close()
        client.close()
        threads = threading.active_count()
        assert client.emit("log", Log("late")) is Outcome.REFUSED_CLOSED
        with pytest.raises(NotStoredError) as caught:
            client.publish("log", Log("late"))
        assert caught.value.cause == "closed"
        for call in (client.connect, client.flush):
            with pytest.raises(CallerError, match="closed"):
                call()
        assert client.counters().law_holds
        assert client.state is ConnectionState.CLOSED
        assert threading.active_count() == threads


def test_errors_come_to_the_thread_that_called(gateway: GatewayProcess) -> None:
    with pytest.raises(RefusedError), SyncClient(gateway.address, token="nonsense"):
        raise AssertionError("connected with a wrong token")
    client = SyncClient(f"http://127.0.0.1:{free_port()}", token="t")
    with pytest.raises(LinkError, match="cannot be reached"):
        client.connect(0.5)
    with pytest.raises(CallerError, match="not a channel name"):
        client.channel("No Name")
    assert not client.flush(0.01)
    client.close()


def test_hooks_are_called_on_the_clients_own_thread_and_may_emit_and_close(gateway: GatewayProcess) -> None:
    client = client_of(gateway, "bench-1")
    seen: list[tuple[ConnectionState, str]] = []
    outcomes: list[Outcome] = []
    refused: list[CallerError] = []

    def hook(change: StateChange) -> None:
        seen.append((change.new, threading.current_thread().name))
        if change.new is ConnectionState.CONNECTED:
            outcomes.append(client.channel("log").emit(Log("from a hook"), critical=True))
            for wait in (client.flush, client.connect, lambda: client.publish("log", Log("x"))):
                try:
                    wait()
                except CallerError as error:
                    refused.append(error)
            client.close()

    client.on_state(hook)
    client.connect(HANG_S)
    until(lambda: client.state is ConnectionState.CLOSED)
    client.close()
    assert [state for state, _ in seen][-1] is ConnectionState.CLOSED
    assert {name for _, name in seen} == {"flight-client"}
    assert outcomes == [Outcome.QUEUED]
    assert client.counters().acked == 1
    assert len(refused) == 3
    assert all("callback" in str(error) and error.next_step for error in refused)


def test_dead_letters_are_listed_replayed_and_discarded(gateway: GatewayProcess) -> None:
    where = [f"http://127.0.0.1:{free_port()}"]
    heard: list[DeadLetter] = []
    client = SyncClient(lambda: where[0], token=gateway.token(), device_id="bench-1")
    hurry(client._client)
    client.on_dead_letter(heard.append)
    with pytest.raises(LinkError):
        client.connect(0.05)
    with pytest.raises(NotStoredError) as caught:
        client.publish("letters", Log("stale"), expires_ms=1)
    assert caught.value.cause == "expired"
    assert client.dead_letters() == (caught.value.letter,) == tuple(heard)
    where[0] = gateway.address
    client.connect(HANG_S)
    assert client.replay(*heard) == 1
    assert client.flush(HANG_S)
    assert client.dead_letters() == ()
    client.discard(*heard)
    client.close()


def test_a_paused_client_keeps_what_is_emitted_until_it_goes_on(gateway: GatewayProcess) -> None:
    with client_of(gateway, "bench-1") as client:
        client.pause()
        until(lambda: client.state is ConnectionState.DISCONNECTED)
        assert client.emit("log", Log("later"), critical=True) is Outcome.QUEUED
        with pytest.raises(NotStoredError) as caught:
            client.publish("log", Log("not now"), timeout_s=0.05)
        assert caught.value.pending
        client.resume()
        assert client.flush(HANG_S)
        assert client.counters().acked == 2


def test_a_forgotten_client_closes_itself(gateway: GatewayProcess) -> None:
    client = client_of(gateway, "forgotten")
    client.connect(HANG_S)
    client.emit("log", Log("x"))
    del client
    gc.collect()  # and the fixture looks for what is left


def test_who_holds_a_channel_or_a_stream_holds_its_client(gateway: GatewayProcess) -> None:
    def make() -> Any:
        client = client_of(gateway, "held")
        client.connect(HANG_S)
        return client.channel("held"), client.events(channels=["held"])

    channel, events = make()
    gc.collect()
    subscribed(channel._owner)
    assert channel.publish(Log("still here")) is Outcome.STORED
    assert events.next(HANG_S).data == Log("still here")
    channel._owner.close()


def test_after_fork_the_child_is_refused_and_the_parent_goes_on(gateway: GatewayProcess) -> None:
    with client_of(gateway, "bench-1") as client:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            said = "nothing"
            signal.alarm(int(HANG_S))  # a call that hangs here must end too
            try:
                client.close()  # does nothing here
                client.emit("log", Log("x"))
            except CallerError as error:
                said = str(error)
            except BaseException:
                said = traceback.format_exc()
            os.write(write, said.encode()[:2000])
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        assert "belongs to the process that made it" in said
        assert "after fork()" in said
        assert client.publish("log", Log("parent")) is Outcome.STORED


def run_program(gateway_address: str, token: str, program: str) -> "subprocess.CompletedProcess[str]":
    source = textwrap.dedent(program).replace("ADDRESS", repr(gateway_address)).replace("TOKEN", repr(token))
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "from flight_client import *\n" + source],
        capture_output=True, text=True, timeout=HANG_S, check=False, env=environment(),
    )  # fmt: skip


def test_a_program_that_ends_without_close_does_not_hang_and_its_last_event_arrives(gateway: GatewayProcess) -> None:
    done = run_program(
        gateway.address,
        gateway.token(),
        """
        client = SyncClient(ADDRESS, token=TOKEN, device_id="leaver")
        client.connect(10)
        print(client.channel("last-words").emit(Log("bye"), critical=True).name)
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "QUEUED\n", "")
    with client_of(gateway, "bench-1") as client:
        assert client.events(channels=["last-words"], history=1).next(HANG_S).data == Log("bye")


@pytest.mark.parametrize(
    "last", ["", "raise SystemExit(0)", "import os, gc; client = None; gc.collect()", "client.close(); client.close()"]
)
def test_a_program_ends_while_its_client_hangs_in_a_connect(last: str) -> None:
    with socket.socket() as hole, socket.socket() as filler:
        hole.bind(("127.0.0.1", free_port()))
        hole.listen(0)
        filler.setblocking(False)
        filler.connect_ex(hole.getsockname())  # the backlog is full now: nobody else is answered
        done = run_program(
            f"http://127.0.0.1:{hole.getsockname()[1]}",
            "t",
            f"""
            client = SyncClient(ADDRESS, token=TOKEN, transports=["websocket"])
            try:
                client.connect(0.2)
            except LinkError as error:
                print("no answer")
            {last}
            """,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "no answer\n", "")


def test_a_program_ends_while_a_name_lookup_hangs() -> None:
    done = run_program(
        "http://nowhere.invalid:9",
        "t",
        """
        import socket, threading
        socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
        client = SyncClient(ADDRESS, token=TOKEN, transports=["tcp"])
        try:
            client.connect(0.2)
        except LinkError as error:
            print("no answer")
        client.close()
        print(client.state.name)
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "no answer\nCLOSED\n", "")


def test_ctrl_c_ends_a_wait_and_nothing_else(gateway: GatewayProcess) -> None:
    done = run_program(
        gateway.address,
        gateway.token(),
        """
        import os, signal, threading
        with SyncClient(ADDRESS, token=TOKEN, device_id="interrupted") as client:
            events = client.events(channels=["interrupted"], history=1)
            threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            try:
                next(events)
            except KeyboardInterrupt:
                print("interrupted")
            print(client.publish("interrupted", Log("after")).name, next(events).data.text)
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\nSTORED after\n", "")


def test_a_background_answers_what_came_in_its_last_moment() -> None:
    background = Background("test")
    assert background.call(threading.current_thread) is not threading.current_thread()

    async def last() -> None:
        pass

    answers = [elsewhere(lambda: background.call(lambda: 1)) for _ in range(20)]
    background.close(last)
    assert [answer.result(HANG_S) for answer in answers] == [1] * 20
    with pytest.raises(CallerError, match="closed"):
        background.wait(last)
