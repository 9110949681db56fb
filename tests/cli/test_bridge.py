"""`flight bridge` as a person starts it."""

import asyncio
from pathlib import Path

import pytest

from flight_client import Log
from tests.faults.wire import Cable
from tests.support.bench import Bench
from tests.support.ports import free_port
from tests.support.process import interrupt, run_flight, start_flight
from tests.support.waiting import within


@pytest.mark.parametrize("transport", ["websocket", "tcp"])
async def test_it_connects_a_device_on_a_serial_port_to_a_gateway(tmp_path: Path, transport: str) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    cable = Cable()
    process = start_flight("bridge", cable.host_address, "--gateway", bench.address, "--transport", transport)
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line == f"flight bridge: {cable.host_address}?baud=115200 <-> {bench.address}; stop: Ctrl-C\n"
        device = bench.client("device", address=cable.device_address)
        await within(device.connect())
        assert [peer.transport for peer in bench.gateway.registry.peers()] == [transport]
        assert device.channel("log").emit(Log("over the cable"), critical=True).accepted
        assert await within(device.flush())
        await within(device.close())
        code, _, err = await asyncio.to_thread(interrupt, process)
        assert (code, err) == (130, "bridge stopped\n")
    finally:
        process.kill()  # one that is left would take the bytes of the next test's terminal
    await bench.stop()
    cable.close()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["http://here:1"], 2, "not a line"),
        (["/dev/ttyUSB0"], 2, "not a gateway address"),
        (["serial:///dev/ttyNobody9"], 3, "cannot be opened"),
        (["pipe://127.0.0.1:1", "--gateway", "pipe://here:1"], 2, "not to another line"),
        (["pipe://127.0.0.1:1", "--gateway", "https://here", "--transport", "tcp"], 2, "leads to no tcp"),
    ],
)
def test_what_it_cannot_do_is_told_in_one_line(words: list[str], code: int, said: str) -> None:
    done = run_flight("bridge", *words)
    assert (done.returncode, done.stdout.count("stop: Ctrl-C")) == (code, int(code == 3))
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_line_that_nobody_offers_is_told_with_what_to_look_at() -> None:
    done = run_flight("bridge", f"pipe://127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert "usbhostfs_pc" in done.stderr
