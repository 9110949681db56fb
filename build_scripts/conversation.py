"""One conversation between the project's own device session and gateway session, with fixed ids, nonces and clock.

Used by make_vectors.py. Both sessions are the real ones; only the transport is a list, and the parts of the gateway that
need a server (who may publish where, what is stored) are told here what to answer.
"""

from __future__ import annotations

from typing import NamedTuple

from flight_client._tables import NAMES
from flight_client.events import ComponentUpdate, Event, Log, MemoryUpdate, encode_event
from flight_client.gateway.engines.base import Batch, Entry, Source
from flight_client.platforms import get_platform
from flight_client.proof import SessionKey
from flight_client.session import spec
from flight_client.session.common.profile import profile_of
from flight_client.session.device import codes
from flight_client.session.device.identity import Identity
from flight_client.session.device.inbox import Inbox
from flight_client.session.device.machine import DeviceSession
from flight_client.session.gateway import machine as gateway_machine
from flight_client.session.gateway import messages
from flight_client.wire import EventRing, FrameReader, encode_frame, seal_frame

TOKEN = b"header.claims.signature"
SESSION_ID = bytes(range(0xA0, 0xB0))
SHORT_ID = b"5e551017"
INCARNATION = bytes.fromhex("1122334455667788")
EPOCH = bytes.fromhex("e0e1e2e3e4e5e6e7")
BOOT = bytes.fromhex("b0b1b2b3b4b5b6b7")
CLIENT_NONCE = bytes.fromhex("c0c1c2c3c4c5c6c7")
SERVER_NONCE = bytes.fromhex("d0d1d2d3d4d5d6d7")
AGREED = spec.FLAG_DELTA | spec.FLAG_COMPRESSED | spec.FLAG_MORE  # nobody has a use for them in so few events
TOKEN_EXPIRES_IN_MS = 3_600_000
RECEIVED_MS = 1_800_000_000_000
RANDOM = 0x8000  # the device's 16 random bits, always the middle

# What is said of each frame, in order. A frame more or less ends the run.
SAYINGS = (
    ("hello", "The first frame on a new WebSocket; alone in its message. The token is not a real one."),
    ("welcome", "The session exists. Sequence numbers begin at 1 on both sides."),
    ("open-publish-lossy", "Three OPEN in one message: the device need not wait for the answers."),
    ("open-publish-critical", "A second channel to publish on."),
    ("open-subscribe", "A channel to listen to, from its last entry on."),
    ("opened-publish-lossy", "Granted. A channel that only publishes has no position."),
    ("opened-publish-critical", "Granted."),
    ("opened-subscribe", "Granted; the stream begins behind offset 6."),
    ("data-lossy", "One memory update, 40 ms old when it was packed. Unsequenced: it is not sent again."),
    ("data-critical", "Two component updates with the counters 1 and 2, in the frame with sequence number 1."),
    ("ack-gateway", "The engine has stored the frame (ack 2) and one lossy event."),
    ("deliver", "An entry of the subscribed channel: offset 7, which follows 6. Sent by the tool `bench-1`."),
    ("ack-device", "The device has everything below 2. What it says of lossy events is 0 and not read."),
    ("heartbeat-gateway", "Nothing was sent for 5,000 ms. All of the device's lossy events are stored."),
    ("heartbeat-device", "The same in the other direction: one lossy event was handed to the transport."),
    ("attach", "The connection died; this is the first frame on the next one."),
    ("resumed", "The session goes on: everything below 2 is stored, one lossy event is."),
    ("open-forbidden", "A channel that this token does not allow. The device does not wait for the answer."),
    ("data-refused", "So this frame was on its way already; sequence number 2, counter 3."),
    ("opened-forbidden", "The answer to OPEN, with a text for people. Unsequenced, so it goes first."),
    ("refused", "The frame was not stored, and is not acknowledged (ack 2). REFUSED itself has a sequence number."),
    ("skip-refused", "The device gives the event up: SKIP takes the number 2, and its ack 2 shows that REFUSED was read."),
    ("gap", "The device read too slowly: entries 8 to 12 of channel 3 are gone."),
    ("ack-device-2", "GAP has arrived."),
    ("attach-polling", "WebSocket failed as often as the profile allows: the same session over polling, in one request."),
    ("resumed-polling", "The reply to that request."),
    ("poll", "Every further request begins with POLL."),
    ("data-lossy-polling", "In the same request behind it."),
    ("ack-polling", "The reply: the lossy event is stored."),
    ("poll-2", "The last request ..."),
    ("close-device", "... says goodbye: code 0, no text."),
    ("close-gateway", "The reply, and the end."),
)  # fmt: skip


