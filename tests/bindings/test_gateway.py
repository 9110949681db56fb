"""The clients of the bindings beside a real gateway: Node.js over JSON polling and over WebSocket, Go over JSON polling."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bindings import built
from tests.bindings.talker import Talker
from tests.support.ports import free_port
from tests.support.process import GatewayProcess

HELD = ["node-longpoll", "go-longpoll"]
WAYS = ["node-polling", "node-websocket", "go-polling"]
POLLING = ["node-polling", "go-polling", *HELD]


class Way:
    """A program, and how it reaches a gateway."""

    def __init__(self, name: str) -> None:
        self.name = name
        language, transport = name.split("-")
        self.held = transport == "longpoll"
        self.transport = "websocket" if transport == "websocket" else "polling"
        self.command: list[str | Path] = (
            ["node", built.typescript() / "programs" / "talk.js"]
            if language == "node"
            else [built.go() / "bin" / "talk"]
        )

    def talk(self, gateway: GatewayProcess, **told: Any) -> Talker:
        if self.transport == "websocket":
            told["webSocket"] = True
        if self.held:
            told["holdMs"] = 20_000
        return Talker(self.command, told.pop("address", gateway.address), told.pop("token", gateway.token()), **told)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture(params=[*WAYS, *HELD])
def every_way(request: pytest.FixtureRequest) -> Way:
    """Long polling too, where it could make a difference."""
    return Way(request.param)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One that stores what it is given, for all tests; a test that kills it starts it again."""
    folder = tmp_path_factory.mktemp("gateway")
    process = GatewayProcess(folder, f"sqlite:{folder / 'log.sqlite'}")
    process.start()
    yield process
    process.kill()


def test_what_it_publishes_is_stored_and_heard_once_and_in_order(gateway: GatewayProcess, every_way: Way) -> None:
    with every_way.talk(gateway, device="one", channel=f"order-{every_way.name}") as talker:
        assert talker.hear("transport")[1] == every_way.transport
        talker.hear("subscribed")
        for text in ("a", "b", "c"):
            talker.tell("publish", text)
            talker.hear("stored", text, "stored")
        talker.tell("critical", "d")
        talker.hear("stored", "d", "stored")
        talker.tell("send", "e")  # the same as a RealtimeMessage
        talker.hear("stored", "e", "stored")
        assert talker.heard_until("e") == ["a", "b", "c", "d", "e"]
        talker.tell("close")
        talker.hear("closed")
        assert talker.ended() == 0


def test_after_a_gateway_was_killed_nothing_is_missing_and_nothing_comes_twice(
    gateway: GatewayProcess, every_way: Way
) -> None:
    with every_way.talk(gateway, device="two", channel=f"cut-{every_way.name}") as talker:
        talker.hear("subscribed")
        talker.tell("critical", "before")
        talker.hear("stored", "before")
        talker.heard_until("before")
        gateway.kill()
        talker.tell("critical", "meanwhile-1")
        talker.tell("critical", "meanwhile-2")
        talker.hear("state", "reconnecting")
        gateway.start()
        talker.hear("stored", "meanwhile-2")
        talker.tell("critical", "after")
        talker.hear("stored", "after")
        assert talker.heard_until("after") == ["before", "meanwhile-1", "meanwhile-2", "after"]


@pytest.mark.parametrize("name", POLLING)
def test_a_lost_reply_neither_loses_nor_doubles_an_event(gateway: GatewayProcess, name: str) -> None:
    """Every third reply is thrown away when the gateway has done its part: lossy events too come once."""
    way = Way(name)
    texts = [str(number) for number in range(8)]
    with way.talk(gateway, device="leaky", channel=f"leak-{name}", lose=True) as talker:
        talker.hear("subscribed")
        for text in texts:
            talker.tell("publish", text)
            talker.hear("stored", text, "stored")
        assert talker.heard_until(texts[-1]) == texts
        assert [line for line in talker.said if line[:2] == ["state", "reconnecting"]], "no reply was lost"


