"""The recorder: writes down everything that enters a session and everything that leaves it.

It puts itself in front of the methods of one session that a driver calls (happenings.py); neither session nor driver know
of it, and where none is attached nothing is slower. What the methods call among themselves is no happening: it follows.
A recorder never disturbs its session: when the disk is full it stops, and says so.
"""

from __future__ import annotations

import inspect
import json
import logging
import platform as python_platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flight_client.capture.format import LIMIT_BYTES, CaptureWriter
from flight_client.capture.happenings import (
    HAPPENINGS,
    INPUTS,
    MASKED,
    MAY_SEND,
    RECEIVE,
    STATE,
    TIME,
    WRITES_RECORDS,
    Codec,
    Frame,
    Step,
    View,
    present,
)
from flight_client.capture.masks import Masks
from flight_client.errors import CallerError
from flight_client.session.common.clock import MASK, elapsed
from flight_client.session.device import codes
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession
from flight_client.session.spec import HEADER_BYTES, VERSION
from flight_client.version import __version__

_FLUSH_MS = 1000  # a process that dies takes at most so much of its recording with it

_log = logging.getLogger("flight.capture")


class Recorder:
    """Records one session into one file. `trouble` says why it stopped before its session did."""

    def __init__(self, path: str | Path, *, with_secrets: bool = False, limit_bytes: int = LIMIT_BYTES) -> None:
        """path: a file that is not there yet. with_secrets: keep token and session id; then keep the file to yourself.

        limit_bytes: the recording ends when the file would be larger. The file is made when a client takes the recorder.
        """
        self.path: Path = Path(path)
        self.trouble: str = ""
        self._with_secrets = with_secrets
        self._masks = Masks(with_secrets=with_secrets)
        self._limit_bytes = limit_bytes
        self._open = True
        self._writer: CaptureWriter
        self._session: DeviceSession
        self._inbox: Inbox
        self._view: View
        self._codec: Codec | None = None
        self._depth = 0
        self._now = 0
        self._flushed_at = 0
        self._early: list[bytearray] = []  # records from before the first happening that has a time
        self._inputs: tuple[Any, ...] = ()
        self._state: tuple[int, ...] = ()

    @property
    def records(self) -> int:
        """What was written so far."""
        return self._writer.records if self._codec is not None else 0

    def attach(self, session: DeviceSession, inbox: Inbox) -> None:
        """Record this session from now on: it has not been started yet.

        Raises CallerError for a second session, and where the file is there already or cannot be made.
        """
        if self._codec is not None or not self._open:
            raise CallerError(
                "a recorder takes one session, from its beginning",
                value=str(self.path),
                next_step="make a recorder for each client",
            )
        self._writer = CaptureWriter(self.path, self._limit_bytes)
        self._session, self._inbox = session, inbox
        happenings = present(session, inbox, HAPPENINGS)
        inputs, state = present(session, inbox, INPUTS), present(session, inbox, STATE)
        self._codec = Codec(happenings, inputs, state)
        self._view = View(session, inbox, inputs, state)
        for name in happenings:
            self._view.wrap(name, self._in_front_of(name, self._view.method(name)))

    def close(self) -> None:
        """The recording is complete."""
        if not self._open:
            return
        self._open = False
        if self._codec is None:
            return
        try:
            if not self.trouble:
                self._begin(self._codec)
                self._writer.write(b"")
            self._writer.close()
        except OSError as error:
            self._stop(f"the capture file could not be written: {error}")

    def _begin(self, codec: Codec) -> None:
        """The header, once. Not before the session is started: until then the profile may be changed."""
        if self._writer.records:
            return
        self._flushed_at = self._now
        self._writer.write(json.dumps(self._header(codec), separators=(",", ":")).encode())
        for body in self._early:
            self._writer.write(body)
        self._early.clear()

    def _header(self, codec: Codec) -> dict[str, Any]:
        session, identity = self._session, self._session.identity
        return {
            "flight": __version__,
            "protocol": VERSION,
            "python": python_platform.python_version(),
            "recorded": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time())),
            "secrets": self._with_secrets,
            "profile": {name: value for name, value in vars(session.profile).items() if isinstance(value, int | tuple)},
            "transports": list(session.policy.transports),
            "channel_limit": session.channels.limit,
            "identity": {
                "device_id": identity.device_id.decode("utf-8", "replace"),
                "platform": identity.platform.decode("utf-8", "replace"),
                "platform_number": identity.platform_number,
                "version": identity.version.decode("utf-8", "replace"),
                "client_type": identity.client_type,
                "capabilities": identity.capabilities,
                "boot": identity.boot.hex(),
            },
            "happenings": codec.happenings,
            "inputs": codec.inputs,
            "state": codec.state,
        }

    # In front of a method

    def _in_front_of(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        def recorded(*args: Any, **named: Any) -> Any:
            if self._depth or not self._open:
                return method(*args, **named)
            bound = signature.bind(*args, **named)
            bound.apply_defaults()
            return self._record(name, method, bound.args)

        return recorded

    def _record(self, name: str, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        step = self._before(name, arguments)
        self._depth += 1
        try:
            result = method(*arguments)
        finally:
            self._depth -= 1
        self._after(step, int(result or 0))
        return result

    def _before(self, name: str, arguments: tuple[Any, ...]) -> Step:
        kinds = HAPPENINGS[name]
        if name == RECEIVE:
            kind, flags, channel, seq, ack, data, start, end, now, random = arguments
            payload = self._masks.frame_in(kind, bytes(memoryview(data)[start:end]))
            arguments = (kind, flags, channel, seq, ack, payload, now, random)
        then, written = self._now, []
        for kind, value in zip(kinds, arguments, strict=True):
            if kind == TIME:
                self._now = value
            written.append(self._masks.token(value) if kind == MASKED else _plain(value))
        step = Step(name, (self._now - then) & MASK, self._changed_inputs(), written)
        if name in WRITES_RECORDS:
            out = self._session.out
            step.records = bytes(memoryview(out.buffer)[out.at : out.at + arguments[0]])
        return step

    def _changed_inputs(self) -> dict[str, int | bytes]:
        assert self._codec is not None
        values = self._view.inputs()
        before = self._inputs or (None,) * len(values)
        self._inputs = values
        return {
            name: self._masks.token(value) if INPUTS[name] == MASKED else _plain(value)
            for name, value, old in zip(self._codec.inputs, values, before, strict=True)
            if value != old
        }

    def _after(self, step: Step, result: int) -> None:
        assert self._codec is not None
        session = self._session
        step.result = result
        if step.name == RECEIVE and result == codes.CONNECTED and not session.resumed:
            self._masks.begin(session.identity.token, session.nonce, session.welcome.server_nonce)
        if step.name in MAY_SEND and result == codes.SEND:
            step.sent = self._frame()
        values = self._view.state()
        before = self._state or (None,) * len(values)
        self._state = values
        changed = zip(self._codec.state, values, before, strict=True)
        step.state = {name: int(value) for name, value, old in changed if value != old}
        body = self._codec.write(step)
        if TIME in HAPPENINGS[step.name] or self._writer.records:
            self._write(self._codec, body)
        else:
            self._early.append(body)

    def _frame(self) -> Frame:
        out = self._session.out
        self._masks.token(self._session.identity.token)  # the one that HELLO has is never forgotten
        payload = out.buffer[HEADER_BYTES : HEADER_BYTES + out.count]
        return Frame(
            out.kind, out.flags, out.channel, out.seq, out.ack,
            self._masks.frame_out(out.kind, payload),
        )  # fmt: skip

    def _write(self, codec: Codec, body: bytearray) -> None:
        try:
            self._begin(codec)
            if not self._writer.write(body):
                self._stop("the capture file has reached its limit")
            elif abs(elapsed(self._now, self._flushed_at)) >= _FLUSH_MS:
                self._flushed_at = self._now
                self._writer.flush()
        except OSError as error:
            self._stop(f"the capture file could not be written: {error}")

    def _stop(self, why: str) -> None:
        self.trouble = why
        _log.warning("%s: %s; the recording ends here", self.path, why)
        self.close()


def begin_recording(capture: str | Path | Recorder | None, session: DeviceSession, inbox: Inbox) -> Recorder | None:
    """What a client does with its argument `capture`."""
    recorder = Recorder(capture) if isinstance(capture, str | Path) else capture
    if recorder is not None:
        recorder.attach(session, inbox)
    return recorder


def _plain(value: Any) -> int | bytes:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else int(value)
