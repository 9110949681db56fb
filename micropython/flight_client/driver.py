"""Runs a session over real links: obeys its commands and tells it what happened. No call here waits.

The steady path over raw TCP, a UART or WebSocket takes no heap: frames are packed into the session's buffers and written
from there.
"""

from time import ticks_diff, ticks_us

from micropython import const

from .clock import now_ms
from .fast import copy, crc32c_into, pack
from .frame import Frame, seal_into
from .noise import urandom
from .session.device.codes import (
    CONNECTED,
    DELIVERED,
    DELIVERED_AFTER_HOLE,
    DROP,
    FORGED,
    LETTER,
    NOTHING,
    OPEN,
    PACK_CRITICAL,
    PACK_LOSSY,
    PROBE,
    RECODE,
    REFRESH,
    SEND,
    TOO_LARGE,
    TURN,
)
from .session.spec import (
    AUTH_NONE,
    FLAG_AUTHENTICATED,
    FLAG_CHECKED,
    FLAG_DELTA,
    FLAGS_PLAIN,
    POLL_BODY_BYTES,
    STATE_CLOSED,
    STATE_CLOSING,
    STATE_OPENING,
    STATE_READY,
    STATE_STOPPED,
)

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

    from .stream import Stream

_COUNT = const(2)
_EVENTS = const(10)
_CHANNEL = const(11)
_FULL_REPLY = const(32768)


