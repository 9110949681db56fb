"""A serial cable between two pseudo terminals, with the faults of a real one: damaged, lost, doubled and invented bytes."""

import asyncio
import contextlib
import os
import random
import tty
from dataclasses import dataclass


@dataclass(slots=True)
class Noise:
    """How likely each fault is per chunk of bytes that passes, in both directions."""

    damage: float = 0.0
    loss: float = 0.0
    doubling: float = 0.0
    garbage: float = 0.0


class Cable:
    """Two ends, each with the path of a device; `address` of one is for the client, of the other for the bridge."""

    def __init__(self, seed: int = 1, noise: Noise | None = None) -> None:
        self.noise = noise or Noise()
        self.faults = 0
        self.passed_bytes = 0
        self.quiet = False  # nothing passes, as with a cable that was pulled
        self._random = random.Random(seed)
        self._masters: list[int] = []
        self._slaves: list[int] = []
        self._loop = asyncio.get_running_loop()
        self.addresses: list[str] = []
        for _ in range(2):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
            self._slaves.append(slave)  # kept open: a terminal without an open end hangs up
            self.addresses.append(f"serial://{os.ttyname(slave)}")
        for own, other in ((0, 1), (1, 0)):
            self._loop.add_reader(self._masters[own], self._pass, self._masters[own], self._masters[other])

    @property
    def device_address(self) -> str:
        return self.addresses[0]

    @property
    def host_address(self) -> str:
        return self.addresses[1]

    def _pass(self, source: int, sink: int) -> None:
        try:
            data = os.read(source, 512)
        except (BlockingIOError, OSError):
            return
        self.passed_bytes += len(data)
        if self.quiet:
            return
        self._write(source, sink, self.spoil(data))

    def _write(self, source: int, sink: int, data: bytes) -> None:
        """Pass bytes on; while the other end takes none, nothing is read from this one, as with a port's flow control."""
        with contextlib.suppress(BlockingIOError):
            while data:
                data = data[os.write(sink, data) :]
        if not data:
            self._loop.remove_writer(sink)
            self._loop.add_reader(source, self._pass, source, sink)
        else:
            self._loop.remove_reader(source)
            self._loop.add_writer(sink, self._write, source, sink, data)

    def spoil(self, data: bytes) -> bytes:
        """The bytes as they come out at the other end."""
        noise, chance = self.noise, self._random
        if chance.random() < noise.damage:
            at = chance.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
            self.faults += 1
        if chance.random() < noise.loss:
            at = chance.randrange(len(data))
            data = data[:at] + data[at + chance.randint(1, 40) :]
            self.faults += 1
        if chance.random() < noise.doubling:
            at = chance.randrange(len(data))
            data = data[:at] + data[at : at + 8] + data[at:]
            self.faults += 1
        if chance.random() < noise.garbage:
            data = chance.randbytes(chance.randint(1, 30)) + data
            self.faults += 1
        return data

    def unplug(self) -> None:
        """Both terminals hang up, as when a USB adapter is pulled."""
        masters, self._masters = self._masters, []
        for master in masters:
            self._loop.remove_reader(master)
            self._loop.remove_writer(master)
            os.close(master)

    def close(self) -> None:
        self.unplug()
        for handle in self._slaves:
            os.close(handle)