def test_a_held_poll_is_no_delay_for_what_is_published_meanwhile(gateway: GatewayProcess) -> None:
    """Both hold for 20 s: what one publishes while both wait is stored and heard all the same."""
    channel = "held"
    ways = [Way("node-longpoll"), Way("go-longpoll")]
    first = ways[0].talk(gateway, device="held-1", channel=channel)
    second = ways[1].talk(gateway, device="held-2", channel=channel)
    with first as one, second as other:
        one.hear("subscribed")
        other.hear("subscribed")
        for number, talker in enumerate((one, other, one, other)):
            talker.tell("publish", str(number))
            talker.hear("stored", str(number), "stored")
        for talker in (one, other):
            assert talker.heard_until("3") == ["0", "1", "2", "3"]


@pytest.mark.parametrize("name", ["node-websocket", "node-polling", "go-polling"])
def test_a_pattern_hears_every_channel_that_fits_and_after_a_cut_those_that_begun_meanwhile(
    gateway: GatewayProcess, name: str
) -> None:
    way = Way(name)
    beginning = f"fits-{name}-"
    with Way("node-websocket").talk(gateway, device="source", channel=f"{beginning}old") as source:
        source.hear("subscribed")
        source.tell("publish", "before")
        source.hear("stored", "before")
        with way.talk(gateway, device="watcher", channel=f"{beginning}*") as watcher:
            watcher.hear("subscribed")
            source.tell("publish", "old-1")
            source.hear("stored", "old-1")
            watcher.heard_until("old-1")
            source.tell("publish-in", f"{beginning}new")
            source.hear("stored", f"{beginning}new")
            watcher.heard_until(f"{beginning}new")
            gateway.kill()
            watcher.hear("state", "reconnecting")
            gateway.start()
            for text in ("late", "later"):
                source.tell("publish-in", f"{beginning}{text}")
                source.hear("stored", f"{beginning}{text}")
            source.tell("publish", "old-2")
            source.hear("stored", "old-2")
            while len(watcher.heard()) < 5:
                watcher.hear("heard")
    expected = ["old-1", "old-2", *(f"{beginning}{text}" for text in ("late", "later", "new"))]
    assert sorted(watcher.heard()) == sorted(expected)


def test_a_later_run_goes_on_with_the_last_entries(gateway: GatewayProcess, way: Way) -> None:
    channel = f"last-{way.name}"
    with way.talk(gateway, device="first-run", channel=channel) as talker:
        talker.hear("subscribed")
        for text in ("x", "y", "z"):
            talker.tell("publish", text)
            talker.hear("stored", text)
    with way.talk(gateway, device="second-run", channel=channel, start={"last": 2}) as talker:
        assert talker.heard_until("z") == ["y", "z"]


def test_a_token_that_is_refused_is_a_clear_error_and_the_end(gateway: GatewayProcess, way: Way) -> None:
    with way.talk(gateway, token="not.a.token") as talker:
        _, code, fault, what, _, next_step = talker.hear("error")
        assert (code, fault) == ("credential", "caller")
        assert "token is not accepted" in what
        assert "--print-token" in next_step
        assert talker.ended() == 1


def test_a_channel_name_that_no_gateway_takes_is_the_callers_mistake(gateway: GatewayProcess, way: Way) -> None:
    with way.talk(gateway, channel="No Channel") as talker:
        _, code, fault, what, value, next_step = talker.hear("error")
        assert (fault, value) == ("caller", "No Channel"), code
        assert "not valid" in what
        assert "1 to 64" in next_step


def test_without_a_gateway_it_tries_again_with_growing_waits_and_then_says_so(way: Way) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with Talker(way.command, address, "a.b.c", timeoutMs=3000, webSocket=way.transport == "websocket") as talker:
        _, code, fault, what, *_ = talker.hear("error")
        # The first of these states has no reason: nothing was tried yet. A wait may be so short that it is told as 0 ms.
        waits = [line[2] for line in talker.said if line[:2] == ["state", "connecting"] and line[3]]
    assert (code, fault) == ("link", "link")
    assert what
    # The first within the spread, the others between the floor and a ceiling that doubles up to the cap.
    assert waits
    assert 0 <= waits[0] <= 250
    for place, wait in enumerate(waits[1:]):
        assert 250 <= wait <= min(10_000, 1000 * 2**place)
