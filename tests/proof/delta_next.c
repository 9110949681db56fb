/* proves: flight_delta_start flight_delta_next
 * with: flight_delta_read.c flight_batch.c
 * bound: one entry of up to 12 bytes from any sound state of a reader that keeps narrow layouts, scratch of up to 16 bytes: so any number of entries
 * unwind: 14
 * bug: flight_delta_read.c: tail_words > (size_t)(end - *at) / 4u => tail_words > (size_t)(end - *at) / 2u
 */
#include "proof.h"

static int reader_is_sound(const flight_delta *delta)
{
    int sound = delta->count <= FLIGHT_DELTA_LAYOUTS && delta->records_bytes <= FLIGHT_MAX_FRAME_BYTES;

    for (uint32_t i = 0; i < FLIGHT_DELTA_LAYOUTS; i++) {
        const uint32_t words = flight_layout_bytes(delta->layouts[i]) / 4;

        sound = sound && (i >= delta->count || (words != 0 && words <= FLIGHT_DELTA_WORDS && delta->masks[i] >> words == 0));
    }
    return sound;
}

int main(void)
{
    const uint32_t bytes = up_to(12);
    const uint8_t *data = any_bytes(bytes);
    const uint32_t scratch_bytes = up_to(16);
    uint8_t *scratch = any_bytes(scratch_bytes);
    flight_delta delta;
    flight_record record;
    int used;

    flight_delta_start(&delta);
    delta.records_bytes = nondet_uint();
    delta.events = nondet_uint();
    delta.count = nondet_uchar();
    delta.age = (uint16_t)nondet_uint();
    delta.step = (uint16_t)nondet_uint();
    for (uint32_t i = 0; i < FLIGHT_DELTA_LAYOUTS; i++) {
        delta.masks[i] = (uint16_t)nondet_uint();
        delta.layouts[i] = nondet_uchar();
        ASSUME(delta.layouts[i] < 8);
    }
    ASSUME(reader_is_sound(&delta));
    used = flight_delta_next(&delta, data, bytes, scratch, scratch_bytes, &record);
    PROVE(used <= (int)bytes && (used != 0 || bytes == 0));
    PROVE(used >= 0 || used == FLIGHT_ERROR_RECORD || used == FLIGHT_ERROR_NO_ROOM);
    if (used > 0) {
        PROVE(record.body_bytes >= flight_layout_bytes(record.layout) && record.body_bytes % 4 == 0);
        PROVE(reader_is_sound(&delta));
    }
    return 0;
}
