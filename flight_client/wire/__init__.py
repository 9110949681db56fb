"""Frames and batches of events, through the C core."""

from flight_client.wire.coding import compress_in_place, count_coded, plain_records
from flight_client.wire.compression import compress_payload, decompress_payload
from flight_client.wire.frames import FrameReader, StreamReader, encode_frame, seal_frame
from flight_client.wire.records import (
    count_records,
    decode_age,
    encode_age,
    records,
    skip_records,
    unpack_delta,
    write_record,
)
from flight_client.wire.ring import EventRing
from flight_client.wire.tags import FrameTags

__all__ = [
    "EventRing",
    "FrameReader",
    "FrameTags",
    "StreamReader",
    "compress_in_place",
    "compress_payload",
    "count_coded",
    "count_records",
    "decode_age",
    "decompress_payload",
    "encode_age",
    "encode_frame",
    "plain_records",
    "records",
    "seal_frame",
    "skip_records",
    "unpack_delta",
    "write_record",
]
