/* proves: flight_delta_next
 * bound: the body of an entry, any control byte, any sound state, any of four layouts with up to 3 words, up to 10 bytes of input, scratch of up to 16 bytes or none
 * unwind: 18
 * bug: flight_delta_read.c: tail_words > (size_t)(end - *at) / 4u) { => tail_words > (size_t)(end - *at) / 4u + 1u) {
 * bug: flight_delta_read.c: record->body_bytes > scratch_bytes) { => record->body_bytes > scratch_bytes + 4u) {
 */
#include "delta.h"

int main(void)
{
    const uint32_t bytes = up_to(10);
    const uint8_t *data = any_bytes(bytes);
    const uint8_t *at = data;
    const uint32_t control = nondet_uchar();
    const uint32_t words = 1 + up_to(2);
    const uint32_t room = up_to(16);
    uint8_t *scratch = any_bytes(room);
    flight_delta delta = any_reader(control & DELTA_KEPT_MASK, words);
    flight_record record;

    if (read_body(&delta, control, &at, data + bytes, 4u * words, scratch, room, &record) == 0) {
        PROVE(record.body_bytes % 4u == 0 && record.body_bytes >= 4u * words);
        PROVE((record.body_bytes > 4u * words) == ((control & DELTA_TAIL) != 0));
        PROVE((control & DELTA_TAIL) == 0 || (record.body == scratch && record.body_bytes <= room));
    }
    PROVE(at >= data && at <= data + bytes && delta.records_bytes <= FLIGHT_MAX_FRAME_BYTES);
    return 0;
}
