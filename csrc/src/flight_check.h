/* The header check, on words that are already loaded. Private. An extended Hamming code over the 128 bits of the header, computed on words, without a table.
 *
 * Number the bits k = 8 * byte + bit. The check is the XOR, over all set bits outside byte 3, of 0x80 | (k ^ 24).
 * Why no flip of one or two bits passes: the columns 0x80 | (k ^ 24) differ from one another and, since k ^ 24 is at
 * least 8 outside byte 3, each has at least two bits set; the check's own bits count as columns of one bit each. So the
 * XOR of any one or two columns is never zero.
 *
 * On words, k = 32 * word + position: bits 0 to 4 of k pick positions, bits 5 and 6 pick words. Each bit of the check is
 * then a parity:
 *     bits 0 1 2    of the positions with that bit set, of all words together
 *     bits 3 4      of the positions with that bit clear, of all words together (this is the ^ 24)
 *     bits 5 6      of words 1 and 3, of words 2 and 3
 *     bit 7         of everything
 * Each of the eight is first folded to one byte; two words hold four such bytes each, whose parities are taken together. */
#ifndef FLIGHT_CHECK_H
#define FLIGHT_CHECK_H

#include <stdint.h>

/* The parities of four bytes and four more, as the eight bits of the check. The products bring one bit of each byte to its
 * place in the top byte, by shifts that never overlap. Machines with 64 bits do both fours at once. */
#if UINTPTR_MAX > 0xffffffffu && !defined(FLIGHT_CHECK_32)
static inline uint32_t flight_parities(uint32_t low, uint32_t high)
{
    uint64_t bytes = low | ((uint64_t)high << 32);

    bytes ^= bytes >> 4;
    bytes ^= bytes >> 2;
    bytes ^= bytes >> 1;
    return (uint32_t)(((bytes & 0x0101010101010101u) * 0x0102040810204080u) >> 56);
}
#else
static inline uint32_t flight_parities_of(uint32_t bytes, uint32_t places)
{
    bytes ^= bytes >> 4;
    bytes ^= bytes >> 2;
    bytes ^= bytes >> 1;
    return (bytes & 0x01010101u) * places;
}

static inline uint32_t flight_parities(uint32_t low, uint32_t high)
{
    return (flight_parities_of(low, 0x01020408u) + flight_parities_of(high, 0x10204080u)) >> 24;
}
#endif

/* w0 to w3: the header, little-endian. The check byte (the top byte of w0) is left out. Returns the check in the low byte,
 * the rest zero. */
static inline uint32_t flight_check_words(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3)
{
    const uint32_t q0 = w1 ^ w3;
    const uint32_t q1 = w2 ^ w3;
    const uint32_t all = (w0 & 0x00ffffffu) ^ w1 ^ q1;
    const uint32_t halves = all ^ (all >> 16);
    const uint32_t byte = (halves ^ (halves >> 8)) & 0xffu; /* everything folded */
    const uint32_t q0_low = q0 ^ (q0 >> 16);                /* the lower half holds both halves */
    const uint32_t q1_high = q1 ^ (q1 << 16);

    /* From the lowest byte: bits 0 to 3, then bits 4 to 7. */
    const uint32_t low = ((byte * 0x00010101u) & 0x00f0ccaau) | (halves << 24);
    const uint32_t high = ((all ^ (all >> 8)) & 0xffu) | ((q0_low ^ (q0_low << 8)) & 0xff00u) |
                          ((q1_high ^ (q1_high >> 8)) & 0x00ff0000u) | (byte << 24);

    return flight_parities(low, high);
}

#endif
