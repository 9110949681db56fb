/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104): proofs of a session and frames with an authentication tag. Included by flight.h,
 * whose rules hold here too; do not include it alone. With -DFLIGHT_SHA256=0 none of it is compiled. */
#ifndef FLIGHT_SHA256_H
#define FLIGHT_SHA256_H

#ifndef FLIGHT_SHA256
#define FLIGHT_SHA256 1 /* 1: these calls are compiled; 0: they are left out */
#endif

#define FLIGHT_SHA256_BYTES 32u /* of a digest, and the longest authentication code */

#if FLIGHT_SHA256

/* One running hash; 136 bytes, the caller's. It may hold what it hashed: wipe it if that was secret. */
typedef struct flight_sha256 {
    uint32_t state[8];  /* behind all whole blocks */
    uint32_t block[16]; /* the unfinished block, as big-endian words; its schedule while it is worked on */
    uint32_t bytes;     /* so far, modulo 2^32 */
    uint32_t wraps;     /* how often that began again */
    uint32_t words[8];  /* of the rounds */
} flight_sha256;

/* One key, ready for any number of messages, one after the other; 200 bytes, the caller's. Holds what the key can be
 * replaced by: as secret as the key. */
typedef struct flight_hmac {
    uint32_t keyed[16]; /* two states: behind the inner block of the key, behind the outer one */
    flight_sha256 hash; /* of the message */
} flight_hmac;

/* Start a hash. It has no error, waits for nothing, and one hash belongs to one thread at a time; the same goes for
 * all calls of this file.
 *
 *     static flight_sha256 hash;
 *     uint8_t digest[FLIGHT_SHA256_BYTES];
 *     flight_sha256_begin(&hash);
 *     flight_sha256_add(&hash, (const uint8_t *)"abc", 3);
 *     flight_sha256_end(&hash, digest);
 */
void flight_sha256_begin(flight_sha256 *hash);

/* Hash more bytes; data may be null where bytes is 0. About 10,600 instructions per 64 bytes on SH-4, which turns words bit by bit.
 *
 *     static flight_sha256 hash;
 *     flight_sha256_begin(&hash);
 *     flight_sha256_add(&hash, (const uint8_t *)"ab", 2);
 *     flight_sha256_add(&hash, (const uint8_t *)"c", 1);
 */
void flight_sha256_add(flight_sha256 *hash, const uint8_t *data, size_t bytes);

/* Write the digest, 32 bytes, and wipe the hash with all it holds; start it anew for the next message. The example stands at
 * flight_sha256_begin.
 */
void flight_sha256_end(flight_sha256 *hash, uint8_t digest[FLIGHT_SHA256_BYTES]);

/* Prepare a key of any length, also 0 (key may be null then). The key itself is not needed afterwards.
 *
 *     static const uint8_t key[4] = {'J', 'e', 'f', 'e'};
 *     static flight_hmac mac;
 *     uint8_t tag[8];
 *     flight_hmac_key(&mac, key, sizeof key);
 *     flight_hmac_begin(&mac);
 *     flight_sha256_add(&mac.hash, buffer, sizeof buffer);
 *     flight_hmac_end(&mac, tag, sizeof tag);
 */
void flight_hmac_key(flight_hmac *mac, const uint8_t *key, size_t bytes);

/* Start a message; hash its parts with flight_sha256_add on the member `hash`. The key stays as it is, so any number of
 * messages may follow one another. The example stands at flight_hmac_key.
 */
void flight_hmac_begin(flight_hmac *mac);

/* Write the first tag_bytes (at most 32; more is cut to that) of the message's code and return how many were written.
 * The key stays; flight_hmac_begin starts the next message. The example stands at flight_hmac_key.
 */
size_t flight_hmac_end(flight_hmac *mac, uint8_t *tag, size_t tag_bytes);

/* Whether two codes of that many bytes are equal, 1 or 0. It takes the same time wherever they differ, so that nobody can
 * guess one byte after the other. There are no errors.
 *
 *     uint8_t tag[8] = {0};
 *     if (!flight_same_code(tag, buffer, sizeof tag)) { refuse(&frame); }
 */
int flight_same_code(const uint8_t *a, const uint8_t *b, size_t bytes);

#endif
#endif
