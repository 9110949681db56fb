/* proves: flight_delta_next
 * bound: the values of an entry, any sound state, any of four layouts with up to 12 words, any mask, up to 6 bytes of input: only words of the layout are written
 * unwind: 18
 * adapt: flight_delta_read.c: flight_store32_aligned(bytes, flight_load32_aligned(bytes) + flight_unzigzag(folded)); => look(delta, control, bytes);
 * bug: flight_delta_read.c: for (; mask != 0; mask >>= 1, word++) { => for (; mask != 0; mask >>= 1, word += 2) {
 * bug: flight_varint.h: if (at == end || shift > 28) { => if (shift > 28) {
 */
#include "proof.h"

static void look(const flight_delta *delta, uint32_t control, const uint8_t *word);

#include "delta.h"

/* In the place of a write that ESBMC 6.7 crashes on: that it stays inside is what is asked. */
static void look(const flight_delta *delta, uint32_t control, const uint8_t *word)
{
    const uint8_t *row = (const uint8_t *)delta->kept[control & DELTA_KEPT_MASK];

    PROVE(word >= row && word + 4 <= row + 4u * FLIGHT_DELTA_WORDS);
}

int main(void)
{
    const uint32_t bytes = up_to(6);
    const uint8_t *data = any_bytes(bytes);
    const uint32_t control = nondet_uchar();
    flight_delta delta = any_reader(control & DELTA_KEPT_MASK, FLIGHT_DELTA_WORDS, data, bytes);

    (void)read_values(&delta, control);
    PROVE(delta.at >= data && delta.at <= delta.end && delta.end == data + bytes);
    return 0;
}
