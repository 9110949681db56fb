/* proves: flight_frame_encode flight_frame_seal
 * with: flight_frame.c
 * bound: any frame of any size into up to 40 bytes; what is written is read again
 * unwind: 22
 * bug: flight_frame.c: frame->payload_bytes > capacity) => frame->payload_bytes > capacity + 1)
 */
#include "stub_crc.h"

int main(void)
{
    const uint32_t capacity = up_to(40);
    uint8_t *buffer = any_bytes(capacity);
    uint8_t payload[20];
    flight_frame frame;
    flight_frame read;
    int result;

    frame.payload = payload;
    frame.payload_bytes = nondet_uint();
    frame.seq = nondet_uint();
    frame.ack = nondet_uint();
    frame.channel = (uint16_t)nondet_uint();
    frame.type = nondet_uchar();
    frame.flags = nondet_uchar();
    ASSUME(frame.payload_bytes <= sizeof payload || frame.payload_bytes > 40);
    result = flight_frame_encode(buffer, capacity, &frame);
    PROVE(result <= (int)capacity);
    if (result > 0) {
        PROVE((uint32_t)result == flight_frame_bytes(frame.payload_bytes, frame.flags));
        if ((frame.flags & FLIGHT_FLAG_CHECKED) == 0) {
            PROVE(flight_frame_decode(buffer, capacity, FLIGHT_MAX_FRAME_BYTES, &read) == result);
            PROVE(read.seq == frame.seq && read.ack == frame.ack && read.channel == frame.channel);
            PROVE(read.type == frame.type && read.flags == frame.flags && read.payload_bytes == frame.payload_bytes);
        }
    }
    return 0;
}
