"""A program in TypeScript or Go that talks to a gateway: told what to do line by line, heard line by line."""

import json
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.process import HANG_S

Line = list[Any]


class Talker:
    """The process; a context manager, which ends it."""

    def __init__(self, command: list[str | Path], address: str, token: str, **told: Any) -> None:
        words = {"device": "talker", "channel": "talk", **told}
        self._process = subprocess.Popen(
            [*command, address, token, json.dumps(words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        self.said: list[Line] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def tell(self, command: str, text: str = "") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, text]) + "\n")
        self._process.stdin.flush()

    def hear(self, *beginning: Any) -> Line:
        """The next line that begins so; all that come before it are kept in `said` too."""
        while True:
            try:
                text = self._lines.get(timeout=2 * HANG_S)
            except queue.Empty:
                raise AssertionError(f"it did not say {beginning}; it said {self.said}") from None
            assert text, f"it ended before {beginning}; it said {self.said}"
            line = self._parsed(text)
            self.said.append(line)
            if line[: len(beginning)] == list(beginning):
                return line

    @staticmethod
    def _parsed(text: str) -> Line:
        decoder, at, found = json.JSONDecoder(), 0, []
        while at < len(text.rstrip()):
            try:
                value, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError:
                raise AssertionError(f"it complained: {text}") from None
            found.append(value)
            at += 1
        return found

    def heard(self) -> list[str]:
        """The texts of the events so far."""
        return [str(line[1]) for line in self.said if line[0] == "heard"]

    def heard_until(self, last: str) -> list[str]:
        """The texts of the events up to this one."""
        while last not in self.heard():
            self.hear("heard")
        return self.heard()

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        code = self._process.wait(HANG_S)
        while text := self._lines.get(timeout=HANG_S):
            self.said.append(self._parsed(text))
        return code
