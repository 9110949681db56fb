"""One state of the model: a device, a gateway with its store, and what lies on the transports between them."""

from typing import NamedTuple

AWAY, GREETING, ATTACHING, READY = range(4)

Frame = tuple[object, ...]


class Carrier(NamedTuple):
    """A transport: ordered both ways, may outlive the device's interest in it."""

    number: int
    up: tuple[Frame, ...] = ()
    down: tuple[Frame, ...] = ()
    held_by_device: bool = True


class State(NamedTuple):
    """Everything; equal states are one."""

    # The device. Its events are numbered 0, 1, ... in each life; the oldest that is not acknowledged is `base`.
    life: int = 1
    incarnation: int = 0
    session: int = 0
    generation: int = 0
    phase: int = AWAY
    made: int = 0
    base: int = 0
    base_seq: int = 1
    cursor: int = 0  # frames from `base` on that were sent on this transport
    first_counter: int = 1  # of event 0 of this life
    next_in: int = 1
    position: tuple[int, int] = (0, 0)  # epoch (0 = none) and offset that it would ask to go on from
    # The application above it: what it was told.
    app: tuple[int, int] = (0, 0)  # epoch and offset of the last entry or gap
    # The gateway's store: it may outlive the gateway.
    epoch: int = 1
    stored: tuple[tuple[int, int], ...] = ()  # (life, event)
    marks: tuple[int, ...] = (0,) * 8  # by incarnation
    entries: int = 0  # of the channel that the device follows
    first: int = 1  # the oldest entry that was not trimmed
    must_be_here: int = 0  # events of this life from here on were not acknowledged when this log began
    # The gateway's session of the device.
    g_session: int = 0
    g_generation: int = 0
    g_carrier: int = 0
    g_incarnation: int = 0
    g_next: int = 1
    g_acked: int = 1  # the acknowledgement that frames carry
    pending: tuple[tuple[int, int, int, int], ...] = ()  # seq, counter, life, event
    held: tuple[Frame, ...] = ()
    held_base: int = 1
    g_cursor: int = 0
    follows: int = 0  # offset of the last entry taken for the device
    gap_first: bool = False
    token_ok: bool = True
    # Between them, oldest first.
    carriers: tuple[Carrier, ...] = ()
    # How much may still happen.
    sessions: int = 0
    numbers: int = 0  # of carriers
    incarnations: int = 0
    faults: int = 0
    waits: int = 0  # for an acknowledgement, in vain


def show(state: State) -> str:
    """A state in one line, for a trace."""
    phase = ("away", "greeting", "attaching", "ready")[state.phase]
    wires = "  ".join(
        f"#{c.number}{'' if c.held_by_device else ' (old)'} up {list(c.up)} down {list(c.down)}" for c in state.carriers
    )
    return (
        f"device {phase} s{state.session} g{state.generation} events {state.base}..{state.made} sent {state.cursor}"
        f" next {state.next_in} app {state.app} | gateway s{state.g_session} g{state.g_generation} next {state.g_next}"
        f" acked {state.g_acked} pending {len(state.pending)} held {len(state.held)}/{state.g_cursor}"
        f" | log {state.epoch}: {list(state.stored)} entries {state.first}..{state.entries} | {wires}"
    )
