/* proves: flight_crc32c
 * with: flight_crc.c
 * bound: any byte after any sum; equal to the definition bit by bit
 * unwind: 10
 * quick
 * bug: flight_crc.c: (crc >> 8) ^ crc_table => (crc >> 7) ^ crc_table
 */
#include "proof.h"

int main(void)
{
    const uint8_t data = nondet_uchar();
    const uint32_t previous = nondet_uint();
    uint32_t sum = ~previous ^ data;

    for (int bit = 0; bit < 8; bit++) {
        sum = (sum >> 1) ^ ((sum & 1u) != 0 ? 0x82f63b78u : 0);
    }
    PROVE(flight_crc32c(&data, 1, previous) == ~sum);
    PROVE(flight_crc32c(&data, 0, previous) == previous);
    return 0;
}
