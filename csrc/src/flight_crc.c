/* CRC-32C (Castagnoli), reflected, start and final value all ones.
 * Up to 655 bytes every error of 5 bits or fewer is found, beyond that every error of 3 bits or fewer.
 *
 * Build options, all with the same results:
 *     FLIGHT_CRC=1   one table look-up a byte, 1 KB of constants (the default)
 *     FLIGHT_CRC=4   slicing-by-4, four look-ups a word, 4 KB: half the work where the data cache has room for it
 *     FLIGHT_CRC=0   two look-ups a byte, 64 bytes: for the smallest machines
 *     FLIGHT_CRC_HARDWARE=1   beside one of these: the processor's instructions where it has them (hosts) */
#include "flight_crc.h"

#include "flight_bytes.h"
#include "flight.h"

#ifndef FLIGHT_CRC
#define FLIGHT_CRC 1
#endif
#ifndef FLIGHT_CRC_HARDWARE
#define FLIGHT_CRC_HARDWARE 0
#endif
#if FLIGHT_CRC != 0 && FLIGHT_CRC != 1 && FLIGHT_CRC != 4
#error "FLIGHT_CRC is 0 (nibbles), 1 (bytes) or 4 (slicing-by-4)"
#endif

#include "flight_crc_tables.h"
#if FLIGHT_CRC_HARDWARE
#include "flight_crc_hardware.h"
#endif

static inline uint32_t crc_byte(uint32_t crc, uint32_t byte)
{
#if FLIGHT_CRC == 0
    crc ^= byte;
    crc = (crc >> 4) ^ crc_nibbles[crc & 15u];
    return (crc >> 4) ^ crc_nibbles[crc & 15u];
#else
    return (crc >> 8) ^ crc_table[(crc ^ byte) & 0xffu];
#endif
}

#if FLIGHT_CRC == 4
/* Four bytes at once: what each would give after the bytes behind it. */
static inline uint32_t crc_word(uint32_t crc, uint32_t word)
{
    const size_t at = crc ^ word; /* as wide as an address: nothing is widened again for each look-up */

    return crc_after_3[at & 0xffu] ^ crc_after_2[(at >> 8) & 0xffu] ^ crc_after_1[(at >> 16) & 0xffu] ^
           crc_table[at >> 24];
}
#endif

static inline uint32_t crc_by_table(const uint8_t *data, size_t bytes, uint32_t crc)
{
    const uint8_t *end = data + bytes;
#if FLIGHT_CRC == 4
    const uint8_t *words_end;

    /* By bytes to an aligned word, if there is one; then word by word. */
    for (; data != end && !FLIGHT_ANY_ADDRESS && !flight_is_aligned(data); data++) {
        crc = crc_byte(crc, *data);
    }
    words_end = data + ((size_t)(end - data) & ~(size_t)3);
    for (; data != words_end; data += 4) {
        crc = crc_word(crc, FLIGHT_ANY_ADDRESS ? flight_load32(data) : flight_load32_aligned(data));
    }
#endif
    for (; data != end; data++) {
        crc = crc_byte(crc, *data);
    }
    return crc;
}

uint32_t flight_crc_by_table(const uint8_t *data, size_t bytes, uint32_t crc)
{
    return crc_by_table(data, bytes, crc);
}

uint32_t flight_crc32c(const uint8_t *data, size_t bytes, uint32_t previous)
{
#if FLIGHT_CRC_HARDWARE
    if (flight_crc_has_hardware()) {
        return ~flight_crc_by_hardware(data, bytes, ~previous);
    }
#endif
    return ~crc_by_table(data, bytes, ~previous);
}
