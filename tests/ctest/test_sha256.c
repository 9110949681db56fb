/* Hashes and codes: the standards' examples, every end of a block, long keys, cut codes, the length beyond 32 bits. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

static flight_sha256 hash;
static flight_hmac mac;

static int digest_is(const char *expected)
{
    uint8_t digest[FLIGHT_SHA256_BYTES];
    int i;

    flight_sha256_end(&hash, digest);
    for (i = 0; i < 8; i++) {
        CHECK(hash.state[i] == 0 && hash.block[i] == 0 && hash.block[i + 8] == 0 && hash.words[i] == 0);
    }
    CHECK(hash.bytes == 0 && hash.wraps == 0);
    return memcmp(digest, expected, sizeof digest) == 0;
}

static void test_digests(void)
{
    uint8_t letters[64];
    uint32_t i;

    flight_sha256_begin(&hash);
    flight_sha256_add(&hash, NULL, 0);
    CHECK(digest_is("\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24"
                    "\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55"));
    flight_sha256_begin(&hash);
    flight_sha256_add(&hash, (const uint8_t *)"ab", 2);
    flight_sha256_add(&hash, (const uint8_t *)"c", 1);
    CHECK(digest_is("\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
                    "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad"));
    memset(letters, 'a', sizeof letters); /* FIPS 180-4: a million of them */
    flight_sha256_begin(&hash);
    for (i = 0; i < 15625u; i++) {
        flight_sha256_add(&hash, letters, 64);
    }
    CHECK(digest_is("\xcd\xc7\x6e\x5c\x99\x14\xfb\x92\x81\xa1\xc7\xe2\x84\xd7\x3e\x67"
                    "\xf1\x80\x9a\x48\xa4\x97\x20\x0e\x04\x6d\x39\xcc\xc7\x11\x2c\xd0"));
}

/* Of the first n of these bytes, for every n: where the message ends in its word and whether its length fits behind it. The
 * digests and the codes, hashed again, are those of Python's hashlib and hmac. */
static void test_every_length(void)
{
    static flight_sha256 digests;
    static flight_sha256 codes;
    uint8_t bytes[131];
    uint8_t found[FLIGHT_SHA256_BYTES];
    uint32_t n;

    for (n = 0; n < sizeof bytes; n++) {
        bytes[n] = (uint8_t)(7u * n + 1u);
    }
    flight_sha256_begin(&digests);
    flight_sha256_begin(&codes);
    for (n = 0; n < sizeof bytes; n++) {
        uint8_t *exact = (uint8_t *)malloc(n + (n == 0)); /* the sanitizers see a byte too far */

        memcpy(exact, bytes, n);
        memset(&hash, 0xa5, sizeof hash);
        flight_sha256_begin(&hash);
        flight_sha256_add(&hash, bytes, n / 3u);
        flight_sha256_add(&hash, bytes + n / 3u, n - n / 3u);
        flight_sha256_end(&hash, found);
        flight_sha256_add(&digests, found, sizeof found);
        flight_hmac_key(&mac, exact, n);
        CHECK(mac.hash.state[0] == 0 && mac.hash.block[15] == 0 && mac.hash.words[7] == 0);
        flight_hmac_begin(&mac);
        flight_sha256_add(&mac.hash, exact, n);
        CHECK(flight_hmac_end(&mac, found, sizeof found) == 32);
        flight_sha256_add(&codes, found, sizeof found);
        free(exact);
    }
    hash = digests;
    CHECK(digest_is("\xd9\x59\xa4\x1a\xc0\xa5\x59\x63\x63\x05\x5e\xcd\x1c\x08\xd5\x4e"
                    "\xb4\x34\x7f\xbd\x25\x23\x3d\xb0\x00\x7b\xae\x1a\x28\x75\x6d\x03"));
    hash = codes;
    CHECK(digest_is("\x7b\x5b\x2e\xe7\x1a\x6c\x8c\x79\xd3\x97\xf8\x6f\x0d\x00\xac\xa2"
                    "\x49\xe8\x69\x33\xc3\xea\xa7\x93\x81\x93\x8b\xe3\x3b\xfe\x38\x57"));
}

/* 2^32 bytes take too long: the hash is made to believe in all but two blocks of them. Two blocks of zeros that state a
 * length of 2^32 + 64 bytes have this digest, by another program. */
static void test_long_messages(void)
{
    uint8_t zeros[64];

    memset(zeros, 0, sizeof zeros);
    flight_sha256_begin(&hash);
    hash.bytes = 0xffffffc0u;
    flight_sha256_add(&hash, zeros, 64);
    CHECK(hash.bytes == 0 && hash.wraps == 1);
    flight_sha256_add(&hash, zeros, 64);
    CHECK(hash.bytes == 64 && hash.wraps == 1);
    CHECK(digest_is("\x56\x08\x43\xa0\x56\x84\x0d\xd2\x5d\xb3\x8c\xe7\xa9\xaa\x82\x56"
                    "\x1f\x50\x11\x89\x25\xcf\xd6\x63\xe5\x67\xc5\x9d\xab\x84\xc6\x85"));
    flight_sha256_begin(&hash); /* no byte, but a length of 2^32 + 5 * 2^29 */
    hash.bytes = 0xa0000000u;
    hash.wraps = 1;
    CHECK(digest_is("\x31\xa6\x4b\xe0\xea\x16\x92\x1f\x34\x40\xd1\xca\xe4\x2f\x0d\xf7"
                    "\x7f\xe4\x16\x43\x90\xdb\xf8\xaf\xe0\xdb\x9c\x49\xed\xaa\x35\x61"));
}

static void code_is(const char *key, size_t key_bytes, const char *text, const char *expected)
{
    uint8_t tag[40];

    memset(tag, 0xee, sizeof tag);
    flight_hmac_key(&mac, (const uint8_t *)key, key_bytes);
    flight_hmac_begin(&mac);
    flight_sha256_add(&mac.hash, (const uint8_t *)text, strlen(text));
    CHECK(flight_hmac_end(&mac, tag, 33) == 32 && tag[32] == 0xee);
    CHECK(memcmp(tag, expected, 32) == 0);
    memset(&mac.hash, 0xa5, sizeof mac.hash); /* whatever was hashed before, the next message starts anew */
    flight_hmac_begin(&mac);
    flight_sha256_add(&mac.hash, (const uint8_t *)text, strlen(text));
    memset(tag, 0xee, sizeof tag);
    CHECK(flight_hmac_end(&mac, tag, 8) == 8 && tag[8] == 0xee);
    CHECK(flight_same_code(tag, (const uint8_t *)expected, 8) == 1);
    CHECK(flight_same_code(tag, (const uint8_t *)expected, 9) == 0);
    for (int i = 0; i < 8; i++) { /* each byte counts */
        tag[i] ^= 1;
        CHECK(flight_same_code(tag, (const uint8_t *)expected, 8) == 0);
        tag[i] ^= 1;
    }
}

void test_sha256(void)
{
    char key[131];

    test_digests();
    test_every_length();
    test_long_messages();
    memset(key, 0xaa, sizeof key); /* RFC 4231, cases 2 and 6 */
    code_is("Jefe", 4, "what do ya want for nothing?",
            "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
            "\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43");
    code_is(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First",
            "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb\xf5\xb7\x7f"
            "\x8e\x0b\xc6\x21\x37\x28\xc5\x14\x05\x46\x04\x0f\x0e\xe3\x7f\x54");
}
