/* What a payload may go through between the batch and the frame: delta coding, compression, fragments. Included by flight.h,
 * whose rules hold here too; do not include it alone. The flags of all three need the peer's agreement. */
#ifndef FLIGHT_PAYLOADS_H
#define FLIGHT_PAYLOADS_H

/* ---- delta batches (flag `delta`) --------------------------------------------------------------------------------- */

#define FLIGHT_DELTA_WORDS 12u  /* the longest fixed part that is kept */

/* Consumer of the ring: as flight_batch_pack, but records are coded against their predecessor of the same layout in the same
 * frame, so the frame needs no other one to be read. 16 slowly changing events of 48 bytes take about 200 bytes instead of
 * 832. The frame must carry FLIGHT_FLAG_DELTA. A batch may end up to 18 bytes before the capacity. Not there with FLIGHT_DELTA=0.
 * Errors: ARGUMENT, NO_ROOM.
 *
 *     int bytes = flight_delta_pack(&ring, buffer + 16, sizeof buffer - 20, now_ms, 16, &batch);
 *     frame.flags = FLIGHT_FLAG_BATCH | FLIGHT_FLAG_DELTA | FLIGHT_FLAG_CHECKED;
 */
int flight_delta_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch);

/* Reader of one delta batch; 240 bytes where pointers have four. One is enough for all frames, one after another. */
typedef struct flight_delta {
    const uint8_t *at;      /* of the batch: the next entry */
    const uint8_t *end;     /* of the batch */
    uint8_t *scratch;       /* for bodies with a tail */
    uint32_t scratch_bytes; /* of scratch */
    uint32_t kept[FLIGHT_DELTA_LAYOUTS][FLIGHT_DELTA_WORDS]; /* the last fixed part of each kept layout, as on the wire */
    uint32_t records_bytes;                                  /* read so far, counted as records of their own */
    uint32_t events;                                         /* read so far */
    uint16_t masks[FLIGHT_DELTA_LAYOUTS];  /* of each kept layout: the words that changed in its last record */
    uint8_t layouts[FLIGHT_DELTA_LAYOUTS]; /* the kept ones, in the order of their first records */
    uint8_t words[FLIGHT_DELTA_LAYOUTS];   /* of their fixed parts */
    uint8_t count;                         /* of kept layouts */
    uint16_t age;                          /* of the last record, in its wire form */
    uint16_t step;                         /* between the last two ages */
} flight_delta;

/* Begin to read a batch. data and scratch stay in place until it is read: the reader points into both. scratch must hold the
 * longest body that has a tail; null where none is expected. Errors: ARGUMENT. The example stands at flight_delta_next. */
int flight_delta_start(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *scratch,
                       size_t scratch_bytes);

/* Read and check the next record. Returns the bytes it took of the batch, 0 at the end. record->body points into the batch,
 * the reader or scratch, and is valid until the next call. Accepts canonical batches only: what it accepts, packing writes
 * again byte for byte. Errors: ARGUMENT, RECORD, NO_ROOM (scratch); after one, only flight_delta_start goes on.
 *
 *     static flight_delta delta;
 *     flight_delta_start(&delta, frame.payload, frame.payload_bytes, scratch, sizeof scratch);
 *     while (flight_delta_next(&delta, &record) > 0) {
 *         handle(record.layout, record.body, record.body_bytes, record.age_ms);
 *     }
 */
int flight_delta_next(flight_delta *delta, flight_record *record);

/* A whole delta batch as the batch that flight_batch_pack would have written. delta is lent for the call, need not be started
 * before, and is not valid for reading behind it. out and data must not overlap. Returns the bytes, never more than FLIGHT_MAX_FRAME_BYTES. Errors: ARGUMENT,
 * RECORD, NO_ROOM (then out holds some of the records).
 *
 *     static flight_delta delta;
 *     int bytes = flight_delta_unpack(&delta, frame.payload, frame.payload_bytes, out, sizeof out);
 */
int flight_delta_unpack(flight_delta *delta, const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity);

/* ---- compressed payloads (flag `compressed`) ----------------------------------------------------------------------- */

#define FLIGHT_UNPACKED_HEAD_BYTES 4u /* the original size, in front of the block */
#define FLIGHT_LZ4_TABLE_BITS 9u     /* of the numbers of the compressor's table entries */
#define FLIGHT_LZ4_TABLE_BYTES (2u << FLIGHT_LZ4_TABLE_BITS) /* memory for flight_compress */

/* Compress a payload of up to FLIGHT_UNPACKED_BYTES: out then holds its size and an LZ4 block. table: FLIGHT_LZ4_TABLE_BYTES
 * for the time of the call. data and out must not overlap. Returns the bytes written. Errors: ARGUMENT, TOO_LARGE (nothing,
 * or more than FLIGHT_UNPACKED_BYTES), NO_ROOM (capacity; with a capacity of data_bytes - 1 it means: not worth it).
 *
 *     static uint16_t table[FLIGHT_LZ4_TABLE_BYTES / 2];
 *     int bytes = flight_compress(text, text_bytes, out, text_bytes - 1, table);
 *     if (bytes < 0) { send_as_it_is(text, text_bytes); }
 */
