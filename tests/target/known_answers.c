/* Known answers: every one was computed by another implementation. */
#include "target.h"

#include <string.h>

static int crcs(void)
{
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < crc_vector_count; i++) {
        const crc_vector *vector = &crc_vectors[i];
        const uint8_t *data = vector_bytes + vector->at;
        const uint32_t half = vector->bytes / 2;
        const uint32_t pieces = flight_crc32c(data + half, vector->bytes - half, flight_crc32c(data, half, 0));

        if (flight_crc32c(data, vector->bytes, 0) != vector->crc || pieces != vector->crc) {
            return fail("crc", i);
        }
        hash = rt_hash_number(hash, vector->crc);
    }
    report("crc", crc_vector_count, hash);
    return 0;
}

static int checks(void)
{
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < check_vector_count; i++) {
        for (uint32_t offset = 0; offset < ALIGNMENTS; offset++) {
            memcpy(work_a.bytes + offset, check_vectors[i].header, 16);
            if (flight_header_check(work_a.bytes + offset) != check_vectors[i].check) {
                return fail("check", i);
            }
        }
        hash = rt_hash_number(hash, check_vectors[i].check);
    }
    report("check", check_vector_count, hash);
    return 0;
}

static int same_frame(const frame_vector *vector, const flight_frame *frame, const uint8_t *data)
{
    return frame->payload == data + FLIGHT_HEADER_BYTES && frame->payload_bytes == vector->payload_bytes &&
           frame->seq == vector->seq && frame->ack == vector->ack && frame->channel == vector->channel &&
           frame->type == vector->type && frame->flags == vector->flags;
}

/* Decode at one alignment, encode at another. */
static int frame_at(const frame_vector *vector, uint32_t offset)
{
    const uint8_t *golden = vector_bytes + vector->at;
    uint8_t *in = work_a.bytes + offset;
    uint8_t *out = work_b.bytes + (offset ^ 3u);
    flight_frame frame;

    memcpy(in, golden, vector->bytes);
    if (flight_frame_decode(in, vector->bytes, FLIGHT_MAX_FRAME_BYTES, &frame) != vector->result) {
        return 1;
    }
    if (vector->result <= 0) {
        return 0;
    }
    if (!same_frame(vector, &frame, in)) {
        return 1;
    }
    return flight_frame_encode(out, WORK_BYTES, &frame) != vector->result ||
           memcmp(out, golden, (uint32_t)vector->result) != 0;
}

static int frames(void)
{
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < frame_vector_count; i++) {
        for (uint32_t offset = 0; offset < ALIGNMENTS; offset++) {
            if (frame_at(&frame_vectors[i], offset) != 0) {
                return fail("frame", i);
            }
        }
        hash = rt_hash(hash, vector_bytes + frame_vectors[i].at, frame_vectors[i].bytes);
    }
    report("frame", frame_vector_count, hash);
    return 0;
}

/* Put the events into a ring, pack them, compare; then read the batch and compare with what was put. */
static int batch_at(const batch_vector *vector, uint32_t offset)
{
    const batch_event *events = batch_events + vector->first_event;
    const uint8_t *body = vector_bytes + vector->bodies_at;
    uint8_t *out = work_b.bytes + offset;
    flight_ring ring;
    flight_batch batch;
    uint32_t i;

    if (flight_ring_init(&ring, work_a.bytes + (offset & 4u), 40, 64) != 0) {
        return 1;
    }
    for (i = 0; i < vector->events; i++) {
        if (flight_ring_put(&ring, 7, events[i].layout, events[i].stamp_ms, body, events[i].body_bytes) != 0) {
            return 1;
        }
        body += events[i].body_bytes;
    }
    if (flight_batch_pack(&ring, out, WORK_BYTES, vector->now_ms, 100, &batch) != (int)vector->packed_bytes ||
        batch.events != vector->events || memcmp(out, vector_bytes + vector->packed_at, vector->packed_bytes) != 0 ||
        flight_ring_count(&ring) != 0) {
        return 1;
    }
    return flight_batch_count(out, vector->packed_bytes) != (int)vector->events;
}

static int batches(void)
{
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < batch_vector_count; i++) {
        const batch_vector *vector = &batch_vectors[i];

        for (uint32_t offset = 0; offset < ALIGNMENTS; offset++) {
            if (batch_at(vector, offset) != 0) {
                return fail("batch", i);
            }
        }
        hash = rt_hash(hash, vector_bytes + vector->packed_at, vector->packed_bytes);
    }
    report("batch", batch_vector_count, hash);
    return 0;
}

