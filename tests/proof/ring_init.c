/* proves: flight_ring_init flight_ring_body_limit
 * with: flight_ring.c
 * bound: any number of slots, slot sizes up to 64 and all that are refused: no body up to the limit needs more than half of it
 * unwind: 50
 * bug: flight_ring.c: return half < ENTRY_SLOTS ? half : ENTRY_SLOTS; => return half;
 */
#include "proof.h"

int main(void)
{
    static uint32_t memory[4];
    flight_ring ring;
    const uint32_t slots = nondet_uint();
    const uint32_t slot_bytes = nondet_uint();

    ASSUME(slot_bytes <= 64 || slot_bytes % 4 != 0 || slot_bytes > 65532);
    if (flight_ring_init(&ring, memory, slots, slot_bytes) == 0) {
        const uint32_t limit = flight_ring_body_limit(&ring);
        const uint32_t heads = limit > 1016 ? 16 : 12;

        PROVE(slots >= 1 && slots <= 32767 && slot_bytes >= 16 && slot_bytes <= 65532 && slot_bytes % 4 == 0);
        PROVE(limit % 4 == 0 && limit + heads <= (slots < 4 ? 1 : slots / 2 < 255 ? slots / 2 : 255) * slot_bytes);
        PROVE(ring.head == ring.tail && flight_ring_count(&ring) == 0);
    }
    return 0;
}