int flight_compress(const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity, uint16_t *table);

/* The size that a compressed payload declares, checked against FLIGHT_UNPACKED_BYTES and FLIGHT_UNPACKED_RATIO.
 * Errors: ARGUMENT, COMPRESSED.
 *
 *     int bytes = flight_unpacked_bytes(frame.payload, frame.payload_bytes);
 */
int flight_unpacked_bytes(const uint8_t *data, size_t data_bytes);

/* The original payload. Nothing is written behind the declared size, nor anything at all if that is over capacity. data and
 * out must not overlap. Returns the bytes. Errors: ARGUMENT, COMPRESSED, NO_ROOM.
 *
 *     int bytes = flight_decompress(frame.payload, frame.payload_bytes, out, sizeof out);
 *     if (bytes > 0) { handle(out, (uint32_t)bytes); }
 */
int flight_decompress(const uint8_t *data, size_t data_bytes, uint8_t *out, size_t capacity);

/* ---- fragments (flag `more`) --------------------------------------------------------------------------------------- */

/* Cuts one payload into frames. 32 bytes where pointers have four; the payload stays the caller's and must stay in place. */
typedef struct flight_fragmenter {
    flight_frame frame;   /* the fragment that was cut last; its payload is the whole one */
    uint32_t total_bytes; /* of the whole payload */
    uint32_t cut_bytes;   /* of it, cut so far */
    uint16_t message;     /* its number */
    uint16_t next;        /* number of the next fragment */
} flight_fragmenter;

/* Begin to cut. whole: type, flags, channel and payload of up to FLIGHT_UNPACKED_BYTES. message: a number that differs from
 * that of the last fragmented payload; count them. Errors: ARGUMENT, TYPE (HELLO is never cut), FLAGS
 * (authenticated: each fragment has a tag of its own), TOO_LARGE (empty as well).
 *
 *     flight_fragmenter cutter;
 *     int bytes = flight_fragment_start(&cutter, &whole, messages++);
 *     while (bytes >= 0 && (bytes = flight_fragment_next(&cutter, buffer, peer_limit_bytes, 0, 0)) > 0) {
 *         send(buffer, (size_t)bytes);
 *     }
 */
int flight_fragment_start(flight_fragmenter *fragmenter, const flight_frame *whole, uint16_t message);

/* The next fragment as a whole frame in buffer, of at most capacity bytes: the frame limit of the peer. Returns its bytes, 0
 * when all is cut. Errors: ARGUMENT, TYPE, FLAGS, NUMBER, NO_ROOM (not one byte of payload fits). The example stands at
 * flight_fragment_start.
 */
int flight_fragment_next(flight_fragmenter *fragmenter, uint8_t *buffer, size_t capacity, uint32_t seq, uint32_t ack);

/* Puts the fragments of one message at a time together. Fields are for reading. */
typedef struct flight_reassembly {
    uint8_t *buffer;      /* the caller's */
    uint32_t capacity;    /* bytes of buffer */
    uint32_t total_bytes; /* of the payload that is being put together, 0 = none is */
    uint32_t used_bytes;  /* of it, there so far */
    uint32_t abandoned;   /* payloads that were begun and never finished; wraps */
    uint16_t message;     /* its number */
    uint16_t next;        /* number of the fragment that must come next */
    uint16_t channel;
    uint8_t type;
    uint8_t flags;
} flight_reassembly;

/* Set up a reassembly over buffer: the largest payload taken is its capacity, and at most FLIGHT_UNPACKED_BYTES.
 * Errors: ARGUMENT.
 *
 *     static uint8_t memory[2048];
 *     flight_reassembly reassembly;
 *     flight_reassembly_init(&reassembly, memory, sizeof memory);
 */
int flight_reassembly_init(flight_reassembly *reassembly, uint8_t *buffer, size_t capacity);

/* Take a decoded frame with the flag `more`. Returns 0 while more is needed; when it was the last fragment, the bytes of the
 * payload, and *whole is the frame as if it had come in one piece (seq and ack of the last fragment), valid until the next
 * push. Errors: ARGUMENT (no fragment), TOO_LARGE (the payload exceeds the capacity), FRAGMENT (it does not follow; a missing
 * one ends the payload, a foreign or repeated one does not).
 *
 *     if (frame.flags & FLIGHT_FLAG_MORE) {
 *         if (flight_reassembly_push(&reassembly, &frame, &frame) <= 0) { return 0; }
 *     }
 *     handle(&frame);
 */
int flight_reassembly_push(flight_reassembly *reassembly, const flight_frame *fragment, flight_frame *whole);

#endif
