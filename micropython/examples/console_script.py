"""A game's script on a console: KallistiOS' MicroPython has no sockets, so the client is the one in C (micropython/usermod).

The engine calls start() once and frame() with every picture. On the PC:

    flight tail log frame-time
    flight send --channel console-commands --type payload kind=1 data=lava

The same script runs on a board, where the package in Python takes the module's place: only frame times are the C client's.
"""

from flight_client import Client, Log, Payload

SET_LEVEL = 1  # kinds of payloads: numbers of this game's own
SCORE = 2


class Game:
    """What the script knows between two pictures."""

    def __init__(self, address, token, device_id="dc-1", **limits):
        self.level = "garden"
        self.score = 0
        self.client = Client(address, token=token, device_id=device_id, **limits)
        self.log = self.client.channel("log", critical=True)
        self.scores = self.client.channel("scores")
        self.client.on("event", self.on_event)
        self.client.subscribe("console-commands")
        self.log.emit(Log("level %s" % self.level))

    def on_event(self, received):
        """Somebody on the PC wants another level."""
        event = received.event()
        if isinstance(event, Payload) and event.kind == SET_LEVEL:
            self.level = bytes(event.data).decode()
            self.log.emit(Log("level %s, as %s wants" % (self.level, received.device_id), "warning"))

    def frame(self, frame_us):
        """One picture was drawn and took so long; half a millisecond of the next one is ours."""
        client = self.client
        frame_took = getattr(client, "frame_took", None)  # the package in Python has no such call
        if frame_took is not None:
            frame_took(frame_us)
        self.score += 1
        if self.score % 60 == 0:
            self.scores.emit(Payload(SCORE, b"%d" % self.score))
        client.poll(500)

    def end(self):
        """Say goodbye; what is queued may go for another second."""
        self.client.close()
        while self.client.state not in ("closed", "failed"):
            self.client.wait(self.client.poll())
        return self.client.counters()
