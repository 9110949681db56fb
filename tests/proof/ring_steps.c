/* proves: flight_ring_reserve flight_ring_reserve_any flight_ring_commit flight_ring_peek flight_ring_release flight_ring_count flight_ring_body_limit
 * bound: 4 slots of 16 bytes, any start, any 3 operations, bodies of up to 24 bytes, each body written whole
 * unwind: 8
 * bug: flight_ring.c: if (slots > room) { => if (slots > room + 1) {
 */
#include "ring.h"

/* In one piece with the harness: ESBMC loses the arguments of calls that an inline function makes into another file. */
#include "flight_ring.c"

static void produce(flight_ring *ring)
{
    const uint32_t bytes = 4 * up_to(6);
    void *body;

    if (flight_ring_reserve(ring, 7, FLIGHT_LAYOUT_LOG, bytes, &body) == 0) {
        uint32_t *words = body;

        PROVE(bytes <= flight_ring_body_limit(ring));
        PROVE(words >= ring_memory + 3 && words + bytes / 4 <= ring_memory + SLOTS * WORDS);
        for (uint32_t i = 0; i < bytes / 4; i++) {
            words[i] = bytes;
        }
        PROVE(flight_ring_commit(ring, 5) == 0);
    }
    PROVE(flight_ring_commit(ring, 5) == FLIGHT_ERROR_ARGUMENT);
}

static void consume(flight_ring *ring)
{
    flight_event event;

    if (flight_ring_peek(ring, &event) == 0) {
        PROVE(event.channel == 7 && event.layout == FLIGHT_LAYOUT_LOG && event.stamp_ms == 5);
        PROVE(event.body >= (uint8_t *)(ring_memory + 3) &&
              event.body + event.body_bytes <= (uint8_t *)(ring_memory + SLOTS * WORDS));
        PROVE(event.body_bytes == 0 || *(const uint32_t *)event.body == event.body_bytes);
        PROVE(event.body_bytes == 0 || ((const uint32_t *)event.body)[event.body_bytes / 4 - 1] == event.body_bytes);
        PROVE(flight_ring_release(ring) == 0);
    } else {
        PROVE(flight_ring_release(ring) == FLIGHT_ERROR_EMPTY);
    }
}

int main(void)
{
    flight_ring ring = any_empty_ring();

    for (int step = 0; step < 3; step++) {
        const uint32_t count = flight_ring_count(&ring);

        if (nondet_uint() % 2 != 0) {
            produce(&ring);
            PROVE(flight_ring_count(&ring) >= count && flight_ring_count(&ring) <= count + 1);
        } else {
            consume(&ring);
            PROVE(flight_ring_count(&ring) == (count == 0 ? 0 : count - 1));
        }
        PROVE(ring_is_sound(&ring));
    }
    return 0;
}
