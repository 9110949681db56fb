/* proves: flight_delta_next
 * bound: the values of an entry, any sound state, any of four layouts with up to 12 words, any mask, up to 6 bytes of input
 * unwind: 18
 * bug: flight_delta_read.c: for (; mask != 0; mask >>= 1, word++) { => for (; mask != 0; mask >>= 1, word += 2) {
 */
#include "delta.h"

int main(void)
{
    const uint32_t bytes = up_to(6);
    const uint8_t *data = any_bytes(bytes);
    const uint8_t *at = data;
    const uint32_t control = nondet_uchar();
    flight_delta delta = any_reader(control & DELTA_KEPT_MASK, FLIGHT_DELTA_WORDS);

    (void)read_values(&delta, control, &at, data + bytes);
    PROVE(at >= data && at <= data + bytes);
    return 0;
}
