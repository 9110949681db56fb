"""Describes the extension module flight_client._core to cffi: the C core, and a few calls shaped for Python.

setup.py names `ffibuilder` in cffi_modules; building is setuptools' business. The module is abi3 and keeps the GIL.
"""

import sys
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent.parent

# What Python may call. The compiler checks each line against flight.h.
DECLARATIONS = """
uint32_t flight_version(void);
const char *flight_error_text(int code);
int flight_selftest(void *scratch);

uint32_t flight_crc32c(const uint8_t *data, size_t bytes, uint32_t previous);
uint8_t flight_header_check(const uint8_t *header);

typedef struct flight_frame {
    const uint8_t *payload;
    uint32_t payload_bytes;
    uint32_t seq;
    uint32_t ack;
    uint16_t channel;
    uint8_t type;
    uint8_t flags;
} flight_frame;
uint32_t flight_frame_bytes(uint32_t payload_bytes, uint8_t flags);
int flight_frame_seal(uint8_t *buffer, size_t capacity, const flight_frame *frame);
int flight_frame_encode(uint8_t *buffer, size_t capacity, const flight_frame *frame);
int flight_frame_decode(const uint8_t *data, size_t data_bytes, uint32_t limit_bytes, flight_frame *frame);

typedef struct flight_stream {
    uint8_t *buffer;
    uint32_t capacity;
    uint32_t limit_bytes;
    uint32_t start;
    uint32_t end;
    uint32_t summed_to;
    uint32_t credit_bytes;
    uint32_t garbage_bytes;
    uint32_t summed_bytes;
    uint8_t required_flags;
} flight_stream;
int flight_stream_init(flight_stream *stream, uint8_t *buffer, size_t capacity, uint32_t limit_bytes,
                       uint8_t required_flags);
size_t flight_stream_push(flight_stream *stream, const uint8_t *data, size_t bytes);
int flight_stream_next(flight_stream *stream, flight_frame *frame);
void flight_stream_give_up(flight_stream *stream);

typedef struct flight_ring {
    uint32_t *memory;
    uint32_t *open;
    uint32_t tail;
    uint32_t next;
    uint32_t head;
    uint16_t end;
    uint16_t slot_words;
} flight_ring;
typedef struct flight_event {
    const uint8_t *record;
    const uint8_t *body;
    uint32_t record_bytes;
    uint32_t body_bytes;
    uint32_t stamp_ms;
    uint16_t channel;
    uint8_t layout;
} flight_event;
int flight_ring_init(flight_ring *ring, void *memory, uint32_t slots, uint32_t slot_bytes);
uint32_t flight_ring_body_limit(const flight_ring *ring);
uint32_t flight_ring_count(const flight_ring *ring);
int flight_ring_reserve(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes, void **body);
int flight_ring_reserve_any(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes, void **body);
int flight_ring_commit(flight_ring *ring, uint32_t stamp_ms);
int flight_ring_put(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t stamp_ms, const uint8_t *body,
                    uint32_t body_bytes);
int flight_ring_peek(flight_ring *ring, flight_event *event);
int flight_ring_release(flight_ring *ring);

typedef struct flight_batch {
    uint32_t events;
    uint16_t channel;
    ...;
} flight_batch;
typedef struct flight_record {
    const uint8_t *body;
    uint32_t body_bytes;
    uint32_t age_ms;
    uint8_t layout;
} flight_record;
int flight_batch_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch);
int flight_batch_next(const uint8_t *data, size_t data_bytes, flight_record *record);
int flight_batch_count(const uint8_t *data, size_t data_bytes);
int flight_batch_skip(const uint8_t *data, size_t data_bytes, uint32_t skip_events);
int flight_delta_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch);
typedef struct flight_delta {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t *scratch;
    uint32_t scratch_bytes;
    uint32_t kept[4][12];
    uint32_t records_bytes;
    uint32_t events;
    uint16_t masks[4];
    uint8_t layouts[4];
    uint8_t words[4];
    uint8_t count;
    uint16_t age;
    uint16_t step;
} flight_delta;
int flight_delta_start(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *scratch,
                       size_t scratch_bytes);
int flight_delta_next(flight_delta *delta, flight_record *record);
int flight_delta_unpack(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity);
int flight_compress(const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity, uint16_t *table);
int flight_unpacked_bytes(const uint8_t *data, size_t data_bytes);
int flight_decompress(const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity);
typedef struct flight_fragmenter {
    flight_frame frame;
    uint32_t total_bytes;
    uint32_t cut_bytes;
    uint16_t message;
    uint16_t next;
} flight_fragmenter;
int flight_fragment_start(flight_fragmenter *fragmenter, const flight_frame *whole, uint16_t message);
int flight_fragment_next(flight_fragmenter *fragmenter, uint8_t *buffer, size_t capacity, uint32_t seq, uint32_t ack);
typedef struct flight_reassembly {
    uint8_t *buffer;
    uint32_t capacity;
    uint32_t total_bytes;
    uint32_t used_bytes;
    uint32_t abandoned;
    uint16_t message;
    uint16_t next;
    uint16_t channel;
    uint8_t type;
    uint8_t flags;
} flight_reassembly;
int flight_reassembly_init(flight_reassembly *reassembly, uint8_t *buffer, size_t capacity);
int flight_reassembly_push(flight_reassembly *reassembly, const flight_frame *fragment, flight_frame *whole);
uint16_t flight_age_encode(uint32_t age_ms);
uint16_t flight_age_since(uint32_t stamp_ms, uint32_t now_ms);
typedef struct flight_store_list {
    uint16_t first;
    uint16_t last;
    uint32_t count;
} flight_store_list;
typedef struct flight_store {
    flight_store_list lists[4];
    uint32_t accepted;
    uint32_t settled;
    uint32_t replaced;
    uint32_t dropped_oldest;
    uint32_t refused_full;
    uint32_t refused_too_large;
    ...;
} flight_store;
typedef struct flight_store_event {
    const void *body;
    uint32_t body_bytes;
    uint32_t stamp_ms;
    uint32_t key;
    uint16_t channel;
    uint8_t layout;
    uint8_t policy;
} flight_store_event;
size_t flight_store_need(uint32_t entries, uint32_t body_bytes);
int flight_store_init(flight_store *store, void *memory, uint32_t entries, uint32_t body_bytes, uint32_t reserved);
int flight_store_put(flight_store *store, const flight_store_event *event);
int flight_store_pack(flight_store *store, int kept, uint8_t *out, size_t capacity, uint32_t now_ms,
                      uint32_t limit_events, uint32_t frame_seq, flight_batch *batch);
uint32_t flight_store_ack(flight_store *store, uint32_t next_expected);
uint32_t flight_store_rewind(flight_store *store);
int flight_age_decode(uint16_t age, uint32_t *age_ms);
uint32_t flight_layout_bytes(uint8_t layout);

typedef struct flight_setup {
    uint32_t frame_bytes;
    uint32_t slot_bytes;
    uint16_t critical_slots;
    uint16_t lossy_slots;
    uint16_t window_frames;
    uint16_t byte_stream;
} flight_setup;
typedef struct flight_parts {
    uint32_t objects_bytes;
    uint32_t critical_bytes;
    uint32_t lossy_bytes;
    uint32_t send_bytes;
    uint32_t receive_bytes;
    uint32_t store_bytes;
} flight_parts;
int flight_core_need(const flight_setup *setup, flight_parts *parts);

typedef struct flight_pressure_limits {
    uint32_t warning_fragmentation;
    uint32_t pressure_fragmentation;
    uint32_t pressure_used;
} flight_pressure_limits;
int flight_pressure(uint32_t total_bytes, uint32_t used_bytes, uint32_t fragmentation);
int flight_pressure_by(const flight_pressure_limits *limits, uint32_t total_bytes, uint32_t used_bytes,
                       uint32_t fragmentation);

typedef struct flight_sha256 {
    uint32_t state[8];
    uint32_t block[16];
    uint32_t bytes;
    uint32_t wraps;
    uint32_t words[8];
} flight_sha256;
typedef struct flight_hmac {
    uint32_t keyed[16];
    flight_sha256 hash;
} flight_hmac;
void flight_sha256_begin(flight_sha256 *hash);
void flight_sha256_add(flight_sha256 *hash, const uint8_t *data, size_t bytes);
void flight_sha256_end(flight_sha256 *hash, uint8_t digest[32]);
void flight_hmac_key(flight_hmac *mac, const uint8_t *key, size_t bytes);
void flight_hmac_begin(flight_hmac *mac);
size_t flight_hmac_end(flight_hmac *mac, uint8_t *tag, size_t tag_bytes);
int flight_same_code(const uint8_t *a, const uint8_t *b, size_t bytes);

int python_seal(uint8_t *buffer, uint32_t capacity, uint8_t type, uint8_t flags, uint16_t channel, uint32_t seq,
                uint32_t ack, uint32_t payload_bytes);
int python_verify(const uint8_t *data, uint32_t start, uint32_t end, uint32_t limit_bytes);
int python_tag_seal(flight_hmac *mac, const uint8_t *head, uint32_t head_bytes, uint8_t *buffer, uint32_t capacity,
                    uint8_t type, uint8_t flags, uint16_t channel, uint32_t seq, uint32_t ack, uint32_t payload_bytes);
int python_tag_check(flight_hmac *mac, const uint8_t *head, uint32_t head_bytes, const uint8_t *data, uint32_t start,
                     uint32_t end);
int64_t python_pack(flight_ring *ring, uint8_t *out, uint32_t offset, uint32_t capacity, uint32_t now_ms,
                    uint32_t limit_events);
int64_t python_delta_pack(flight_ring *ring, uint8_t *out, uint32_t offset, uint32_t capacity, uint32_t now_ms,
                          uint32_t limit_events);
int python_delta_unpack(const uint8_t *data, uint32_t start, uint32_t end, uint8_t *out, uint32_t capacity);
int python_head(flight_ring *ring);
int python_count(const uint8_t *data, uint32_t start, uint32_t end);
int python_skip(const uint8_t *data, uint32_t start, uint32_t end, uint32_t skip_events);
int python_index(const uint8_t *data, uint32_t start, uint32_t end, uint32_t *entries, uint32_t limit_entries);
"""

