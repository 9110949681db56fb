"""All sessions of this gateway: who may have one, which one a frame belongs to, and when one is over.

Everything before the token was verified costs one frame and no engine call.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from flight_client._tables import NAMES
from flight_client.clock import Clock
from flight_client.errors import FlightError, FrameError, RefusedError, TagError
from flight_client.gateway.audit import Note, no_note
from flight_client.gateway.auth import Identity
from flight_client.gateway.engines.base import Source
from flight_client.gateway.hub import Hub
from flight_client.gateway.names import check_device_id, owner_of, printable, refusal
from flight_client.gateway.peer import Peer
from flight_client.gateway.peer_parts import PeerCounters
from flight_client.gateway.tenure import Revoked, Tenure, Verify, described
from flight_client.platforms import PLATFORMS
from flight_client.proof import gateway_key
from flight_client.session import spec
from flight_client.session.gateway import messages
from flight_client.session.gateway.agreement import refusal_of
from flight_client.wire.frames import FrameReader

_log = logging.getLogger("flight.gateway")

_PROFILES = PLATFORMS
_SETTLE_S = 5.0  # how long a new transport waits for the store to answer what came over the old one


def _about(source: Source) -> dict[str, str]:
    """Fields of a log record (cli/log_format.py)."""
    return {"device": source.device_id, "session": source.short_id.decode()}


@dataclass(slots=True)
class RegistryCounters:
    """What happened since the gateway started."""

    hellos: int = 0
    attaches: int = 0
    refused: int = 0
    resets: int = 0
    expired: int = 0
    malformed: int = 0
    forged: int = 0  # of those, frames without their right tag
    revoked: int = 0
    frames_in: int = 0  # of sessions that are over; frames() has all
    frames_out: int = 0
    by_code: dict[int, int] = field(default_factory=dict)


async def _ready(_token: str) -> None:
    """Nothing is needed before a token is verified."""


class Accepted(NamedTuple):
    """What a session is made of, whatever protocol it speaks."""

    session_id: bytes
    source: Source
    tenure: Tenure
    profile: dict[str, Any]
    incarnation: bytes
    mark: int
    lossy_stored: int


class Session(Protocol):
    """What every session has: that of the binary protocol (peer.py) and that of JSON."""

    session_id: bytes
    source: Source
    tenure: Tenure
    platform: str
    version: str
    transport: str
    gone: bool
    counters: PeerCounters

    @property
    def attached(self) -> bool:
        """Whether its client is connected now."""

    def away_ms(self, now: int) -> int:
        """For how long nothing has been heard of its client, as far as that could end the session."""

    def open_channels(self) -> dict[str, int]:
        """Channels that are open, with their modes."""

    def check_channels(self) -> None:
        """Leave what the token or the rules do not allow any more."""

    def wake(self) -> None:
        """Something may be sent."""

    async def settle(self, timeout_s: float) -> bool:
        """Until the store has answered everything that came in. False when it takes too long."""

    def end_transport(self, code: int, retry_after_ms: int, text: str) -> None:
        """Tell the client why, and close its transport; the session stays."""

    def discard(self, code: int, text: str = "") -> None:
        """It is over: leave all channels, tell the client."""


class Registry:
    """Sessions by id, and by device within its organisation: a device has one."""

    def __init__(
        self,
        hub: Hub,
        verify: Verify,
        clock: Clock,
        session_limit: int,
        wall_s: Callable[[], float] = time.time,
        device_keys: Mapping[str, bytes] | None = None,
        revoked: Revoked = lambda _identity: False,
        prepare: Callable[[str], Awaitable[None]] = _ready,
        note: Note = no_note,
        sessions_per_token: int = 0,
        node_tag: bytes = b"",
    ) -> None:
        """device_keys: secrets by device id; a device with one must authenticate its frames. revoked: asked at HELLO, at
        TOKEN, and of every session at each expire(). prepare: awaited with the token of a HELLO before it is verified. note: writes
        the audit log. sessions_per_token: for all devices of one subject; 0: no limit of its own. node_tag: how session ids begin
        here, where there are several nodes.
        """
        self.draining = False
        """Whether this gateway is about to stop: no session begins here, or comes back."""
        self._node_tag = node_tag
        self.hub = hub
        self.clock = clock
        self.counters: RegistryCounters = RegistryCounters()
        self._verify_signed = verify
        self._device_keys = device_keys or {}
        self._revoked = revoked
        self._limit = session_limit
        self._wall_s = wall_s
        self._by_id: dict[bytes, Session] = {}
        self._by_device: dict[str, Session] = {}  # device within its organisation
        self._by_holder: Counter[str] = Counter()
        self._prepare = prepare
        self.note = note
        """Writes the audit log."""
        self._holder_limit = sessions_per_token or session_limit
        hub.on_new_log = self._forget_all

    def __len__(self) -> int:
        return len(self._by_id)

    def peers(self) -> list[Peer]:
        """Those of the binary protocol."""
        return [session for session in self._by_id.values() if isinstance(session, Peer)]

    def sessions(self) -> list[Session]:
        """All sessions, attached or not."""
        return list(self._by_id.values())

    def session(self, session_id: bytes) -> Session | None:
        """Any session with this id."""
        return self._by_id.get(session_id)

    def _peer(self, session_id: bytes) -> Peer | None:
        """The session of the binary protocol with this id."""
        found = self._by_id.get(session_id)
        return found if isinstance(found, Peer) else None

    def frames(self) -> tuple[int, int]:
        """Frames and messages of JSON in sessions since the start: taken, given."""
        taken, given = self.counters.frames_in, self.counters.frames_out
        for session in self._by_id.values():
            taken += session.counters.frames_in
            given += session.counters.frames_out
        return taken, given

    def has_key(self, owner: str) -> bool:
        """Whether this device, within its organisation, authenticates its frames: it may speak in no other way."""
        return owner in self._device_keys

    async def identify(self, token: str) -> Identity:
        """Who a token is for, outside of any session; RefusedError for one that is not accepted."""
        await self._prepare(token)
        return self._verify(token)

    def spread_ms(self) -> int:
        """How widely clients spread their first retry: little for a few, enough for a fleet (spec: timing)."""
        fleet = spec.RECONNECT_SPREAD_FLEET_MS * len(self._by_id) // spec.RECONNECT_SPREAD_FLEET
        return max(spec.RECONNECT_SPREAD_MS, fleet)

    def unreadable(self, error: FrameError) -> None:
        """A frame could not be taken: count it."""
        self.counters.malformed += 1
        if isinstance(error, TagError):
            self.counters.forged += 1

    def _verify(self, token: str) -> Identity:
        identity = self._verify_signed(token)
        if self._revoked(identity):
            raise refusal(spec.CODE_CREDENTIAL, "the token or its key was revoked, the key", printable(identity.key_id))
        return identity

    async def hello(self, hello: messages.Hello, address: str = "") -> tuple[Peer, bytes]:
        """A new session and the payload of its WELCOME; RefusedError says why there is none. address: of who asks, for the
        audit log.
        """
        return self._create(hello, await self.accept(hello, address))

    async def accept(self, hello: messages.Hello, address: str = "") -> Accepted:
        """Judge what a client says of itself, and end the session that its device had; RefusedError: it gets none.

        Whoever makes a session of this seats it in the same step of the event loop.
        """
        self.counters.hellos += 1
        try:
            if self.draining:
                raise RefusedError(spec.CODE_GOING_AWAY, "this gateway stops")
            await self._prepare(hello.token.decode("ascii", "replace"))
            identity, device_id = self._admit(hello)
            older = self._by_device.get(owner_of(identity.org, device_id))
            if older is None:
                self._check_room(identity)
            else:
                self.drop(older, spec.CODE_REPLACED)
            accepted = await self._with_marks(hello, identity, device_id)
            concurrent = self._by_device.get(owner_of(identity.org, device_id))
            if concurrent is not None:  # a second HELLO of the device came while we asked the engine
                self.drop(concurrent, spec.CODE_REPLACED)
            self._check_room(identity)  # again: others may have come meanwhile
        except RefusedError as error:
            self.counters.refused += 1
            self.counters.by_code[error.code] = self.counters.by_code.get(error.code, 0) + 1
            claimed = hello.device_id.decode("utf-8", "replace")
            self.note("refused", code=error.name, text=error.text, device=claimed, address=address)
            raise
        session = accepted.source.short_id.decode()
        self.note("connect", device=device_id, session=session, address=address, **described(identity))
        return accepted

    def seat(self, session: Session) -> None:
        """A session that accept() led to."""
        source, identity = session.source, session.tenure.identity
        self._by_id[session.session_id] = session
        self._by_device[owner_of(identity.org, source.device_id)] = session
        self._by_holder[identity.holder] += 1
        short_id = source.short_id.decode()
        _log.info("%s (%s) said hello: session %s", source.device_id, session.platform, short_id, extra=_about(source))

    def _check_room(self, identity: Identity) -> None:
        """RefusedError unless there may be one more session, and one more of this token."""
        if len(self._by_id) >= self._limit:
            raise refusal(spec.CODE_BUSY, "sessions", str(len(self._by_id)))
        if self._by_holder[identity.holder] >= self._holder_limit:
            raise refusal(spec.CODE_TOO_MANY, "sessions with tokens of this subject", str(self._holder_limit))

    def _admit(self, hello: messages.Hello) -> tuple[Identity, str]:
        if not hello.version_min <= spec.VERSION <= hello.version_max:
            offered = f"{hello.version_min} to {hello.version_max}, this gateway speaks {spec.VERSION}"
            raise refusal(spec.CODE_VERSION, "offered", offered)
        try:
            token = hello.token.decode("ascii")
        except UnicodeDecodeError:
            raise refusal(spec.CODE_CREDENTIAL, "the token is not text", f"{len(hello.token)} bytes") from None
        try:
            device_id = hello.device_id.decode("utf-8")
            platform = hello.platform.decode("utf-8")
        except UnicodeDecodeError as error:
            raise refusal(spec.CODE_BAD_NAME, "not valid text", error.encoding) from None
        identity = self._verify(token)
        identity.check_device(check_device_id(device_id))
        profile = _PROFILES.get(platform)
        if profile is None or profile["id"] != hello.platform_number:
            raise refusal(spec.CODE_UNKNOWN_PLATFORM, "platform", printable(platform))
        if hello.client_type not in NAMES["client_types"].values():
            raise refusal(spec.CODE_UNSUPPORTED, "client type", str(hello.client_type))
        code = refusal_of(hello, owner_of(identity.org, device_id) in self._device_keys)
        if code:
            raise refusal(code, "lanes and authentication asked for", f"{hello.lanes:#x}, {hello.auth}")
        allowed = NAMES["capabilities"]["polling-mode"]
        for name in profile["capabilities"]:
            allowed |= NAMES["capabilities"][name]
        if hello.capabilities & ~allowed:
            raise refusal(spec.CODE_FORBIDDEN, "capabilities beyond the platform's", f"{hello.capabilities:#x}")
        return identity, device_id

    async def _with_marks(self, hello: messages.Hello, identity: Identity, device_id: str) -> Accepted:
        owner = owner_of(identity.org, device_id)
        fresh = hello.incarnation == bytes(8)
        incarnation = os.urandom(8) if fresh else hello.incarnation
        mark = lossy_stored = 0
        if not fresh:
            try:
                mark, lossy_stored = await self.hub.engine.marks(owner, incarnation)
            except FlightError as error:
                raise refusal(spec.CODE_STORE, "marks", error.what) from error
        session_id = self._node_tag + os.urandom(spec.SESSION_ID_BYTES - len(self._node_tag))
        short_id = secrets.token_hex(spec.SHORT_ID_BYTES // 2).encode()
        source = Source(device_id, hello.platform_number, short_id)
        note = partial(self.note, device=device_id, org=identity.org, session=short_id.decode())
        tenure = Tenure(identity, self._verify, self._wall_s, note)
        return Accepted(session_id, source, tenure, _PROFILES[hello.platform.decode()], incarnation, mark, lossy_stored)

    def _create(self, hello: messages.Hello, accepted: Accepted) -> tuple[Peer, bytes]:
        session_id, source, tenure, profile, incarnation, mark, lossy_stored = accepted
        key = gateway_key(self._device_keys.get(owner_of(tenure.identity.org, source.device_id)))
        nonce = os.urandom(spec.NONCE_BYTES)
        key.begin(hello.token, hello.nonce, nonce)
        tool = profile["memory_bytes"] == 0
        limit = spec.TOOL_CHANNELS if tool else spec.DEVICE_CHANNELS
        heartbeat_ms = profile["heartbeat_ms"]
        window = profile["window_frames"]
        window_bytes = window * profile["frame_bytes"]
        windows = window, window_bytes
        peer = Peer(self.hub, tenure, hello, source, session_id, key, incarnation, heartbeat_ms, windows, limit)
        agreed = peer.agreement
        now = self.clock()
        peer.session.heard_at = peer.session.sent_at = peer.detached_at = now
        peer.session.lossy_stored = lossy_stored
        peer.session.spread_ms = self.spread_ms()
        self.seat(peer)
        numbers = (
            heartbeat_ms,
            window,
            spec.MAX_FRAME_BYTES,
            self.spread_ms(),
            mark,
            lossy_stored,
            spec.SESSION_TTL_MS,
            window_bytes,
            tenure.left_ms(),
            agreed.unpacked_in_bytes,
            agreed.up,
            agreed.down,
            agreed.auth,
        )
        payload = messages.welcome(session_id, source.short_id, incarnation, self.hub.epoch, nonce, numbers)
        return peer, payload

    async def attach(self, asked: messages.Attach, reader: FrameReader) -> tuple[Peer, bytes]:
        """The session that ATTACH goes on with and the payload of RESUMED; RefusedError becomes RESET.

        Raises TagError when the frame, on which the reader stands, has not the tag that it must have.
        """
        self.counters.attaches += 1
        if self.draining:
            raise self._reset(spec.CODE_GOING_AWAY)
        peer = self._peer(asked.session_id)
        if peer is None:
            raise self._reset(spec.CODE_UNKNOWN_SESSION)
        if not peer.key.attach_is_true(asked.proof, asked.generation):
            raise self._reset(spec.CODE_PROOF)
        if asked.generation <= peer.session.generation:
            raise self._reset(spec.CODE_STALE_GENERATION)
        peer.sealing.open(reader, asked.generation)
        now = self.clock()
        if peer.pipe is not None:  # fence first: what the older transport still holds must not come in any more
            pipe, peer.pipe = peer.pipe, None
            pipe.end(spec.CODE_STALE_GENERATION)
        if not await peer.settle(_SETTLE_S) or peer.gone:
            raise self._reset(spec.CODE_UNKNOWN_SESSION)
        if asked.generation <= peer.session.generation:  # a newer one came while we waited
            raise self._reset(spec.CODE_STALE_GENERATION)
        if not peer.session.attach(asked.generation, asked.number, now):
            self.drop(peer, spec.CODE_SEQUENCE)
            raise self._reset(spec.CODE_UNKNOWN_SESSION)
        session = peer.session
        session.spread_ms = self.spread_ms()
        return peer, messages.resumed(asked.generation, session.ack(), session.lossy_stored, session.spread_ms)

    def polled(self, asked: messages.Attach) -> Peer:
        """The session that a polling request belongs to; RefusedError becomes RESET."""
        peer = self._peer(asked.session_id)
        if peer is None:
            raise self._reset(spec.CODE_UNKNOWN_SESSION)
        if not peer.key.poll_is_true(asked.proof, asked.generation, asked.number):
            raise self._reset(spec.CODE_PROOF)
        if asked.generation != peer.session.generation or peer.pipe is None or not peer.pipe.turn_based:
            raise self._reset(spec.CODE_STALE_GENERATION)
        return peer

    def _reset(self, code: int) -> RefusedError:
        self.counters.resets += 1
        return RefusedError(code)

    def drop(self, peer: Session, code: int, text: str = "") -> None:
        """The session is over."""
        identity = peer.tenure.identity
        if self._by_id.pop(peer.session_id, None) is not None:
            self.counters.frames_in += peer.counters.frames_in
            self.counters.frames_out += peer.counters.frames_out
            self._by_holder[identity.holder] -= 1
            if not self._by_holder[identity.holder]:
                del self._by_holder[identity.holder]
            source = peer.source
            _log.info("%s: session %s is over", source.device_id, source.short_id.decode(), extra=_about(source))
        owner = owner_of(identity.org, peer.source.device_id)
        if self._by_device.get(owner) is peer:
            del self._by_device[owner]
        peer.discard(code, text)

    def _forget_all(self) -> None:
        """Sessions and their marks belong to a log that is gone: devices say HELLO again and learn the new epoch."""
        for session in self.sessions():
            self.drop(session, spec.CODE_UNKNOWN_SESSION, "the log is another one")

    def expire(self) -> None:
        """Forget sessions that ended by themselves or were away longer than their time to live."""
        now = self.clock()
        for peer in self.sessions():
            if peer.gone:
                self.drop(peer, spec.CODE_UNKNOWN_SESSION)
            elif self._revoked(peer.tenure.identity):
                self.counters.revoked += 1
                peer.tenure.note_identity("revoked")
                self.drop(peer, spec.CODE_CREDENTIAL, "the token or its key was revoked")
            elif peer.tenure.over():
                self.counters.expired += 1
                peer.tenure.note_identity("expired")
                self.drop(peer, spec.CODE_EXPIRED_TOKEN)
            elif peer.away_ms(now) > spec.SESSION_TTL_MS:
                self.counters.expired += 1
                self.drop(peer, spec.CODE_UNKNOWN_SESSION)
