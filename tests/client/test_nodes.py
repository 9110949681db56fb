"""A client with several gateways: which one it tries, when it goes on to the next, and what it is told of bad lists."""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from flight_client import Client, Log, Outcome, SyncClient
from flight_client.capture.replay import replay
from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.key_files import KEY_FILE
from flight_client.nodes import Nodes
from flight_client.session.common.profile import profile_of
from flight_client.session.device.policy import Policy
from flight_client.session.spec import (
    CODE_BUSY,
    CODE_UNKNOWN_SESSION,
    TRANSPORT_POLLING,
    TRANSPORT_WEBSOCKET,
)
from flight_client.sources import MOST_NODES, fixed_addresses
from flight_client.transports import Address
from tests.support.bench import Bench, Reader, component, hurry, numbers, subscribed
from tests.support.ports import free_port
from tests.support.waiting import eventually, within

A, B, C = (Address.parse(f"http://{name}:8080") for name in "abc")
RETRIES = 3


class Desk:
    """Nodes and the real policy beside each other, as the driver has them; the clock is a number."""

    def __init__(self, addresses: tuple[Address, ...] = (A, B, C), transports: tuple[int, ...] = (2, 3)) -> None:
        profile = profile_of("host")
        assert profile is not None
        assert profile.max_retries == RETRIES
        assert (TRANSPORT_WEBSOCKET, TRANSPORT_POLLING) == (2, 3)
        self.policy = Policy(profile, transports)
        self.nodes = Nodes(addresses, RETRIES, lambda _order: None)
        self.connections = 0
        self.now = 0

    def attempt(self, *, alive: bool = False, lives_ms: int = 60_000) -> tuple[Address, int]:
        """One attempt and its end; where it went."""
        went = self.nodes.current(), self.policy.transport()
        self.nodes.opening(went[1])
        if alive:
            self.connections += 1
            self.policy.heard()
            self.policy.ready(self.now)
            self.now += lives_ms
        self.policy.failed(self.now)
        self.nodes.failed(self.policy, self.connections)
        return went


def test_clients_spread_evenly_over_the_nodes() -> None:
    seed = 20_261_123
    print(f"seed {seed}")
    chance = random.Random(seed)
    first = Counter(Nodes((A, B, C), RETRIES, chance.shuffle).current() for _ in range(3000))
    assert all(900 < first[node] < 1100 for node in (A, B, C)), first


def test_the_order_behind_the_first_is_drawn_too_so_that_the_clients_of_a_dead_node_spread() -> None:
    seed = 7
    print(f"seed {seed}")
    chance = random.Random(seed)
    second: Counter[Address] = Counter()
    while second.total() < 2000:
        desk = Desk()
        desk.nodes = Nodes((A, B, C), RETRIES, chance.shuffle)
        if desk.nodes.current() == A:
            while desk.nodes.current() == A:
                desk.attempt()
            second[desk.nodes.current()] += 1
    assert all(900 < second[node] < 1100 for node in (B, C)), second


def test_a_lost_connection_is_tried_again_at_its_node_before_the_next_one_is() -> None:
    desk = Desk()
    went = [desk.attempt(alive=True)[0], *[desk.attempt()[0] for _ in range(RETRIES + 1)]]
    assert went == [A] * (RETRIES + 1) + [B]


def test_every_node_is_tried_on_a_transport_before_the_client_steps_down() -> None:
    desk = Desk()
    went = [desk.attempt() for _ in range(3 * RETRIES + 1)]
    assert [node for node, _ in went] == [A] * 3 + [B] * 3 + [C] * 3 + [A]
    assert [transport for _, transport in went] == [TRANSPORT_WEBSOCKET] * 9 + [TRANSPORT_POLLING]


def test_with_one_transport_the_nodes_go_round() -> None:
    desk = Desk(transports=(TRANSPORT_WEBSOCKET,))
    went = [desk.attempt()[0] for _ in range(4 * RETRIES)]
    assert went == [A] * 3 + [B] * 3 + [C] * 3 + [A] * 3


def test_a_session_wipes_out_the_failures_before_it() -> None:
    desk = Desk()
    went = [desk.attempt(alive=alive)[0] for alive in (False, False, True, False, False)]
    assert went == [A] * 5, "two of three, and two of three"


def test_after_a_session_every_node_counts_anew_before_the_client_steps_down() -> None:
    desk = Desk()
    for alive in (False,) * (2 * RETRIES) + (True,):
        desk.attempt(alive=alive)
    went = [desk.attempt() for _ in range(3 * RETRIES)]
    assert [node for node, _ in went] == [C] * 3 + [A] * 3 + [B] * 3
    assert {transport for _, transport in went} == {TRANSPORT_WEBSOCKET}


def test_a_connection_that_lived_shortly_does_not_send_the_client_to_a_lesser_transport() -> None:
    """The policy counts its loss as a failure, the nodes do not: they must not get out of step."""
    desk = Desk()
    desk.attempt(alive=True, lives_ms=10)
    went = [desk.attempt() for _ in range(2 * RETRIES)]
    assert {transport for _, transport in went} == {TRANSPORT_WEBSOCKET}
    assert {node for node, _ in went} >= {A, B}


