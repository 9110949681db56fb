/* proves: flight_delta_next
 * bound: any first bytes up to 20 as a record on its own, after any others: the place that it is kept in is one of the four, and what is kept lies inside it
 * unwind: 14
 * quick
 * adapt: flight_delta_read.c: memcpy(delta->kept[delta->count], record->body, 4u * words); => keep(delta, record, words);
 * adapt: flight_delta_read.c: delta->words[delta->count] = (uint8_t)words; => ;
 * adapt: flight_delta_read.c: delta->layouts[delta->count++] = record->layout; => ;
 * bug: flight_delta_read.c: delta->count < FLIGHT_DELTA_LAYOUTS) { => delta->count <= FLIGHT_DELTA_LAYOUTS) {
 */
#include "proof.h"

static void keep(flight_delta *delta, const flight_record *record, uint32_t words);

#define write_record write_batch_record /* both files have one */
#include "flight_batch.c"
#undef write_record
#include "flight_delta_read.c"

/* In the place of three writes that ESBMC 6.7 crashes on: that they stay inside is what is asked. */
static void keep(flight_delta *delta, const flight_record *record, uint32_t words)
{
    PROVE(delta->count < FLIGHT_DELTA_LAYOUTS && words <= FLIGHT_DELTA_WORDS && 4u * words <= record->body_bytes);
    PROVE(record->body >= delta->at + FLIGHT_RECORD_HEAD_BYTES && record->body + record->body_bytes <= delta->end);
    delta->count = (uint8_t)(delta->count + 1);
}

int main(void)
{
    const uint32_t bytes = 1 + up_to(19);
    const uint8_t *data = any_bytes(bytes);
    flight_delta delta;
    flight_record record;
    uint32_t records_bytes;
    uint32_t count;
    int used;

    delta.at = data;
    delta.end = data + bytes;
    delta.scratch = NULL;
    delta.scratch_bytes = 0;
    delta.count = (uint8_t)up_to(FLIGHT_DELTA_LAYOUTS);
    delta.events = nondet_uint();
    delta.records_bytes = up_to(FLIGHT_MAX_FRAME_BYTES);
    delta.age = (uint16_t)nondet_uint();
    delta.step = (uint16_t)nondet_uint();
    for (int i = 0; i < (int)FLIGHT_DELTA_LAYOUTS; i++) {
        delta.layouts[i] = nondet_uchar();
    }
    records_bytes = delta.records_bytes;
    count = delta.count;
    used = read_keyframe(&delta, &record);
    used = used == 0 ? (int)(delta.at - data) : used;
    PROVE(used == FLIGHT_ERROR_RECORD || (used >= 8 && used <= (int)bytes));
    PROVE(delta.count <= FLIGHT_DELTA_LAYOUTS && delta.records_bytes <= FLIGHT_MAX_FRAME_BYTES);
    PROVE(used > 0 ? delta.records_bytes == records_bytes + (uint32_t)used : delta.count == count);
    return 0;
}
