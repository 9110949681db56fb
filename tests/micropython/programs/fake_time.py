"""A clock for tests: every module that takes the time from here lives in it."""


class FakeTime:
    """Stands where the module `time` stood."""

    def __init__(self, now_ms=0):
        self.now_ms = now_ms

    def ticks_ms(self):
        return self.now_ms & 0x3FFFFFFF

    def ticks_us(self):
        return 0

    def ticks_diff(self, a, b):
        return a - b

    def sleep_ms(self, wait_ms):
        self.now_ms += wait_ms


def install(clock):
    """Put the clock in the place of the board's."""
    from flight_client import client
    from flight_client import clock as board_clock

    board_clock.ticks_ms = clock.ticks_ms
    client.time = clock
