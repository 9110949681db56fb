/* proves: flight_frame_decode
 * with: flight_frame.c
 * bound: any buffer of up to 64 bytes, any limit, any CRC
 * unwind: 6
 * quick
 * bug: flight_frame.c: if ((size_t)frame_bytes > data_bytes) { => if ((size_t)frame_bytes > data_bytes + 1) {
 */
#include "stub_crc.h"

int main(void)
{
    const uint32_t bytes = up_to(64);
    const uint32_t limit_bytes = nondet_uint();
    const uint8_t *data = any_bytes(bytes);
    flight_frame frame;
    const int result = flight_frame_decode(data, bytes, limit_bytes, &frame);

    PROVE(result >= FLIGHT_ERROR_CRC && result <= (int)bytes);
    if (result > 0) {
        PROVE((uint32_t)result <= limit_bytes);
        PROVE(frame.payload == data + 16);
        PROVE(flight_frame_bytes(frame.payload_bytes, frame.flags) == (uint32_t)result);
        PROVE(frame.type >= 1 && frame.type <= FLIGHT_TYPE_RENEWED);
        PROVE(frame.seq < FLIGHT_NUMBER_LIMIT && frame.ack < FLIGHT_NUMBER_LIMIT);
    }
    return 0;
}
