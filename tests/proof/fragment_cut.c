/* proves: flight_fragment_start flight_fragment_next
 * bound: any frame with up to 12 bytes of payload, cut anywhere before, into any room up to 40 bytes: one call, so any number of calls
 * unwind: 14
 * quick
 * bug: flight_fragment.c: return left < limit - heads ? left : limit - heads; => return left < limit ? left : limit;
 */
#include "stub_crc.h"

#include "flight_fragment.c"
#include "flight_frame.c"

int main(void)
{
    const uint32_t payload_bytes = up_to(12);
    const uint32_t capacity = up_to(40);
    uint8_t *buffer = any_bytes(capacity);
    flight_fragmenter cutter;
    flight_frame whole;
    uint32_t before;
    int bytes;

    whole.payload = any_bytes(payload_bytes);
    whole.payload_bytes = nondet_uint() % 2 != 0 ? payload_bytes : FLIGHT_UNPACKED_BYTES + 1 + up_to(9);
    whole.seq = nondet_uint();
    whole.ack = nondet_uint();
    whole.channel = (uint16_t)nondet_uint();
    whole.type = nondet_uchar();
    whole.flags = nondet_uchar();
    if (flight_fragment_start(&cutter, &whole, (uint16_t)nondet_uint()) != 0) {
        return 0;
    }
    PROVE(cutter.total_bytes == payload_bytes && payload_bytes != 0 && cutter.cut_bytes == 0);
    cutter.cut_bytes = up_to(payload_bytes);
    cutter.next = (uint16_t)nondet_uint();
    before = cutter.cut_bytes;
    bytes = flight_fragment_next(&cutter, buffer, capacity, nondet_uint(), nondet_uint());
    PROVE(bytes <= (int)capacity && cutter.cut_bytes <= payload_bytes);
    PROVE((bytes > 0) == (cutter.cut_bytes > before));
    PROVE((bytes == 0) == (before == payload_bytes));
    return 0;
}
