/* proves: flight_delta_pack
 * bound: mask and tail of one entry behind up to 6 bytes of values: any mask of 12 bits, tails of up to 8 bytes, into the room that is kept for them
 * unwind: 12
 * bug: flight_delta_pack.c: #define BEHIND_VALUES_BYTES (2u + 3u) => #define BEHIND_VALUES_BYTES (1u + 1u)
 */
#include "proof.h"

#include "flight_delta_pack.c"

int main(void)
{
    static uint32_t tail[2];
    const uint32_t bytes = up_to(6);
    const uint32_t mask = up_to(0xfff);
    const uint32_t tail_bytes = 4 * up_to(2);
    uint8_t *out = any_bytes(bytes + BEHIND_VALUES_BYTES + tail_bytes);
    uint8_t *at = insert_mask(out, out + bytes, mask);

    PROVE(at == out + bytes + (mask >= 128 ? 2 : 1));
    at = write_tail(at, tail, tail_bytes);
    PROVE(at <= out + bytes + BEHIND_VALUES_BYTES + tail_bytes);
    return 0;
}
