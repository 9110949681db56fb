"""Sessions with tags on every frame and with tokens that are renewed in band: recorded without any of their secrets."""

from pathlib import Path

import pytest

import flight_client.channels
import flight_client.client
import flight_client.driver
from flight_client import Payload
from flight_client.capture import replay
from flight_client.capture.format import CaptureFile
from flight_client.capture.header import codec_of
from flight_client.clock import monotonic_ms
from flight_client.session import spec
from flight_client.session.common.clock import MASK
from tests.capture.test_secrets import found_in
from tests.support.bench import Bench, hurry, subscribed
from tests.support.waiting import HANG_S, eventually, within

KEY = bytes(range(32))
DEVICE = "keyed-1"


async def test_an_authenticated_session_with_a_renewed_token_replays_and_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift_ms = 0
    for module in (flight_client.client, flight_client.driver, flight_client.channels):
        monkeypatch.setattr(module, "monotonic_ms", lambda: monotonic_ms() + shift_ms & MASK)
    keys = tmp_path / "device-keys"
    keys.write_text(f"{DEVICE} {KEY.hex()}\n")
    keys.chmod(0o600)
    bench = Bench(tmp_path, device_keys=keys)
    await bench.start()
    given: list[str] = []

    def token() -> str:
        given.append(bench.token(age_s=600 - len(given)))
        return given[-1]

    path = tmp_path / "keyed.capture"
    client = hurry(bench.client(DEVICE, "websocket", token=token, device_key=KEY, capture=path))
    client.events(channels=["talk"])
    await within(client.connect())
    await subscribed(client)
    session = client._session
    shift_ms = 3600 * 1000  # the token is about to end, says the device's clock; that the link was silent too
    client._driver.wake()
    await eventually(lambda: session.tally.connections == 2, "a new connection")
    await eventually(lambda: len(given) >= 3 and not session.renewal.token, "the answer to TOKEN")
    assert client.channel("talk").emit(Payload(1, b"word"), critical=True).accepted
    assert await client.flush(HANG_S)
    keys_made = [session.prover._key]  # type: ignore[attr-defined]
    await within(client.close())
    await bench.stop()
    data = path.read_bytes()
    for secret in (KEY, bytes(session.welcome.session_id), *keys_made, *(text.encode() for text in given)):
        assert not found_in(data, secret), secret
    file = CaptureFile(path)
    codec = codec_of(file.header)
    sent = [step.sent for step in map(codec.read, file.records()) if step.sent is not None]
    file.close()
    assert spec.TYPE_TOKEN in {frame.kind for frame in sent}
    assert len(given) >= 3
    assert all(frame.flags & spec.FLAG_AUTHENTICATED for frame in sent if frame.kind != spec.TYPE_HELLO)
    report = replay(path)
    assert report.difference is None, report.difference
