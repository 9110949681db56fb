/* proves: flight_delta_unpack
 * with: flight_delta_read.c flight_batch.c
 * bound: any batch of up to 10 bytes into up to 24: a keyframe and up to two entries
 * unwind: 14
 * bug: flight_delta_read.c: record->body_bytes > room - head_bytes => record->body_bytes > room
 */
#include "proof.h"

int main(void)
{
    const uint32_t bytes = up_to(10);
    const uint8_t *data = any_bytes(bytes);
    const uint32_t capacity = up_to(24);
    uint8_t *out = any_bytes(capacity);
    const int used = flight_delta_unpack(data, bytes, out, capacity);

    PROVE(used <= (int)capacity);
    PROVE(used >= 0 || used == FLIGHT_ERROR_RECORD || used == FLIGHT_ERROR_NO_ROOM);
    return 0;
}