/* All frames that decode, with a byte of dirt before each, through a stream in pieces of every size up to 40. */
static int stream_in_pieces(uint32_t piece_bytes, uint32_t *found, uint32_t *hash)
{
    flight_stream stream;
    flight_frame frame;

    if (flight_stream_init(&stream, work_c.bytes + (piece_bytes & 7u), WORK_BYTES, 2048, 0) != 0) {
        return 1;
    }
    for (uint32_t i = 0; i < frame_vector_count; i++) {
        const frame_vector *vector = &frame_vectors[i];
        uint32_t sent = 0;

        if (vector->result != (int)vector->bytes || vector->bytes > 2048) {
            continue;
        }
        work_a.bytes[0] = 0x55;
        memcpy(work_a.bytes + 1, vector_bytes + vector->at, vector->bytes);
        while (sent <= vector->bytes) {
            const uint32_t left = vector->bytes + 1 - sent;

            sent += (uint32_t)flight_stream_push(&stream, work_a.bytes + sent, left < piece_bytes ? left : piece_bytes);
            while (flight_stream_next(&stream, &frame) > 0) {
                *hash = rt_hash(rt_hash_number(*hash, frame.seq), frame.payload, frame.payload_bytes);
                *found += 1;
            }
        }
    }
    return 0;
}

static int streams(void)
{
    uint32_t hash = RT_HASH_START;
    uint32_t total = 0;

    for (uint32_t piece_bytes = 1; piece_bytes <= 40; piece_bytes += 3) {
        uint32_t found = 0;
        uint32_t expected = 0;

        for (uint32_t i = 0; i < frame_vector_count; i++) {
            expected += frame_vectors[i].result == (int)frame_vectors[i].bytes && frame_vectors[i].bytes <= 2048;
        }
        if (stream_in_pieces(piece_bytes, &found, &hash) != 0 || found != expected) {
            return fail("stream", piece_bytes);
        }
        total += found;
    }
    report("stream", total, hash);
    return 0;
}

/* What must be refused, and what only looks as if: each call differs from a right one in one argument. */
static int refuse_frames(uint8_t *bytes)
{
    flight_frame frame;

    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_DATA;
    if (flight_frame_encode(bytes, 16, &frame) != 16 || flight_frame_seal(bytes, 16, &frame) != 16) {
        return 1;
    }
    if (flight_frame_encode(NULL, 16, &frame) != FLIGHT_ERROR_ARGUMENT ||
        flight_frame_encode(bytes, 16, NULL) != FLIGHT_ERROR_ARGUMENT ||
        flight_frame_seal(NULL, 16, &frame) != FLIGHT_ERROR_ARGUMENT ||
        flight_frame_seal(bytes, 16, NULL) != FLIGHT_ERROR_ARGUMENT ||
        flight_frame_decode(NULL, 16, 640, &frame) != FLIGHT_ERROR_ARGUMENT ||
        flight_frame_decode(bytes, 16, 640, NULL) != FLIGHT_ERROR_ARGUMENT) {
        return 2;
    }
    frame.payload_bytes = 4;
    if (flight_frame_encode(bytes, 20, &frame) != FLIGHT_ERROR_ARGUMENT || flight_frame_seal(bytes, 20, &frame) != 20 ||
        flight_frame_seal(bytes, 19, &frame) != FLIGHT_ERROR_NO_ROOM) {
        return 3;
    }
    frame.payload_bytes = FLIGHT_MAX_FRAME_BYTES;
    return flight_frame_seal(bytes, 20, &frame) == FLIGHT_ERROR_TOO_LARGE ? 0 : 4;
}

