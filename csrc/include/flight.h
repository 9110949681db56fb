/* Flight C core: events in a ring, batches in a frame, frames out of a byte stream.
 *
 * Language   C99, freestanding: needs memcpy, memset, memcmp and memmove, nothing else. No malloc, no floating point,
 *            no static variable that changes, no waiting.
 * Memory     The caller owns all of it and keeps it alive while the core uses it. Pointers that a call hands out point
 *            into the caller's own buffers; each call says how long they stay valid.
 * Units      Every name carries its unit: _ms milliseconds, _bytes, _events, _slots; capacity is in bytes. Clocks are
 *            30 bits wide and wrap.
 * Errors     Calls that can fail return int: zero or more is success, below zero is one of flight_error. A call that
 *            fails has changed nothing the caller can see.
 * Threads    No call locks. One object belongs to one thread, except the ring: one producer thread (or interrupt) and
 *            one consumer thread may use it at the same time. Different objects never share state.
 * More       flight_payloads.h (delta batches, compression, fragments), flight_store.h (the send store), flight_session.h
 *            (the session of a device; FLIGHT_SESSION=0 leaves it out) and flight_client.h (the client of a console;
 *            FLIGHT_CLIENT=0 leaves it out) are part of this header, which includes them.
 * Speed      flight_ring_reserve and flight_ring_commit are inline (flight_emit.h): with a constant size they cost about
 *            25 instructions together. Everything else is an ordinary call.
 * Wire       Little-endian, every field naturally aligned. Unaligned buffers work too, more slowly.
 */
#ifndef FLIGHT_H
#define FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "flight_spec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this library: major * 65536 + minor * 256 + patch. The wire has its own, FLIGHT_VERSION. */
#define FLIGHT_CORE_VERSION 0x000100u

/* The first byte of every frame: magic in the high half, version of the wire in the low half. */
#define FLIGHT_FIRST_BYTE ((uint8_t)(FLIGHT_MAGIC | FLIGHT_VERSION))

/* Why a call failed. The numbers stay; flight_error_text says them in words. */
typedef enum flight_error {
    FLIGHT_ERROR_ARGUMENT = -1,   /* a null pointer, a misaligned buffer, a number outside what the call allows */
    FLIGHT_ERROR_NO_ROOM = -2,    /* the output buffer is too small; a larger one would do */
    FLIGHT_ERROR_FULL = -3,       /* the ring has no free slot now; it will have when the consumer releases */
    FLIGHT_ERROR_EMPTY = -4,      /* the ring has no event */
    FLIGHT_ERROR_TOO_LARGE = -5,  /* this can never fit: an event larger than half the ring, a frame over 64 KiB */
    FLIGHT_ERROR_MAGIC = -6,      /* these bytes do not start with a Flight header */
    FLIGHT_ERROR_CHECK = -7,      /* the header check does not match: the header was damaged */
    FLIGHT_ERROR_VERSION = -8,    /* an intact header of another wire version */
    FLIGHT_ERROR_TYPE = -9,       /* a message type that this version does not know */
    FLIGHT_ERROR_FLAGS = -10,     /* a flag that this version does not know */
    FLIGHT_ERROR_NUMBER = -11,    /* seq or ack at or above FLIGHT_NUMBER_LIMIT */
    FLIGHT_ERROR_LENGTH = -12,    /* the frame is larger than the receiver's limit */
    FLIGHT_ERROR_CRC = -13,       /* the CRC of a checked frame does not match: header or payload was damaged */
    FLIGHT_ERROR_RECORD = -14,    /* an event record is cut, not canonical, or of an unknown layout */
    FLIGHT_ERROR_COMPRESSED = -15, /* a compressed payload is damaged, or claims a size that it must not have */
    FLIGHT_ERROR_FRAGMENT = -16   /* a fragment that does not follow the last one */
} flight_error;

/* Which version of the library is linked. Compare with FLIGHT_CORE_VERSION to find a header that does not match.
 *
 *     if (flight_version() != FLIGHT_CORE_VERSION) { return 1; }
 */
uint32_t flight_version(void);

/* A sentence without a full stop for an error code; "no error" from zero up. Static text, never null.
 *
 *     printf("frame refused: %s\n", flight_error_text(code));
 */
const char *flight_error_text(int code);

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* CRC-32C of bytes. previous: 0 to start, or the result for the bytes before these, so that pieces can be summed.
 *
 *     uint32_t crc = flight_crc32c(head, 16, 0);
 *     crc = flight_crc32c(body, body_bytes, crc);
 */
