/* SHA-256 after FIPS 180-4, in words; HMAC after RFC 2104. The constants are those of the standard: the first 32 bits of the
 * fractional parts of the square roots (start) and cube roots (round constants) of the first primes.
 *
 * The schedule is kept as a ring of 16 words in place of the block, so that a block needs no further memory. */
#include "flight_bytes.h"
#include "flight.h"

#if FLIGHT_SHA256

static const uint32_t start_words[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                        0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};

static const uint32_t round_words[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
};

static inline uint32_t turn(uint32_t word, uint32_t bits)
{
    return (word >> bits) | (word << (32u - bits));
}

/* The schedule's word of this round; from the 16th on it takes the place of the one 16 before. */
static uint32_t schedule(uint32_t *block, uint32_t round)
{
    if (round >= 16u) {
        const uint32_t before_15 = block[(round + 1u) & 15u];
        const uint32_t before_2 = block[(round + 14u) & 15u];

        block[round & 15u] += (turn(before_15, 7) ^ turn(before_15, 18) ^ (before_15 >> 3)) +
                              block[(round + 9u) & 15u] +
                              (turn(before_2, 17) ^ turn(before_2, 19) ^ (before_2 >> 10));
    }
    return block[round & 15u];
}

/* Work the full block into the state. The eight working words move by one place each round: kept in the order of use, a
 * round writes two of them, and after eight rounds each is back in its place. They stand with the caller, so that the stack
 * stays small and wiping the hash wipes them. */
static void work(flight_sha256 *hash)
{
    uint32_t *w = hash->words;
    uint32_t round;
    uint32_t i;

    memcpy(w, hash->state, sizeof hash->words);
    for (round = 0; round < 64u; round++) {
        const uint32_t a = w[(0u - round) & 7u];
        const uint32_t b = w[(1u - round) & 7u];
        const uint32_t c = w[(2u - round) & 7u];
        const uint32_t e = w[(4u - round) & 7u];
        const uint32_t f = w[(5u - round) & 7u];
        const uint32_t g = w[(6u - round) & 7u];
        const uint32_t sum = w[(7u - round) & 7u] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (g ^ (e & (f ^ g))) +
                             round_words[round] + schedule(hash->block, round);

        w[(3u - round) & 7u] += sum;
        w[(7u - round) & 7u] = sum + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) | (c & (a | b)));
    }
    for (i = 0; i < 8u; i++) {
        hash->state[i] += w[i];
    }
}

void flight_sha256_begin(flight_sha256 *hash)
{
    memset(hash, 0, sizeof *hash);
    memcpy(hash->state, start_words, sizeof start_words);
}

/* The next byte, pushed into its word: four of them push out what an older block left. */
static inline void add_byte(flight_sha256 *hash, uint32_t byte)
{
    const uint32_t at = hash->bytes & 63u;
    uint32_t *word = &hash->block[at >> 2];

    *word = (*word << 8) | byte;
    hash->bytes++;
    if (hash->bytes == 0) {
        hash->wraps++;
    }
    if (at == 63u) {
        work(hash);
    }
}

void flight_sha256_add(flight_sha256 *hash, const uint8_t *data, size_t bytes)
{
    for (; bytes != 0; bytes--) {
        add_byte(hash, *data++);
    }
}

/* The end of the message: a one bit, zeros up to the last two words of a block, the length in bits. */
static void finish(flight_sha256 *hash)
{
    const uint32_t at = hash->bytes & 63u;
    uint32_t *word = &hash->block[at >> 2];
    uint32_t used = (at >> 2) + 1u;

    *word = ((*word << 8) | 0x80u) << (24u - 8u * (at & 3u)); /* what is older is pushed out here as well */
    if (used > 14u) { /* no room for the length: a block of its own */
        memset(hash->block + used, 0, 4u * (16u - used));
        work(hash);
        used = 0;
    }
    memset(hash->block + used, 0, 4u * (14u - used));
    hash->block[14] = (hash->wraps << 3) | (hash->bytes >> 29);
    hash->block[15] = hash->bytes << 3;
    work(hash);
}

