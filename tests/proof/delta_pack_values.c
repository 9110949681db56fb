/* proves: flight_delta_pack
 * bound: values, mask and length of the tail of one entry, a layout of up to 2 words, any before and any now, into any room up to 18 bytes
 * unwind: 20
 * bug: flight_delta_pack.c: #define PAIR_BYTES (2u * FLIGHT_VARINT_BYTES) => #define PAIR_BYTES (2u * FLIGHT_VARINT_BYTES - 6u)
 */
#include "proof.h"

#include "flight_delta_pack.c"

int main(void)
{
    static uint32_t before[3];
    static uint32_t now[3];
    const uint32_t words = 1 + up_to(1);
    const uint32_t room = up_to(18);
    uint8_t *out = any_bytes(room);
    static flight_batch batch;
    uint8_t control = DELTA_ENTRY;
    flight_kept kept;
    uint8_t *at;

    for (int i = 0; i < 3; i++) {
        before[i] = nondet_uint();
        now[i] = nondet_uint();
    }
    ASSUME(room >= PAIR_BYTES + BEHIND_VALUES_BYTES);
    kept.fixed = before;
    kept.words = (uint8_t)words;
    kept.mask = (uint16_t)up_to((1u << words) - 1u);
    batch.delta_rest = 4u * up_to(2);
    at = write_values(&batch, &kept, now, &control, out, out + (room - PAIR_BYTES - BEHIND_VALUES_BYTES));
    if (at != NULL) {
        PROVE(at >= out && at <= out + room && kept.mask >> words == 0);
    }
    return 0;
}
