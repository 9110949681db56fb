"""What networks, servers and programs do wrong to a board. Where time matters it is a fake clock's."""

import asyncio
import base64
import contextlib
import hashlib
import socket
import threading
from pathlib import Path

import pytest

from tests.micropython.board import Board, figure
from tests.support.bench import Bench
from tests.support.figures import Figure
from tests.support.ports import free_port

FORMS = ("viper", "bytecode")


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Board]:
    folder: Path = tmp_path_factory.mktemp("boards")
    return {form: Board(folder / form, form) for form in FORMS}


@pytest.mark.parametrize("form", FORMS)
def test_cut_and_damaged_frames_end_links_and_lose_nothing(boards: dict[str, Board], form: str) -> None:
    lines = boards[form].run("hostile_run.py", "frames", "400")
    assert figure(lines, "bad") >= 400
    assert figure(lines, "accepted") == figure(lines, "acked") > 0
    assert figure(lines, "law") == 1


def test_a_server_may_close_after_every_byte_of_its_greeting(boards: dict[str, Board]) -> None:
    lines = boards["viper"].run("hostile_run.py", "bytes", "0")
    assert figure(lines, "closed") == 103
    assert figure(lines, "acked") == 1
    assert figure(lines, "law") == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_full_heap_refuses_events_with_a_reason_and_loses_none(boards: dict[str, Board], form: str) -> None:
    lines = boards[form].run("hostile_run.py", "heap", "0")
    assert figure(lines, "escaped") == 0
    assert figure(lines, "refused") == 60
    assert figure(lines, "last") == -5
    assert figure(lines, "accepted") == figure(lines, "acked") == 1
    assert figure(lines, "law") == 1


def test_the_clock_may_wrap(boards: dict[str, Board]) -> None:
    lines = boards["viper"].run("hostile_run.py", "wrap", "0")
    assert figure(lines, "events") >= 10
    assert figure(lines, "oldest") <= 600
    assert figure(lines, "law") == 1


def test_after_an_outage_the_first_try_comes_soon_and_events_flow_within_a_second(
    boards: dict[str, Board], tell: Figure
) -> None:
    lines = boards["viper"].run("hostile_run.py", "outage", "0")
    tell(f"MicroPython, outage of 3 s: first try after {figure(lines, 'first-retry-ms')} ms, {figure(lines, 'tries')} tries, "
         f"events flow again after {figure(lines, 'resumed-ms')} ms")  # fmt: skip
    assert figure(lines, "first-retry-ms") <= 250 + 50  # the clock of the test goes in steps of 50
    assert figure(lines, "resumed-ms") <= 1000 + 50
    assert figure(lines, "law") == 1


def test_a_silent_peer_is_noticed_after_two_heartbeats(boards: dict[str, Board]) -> None:
    lines = boards["viper"].run("hostile_run.py", "silence", "0")
    heartbeat_ms = figure(lines, "heartbeat-ms")
    assert 2 * heartbeat_ms < figure(lines, "noticed-ms") <= 2 * heartbeat_ms + 100


def test_a_peer_that_never_stops_cannot_hold_a_poll_longer_than_its_budget(boards: dict[str, Board]) -> None:
    lines = boards["viper"].run("hostile_run.py", "flood", "5000")
    assert 1 <= figure(lines, "looks") <= 50
    assert figure(lines, "wait-ms") == 0
    assert figure(lines, "law") == 1


def test_what_cannot_work_is_refused_at_once_with_what_to_do(boards: dict[str, Board]) -> None:
    lines = boards["viper"].run("hostile_run.py", "platform", "0")
    assert len(lines) == 8
    assert all(line.startswith("refused ") for line in lines), lines
    assert "micro" in lines[0]
    assert "no TLS" in lines[1]


def test_values_that_an_event_cannot_carry_are_refused_by_name(boards: dict[str, Board]) -> None:
    lines = boards["viper"].run("hostile_run.py", "values", "0")
    refused = [line.split()[1] for line in lines if line.startswith("refused ")]
    assert refused == [
        *("data:", "data:", "kind:", "kind:", "kind:"),
        *("text:", "level:", "text:", "maximum_us:", "mean_us:", "cpu:", "temperature_c:"),
    ], lines
    assert figure(lines, "queued") == figure(lines, "accepted") == 0


