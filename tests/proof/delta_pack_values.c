/* proves: flight_delta_pack
 * bound: the values of one entry, a layout of up to 3 words, any before and any now, into any room up to 20 bytes
 * unwind: 10
 * bug: flight_delta_pack.c: #define PAIR_BYTES (2u * FLIGHT_VARINT_BYTES) => #define PAIR_BYTES (2u * FLIGHT_VARINT_BYTES - 1u)
 */
#include "proof.h"

#include "flight_delta_pack.c"

int main(void)
{
    static uint32_t before[3];
    static uint32_t now[3];
    const uint32_t words = 1 + up_to(2);
    const uint32_t room = up_to(20);
    uint8_t *out = any_bytes(room);
    kept_layout kept;
    uint32_t mask;
    uint8_t *at;

    for (int i = 0; i < 3; i++) {
        before[i] = nondet_uint();
        now[i] = nondet_uint();
    }
    ASSUME(room >= PAIR_BYTES);
    kept.fixed = before;
    kept.words = (uint8_t)words;
    at = write_values(&kept, now, out, out + (room - PAIR_BYTES), &mask);
    if (at != NULL) {
        PROVE(at >= out && at <= out + room && mask >> words == 0);
        PROVE((at == out) == (mask == 0));
    }
    return 0;
}
