"""Frames and batches of events, through the C core."""

from flight_client.wire.frames import FrameReader, StreamReader, encode_frame, seal_frame
from flight_client.wire.records import count_records, decode_age, encode_age, records, skip_records, unpack_delta
from flight_client.wire.ring import EventRing

__all__ = [
    "EventRing",
    "FrameReader",
    "StreamReader",
    "count_records",
    "decode_age",
    "encode_age",
    "encode_frame",
    "records",
    "seal_frame",
    "skip_records",
    "unpack_delta",
]