def test_a_name_that_nobody_knows_is_a_failure_like_any_other(boards: dict[str, Board]) -> None:
    lines = boards["viper"].run("hostile_run.py", "name", "0")
    assert figure(lines, "failed") >= 1
    assert "state connecting" in lines
    assert figure(lines, "law") == 1


@pytest.mark.parametrize("transport", [1, 2, 3])
async def test_a_socket_that_says_again_at_every_other_call_is_only_slow(
    bench: Bench, tmp_path: Path, transport: int
) -> None:
    board = Board(tmp_path)
    (tmp_path / "token").write_text(bench.token("board-1"))
    lines = await asyncio.to_thread(board.run, "hostile_run.py", "again", str(bench.settings.port), str(transport))
    assert figure(lines, "heard") == 10
    assert figure(lines, "in-order") == 1
    assert figure(lines, "calls") > 500
    assert figure(lines, "connections") == 1
    assert figure(lines, "law") == 1


async def test_a_token_that_is_refused_stops_the_client(bench: Bench, tmp_path: Path) -> None:
    board = Board(tmp_path)
    (tmp_path / "token").write_text(bench.token("another-board"))
    (tmp_path / "program.py").write_text(
        "import gateway_run, sys\n"
        "client = gateway_run.make(int(sys.argv[1]))\n"
        "gateway_run.until(client, lambda: client.state == 'failed')\n"
        "print('reason', client.reason)\n"
    )
    lines = await asyncio.to_thread(board.run, "program.py", str(bench.settings.port))
    assert figure(lines, "reason") == 3


class HandshakeServer:
    """Answers the first request of a connection with the answer's first n bytes, n one more each time, and closes."""

    def __init__(self, transport: str) -> None:
        self._answer = {"websocket": self._upgrade, "polling": self._reply}[transport]
        self.port = free_port()
        self.served = 0
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                request = b""
                while b"\r\n\r\n" not in request and (data := connection.recv(1000)):
                    request += data
                if b"\r\n\r\n" in request:  # otherwise the board is at its end, in the middle of a try
                    connection.sendall(self._answer(request)[: self.served])
                    self.served += 1

    @staticmethod
    def _reply(_request: bytes) -> bytes:
        """What a gateway says to a poll; the whole of it is no frame, or the client would wait for the next one."""
        frame = b"not a frame"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(frame)}\r\n\r\n"
        return head.encode() + frame

    @staticmethod
    def _upgrade(request: bytes) -> bytes:
        key = next(line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: upgrade"]
        lines += [b"Sec-WebSocket-Accept: " + accept, b"Sec-WebSocket-Protocol: flight.v1", b"", b""]
        return b"\r\n".join(lines)

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_server_may_close_at_every_byte_of_its_first_answer(tmp_path: Path, transport: str) -> None:
    server = HandshakeServer(transport)
    board = Board(tmp_path)
    (tmp_path / "token").write_text("token")
    (tmp_path / "program.py").write_text(
        "import gateway_run, sys\n"
        "fast = {'connect_retry_interval_ms': 1, 'backoff_floor_ms': 0, 'backoff_cap_ms': 1}\n"
        "client = gateway_run.make(int(sys.argv[1]), sys.argv[2], **fast)\n"
        "log = client.channel('log', critical=True)\n"
        "log.emit(gateway_run.Log('x'))\n"
        "client.session.policy.spread_ms = 1\n"
        "gateway_run.until(client, lambda: client.session.policy.failed_total >= 190)\n"
        "print('failed', client.session.policy.failed_total)\n"
        "print('state', client.state)\n"
        "print('queued', client.queued)\n"
    )
    lines = board.run("program.py", str(server.port), transport)
    server.close()
    assert figure(lines, "failed") >= 190
    assert server.served >= 170  # the whole answer has 163 bytes, that to a poll 95
    assert "state connecting" in lines
    assert figure(lines, "queued") == 1