# cffi puts this text in front of the wrappers that it generates.
#
# Why the GIL is kept: cffi wraps each call in "allow threads". Every call of the core is short and bounded, so nobody
# gains by it, but beside a busy Python thread the caller then waits for the GIL to come back, 5 ms and more. The
# wrappers use two pairs of macros; here they become nothing. A test looks for the symbols that must be gone.
#
# The python_ calls take offsets instead of pointers and return what fits one integer: pointer arithmetic and reading
# struct fields through cffi cost more than the work itself.
SOURCE = """
#undef Py_BEGIN_ALLOW_THREADS
#undef Py_END_ALLOW_THREADS
#define Py_BEGIN_ALLOW_THREADS {
#define Py_END_ALLOW_THREADS }
#undef _cffi_restore_errno
#undef _cffi_save_errno
#define _cffi_restore_errno() ((void)0)
#define _cffi_save_errno() ((void)0)

#include <string.h>
#include "flight.h"

static int python_seal(uint8_t *buffer, uint32_t capacity, uint8_t type, uint8_t flags, uint16_t channel, uint32_t seq,
                       uint32_t ack, uint32_t payload_bytes)
{
    flight_frame frame;

    memset(&frame, 0, sizeof frame);
    frame.type = type;
    frame.flags = flags;
    frame.channel = channel;
    frame.seq = seq;
    frame.ack = ack;
    frame.payload_bytes = payload_bytes;
    return flight_frame_seal(buffer, capacity, &frame);
}

static int python_verify(const uint8_t *data, uint32_t start, uint32_t end, uint32_t limit_bytes)
{
    flight_frame frame;

    return flight_frame_decode(data + start, end - start, limit_bytes, &frame);
}

/* What an authentication tag covers: `head` (what both sides know), then header and payload as they are sent. */
static void python_tag(flight_hmac *mac, const uint8_t *head, uint32_t head_bytes, const uint8_t *frame,
                       uint32_t covered_bytes, uint8_t *tag)
{
    flight_hmac_begin(mac);
    flight_sha256_add(&mac->hash, head, head_bytes);
    flight_sha256_add(&mac->hash, frame, covered_bytes);
    flight_hmac_end(mac, tag, FLIGHT_TAG_BYTES);
}

/* Seal with a tag behind the payload, which the header counts with it. A CRC covers the tag too, so it comes last. */
static int python_tag_seal(flight_hmac *mac, const uint8_t *head, uint32_t head_bytes, uint8_t *buffer, uint32_t capacity,
                           uint8_t type, uint8_t flags, uint16_t channel, uint32_t seq, uint32_t ack,
                           uint32_t payload_bytes)
{
    const uint32_t covered = FLIGHT_HEADER_BYTES + payload_bytes;
    const uint32_t counted = payload_bytes + FLIGHT_TAG_BYTES;
    int total;

    if (payload_bytes > FLIGHT_MAX_FRAME_BYTES) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    flags |= FLIGHT_FLAG_AUTHENTICATED;
    total = python_seal(buffer, capacity, type, flags, channel, seq, ack, counted);
    if (total < 0) {
        return total;
    }
    python_tag(mac, head, head_bytes, buffer, covered, buffer + covered);
    return (flags & FLIGHT_FLAG_CHECKED) ? python_seal(buffer, capacity, type, flags, channel, seq, ack, counted) : total;
}

/* 1 if the tag of the frame from start, whose payload ends at end, is right; 0 if it is wrong or not there. */
static int python_tag_check(flight_hmac *mac, const uint8_t *head, uint32_t head_bytes, const uint8_t *data,
                            uint32_t start, uint32_t end)
{
    uint8_t tag[FLIGHT_TAG_BYTES];

    if (end < start + FLIGHT_HEADER_BYTES + FLIGHT_TAG_BYTES || !(data[start + 2] & FLIGHT_FLAG_AUTHENTICATED)) {
        return 0;
    }
    python_tag(mac, head, head_bytes, data + start, end - FLIGHT_TAG_BYTES - start, tag);
    return flight_same_code(tag, data + end - FLIGHT_TAG_BYTES, FLIGHT_TAG_BYTES);
}

/* Bytes in bits 0 to 19, events in 20 to 39, channel in 40 to 55; or an error, below zero. */
static int64_t python_packed(int bytes, const flight_batch *batch)
{
    return bytes < 0 ? bytes : (int64_t)bytes | ((int64_t)batch->events << 20) | ((int64_t)batch->channel << 40);
}

static int64_t python_pack(flight_ring *ring, uint8_t *out, uint32_t offset, uint32_t capacity, uint32_t now_ms,
                           uint32_t limit_events)
{
    flight_batch batch;
    int bytes = flight_batch_pack(ring, out + offset, capacity, now_ms, limit_events, &batch);

    return python_packed(bytes, &batch);
}

static int64_t python_delta_pack(flight_ring *ring, uint8_t *out, uint32_t offset, uint32_t capacity, uint32_t now_ms,
                                 uint32_t limit_events)
{
    flight_batch batch;
    int bytes = flight_delta_pack(ring, out + offset, capacity, now_ms, limit_events, &batch);

    return python_packed(bytes, &batch);
}

static int python_delta_unpack(const uint8_t *data, uint32_t start, uint32_t end, uint8_t *out, uint32_t capacity)
{
    flight_delta delta;

    return flight_delta_unpack(&delta, data + start, end - start, out, capacity);
}

/* Channel of the oldest event, or -1. */
static int python_head(flight_ring *ring)
{
    flight_event event;

    return flight_ring_peek(ring, &event) == 0 ? event.channel : -1;
}

static int python_count(const uint8_t *data, uint32_t start, uint32_t end)
{
    return flight_batch_count(data + start, end - start);
}

static int python_skip(const uint8_t *data, uint32_t start, uint32_t end, uint32_t skip_events)
{
    return flight_batch_skip(data + start, end - start, skip_events);
}

/* Four words for each record: layout, age_ms, where its body starts and ends. Returns records or an error. */
static int python_index(const uint8_t *data, uint32_t start, uint32_t end, uint32_t *entries, uint32_t limit_entries)
{
    flight_record record;
    uint32_t count = 0;

    while (start < end && count < limit_entries) {
        int bytes = flight_batch_next(data + start, end - start, &record);

        if (bytes < 0) {
            return bytes;
        }
        entries[0] = record.layout;
        entries[1] = record.age_ms;
        entries[2] = (uint32_t)(record.body - data);
        entries[3] = entries[2] + record.body_bytes;
        entries += 4;
        start += (uint32_t)bytes;
        count++;
    }
    return (int)count;
}
"""

ffibuilder = FFI()
ffibuilder.cdef(DECLARATIONS)
ffibuilder.set_source(
    "flight_client._core",
    SOURCE,
    # setuptools wants paths relative to setup.py.
    sources=[path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "csrc" / "src").glob("*.c"))],
    include_dirs=["csrc/include"],
    # A host has room for the faster CRC, and most have instructions for it. Its session is the one in Python.
    define_macros=[
        ("FLIGHT_CRC", "4"),
        ("FLIGHT_CRC_HARDWARE", "1"),
        ("FLIGHT_SESSION", "0"),
        ("FLIGHT_POLLING", "0"),
        ("FLIGHT_WEBSOCKET", "0"),
    ],
    # Python's own flags ask for debug information, which is two thirds of the module; names and tables of frames are for
    # debuggers too.
    extra_compile_args=[]
    if sys.platform == "win32"
    else ["-g0", "-O2", "-ffunction-sections", "-fno-asynchronous-unwind-tables"],
    extra_link_args=["-Wl,-s", "-Wl,--gc-sections"] if sys.platform.startswith("linux") else [],
    depends=[path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "csrc").glob("*/*.h"))],
)

if __name__ == "__main__":
    raise SystemExit("build_core.py only describes the module; build it with: pip install --editable .")