def test_a_gateway_that_says_when_to_come_back_is_left_at_once() -> None:
    desk = Desk()
    desk.attempt(alive=True)
    assert desk.nodes.current() == A
    desk.nodes.sent_away()
    desk.attempt(alive=True)
    assert desk.nodes.current() == B
    desk.attempt(alive=True)
    assert desk.nodes.current() == B, "it was sent away once"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("http://a:1,", "not a gateway address"),
        ("http://a:1,,http://b:1", "not a gateway address"),
        ("http://a:1, http://a:1", "stands twice"),
        ("http://a:8080,a", "stands twice"),
        ("http://a:1,tcp://b:1", "different kinds"),
        (["http://a:1", "pipe://b:1"], "different kinds"),
        ([], "wrong length"),
        ([f"http://node-{number}:1" for number in range(MOST_NODES + 1)], "wrong length"),
        ("http://a:1,http://user:hunter2@b:1", "not a gateway address"),
        (["http://a:1,http://b:1"], "not a gateway address"),
    ],
)
def test_a_list_that_cannot_work_is_refused_with_the_value(given: str | list[str], said: str) -> None:
    with pytest.raises(CallerError, match=said) as caught:
        Client(given, token="t")
    assert "hunter2" not in str(caught.value)
    assert caught.value.next_step


def test_a_transport_that_one_of_the_nodes_has_not_is_left_out_or_refused() -> None:
    secure = "http://a:1,https://b:1"  # TLS leaves no raw TCP
    client = Client(secure, token="t", transports=None, platform="dreamcast")
    assert {client.transport} <= {"websocket", "polling"}
    with pytest.raises(CallerError, match="https://b:1 leads to no tcp"):
        Client(secure, token="t", transports=["tcp"])


def test_a_text_with_commas_and_a_sequence_are_the_same() -> None:
    assert fixed_addresses("http://a:8080, b:8080") == fixed_addresses(["http://a:8080", B]) == (A, B)
    assert fixed_addresses(lambda: "http://a:8080") == ()


async def test_a_client_whose_first_node_is_dead_from_the_start_gets_to_the_other(bench: Bench) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    for number in range(4):  # whichever comes first in its order
        client = hurry(bench.client(f"bench-{number}", "websocket", address=f"{nowhere},{bench.address}"))
        await within(client.connect())
        assert str(client.address) == bench.address
        assert await within(client.channel("log").publish(Log("here"))) is Outcome.STORED


async def test_a_recording_of_a_client_that_changed_its_node_can_be_replayed(bench: Bench, tmp_path: Path) -> None:
    nowhere = Address.parse(f"http://127.0.0.1:{free_port()}")
    capture = tmp_path / "session.flight"
    client = hurry(bench.client("bench-1", "websocket", "polling", address=[nowhere, bench.address], capture=capture))
    nodes = client._driver.nodes
    assert nodes is not None
    nodes._order.sort(key=lambda address: address != nowhere)
    await within(client.connect())
    assert (str(client.address), client.transport) == (bench.address, "websocket")
    assert client._session.policy.switches == 2, "the policy stepped down, the nodes took it back"
    assert client.counters().transport_switches == 0
    await within(client.close())
    report = replay(capture)
    assert report.difference is None
    assert report.happenings > 0


def test_a_sync_client_takes_the_same_list(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="stands twice"):
        SyncClient(["http://a:1", "http://a:1"], token="t")
    SyncClient("http://a:1,http://b:1", token="t").close()


def beside(bench: Bench, folder: Path) -> Path:
    """The folder of another gateway with the same key."""
    folder.mkdir()
    shutil.copy2(bench.folder / KEY_FILE, folder / KEY_FILE)
    return folder


async def test_a_full_node_sends_the_client_on_at_once(bench: Bench, tmp_path: Path) -> None:
    full = Bench(beside(bench, tmp_path / "full"), sessions=1)
    await full.start()
    only_one = await full.connected("only-one", token=full.token())
    token = bench.token()
    client = hurry(bench.client("bench-1", "websocket", address=[full.address, bench.address], token=token))
    assert client._driver.nodes is not None
    client._driver.nodes._order.sort(key=lambda address: str(address) != full.address)
    client._driver.address = client._driver.nodes.current()
    waits: list[int] = []
    hint = client._session.policy.hint

    def noted(retry_after_ms: int) -> None:
        waits.append(retry_after_ms)
        hint(1)

    client._session.policy.hint = noted  # type: ignore[method-assign]
    await within(client.connect())
    assert str(client.address) == bench.address
    assert waits == [5000], "one refusal was enough"
    assert full.gateway.registry.counters.by_code == {CODE_BUSY: 1}
    await within(only_one.close())
    await within(full.gateway.stop())


async def test_a_gateway_that_stops_hands_its_clients_to_the_other_one_without_loss(
    tmp_path: Path, bench: Bench
) -> None:
    """Separate logs: the critical event that is not acknowledged goes with the client."""
    other = Bench(beside(bench, tmp_path / "two"))
    await other.start()
    device = hurry(bench.client("bench-1", "websocket", address=[bench.address, other.address]))
    await within(device.connect())
    first, second = (bench, other) if str(device.address) == bench.address else (other, bench)
    await within(first.gateway.stop())
    tool = await second.connected("tool", token=bench.token())
    reader = Reader(tool.events("component-update"))
    await subscribed(tool)
    for number in range(1, 6):
        device.channel("component-events").emit(component(number), critical=True)
    assert numbers(await reader.take(5)) == [1, 2, 3, 4, 5]
    assert str(device.address) == second.address
    await eventually(lambda: device.counters().queued == 0)
    assert isinstance(device.last_error, RefusedError)
    assert device.last_error.code == CODE_UNKNOWN_SESSION, "RESET at the other node, then HELLO"
    assert device.counters().connections == 2
    await within(tool.close())
    if first is bench:
        await bench.start()
    else:
        await other.start()
    await within(device.close())
    await within(other.gateway.stop())
