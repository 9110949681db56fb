/* Random cases from one seed. Nothing here knows the right answer beyond what must hold anywhere; the hash of all results
 * and bytes is compared between the machines.
 * A random number stands in a statement of its own: compilers order the arguments of a call as they like. */
#include "target.h"

#include <string.h>

#ifndef ROUNDS
#define ROUNDS 2000u
#endif

static void fill(uint32_t *state, uint8_t *to, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(rt_random(state) >> 13);
    }
}

static void random_frame(uint32_t *state, flight_frame *frame)
{
    static const uint8_t flags[4] = {0, FLIGHT_FLAG_CHECKED, FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED, 0xff};

    frame->payload = work_a.bytes + below(state, ALIGNMENTS);
    frame->payload_bytes = below(state, 200);
    frame->seq = rt_random(state) >> 1;
    frame->seq >>= below(state, 16);
    frame->ack = rt_random(state) >> 2;
    frame->channel = (uint16_t)rt_random(state);
    frame->type = (uint8_t)below(state, 22);
    frame->flags = flags[(rt_random(state) >> 8) & 3u] & FLIGHT_FLAGS_SUPPORTED;
}

static uint32_t hash_frame(uint32_t hash, int result, const flight_frame *frame, const uint8_t *data)
{
    hash = rt_hash_number(hash, (uint32_t)result);
    if (result <= 0) {
        return hash;
    }
    hash = rt_hash_number(hash, (uint32_t)(frame->payload - data));
    hash = rt_hash_number(hash, frame->payload_bytes | ((uint32_t)frame->channel << 16));
    hash = rt_hash_number(hash, frame->seq ^ (uint32_t)(frame->type << 16 | frame->flags << 24));
    return rt_hash(rt_hash_number(hash, frame->ack), frame->payload, frame->payload_bytes);
}

static int frames(void)
{
    uint32_t state = vector_seed;
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < 4 * ROUNDS; i++) {
        uint8_t *out = work_b.bytes + below(&state, ALIGNMENTS);
        flight_frame frame;
        flight_frame again;
        int written;

        fill(&state, work_a.bytes, 208);
        random_frame(&state, &frame);
        written = flight_frame_encode(out, below(&state, 16) == 0 ? 64 : WORK_BYTES, &frame);
        hash = rt_hash_number(hash, (uint32_t)written);
        if (written > 0) {
            const int read = flight_frame_decode(out, (uint32_t)written, 640, &again);

            if (read != written || again.seq != frame.seq || again.payload_bytes != frame.payload_bytes) {
                return fail("random-frame", i);
            }
            hash = hash_frame(rt_hash(hash, out, (uint32_t)written), read, &again, out);
            out[below(&state, (uint32_t)written)] ^= (uint8_t)(1u << below(&state, 8));
            hash = hash_frame(hash, flight_frame_decode(out, (uint32_t)written, 640, &again), &again, out);
            hash = hash_frame(hash, flight_frame_decode(out, below(&state, (uint32_t)written), 640, &again), &again, out);
        }
    }
    report("random-frame", 4 * ROUNDS, hash);
    return 0;
}

static int put_one(uint32_t *state, flight_ring *ring, uint32_t number)
{
    uint32_t body_bytes = 4 * below(state, 12);
    void *body;
    int result;

    if (below(state, 8) == 0) {
        body_bytes = 4 * below(state, 120);
    }
    memset(work_b.bytes, (int)(number & 0xffu), body_bytes);
    if (below(state, 2) == 0) {
        return flight_ring_put(ring, (uint16_t)below(state, 2), FLIGHT_LAYOUT_PAYLOAD, number, work_b.bytes, body_bytes);
    }
    result = flight_ring_reserve(ring, (uint16_t)below(state, 2), FLIGHT_LAYOUT_LOG, body_bytes, &body);
    if (result != 0 || below(state, 16) == 0) { /* now and then a reservation that is given up */
        return result != 0 ? result : 1;
    }
    memcpy(body, work_b.bytes, body_bytes);
    return flight_ring_commit(ring, number);
}

/* Stamps rise, so that order and number of the events can be judged. */
static int ring_round(uint32_t *state, uint32_t *hash)
{
    void *memory = work_a.bytes + 4 * below(state, 2);
    const uint32_t slots = 1 + below(state, 20);
    const uint32_t slot_bytes = 16 + 4 * below(state, 20);
    flight_ring ring;
    flight_event event;
    uint32_t put = 0;
    uint32_t taken = 0;
    uint32_t last = 0;

    if (flight_ring_init(&ring, memory, slots, slot_bytes) != 0) {
        return 1;
    }
    *hash = rt_hash_number(*hash, flight_ring_body_limit(&ring));
    for (uint32_t number = 1; number < 60; number++) {
        const int result = put_one(state, &ring, number);

        *hash = rt_hash_number(*hash, (uint32_t)result);
        put += result == 0;
        while (below(state, 5) < 2 && flight_ring_peek(&ring, &event) == 0) {
            if (event.stamp_ms <= last || (event.body_bytes != 0 && event.body[event.body_bytes - 1] != event.stamp_ms)) {
                return 1;
            }
            last = event.stamp_ms;
            *hash = rt_hash(rt_hash_number(*hash, last), event.record, event.record_bytes);
            taken += flight_ring_release(&ring) == 0;
        }
        if (flight_ring_count(&ring) != put - taken) {
            return 1;
        }
    }
    return 0;
}

