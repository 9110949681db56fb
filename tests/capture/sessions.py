"""Small recorded sessions, made of a device session and frames that the test writes: no gateway, no socket."""

from pathlib import Path

from flight_client.capture import Recorder
from flight_client.capture.format import LIMIT_BYTES
from flight_client.proof import SessionKey
from flight_client.session import spec
from flight_client.session.common.profile import profile_of
from flight_client.session.device import codes
from flight_client.session.device.identity import Identity
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession

TOKEN = b"a-token-that-nobody-may-see"
SESSION_ID = bytes(range(0xA0, 0xB0))
TRANSPORTS = (spec.TRANSPORT_WEBSOCKET, spec.TRANSPORT_POLLING)


class Desk:
    """A recorded session and what a driver does with it."""

    def __init__(self, path: Path, *, with_secrets: bool = False, limit_bytes: int = LIMIT_BYTES) -> None:
        profile = profile_of("vita")
        assert profile is not None
        identity = Identity(b"desk-1", b"vita", profile.platform, b"0.1.0", 1)
        self.session = DeviceSession(profile, identity, SessionKey(), TRANSPORTS)
        self.inbox = Inbox(self.session)
        self.recorder = Recorder(path, with_secrets=with_secrets, limit_bytes=limit_bytes)
        self.recorder.attach(self.session, self.inbox)
        self.now = 0x3FFFFF00  # the clock wraps soon
        self.sent: list[tuple[int, bytes]] = []

    def run(self, wait_ms: int = 0) -> None:
        """Let the session do what it wants to do now."""
        self.now = self.now + wait_ms & 0x3FFFFFFF
        session = self.session
        while (command := session.poll(self.now, 12345)) != codes.NOTHING:
            if command in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
                session.waiting_critical = session.waiting_lossy = 0
                session.out.buffer[session.out.at : session.out.at + 8] = b"\x05\0\0\0word"
                session.out.expires_ms = 700
                command = session.packed(8, 1, 1, self.now)
            if command == codes.SEND:
                out = session.out
                self.sent.append((out.kind, bytes(out.buffer[16 : 16 + out.count])))
            elif command == codes.TURN:
                session.turn_done(self.now)
        session.wake_in_ms(self.now)

    def opened(self) -> None:
        """The transport that was asked for is there."""
        self.session.identity.token = TOKEN
        self.session.nonce[:] = b"nonce-" + bytes((self.session.generation, 7))
        self.session.opened(self.now)
        self.run(5)

    def receive(self, kind: int, payload: bytes, *, seq: int = 0, ack: int = 0, flags: int = 0) -> int:
        """A frame from the gateway, with something before and behind it."""
        data = b"in front" + payload + b"behind"
        code = self.inbox.receive(kind, flags, 0, seq, ack, data, 8, 8 + len(payload), self.now, 777)
        self.run(3)
        return code


def welcome() -> bytes:
    """WELCOME as a gateway writes it."""
    payload = bytearray(88)
    payload[:16] = SESSION_ID
    payload[16:24] = b"publicid"
    payload[24:32] = b"incarnat"
    payload[32:40] = b"epoch-01"
    payload[40:48] = b"servernc"
    payload[48:52] = (15000).to_bytes(4, "little")
    payload[52:54] = (8).to_bytes(2, "little")
    payload[54:56] = (4096).to_bytes(2, "little")
    payload[72:76] = (65536).to_bytes(4, "little")
    return bytes(payload)


def record_small(path: Path, *, with_secrets: bool = False) -> Desk:
    """HELLO, two events, a broken link, ATTACH over it, polling after that, CLOSE."""
    desk = Desk(path, with_secrets=with_secrets)
    session = desk.session
    assert session.channels.add(b"log", spec.MODE_PUBLISH) == 1
    session.start(desk.now)
    desk.run()
    desk.opened()
    assert desk.receive(spec.TYPE_WELCOME, welcome()) == codes.CONNECTED
    session.waiting_critical = session.waiting_lossy = 1
    desk.run(20)
    for generation in range(1, 6):
        session.failed(desk.now, 5)
        desk.run()
        desk.run(30_000)
        desk.opened()
        if generation < 3:
            continue  # no answer: the next transport is tried after enough of this
        resumed = generation.to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(8)
        assert desk.receive(spec.TYPE_RESUMED, resumed) in (codes.CONNECTED, codes.QUIET, codes.BROKEN)
        desk.run(4000)
    session.close(desk.now)
    desk.run(2000)
    desk.recorder.close()
    return desk


def record_smallest(path: Path) -> None:
    """HELLO, WELCOME, and closed."""
    desk = Desk(path)
    desk.session.start(desk.now)
    desk.run()
    desk.opened()
    desk.receive(spec.TYPE_WELCOME, welcome())
    desk.session.close(desk.now)
    desk.run()
    desk.recorder.close()
