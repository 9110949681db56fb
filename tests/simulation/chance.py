"""The one place where chance and time enter a simulated run: everything comes from the seed and from the loop's clock."""

import contextlib
import contextvars
import os
import random
import secrets
import time
from collections.abc import Iterator

from flight_client.testing.virtual_loop import VirtualLoop

_EPOCH_S = 1_700_000_000.0


class Machine:
    """Whose clock it is: callbacks and tasks that begin in its context see its time, which may leap."""

    def __init__(self, offset_s: float) -> None:
        self.offset_s = offset_s
        self.wall_offset_s = 0.0
        self.context = contextvars.Context()
        self.context.run(_machine.set, self)


_machine: contextvars.ContextVar[Machine] = contextvars.ContextVar("machine")


def _offset_s() -> float:
    machine = _machine.get(None)
    return machine.offset_s if machine is not None else 0.0


def _wall_s(loop: VirtualLoop) -> float:
    machine = _machine.get(None)
    return _EPOCH_S + loop.now_s + (machine.wall_offset_s if machine is not None else 0.0)


@contextlib.contextmanager
def determined(seed: int, loop: VirtualLoop) -> Iterator[None]:
    """Inside, the product's clocks are the loop's and its randomness is a function of the seed."""
    chance = random.Random(f"product {seed}")
    patches = (
        (os, "urandom", chance.randbytes),
        (secrets, "randbits", chance.getrandbits),
        (secrets, "token_bytes", lambda count=32: chance.randbytes(count)),
        (secrets, "token_hex", lambda count=32: chance.randbytes(count).hex()),
        (secrets, "randbelow", chance.randrange),
        (time, "monotonic", lambda: loop.now_s + _offset_s()),
        (time, "monotonic_ns", lambda: int((loop.now_s + _offset_s()) * 1e9)),
        (time, "time", lambda: _wall_s(loop)),
        (time, "time_ns", lambda: int(_wall_s(loop) * 1000) * 1_000_000),
    )
    kept = [(module, name, getattr(module, name)) for module, name, _ in patches]
    state = random.getstate()
    random.seed(seed)
    for module, name, replacement in patches:
        setattr(module, name, replacement)
    try:
        yield
    finally:
        for module, name, original in kept:
            setattr(module, name, original)
        random.setstate(state)
