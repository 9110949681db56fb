"""curl at the gateway: an upgrade by hand with frames behind it, polling, and REST.

Debian's curl 7.88 is built without ws://, so the handshake's headers are given by hand, and what it sends as a body without a
length is what a WebSocket client sends behind the handshake.
"""

import asyncio
import base64
import json
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from flight_client.session import spec
from tests.support.bench import Bench
from tests.support.json_peer import SUBPROTOCOL as JSON_SUBPROTOCOL
from tests.support.json_peer import hello, log_event
from tests.support.npm import missing
from tests.support.raw import POLL_PATH, STREAM_PATH, SUBPROTOCOL, frames_of, hello_frame
from tests.support.waiting import within
from tests.support.websocket_bytes import BINARY, CLOSE, PING, PONG, TEXT, client_frame
from tests.websocket.gateway_cases import answer, probe

RUN_S = 60.0


class Said(NamedTuple):
    """What curl got."""

    status: int
    headers: dict[str, str]
    body: bytes


async def curl(folder: Path, *words: str, body: bytes | None = None) -> Said:
    """One request to its end."""
    program = shutil.which("curl") or missing("no curl: build_scripts/install_deps brings it on Debian")
    head = folder / "head"
    given = [*words, "--data-binary", "@-"] if body is not None else list(words)
    process = await asyncio.create_subprocess_exec(
        program, "--silent", "--show-error", "--http1.1", "--no-buffer", "--noproxy", "*", "--max-time", str(int(RUN_S)),
        "--dump-header", str(head), "--header", "Expect:", *given,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    try:
        out, complaint = await within(process.communicate(body), RUN_S + 10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaint.decode(errors="replace")
    first, *lines = head.read_text(encoding="ascii").strip().splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Said(int(first.split()[1]), headers, out)


async def upgrade(bench: Bench, folder: Path, sent: bytes, protocol: str = SUBPROTOCOL) -> Said:
    """A handshake, these bytes behind it, and what came until the gateway closed."""
    key = base64.b64encode(bytes(16)).decode()
    return await curl(
        folder, "--request", "GET", bench.address + STREAM_PATH,
        "--header", "Connection: Upgrade", "--header", "Upgrade: websocket", "--header", "Sec-WebSocket-Version: 13",
        "--header", f"Sec-WebSocket-Key: {key}", "--header", f"Sec-WebSocket-Protocol: {protocol}",
        "--header", "Sec-WebSocket-Extensions: permessage-deflate",
        "--header", "Content-Length:", "--header", "Content-Type:",
        body=sent,
    )  # fmt: skip


def messages(data: bytes) -> list[tuple[int, bytes]]:
    """Opcode and payload of each frame of a server: whole, unmasked, without reserved bits."""
    found = []
    at = 0
    while at < len(data):
        assert data[at] & 0xF0 == 0x80, data[at:]
        length, start = data[at + 1], at + 2
        assert length < 127, "not masked, and nothing here is so long"
        if length == 126:
            length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        found.append((data[at] & 0x0F, data[start : start + length]))
        at = start + length
    assert at == len(data)
    return found


async def test_an_upgrade_by_hand_is_answered_and_pieces_and_pings_behind_it_are_taken(
    bench: Bench, tmp_path: Path
) -> None:
    cut = probe(7, 640)
    sent = [
        client_frame(BINARY, cut[:100], last=False),
        client_frame(PING, b"between"),
        client_frame(0, cut[100:]),
        client_frame(BINARY, hello_frame("no token", b"curl-1")),  # the gateway closes behind it
    ]
    said = await upgrade(bench, tmp_path, b"".join(sent))
    assert said.status == 101
    assert said.headers["sec-websocket-protocol"] == SUBPROTOCOL
    assert "sec-websocket-extensions" not in said.headers
    assert said.headers["sec-websocket-accept"] == "ICX+Yqv66kxgM0FcWaLWlFLwTAI="  # of a key of zeros
    came = messages(said.body)
    assert (PONG, b"between") in came
    assert came[-1] == (CLOSE, (1000).to_bytes(2, "big"))
    found = [frame for opcode, data in came if opcode == BINARY for frame in frames_of(data)]
    assert [frame.kind for frame in found] == [spec.TYPE_PROBED, spec.TYPE_CLOSE]
    assert (found[0].payload, found[1].code) == (answer(7), spec.CODE_CREDENTIAL)
    await bench.serves()


async def test_an_upgrade_by_hand_speaks_json(bench: Bench, tmp_path: Path) -> None:
    said_hello = client_frame(TEXT, json.dumps(hello("no token", "curl-2")).encode())
    said = await upgrade(bench, tmp_path, said_hello, JSON_SUBPROTOCOL)
    assert said.headers["sec-websocket-protocol"] == JSON_SUBPROTOCOL
    (opcode, text), (last, code) = messages(said.body)
    assert (opcode, json.loads(text)["code"]) == (TEXT, "credential")
    assert (last, code[:2]) == (CLOSE, (4000 + spec.CODE_CREDENTIAL).to_bytes(2, "big"))


async def test_a_handshake_that_is_none_is_refused_in_words(bench: Bench, tmp_path: Path) -> None:
    assert (await upgrade(bench, tmp_path, b"", "mqtt")).status == 400
    plain = await curl(tmp_path, bench.address + STREAM_PATH)
    assert plain.status == 400
    assert b"this gateway speaks" in plain.body


async def test_it_polls_and_asks_rest(bench: Bench, tmp_path: Path) -> None:
    binary = ("--header", "Content-Type: application/octet-stream")
    said = await curl(
        tmp_path, bench.address + POLL_PATH, *binary, body=hello_frame(bench.token(), b"curl-3", client_type=2)
    )
    assert (said.status, frames_of(said.body)[0].kind) == (200, spec.TYPE_WELCOME)
    token = ("--header", f"Authorization: Bearer {bench.token('rest-1')}")
    events = json.dumps({"events": [log_event("by curl")]}).encode()
    published = await curl(
        tmp_path, f"{bench.address}/v1/channels/log/events", *token, "--header", "Content-Type: application/json",
        body=events,
    )  # fmt: skip
    assert published.status == 201
    read = await curl(tmp_path, f"{bench.address}/v1/channels/log/events?count=1", *token)
    assert json.loads(read.body)["entries"][0]["events"][0]["data"]["text"] == "by curl"


@pytest.mark.parametrize("compressed", ["gzip", "br"])
async def test_what_it_would_decompress_comes_as_it_is(bench: Bench, tmp_path: Path, compressed: str) -> None:
    said = await curl(tmp_path, f"{bench.address}/v1/openapi.json", "--header", f"Accept-Encoding: {compressed}")
    assert said.status == 200
    assert "content-encoding" not in said.headers
    assert json.loads(said.body)["openapi"] == "3.1.0"
