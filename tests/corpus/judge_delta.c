/* Delta batches: refused, or read as records that are packed into the same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "corpus.h"

#define NOW_MS 0x2345678u
#define CLOCK_MASK 0x3fffffffu

enum { SLOTS = 32767, SLOT_BYTES = 16, BODY_LIMIT = 255 * SLOT_BYTES - 16 };

/* Entry by entry, with scratch of exactly what each record takes: the same records as in `plain`. */
static uint32_t compare_entries(const uint8_t *data, size_t bytes, const uint8_t *plain, size_t plain_bytes)
{
    size_t left = bytes;
    flight_delta delta;
    uint32_t events = 0;

    flight_delta_start(&delta, data, bytes, NULL, 0);
    while (left != 0) {
        flight_record expected;
        flight_record record;
        const int plain_used = flight_batch_next(plain, plain_bytes, &expected);
        uint8_t *scratch;
        int used;

        if (plain_used <= 0) {
            corpus_fail("unpacked to something that is no batch", data, bytes);
        }
        scratch = exact(expected.body_bytes);
        delta.scratch = scratch;
        delta.scratch_bytes = expected.body_bytes;
        used = flight_delta_next(&delta, &record);
        if (used <= 0 || (size_t)used > left || record.layout != expected.layout || record.age_ms != expected.age_ms ||
            record.body_bytes != expected.body_bytes ||
            memcmp(record.body, expected.body, expected.body_bytes) != 0) {
            corpus_fail("an entry is read differently than unpacked", data, bytes);
        }
        exact_free(scratch);
        left -= (size_t)used;
        plain += plain_used;
        plain_bytes -= (size_t)plain_used;
        events++;
    }
    if (plain_bytes != 0) {
        corpus_fail("unpacked to more records than there are entries", data, bytes);
    }
    return events;
}

/* 1 where all records are in the ring, 0 where one is too large for it. */
static int fill_ring(flight_ring *ring, const uint8_t *plain, size_t bytes)
{
    flight_record record;
    int used;

    for (; (used = flight_batch_next(plain, bytes, &record)) > 0; plain += used, bytes -= (size_t)used) {
        const uint32_t age_ms = record.age_ms == FLIGHT_AGE_NONE ? 0x30000000u : record.age_ms;

        if (record.body_bytes > BODY_LIMIT ||
            flight_ring_put(ring, 1, record.layout, (NOW_MS - age_ms) & CLOCK_MASK, record.body, record.body_bytes) != 0) {
            return 0;
        }
    }
    return 1;
}

static void repack(const uint8_t *data, size_t bytes, const uint8_t *plain, size_t plain_bytes, uint32_t events)
{
    static uint32_t memory[SLOTS * SLOT_BYTES / 4];
    static uint8_t out[65536];
    flight_ring ring;
    flight_batch batch;

    if (flight_ring_init(&ring, memory, SLOTS, SLOT_BYTES) != 0) {
        corpus_fail("no ring", NULL, 0);
    }
    if (!fill_ring(&ring, plain, plain_bytes)) {
        return;
    }
    if (flight_delta_pack(&ring, out, sizeof out, NOW_MS, events, &batch) != (int)bytes || batch.events != events) {
        corpus_fail("an accepted delta batch is packed differently", data, bytes);
    }
    if (memcmp(out, data, bytes) != 0) {
        corpus_fail("an accepted delta batch has other bytes when packed again", data, bytes);
    }
}

void judge_delta(const uint8_t *data, size_t bytes)
{
    static uint8_t plain[65536];
    static flight_delta lent;
    const int plain_bytes = flight_delta_unpack(&lent, data, bytes, plain, sizeof plain);
    uint8_t *tight;

    if (plain_bytes < 0) {
        if (plain_bytes != FLIGHT_ERROR_RECORD) {
            corpus_fail("a delta batch is refused with another error", data, bytes);
        }
        return;
    }
    tight = exact((size_t)plain_bytes);
    if (flight_delta_unpack(&lent, data, bytes, tight, (size_t)plain_bytes) != plain_bytes ||
        memcmp(tight, plain, (size_t)plain_bytes) != 0) {
        corpus_fail("unpacking into exactly enough room differs", data, bytes);
    }
    exact_free(tight);
    if (plain_bytes != 0) {
        tight = exact((size_t)plain_bytes - 1);
        if (flight_delta_unpack(&lent, data, bytes, tight, (size_t)plain_bytes - 1) != FLIGHT_ERROR_NO_ROOM) {
            corpus_fail("unpacking into too little room is not told", data, bytes);
        }
        exact_free(tight);
    }
    judge_records(plain, (size_t)plain_bytes);
    repack(data, bytes, plain, (size_t)plain_bytes, compare_entries(data, bytes, plain, (size_t)plain_bytes));
}
