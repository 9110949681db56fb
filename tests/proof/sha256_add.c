/* proves: flight_sha256_add
 * bound: up to 3 bytes after any number of bytes: each into its word of the block, counted, and the block worked in when it is full (the 64 rounds: sha256_rounds)
 * unwind: 9
 * quick
 * adapt: flight_sha256.c: static void work(flight_sha256 *hash) => static void work(flight_sha256 *hash); static inline void rounds(flight_sha256 *hash)
 * bug: flight_sha256.c: const uint32_t at = hash->bytes & 63u; => const uint32_t at = hash->bytes & 127u;
 */
#include "proof.h"

static int worked;

#include "flight_sha256.c"

/* In the place of the rounds: any state after them. */
static void work(flight_sha256 *hash)
{
    PROVE((hash->bytes & 63u) == 0);
    hash->state[0] = nondet_uint();
    worked++;
}

int main(void)
{
    const uint32_t bytes = up_to(3);
    const uint8_t *data = any_bytes(bytes);
    const uint32_t before = nondet_uint();
    const uint32_t wraps = nondet_uint();
    flight_sha256 hash;

    hash.bytes = before;
    hash.wraps = wraps;
    flight_sha256_add(&hash, data, bytes);
    PROVE(hash.bytes == before + bytes);
    PROVE(hash.wraps == wraps + (before + bytes < before));
    PROVE(worked == ((before & 63u) + bytes >= 64u));
    PROVE(bytes == 0 || (hash.block[((hash.bytes - 1u) & 63u) >> 2] & 0xffu) == data[bytes - 1]);
    return 0;
}
