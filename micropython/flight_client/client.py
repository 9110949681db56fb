"""The client of a board: what a program holds.

    client = Client("http://192.168.1.10:8080", token=TOKEN, device_id="board-1")
    log = client.channel("log")
    log.emit(Log("hello"))
    while True:
        client.poll()          # never waits; call it often, or:
        client.wait(client.poll())

With asyncio: `async with Client(...) as client:`, and no call of poll(). Words and names are those of CPython's client.
"""

import time

from .address import Address
from .channel import Channel, Received
from .clock import now_ms
from .driver import Driver
from .key import SessionKey
from .noise import urandom
from .profiles import CRITICAL, LIMITS
from .reports import Reports
from .ring import QUEUED, Ring
from .session.common.profile import profile_of
from .session.device.identity import Identity
from .session.device.inbox import Inbox
from .session.device.machine import DeviceSession
from .session.spec import (
    AUTH_HMAC,
    DEVICE_KEY_BYTES,
    DEVICE_KEY_MOST_BYTES,
    FLAG_COMPRESSED,
    FLAG_DELTA,
    HELLO_FRAME_BYTES,
    MODE_PUBLISH,
    MODE_SUBSCRIBE,
    START_LAST,
    START_LIVE,
    STATE_CLOSED,
    STATE_IDLE,
    STATE_STOPPED,
    TRANSPORT_SERIAL,
)

TYPE_CHECKING = False  # MicroPython has no typing module; type checkers take the name for true
if TYPE_CHECKING:
    from asyncio import Task

_CODED_BYTES = 4096  # an entry's records may have so many where coded ones are read


def _bytes(text) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


