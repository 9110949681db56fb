"""Two network namespaces with a bad link between them: needs root, `ip` and `tc`.

A TUN link is a program's: packets take their time and some are lost, so the kernel's own TCP has to repeat them. A modem is
a pair of virtual cables with a token bucket of 33.6 kbit/s at both ends.
"""

import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEAD = 0x1001
DEVICE_IP, GATEWAY_IP = "10.177.0.1", "10.177.0.2"


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def why_not() -> str:
    """Why this machine cannot do it; empty where it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root may make network namespaces"
    for tool in ("ip", "tc"):
        if shutil.which(tool) is None:
            return f"there is no `{tool}` (Debian: iproute2)"
    name = f"flight-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"`ip netns add` says: {tried.stderr.strip()}"
    run("ip", "netns", "del", name)
    return "" if os.access("/dev/net/tun", os.W_OK) else "there is no /dev/net/tun"


class Link:
    """Namespaces of a device and of a gateway."""

    def __init__(self) -> None:
        self.device = f"flight-d-{os.getpid()}"
        self.gateway = f"flight-g-{os.getpid()}"

    def __enter__(self) -> Self:
        for name in (self.device, self.gateway):
            run("ip", "netns", "add", name)
        try:
            self.connect()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def connect(self) -> None:
        """Put a link between them."""
        raise NotImplementedError  # each kind of link says how

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in (self.device, self.gateway):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def raise_up(self, name: str, interface: str, address: str) -> None:
        run("ip", "link", "set", interface, "netns", name)
        for words in (
            ("addr", "add", f"{address}/24", "dev", interface),
            ("link", "set", interface, "up"),
            ("link", "set", "lo", "up"),
        ):
            run("ip", "netns", "exec", name, "ip", *words)


class Modem(Link):
    """33.6 kbit/s in each direction."""

    def connect(self) -> None:
        ends = (f"fd{os.getpid()}", f"fg{os.getpid()}")
        run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in ((self.device, ends[0], DEVICE_IP), (self.gateway, ends[1], GATEWAY_IP)):
            self.raise_up(name, end, address)
            bucket = ("tbf", "rate", "33600bit", "burst", "1600", "latency", "2s")
            run("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", end, "root", *bucket)


class Satellite(Link):
    """A delay in each direction, and a part of the packets lost."""

    def __init__(self, delay_ms: int, one_of: int, seed: int) -> None:
        """one_of: of so many packets, one is lost; chance says which."""
        super().__init__()
        self.lost = self.passed = 0
        self._delay_s = delay_ms / 1000
        self._one_of = one_of
        self._random = random.Random(seed)
        self._victim = self._random.randrange(one_of)
        self._handles: list[int] = []
        self._over = False
        self._thread: threading.Thread | None = None

    def connect(self) -> None:
        for name, address in ((self.device, DEVICE_IP), (self.gateway, GATEWAY_IP)):
            handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            self._handles.append(handle)
            asked = struct.pack("16sH22s", b"fltun%d", _TUN_WITHOUT_HEAD, b"")
            interface = fcntl.ioctl(handle, _TUNSETIFF, asked)[:16].rstrip(b"\0").decode()
            self.raise_up(name, interface, address)
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def _carry(self) -> None:
        waiting: deque[tuple[float, int, bytes]] = deque()
        one, other = self._handles
        across = {one: other, other: one}
        while not self._over:
            left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 0.05
            readable, _, _ = select.select(self._handles, [], [], min(left, 0.05))
            for handle in readable:
                packet = os.read(handle, 65536)
                if not self._falls():
                    waiting.append((time.monotonic() + self._delay_s, across[handle], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, handle, packet = waiting.popleft()
                os.write(handle, packet)

    def _falls(self) -> bool:
        at = (self.lost + self.passed) % self._one_of
        falls = at == self._victim
        if at == self._one_of - 1:
            self._victim = self._random.randrange(self._one_of)
        self.lost += falls
        self.passed += not falls
        return falls

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        if self._thread is not None:
            self._thread.join()
        for handle in self._handles:
            os.close(handle)
        super().__exit__(kind, error, trace)
