"""What a device does with each frame it receives."""

from ..common.fields import Buffer, copy, get_u16, get_u32
from ..common.reassembly import WAIT, WHOLE, Reassembly
from ..spec import (
    AUTH_NONE,
    CODE_EXPIRED_TOKEN,
    CODE_PROOF,
    CODE_STALE_GENERATION,
    CODE_STORE,
    CODE_UNKNOWN_SESSION,
    FLAG_AUTHENTICATED,
    FLAG_MORE,
    FLAGS_BY_AGREEMENT,
    GAP_UNANNOUNCED,
    MODE_SUBSCRIBE,
    PORTION_BYTES,
    PORTION_FLAG,
    STATE_ATTACHING,
    STATE_CLOSING,
    STATE_GREETING,
    STATE_READY,
    TYPE_ACK,
    TYPE_CLOSE,
    TYPE_DELIVER,
    TYPE_GAP,
    TYPE_HEARTBEAT,
    TYPE_OPENED,
    TYPE_REFUSED,
    TYPE_RENEWED,
    TYPE_RESEND,
    TYPE_RESET,
    TYPE_RESUMED,
    TYPE_SKIP,
    TYPE_WELCOME,
)
from .codes import (
    ANSWERED,
    BROKEN,
    CONNECTED,
    DELIVERED,
    DELIVERED_AFTER_HOLE,
    ENDED,
    EVENTS_REFUSED,
    FORGED,
    MISSING,
    QUIET,
    TOKEN_REFUSED,
)
from .machine import DeviceSession
from .messages import Renewed

_DELIVER_HEAD = 40