uint32_t flight_crc32c(const uint8_t *data, size_t bytes, uint32_t previous);

/* The check byte of a 16-byte header. The header's own byte 3 takes no part. Catches every flip of one or two bits.
 *
 *     header[3] = flight_header_check(header);
 */
uint8_t flight_header_check(const uint8_t header[16]);

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* One frame, as it is written or as it was read. */
typedef struct flight_frame {
    const uint8_t *payload; /* decode: points into the decoded buffer. encode: what to copy. seal: not looked at */
    uint32_t payload_bytes;
    uint32_t seq;           /* 0 = unsequenced; below FLIGHT_NUMBER_LIMIT */
    uint32_t ack;           /* next sequence number expected from the peer; 0 = says nothing */
    uint16_t channel;
    uint8_t type;           /* FLIGHT_TYPE_... */
    uint8_t flags;          /* FLIGHT_FLAG_...; FLIGHT_FLAG_CHECKED adds the CRC */
} flight_frame;

/* Bytes of a whole frame: header, payload and, where the flags say so, the CRC.
 *
 *     uint8_t buffer[640];
 *     if (flight_frame_bytes(48, FLIGHT_FLAG_CHECKED) > sizeof buffer) { return 1; }
 */
uint32_t flight_frame_bytes(uint32_t payload_bytes, uint8_t flags);

/* Turn a buffer whose payload already stands at offset FLIGHT_HEADER_BYTES into a frame: writes header, check and CRC.
 * Returns the bytes of the frame. Errors: ARGUMENT, TYPE, FLAGS, NUMBER, TOO_LARGE (over FLIGHT_MAX_FRAME_BYTES),
 * NO_ROOM (capacity).
 *
 *     flight_frame frame = {0};
 *     frame.type = FLIGHT_TYPE_DATA;
 *     frame.flags = FLIGHT_FLAG_BATCH;
 *     frame.payload_bytes = (uint32_t)flight_batch_pack(&ring, buffer + 16, sizeof buffer - 16, now_ms, 16, &batch);
 *     frame.channel = batch.channel;
 *     int bytes = flight_frame_seal(buffer, sizeof buffer, &frame);
 *     if (bytes > 0) { send(buffer, (size_t)bytes); }
 */
int flight_frame_seal(uint8_t *buffer, size_t capacity, const flight_frame *frame);

/* Copy the payload behind the header's place and seal. The payload may overlap the buffer. Returns and errors as seal.
 *
 *     flight_frame frame = {0};
 *     frame.type = FLIGHT_TYPE_HEARTBEAT;
 *     frame.payload = beat;
 *     frame.payload_bytes = 8;
 *     int bytes = flight_frame_encode(buffer, sizeof buffer, &frame);
 */
int flight_frame_encode(uint8_t *buffer, size_t capacity, const flight_frame *frame);

/* Read the frame at the start of data, without copying. limit_bytes: the largest frame the receiver takes.
 * Returns the bytes of the frame (more may follow it), or 0 when data ends before the frame does. frame->payload points
 * into data. frame is written only on success. Errors: ARGUMENT, MAGIC, CHECK, VERSION, TYPE, FLAGS, NUMBER, LENGTH, CRC.
 *
 *     flight_frame frame;
 *     int bytes = flight_frame_decode(data, data_bytes, 640, &frame);
 *     if (bytes > 0) { handle(frame.type, frame.payload, frame.payload_bytes); }
 */
int flight_frame_decode(const uint8_t *data, size_t data_bytes, uint32_t limit_bytes, flight_frame *frame);

/* ---- byte streams ------------------------------------------------------------------------------------------------ */

/* Finds frames in a byte pipe that may lose, damage or invent bytes (serial, USB, raw TCP). Fields are for reading. */
typedef struct flight_stream {
    uint8_t *buffer;        /* the caller's */
    uint32_t capacity;      /* bytes of buffer */
    uint32_t limit_bytes;   /* the largest frame taken */
    uint32_t start;         /* bytes before this are done with */
    uint32_t end;           /* bytes from here on are free; start <= end <= capacity */
    uint32_t summed_to;     /* furthest byte that a CRC was ever tried on */
    uint32_t credit_bytes;  /* what the CRC may still look at, see flight_stream.c */
    uint32_t garbage_bytes; /* bytes skipped because no frame started there; wraps */
    uint32_t summed_bytes;  /* bytes that CRCs looked at, frames and false starts; wraps */
    uint8_t required_flags; /* a frame without these is garbage */
} flight_stream;

