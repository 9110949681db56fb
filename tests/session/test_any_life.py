"""The whole session as a state machine of hypothesis: whatever is done in whatever order, nothing critical is lost or doubled.

What chaos.py does by its seed is chosen here step by step, so that a failure comes out as the shortest life that shows it.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.session.chaos import FAULTS, PLATFORMS, Chaos

# Each seed of chaos.py stands for a platform, transports, pieces, limits and batching; so many there are.
KINDS = len(PLATFORMS) * 4 * 3 * 7
RESTS = (1, 20, 300, 2500, 12_000, 60_000)


class Steered(Chaos):
    """Takes its numbers from outside."""

    number = 0

    def pick(self, limit):
        return self.number % limit


class Life(RuleBasedStateMachine):
    """One device and its gateway."""

    @initialize(kind=st.integers(0, KINDS - 1))
    def begin(self, kind):
        self.chaos = Steered(kind)
        self.world = self.chaos.world
        self.world.device.channels.add(b"events", 3)
        self.world.start()
        self.world.sleep_ms(10_000)  # a stream from now on: what was published before it was opened does not come
        assert self.world.device.channels.items[0].opened

    @rule(count=st.integers(1, 6), critical=st.booleans(), priority=st.integers(0, 3))
    def emit(self, count, critical, priority):
        device = self.world.device
        if critical:
            device.critical_priority = priority
        else:
            device.lossy_priority = priority
        for _ in range(count):
            (self.chaos.critical if critical else self.chaos.lossy).append(self.world.accepted)
            self.world.emit(self.world.accepted, critical)

    @rule(number=st.integers(0, 2))
    def publish(self, number):
        self.chaos.number = number
        self.chaos.publish()

    @rule(name=st.sampled_from(FAULTS), number=st.integers(0, 11))
    def fault(self, name, number):
        self.chaos.number = number
        self.chaos.fault(name)

    @rule()
    def heal(self):
        self.chaos.heal()

    @rule(ms=st.sampled_from(RESTS))
    def time_passes(self, ms):
        self.world.sleep_ms(ms)

    @invariant()
    def the_law_and_the_bounds_hold(self):
        device = self.world.device
        assert self.world.balance(self.world.accepted) == 0
        assert device.store.used <= device.store.frames
        assert device.store.cursor <= device.store.sent <= device.store.used
        assert device.tally.critical_acked <= len(self.world.store.critical_events)

    def teardown(self):
        if hasattr(self, "chaos"):
            self.chaos.settle()
            assert self.chaos.problems() == []


Life.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestAnyLife = Life.TestCase
