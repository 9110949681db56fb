"""`flight token` and `flight device-key`: what they write is what a gateway reads, and mistakes are told in words."""

import stat
from pathlib import Path

import pytest

from flight_client import Client, ConnectionState, RefusedError
from flight_client.cli.main import main
from flight_client.errors import CallerError
from flight_client.gateway.auth import TokenVerifier, development_key, make_token
from flight_client.gateway.device_keys import load_device_keys
from flight_client.gateway.revoked import FILE, RevokedTokens, read_revoked
from tests.support.bench import Bench
from tests.support.waiting import within

Capture = pytest.CaptureFixture[str]


async def test_a_revoked_token_ends_running_sessions_and_lets_nobody_in(tmp_path: Path, capsys: Capture) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    folder = ["--state-dir", str(tmp_path)]
    assert main(["token", "new", "--device", "dc-1", *folder]) == 0
    token = capsys.readouterr().out.strip()
    client = bench.client("dc-1", token=token)
    await within(client.connect())
    assert main(["token", "revoke", token, *folder]) == 0
    assert "revoked: the token for dc-1" in capsys.readouterr().out
    bench.gateway.registry.expire()  # what the gateway does every 5 seconds
    with pytest.raises(RefusedError, match="not accepted"):
        await within(client._until(lambda: False))
    assert client.state is ConnectionState.FAILED
    again = Client(bench.address, token=token, device_id="dc-1")
    with pytest.raises(RefusedError, match="revoked"):
        await within(again.connect())
    await within(again.close())
    await bench.serves()  # others are not concerned
    assert main(["token", "revoke", token, *folder]) == 0
    assert "revoked already" in capsys.readouterr().out
    assert token not in (tmp_path / FILE).read_text()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    await bench.stop()
    bench = Bench(tmp_path)  # and a gateway that starts anew knows it too
    await bench.start()
    late = bench.client("dc-1", token=token)
    with pytest.raises(RefusedError):
        await within(late.connect())
    await bench.stop()


def test_a_new_token_has_the_roles_and_the_life_that_were_asked_for(tmp_path: Path, capsys: Capture) -> None:
    assert main(["token", "new", "--role", "subscribe", "--days", "2", "--state-dir", str(tmp_path)]) == 0
    identity = TokenVerifier([development_key(tmp_path)]).verify_token(capsys.readouterr().out.strip())
    assert identity.subject == "*"
    assert identity.roles == {"subscribe"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["token", "revoke", "nonsense"], "no token of this gateway's key"),
        (["token", "new", "--role", "king"], "at least one known role"),
        (["token", "new", "--days", "0"], "lifetime is out of range"),
        (["token", "new", "--device", "a b"], "neither a device id"),
    ],
)
def test_mistakes_with_tokens_are_told(tmp_path: Path, capsys: Capture, words: list[str], said: str) -> None:
    assert main([*words, "--state-dir", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_token_that_has_ended_leaves_the_file_and_needs_no_revoking(tmp_path: Path, capsys: Capture) -> None:
    key = development_key(tmp_path)
    old = make_token(key, "dc-1", ["publish"], 10, clock_s=lambda: 1_700_000_000)
    assert main(["token", "revoke", old, "--state-dir", str(tmp_path)]) == 0
    assert "ended by itself" in capsys.readouterr().out
    (tmp_path / FILE).write_text("0" * 32 + " 1700000000\n")
    assert main(["token", "revoke", make_token(key, "dc-1", ["publish"], 99), "--state-dir", str(tmp_path)]) == 0
    assert list(read_revoked(tmp_path / FILE)) != ["0" * 32]
    assert len(read_revoked(tmp_path / FILE)) == 1


def test_a_damaged_file_stops_the_start_and_changes_nothing_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = development_key(tmp_path)
    identity = TokenVerifier([key]).verify_token(make_token(key, "dc-1", ["publish"], 99))
    path = tmp_path / FILE
    path.write_text(f"{identity.fingerprint} {identity.expires_s}\n")
    revoked = RevokedTokens(path)
    assert revoked(identity)
    path.write_text("what is this?\n")
    assert revoked(identity)
    assert "line 1" in caplog.text
    with pytest.raises(CallerError, match="line 1"):
        RevokedTokens(path)


def test_a_device_key_is_made_listed_once_and_removed(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "deep" / "keys"
    file = ["--file", str(path)]
    for device in ("dc-1", "dc-2"):
        assert main(["device-key", "new", device, *file]) == 0
        key = capsys.readouterr().out.strip()
        assert load_device_keys(path)[device] == bytes.fromhex(key)
        assert len(key) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert main(["device-key", "new", "dc-1", *file]) == 2
    assert "has a key already" in capsys.readouterr().err
    assert main(["device-key", "remove", "dc-1", *file]) == 0
    assert list(load_device_keys(path)) == ["dc-2"]
    assert main(["device-key", "remove", "dc-1", *file]) == 2
    assert main(["device-key", "new", "a b", *file]) == 2
    assert "not a device id" in capsys.readouterr().err
    path.chmod(0o644)
    assert main(["device-key", "new", "dc-3", *file]) == 2
    assert "can be read by others" in capsys.readouterr().err
