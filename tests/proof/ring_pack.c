/* proves: flight_ring_put flight_batch_pack
 * bound: 4 slots of 16 bytes, any start, two events of 4 bytes on any channels, any capacity up to 16, any stamps and clock
 * unwind: 6
 * bug: flight_pack.c: bytes > room || => bytes > room + 4 ||
 */
#include "ring.h"

/* In one piece with the harness: ESBMC loses the arguments of calls that an inline function makes into another file. */
#include "flight_ring.c"
#include "flight_batch.c"
#include "flight_pack.c"

/* Not for a batch as it is. */
uint8_t *flight_delta_write(flight_batch *batch, const uint32_t *slot, uint32_t age, uint8_t *at)
{
    (void)batch, (void)slot, (void)age, (void)at;
    PROVE(0);
    return NULL;
}

int main(void)
{
    flight_ring ring = any_empty_ring();
    const uint8_t body[4] = {1, 2, 3, 4};
    const uint32_t capacity = up_to(16);
    uint8_t *out = any_bytes(capacity);
    const uint32_t limit = up_to(3);
    uint32_t put = 0;
    flight_batch batch;
    int bytes;

    for (int i = 0; i < 2; i++) {
        put += flight_ring_put(&ring, (uint16_t)up_to(1), FLIGHT_LAYOUT_LOG, nondet_uint(), body, 4) == 0;
    }
    batch.events = 0;
    bytes = flight_batch_pack(&ring, out, capacity, nondet_uint(), limit, &batch);
    PROVE(bytes <= (int)capacity && (bytes >= 0 || bytes == FLIGHT_ERROR_NO_ROOM));
    PROVE(batch.events <= limit && batch.events <= put);
    PROVE(bytes < 0 || flight_ring_count(&ring) == put - batch.events);
    PROVE(ring_is_sound(&ring));
    return 0;
}
