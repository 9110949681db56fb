/* proves: flight_delta_unpack
 * bound: one record written with any layout and age, a body of 4 or 8 bytes in the scratch behind its head or elsewhere, into any room up to 14 bytes (the records themselves: delta_keyframe, delta_mask, delta_values, delta_body)
 * unwind: 12
 * bug: flight_delta_read.c: record->body_bytes > room - head_bytes) { => record->body_bytes > room) {
 */
#include "delta.h"

int main(void)
{
    static uint8_t kept[8];
    const uint32_t room = up_to(14);
    const uint32_t head = room < FLIGHT_RECORD_HEAD_BYTES ? room : FLIGHT_RECORD_HEAD_BYTES;
    uint8_t *out = any_bytes(room);
    flight_record record;
    uint32_t written;

    record.layout = nondet_uchar();
    record.body_bytes = 4u * (1u + up_to(1));
    record.body = kept;
    if (nondet_uint() % 2 != 0) {
        ASSUME(record.body_bytes <= room - head); /* as flight_delta_next was told */
        record.body = out + head;
    }
    written = write_record(out, room, &record, (uint16_t)nondet_uint());
    PROVE(written == 0 || (written == FLIGHT_RECORD_HEAD_BYTES + record.body_bytes && written <= room));
    PROVE(written != 0 || FLIGHT_RECORD_HEAD_BYTES + record.body_bytes > room);
    return 0;
}
