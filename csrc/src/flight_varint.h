/* Variable-length numbers. Private. Seven bits a byte, lowest first; the highest bit says that more follow. Only the shortest
 * form is accepted. Differences are folded first (zigzag: 0, -1, 1, -2 become 0, 1, 2, 3), so that small ones are short. */
#ifndef FLIGHT_VARINT_H
#define FLIGHT_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define FLIGHT_VARINT_BYTES 5u /* the longest, of 32 bits */

static inline uint32_t flight_zigzag(uint32_t difference)
{
    return (difference << 1) ^ (0u - (difference >> 31));
}

static inline uint32_t flight_unzigzag(uint32_t folded)
{
    return (folded >> 1) ^ (0u - (folded & 1u));
}

static inline uint8_t *flight_put_varint(uint8_t *at, uint32_t value)
{
    for (; value >= 0x80u; value >>= 7) {
        *at++ = (uint8_t)(value | 0x80u);
    }
    *at++ = (uint8_t)value;
    return at;
}

/* Reads at at, before end. Where the number ends, or null for one that is cut, over 32 bits or longer than need be. */
static inline const uint8_t *flight_get_varint(const uint8_t *at, const uint8_t *end, uint32_t *value)
{
    uint32_t sum = 0;
    unsigned shift = 0;
    uint32_t byte;

    do {
        if (at == end || shift > 28) {
            return NULL;
        }
        byte = *at++;
        sum |= (byte & 0x7fu) << shift;
        shift += 7;
    } while (byte >= 0x80u);
    if (shift != 7 && (byte == 0 || (shift == 35 && byte > 15u))) {
        return NULL;
    }
    *value = sum;
    return at;
}

#endif
