/* SHA-1 (FIPS 180-4) and Base64 (RFC 4648), for the handshake of WebSocket and for nothing else: SHA-1 protects nothing. Private. */
#ifndef FLIGHT_SHA1_H
#define FLIGHT_SHA1_H

#include "flight_codec.h"

#if FLIGHT_WEBSOCKET

#define FLIGHT_SHA1_BYTES 20u

/* One running hash; 88 bytes, the caller's. */
typedef struct flight_sha1 {
    uint32_t state[5];
    uint32_t block[16]; /* the unfinished block, as big-endian words; its schedule while it is worked on */
    uint32_t bytes;     /* so far, below 2^29 */
} flight_sha1;

/* Hash a message of up to 2^29 bytes: begin, add its parts, end. The digest ends the hash.
 *
 *     flight_sha1 hash;
 *     uint8_t digest[FLIGHT_SHA1_BYTES];
 *     flight_sha1_begin(&hash);
 *     flight_sha1_add(&hash, (const uint8_t *)"abc", 3);
 *     flight_sha1_end(&hash, digest);
 */
void flight_sha1_begin(flight_sha1 *hash);
void flight_sha1_add(flight_sha1 *hash, const uint8_t *data, size_t bytes);
void flight_sha1_end(flight_sha1 *hash, uint8_t digest[FLIGHT_SHA1_BYTES]);

/* Write bytes as Base64 with padding, no zero behind it: four characters for each three bytes that were begun. Returns how many.
 *
 *     uint8_t text[28];
 *     size_t text_bytes = flight_base64(text, digest, sizeof digest);
 */
size_t flight_base64(uint8_t *text, const uint8_t *data, size_t bytes);

#endif
#endif
