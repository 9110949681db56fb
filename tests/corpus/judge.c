/* What is right and what is wrong about an answer of the core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"
#include "reference.h"

#define NOW_MS 0x2345678u
#define CLOCK_MASK 0x3fffffffu

/* One row for each coding of a payload: where the flags under the mask have this value, the judge looks at it. */
static const struct coding {
    uint8_t mask;
    uint8_t value;
    void (*judge)(const uint8_t *data, size_t bytes);
} codings[] = {
    {FLIGHT_FLAG_BATCH | FLIGHT_FLAG_COMPRESSED | FLIGHT_FLAG_DELTA, FLIGHT_FLAG_BATCH, judge_records},
    {FLIGHT_FLAG_BATCH | FLIGHT_FLAG_COMPRESSED | FLIGHT_FLAG_DELTA, FLIGHT_FLAG_BATCH | FLIGHT_FLAG_DELTA, judge_delta},
};

/* Buffers of the size that was asked for last: most cases ask for the same size again. */
static uint8_t *same_size(uint8_t **kept, size_t *kept_bytes, size_t bytes)
{
    if (*kept == NULL || *kept_bytes != bytes) {
        exact_free(*kept);
        *kept = exact(bytes);
        *kept_bytes = bytes;
    }
    return *kept;
}

/* Two slots of the largest size take every record that a frame can hold. */
static flight_ring *record_ring(void)
{
    static flight_ring ring;
    static void *memory;

    if (memory == NULL) {
        memory = malloc(FLIGHT_RING_BYTES(4, 65532));
        if (memory == NULL || flight_ring_init(&ring, memory, 4, 65532) != 0) {
            corpus_fail("no ring", NULL, 0);
        }
    }
    return &ring;
}

static void repack(const uint8_t *data, size_t bytes, const flight_record *record)
{
    static uint8_t *kept;
    static size_t kept_bytes;
    flight_ring *ring = record_ring();
    flight_batch batch;
    uint8_t *out = same_size(&kept, &kept_bytes, bytes);
    const uint32_t age_ms = record->age_ms == FLIGHT_AGE_NONE ? 0x30000000u : record->age_ms;

    if (flight_ring_put(ring, 1, record->layout, (NOW_MS - age_ms) & CLOCK_MASK, record->body, record->body_bytes) != 0) {
        corpus_fail("the ring refuses an accepted record", data, bytes);
    }
    if (flight_batch_pack(ring, out, bytes, NOW_MS, 1, &batch) != (int)bytes || batch.events != 1 || batch.channel != 1) {
        corpus_fail("an accepted record is packed differently", data, bytes);
    }
    if (memcmp(out, data, bytes) != 0) {
        corpus_fail("an accepted record has other bytes when packed again", data, bytes);
    }
}

static int same_record(const flight_record *a, const flight_record *b)
{
    return a->body == b->body && a->body_bytes == b->body_bytes && a->age_ms == b->age_ms && a->layout == b->layout;
}

void judge_records(const uint8_t *data, size_t bytes)
{
    size_t offset = 0;
    uint32_t events = 0;
    int last = 0;

    for (;;) {
        flight_record record;
        flight_record expected;

        last = flight_batch_next(data + offset, bytes - offset, &record);
        if (last != reference_record(data + offset, bytes - offset, &expected)) {
            corpus_fail("a record is read differently than by the reference", data, bytes);
        }
        if (last <= 0) {
            break;
        }
        if (!same_record(&record, &expected)) {
            corpus_fail("a record has other values than by the reference", data, bytes);
        }
        if (flight_batch_skip(data, bytes, events) != (int)offset) {
            corpus_fail("skipping ends elsewhere than reading", data, bytes);
        }
        repack(data + offset, (size_t)last, &record);
        offset += (size_t)last;
        events++;
    }
    if (flight_batch_count(data, bytes) != (last < 0 ? last : (int)events)) {
        corpus_fail("counting differs from reading", data, bytes);
    }
    if (flight_batch_skip(data, bytes, events + 1) != (last < 0 ? last : FLIGHT_ERROR_ARGUMENT)) {
        corpus_fail("skipping past the end is not told", data, bytes);
    }
}

void judge_payload(uint8_t flags, const uint8_t *data, size_t bytes)
{
    static uint8_t *kept;
    static size_t kept_bytes;

    if ((flags & FLIGHT_FLAG_CRITICAL) != 0) {
        if (bytes < FLIGHT_CRITICAL_PREFIX_BYTES) {
            return;
        }
        data += FLIGHT_CRITICAL_PREFIX_BYTES;
        bytes -= FLIGHT_CRITICAL_PREFIX_BYTES;
    }
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        if ((flags & codings[i].mask) == codings[i].value) {
            uint8_t *copy = same_size(&kept, &kept_bytes, bytes);

            memcpy(copy, data, bytes);
            codings[i].judge(copy, bytes);
        }
    }
}

static int same_frame(const flight_frame *a, const flight_frame *b)
{
    return a->payload == b->payload && a->payload_bytes == b->payload_bytes && a->seq == b->seq && a->ack == b->ack &&
           a->channel == b->channel && a->type == b->type && a->flags == b->flags;
}

static void reencode(const uint8_t *data, int frame_bytes, const flight_frame *frame)
{
    static uint8_t *kept;
    static size_t kept_bytes;
    uint8_t *out = same_size(&kept, &kept_bytes, (size_t)frame_bytes);

    if (flight_frame_encode(out, (size_t)frame_bytes, frame) != frame_bytes) {
        corpus_fail("an accepted frame cannot be encoded", data, (size_t)frame_bytes);
    }
    if (memcmp(out, data, (size_t)frame_bytes) != 0) {
        corpus_fail("an accepted frame has other bytes when encoded again", data, (size_t)frame_bytes);
    }
}

void judge(const uint8_t *data, size_t bytes, verdict expected)
{
    flight_frame frame;
    flight_frame known;
    flight_frame before;
    int frame_bytes;

    corpus.cases++;
    memset(&frame, 0xa5, sizeof frame);
    before = frame;
    frame_bytes = flight_frame_decode(data, bytes, FLIGHT_MAX_FRAME_BYTES, &frame);
    if (frame_bytes != reference_decode(data, bytes, FLIGHT_MAX_FRAME_BYTES, &known)) {
        corpus_fail("the frame is read differently than by the reference", data, bytes);
    }
    if (frame_bytes <= 0) {
        if (!same_frame(&frame, &before)) {
            corpus_fail("a refused frame has changed the result", data, bytes);
        }
        if (expected == ACCEPTED) {
            corpus_fail("refused", data, bytes);
        }
        return;
    }
    if (expected == REFUSED) {
        corpus_fail("accepted", data, bytes);
    }
    if (!same_frame(&frame, &known)) {
        corpus_fail("the frame has other values than by the reference", data, bytes);
    }
    corpus.accepted++;
    reencode(data, frame_bytes, &frame);
    judge_payload(frame.flags, frame.payload, frame.payload_bytes);
}