class Told(NamedTuple):
    """A frame of the conversation."""

    name: str
    sender: str
    frame: bytes
    said: str


class Conversation:
    """Both ends and the clock."""

    def __init__(self) -> None:
        platform = get_platform("vita")
        profile = profile_of("vita")
        assert profile is not None
        identity = Identity(b"vita-1", b"vita", platform.number, b"1.0.0", NAMES["client_types"][platform.client_type])
        identity.capabilities = platform.capability_bits
        identity.token = TOKEN
        identity.boot[:] = BOOT
        transports = (spec.TRANSPORT_WEBSOCKET, spec.TRANSPORT_POLLING)
        self.device = DeviceSession(profile, identity, SessionKey(), transports)
        wishes = self.device.agreement
        wishes.reads = wishes.sends = AGREED
        wishes.unpacked_bytes = spec.UNPACKED_BYTES
        self.inbox = Inbox(self.device)
        self.critical = EventRing(64, 64)
        self.lossy = EventRing(64, 64)
        window = profile.window_frames
        self.gateway = gateway_machine.GatewaySession(
            window, window * profile.frame_bytes, profile.heartbeat_ms, window
        )
        self.gateway.spread_ms = spec.RECONNECT_SPREAD_MS
        self.window = window
        self.window_bytes = window * profile.frame_bytes
        self.heartbeat_ms = profile.heartbeat_ms
        self.frames: list[tuple[str, bytes]] = []
        self.reader = FrameReader()

    def tell(self) -> list[Told]:
        """The whole conversation."""
        self._greet(1000)
        self._speak()
        self._resume(9000)
        self._move_to_polling(10000)
        return [
            Told(name, sender, frame, said) for (name, said), (sender, frame) in zip(SAYINGS, self.frames, strict=True)
        ]

    # The four parts

    def _greet(self, now: int) -> None:
        device = self.device
        device.channels.add(b"memory-updates", spec.MODE_PUBLISH)
        device.channels.add(b"component-events", spec.MODE_PUBLISH)
        device.channels.add(b"commands/vita-1", spec.MODE_SUBSCRIBE, spec.START_LAST, 1)
        device.start(now)
        self._open(now)
        self._device(now)  # HELLO
        numbers = (self.heartbeat_ms, self.window, spec.MAX_FRAME_BYTES, spec.RECONNECT_SPREAD_MS, 0, 0)
        agreed = (self.window_bytes, TOKEN_EXPIRES_IN_MS, spec.UNPACKED_BYTES, AGREED, AGREED, spec.AUTH_NONE)
        payload = messages.welcome(
            SESSION_ID, SHORT_ID, INCARNATION, EPOCH, SERVER_NONCE, (*numbers, spec.SESSION_TTL_MS, *agreed)
        )
        self.gateway.heard_at = self.gateway.sent_at = now + 20
        self._to_device(encode_frame(spec.TYPE_WELCOME, spec.FLAG_CHECKED, 0, 0, 0, payload), now + 20)
        self._device(now + 20)  # OPEN, three times
        for channel in (1, 2):
            self.gateway.control(spec.TYPE_OPENED, channel, messages.opened(0, spec.MODE_PUBLISH, EPOCH, 0))
        self.gateway.control(spec.TYPE_OPENED, 3, messages.opened(0, spec.MODE_SUBSCRIBE, EPOCH, 6))
        self._gateway(now + 40)

    def _speak(self) -> None:
        memory = MemoryUpdate(total_bytes=536870912, used_bytes=201326592, fragmentation=0.25)
        self._put(self.lossy, 1, memory, 1010)
        self._device(1050)
        player = ComponentUpdate(
            id="player", name="Player", version="2.1", memory_bytes=1048576, created_age_ms=250, metadata={"hp": 3}
        )
        self._put(self.critical, 2, player, 1055)
        self._put(self.critical, 2, ComponentUpdate(id="menu", name="Menu", state="inactive"), 1058)
        self._device(1060)
        self.gateway.lossy_stored = 1
        self.gateway.done(1, 1060)
        self._gateway(1110)  # ACK
        body = encode_event(Log(text="reload"))
        tool = Source("bench-1", get_platform("host").number, b"0badcafe")
        ring = EventRing(4, 64)
        ring.put(1, body[0], 0, body[1])
        records = bytearray(64)
        size = ring.pack(records, 0, 64, 3, 1)
        batch = Batch("commands/vita-1", tool, bytes(8), 0, 1, 0, RECEIVED_MS, bytes(records[:size]))
        self.gateway.send(spec.TYPE_DELIVER, spec.FLAG_BATCH, 3, Entry(batch, 7, 6).payload)
        self._gateway(1500)  # DELIVER
        self._device(1550)  # ACK
        self._gateway(6500)  # HEARTBEAT
        self._device(6550)  # HEARTBEAT

    def _resume(self, now: int) -> None:
        device = self.device
        device.failed(7000, RANDOM)
        self._attach(now)
        channel = device.channels.add(b"secret", spec.MODE_PUBLISH)
        self._put(self.critical, channel, ComponentUpdate(id="spy", name="Spy"), now + 100)
        self._device(now + 100)  # OPEN and DATA
        denied = messages.opened(spec.CODE_FORBIDDEN, 0, EPOCH, 0, "publish: 'secret'")
        self.gateway.control(spec.TYPE_OPENED, channel, denied)
        self.gateway.refuse(2, channel, messages.refused(2, spec.CODE_UNKNOWN_CHANNEL, 1))
        self._gateway(now + 110)  # OPENED and REFUSED
        self._device(now + 115)  # SKIP
        self.gateway.done(2, now + 115)
        self.gateway.send(spec.TYPE_GAP, 0, 3, messages.gap(spec.GAP_SLOW, EPOCH, 7, 12))
        self._gateway(now + 120)
        self._device(now + 200)  # ACK

    def _move_to_polling(self, now: int) -> None:
        device = self.device
        device.failed(now, RANDOM)
        while device.policy.transport() != spec.TRANSPORT_POLLING:
            now += 20000
            device.poll(now, RANDOM)
            device.failed(now, RANDOM)
        now += 20000
        self._attach(now)
        self._put(self.lossy, 1, MemoryUpdate(used_bytes=201000000), now)
        self._device(now + 30)  # POLL and DATA
        self.gateway.new_poll(1)
        self.gateway.lossy_stored = 2
        self.gateway.ack_now(now + 40)
        self._gateway(now + 40)  # ACK
        device.close(now + 50)
        self._device(now + 500)  # POLL and CLOSE
        self._to_device(encode_frame(spec.TYPE_CLOSE, 0, 0, 0, 0, messages.ending(spec.CODE_OK)), now + 510)

    # What both do

    def _put(self, ring: EventRing, channel: int, event: Event, now: int) -> None:
        layout, body = encode_event(event)
        assert ring.put(channel, layout, now, body)

    def _open(self, now: int) -> None:
        assert self.device.poll(now, RANDOM) == codes.OPEN
        self.device.nonce[:] = CLIENT_NONCE
        self.device.opened(now)

    def _attach(self, now: int) -> None:
        self._open(now)
        self._device(now)  # ATTACH
        device, gateway = self.device, self.gateway
        assert gateway.attach(device.generation, device.receipts.next_in, now)
        payload = messages.resumed(device.generation, gateway.ack(), gateway.lossy_stored, gateway.spread_ms)
        self._to_device(encode_frame(spec.TYPE_RESUMED, 0, 0, 0, 0, payload), now + 20)

    def _device(self, now: int) -> None:
        """Everything that the device sends now; the gateway takes its numbers."""
        device = self.device
        while True:
            device.waiting_critical = self.critical.count
            device.waiting_lossy = self.lossy.count
            command = device.poll(now, RANDOM)
            if command in (codes.PACK_CRITICAL, codes.PACK_LOSSY):
                ring = self.critical if command == codes.PACK_CRITICAL else self.lossy
                size = ring.pack(device.out.buffer, device.out.at, device.out.room, now, 32)
                command = device.packed(size, ring.packed_events, ring.packed_channel, now)
            if command == codes.TURN:
                device.turn_done(now)
                return
            assert command == codes.SEND, command
            fields = (device.out.kind, device.out.flags, device.out.channel, device.out.seq, device.out.ack)
            total = seal_frame(device.out.buffer, *fields, device.out.count)
            self.frames.append(("device", bytes(device.out.buffer[:total])))
            if device.out.kind not in (spec.TYPE_HELLO, spec.TYPE_ATTACH):
                assert self.gateway.receive(device.out.seq, device.out.ack, now) == gateway_machine.TAKE

    def _gateway(self, now: int) -> None:
        """Everything that the gateway sends now."""
        while frame := self.gateway.next_frame(now):
            kind, flags, channel, seq, payload = frame
            self._to_device(encode_frame(kind, flags, channel, seq, self.gateway.ack(), payload), now)

    def _to_device(self, frame: bytes, now: int) -> None:
        self.frames.append(("gateway", frame))
        self.reader.feed(frame)
        assert self.reader.next()
        found = self.reader
        fields = (found.type, found.flags, found.channel, found.seq, found.ack)
        result = self.inbox.receive(*fields, frame, found.start, found.end, now, RANDOM)
        assert result != codes.BROKEN
