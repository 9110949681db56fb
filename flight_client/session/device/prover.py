"""The cryptography that a session needs, as an interface: the session itself has none."""

from ..common.fields import Buffer


class Prover:
    """What the session needs of cryptography; the driver supplies one (proofs are 16 bytes, docs/protocol.md)."""

    def begin(self, token: bytes, client_nonce: Buffer, server_nonce: Buffer) -> None:
        """Derive the session key."""
        raise NotImplementedError  # an interface: the driver passes a subclass

    def attach(self, out: bytearray, at: int, generation: int) -> None:
        """Write the proof of ATTACH."""
        raise NotImplementedError  # an interface: the driver passes a subclass

    def poll(self, out: bytearray, at: int, generation: int, number: int) -> None:
        """Write the proof of POLL."""
        raise NotImplementedError  # an interface: the driver passes a subclass
