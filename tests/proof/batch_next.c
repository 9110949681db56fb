/* proves: flight_batch_next flight_layout_bytes flight_age_decode
 * with: flight_batch.c
 * bound: any buffer of up to 64 bytes
 * unwind: 6
 * quick
 * bug: flight_batch.c: body_bytes > data_bytes - head_bytes => body_bytes > data_bytes
 */
#include "proof.h"

int main(void)
{
    const uint32_t bytes = up_to(64);
    const uint8_t *data = any_bytes(bytes);
    flight_record record;
    const int result = flight_batch_next(data, bytes, &record);

    PROVE(result <= (int)bytes && (result >= 0 || result == FLIGHT_ERROR_RECORD) && (result != 0 || bytes == 0));
    if (result > 0) {
        PROVE(record.body == data + ((uint32_t)result - record.body_bytes) && result >= 8);
        PROVE(record.body_bytes % 4 == 0 && record.body_bytes >= flight_layout_bytes(record.layout));
        PROVE(record.age_ms == FLIGHT_AGE_NONE || record.age_ms < 32767000);
    }
    return 0;
}
