/* proves: flight_header_check
 * with: flight_frame.c
 * bound: any header with up to two bits set: equal to the definition; no flip of one or two bits passes
 * unwind: 18
 * quick
 * bug: flight_check.h: 0x00f0ccaau => 0x00f0ccabu
 */
#include "stub_crc.h"

static uint8_t column(unsigned k)
{
    return k / 8 == 3 ? (uint8_t)(1u << k % 8) : (uint8_t)(0x80u | (k ^ 24u));
}

int main(void)
{
    const uint32_t a = up_to(127);
    const uint32_t b = up_to(127);
    uint8_t header[16];
    uint8_t expected = 0;

    for (unsigned byte = 0; byte < 16; byte++) {
        header[byte] = 0;
    }
    header[a / 8] ^= (uint8_t)(1u << a % 8);
    header[b / 8] ^= (uint8_t)(1u << b % 8);
    expected ^= a / 8 == 3 ? 0 : (uint8_t)(0x80u | (a ^ 24u));
    expected ^= b / 8 == 3 ? 0 : (uint8_t)(0x80u | (b ^ 24u));
    PROVE(flight_header_check(header) == expected);
    PROVE(column(a) != 0);
    PROVE(a == b || (column(a) ^ column(b)) != 0);
    return 0;
}
