"""What test_micropython.py runs under both interpreters: `trace FIRST LAST STEPS` or `steady EVENTS`. Common subset."""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

import gc
import sys

from flight_client.session.common.fields import put_u32

try:
    import micropython
except ImportError:
    micropython = None  # CPython: the same steps without a locked heap


def trace(first, last, steps):
    """Random lives; one line after each step: state, codes, what was counted, a checksum of all frames sent."""
    from tests.session.chaos import Chaos

    for seed in range(first, last):
        chaos = Chaos(seed, line)
        chaos.run(steps)
        print(seed, "end", chaos.problems(), sorted(chaos.faults.items()))


def line(step, chaos):
    world = chaos.world
    device = world.device
    print(
        chaos.seed,
        step,
        world.now,
        device.state,
        device.generation,
        device.receipts.next_in,
        device.next_counter,
        device.store.base,
        device.store.used,
        device.policy.index,
        device.tally.critical_acked,
        device.tally.lossy_settled,
        device.tally.link_dropped,
        device.tally.refused,
        device.tally.expired,
        device.store.bytes_out,
        len(world.letters),
        device.wake_in_ms(world.now),
        len(world.sent),
        len(world.delivered),
        world.checksum,
        world.happened,
    )
    world.happened.clear()


def steady(events):
    """The steady path of the device with the heap locked: not one byte may be allocated."""
    device, inbox = connected()
    frames = Frames()
    rounds(device, inbox, frames, 50)  # warm up
    gc.collect()
    gc.disable()
    before = gc.mem_alloc() if micropython is not None else 0
    if micropython is not None:
        micropython.heap_lock()
    done = rounds(device, inbox, frames, events)
    if micropython is not None:
        micropython.heap_unlock()
    after = gc.mem_alloc() if micropython is not None else 0
    gc.enable()
    print("events", done, "acked", device.tally.critical_acked, "delivered", device.tally.delivered_entries)
    print("allocated", after - before, "of", before)
    print("state", device.state, "turns", frames.turns, "heartbeats", frames.heartbeats, "acks", frames.acks)


def connected():
    from flight_client.session.common.profile import Profile
    from flight_client.session.device.identity import Identity
    from flight_client.session.device.inbox import Inbox
    from flight_client.session.device.machine import DeviceSession
    from flight_client.session.device.prover import Prover
    from flight_client.session.gateway import messages
    from flight_client.session.spec import PROFILES

    class NoProof(Prover):
        def begin(self, token, client_nonce, server_nonce):
            pass

    device = DeviceSession(Profile(PROFILES["micro"]), Identity(b"m-1", b"micro", 7, b"1", 1), NoProof(), (1,))
    inbox = Inbox(device)
    device.channels.add(b"events", 3)
    device.start(0)
    device.poll(0, 0)
    device.opened(0)
    drain(device, Frames(), 0)
    numbers = (1000, 2, 640, 250, 0, 0, 60000, 1280, 0, 0, 0, 0, 0)
    welcome = messages.welcome(bytes(16), bytes(8), b"incarnat", b"epoch--1", bytes(8), numbers)
    inbox.receive(2, 0, 0, 0, 0, welcome, 0, len(welcome), 0, 0)
    drain(device, Frames(), 0)
    opened = messages.opened(0, 3, b"epoch--1", 0)
    inbox.receive(12, 0, 1, 0, 0, opened, 0, len(opened), 0, 0)
    return device, inbox


class Frames:
    """Ready frames to receive and counts of what was sent: the loop itself must not allocate either."""

    def __init__(self):
        self.deliver = bytearray(40 + 20)
        self.heartbeat = bytearray(8)
        self.ack = bytearray(4)
        self.offset = 0
        self.last_seq = 0
        self.seq_in = 0
        self.now = 0
        self.turns = 0
        self.heartbeats = 0
        self.acks = 0


def rounds(device, inbox, frames, events):
    """Each round: a critical event packed, sent and acknowledged, a lossy one sent, an entry delivered, time passes."""
    done = 0
    while done < events:
        frames.now = (frames.now + 60) & 0x3FFFFFFF
        device.waiting_critical = 1
        device.waiting_lossy = 1
        drain(device, frames, frames.now)
        put_u32(frames.ack, 0, device.tally.lossy_handed)
        inbox.receive(7, 0, 0, 0, frames.last_seq + 1, frames.ack, 0, 4, frames.now, 1)
        put_u32(frames.deliver, 8, frames.offset)
        frames.offset += 1
        put_u32(frames.deliver, 0, frames.offset)
        frames.seq_in = device.receipts.next_in
        inbox.receive(14, 0, 1, frames.seq_in, 0, frames.deliver, 0, 60, frames.now, 1)
        device.wake_in_ms(frames.now)
        frames.now = (frames.now + 60) & 0x3FFFFFFF
        drain(device, frames, frames.now)  # an acknowledgement
        if done % 20 == 0:
            frames.now = (frames.now + 1100) & 0x3FFFFFFF
            drain(device, frames, frames.now)  # a heartbeat
            inbox.receive(8, 0, 0, 0, 0, frames.heartbeat, 0, 8, frames.now, 1)
        done += 3
    return done


def drain(device, frames, now):
    """Obey until there is nothing to do; events are 20 bytes."""
    while True:
        command = device.poll(now, 40000)
        if command == 4:  # PACK_CRITICAL
            device.waiting_critical = 0
            command = device.packed(20, 1, 1, now)
        elif command == 5:  # PACK_LOSSY
            device.waiting_lossy = 0
            command = device.packed(20, 1, 1, now)
        if command == 0:
            return
        if command == 3:
            if device.out.seq:
                frames.last_seq = device.out.seq
            if device.out.kind == 8:
                frames.heartbeats += 1
            if device.out.kind == 7:
                frames.acks += 1
        elif command == 6:
            frames.turns += 1
            device.turn_done(now)


def main(arguments):
    if arguments[0] == "trace":
        trace(int(arguments[1]), int(arguments[2]), int(arguments[3]))
    else:
        steady(int(arguments[1]))


main(sys.argv[1:])
