/* The header check: an extended Hamming code over the 128 bits of the header, computed on words, without a table.
 *
 * Number the bits k = 8 * byte + bit. The check is the XOR, over all set bits outside byte 3, of 0x80 | (k ^ 24).
 * Why no flip of one or two bits passes: the columns 0x80 | (k ^ 24) differ from one another and, since k ^ 24 is at
 * least 8 outside byte 3, each has at least two bits set; the check's own bits count as columns of one bit each. So the
 * XOR of any one or two columns is never zero.
 *
 * On words, k = 32 * word + position: bits 0 to 4 of k pick positions, bits 5 and 6 pick words. Each bit of the check is
 * then a parity under a mask:
 *     bits 0 1 2    positions with that bit set, of all words together
 *     bits 3 4      positions with that bit clear, of all words together (this is the ^ 24)
 *     bits 5 6      words 1 and 3, words 2 and 3
 *     bit 7         everything
 * Eight parities are folded together, two to a word, then four, then eight. */
#include "flight_check.h"

#include "flight.h"
#include "flight_bytes.h"

/* Halve the lanes of two words and interleave them: the low lanes of a, then the low lanes of b, and so on. */
static inline uint32_t fold(uint32_t a, uint32_t b, unsigned shift, uint32_t low_lanes)
{
    return ((a ^ (a >> shift)) & low_lanes) | ((b ^ (b << shift)) & ~low_lanes);
}

uint32_t flight_check_words(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3)
{
    const uint32_t q0 = w1 ^ w3;
    const uint32_t q1 = w2 ^ w3;
    const uint32_t all = (w0 & 0x00ffffffu) ^ w1 ^ q1;
    const uint32_t halves = all ^ (all >> 16);
    uint32_t lanes;

    /* Each pair: the parity of the low half in bits 0 to 15, that of the high half in bits 16 to 31. */
    const uint32_t bits_0_4 = (halves & 0xaaaau) | (all << 16);
    const uint32_t bits_1_5 = (halves & 0xccccu) | ((q0 ^ (q0 << 16)) & 0xffff0000u);
    const uint32_t bits_2_6 = (halves & 0xf0f0u) | ((q1 ^ (q1 << 16)) & 0xffff0000u);
    const uint32_t bits_3_7 = (halves & 0x00ffu) | (halves << 16);

    lanes = fold(fold(bits_0_4, bits_2_6, 8, 0x00ff00ffu), fold(bits_1_5, bits_3_7, 8, 0x00ff00ffu), 4, 0x0f0f0f0fu);
    lanes ^= lanes >> 2;
    lanes ^= lanes >> 1;
    lanes &= 0x11111111u; /* nibble n holds bit n of the check; bring them together */
    lanes = (lanes | (lanes >> 3)) & 0x03030303u;
    return (lanes * 0x01041040u) >> 24; /* four pairs to the top byte: shifts by 24, 18, 12 and 6 that never overlap */
}

uint8_t flight_header_check(const uint8_t header[16])
{
    const flight_words words = flight_load_header(header);

    return (uint8_t)flight_check_words(words.w0, words.w1, words.w2, words.w3);
}
