"""What only a file can do: survive a killed process, fail to open, fill its disk."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flight_client.errors import CallerError
from flight_client.gateway.engines import AppendStatus, EngineLimits, Entry, StoreError, open_engine
from flight_client.gateway.engines.sqlite import SqliteEngine
from tests.conformance.engines.bench import LIFE, Bench, batch, skip_records

STORED, DUPLICATE, FAILED = AppendStatus.STORED, AppendStatus.DUPLICATE, AppendStatus.FAILED


def path_of(bench: Bench) -> Path:
    return Path(bench.url.removeprefix("sqlite:"))


def by_hand(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def start_on(path: Path) -> str:
    """The text of the refusal to start on this file."""
    engine = open_engine(f"sqlite:{path}", skip_records)
    with pytest.raises(CallerError) as caught:
        await engine.start(lambda entry: None)
    await engine.close()
    text = str(caught.value)
    assert str(path) in text
    assert caught.value.next_step
    return text


async def test_a_new_start_finds_log_marks_counts_and_epoch(sqlite: Bench) -> None:
    epoch = sqlite.engine.epoch
    await sqlite.append(batch(1, 4))
    await sqlite.append(batch(0, 3, channel="frame-time"))
    live = [entry.payload for entry in sqlite.seen]
    await sqlite.restart()
    assert sqlite.engine.epoch == epoch
    assert await sqlite.engine.channels() == ["frame-time", "log"]
    read = await sqlite.engine.read("log", 0, 9) + await sqlite.engine.read("frame-time", 0, 9)
    assert [entry.payload for entry in read] == live
    assert await sqlite.engine.marks("bench-1", LIFE) == (4, 3)
    assert (await sqlite.append(batch(1, 4))).status is DUPLICATE
    after = await sqlite.append(batch(5, 1))
    assert (after.offset, after.mark, after.lossy_stored) == (2, 5, 3)


async def test_a_lower_history_limit_holds_from_the_next_start(sqlite: Bench) -> None:
    for _ in range(9):
        await sqlite.append(batch())
    await sqlite.restart(EngineLimits(history_entries=3))
    assert await sqlite.engine.bounds("log") == (7, 9)


async def test_rows_beyond_the_limit_are_deleted_from_the_file(sqlite: Bench) -> None:
    await sqlite.restart(EngineLimits(history_entries=10))
    for _ in range(500):
        sqlite.later(batch())
    await sqlite.engine.marks("bench-1", LIFE)
    connection = sqlite3.connect(path_of(sqlite))
    rows = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
    connection.close()
    assert 10 <= rows < 30


async def test_rows_beyond_the_limit_of_bytes_are_deleted_from_the_file(sqlite: Bench) -> None:
    await sqlite.restart(EngineLimits(history_bytes=10_500))
    for _ in range(500):
        sqlite.later(batch(0, 125))  # 1,000 bytes of records
    await sqlite.engine.marks("bench-1", LIFE)
    connection = sqlite3.connect(path_of(sqlite))
    rows = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
    connection.close()
    assert 10 <= rows < 13


async def test_a_lower_limit_of_bytes_holds_from_the_next_start(sqlite: Bench) -> None:
    for _ in range(9):
        await sqlite.append(batch(0, 125))
    await sqlite.restart(EngineLimits(history_bytes=3500))
    assert await sqlite.engine.bounds("log") == (7, 9)


async def test_a_file_of_the_schema_before_is_read_on_and_its_entries_count_as_no_bytes(sqlite: Bench) -> None:
    await sqlite.append(batch(1, 1))
    await sqlite.append(batch(2, 1))
    await sqlite.engine.close()
    by_hand(
        path_of(sqlite),
        "ALTER TABLE entries DROP COLUMN before_bytes",
        "ALTER TABLE channels DROP COLUMN stored_bytes",
        "PRAGMA user_version=2",
    )
    await sqlite.start(EngineLimits(history_bytes=2500))
    assert await sqlite.engine.bounds("log") == (1, 2)
    for _ in range(2):
        await sqlite.append(batch(0, 125))
    assert await sqlite.engine.bounds("log") == (1, 4)
    await sqlite.append(batch(0, 125))
    assert await sqlite.engine.bounds("log") == (4, 5)


CHILD = """
import asyncio, sys
sys.path.insert(0, {here!r})
from tests.conformance.engines.bench import Bench, batch
async def main():
    bench = Bench(sys.argv[1])
    await bench.start()
    counter = (await bench.engine.marks("bench-1", b"\\1" * 8)).mark + 1
    waiting = []
    def acknowledge(result):
        print(result.mark, result.lossy_stored, flush=True)
    while True:
        for _ in range(20):
            bench.engine.append(batch(counter, 3), acknowledge)
            bench.engine.append(batch(0, 2), acknowledge)
            counter += 3
        await bench.engine.marks("bench-1", b"\\1" * 8)
asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 50, 333, 1000])
async def test_everything_acknowledged_is_there_after_kill_9_and_nothing_twice(tmp_path: Path, lines: int) -> None:
    url = f"sqlite:{tmp_path / 'flight.db'}"
    script = CHILD.format(here=str(Path(__file__).parents[3]))
    acknowledged = (0, 0)
    for _ in range(3):
        child = subprocess.Popen(  # noqa: ASYNC220  nothing else runs on this loop meanwhile
            [sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        printed = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        # What was printed before the kill counts too, but for a last line that was cut.
        printed += child.stdout.read().splitlines(keepends=True)
        for line in printed:
            if line.endswith("\n"):
                mark, lossy = map(int, line.split())
                acknowledged = max(acknowledged[0], mark), max(acknowledged[1], lossy)
        child.stdout.close()
        child.wait()
        assert acknowledged[0] >= lines
        bench = Bench(url)
        await bench.start()
        mark, lossy = await bench.engine.marks("bench-1", LIFE)
        assert mark >= acknowledged[0]
        assert lossy >= acknowledged[1]
        entries: list[Entry] = []
        while step := await bench.engine.read("log", entries[-1].offset if entries else 0, 500):
            entries += step
        counters = [entry.counter + index for entry in entries if entry.counter for index in range(entry.events)]
        assert counters[-1] == mark
        assert counters == list(range(counters[0], mark + 1))
        assert [entry.previous for entry in entries[1:]] == [entry.offset for entry in entries[:-1]]
        if entries[0].offset == 1:
            assert counters[0] == 1
            assert sum(entry.events for entry in entries if not entry.counter) == lossy
        await bench.engine.close()


async def test_a_full_disk_fails_each_append_and_the_log_goes_on_when_there_is_room(sqlite: Bench) -> None:
    await sqlite.append(batch(1, 2))
    by_hand(
        path_of(sqlite), "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
    )
    waiting = [sqlite.later(batch(3 + index, 1)) for index in range(5)]
    results = [await result for result in waiting]
    assert [result.status for result in results] == [FAILED] * 5
    assert "disk is full" in results[0].error
    assert "send again" in results[0].error
    health = sqlite.engine.health()
    assert (health.ok, health.failed, health.queued) == (False, 5, 0)
    assert "disk is full" in health.text
    assert await sqlite.engine.bounds("log") == (1, 1)
    assert await sqlite.engine.marks("bench-1", LIFE) == (2, 0)
    by_hand(path_of(sqlite), "DROP TRIGGER full")
    again = await sqlite.append(batch(3, 5))
    assert (again.status, again.offset, again.mark) == (STORED, 2, 7)
    assert sqlite.engine.health().ok


async def test_a_failure_after_the_entries_were_written_takes_them_back(sqlite: Bench) -> None:
    await sqlite.append(batch(1, 2))
    by_hand(path_of(sqlite), "CREATE TRIGGER full BEFORE INSERT ON marks BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    assert (await sqlite.append(batch(3, 2))).status is FAILED
    assert await sqlite.engine.bounds("log") == (1, 1)
    by_hand(path_of(sqlite), "DROP TRIGGER full")
    assert (await sqlite.append(batch(3, 2))).offset == 2
    assert len(sqlite.seen) == 2


async def test_a_new_channel_of_a_failed_group_leaves_nothing_behind(sqlite: Bench) -> None:
    by_hand(
        path_of(sqlite), "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
    )
    assert (await sqlite.append(batch(channel="one"))).status is FAILED
    by_hand(path_of(sqlite), "DROP TRIGGER full")
    await sqlite.append(batch(channel="two"))
    await sqlite.append(batch(channel="one"))
    await sqlite.restart()
    assert await sqlite.engine.channels() == ["one", "two"]
    assert (await sqlite.append(batch(channel="one"))).offset == 2


async def test_a_connection_that_died_is_opened_again(sqlite: Bench) -> None:
    assert isinstance(sqlite.engine, SqliteEngine)
    connection = sqlite.engine._writer._connection
    assert connection is not None
    connection.close()
    first = await sqlite.append(batch(1, 1))
    assert first.status is FAILED
    assert "closed database" in first.error
    assert (await sqlite.append(batch(1, 1))).status is STORED


async def test_a_file_deleted_under_the_gateway_fails_instead_of_losing_events(sqlite: Bench) -> None:
    await sqlite.append(batch(1, 1))
    path = path_of(sqlite)
    moved = path.with_suffix(".moved")
    path.rename(moved)
    for _ in range(2):
        result = await sqlite.append(batch(2, 1))
        assert result.status is FAILED
        assert str(path) in result.error
    assert not path.exists()
    moved.rename(path)
    assert (await sqlite.append(batch(2, 1))).status is STORED


async def test_a_file_replaced_by_another_log_is_not_written_to(sqlite: Bench, tmp_path: Path) -> None:
    other = Bench(f"sqlite:{tmp_path / 'other.db'}")
    await other.start()
    await other.engine.close()
    await sqlite.append(batch(1, 1))
    (tmp_path / "other.db").replace(path_of(sqlite))
    for _ in range(2):
        result = await sqlite.append(batch(2, 1))
        assert result.status is FAILED
        assert "replaced" in result.error


async def test_a_queue_that_is_full_refuses_at_once_and_loses_nothing_else(sqlite: Bench) -> None:
    await sqlite.restart(EngineLimits(queue_entries=3))
    waiting = [sqlite.later(batch(1 + index, 1)) for index in range(5)]
    assert [result.done() for result in waiting] == [False, False, False, True, True]
    assert "too slow" in waiting[3].result().error
    results = [await result for result in waiting[:3]]
    assert [result.status for result in results] == [STORED] * 3
    await sqlite.restart(EngineLimits(queue_bytes=20))
    waiting = [sqlite.later(batch(0, 2)), sqlite.later(batch(0, 2))]
    assert [result.done() for result in waiting] == [False, True]


async def test_a_log_that_cannot_be_read_says_so_and_recovers(sqlite: Bench) -> None:
    await sqlite.append(batch(1, 1))
    by_hand(path_of(sqlite), "ALTER TABLE channels RENAME TO hidden")
    with pytest.raises(StoreError, match="could not be read"):
        await sqlite.engine.read("log", 0, 1)
    by_hand(path_of(sqlite), "ALTER TABLE hidden RENAME TO channels")
    assert len(await sqlite.engine.read("log", 0, 1)) == 1


async def test_questions_to_a_closed_engine_are_errors(sqlite: Bench) -> None:
    await sqlite.engine.close()
    for question in (
        sqlite.engine.read("log", 0, 1),
        sqlite.engine.bounds("log"),
        sqlite.engine.marks("bench-1", LIFE),
        sqlite.engine.trim("log", 1),
    ):
        with pytest.raises(StoreError, match="not open"):
            await question


async def test_a_question_that_fails_in_the_writer_is_an_error_and_not_a_hang(sqlite: Bench) -> None:
    by_hand(path_of(sqlite), "ALTER TABLE marks RENAME TO hidden")
    with pytest.raises(StoreError, match="no such table"):
        await sqlite.engine.marks("bench-1", LIFE)


async def test_a_second_gateway_on_the_same_file_is_refused(sqlite: Bench) -> None:
    text = await start_on(path_of(sqlite))
    assert "another gateway" in text
    assert (await sqlite.append(batch())).status is STORED


async def test_the_lock_is_free_after_close(sqlite: Bench) -> None:
    for _ in range(3):
        await sqlite.restart()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flight.db"
    path.write_bytes(b"these are my holiday pictures" * 200)
    assert "not a database" in await start_on(path)
    assert path.read_bytes().startswith(b"these are")


async def test_a_truncated_database_is_refused(sqlite: Bench) -> None:
    path = path_of(sqlite)
    await sqlite.append(batch())
    await sqlite.engine.close()
    path.write_bytes(path.read_bytes()[:5000])
    assert "cannot be read as a log" in await start_on(path)


async def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "flight.db"
    by_hand(path, "CREATE TABLE pictures (name TEXT)")
    before = path.read_bytes()
    assert "another program" in await start_on(path)
    assert path.read_bytes() == before


async def test_a_log_of_a_newer_gateway_is_refused(sqlite: Bench) -> None:
    await sqlite.engine.close()
    by_hand(path_of(sqlite), "PRAGMA user_version=4")
    text = await start_on(path_of(sqlite))
    assert "newer gateway" in text
    assert "update" in text


async def test_a_log_without_an_epoch_is_refused(sqlite: Bench) -> None:
    await sqlite.engine.close()
    by_hand(path_of(sqlite), "DELETE FROM meta")
    assert "epoch" in await start_on(path_of(sqlite))


async def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in await start_on(tmp_path)


async def test_a_missing_folder_is_refused_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "not-there" / "flight.db"
    assert "does not exist" in await start_on(path)
    assert not path.parent.exists()


async def test_a_foreign_file_in_the_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flight.db.lock").write_bytes(b"x" * 5000)
    assert "lock" in await start_on(tmp_path / "flight.db")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everything")
async def test_a_file_that_may_not_be_written_is_refused(sqlite: Bench) -> None:
    await sqlite.engine.close()
    path_of(sqlite).chmod(0o400)
    assert "may read and write" in await start_on(path_of(sqlite))


async def test_an_empty_file_becomes_a_log(tmp_path: Path) -> None:
    path = tmp_path / "flight.db"
    path.touch()
    bench = Bench(f"sqlite:{path}")
    await bench.start()
    assert (await bench.append(batch())).status is STORED
    await bench.engine.close()


async def test_a_disk_that_does_not_answer_cannot_keep_the_gateway_from_closing(
    sqlite: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from flight_client.gateway.engines import sqlite as module

    assert isinstance(sqlite.engine, SqliteEngine)
    answer = threading.Event()
    real = sqlite.engine._writer.append_group
    monkeypatch.setattr(module, "CLOSE_WAIT_S", 0.01)
    monkeypatch.setattr(sqlite.engine._writer, "append_group", lambda group: (answer.wait(), real(group))[1])
    waiting = [sqlite.later(batch(1, 1)), sqlite.later(batch(2, 1))]
    await sqlite.engine.close()
    assert [result.result().status for result in waiting] == [FAILED, FAILED]
    answer.set()
    await asyncio.wait([sqlite.engine._stopped])
