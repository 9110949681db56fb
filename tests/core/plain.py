"""A second opinion on the core: its sums and its frames in plain Python, straight from their definition."""


def plain_crc32c(data: bytes, previous: int = 0) -> int:
    """CRC-32C bit by bit, from its definition."""
    crc = previous ^ 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def plain_check(header: bytes) -> int:
    """The header check bit by bit, from its definition."""
    check = 0
    for k in range(128):
        if k // 8 != 3 and header[k // 8] >> (k % 8) & 1:
            check ^= 0x80 | (k ^ 24)
    return check


def build_frame(
    type: int = 13,  # noqa: A002 - what the protocol calls it
    flags: int = 0x22,
    channel: int = 7,
    seq: int = 5,
    ack: int = 9,
    payload: bytes = b"",
    first: int = 0xF1,
    length: int | None = None,
) -> bytes:
    """A frame with right sums and whatever fields are asked for, also ones that no sender writes."""
    length = len(payload) if length is None else length
    head = bytearray([first, type, flags, 0])
    head += length.to_bytes(2, "little") + channel.to_bytes(2, "little")
    head += seq.to_bytes(4, "little") + ack.to_bytes(4, "little")
    head[3] = plain_check(bytes(head))
    frame = bytes(head) + payload
    return frame + plain_crc32c(frame).to_bytes(4, "little") if flags & 0x20 else frame
