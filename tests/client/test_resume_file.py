"""A program with a resume file and a journal of its own, killed at every moment: nothing is lost, nothing doubled."""

import os
import random
from pathlib import Path

import pytest

from flight_client import CallerError, Client
from flight_client.errors import LinkError
from flight_client.resume_file import ResumeFile
from flight_client.session.common import resume
from flight_client.session.spec import RESUME_BYTES
from tests.support.bench import Bench, component, doubled, hurry, numbers
from tests.support.waiting import within

DEVICE = "logger-1"


def client_of(bench: Bench, path: Path, transport: str = "websocket") -> Client:
    return hurry(
        Client(bench.address, token=bench.token(), device_id=DEVICE, transports=(transport,), resume_file=path)
    )


async def killed(client: Client) -> None:
    """The program is gone: what it would have written at its end is not written."""
    client._driver.resume = None
    await client._driver.stop()


async def life(bench: Bench, path: Path, journal: list[int], more: int, wait: bool, transport: str) -> None:
    """One start of the program: it emits what is not settled of its journal, then new events, and dies."""
    client = client_of(bench, path, transport)
    await within(client.connect())
    for number in journal[client.critical_done :]:
        assert client.channel("events").emit(component(number), critical=True).accepted
    for _ in range(more):
        journal.append(len(journal))  # first into its own store, then to the client
        assert client.channel("events").emit(component(journal[-1]), critical=True).accepted
    if wait:
        await within(client.flush())
    await killed(client)


@pytest.mark.parametrize("seed", range(4))
async def test_a_program_that_is_killed_again_and_again_delivers_each_event_once(
    bench: Bench, tmp_path: Path, transport: str, seed: int
) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    path = tmp_path / "resume"
    _, reader = await bench.tool(channels=["events"])
    journal: list[int] = []
    for _ in range(8):
        before = path.read_bytes() if path.exists() else b""
        await life(bench, path, journal, chance.randrange(6), chance.random() < 0.4, transport)
        after = path.read_bytes()
        if before and after != before and chance.random() < 0.6:  # the last write was torn, after the first was whole
            cut = chance.randrange(RESUME_BYTES)
            changed = [copy for copy in (0, 1) if after[copy * 64 :][:64] != before[copy * 64 :][:64]]
            if len(changed) == 1:
                at = changed[0] * RESUME_BYTES + cut
                path.write_bytes(after[:at] + before[at : (changed[0] + 1) * 64] + after[(changed[0] + 1) * 64 :])
    await life(bench, path, journal, 1, True, transport)
    found = numbers(await reader.take(len(journal)))
    assert doubled(found) == []
    assert found == journal


async def test_the_record_is_on_the_disk_before_the_first_critical_event_goes(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "resume"
    client = client_of(bench, path)
    seen = []
    store = client._session.store
    take = store.take

    def watched(now: int) -> int:
        seen.append(resume.newest(path.read_bytes()))
        return take(now)

    store.take = watched  # type: ignore[method-assign]
    assert client.channel("events").emit(component(0), critical=True).accepted
    await within(client.connect())
    assert await within(client.flush())
    assert seen
    assert min(seen) >= 0
    await within(client.close())
    kept = ResumeFile(path, DEVICE).record
    assert (kept.mark, kept.starts, path.stat().st_mode & 0o777) == (1, 2, 0o600)
    again = client_of(bench, path)
    await within(again.connect())
    await within(again.close())
    assert ResumeFile(path, DEVICE).record.starts == 3  # a start with nothing to send counts too


async def test_a_file_that_cannot_be_written_keeps_the_events_back(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "resume"
    client = client_of(bench, path)
    full = True
    write = os.write

    def write_or_not(handle: int, data: bytes) -> int:
        if full and len(data) == RESUME_BYTES:
            raise OSError(28, "no space left")
        return write(handle, data)

    monkeypatch.setattr(os, "write", write_or_not)
    assert client.channel("events").emit(component(0), critical=True).accepted
    with pytest.raises(LinkError, match="resume file"):
        await client.connect(1.0)
    assert bench.gateway.hub.counters().published == 0
    full = False
    await within(client.connect())
    assert await within(client.flush())
    assert bench.gateway.hub.counters().stored == 1
    await within(client.close())


def written(path: Path, device: str = DEVICE) -> bytearray:
    made = resume.Resume()
    made.name(device.encode())
    out = bytearray(2 * RESUME_BYTES)
    for copy in (0, 1):
        made.serial = copy + 1
        made.mark = 10 * (copy + 1)
        made.pack(out, copy * RESUME_BYTES)
    path.write_bytes(out)
    return out


def test_one_damaged_copy_is_passed_over_and_two_end_the_start(tmp_path: Path) -> None:
    path = tmp_path / "resume"
    good = written(path)
    assert ResumeFile(path, DEVICE).record.mark == 20
    good[70] ^= 1
    path.write_bytes(good)
    assert ResumeFile(path, DEVICE).record.mark == 10
    good[5] ^= 1
    path.write_bytes(good)
    with pytest.raises(CallerError, match="damaged"):
        ResumeFile(path, DEVICE)
    written(path, "another")
    with pytest.raises(CallerError, match="another device"):
        ResumeFile(path, DEVICE)
    path.unlink()
    path.mkdir()
    with pytest.raises(CallerError, match="cannot be read"):
        ResumeFile(path, DEVICE)


@pytest.mark.parametrize("blank", [b"", bytes(128), b"\xff" * 128])
def test_a_blank_file_is_a_first_start(tmp_path: Path, blank: bytes) -> None:
    path = tmp_path / "resume"
    path.write_bytes(blank)
    assert ResumeFile(path, DEVICE).record.starts == 1
