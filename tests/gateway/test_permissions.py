"""Who may do what in which channel: pairs of what a token holds and what a channel asks for, and what a running session hears."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flight_client import Log
from flight_client.errors import CallerError, RefusedError
from flight_client.gateway.auth import Identity, make_token
from flight_client.gateway.channel_rules import ChannelRules, parse_rules
from flight_client.gateway.engines.memory import MemoryEngine
from flight_client.gateway.hub import Hub
from flight_client.gateway.rule_file import FILE_BYTES
from flight_client.session import spec
from flight_client.wire.frames import encode_frame
from tests.gateway.desk import skip_records
from tests.support.bench import Bench
from tests.support.raw import Frame, RawPoller, RawStream, lossy_frame, open_frame
from tests.support.waiting import eventually, within

PUBLISH, SUBSCRIBE = spec.MODE_PUBLISH, spec.MODE_SUBSCRIBE
BOTH = PUBLISH | SUBSCRIBE
RULES = """
[channels."system-monitoring"]
required_permissions = ["admin", "system-monitoring"]
[channels."logs"]
required_permissions = ["viewer"]
[channels."debug.*"]
required_permissions = ["developer", "debug"]
[channels."debug.heap.*"]
required_permissions = ["debug"]
[channels."debug.closed"]
required_permissions = []
[channels."a*"]
required_permissions = ["a"]
[channels."team/*"]
required_permissions = ["team"]
[channels."ops"]
required_permissions = ["administer"]
"""

# roles, permissions, channel, mode: all of these are refused
REFUSED = [
    # No role gives the right, whatever the permissions say.
    ("viewer", "", "free", PUBLISH),
    ("viewer", "publish", "free", PUBLISH),
    ("viewer", "developer admin", "free", PUBLISH),
    ("viewer", "", "free", BOTH),
    ("subscribe", "", "free", PUBLISH),
    ("subscribe", "publish", "free", PUBLISH),
    ("publish", "", "free", SUBSCRIBE),
    ("publish", "subscribe viewer", "free", SUBSCRIBE),
    ("publish", "", "free", BOTH),
    ("administer", "", "free", PUBLISH),
    ("administer", "", "free", SUBSCRIBE),
    ("administer", "publish subscribe", "free", BOTH),
    ("administer", "", "ops", SUBSCRIBE),
    ("", "", "free", SUBSCRIBE),
    ("", "subscribe", "free", SUBSCRIBE),
    ("", "admin", "free", PUBLISH),
    # All of what is required, not one of it.
    ("admin", "", "system-monitoring", SUBSCRIBE),
    ("admin", "", "system-monitoring", PUBLISH),
    ("developer", "system-monitoring", "system-monitoring", SUBSCRIBE),
    ("viewer", "system-monitoring", "system-monitoring", SUBSCRIBE),
    ("admin", "system", "system-monitoring", SUBSCRIBE),
    ("admin", "monitoring", "system-monitoring", SUBSCRIBE),
    ("admin", "system-monitoring-2", "system-monitoring", SUBSCRIBE),
    ("admin", "system_monitoring", "system-monitoring", SUBSCRIBE),
    ("admin", "system.monitoring", "system-monitoring", SUBSCRIBE),
    ("developer", "", "debug.log", SUBSCRIBE),
    ("viewer", "debug", "debug.log", SUBSCRIBE),
    ("publish subscribe", "debug", "debug.log", SUBSCRIBE),
    ("publish subscribe", "debug", "debug.log", PUBLISH),
    ("developer", "debug.log", "debug.log", SUBSCRIBE),
    ("developer", "debug.x", "debug.log", SUBSCRIBE),
    ("admin", "debug2", "debug.log", BOTH),
    ("developer viewer", "", "debug.log", BOTH),
    # A plain right is not the role that includes it.
    ("subscribe", "", "logs", SUBSCRIBE),
    ("publish subscribe", "", "logs", SUBSCRIBE),
    ("publish subscribe", "view", "logs", SUBSCRIBE),
    ("publish", "viewer", "logs", SUBSCRIBE),
    # A viewer may not write where a viewer may read.
    ("viewer", "", "logs", PUBLISH),
    ("viewer", "viewer", "logs", BOTH),
    # The rule that says the most of the name holds.
    ("developer", "", "debug.heap.a", SUBSCRIBE),
    ("admin", "", "debug.heap.a", SUBSCRIBE),
    ("viewer", "debug", "debug.heap.a", PUBLISH),
    ("admin", "heap", "debug.heap.a.b", SUBSCRIBE),
    ("developer", "", "debug.heap", SUBSCRIBE),
    ("viewer", "debug", "debug.heap", SUBSCRIBE),
    # Nobody.
    ("admin", "", "debug.closed", SUBSCRIBE),
    ("admin", "debug", "debug.closed", SUBSCRIBE),
    ("admin developer viewer", "debug", "debug.closed", PUBLISH),
    ("admin", "debug.closed", "debug.closed", BOTH),
    # A star stands for every rest, dots and slashes included.
    ("admin", "", "a", SUBSCRIBE),
    ("admin", "", "a.b", SUBSCRIBE),
    ("admin", "", "ab", PUBLISH),
    ("admin", "", "a/b/c", BOTH),
    ("admin", "b", "a.b", SUBSCRIBE),
    ("admin", "a.b", "a.b", SUBSCRIBE),
    ("admin", "", "team/x", SUBSCRIBE),
    ("admin", "x", "team/x", SUBSCRIBE),
    ("admin", "team2", "team/x/y", SUBSCRIBE),
    # administer is a right of its own.
    ("developer", "", "ops", SUBSCRIBE),
    ("developer", "admin", "ops", SUBSCRIBE),
    ("viewer", "", "ops", PUBLISH),
    ("publish subscribe", "", "ops", BOTH),
]
ALLOWED = [
    ("viewer", "", "free", SUBSCRIBE),
    ("developer", "", "free", BOTH),
    ("admin", "", "free", BOTH),
    ("publish", "", "free", PUBLISH),
    ("subscribe", "", "free", SUBSCRIBE),
    ("publish subscribe", "", "free", BOTH),
    ("admin", "system-monitoring", "system-monitoring", BOTH),
    ("viewer", "", "logs", SUBSCRIBE),
    ("developer", "", "logs", BOTH),
    ("subscribe", "viewer", "logs", SUBSCRIBE),
    ("developer", "debug", "debug.log", BOTH),
    ("admin", "debug", "debug.log", BOTH),
    ("viewer", "debug", "debug.heap.a", SUBSCRIBE),
    ("developer", "debug", "debug.heap", BOTH),
    ("viewer", "a", "a.b", SUBSCRIBE),
    ("developer", "team", "team/x/y", BOTH),
    ("developer", "", "team", BOTH),  # the rule is for what is below it
    ("developer", "", "debug", BOTH),
    ("developer", "", "debugger", BOTH),
    ("admin", "", "ops", BOTH),
    ("developer administer", "", "ops", BOTH),
]


def shown(pair: tuple[str, str, str, int]) -> str:
    return f"{pair[0] or 'no role'}+{pair[1] or 'nothing'} in {pair[2]} {pair[3]}"


def identity(roles: str, permissions: str) -> Identity:
    return Identity("*", frozenset(roles.split()), 1 << 33, "key", permissions=frozenset(permissions.split()))


@pytest.fixture
def rules(tmp_path: Path) -> ChannelRules:
    path = tmp_path / "channels.toml"
    path.write_text(RULES)
    return ChannelRules(path)


def test_there_are_at_least_sixty_refused_pairs() -> None:
    print(f"{len(REFUSED)} pairs refused, {len(ALLOWED)} allowed")
    assert len(set(REFUSED)) == len(REFUSED) >= 60


@pytest.mark.parametrize("pair", REFUSED, ids=shown)
async def test_a_pair_is_refused_with_one_code(rules: ChannelRules, pair: tuple[str, str, str, int]) -> None:
    hub = Hub(MemoryEngine(skip_records), permit=rules)
    with pytest.raises(RefusedError) as caught:
        hub.open_channel(identity(*pair[:2]), *pair[2:])
    assert caught.value.code == spec.CODE_FORBIDDEN
    assert hub.channels() == []


@pytest.mark.parametrize("pair", ALLOWED, ids=shown)
async def test_a_pair_is_allowed(rules: ChannelRules, pair: tuple[str, str, str, int]) -> None:
    Hub(MemoryEngine(skip_records), permit=rules).open_channel(identity(*pair[:2]), *pair[2:])


def with_rules(folder: Path, text: str = RULES, **settings: Any) -> Bench:
    path = folder / "channels.toml"
    path.write_text(text)
    return Bench(folder, channel_rules=path, **settings)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = with_rules(tmp_path)
    await made.start()
    yield made
    await made.stop()


def new(bench: Bench, roles: str, permissions: str = "", life_s: int = 600, device: str = "raw-1") -> str:
    return make_token(bench.gateway.key, device, roles.split(), life_s, permissions=permissions.split())


async def test_a_running_gateway_refuses_every_pair_with_the_code_and_words(bench: Bench) -> None:
    by_token: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for roles, permissions, channel, mode in REFUSED:
        if roles:
            by_token.setdefault((roles, permissions), []).append((channel, mode))
    refused = 0
    async with RawPoller(bench.address) as poller:
        for (roles, permissions), wanted in by_token.items():
            session = await poller.hello(new(bench, roles, permissions))
            opens = [open_frame(index + 1, name.encode(), mode) for index, (name, mode) in enumerate(wanted)]
            answers = [
                frame for frame in await poller.poll(session.poll_frame(1), *opens) if frame.kind == spec.TYPE_OPENED
            ]
            assert [(frame.code, frame.payload[1]) for frame in answers] == [(spec.CODE_FORBIDDEN, 0)] * len(wanted)
            assert all(wanted[index][0].encode() in frame.payload for index, frame in enumerate(answers))
            refused += len(answers)
    print(f"{refused} pairs refused by a gateway")
    assert refused >= 58
    assert bench.gateway.hub.channels() == []


def token_frame(token: str) -> bytes:
    return encode_frame(spec.TYPE_TOKEN, 0, 0, 0, 0, len(token).to_bytes(2, "little") + token.encode())


async def test_a_refresh_that_loses_a_permission_ends_delivery_at_once(bench: Bench) -> None:
    """What was on its way and not acknowledged does not come again either."""
    device = await bench.connected("writer", token=new(bench, "developer", "debug", device="writer"))
    async with RawStream(bench.address) as raw:
        await raw.hello(new(bench, "developer", "debug"))
        await raw.open(1, b"debug.log", BOTH)
        await raw.open(2, b"free", SUBSCRIBE)
        assert device.channel("debug.log").emit(Log("secret 1"), critical=True).accepted
        assert b"secret 1" in (await raw.expect(spec.TYPE_DELIVER)).payload
        await raw.send(token_frame(new(bench, "developer", life_s=3600)))
        assert (await raw.expect(spec.TYPE_RENEWED)).code == spec.CODE_OK
        closed = await raw.expect(spec.TYPE_OPENED)
        assert (closed.channel, closed.code, closed.payload[1]) == (1, spec.CODE_FORBIDDEN, 0)
        assert b"debug.log" in closed.payload
        assert device.channel("debug.log").emit(Log("secret 2"), critical=True).accepted
        assert device.channel("free").emit(Log("open"), critical=True).accepted
        assert await within(device.flush(10), 20)
        await raw.send(encode_frame(spec.TYPE_RESEND, 0, 0, 0, 0, b""))
        seen: list[Frame] = []
        while not any(b"open" in frame.payload for frame in seen):
            frame = await raw.frame()
            assert frame is not None
            seen.append(frame)
        assert not any(b"secret" in frame.payload for frame in seen)
        await raw.send(lossy_frame(1))
        refused = await raw.expect(spec.TYPE_REFUSED)
        assert refused.payload[4] == spec.CODE_UNKNOWN_CHANNEL


async def test_a_client_hears_that_its_channel_is_forbidden(bench: Bench) -> None:
    tool = await bench.connected("tool", token=new(bench, "viewer", device="tool"))
    stream = tool.events("log", channels=["debug.log"])
    with pytest.raises(RefusedError, match="does not allow") as caught:
        await within(anext(stream))
    assert caught.value.code == spec.CODE_FORBIDDEN
    free = tool.events("log", channels=["free"])  # the connection goes on
    device = await bench.connected("writer", token=new(bench, "developer", device="writer"))
    await eventually(lambda: bench.gateway.hub.subscribers() == 1, "the subscription")
    assert device.channel("free").emit(Log("hello"), critical=True).accepted
    assert (await within(anext(free))).data == Log("hello")


async def test_new_rules_hold_for_running_sessions_and_bad_ones_change_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    path = bench.folder / "channels.toml"
    gateway = bench.gateway
    async with RawStream(bench.address) as raw:
        await raw.hello(new(bench, "developer", "debug"))
        assert (await raw.open(1, b"debug.log", BOTH)).code == spec.CODE_OK
        path.write_text("[channels]\nwhat = 1")
        gateway.security.look(gateway.registry)
        assert "the rules known so far stay" in caplog.text
        assert gateway.hub.subscribers() == 1
        path.write_text('[channels."debug.*"]\nrequired_permissions = []\n')
        gateway.security.look(gateway.registry)
        assert (await raw.expect(spec.TYPE_OPENED)).code == spec.CODE_FORBIDDEN
        assert gateway.hub.subscribers() == 0


async def test_a_token_for_longer_does_not_bring_back_a_closed_channel(bench: Bench) -> None:
    async with RawStream(bench.address) as raw:
        await raw.hello(new(bench, "viewer"))
        assert (await raw.open(1, b"system-monitoring", SUBSCRIBE)).code == spec.CODE_FORBIDDEN
        await raw.send(token_frame(new(bench, "admin", "system-monitoring", 3600)))
        assert (await raw.expect(spec.TYPE_RENEWED)).code == spec.CODE_OK
        assert bench.gateway.hub.subscribers() == 0  # the device asks again
        assert (await raw.open(1, b"system-monitoring", SUBSCRIBE)).code == spec.CODE_OK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "something other than a table"),
        ("[channels", "neither TOML nor JSON"),
        ('{"channels": {}', "neither TOML nor JSON"),
        ('{"channels": {}, "channels": {}}', "neither TOML nor JSON"),
        ('{"channels": []}', "something other than a table"),
        ('{"channels": {}, "more": 1}', "something other than a table"),
        ('[channels."Log"]\nrequired_permissions = []', "is no channel"),
        ('[channels.""]\nrequired_permissions = []', "is no channel"),
        ('[channels."a*b"]\nrequired_permissions = []', "is no channel"),
        ('[channels."**"]\nrequired_permissions = []', "is no channel"),
        ('[channels."acme:log"]\nrequired_permissions = []', "is no channel"),
        ('[channels."a/../b"]\nrequired_permissions = []', "is no channel"),
        ("[channels.log]\n", "something other than required_permissions"),
        ('[channels.log]\nrequired = ["x"]', "something other than required_permissions"),
        ('[channels.log]\nrequired_permissions = ["x"]\nmore = 1', "something other than required_permissions"),
        ("[channels.log]\nrequired_permissions = 'admin'", "no list of names"),
        ("[channels.log]\nrequired_permissions = ['*']", "no list of names"),
        ("[channels.log]\nrequired_permissions = ['debug.*']", "no list of names"),
        ("[channels.log]\nrequired_permissions = [1]", "no list of names"),
        ("[channels.log]\nrequired_permissions = ['']", "no list of names"),
        ("[channels.log]\nrequired_permissions = [['a']]", "no list of names"),
    ],
)
def test_a_doubtful_channels_file_ends_the_start(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "channels.toml"
    path.write_text(text)
    with pytest.raises(CallerError, match=said) as caught:
        ChannelRules(path)
    assert str(path) in str(caught.value)


async def test_a_gateway_does_not_start_without_the_channels_file_it_was_given(tmp_path: Path) -> None:
    bench = Bench(tmp_path, channel_rules=tmp_path / "not-there.toml")
    with pytest.raises(CallerError, match="channels file cannot be read"):
        await bench.start()


def test_json_and_the_guides_name_say_the_same(tmp_path: Path) -> None:
    toml = parse_rules(b'[channels."debug.*"]\nrequired_permissions = ["admin", "x"]', tmp_path / "a.toml")
    json = parse_rules(b'{"channels": {"debug.*": {"requiredPermissions": ["admin", "x"]}}}', tmp_path / "a.json")
    assert toml == json == {"debug.*": {"admin", "x"}}


def test_a_role_stands_for_what_it_includes_and_a_permission_for_no_right() -> None:
    assert identity("admin", "").held() >= identity("developer", "").held() >= identity("viewer", "").held()
    assert identity("king", "").held() == frozenset()
    assert identity("admin", "").may("administer")
    assert not identity("developer", "administer").may("administer")


def test_a_channels_file_of_the_largest_size_is_read_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    rules = "".join(f'[channels."c{number}"]\nrequired_permissions = ["p{number % 7}"]\n' for number in range(15_000))
    data = rules.encode()
    assert len(data) < FILE_BYTES
    path = tmp_path / "channels.toml"
    path.write_bytes(data + b"#" * (FILE_BYTES - len(data)))
    made = ChannelRules(path)
    assert made.required("c14999") == frozenset({"p5"})
    path.write_bytes(data + b"#" * (FILE_BYTES + 1 - len(data)))
    assert not made.look(), "what cannot be read changes nothing"
    assert made.required("c14999") == frozenset({"p5"})
    with pytest.raises(CallerError, match="is larger than 1048576 bytes"):
        ChannelRules(path)
