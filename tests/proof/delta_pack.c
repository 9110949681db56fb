/* proves: flight_delta_pack
 * with: flight_delta_pack.c flight_ring.c flight_batch.c
 * bound: 4 slots of 16 bytes, any start, two events of 4 bytes of any content, any capacity up to 26
 * unwind: 10
 * bug: flight_delta_pack.c: if (bytes > room) { => if (bytes > room + 1) {
 */
#include "ring.h"

int main(void)
{
    flight_ring ring = any_empty_ring();
    const uint32_t capacity = up_to(26);
    uint8_t *out = any_bytes(capacity);
    uint32_t put = 0;
    flight_batch batch;
    int bytes;

    for (int i = 0; i < 2; i++) {
        const uint32_t body = nondet_uint();

        put += flight_ring_put(&ring, 1, FLIGHT_LAYOUT_LOG, nondet_uint(), &body, 4) == 0;
    }
    batch.events = 0;
    bytes = flight_delta_pack(&ring, out, capacity, nondet_uint(), up_to(3), &batch);
    PROVE(bytes <= (int)capacity && (bytes >= 0 || bytes == FLIGHT_ERROR_NO_ROOM));
    PROVE(batch.events <= put && ring_is_sound(&ring));
    return 0;
}
