"""The file of device keys: read whole or not at all, and never shown."""

import logging
from pathlib import Path

import pytest

from flight_client import CallerError, Client
from flight_client.gateway.app import Gateway
from flight_client.gateway.device_keys import load_device_keys
from flight_client.gateway.settings import GatewaySettings, load_settings
from flight_client.proof import SessionKey, client_key, read_device_key
from tests.support.ports import free_port

KEY = bytes(range(0xA0, 0xC0))


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_ids_and_keys_are_read(tmp_path: Path) -> None:
    text = f"# consoles\n\n  dc-1 {KEY.hex()}\ndc-2\t{KEY.hex().upper()[:32]}\r\n"
    assert load_device_keys(write(tmp_path / "keys", text)) == {"dc-1": KEY, "dc-2": KEY[:16]}
    assert load_device_keys(write(tmp_path / "none", "")) == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"dc-1\n{KEY.hex()}\n", "line 1 .*: 1 words"),
        (f"dc-1 {KEY.hex()} more\n", "line 1 .*: 3 words"),
        (f"ok {KEY.hex()}\n acme/dc*1 {KEY.hex()}", "line 2 .*: not a device id"),
        (f"ok {KEY.hex()}\n ACME/dc-1 {KEY.hex()}", "line 2 .*: not an organisation"),
        (f"ok {KEY.hex()}\n /dc-1 {KEY.hex()}", "line 2 .*: not an organisation"),
        (f"dc-1 {KEY.hex()[:-1]}", "line 1 .*: not hexadecimal"),
        (f"dc-1 {KEY.hex()[:-2]}zz", "line 1 .*: not hexadecimal"),
        (f"dc-1 {KEY.hex()[:30]}", "line 1 .*: 15 bytes"),
        (f"dc-1 {KEY.hex() * 3}", "line 1 .*: 96 bytes"),
        (f"dc-1 {KEY.hex()}\ndc-1 {KEY.hex()}", "line 2 .*: 'dc-1' stands twice"),
        (b"dc-1 \xff\xfe", "is not ASCII"),
        (b"#" * ((16 << 20) + 1), "is larger than"),
    ],
)
def test_a_doubtful_file_ends_the_start_and_shows_no_key(tmp_path: Path, text: str | bytes, what: str) -> None:
    path = write(tmp_path / "keys", text)
    with pytest.raises(CallerError, match=what) as caught:
        load_device_keys(path)
    assert KEY.hex()[:16] not in str(caught.value)


def test_a_file_that_is_not_there_not_readable_or_open_to_others_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="cannot be read"):
        load_device_keys(tmp_path / "none")
    with pytest.raises(CallerError, match="cannot be read"):
        load_device_keys(tmp_path)
    with pytest.raises(CallerError, match="can be read by others"):
        load_device_keys(write(tmp_path / "keys", f"dc-1 {KEY.hex()}", 0o640))
    settings = GatewaySettings(port=free_port(), state_dir=tmp_path, device_keys=tmp_path / "none")
    with pytest.raises(CallerError, match="device keys"):
        Gateway(settings)


def test_the_file_is_named_by_an_argument_or_the_environment() -> None:
    assert load_settings({}, {"FLIGHT_DEVICE_KEYS": "a/b"}).device_keys == Path("a/b")
    assert load_settings({"device_keys": "c"}, {"FLIGHT_DEVICE_KEYS": "a/b"}).device_keys == Path("c")
    assert load_settings({}, {}).device_keys is None


@pytest.mark.parametrize("bad", ["", "zz" * 16, "ab" * 15, "ab" * 65, b"short", b"x" * 65, 7])
def test_a_client_refuses_what_is_no_device_key_and_does_not_show_it(bad: object) -> None:
    with pytest.raises(CallerError, match=r"device.key") as caught:
        Client("http://127.0.0.1:1", token="t", device_key=bad)  # type: ignore[arg-type]
    assert str(bad) == "" or str(bad) not in str(caught.value)


def test_keys_are_bytes_or_their_hexadecimal_text() -> None:
    assert read_device_key(KEY) == read_device_key(KEY.hex()) == read_device_key(KEY.hex(" ")) == KEY


def test_nothing_that_holds_a_key_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    key = client_key(KEY)
    key.begin(b"token", bytes(8), bytes(8))
    client = Client("http://127.0.0.1:1", token="t", device_key=KEY)
    logging.getLogger("flight").warning("%r %r %r", key, key.tags, client)
    shown = caplog.text + repr(vars(client)) + str(SessionKey(KEY))
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown
