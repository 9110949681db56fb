"""A page in Chromium, headless, that does what a test says: the browser's own WebSocket at the gateway's door."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.npm import missing
from tests.support.ports import free_port
from tests.support.waiting import within
from tests.websocket.peers import Agreed, Ended

START_S = 60.0  # of a browser on a busy machine
_PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
_SWITCHES = (
    "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--no-proxy-server", "--use-mock-keychain",
)  # fmt: skip

_PAGE = """
window.peer = {
  socket: null, heard: [], waiting: [], over: null,
  give(one) { this.waiting.length ? this.waiting.shift()(one) : this.heard.push(one); },
  bytes(text) { return Uint8Array.from(atob(text), (one) => one.charCodeAt(0)); },
  text(data) { let out = ""; for (const one of new Uint8Array(data)) out += String.fromCharCode(one); return btoa(out); },
  open(url, protocols) {
    return new Promise((done) => {
      const socket = this.socket = new WebSocket(url, protocols);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => done({protocol: socket.protocol, extensions: socket.extensions});
      socket.onmessage = ({data}) => this.give(
        typeof data === "string" ? {text: data} : {bytes: this.text(data)});
      socket.onclose = ({code, reason, wasClean}) => {
        this.over = {ended: {code, reason, clean: wasClean}};
        done(this.over);
        this.waiting.splice(0).forEach((ready) => ready(this.over));
      };
    });
  },
  receive() {
    if (this.heard.length) return this.heard.shift();
    return this.over ?? new Promise((done) => this.waiting.push(done));
  },
  fails(what) { try { what(); return ""; } catch (error) { return error.name; } },
};
"""


def program() -> str:
    """The browser; a test without one is skipped, and fails where CI=true."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is not None:
        return found
    return missing("no Chromium: build_scripts/install_deps brings chromium-headless-shell on Debian")


class Page:
    """One page, and one WebSocket in it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    async def run(self, code: str) -> Any:
        """The value of this JavaScript, waited for."""
        found = await self._browser.ask(
            "Runtime.evaluate", self._session, expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def call(self, name: str, *values: Any) -> Any:
        """A function of the page's peer."""
        return await self.run(f"peer.{name}({', '.join(map(json.dumps, values))})")

    async def open(self, address: str, *protocols: str) -> Agreed:
        """Connect. Raises Ended where the gateway does not let it in: a page is not told more."""
        found = await self.call("open", address.replace("http", "ws", 1), protocols)
        if "ended" in found:
            raise _ended(found)
        return Agreed(found["protocol"], found["extensions"])

    async def send(self, data: bytes) -> None:
        """One binary message."""
        await self.run(f"peer.socket.send(peer.bytes({json.dumps(base64.b64encode(data).decode())}))")

    async def say(self, text: str) -> None:
        """One text message."""
        await self.run(f"peer.socket.send({json.dumps(text)})")

    async def receive(self) -> bytes | str:
        """The next message. Raises Ended."""
        found = await self.call("receive")
        if "ended" in found:
            raise _ended(found)
        return base64.b64decode(found["bytes"]) if "bytes" in found else str(found["text"])

    async def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake."""
        await self.run(f"peer.socket.close({code}, {json.dumps(reason)})")


def _ended(found: Any) -> Ended:
    return Ended(found["ended"]["code"], found["ended"]["reason"])


class Chromium:
    """The browser's process: one for many tests, each of which has a connection and pages of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        """Where it is asked."""

    def start(self) -> None:
        """Start it and wait until it can be asked; blocks."""
        sandbox = () if os.geteuid() else ("--no-sandbox",)  # Chromium has none for root
        command = [program(), *_SWITCHES, *sandbox, f"--remote-debugging-port={free_port()}"]
        said = self._folder / "chromium.log"
        with said.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, f"--user-data-dir={self._folder}", "about:blank"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": str(self._folder)}, start_new_session=True,
            )  # fmt: skip
        limit = time.monotonic() + START_S
        while (found := re.search(r"DevTools listening on (ws://\S+)", said.read_text("utf-8", "replace"))) is None:
            assert self._process.poll() is None, said.read_text("utf-8", "replace")[-2000:]
            assert time.monotonic() < limit, said.read_text("utf-8", "replace")[-2000:]
            time.sleep(0.02)
        self.url = found[1]

    def stop(self) -> None:
        """End it with all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # its own session: nobody else is in it
            self._process.wait(START_S)
            self._process = None


class Browser:
    """A connection to it, in its own debugging protocol."""

    def __init__(self) -> None:
        self._wire: ClientConnection
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._targets: list[str] = []

    async def start(self, url: str) -> None:
        """Connect."""
        self._wire = await within(
            connect(url, max_size=1 << 24, compression=None, ping_interval=None, proxy=None), START_S
        )
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._wire:
            found = json.loads(text)
            waiting = self._asked.pop(found.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(found)

    async def ask(self, method: str, session: str = "", **words: Any) -> Any:
        """One question of the debugging protocol."""
        number = next(self._numbers)
        asked: dict[str, Any] = {"id": number, "method": method, "params": words}
        if session:
            asked["sessionId"] = session
        waiting = self._asked[number] = asyncio.get_running_loop().create_future()
        await self._wire.send(json.dumps(asked))
        found = await within(waiting, START_S)
        assert "error" not in found, (method, found)
        return found["result"]

    async def page(self, url: str) -> Page:
        """A new page of this address, with a peer in it."""
        target = (await self.ask("Target.createTarget", url="about:blank"))["targetId"]
        self._targets.append(target)
        session = (await self.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self, session)
        if url != "about:blank":
            gone = await self.ask("Page.navigate", session, url=url)
            assert not gone.get("errorText"), gone
            while await page.run("location.href + document.readyState") != f"{url}complete":  # noqa: ASYNC110 - a page tells nobody
                await asyncio.sleep(0.02)
        await page.run(_PAGE)
        return page

    async def stop(self) -> None:
        """Close its pages and the connection."""
        for target in self._targets:
            await self.ask("Target.closeTarget", targetId=target)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            await within(self._wire.close())