class Inbox:
    """Reads frames for one session; results of the last receive() stay in its fields."""

    def __init__(self, session: DeviceSession):
        self.session = session
        self.event_channel: int = 0
        self.event_data: Buffer = b""  # where the rest points into: the frame, or what pieces were put together to
        self.event_start: int = 0  # of the whole DELIVER payload
        self.event_records: int = 0  # where its records begin
        self.event_end: int = 0
        self.event_flags: int = 0  # how its records are written
        self.gap_reason: int = 0
        self.gap_epoch: bytearray = bytearray(8)
        self.gap_after: bytearray = bytearray(8)
        self.gap_to: bytearray = bytearray(8)
        self.refused_code: int = 0
        self.renewed: Renewed = Renewed()
        self.pieces: Reassembly = Reassembly(0)
        self._proven = True  # the present frame comes from our peer, or nobody can tell

    def receive(
        self, kind: int, flags: int, channel: int, seq: int, ack: int, data: Buffer, start: int, end: int, now: int,
        random: int,
    ) -> int:  # fmt: skip
        """Take one frame that the wire layer found sound; answers what it means for the application (codes.py).

        The flag `authenticated` says that the frame had its right tag, which is not part of the payload any more.
        """
        session = self.session
        state = session.state
        if state < STATE_GREETING or state > STATE_CLOSING:
            return QUIET  # late news of a transport that was given up
        if session.agreement.auth != AUTH_NONE:
            self._proven = flags & FLAG_AUTHENTICATED != 0
            if not self._proven and not self._may_be_bare(kind, state):
                session.forged(now, random)
                return FORGED
            flags &= ~FLAG_AUTHENTICATED
        session.heard(now)
        if flags & FLAGS_BY_AGREEMENT and kind != TYPE_DELIVER:
            return self._broken(now, random)
        if state >= STATE_READY:
            return self._in_session(kind, flags, channel, seq, ack, data, start, end, now, random)
        if kind == TYPE_WELCOME and state == STATE_GREETING:
            welcome = session.welcome
            if not welcome.read(data, start, end) or not session.agreement.granted_what_was_asked(welcome):
                return self._broken(now, random)
            session.begin()
            session.renewal.begin(welcome.token_expires_in_ms, now)
            self.pieces = Reassembly(session.agreement.unpacked_bytes)
            session.session_ready(now)
            return CONNECTED
        if kind == TYPE_RESUMED and state == STATE_ATTACHING:
            return self._resumed(data, start, end, now, random)
        if kind == TYPE_RESET or kind == TYPE_CLOSE:
            return self._ended(kind, data, start, end, now, random)
        return QUIET

    def _in_session(
        self, kind: int, flags: int, channel: int, seq: int, ack: int, data: Buffer, start: int, end: int, now: int,
        random: int,
    ) -> int:  # fmt: skip
        session = self.session
        result = QUIET
        if seq and not session.receipts.take(seq, now):
            if seq < session.receipts.next_in:
                session.tally.duplicates += 1
            kind = 0  # a duplicate or a jump: only its acknowledgement counts
        if kind == TYPE_DELIVER:
            result = self._entry(flags, channel, data, start, end)
        elif kind == TYPE_ACK or kind == TYPE_HEARTBEAT:
            result = self._counts(kind, data, start, end)
        elif kind == TYPE_GAP:
            result = self._gap(channel, data, start, end)
        elif kind == TYPE_OPENED:
            result = self._opened(channel, data, start, end)
        elif kind == TYPE_REFUSED:
            result = self._refused(channel, data, start, end, now)
        elif kind == TYPE_SKIP:
            self.pieces.leave(channel)
        elif kind == TYPE_RESEND:
            session.store.rewind()
        elif kind == TYPE_RENEWED:
            result = self._renewal(data, start, end, now)
        elif kind == TYPE_RESET or kind == TYPE_CLOSE:
            return self._ended(kind, data, start, end, now, random)
        if ack and not session.store.acknowledge(ack):
            return self._broken(now, random)
        if ack:
            session.tally.acknowledged(session.store)
        return self._broken(now, random) if result == BROKEN else result

    def _resumed(self, data: Buffer, start: int, end: int, now: int, random: int) -> int:
        session = self.session
        if end - start < 16:
            return self._broken(now, random)
        next_expected = get_u32(data, start + 4)
        lossy_stored = get_u32(data, start + 8)
        if get_u32(data, start) != session.generation or next_expected < session.store.base or lossy_stored < 0:
            return self._broken(now, random)
        if not session.store.acknowledge(next_expected):
            return self._broken(now, random)
        session.tally.acknowledged(session.store)
        session.tally.lossy_restart(lossy_stored)
        session.policy.announce(get_u32(data, start + 12))
        session.resumed = True
        session.session_ready(now)
        return CONNECTED

    def _entry(self, flags: int, channel: int, data: Buffer, start: int, end: int) -> int:
        """DELIVER, whole or one piece of it."""
        self.event_flags = flags & FLAGS_BY_AGREEMENT & ~FLAG_MORE
        self.event_data = data
        if not flags & FLAG_MORE:
            return BROKEN if self.pieces.under_way() else self._deliver(channel, data, start, end)
        abandoned = self.pieces.abandoned
        code = self.pieces.push(flags, channel, data, start, end)
        if code == WAIT and abandoned == self.pieces.abandoned:
            return QUIET
        if code != WHOLE or abandoned != self.pieces.abandoned:
            return BROKEN
        self.event_data = self.pieces.buffer
        return self._deliver(channel, self.event_data, 0, len(self.event_data))

    def _deliver(self, channel: int, data: Buffer, start: int, end: int) -> int:
        if end - start < _DELIVER_HEAD:
            return BROKEN
        portion = data[start + 39] & PORTION_FLAG
        records = (
            start + _DELIVER_HEAD + ((data[start + 39] & ~PORTION_FLAG) + 3 & ~3) + (PORTION_BYTES if portion else 0)
        )
        events = get_u16(data, records - PORTION_BYTES) if portion and records <= end else 0
        if records > end or (portion and not events):
            return BROKEN
        state = self.session.channels.get(channel)
        if state is None or state.leaving or not state.mode & MODE_SUBSCRIBE:
            return QUIET  # left in the meantime
        if self.session.channels.is_old(state, data, start):
            self.session.tally.duplicates += 1
            return QUIET
        result = DELIVERED
        if not self.session.channels.follows(state, data, start + 8):
            result = DELIVERED_AFTER_HOLE
            self.gap_reason = GAP_UNANNOUNCED
            copy(self.gap_epoch, 0, state.epoch, 0, 8)
            copy(self.gap_after, 0, state.offset, 0, 8)
            copy(self.gap_to, 0, data, start + 8, 8)
        if not state.positioned:  # OPENED was lost with a transport; this entry came again, OPENED does not
            copy(state.epoch, 0, self.session.welcome.epoch, 0, 8)
            state.positioned = True
        copy(state.offset, 0, data, start + 8 if portion else start, 8)  # the last portion moves it past the entry
        state.taken = events
        self.session.tally.delivered_entries += 1
        self.event_channel = channel
        self.event_start = start
        self.event_records = records
        self.event_end = end
        return result

    def _gap(self, channel: int, data: Buffer, start: int, end: int) -> int:
        if end - start < 28:
            return BROKEN
        state = self.session.channels.get(channel)
        if state is None or state.leaving:
            return QUIET
        self.event_channel = channel
        self.gap_reason = data[start]
        copy(self.gap_epoch, 0, data, start + 4, 8)
        copy(self.gap_after, 0, data, start + 12, 8)
        copy(self.gap_to, 0, data, start + 20, 8)
        self.session.channels.position(state, data, start + 4, start + 20)
        return MISSING

    def _opened(self, channel: int, data: Buffer, start: int, end: int) -> int:
        state = self.session.channels.get(channel)
        if end - start < 20 or state is None:
            return BROKEN
        state.code = data[start]
        granted = data[start + 1]  # less than we want when it answers an OPEN from before the mode was widened
        if state.leaving == 1 and state.code == 0 and granted == 0:
            state.leaving = 0
        state.opened = state.leaving == 0 and (state.code != 0 or granted & state.mode == state.mode)
        if state.code == 0 and granted & MODE_SUBSCRIBE and not state.positioned and state.leaving == 0:
            self.session.channels.position(state, data, start + 4, start + 12)
        self.event_channel = channel
        return ANSWERED

    def _refused(self, channel: int, data: Buffer, start: int, end: int, now: int) -> int:
        if end - start < 12:
            return BROKEN
        store = self.session.store
        store.letter_slot = -1
        seq = get_u32(data, start)
        events = get_u32(data, start + 8)
        self.refused_code = data[start + 4]
        if seq == 0:
            self.session.tally.lossy_refused(events)
        elif not store.refuse(seq, self.refused_code == CODE_STORE, now):
            return BROKEN
        elif store.letter_slot >= 0:
            self.session.tally.refused += store.letter_events
        self.event_channel = channel
        return EVENTS_REFUSED

    def _renewal(self, data: Buffer, start: int, end: int, now: int) -> int:
        session = self.session
        renewed = self.renewed
        if not renewed.read(data, start, end):
            return BROKEN
        if renewed.unasked:
            session.renewal.ended(now)
            return QUIET
        if renewed.code:
            session.renewal.refused(now)
            self.refused_code = renewed.code
            return TOKEN_REFUSED
        if session.renewal.token:
            session.identity.token = session.renewal.token
        if session.renewal.accepted(renewed.expires_in_ms, now):
            session.store.rewind()  # what went meanwhile was not taken
        return QUIET

    def _may_be_bare(self, kind: int, state: int) -> bool:
        """Whether a frame may come without a tag: where the gateway has no session, and so no key."""
        return kind == TYPE_RESET or (kind == TYPE_CLOSE and state < STATE_READY)

    def _counts(self, kind: int, data: Buffer, start: int, end: int) -> int:
        if end - start < (8 if kind == TYPE_HEARTBEAT else 4):
            return BROKEN
        self.session.tally.lossy_stored(get_u32(data, start))
        if kind == TYPE_HEARTBEAT:
            self.session.policy.announce(get_u32(data, start + 4))
        return QUIET

    def _ended(self, kind: int, data: Buffer, start: int, end: int, now: int, random: int) -> int:
        session = self.session
        ending = session.ending
        if not ending.read(data, start, end):
            return self._broken(now, random)
        # Nobody but our peer may stop us; before there is a session, nobody can show that he is.
        if ending.code in session.fatal_codes and (self._proven or session.state == STATE_GREETING):
            if ending.code != CODE_EXPIRED_TOKEN or not session.renewal.try_again():
                session.stop(ending.code)
                return ENDED
            session.known = False
        if ending.retry_after_ms > 0:
            session.policy.hint(ending.retry_after_ms)
        # As an answer to HELLO this is no reason to say HELLO at once: it would come again, without end.
        lost = ending.code in (CODE_UNKNOWN_SESSION, CODE_PROOF, CODE_STALE_GENERATION)
        if kind == TYPE_RESET and lost and session.state != STATE_GREETING:
            session.session_lost()
            return ENDED
        if kind == TYPE_RESET:
            session.known = False
        session.failed(now, random)
        return ENDED

    def _broken(self, now: int, random: int) -> int:
        """The peer broke the protocol: nothing of this session can be trusted, so HELLO again on a new transport."""
        self.session.known = False
        self.session.failed(now, random)
        return BROKEN