/* Set up a stream over buffer, which must hold two frames of the limit: then each byte is moved at most once on average.
 * required_flags: FLIGHT_FLAG_CHECKED on links that may damage bytes, 0 where the transport checks them. Errors: ARGUMENT.
 *
 *     static uint8_t memory[1280];
 *     flight_stream stream;
 *     if (flight_stream_init(&stream, memory, sizeof memory, 640, FLIGHT_FLAG_CHECKED) != 0) { return 1; }
 */
int flight_stream_init(flight_stream *stream, uint8_t *buffer, size_t capacity, uint32_t limit_bytes,
                       uint8_t required_flags);

/* Take received bytes. Returns how many were taken; fewer than given means: call flight_stream_next until it returns 0,
 * then give the rest. Payload pointers of earlier frames become invalid.
 *
 *     size_t taken = 0;
 *     while (taken < bytes) {
 *         taken += flight_stream_push(&stream, data + taken, bytes - taken);
 *         while (flight_stream_next(&stream, &frame) > 0) { handle(&frame); }
 *     }
 */
size_t flight_stream_push(flight_stream *stream, const uint8_t *data, size_t bytes);

/* The next frame, or 0 when more bytes are needed. Damaged and foreign bytes are skipped and counted, never an error.
 * frame->payload stays valid until the next push. Total work is linear in the bytes pushed, whatever they are.
 * Returns the bytes of the frame. The example stands at flight_stream_push.
 */
int flight_stream_next(flight_stream *stream, flight_frame *frame);

/* Stop waiting for the rest of an unfinished frame: what looked like its header was garbage. Call it when the line has
 * been silent for longer than a frame takes; then call flight_stream_next, since whole frames may stand behind it.
 *
 *     if (silent_ms > 500) { flight_stream_give_up(&stream); }
 */
void flight_stream_give_up(flight_stream *stream);

/* ---- ring of events ---------------------------------------------------------------------------------------------- */

/* Bytes in front of a body inside its slot: 8 for the slot itself and 4 for the record. Bodies over 1,016 bytes need 4
 * more for their length. So a body of 48 bytes fits a slot of 64. */
#define FLIGHT_SLOT_HEAD_BYTES 8u

/* Memory for a ring. */
#define FLIGHT_RING_BYTES(slots, slot_bytes) ((size_t)(slots) * (size_t)(slot_bytes))

/* Ring of events in fixed slots. 24 bytes where pointers have four.
 * A position has 32 bits. Bit 0 is the lap: it flips each time the end of the memory is passed. Bits 1 to 15 are the index
 * of a slot. So every slot can be used: the ring is empty when the low halves of head and tail are equal, and full when
 * they differ in the lap only. The high half counts events, wrapping, and is published with the rest in one store.
 * An event takes as many slots in a row as it needs and never wraps round the end: where the rest of the memory is too
 * short, a filler covers it. */
typedef struct flight_ring {
    uint32_t *memory;
    uint32_t *open;      /* the slot that was reserved last; the producer's own */
    uint32_t tail;       /* next position to write, and events put; changed by the producer only */
    uint32_t next;       /* the tail after a commit, == tail when nothing is reserved; the producer's own */
    uint32_t head;       /* oldest position not released, and events taken; changed by the consumer only */
    uint16_t end;        /* slots * 2 */
    uint16_t slot_words; /* 32-bit words of one slot */
} flight_ring;

/* One event in the ring. Pointers stay valid until it is released. */
typedef struct flight_event {
    const uint8_t *record; /* record as on the wire, its age not yet written */
    const uint8_t *body;   /* 4-aligned */
    uint32_t record_bytes;
    uint32_t body_bytes;
    uint32_t stamp_ms;     /* clock when it was put */
    uint16_t channel;
    uint8_t layout;
} flight_event;

/* Set up a ring. memory: 4-aligned, FLIGHT_RING_BYTES(slots, slot_bytes) bytes. slots 1 to 32,767; slot_bytes a multiple
 * of 4 from 16 to 65,532. Not to be called while another thread uses the ring. Errors: ARGUMENT.
 *
 *     static uint32_t memory[FLIGHT_RING_BYTES(32, 64) / 4];
 *     static flight_ring ring;
 *     if (flight_ring_init(&ring, memory, 32, 64) != 0) { return 1; }
 */
int flight_ring_init(flight_ring *ring, void *memory, uint32_t slots, uint32_t slot_bytes);

/* The largest body in bytes the ring ever takes: what fits half its slots (the only slot of a ring of one, and never
 * more than 255 slots), so that an empty ring always has room, wherever it stands. Any thread.
 *
 *     if (body_bytes > flight_ring_body_limit(&ring)) { split_it(); }
 */