class Driver:
    """One session, two rings, at most one link."""

    def __init__(self, session, key, inbox, critical, lossy, make_link, token, listener) -> None:
        """make_link(number): a link of this transport. token: a function that returns one as bytes, or None."""
        self.session = session
        self.inbox = inbox
        self.critical = critical
        self.lossy = lossy
        self.link: "Stream | None" = None
        self.error: "object" = None  # what ended the last link
        self.too_large = 0  # events that the gateway's frames cannot carry
        self._key = key
        self._make_link: "Any" = make_link
        self._token: "Any" = token
        self._listener = listener
        self._frame = Frame()
        self._open = False  # the link stands
        self._turn = False  # a turn is on its way
        drawn = urandom(2)
        self._random = drawn[0] | drawn[1] << 8 or 1
        self._failures = 0
        self._pack_delta: "Any" = None  # loaded with the first batch that needs it
        session.renewal.renewable = token is not None

    def run(self, budget_us: int) -> bool:
        """Do what there is to do; True when the budget ended before that."""
        session = self.session
        start = ticks_us()
        while True:
            now = now_ms()
            busy = False
            link = self.link
            try:
                if link is not None:
                    busy = self._use(link, now)
                random = self.random()
                while True:
                    session.waiting_critical = self.critical.st[_COUNT]
                    session.waiting_lossy = self.lossy.st[_COUNT]
                    command = session.poll(now, random)
                    if command == NOTHING:
                        break
                    self._obey(command, now)
                    if ticks_diff(ticks_us(), start) >= budget_us:
                        return True
            except OSError as error:
                self.lose(error, now)
                busy = True
            self._look()
            if not busy:
                return False
            if ticks_diff(ticks_us(), start) >= budget_us:  # a peer may send faster than it is read
                return True

    def out_of_memory(self, error, now: int) -> None:
        """The heap was full in the middle of something: it is begun again with HELLO and what rings and store hold."""
        self.session.known = False
        self.lose(error, now)

    def random(self) -> int:
        """16 bits; for spreading waits, not for secrets."""
        x = self._random
        x ^= x << 7 & 0xFFFF
        x ^= x >> 9
        self._random = x = x ^ x << 8 & 0xFFFF
        return x

    def _use(self, link: "Stream", now: int) -> bool:
        if not self._open:
            if not link.ready():
                return False
            self._open = True
            return self._opened(now)
        came = False
        if link.fill():
            came = True
            allowed = FLAGS_PLAIN | self.session.agreement.down
            if self.session.agreement.auth != AUTH_NONE:
                allowed |= FLAG_AUTHENTICATED
            while link is self.link and link.next(self._frame, allowed):
                self._take(link, now)
        if self._turn and link is self.link and link.turn_over():
            self._turn = False
            if link.turns and link.reply_bytes > _FULL_REPLY:
                self.session.poll_soon()
            self.session.turn_done(now)
            came = True
        return came

    def _opened(self, now: int) -> bool:
        session = self.session
        if self._token is not None:
            session.identity.token = self._token()
        session.nonce[:] = urandom(8)
        if not session.identity.fits():
            raise OSError(22, "a token of %d bytes" % len(session.identity.token))
        session.opened(now)
        return True

    def _look(self) -> None:
        """A session that gave its link up has said so by its state."""
        session = self.session
        state = session.state
        if self.link is not None and not STATE_OPENING <= state <= STATE_CLOSING:
            self.drop()
        if session.policy.failed_total != self._failures:
            self._failures = session.policy.failed_total
            self._listener.on_failure(self.error)
            self.error = None
        if state == STATE_CLOSED or state == STATE_STOPPED:
            self._listener.on_end(state)

    def _obey(self, command: int, now: int) -> None:
        session = self.session
        if command == PACK_LOSSY or command == PACK_CRITICAL:
            command = self._pack(self.critical if command == PACK_CRITICAL else self.lossy, now)
        elif command == RECODE:
            command = self._recode()
        if command == SEND:
            self._send()
        elif command == TURN:
            if self.link is not None:
                self.link.end_turn()
                self._turn = not self.link.turn_over()
                if not self._turn:
                    session.turn_done(now)
        elif command == OPEN:
            self.drop()
            self.link = link = self._make_link(session.policy.transport())
            link.open()
        elif command == DROP:
            self.drop()
        elif command == LETTER:
            self._listener.on_letter(session.store)
        elif command == REFRESH:
            token = self._token()
            if token and token != session.identity.token:
                session.renewal.supply(token)
            else:
                session.renewal.none(now)
        elif command == PROBE:
            session.probed(False, now)  # boards have no memory for a second link

    def _pack(self, ring, now: int) -> int:
        session = self.session
        out = session.out
        st = ring.st
        most = min(out.most_events, st[_COUNT])
        flags = 0
        if most > 1 and session.agreement.up & FLAG_DELTA:
            if self._pack_delta is None:
                from .delta_pack import pack_delta

                self._pack_delta = pack_delta
            count = self._pack_delta(ring, out.buffer, out.at, out.room, now, most, out.room)
            if st[_EVENTS] > 1:
                flags = FLAG_DELTA
        else:
            count = pack(st, ring.mem, out.buffer, out.at, out.room, now, most)
        if count < 0:
            if session.pack_large(out.room + 1) == TOO_LARGE:
                ring.drop()
                self.too_large += 1
            return session.packed(0, 0, 0, now)
        return session.packed(count, st[_EVENTS], st[_CHANNEL], now, flags)

    def _recode(self) -> int:
        """Records of differences, packed for a gateway that read them, for one that does not."""
        from .delta import DeltaReader

        out = self.session.out
        plain = bytearray(out.room)
        count = DeltaReader().unpack_into(out.buffer, out.at, out.at + out.count, plain, out.room)
        if count < 0:
            return self.session.recoded(0)
        copy(out.buffer, out.at, plain, 0, count)
        return self.session.recoded(count)

    def _send(self) -> None:
        out = self.session.out
        buffer = out.buffer
        count = out.count
        if out.flags & FLAG_AUTHENTICATED:
            count += 8
        total = seal_into(buffer, out.kind, out.flags, out.channel, out.seq, out.ack, count)
        if out.flags & FLAG_AUTHENTICATED:
            self._key.write_tag(buffer, 8 + count, self.session.generation)
            if out.flags & FLAG_CHECKED:
                crc32c_into(buffer, 0, 16 + count, buffer, 16 + count)
        link = self.link
        if link is not None:
            link.send(buffer, total)
            if link.blocked():
                out.turn_bytes = POLL_BODY_BYTES  # the turn ends here, the rest goes in the next one

    def _take(self, link, now: int) -> None:
        session = self.session
        frame = self._frame
        if frame.flags & FLAG_AUTHENTICATED and not self._key.take_tag(link.data, frame, session):
            session.tally.forged += 1
            raise OSError(71, "a frame with a wrong tag")
        inbox = self.inbox
        result = inbox.receive(
            frame.type,
            frame.flags,
            frame.channel,
            frame.seq,
            frame.ack,
            link.data,
            frame.start,
            frame.end,
            now,
            self.random(),
        )
        if result == 0:
            return
        if result == DELIVERED or result == DELIVERED_AFTER_HOLE:
            self._listener.on_entry(inbox, result)
        else:
            if result == CONNECTED and session.state == STATE_READY:
                self.error = None
            elif result == FORGED:
                self.error = OSError(71, "a frame without its tag")
            self._listener.on_result(result, link.data)
        if session.state < STATE_OPENING or session.state > STATE_CLOSING:
            self.drop()

    def lose(self, error, now: int) -> None:
        """The link failed, or the name was not found, or memory ran out while it was made."""
        self.error = error
        self.drop()
        self.session.failed(now, self.random())

    def drop(self) -> None:
        """Let go of the link."""
        link = self.link
        self.link = None
        self._open = False
        self._turn = False
        if link is not None:
            link.close()
