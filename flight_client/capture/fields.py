"""Numbers and byte strings of a recording.

A number is a varint: seven bits a byte, the lowest first, the top bit says that more follow. What may be negative is
folded first (0, -1, 1, -2, ... become 0, 1, 2, 3, ...). A byte string is its length and its bytes.
"""

from __future__ import annotations

from flight_client.errors import CallerError

_LONGEST_VARINT = 9


class DamagedError(CallerError):
    """A recording that cannot be read as one, or only up to a place."""


def damaged(what: str, value: object = None) -> DamagedError:
    """What is wrong with a file, for people to read."""
    return DamagedError(
        what, value=value, next_step="use a file that `flight capture record` or Client(capture=...) wrote"
    )


def put_number(out: bytearray, value: int) -> None:
    """Append a number from 0."""
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def put_signed(out: bytearray, value: int) -> None:
    """Append a number that may be negative."""
    put_number(out, value << 1 if value >= 0 else (-value << 1) - 1)


def put_bytes(out: bytearray, value: bytes | bytearray | memoryview) -> None:
    """Append a byte string."""
    put_number(out, len(value))
    out += value


class FieldReader:
    """Reads what the put_ functions wrote. Raises DamagedError where it is not that."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return len(self._data) - self._at

    def number(self) -> int:
        """A number from 0."""
        value = 0
        for place in range(_LONGEST_VARINT):
            if self._at >= len(self._data):
                raise damaged("a record of the capture file ends within a number")
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise damaged("a record of the capture file has a number of more than 63 bits")

    def signed(self) -> int:
        """A number that may be negative."""
        value = self.number()
        return -(value >> 1) - 1 if value & 1 else value >> 1

    def bytes(self) -> bytes:
        """A byte string; never more than there is, whatever its length says."""
        size = self.number()
        if size > self.left:
            raise damaged("a record of the capture file ends within a byte string", size)
        self._at += size
        return self._data[self._at - size : self._at]