static void store_big(uint8_t *out, const uint32_t *words, size_t bytes)
{
    size_t i;

    for (i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(words[i >> 2] >> (24u - 8u * (uint32_t)(i & 3u)));
    }
}

/* Into words that are zero. */
static void load_big(uint32_t *words, const uint8_t *in, size_t bytes)
{
    size_t i;

    for (i = 0; i < bytes; i++) {
        words[i >> 2] |= (uint32_t)in[i] << (24u - 8u * (uint32_t)(i & 3u));
    }
}

/* Zeros that a compiler does not leave out although nobody reads them. */
static void wipe(void *memory, size_t bytes)
{
    volatile uint8_t *at = (volatile uint8_t *)memory;

    while (bytes != 0) {
        bytes--;
        at[bytes] = 0;
    }
}

void flight_sha256_end(flight_sha256 *hash, uint8_t digest[FLIGHT_SHA256_BYTES])
{
    finish(hash);
    store_big(digest, hash->state, FLIGHT_SHA256_BYTES);
    wipe(hash, sizeof *hash);
}

/* The key's block, every byte of it changed by the one that `pad` repeats. */
static void key_block(flight_hmac *mac, uint32_t pad)
{
    uint32_t i;

    for (i = 0; i < 16u; i++) {
        mac->hash.block[i] = mac->keyed[i] ^ pad;
    }
}

/* The states behind the key's two blocks, in place of the key. Apart: what it keeps in registers is no stack below the hash
 * of a long key. */
static FLIGHT_APART void key_states(flight_hmac *mac)
{
    memcpy(mac->hash.state, start_words, sizeof start_words);
    key_block(mac, 0x36363636u);
    work(&mac->hash);
    key_block(mac, 0x5c5c5c5cu); /* the last use of the key */
    memcpy(mac->keyed, mac->hash.state, FLIGHT_SHA256_BYTES);
    memcpy(mac->hash.state, start_words, sizeof start_words);
    work(&mac->hash);
    memcpy(mac->keyed + 8, mac->hash.state, FLIGHT_SHA256_BYTES);
    wipe(&mac->hash, sizeof mac->hash);
}

void flight_hmac_key(flight_hmac *mac, const uint8_t *key, size_t bytes)
{
    memset(mac, 0, sizeof *mac);
    if (bytes > 64u) { /* the digest stands for a key that is longer than a block */
        flight_sha256_begin(&mac->hash);
        flight_sha256_add(&mac->hash, key, bytes);
        finish(&mac->hash);
        memcpy(mac->keyed, mac->hash.state, FLIGHT_SHA256_BYTES);
    } else {
        load_big(mac->keyed, key, bytes);
    }
    key_states(mac);
}

void flight_hmac_begin(flight_hmac *mac)
{
    memcpy(mac->hash.state, mac->keyed, FLIGHT_SHA256_BYTES);
    mac->hash.bytes = 64u; /* behind the inner block of the key */
    mac->hash.wraps = 0;
}

size_t flight_hmac_end(flight_hmac *mac, uint8_t *tag, size_t tag_bytes)
{
    const size_t bytes = tag_bytes < FLIGHT_SHA256_BYTES ? tag_bytes : FLIGHT_SHA256_BYTES;

    finish(&mac->hash);
    /* The outer message is one more block: the inner digest, and the end of 64 + 32 bytes. */
    memset(mac->hash.block, 0, sizeof mac->hash.block);
    memcpy(mac->hash.block, mac->hash.state, FLIGHT_SHA256_BYTES);
    mac->hash.block[8] = 0x80000000u;
    mac->hash.block[15] = 8u * (64u + FLIGHT_SHA256_BYTES);
    memcpy(mac->hash.state, mac->keyed + 8, FLIGHT_SHA256_BYTES);
    work(&mac->hash);
    store_big(tag, mac->hash.state, bytes);
    return bytes;
}

int flight_same_code(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    uint32_t different = 0;
    size_t i;

    for (i = 0; i < bytes; i++) {
        different |= (uint32_t)(a[i] ^ b[i]);
    }
    return different == 0;
}

#endif
