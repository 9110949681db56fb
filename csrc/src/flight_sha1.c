/* SHA-1 after FIPS 180-4, in words; Base64 after RFC 4648. */
#include "flight_sha1.h"

#include <string.h>

#if FLIGHT_WEBSOCKET

static uint32_t turn(uint32_t word, uint32_t bits)
{
    return (word << bits) | (word >> (32u - bits));
}

/* The schedule's word of this round; from the 16th on it takes the place of the one 16 before. */
static uint32_t schedule(uint32_t *block, uint32_t round)
{
    uint32_t *word = &block[round & 15u];

    if (round >= 16u) {
        *word = turn(block[(round + 13u) & 15u] ^ block[(round + 8u) & 15u] ^ block[(round + 2u) & 15u] ^ *word, 1);
    }
    return *word;
}

static uint32_t mix(uint32_t part, uint32_t b, uint32_t c, uint32_t d)
{
    switch (part) {
    case 0:
        return (d ^ (b & (c ^ d))) + 0x5a827999u;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1u;
    case 2:
        return ((b & c) | (d & (b | c))) + 0x8f1bbcdcu;
    default:
        return (b ^ c ^ d) + 0xca62c1d6u;
    }
}

/* Work the full block into the state. */
static void work(flight_sha1 *hash)
{
    uint32_t a = hash->state[0];
    uint32_t b = hash->state[1];
    uint32_t c = hash->state[2];
    uint32_t d = hash->state[3];
    uint32_t e = hash->state[4];
    uint32_t part;
    uint32_t round = 0;

    for (part = 0; part < 4u; part++) {
        uint32_t left;

        for (left = 20u; left != 0; left--) {
            const uint32_t next = turn(a, 5) + mix(part, b, c, d) + e + schedule(hash->block, round++);

            e = d;
            d = c;
            c = turn(b, 30);
            b = a;
            a = next;
        }
    }
    hash->state[0] += a;
    hash->state[1] += b;
    hash->state[2] += c;
    hash->state[3] += d;
    hash->state[4] += e;
}

void flight_sha1_begin(flight_sha1 *hash)
{
    static const uint32_t start_words[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};

    memset(hash, 0, sizeof *hash);
    memcpy(hash->state, start_words, sizeof start_words);
}

/* The next byte, pushed into its word: four of them push out what an older block left. */
static void add_byte(flight_sha1 *hash, uint32_t byte)
{
    const uint32_t at = hash->bytes++ & 63u;
    uint32_t *word = &hash->block[at >> 2];

    *word = (*word << 8) | byte;
    if (at == 63u) {
        work(hash);
    }
}

void flight_sha1_add(flight_sha1 *hash, const uint8_t *data, size_t bytes)
{
    for (; bytes != 0; bytes--) {
        add_byte(hash, *data++);
    }
}

void flight_sha1_end(flight_sha1 *hash, uint8_t digest[FLIGHT_SHA1_BYTES])
{
    const uint32_t bits = hash->bytes << 3;
    uint32_t i;

    add_byte(hash, 0x80u);
    while ((hash->bytes & 63u) != 56u) {
        add_byte(hash, 0);
    }
    hash->block[14] = 0;
    hash->block[15] = bits;
    work(hash);
    for (i = 0; i < FLIGHT_SHA1_BYTES; i++) {
        digest[i] = (uint8_t)(hash->state[i >> 2] >> (24u - 8u * (i & 3u)));
    }
}

static uint8_t character(uint32_t value)
{
    const uint32_t first = value < 26u ? 'A' : value < 52u ? 'a' - 26u : value < 62u ? (uint32_t)'0' - 52u : value == 62u ? '+' - 62u : '/' - 63u;

    return (uint8_t)(first + value);
}

size_t flight_base64(uint8_t *text, const uint8_t *data, size_t bytes)
{
    const uint8_t *const begin = text;
    size_t at;

    for (at = 0; at < bytes; at += 3u) {
        uint32_t word = (uint32_t)data[at] << 16;
        size_t i;

        for (i = 1; i < 3u && at + i < bytes; i++) {
            word |= (uint32_t)data[at + i] << (16u - 8u * i);
        }
        for (i = 0; i < 4u; i++) {
            *text++ = at + i <= bytes ? character((word >> (18u - 6u * i)) & 63u) : (uint8_t)'=';
        }
    }
    return (size_t)(text - begin);
}

#endif
