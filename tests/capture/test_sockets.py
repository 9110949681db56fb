"""Sessions over real sockets, recorded with reconnects and a switch of transports, replay equal."""

from pathlib import Path

import pytest

from flight_client import CallerError, Client, Payload
from flight_client.capture import Recorder, replay
from flight_client.capture.format import WHOLE, CaptureFile
from flight_client.capture.header import codec_of
from flight_client.transports import Address, Transport, TransportOptions, factory
from flight_client.wire.frames import encode_frame
from tests.capture.test_secrets import found_in
from tests.faults.proxy import FaultProxy
from tests.support.bench import Bench, hurry, subscribed
from tests.support.waiting import HANG_S, eventually, within


def sent_frames(path: Path) -> list[bytes]:
    """What went out according to a recording, as bytes of the wire."""
    file = CaptureFile(path)
    codec = codec_of(file.header)
    steps = [codec.read(body) for body in file.records()]
    file.close()
    frames = [step.sent for step in steps if step.sent is not None]
    return [encode_frame(f.kind, f.flags, f.channel, f.seq, f.ack, f.payload) for f in frames]


async def talk(client: Client, *sizes: int) -> None:
    """Events of these sizes, every other one critical, until they are settled."""
    channel = client.channel("talk")
    for number, size in enumerate(sizes):
        assert channel.emit(Payload(1, bytes(size)), critical=number % 2 == 0).accepted
    assert await client.flush(HANG_S)


async def test_reconnects_and_a_switch_of_transports_replay_equal(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "sockets.capture"
    token = bench.token()
    proxy = FaultProxy(bench.settings.port)
    await proxy.start()
    client = hurry(
        bench.client(
            "wanderer", "websocket", "polling", address=proxy.address, platform="vita", capture=path, token=token
        )
    )
    client._session.profile.update_interval_ms = 100
    client.events(channels=["talk"])
    await within(client.connect())
    await subscribed(client)
    await talk(client, 10, 20, 30)
    for _ in range(3):
        proxy.cut_all()
        await talk(client, 5000, 10)
    proxy.block()
    await talk(client, 40)
    await eventually(lambda: client.transport == "polling", "the step down to polling")
    await talk(client, 50)
    await within(client.close())
    await proxy.stop()
    report = replay(path)
    assert report.difference is None, report.difference
    assert report.ending == WHOLE
    assert report.frames_out > 20
    assert client.counters().reconnects >= 2
    assert client.counters().transport_switches >= 1
    data = path.read_bytes()
    for secret in (token.encode(), bytes(client._session.welcome.session_id), client._session.prover._key):  # type: ignore[attr-defined]
        assert not found_in(data, secret)


async def test_the_frames_of_a_recording_are_the_bytes_that_the_transport_got(bench: Bench, tmp_path: Path) -> None:
    got: list[bytes] = []

    def listening(address: Address) -> Transport:
        transport = factory("tcp", TransportOptions())(address)
        send = transport.send

        async def heard(body: bytes) -> bytes:
            got.append(bytes(body))
            return await send(body)

        transport.send = heard  # type: ignore[method-assign]
        return transport

    recorder = Recorder(tmp_path / "a", with_secrets=True)
    client = await bench.connected("plain", "tcp", capture=recorder, transport_factories={"tcp": listening})
    await talk(client, 10, 20, 5000, 6000)
    await within(client.close())
    assert b"".join(sent_frames(tmp_path / "a")) == b"".join(got)
    assert replay(tmp_path / "a").same


async def test_a_recorder_is_for_one_client(bench: Bench, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a")
    bench.client("first", capture=recorder)
    with pytest.raises(CallerError, match="one session"):
        Client(bench.address, token="t", capture=recorder)


async def test_a_client_without_a_recorder_runs_the_sessions_own_methods(bench: Bench) -> None:
    client = await bench.connected("unseen", "tcp")
    assert "poll" not in vars(client._session)
    assert "receive" not in vars(client._driver.inbox)