static int refuse_ring(uint8_t *memory, flight_ring *ring)
{
    flight_event event;
    void *body;

    if (flight_ring_init(NULL, memory, 4, 64) != FLIGHT_ERROR_ARGUMENT || flight_ring_init(ring, NULL, 4, 64) != -1 ||
        flight_ring_init(ring, memory + 1, 4, 64) != -1 || flight_ring_init(ring, memory, 0, 64) != -1 ||
        flight_ring_init(ring, memory, 32768, 64) != -1 || flight_ring_init(ring, memory, 4, 12) != -1 ||
        flight_ring_init(ring, memory, 4, 65536) != -1 || flight_ring_init(ring, memory, 4, 66) != -1 ||
        flight_ring_init(ring, memory, 4, 64) != 0) {
        return 5;
    }
    if (flight_ring_reserve(NULL, 1, 1, 4, &body) != -1 || flight_ring_reserve(ring, 1, 1, 4, NULL) != -1 ||
        flight_ring_reserve(ring, 1, 1, 5, &body) != -1 ||
        flight_ring_reserve(ring, 1, 1, 4000, &body) != FLIGHT_ERROR_TOO_LARGE ||
        flight_ring_commit(NULL, 0) != -1 || flight_ring_commit(ring, 0) != -1) {
        return 6;
    }
    if (flight_ring_put(NULL, 1, 1, 0, memory, 4) != -1 || flight_ring_put(ring, 1, 1, 0, NULL, 4) != -1 ||
        flight_ring_put(ring, 1, 1, 0, memory, 5) != -1) {
        return 7;
    }
    if (flight_ring_peek(NULL, &event) != -1 || flight_ring_peek(ring, NULL) != -1 ||
        flight_ring_peek(ring, &event) != FLIGHT_ERROR_EMPTY || flight_ring_release(NULL) != -1 ||
        flight_ring_release(ring) != FLIGHT_ERROR_EMPTY || flight_ring_count(ring) != 0) {
        return 8;
    }
    return flight_ring_put(ring, 1, 1, 0, NULL, 0) == 0 && flight_ring_count(ring) == 1 ? 0 : 9;
}

static int refuse_batch(flight_ring *ring, uint8_t *out)
{
    flight_batch batch;
    flight_record record;
    uint32_t age_ms;

    if (flight_batch_pack(NULL, out, 64, 0, 9, &batch) != -1 || flight_batch_pack(ring, NULL, 64, 0, 9, &batch) != -1 ||
        flight_batch_pack(ring, out, 64, 0, 9, NULL) != -1 || flight_batch_pack(ring, out, 64, 0, 0, &batch) != 0 ||
        flight_batch_pack(ring, out, 64, 0, 9, &batch) != 4) {
        return 10;
    }
    if (flight_batch_next(NULL, 4, &record) != -1 || flight_batch_next(out, 4, NULL) != -1 ||
        flight_batch_next(out, 0, &record) != 0 || flight_batch_count(NULL, 4) != -1 ||
        flight_batch_skip(NULL, 4, 0) != -1 || flight_batch_skip(out, 0, 1) != -1) {
        return 11;
    }
    if (flight_age_decode(1, NULL) != -1 || flight_age_decode(0x8001, &age_ms) != FLIGHT_ERROR_RECORD ||
        flight_layout_bytes(0) != 0 || flight_selftest(NULL) != -1 || flight_selftest(out + 1) != -1) {
        return 12;
    }
    return flight_layout_bytes(FLIGHT_LAYOUT_PAYLOAD) == FLIGHT_PAYLOAD_BYTES ? 0 : 13;
}

static int refuse_stream(uint8_t *memory)
{
    flight_stream stream;
    flight_frame frame;

    if (flight_stream_init(NULL, memory, 80, 40, 0) != -1 || flight_stream_init(&stream, NULL, 80, 40, 0) != -1 ||
        flight_stream_init(&stream, memory, 79, 40, 0) != -1 || flight_stream_init(&stream, memory, 80, 19, 0) != -1 ||
        flight_stream_init(&stream, memory, 80, 40, 0x80) != -1 || flight_stream_init(&stream, memory, 80, 40, 0) != 0) {
        return 14;
    }
    flight_stream_give_up(NULL);
    flight_stream_give_up(&stream);
    return flight_stream_push(NULL, memory, 4) != 0 || flight_stream_push(&stream, NULL, 4) != 0 ||
                   flight_stream_next(NULL, &frame) != -1 || flight_stream_next(&stream, NULL) != -1 ||
                   flight_stream_next(&stream, &frame) != 0 || stream.start != 0
               ? 15
               : 0;
}

static int refusals(void)
{
    flight_ring ring;
    int step = refuse_frames(work_a.bytes);

    step = step != 0 ? step : refuse_ring(work_b.bytes, &ring);
    step = step != 0 ? step : refuse_batch(&ring, work_a.bytes);
    step = step != 0 ? step : refuse_stream(work_c.bytes);
    if (step != 0) {
        return fail("refusal", (uint32_t)step);
    }
    report("refusal", 15, 0);
    return 0;
}

int known_answers(void)
{
    return refusals() != 0 || crcs() != 0 || checks() != 0 || frames() != 0 || batches() != 0 || streams() != 0;
}