uint32_t flight_ring_body_limit(const flight_ring *ring);

/* Events waiting. Any thread; another thread's change may not be seen yet.
 *
 *     if (flight_ring_count(&ring) >= 16) { send_now(); }
 */
uint32_t flight_ring_count(const flight_ring *ring);

/* Producer: find room for an event. body_bytes: multiple of 4, up to the body limit. *body is then 4-aligned memory for
 * exactly body_bytes, to be filled before the commit; bytes behind the content must be zero. Reserving again without a
 * commit gives the room back. Errors: ARGUMENT, TOO_LARGE, FULL.
 *
 *     void *body;
 *     if (flight_ring_reserve(&ring, 7, FLIGHT_LAYOUT_FRAME_TIME, FLIGHT_FRAME_TIME_BYTES, &body) == 0) {
 *         flight_frame_time *event = body;
 *         *event = measured;
 *         flight_ring_commit(&ring, now_ms);
 *     }
 */
static inline int flight_ring_reserve(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes,
                                      void **body);

/* Producer: the same for any size, as a call: what flight_ring_reserve uses when one slot is not enough. *body is valid
 * until the commit. Errors as there.
 *
 *     void *body;
 *     if (flight_ring_reserve_any(&ring, 7, FLIGHT_LAYOUT_LOG, 1200, &body) != 0) { dropped++; }
 */
int flight_ring_reserve_any(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes, void **body);

/* Producer: make the reserved event visible to the consumer, stamped with the clock in ms. Errors: ARGUMENT (nothing is
 * reserved). The example stands at flight_ring_reserve.
 */
static inline int flight_ring_commit(flight_ring *ring, uint32_t stamp_ms);

/* Producer: reserve, copy and commit in one call. Errors as flight_ring_reserve.
 *
 *     if (flight_ring_put(&ring, 7, FLIGHT_LAYOUT_LOG, now_ms, body, 16) == FLIGHT_ERROR_FULL) { dropped++; }
 */
int flight_ring_put(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t stamp_ms, const void *body,
                    uint32_t body_bytes);

/* Consumer: look at the oldest event without taking it. Errors: EMPTY.
 *
 *     flight_event event;
 *     if (flight_ring_peek(&ring, &event) == 0) {
 *         show(event.channel, event.body, event.body_bytes);
 *         flight_ring_release(&ring);
 *     }
 */
int flight_ring_peek(flight_ring *ring, flight_event *event);

/* Consumer: give the oldest event's slots back. Errors: EMPTY. The example stands at flight_ring_peek. */
int flight_ring_release(flight_ring *ring);

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* Age of an event whose age is not known. */
#define FLIGHT_AGE_NONE 0xffffffffu

#define FLIGHT_DELTA_LAYOUTS 4u /* layouts kept in one delta batch; records of further ones are written whole */

/* flight_delta_pack's own: the last event of a layout. */
typedef struct flight_kept {
    const uint32_t *fixed; /* its fixed part, in its slot */
    uint16_t mask;         /* the words that changed in its entry */
    uint8_t layout;
    uint8_t words; /* of the fixed part */
} flight_kept;

/* What flight_batch_pack or flight_delta_pack took out of the ring, and behind that the latter's work space, which so needs
 * no stack: nothing there outlives the call. 56 bytes where pointers have four. */
typedef struct flight_batch {
    uint32_t events;
    uint16_t channel;     /* of all of them; 0 where events is 0 */
    uint16_t delta_count; /* of kept layouts */
    uint8_t *delta_end;   /* of the room for the batch; null in flight_batch_pack */
    uint32_t delta_age;   /* of the next event if ages go on as before; the low 16 bits count */
    uint32_t delta_step;  /* between the last two ages */
    uint32_t delta_rest;  /* bytes that are copied behind an entry */
    flight_kept kept[FLIGHT_DELTA_LAYOUTS]; /* in the order of their first events */
} flight_batch;

/* One event read from a batch. body points into the batch. */
typedef struct flight_record {
    const uint8_t *body;
    uint32_t body_bytes;
    uint32_t age_ms; /* FLIGHT_AGE_NONE = unknown */
    uint8_t layout;
} flight_record;

