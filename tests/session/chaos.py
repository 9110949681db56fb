"""One random life of a device and its gateway, the same for every seed. Common subset: runs on MicroPython too."""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

from flight_client.session.spec import FLAG_DELTA, FLAG_MORE, STATE_READY, TRANSPORT_POLLING, TRANSPORT_WEBSOCKET
from tests.session.harness import World

FAULTS = (
    "cut",
    "cut-in-turn",
    "restart",
    "hold",
    "lost-replies",
    "lost-requests",
    "unreachable",
    "refused",
    "trimmed-window",
    "store-fails",
    "expiry",
    "agreement",
    "pause",
    "memory",
)

PLATFORMS = ("host", "vita", "micro", "psp", "dreamcast")


class Chaos:
    """Drives one World with random faults; `trace` is called after each step."""

    def __init__(self, seed, trace=None):
        self.seed = seed
        self.trace = trace
        self.bits = seed * 7919 + 17
        platform = PLATFORMS[seed % len(PLATFORMS)]
        transports = (TRANSPORT_WEBSOCKET, TRANSPORT_POLLING)
        if seed % 4 == 1:
            transports = (TRANSPORT_WEBSOCKET,)
        elif seed % 4 == 2:
            transports = (TRANSPORT_POLLING,)
        self.world = World(transports, platform, seed + 1, 640 if seed % 3 == 0 else 0, seed % 2 == 1)
        if seed % 5 == 4:
            self.world.device.sender.limit_pace(20)
        if seed % 7 == 3:
            self.world.device.sender.limit_link(2000)
        self.faults = {}
        self.critical = []
        self.lossy = []
        self.published = 0
        self.both = 0  # events that were given up and are stored
        for name in FAULTS:
            self.faults[name] = 0

    def pick(self, limit):
        """A random number below the limit, from a generator of our own: the same on every interpreter."""
        self.bits = (self.bits * 69069 + 1) & 0x3FFFFFFF
        return (self.bits >> 8) % limit

    def run(self, steps):
        world = self.world
        world.device.channels.add(b"events", 3)
        world.start()
        for step in range(steps):
            self.step()
            if self.trace is not None:
                self.trace(step, self)
        self.settle()

    def step(self):
        world = self.world
        action = self.pick(16)
        world.device.critical_priority = self.pick(4)
        world.device.lossy_priority = self.pick(4)
        if action < 5:
            for _ in range(1 + self.pick(6)):
                self.critical.append(world.accepted)
                world.emit(world.accepted)
        elif action < 7:
            for _ in range(1 + self.pick(6)):
                self.lossy.append(world.accepted)
                world.emit(world.accepted, False)
        elif action == 7:
            self.publish()
        elif action < 11:
            self.fault()
        elif action == 11:
            self.heal()
        world.sleep_ms(1 + self.pick((50, 700, 6000)[self.pick(3)]))

    def publish(self):
        """Another client publishes to the channel that the device subscribes to."""
        for _ in range(1 + self.pick(3)):
            text = b"%04d" % self.published
            self.world.store.log.append(text * (400 if self.world.large and self.published % 4 == 3 else 1))
            self.published += 1

    def fault(self, name=""):
        """One fault: this one, or any."""
        world = self.world
        if not name:
            name = FAULTS[self.pick(len(FAULTS))]
        if name == "cut":
            world.cut()
        elif name == "cut-in-turn":
            world.cut_after = self.pick(5)
        elif name == "restart":
            world.restart_gateway()
        elif name == "hold":
            world.gateway.hold = True
        elif name == "lost-replies":
            world.lose_replies = True
        elif name == "lost-requests":
            world.lose_requests = True
        elif name == "unreachable":
            world.reachable = set()
            if self.pick(2):
                world.reachable = {TRANSPORT_POLLING}
        elif name == "refused":
            if len(world.lossy) == 0 and world.device.tally.lossy_handed == world.device.tally.lossy_confirmed:
                world.gateway.refuse = True
        elif name == "trimmed-window":
            world.gateway.window = 1 + self.pick(8)  # for the next session
        elif name == "store-fails":
            world.gateway.store_fails = True
        elif name == "expiry":
            world.expires_ms = (0, 300, 3000, 20000)[self.pick(4)]
        elif name == "agreement" and world.large:
            world.gateway.reads = (0, FLAG_MORE, FLAG_DELTA, FLAG_MORE | FLAG_DELTA)[self.pick(4)]
            world.restart_gateway()
        elif name == "pause":
            world.device.pause(world.now)
        elif name == "memory":
            world.device.batching.memory(self.pick(12) * 1000 - 1000)
        self.faults[name] += 1

    def heal(self):
        world = self.world
        world.device.go_on(world.now)
        world.gateway.hold = False
        world.gateway.refuse = False
        world.gateway.store_fails = False
        if world.gateway.session is not None:
            world.gateway.flush(world.now)
        world.lose_replies = False
        world.lose_requests = False
        world.reachable = {1, 2, 3, 4, 5}

    def settle(self):
        """All faults end; everything comes to rest, over one more transport so that all losses are known."""
        world = self.world
        self.heal()
        world.cut_after = -1
        for _ in range(2):
            for _ in range(60):
                world.sleep_ms(10000)
                idle = world.device.store.used == 0 and not world.critical and not world.lossy
                if idle and world.device.state == STATE_READY:
                    break
            world.cut()
        world.sleep_ms(60000)

    def problems(self):
        """What went wrong, as sentences."""
        world = self.world
        tally = world.device.tally
        store = world.store
        found = []
        if world.device.state != STATE_READY:
            found.append("the device did not come back")
        stored = {}
        for event in store.critical_events:
            stored[event] = 1
        given_up = 0
        both = 0
        for why, sent, events in world.letters:
            for event in events:
                given_up += 1
                if event in stored:
                    both += 1
                    if not sent:
                        found.append("a letter of " + why + " says that an event was not stored, and it was")
        self.both = both
        if len(store.critical_events) + given_up - both != len(self.critical):
            found.append("critical events were lost or doubled")
        for name, stored, emitted in (
            ("critical", store.critical_events, self.critical),
            ("lossy", store.lossy_events, self.lossy),
        ):
            at = 0
            for event in stored:
                while at < len(emitted) and emitted[at] != event:
                    at += 1
                if at == len(emitted):
                    found.append(name + " events were doubled or reordered")
                    break
                at += 1
        if tally.critical_acked + both != len(store.critical_events):
            found.append(f"{tally.critical_acked} critical acked, {len(store.critical_events)} stored")
        if tally.lossy_settled != len(store.lossy_events):
            found.append(f"{tally.lossy_settled} lossy settled, {len(store.lossy_events)} stored")
        lost = len(self.critical) + len(self.lossy) - len(store.critical_events) - len(store.lossy_events)
        dropped = tally.refused + tally.expired + tally.link_dropped + tally.unconfirmed
        dropped += tally.too_large + world.too_large + world.too_large_lossy
        if dropped - both != lost:
            found.append(f"{dropped} dropped, {lost} lost")
        if world.delivered != store.log[-len(world.delivered) :] or world.gaps:
            found.append("entries of the stream were lost, doubled or reordered")
        if world.balance(world.accepted) != 0:
            found.append("the law of conservation is broken")
        return found
