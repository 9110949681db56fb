"""What all links have in common: a socket that never blocks, and the buffer in which frames arrive.

A link takes the frames of one turn with send(), tells with turn_over() when they are out (on polling: when the reply has
been read), and finds frames that arrived with next(). Errors of the link are OSError, from any call but close().
"""

import select
import socket

from micropython import const

from .fast import copy
from .frame import LENGTH, Frame

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

_POLLIN = const(1)
_POLLOUT = const(4)
_BROKEN = const(24)  # POLLERR | POLLHUP | POLLNVAL, as far as a port has them
_TCP = const(6)
_NODELAY = const(1)
# What connect() says that has begun and not ended: EAGAIN, EINPROGRESS of Linux, of lwIP, of others.
_STARTED = (11, 115, 119, 36)
_ENDED = const(104)  # ECONNRESET: the peer is gone
_PROTOCOL = const(71)  # EPROTO: the peer speaks something else
_CHUNK_BYTES = const(64)  # read at a time where a part of a frame waits already

_poller = select.poll()  # one for all links: making one takes heap


class Stream:
    """Frames one behind the other on a TCP connection; also the base of the other links."""

    reply_bytes = 0  # of the reply to a turn, where there are such
    turns = False  # whether frames arrive only as the answer to a turn

    def __init__(self, host: str, port: int, limit_bytes: int) -> None:
        self.data = bytearray(limit_bytes)  # what arrived, from `at` to `filled`
        self.at = 0
        self.filled = 0
        self.limit = limit_bytes
        self._host = host
        self._port = port
        self._chunk = bytearray(_CHUNK_BYTES)
        self._socket: "Any" = None  # a socket, or what else has its readinto() and write()
        self._out: "Any" = b""  # what the socket has not taken yet: the session leaves it alone until the turn is over
        self._out_at = 0
        self._out_end = 0

    def open(self) -> None:
        """Begin to connect. The name is looked up first, and that may take a while on some boards."""
        info = socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_STREAM)
        if not info:
            raise OSError(-2)
        self._socket = sock = socket.socket(info[0][0], socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.setsockopt(_TCP, _NODELAY, 1)  # a frame must not wait for the acknowledgement of the one before
        except (OSError, ValueError):
            pass  # this port always sends at once, or never: either way it works
        try:
            sock.connect(info[0][-1])
        except OSError as error:
            if error.errno not in _STARTED:
                raise
        _poller.register(sock, _POLLOUT)

    def ready(self) -> bool:
        """Whether the connection stands."""
        found = False
        for sock, event in _poller.ipoll(0):
            if sock is not self._socket:
                continue
            if event & _BROKEN:
                raise OSError(_ENDED)
            found = True
        if found:
            _poller.modify(self._socket, _POLLIN)
        return found

    def wait(self, wait_ms: int) -> None:
        """Come back when something arrives or the time is over."""
        for _ in _poller.ipoll(wait_ms):
            pass

    # Out

    def send(self, buffer: bytearray, count: int) -> None:
        """One frame, of a buffer that stays as it is until the turn is over. Only when blocked() says no."""
        self._write(buffer, count)

    def blocked(self) -> bool:
        """Whether the socket has not taken everything yet: the turn must end here."""
        return self._out_at < self._out_end

    def end_turn(self) -> None:
        """What was sent belongs together."""

    def turn_over(self) -> bool:
        """Whether the turn is with the socket."""
        if self._out_at < self._out_end:
            self._flush()
        return self._out_at >= self._out_end

    def _write(self, buffer, count: int) -> None:
        self._out = buffer
        self._out_at = 0
        self._out_end = count
        self._flush()

    def _flush(self) -> None:
        wrote = self._socket.write(self._out, self._out_at, self._out_end - self._out_at)
        if wrote:
            self._out_at += wrote

    # In

    def fill(self) -> bool:
        """Read what the socket has into `data`; whether anything came."""
        filled = self.filled
        if filled == 0:
            count = self._read(self.data, self.limit)
            self.filled = count
            return count > 0
        count = self._read(self._chunk, min(_CHUNK_BYTES, self.limit - filled))
        copy(self.data, filled, self._chunk, 0, count)
        self.filled = filled + count
        return count > 0

    def _read(self, buffer: bytearray, count: int) -> int:
        """Bytes read, 0 where there are none now."""
        if count == 0:
            return 0
        got = self._socket.readinto(buffer, count)
        if got is None:
            return 0
        if got == 0:
            raise OSError(_ENDED)
        return got

    def next(self, frame: Frame, allowed_flags: int) -> bool:
        """Whether a whole frame is there, which `frame` then describes; it stands in `data` until the next fill()."""
        total = frame.read(self.data, self.at, self.filled, self.limit, allowed_flags)
        if total > 0:
            self.at += total
            return True
        if total < 0:
            self.wrong(total)
        at = self.at
        if at:
            copy(self.data, 0, self.data, at, self.filled - at)
            self.filled -= at
            self.at = 0
        return False

    def wrong(self, code: int) -> None:
        """The peer sent what is no frame, or is one that we said we do not take."""
        raise OSError(_PROTOCOL, "frame too large" if code == LENGTH else "not a frame: %d" % code)

    def close(self) -> None:
        """Let go; never raises."""
        sock = self._socket
        self._socket = None
        if sock is None:
            return
        try:
            _poller.unregister(sock)
        except (OSError, KeyError):
            pass
        try:
            sock.close()
        except OSError:
            pass
