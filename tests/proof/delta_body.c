/* proves: flight_delta_next
 * bound: the tail of an entry, any sound state, a fixed part of up to 3 words, up to 10 bytes of input, scratch of up to 16 bytes or none
 * unwind: 18
 * bug: flight_delta_read.c: tail_words > (size_t)(delta->end - delta->at) / 4u => tail_words > (size_t)(delta->end - delta->at) / 4u + 1u
 * bug: flight_delta_read.c: record->body_bytes > delta->scratch_bytes) { => record->body_bytes > delta->scratch_bytes + 4u) {
 */
#include "delta.h"

int main(void)
{
    static uint8_t kept[12];
    const uint32_t bytes = up_to(10);
    const uint8_t *data = any_bytes(bytes);
    const uint32_t fixed_bytes = 4u * (1u + up_to(2));
    const uint32_t room = up_to(16);
    uint8_t *scratch = any_bytes(room);
    flight_delta delta = any_reader(0, FLIGHT_DELTA_WORDS, data, bytes);
    flight_record record;

    delta.scratch = scratch;
    delta.scratch_bytes = room;
    record.body = kept;
    record.body_bytes = fixed_bytes;
    if (read_tail(&delta, &record) == 0) {
        PROVE(record.body_bytes % 4u == 0 && record.body_bytes > fixed_bytes && record.body_bytes <= room);
        PROVE(record.body == scratch);
    }
    PROVE(delta.at >= data && delta.at <= data + bytes && delta.records_bytes <= FLIGHT_MAX_FRAME_BYTES);
    return 0;
}
