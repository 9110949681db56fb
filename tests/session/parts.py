"""What a world is made of beside its two ends. Common subset: runs on MicroPython too."""

# mypy: ignore-errors
# MicroPython has no typing module, so the types are left out.

from flight_client.session.device.prover import Prover


class NoProof(Prover):
    """The session's cryptography, left out; the calls are counted."""

    def __init__(self):
        self.keys = 0
        self.attached = 0
        self.polled = 0

    def begin(self, token, client_nonce, server_nonce):
        self.keys += 1

    def attach(self, out, at, generation):
        self.attached += 1

    def poll(self, out, at, generation, number):
        self.polled += 1


class Store:
    """What survives a gateway: events, the mark, the log and its epoch."""

    def __init__(self, epoch):
        self.epoch = epoch
        self.mark = 0
        self.lossy = 0
        self.critical_events = []
        self.lossy_events = []
        self.incarnations = 0
        self.wholes = 0  # batches that came in pieces
        self.wholes_out = 0  # entries that went in pieces
        self.coded = 0  # batches with a coding
        self.log = []  # entry n of the channel stands at offset n + 1
        self.first = 1  # the oldest offset that was not trimmed
