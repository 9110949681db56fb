"""A link in memory with a gateway at its end that is just enough for the steady path. It takes no heap once it stands."""

from struct import pack_into

try:
    from flight_client.frame import Frame, seal_into
except ImportError:  # the compiled package has fewer modules
    from flight_client.core import Frame, seal_into

HELLO, WELCOME, ATTACH, RESET, ACK, OPEN, OPENED, DATA = 1, 2, 3, 5, 7, 11, 12, 13


class FakeLink:
    """Answers HELLO and OPEN, and acknowledges each critical frame with one ACK that also counts lossy events."""

    turns = False
    reply_bytes = 0

    def __init__(self, limit, flags_up=0x40):
        self.data = bytearray(limit)
        self.at = 0
        self.filled = 0
        self.limit = limit
        self.sent_frames = 0
        self.sent_bytes = 0
        self.critical_frames = 0
        self.lossy_frames = 0
        self.flags_up = flags_up
        self.last = None  # where a test wants to see frames: a function
        self._reply = bytearray(128)
        self._reply_bytes = 0
        self._frame = Frame()
        self._events = 0

    def open(self):
        self.filled = self.at = 0

    def ready(self):
        return True

    def wait(self, wait_ms):
        pass

    def send(self, buffer, count):
        frame = self._frame
        total = frame.read(buffer, 0, count, self.limit, 0x7F)
        if total != count:
            raise ValueError("a frame that is none")
        self.sent_frames += 1
        self.sent_bytes += count
        if self.last is not None:
            self.last(buffer, count)
        kind = buffer[1]
        if kind == DATA:
            if buffer[2] & 1:
                self.critical_frames += 1
                self._answer(ACK, 0, frame.seq + 1, 4)
            else:
                self.lossy_frames += 1
        elif kind == HELLO:
            reply = self._reply
            for i in range(16, 104):
                reply[i] = 1
            pack_into(
                "<IHHIIIIIIIBBBB", reply, 64, 60000, 64, 65535, 250, 0, 0, 60000, 0x100000, 0, 0, self.flags_up, 0, 0, 0
            )
            self._answer(WELCOME, 0, 0, 88)
        elif kind == ATTACH:  # it has forgotten every session
            for i in range(16, 24):
                self._reply[i] = 0
            self._reply[16] = 4
            self._answer(RESET, 0, 0, 8)
        elif kind == OPEN:
            for i in range(16, 36):
                self._reply[i] = 0
            self._reply[17] = 1
            self._answer(OPENED, frame.channel, 1, 20)

    def _answer(self, kind, channel, ack, count):
        if kind == ACK:
            pack_into("<I", self._reply, 16, 0)
        total = seal_into(self._reply, kind, 0, channel, 0, ack, count)
        data = self.data
        at = self.filled
        for i in range(total):
            data[at + i] = self._reply[i]
        self.filled = at + total

    def blocked(self):
        return False

    def end_turn(self):
        pass

    def turn_over(self):
        return True

    def fill(self):
        return self.at < self.filled

    def next(self, frame, allowed_flags):
        total = frame.read(self.data, self.at, self.filled, self.limit, allowed_flags)
        if total > 0:
            self.at += total
            return True
        if total < 0:
            raise OSError(71)
        self.at = self.filled = 0
        return False

    def close(self):
        pass