class Client(Reports):
    """A connection to a gateway, with everything that keeps it alive. Nothing is sent before the first poll()."""

    def __init__(
        self,
        address,
        token="",
        device_id: str = "",
        platform: str = "micro",
        version: str = "0.1.0",
        transports: tuple | None = None,
        device_key: bytes = b"",
        delta: bool = True,
        read_coded: bool = False,
        **limits,
    ) -> None:
        """address: http://host:port, tcp://host:port, or an object with readinto() and write() that do not block: a UART
        with a bridge at its other end. token: what `flight gateway` printed, or a function that returns one.
        device_id: 1 to 32 letters and digits, the same one after every restart. transports: numbers of the spec in order
        of preference. device_key: the secret that the gateway knows for this device; then every frame has a tag.
        delta: send differences. read_coded: receive events as others wrote them, which are fewer bytes and more memory;
        otherwise the gateway writes them out. limits: other values than the platform's, by their names in the reference
        (critical_slots, lossy_slots, slot_bytes, frame_bytes, window_frames, batch_events, batch_delay_ms ...).

        Raises ValueError for what cannot work, with what to do.
        """
        profile = profile_of(platform)
        if profile is None:
            raise ValueError("no platform %s: this build has %s" % (platform, ", ".join(sorted(LIMITS))))
        client_type, capabilities, slot_bytes, critical_slots, lossy_slots = LIMITS[platform]
        self.address = Address(address)
        order = []
        for number in transports or (self.address.transports if self.address.pipe else profile.transports):
            if number in self.address.transports:
                order.append(number)
        if not order:
            raise ValueError("this address leads nowhere for the transports %r" % (transports,))
        slot_bytes = limits.pop("slot_bytes", slot_bytes)
        self.critical = Ring(limits.pop("critical_slots", critical_slots), slot_bytes)
        profile.lossy_slots = limits.pop("lossy_slots", lossy_slots)
        self.lossy = Ring(profile.lossy_slots, slot_bytes, drop_oldest=True)
        for name, value in limits.items():
            if not hasattr(profile, name):
                raise ValueError("no limit %s" % name)
            setattr(profile, name, value)
        if order == [TRANSPORT_SERIAL]:
            profile.frame_bytes = min(profile.frame_bytes, HELLO_FRAME_BYTES)
            profile.connect_timeout_ms = 3000
            profile.backoff_floor_ms = 50
            profile.backoff_cap_ms = 400
        identity = Identity(_bytes(device_id), platform.encode(), profile.platform, version.encode(), client_type)
        identity.capabilities = capabilities
        identity.boot[:] = urandom(8)
        identity.token = b"" if callable(token) else _bytes(token)
        if not identity.fits():
            raise ValueError("device_id has 1 to 32 characters, version 16, a token 480")
        if device_key and not DEVICE_KEY_BYTES <= len(device_key) <= DEVICE_KEY_MOST_BYTES:
            raise ValueError("a device key has %d to %d bytes" % (DEVICE_KEY_BYTES, DEVICE_KEY_MOST_BYTES))
        super().__init__()
        key = SessionKey(device_key)
        self.session = DeviceSession(profile, identity, key, tuple(order))
        self.session.adapt()
        agreement = self.session.agreement
        agreement.sends = FLAG_DELTA if delta else 0
        if device_key:
            agreement.auth = AUTH_HMAC
        self._coded = bytearray(_CODED_BYTES) if read_coded else None
        if read_coded:
            agreement.reads = FLAG_DELTA | FLAG_COMPRESSED
            agreement.unpacked_bytes = _CODED_BYTES
        self.inbox = Inbox(self.session)
        self.message_bytes = min(profile.message_bytes, profile.frame_bytes - 40)
        self.scratch = bytearray(self.message_bytes + 8)
        self._received = Received()
        self._task: "Task[None] | None" = None
        self.driver = Driver(
            self.session,
            key,
            self.inbox,
            self.critical,
            self.lossy,
            lambda number: self.address.link(number, profile.frame_bytes),
            (lambda: _bytes(token())) if callable(token) else None,
            self,
        )

    # What a program does

    def channel(self, name: str, critical: bool | None = None) -> Channel:
        """A channel to emit on. Critical events are kept until the gateway stored them; see the reference for defaults."""
        for channel in self._channels:
            if channel.name == name and critical in (None, channel.critical):
                return channel
        number = self.session.channels.add(name.encode(), MODE_PUBLISH)
        if number == 0:
            raise ValueError("a client has at most %d channels" % self.session.channels.limit)
        made = Channel(self, name, number, name in CRITICAL if critical is None else critical)
        self._channels.append(made)
        return made

    def subscribe(self, name: str, last: int = 0) -> None:
        """Events of this channel go to the handler of `event`."""
        start = START_LAST if last else START_LIVE
        if self.session.channels.add(name.encode(), MODE_SUBSCRIBE, start, last) == 0:
            raise ValueError("a client has at most %d channels" % self.session.channels.limit)

    def on(self, what: str, handler) -> None:
        """Call handler when something happens; one handler for each, None for none.

        `event`: (received). `state`: (state, reason). `gap`: (channel, reason, after, to), both offsets as 8 bytes.
        `letter`: (cause, channel, events): critical events that were given up.
        """
        if what not in ("event", "state", "gap", "letter"):
            raise ValueError("no %s: event, state, gap, letter" % what)
        self._handlers[what] = handler

    def poll(self, budget_us: int = 5000) -> int:
        """Do what there is to do, for about that long; in how many ms to call again if nothing happens."""
        session = self.session
        if session.state == STATE_IDLE:
            session.start(now_ms())
        try:
            if self.driver.run(budget_us):
                return 0
        except MemoryError as error:
            self.driver.out_of_memory(error, now_ms())
        return session.wake_in_ms(now_ms())

    def wait(self, wait_ms: int) -> None:
        """Come back when something arrives, at the latest after that time."""
        link = self.driver.link
        if link is None or self.address.pipe is not None:
            time.sleep_ms(min(wait_ms, 20))
        else:
            link.wait(wait_ms)

    def pause(self) -> None:
        """No connection for now (radio off); what is queued stays. resume() goes on."""
        self.session.pause(now_ms())

    def resume(self) -> None:
        """Connect again, at once."""
        self.session.go_on(now_ms())

    def close(self) -> None:
        """Say goodbye; what is queued may go for another second. Poll until `state` is closed."""
        self.session.close(now_ms())

    # With asyncio

    async def __aenter__(self):
        import asyncio

        self._task = asyncio.create_task(self._run(asyncio.sleep_ms))
        return self

    async def __aexit__(self, *_):
        self.close()
        if self._task is not None:
            await self._task

    async def _run(self, sleep_ms, tick_ms: int = 20) -> None:
        """poll() some times a second: waiting for the socket itself takes heap at each wait."""
        while self.session.state != STATE_CLOSED and self.session.state != STATE_STOPPED:
            wait_ms = self.poll()
            await sleep_ms(max(1, min(wait_ms, tick_ms)))


__all__ = ["QUEUED", "Client"]