static int rings(void)
{
    uint32_t state = vector_seed + 1;
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < ROUNDS / 4; i++) {
        if (ring_round(&state, &hash) != 0) {
            return fail("random-ring", i);
        }
    }
    report("random-ring", ROUNDS / 4 * 59, hash);
    return 0;
}

/* Pack what random events give, then read whole, cut and damaged. */
static int batch_round(uint32_t *state, uint32_t *hash)
{
    uint8_t *out = work_c.bytes + below(state, ALIGNMENTS);
    const uint32_t capacity = below(state, WORK_BYTES);
    const uint32_t limit_events = 1 + below(state, 24);
    const uint32_t now_ms = rt_random(state) >> 2;
    const uint32_t oldest_ms = rt_random(state);
    uint32_t stamp_ms = now_ms - (oldest_ms >> below(state, 30));
    flight_ring ring;
    flight_batch batch;
    int packed;

    flight_ring_init(&ring, work_a.bytes, 24, 64);
    fill(state, work_b.bytes, 256);
    for (uint32_t i = below(state, 24); i != 0; i--) {
        const uint32_t body_bytes = 4 + 4 * below(state, 30);

        flight_ring_put(&ring, (uint16_t)(below(state, 12) == 0), FLIGHT_LAYOUT_PAYLOAD, stamp_ms & 0x3fffffffu, work_b.bytes + 4 * i, body_bytes);
        stamp_ms += below(state, 3000);
    }
    packed = flight_batch_pack(&ring, out, capacity, now_ms, limit_events, &batch);
    *hash = rt_hash_number(rt_hash_number(*hash, (uint32_t)packed), batch.events | ((uint32_t)batch.channel << 16));
    if (packed <= 0) {
        return 0;
    }
    *hash = rt_hash(*hash, out, (uint32_t)packed);
    if (flight_batch_count(out, (uint32_t)packed) != (int)batch.events) {
        return 1;
    }
    *hash = rt_hash_number(*hash, (uint32_t)flight_batch_count(out, below(state, (uint32_t)packed)));
    *hash = rt_hash_number(*hash, (uint32_t)flight_batch_skip(out, (uint32_t)packed, below(state, 24)));
    out[below(state, (uint32_t)packed)] ^= (uint8_t)(1u << below(state, 8));
    *hash = rt_hash_number(*hash, (uint32_t)flight_batch_count(out, (uint32_t)packed));
    return 0;
}

static int batches(void)
{
    uint32_t state = vector_seed + 2;
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (batch_round(&state, &hash) != 0) {
            return fail("random-batch", i);
        }
    }
    for (uint32_t age_ms = 0; age_ms < 40000000; age_ms += 1 + below(&state, 16000)) {
        const uint16_t age = flight_age_encode(age_ms);
        uint32_t again_ms = 0;
        const int result = flight_age_decode(age, &again_ms);

        if (result != 0 || (again_ms != FLIGHT_AGE_NONE && again_ms > age_ms)) {
            return fail("random-age", age_ms);
        }
        hash = rt_hash_number(rt_hash_number(hash, age), again_ms);
    }
    report("random-batch", ROUNDS, hash);
    return 0;
}

/* Frames, some damaged, between dirt, in random pieces. */
static uint32_t stream_round(uint32_t *state, uint32_t hash)
{
    uint8_t *line = work_b.bytes + below(state, ALIGNMENTS);
    uint32_t line_bytes = 0;
    uint32_t sent = 0;
    flight_stream stream;
    flight_frame frame;

    flight_stream_init(&stream, work_c.bytes + below(state, ALIGNMENTS), 512, 250, FLIGHT_FLAG_CHECKED);
    while (line_bytes < 2500) {
        const uint32_t dirt_bytes = below(state, 3) == 0 ? below(state, 30) : 0;
        int written;

        fill(state, work_a.bytes, 208);
        random_frame(state, &frame);
        frame.flags |= FLIGHT_FLAG_CHECKED;
        fill(state, line + line_bytes, dirt_bytes);
        line_bytes += dirt_bytes;
        written = flight_frame_encode(line + line_bytes, WORK_BYTES - line_bytes, &frame);
        if (written > 0 && below(state, 4) == 0) {
            line[line_bytes + below(state, (uint32_t)written)] ^= (uint8_t)(1u << below(state, 8));
        }
        line_bytes += written > 0 ? (uint32_t)written : 0;
    }
    while (sent < line_bytes) {
        const uint32_t left = line_bytes - sent;
        const uint32_t piece = 1 + below(state, 90);

        sent += (uint32_t)flight_stream_push(&stream, line + sent, left < piece ? left : piece);
        while (flight_stream_next(&stream, &frame) > 0) {
            hash = rt_hash(rt_hash_number(hash, frame.seq), frame.payload, frame.payload_bytes);
        }
    }
    return rt_hash_number(rt_hash_number(hash, stream.garbage_bytes), stream.summed_bytes);
}

static int streams(void)
{
    uint32_t state = vector_seed + 3;
    uint32_t hash = RT_HASH_START;

    for (uint32_t i = 0; i < ROUNDS / 8; i++) {
        hash = stream_round(&state, hash);
    }
    report("random-stream", ROUNDS / 8, hash);
    return 0;
}

int corpus(void)
{
    return frames() != 0 || rings() != 0 || batches() != 0 || streams() != 0;
}
