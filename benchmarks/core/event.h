/* W, the event of the comparison: 48 bytes, the numbers of a console's memory report, changing slowly. The core and its
 * peers are given the same ones. */
#ifndef EVENT_H
#define EVENT_H

#include <stdint.h>

#define REPEATS 50           /* of each operation between two marks; measure.py divides by it */
#define BATCH_EVENTS 16u
#define RAW_EVENT_BYTES 44u  /* of W, as it is compressed */
#define RAW_BATCH_BYTES 704u /* BATCH_EVENTS of those */

typedef struct telemetry {
    uint32_t time_ms[2];
    uint32_t session, total_bytes, used_bytes, available_bytes, sequence;
    uint16_t fragmentation, channel;
    uint8_t platform, priority, spare[14];
} telemetry;

typedef struct event_source {
    telemetry now;
    uint32_t random;
} event_source;

static inline void event_first(event_source *source)
{
    static const telemetry first = {{0x9ab1c000u, 0x19du}, 0x5eedf00d, 16777216, 9437184, 7340032, 1, 1200, 7, 1, 2, {0}};

    source->now = first;
    source->random = 12345;
}

static inline void event_next(event_source *source)
{
    telemetry *now = &source->now;
    const uint32_t random = source->random * 1664525u + 1013904223u;

    source->random = random;
    now->time_ms[0] += 1000 + ((random >> 28) & 1u);
    now->used_bytes += (random >> 19) - 4096; /* by up to 4 KB, up or down */
    now->available_bytes = now->total_bytes - now->used_bytes;
    now->sequence++;
    if ((random >> 8 & 3u) == 0) {
        now->fragmentation += (uint16_t)(random >> 10 & 7u);
    }
}

/* The first BATCH_EVENTS of them in a row: what LZ4 is given. */
static inline void event_raw_batch(uint8_t *out)
{
    event_source source;

    event_first(&source);
    for (uint32_t i = 0; i < BATCH_EVENTS; i++) {
        event_next(&source);
        for (uint32_t byte = 0; byte < RAW_EVENT_BYTES; byte++) {
            *out++ = ((const uint8_t *)&source.now)[byte];
        }
    }
}

#endif
