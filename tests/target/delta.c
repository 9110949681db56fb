/* Delta batches: the same records as a raw batch of the same events, and equal bytes and answers
 * on every machine. */
#include "target.h"

#include <string.h>

#ifndef ROUNDS
#define ROUNDS 2000u
#endif
#define SECOND 2048u /* offset of the second ring and of the second buffer */

/* Events that change a little from one to the next, of six layouts, some with a tail. */
static uint32_t put_events(uint32_t *state, flight_ring *raw, flight_ring *coded)
{
    static const uint8_t layouts[6] = {FLIGHT_LAYOUT_SYSTEM_MONITORING,
                                       FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE,
                                       FLIGHT_LAYOUT_MEMORY_UPDATE,
                                       FLIGHT_LAYOUT_FRAME_TIME,
                                       FLIGHT_LAYOUT_PAYLOAD,
                                       FLIGHT_LAYOUT_LOG};
    const uint32_t kinds = 1 + below(state, 6);
    uint32_t body[12];
    uint32_t stamp_ms = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < 12; i++) {
        body[i] = rt_random(state);
    }
    for (uint32_t left = 1 + below(state, 20); left != 0; left--) {
        const uint8_t layout = layouts[below(state, kinds)];
        uint32_t body_bytes = flight_layout_bytes(layout);

        if (layout == FLIGHT_LAYOUT_PAYLOAD || layout == FLIGHT_LAYOUT_LOG) {
            body_bytes += 4 * below(state, 9);
        }
        for (uint32_t changes = below(state, 4); changes != 0; changes--) {
            const uint32_t shift = below(state, 31);

            body[below(state, 12)] += rt_random(state) >> shift;
        }
        if (flight_ring_put(raw, 3, layout, stamp_ms, body, body_bytes) != 0 ||
            flight_ring_put(coded, 3, layout, stamp_ms, body, body_bytes) != 0) {
            break;
        }
        stamp_ms += below(state, 40) == 0 ? 40000 : 16;
        count++;
    }
    return count;
}

/* Each record by the reader, at whatever alignment; the last result, which is not above zero. */
static int read_all(const uint8_t *data, uint32_t left, uint32_t *hash)
{
    static uint32_t scratch[64];
    flight_delta reader;
    flight_record record;
    int bytes;

    flight_delta_start(&reader, data, left, (uint8_t *)scratch, sizeof scratch);
    while ((bytes = flight_delta_next(&reader, &record)) > 0) {
        *hash = rt_hash_number(rt_hash_number(*hash, record.layout), record.age_ms);
        *hash = rt_hash(*hash, record.body, record.body_bytes);
    }
    *hash = rt_hash_number(*hash, (uint32_t)bytes);
    return bytes;
}

static int delta_round(uint32_t *state, uint32_t *hash)
{
    uint8_t *plain = work_b.bytes + below(state, ALIGNMENTS);
    uint8_t *again = work_b.bytes + SECOND + below(state, ALIGNMENTS);
    uint8_t *out = work_c.bytes + below(state, ALIGNMENTS);
    flight_delta lent;
    flight_ring raw;
    flight_ring coded;
    flight_batch batch;
    uint32_t count;
    int plain_bytes;
    int bytes;

    flight_ring_init(&raw, work_a.bytes, 28, 64);
    flight_ring_init(&coded, work_a.bytes + SECOND, 28, 64);
    count = put_events(state, &raw, &coded);
    plain_bytes = flight_batch_pack(&raw, plain, SECOND - ALIGNMENTS, 50000, 100, &batch);
    bytes = flight_delta_pack(&coded, out, SECOND, 50000, 100, &batch);
    if (bytes <= 0 || batch.events != count || flight_ring_count(&coded) != 0 || read_all(out, (uint32_t)bytes, hash) != 0) {
        return 1;
    }
    if (flight_delta_unpack(&lent, out, (uint32_t)bytes, again, SECOND - ALIGNMENTS) != plain_bytes ||
        memcmp(again, plain, (uint32_t)plain_bytes) != 0) {
        return 2;
    }
    *hash = rt_hash(*hash, out, (uint32_t)bytes);
    read_all(out, below(state, (uint32_t)bytes), hash);
    out[below(state, (uint32_t)bytes)] ^= (uint8_t)(1u << below(state, 8));
    read_all(out, (uint32_t)bytes, hash);
    *hash = rt_hash_number(*hash, (uint32_t)flight_delta_unpack(&lent, out, (uint32_t)bytes, again, SECOND - ALIGNMENTS));
    return 0;
}

static int refuse(void)
{
    flight_ring ring;
    flight_batch batch;
    flight_delta reader;
    flight_record record;

    flight_ring_init(&ring, work_a.bytes, 4, 64);
    flight_delta_start(&reader, work_b.bytes, 4, work_c.bytes, 64);
    return flight_delta_pack(NULL, work_b.bytes, 64, 0, 9, &batch) != -1 ||
           flight_delta_pack(&ring, NULL, 64, 0, 9, &batch) != -1 ||
           flight_delta_pack(&ring, work_b.bytes, 64, 0, 9, NULL) != -1 ||
           flight_delta_pack(&ring, work_b.bytes, 64, 0, 9, &batch) != 0 || flight_delta_start(NULL, work_b.bytes, 4, work_c.bytes, 64) != -1 ||
           flight_delta_start(&reader, NULL, 4, work_c.bytes, 64) != -1 || flight_delta_next(NULL, &record) != -1 ||
           flight_delta_next(&reader, NULL) != -1 || flight_delta_unpack(NULL, work_b.bytes, 4, work_c.bytes, 64) != -1 ||
           flight_delta_unpack(&reader, NULL, 4, work_c.bytes, 64) != -1 ||
           flight_delta_unpack(&reader, work_b.bytes, 4, NULL, 64) != -1;
}

int delta(void)
{
    uint32_t state = vector_seed + 4;
    uint32_t hash = RT_HASH_START;

    if (refuse() != 0) {
        return fail("refusal-delta", 0);
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (delta_round(&state, &hash) != 0) {
            return fail("random-delta", i);
        }
    }
    report("random-delta", ROUNDS, hash);
    return 0;
}