/* Consumer of the ring: move events of one channel, oldest first, straight into out and release them. Ends before an
 * event of another channel, before one that does not fit capacity, and after limit_events. now_ms: the clock of the
 * stamps; it tells ages up to 9 hours, longer ones become unknown. Returns the bytes written, 0 for an empty ring.
 * Errors: ARGUMENT, NO_ROOM (the oldest event alone does not fit).
 *
 *     flight_batch batch;
 *     int bytes = flight_batch_pack(&ring, buffer + 16, sizeof buffer - 16, now_ms, 16, &batch);
 *     if (bytes > 0) { seal(buffer, batch.channel, (uint32_t)bytes); }
 */
int flight_batch_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch);

/* Read and check the record at the start of data. Returns its bytes, 0 where data_bytes is 0. Accepts canonical records
 * only: what it accepts, packing writes again byte for byte. Errors: ARGUMENT, RECORD.
 *
 *     flight_record record;
 *     for (int bytes; (bytes = flight_batch_next(data, left, &record)) > 0; data += bytes, left -= (size_t)bytes) {
 *         handle(record.layout, record.body, record.body_bytes, record.age_ms);
 *     }
 */
int flight_batch_next(const uint8_t *data, size_t data_bytes, flight_record *record);

/* Check all records and count them. Errors: ARGUMENT, RECORD.
 *
 *     int events = flight_batch_count(frame.payload, frame.payload_bytes);
 *     if (events < 0) { refuse(&frame); }
 */
int flight_batch_count(const uint8_t *data, size_t data_bytes);

/* Where the record behind the first skip_events starts, in bytes. Errors: ARGUMENT (fewer records than that), RECORD.
 *
 *     int offset = flight_batch_skip(data, bytes, already_stored);
 */
int flight_batch_skip(const uint8_t *data, size_t data_bytes, uint32_t skip_events);

/* ---- ages and layouts --------------------------------------------------------------------------------------------- */

/* An age in ms as its two wire bytes: ms below 32,768, then whole seconds, then unknown.
 *
 *     uint16_t held = flight_age_encode(now_ms - packed_ms);
 */
uint16_t flight_age_encode(uint32_t age_ms);

/* The age of a stamp of the 30-bit clock, as its two wire bytes; 0 for a stamp that lies a little ahead.
 *
 *     uint16_t age = flight_age_since(event.stamp_ms, now_ms);
 */
uint16_t flight_age_since(uint32_t stamp_ms, uint32_t now_ms);

/* The reverse; *age_ms is FLIGHT_AGE_NONE for unknown. Errors: RECORD (seconds where milliseconds would have done).
 *
 *     uint32_t age_ms;
 *     if (flight_age_decode(held, &age_ms) != 0) { refuse(&frame); }
 */
int flight_age_decode(uint16_t age, uint32_t *age_ms);

/* Bytes of the fixed part of a layout (FLIGHT_LAYOUT_..., with FLIGHT_LAYOUT_WIDE for 64-bit sizes), 0 for unknown ones.
 *
 *     if (flight_layout_bytes(layout) == 0) { return FLIGHT_ERROR_RECORD; }
 */
uint32_t flight_layout_bytes(uint8_t layout);

/* ---- self-test --------------------------------------------------------------------------------------------------- */

/* What flight_selftest needs to work in. */
#define FLIGHT_SELFTEST_BYTES 1280u

/* Known answers of CRC (every way that is built), header check, frame, ring, batch, stream, delta, compression,
 * fragments, flight_core_need, send store and authentication codes on this machine and compiler. scratch: 4-aligned, FLIGHT_SELFTEST_BYTES. Returns 0, or the number of the first
 * step that failed (the list stands in flight_selftest.c). Errors: ARGUMENT.
 *
 *     static uint32_t scratch[FLIGHT_SELFTEST_BYTES / 4];
 *     int failed = flight_selftest(scratch);
 *     if (failed != 0) { printf("core self-test: step %d failed, the compiler may be at fault\n", failed); }
 */
int flight_selftest(void *scratch);

#include "flight_payloads.h" /* delta batches, compressed payloads, fragments */
#include "flight_store.h"    /* what waits to be sent, and to be acknowledged */
#include "flight_emit.h"
#include "flight_sha256.h" /* SHA-256 and HMAC, optional */
#include "flight_need.h" /* flight_core_need: the bytes that a set-up takes */
#include "flight_pressure.h" /* how the memory is doing */
#include "flight_session.h"  /* the session of a device */

#ifndef FLIGHT_CLIENT
#define FLIGHT_CLIENT FLIGHT_SESSION /* 0 leaves the client out of the library */
#endif
#if FLIGHT_CLIENT
#include "flight_client.h" /* the client of a console */
#endif

#ifdef __cplusplus
}
#endif

#endif
