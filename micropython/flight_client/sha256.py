"""SHA-256 (FIPS 180-4) for interpreters that bring none.

Its 32-bit words are two halves of 16 bits, so that no board needs big integers for it. It is slow (some milliseconds per 64
bytes on a small board): for proofs it is fast enough, for a tag on every frame only where frames are few.
"""

BLOCK_BYTES = 64
_START = (
    0x6A09,
    0xE667,
    0xBB67,
    0xAE85,
    0x3C6E,
    0xF372,
    0xA54F,
    0xF53A,
    0x510E,
    0x527F,
    0x9B05,
    0x688C,
    0x1F83,
    0xD9AB,
    0x5BE0,
    0xCD19,
)
_K = (
    b"\x42\x8a\x2f\x98\x71\x37\x44\x91\xb5\xc0\xfb\xcf\xe9\xb5\xdb\xa5"
    b"\x39\x56\xc2\x5b\x59\xf1\x11\xf1\x92\x3f\x82\xa4\xab\x1c\x5e\xd5"
    b"\xd8\x07\xaa\x98\x12\x83\x5b\x01\x24\x31\x85\xbe\x55\x0c\x7d\xc3"
    b"\x72\xbe\x5d\x74\x80\xde\xb1\xfe\x9b\xdc\x06\xa7\xc1\x9b\xf1\x74"
    b"\xe4\x9b\x69\xc1\xef\xbe\x47\x86\x0f\xc1\x9d\xc6\x24\x0c\xa1\xcc"
    b"\x2d\xe9\x2c\x6f\x4a\x74\x84\xaa\x5c\xb0\xa9\xdc\x76\xf9\x88\xda"
    b"\x98\x3e\x51\x52\xa8\x31\xc6\x6d\xb0\x03\x27\xc8\xbf\x59\x7f\xc7"
    b"\xc6\xe0\x0b\xf3\xd5\xa7\x91\x47\x06\xca\x63\x51\x14\x29\x29\x67"
    b"\x27\xb7\x0a\x85\x2e\x1b\x21\x38\x4d\x2c\x6d\xfc\x53\x38\x0d\x13"
    b"\x65\x0a\x73\x54\x76\x6a\x0a\xbb\x81\xc2\xc9\x2e\x92\x72\x2c\x85"
    b"\xa2\xbf\xe8\xa1\xa8\x1a\x66\x4b\xc2\x4b\x8b\x70\xc7\x6c\x51\xa3"
    b"\xd1\x92\xe8\x19\xd6\x99\x06\x24\xf4\x0e\x35\x85\x10\x6a\xa0\x70"
    b"\x19\xa4\xc1\x16\x1e\x37\x6c\x08\x27\x48\x77\x4c\x34\xb0\xbc\xb5"
    b"\x39\x1c\x0c\xb3\x4e\xd8\xaa\x4a\x5b\x9c\xca\x4f\x68\x2e\x6f\xf3"
    b"\x74\x8f\x82\xee\x78\xa5\x63\x6f\x84\xc8\x78\x14\x8c\xc7\x02\x08"
    b"\x90\xbe\xff\xfa\xa4\x50\x6c\xeb\xbe\xf9\xa3\xf7\xc6\x71\x78\xf2"
)


def _part(high: int, low: int, count: int) -> int:
    """The upper half of (high, low) turned right by 1 to 15 bits. With the halves exchanged: the lower half of it."""
    return high >> count | (low & (1 << count) - 1) << 16 - count


class OwnSha256:
    """As hashlib.sha256: update() with any number of pieces, then digest() once."""

    def __init__(self, data: "bytes | bytearray" = b"") -> None:
        self._state = list(_START)  # upper and lower halves in turns
        self._words = [0] * 128
        self._block = bytearray(BLOCK_BYTES)
        self._filled = 0
        self._bytes = 0
        self.update(data)

    def update(self, data: "bytes | bytearray") -> None:
        """More bytes."""
        self._bytes += len(data)
        for i in range(len(data)):
            self._block[self._filled] = data[i]
            self._filled += 1
            if self._filled == BLOCK_BYTES:
                self._work()

    def digest(self) -> bytes:
        """32 bytes; nothing may be added afterwards."""
        count = self._bytes
        self.update(b"\x80")
        while self._filled != 56:
            self.update(b"\0")
        for i, shift in enumerate((29, 21, 13, 5)):
            self._block[59 + i] = count >> shift & 0xFF
        self._block[63] = count << 3 & 0xFF
        for i in (56, 57, 58):
            self._block[i] = 0
        self._work()
        out = bytearray(32)
        for i in range(16):
            out[2 * i] = self._state[i] >> 8
            out[2 * i + 1] = self._state[i] & 0xFF
        return bytes(out)

    def _work(self) -> None:
        """One block is full."""
        self._filled = 0
        words, block, state = self._words, self._block, self._state
        for i in range(32):
            words[i] = block[2 * i] << 8 | block[2 * i + 1]
        for i in range(32, 128, 2):
            hi, lo = words[i - 30], words[i - 29]
            low = _part(lo, hi, 7) ^ _part(hi, lo, 2) ^ _part(lo, hi, 3)
            high = _part(hi, lo, 7) ^ _part(lo, hi, 2) ^ hi >> 3
            hi, lo = words[i - 4], words[i - 3]
            low += (_part(hi, lo, 1) ^ _part(hi, lo, 3) ^ _part(lo, hi, 10)) + words[i - 31] + words[i - 13]
            high += (_part(lo, hi, 1) ^ _part(lo, hi, 3) ^ hi >> 10) + words[i - 32] + words[i - 14]
            words[i] = high + (low >> 16) & 0xFFFF
            words[i + 1] = low & 0xFFFF
        self._rounds(list(state))

    def _rounds(self, s: list) -> None:
        words, state = self._words, self._state
        for i in range(0, 128, 2):
            hi, lo = s[8], s[9]
            low = (_part(lo, hi, 6) ^ _part(lo, hi, 11) ^ _part(hi, lo, 9)) + (lo & s[11] ^ ~lo & 0xFFFF & s[13])
            high = (_part(hi, lo, 6) ^ _part(hi, lo, 11) ^ _part(lo, hi, 9)) + (hi & s[10] ^ ~hi & 0xFFFF & s[12])
            low += s[15] + words[i + 1] + (_K[2 * i + 2] << 8 | _K[2 * i + 3])
            high += s[14] + words[i] + (_K[2 * i] << 8 | _K[2 * i + 1]) + (low >> 16)
            low &= 0xFFFF
            high &= 0xFFFF
            hi, lo = s[0], s[1]
            low_2 = (_part(lo, hi, 2) ^ _part(lo, hi, 13) ^ _part(hi, lo, 6)) + (lo & s[3] ^ lo & s[5] ^ s[3] & s[5])
            high_2 = (_part(hi, lo, 2) ^ _part(hi, lo, 13) ^ _part(lo, hi, 6)) + (hi & s[2] ^ hi & s[4] ^ s[2] & s[4])
            for j in range(15, 1, -1):
                s[j] = s[j - 2]
            s[9] += low
            s[8] = s[8] + high + (s[9] >> 16) & 0xFFFF
            s[9] &= 0xFFFF
            low_2 += low
            s[1] = low_2 & 0xFFFF
            s[0] = high_2 + high + (low_2 >> 16) & 0xFFFF
        for i in range(14, -1, -2):
            low = state[i + 1] + s[i + 1]
            state[i] = state[i] + s[i] + (low >> 16) & 0xFFFF
            state[i + 1] = low & 0xFFFF
