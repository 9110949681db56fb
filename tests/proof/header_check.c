/* proves: flight_header_check
 * with: flight_frame.c
 * bound: all 2^128 headers; equal to the definition bit by bit, and no flip of one or two bits passes
 * unwind: 18
 * bug: flight_check.h: 0x00f0ccaau => 0x00f0ccabu
 */
#include "stub_crc.h"

static uint8_t column(unsigned k)
{
    return k / 8 == 3 ? (uint8_t)(1u << k % 8) : (uint8_t)(0x80u | (k ^ 24u));
}

int main(void)
{
    uint8_t header[16];
    uint8_t expected = 0;
    const uint32_t a = up_to(127);
    const uint32_t b = up_to(127);

    for (unsigned byte = 0; byte < 16; byte++) {
        header[byte] = nondet_uchar();
        if (byte == 3) {
            continue;
        }
        for (unsigned bit = 0; bit < 8; bit++) {
            expected ^= (uint8_t)((0u - ((header[byte] >> bit) & 1u)) & (0x80u | ((8u * byte + bit) ^ 24u)));
        }
    }
    PROVE(flight_header_check(header) == expected);
    PROVE(column(a) != 0);
    PROVE(a == b || (column(a) ^ column(b)) != 0);
    return 0;
}
