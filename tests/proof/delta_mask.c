/* proves: flight_delta_next
 * bound: age and mask of an entry, any control byte, any sound state, any of four layouts with up to 12 words, up to 7 bytes of input
 * unwind: 8
 * quick
 * bug: flight_delta_read.c: mask >> words != 0) { => mask >> words > 1u) {
 */
#include "delta.h"

int main(void)
{
    const uint32_t bytes = up_to(7);
    const uint8_t *data = any_bytes(bytes);
    const uint32_t control = nondet_uchar();
    const uint32_t words = 1 + up_to(FLIGHT_DELTA_WORDS - 1);
    flight_delta delta = any_reader(control & DELTA_KEPT_MASK, words, data, bytes);
    const uint16_t foreseen = (uint16_t)(delta.age + delta.step);
    flight_record record;

    if (read_age(&delta, control, &record) == 0) {
        PROVE((control & DELTA_AGE) != 0 || delta.age == foreseen);
        PROVE((control & DELTA_AGE) == 0 || delta.age != foreseen);
        (void)read_mask(&delta, control, words);
        PROVE(delta.masks[control & DELTA_KEPT_MASK] >> words == 0);
    }
    PROVE(delta.at >= data && delta.at <= delta.end && delta.end == data + bytes);
    return 0;
}
