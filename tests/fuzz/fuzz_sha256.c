/* needs: flight_sha256_begin flight_sha256_add flight_sha256_end flight_hmac_key flight_hmac_begin flight_hmac_end flight_same_code */
#include "fuzz.h"

/* The first byte says where the key ends and, again and again, how long the next piece is: in pieces and as a whole the digest
 * is the same, and the code is that of RFC 2104 put together from digests. The standards' examples stand in the tests. */
static void digest_in_pieces(const uint8_t *data, size_t bytes, size_t piece, uint8_t *digest)
{
    flight_sha256 hash;
    size_t at = 0;

    flight_sha256_begin(&hash);
    while (at < bytes) {
        const size_t next = bytes - at < piece ? bytes - at : piece;
        uint8_t *part = exactly(data + at, next);

        flight_sha256_add(&hash, part, next);
        free(part);
        at += next;
    }
    flight_sha256_end(&hash, digest);
}

/* One of the two digests of RFC 2104: over the key's block, changed by `pad`, and what follows it. */
static void padded_digest(const uint8_t *block, uint8_t pad, const uint8_t *data, size_t bytes, uint8_t *digest)
{
    uint8_t all[64 + 256];

    for (int i = 0; i < 64; i++) {
        all[i] = block[i] ^ pad;
    }
    memcpy(all + 64, data, bytes);
    digest_in_pieces(all, 64 + bytes, sizeof all, digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    uint8_t block[64] = {0};
    uint8_t whole[32];
    uint8_t other[32];
    /* Two blocks and a piece: what follows is the same loop again, and most of the time of a run. */
    bytes = bytes > 136 ? 136 : bytes;
    const size_t piece = bytes == 0 ? 1 : 1u + input[0] % 130u;
    const size_t key_bytes = bytes < 2 ? 0 : input[1] % bytes;
    uint8_t *key = exactly(input, key_bytes);
    flight_hmac mac;

    digest_in_pieces(input, bytes, bytes + 1, whole);
    digest_in_pieces(input, bytes, piece, other);
    REQUIRE(memcmp(whole, other, 32) == 0);
    if (key_bytes > 64) {
        digest_in_pieces(key, key_bytes, key_bytes, block);
    } else {
        memcpy(block, key, key_bytes);
    }
    padded_digest(block, 0x36, input, bytes, other);
    padded_digest(block, 0x5c, other, 32, whole);
    flight_hmac_key(&mac, key, key_bytes);
    for (int again = 0; again < 2; again++) {
        flight_hmac_begin(&mac);
        flight_sha256_add(&mac.hash, input, bytes);
        REQUIRE(flight_hmac_end(&mac, other, piece) == (piece < 32 ? piece : 32));
        REQUIRE(flight_same_code(whole, other, piece < 32 ? piece : 32));
    }
    free(key);
    return 0;
}
