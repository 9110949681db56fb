/* CRC, header check, versions and texts. */
#include <string.h>

#include "ctest.h"

/* The sum bit by bit, as the polynomial says: what every table and every instruction has to agree with. */
static uint32_t crc_by_bits(const uint8_t *data, size_t bytes, uint32_t previous)
{
    uint32_t crc = ~previous;

    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

static void test_crc_at_every_address(void)
{
    uint8_t data[64];

    for (uint32_t i = 0; i < 64; i++) {
        data[i] = (uint8_t)(i * 151 + 43);
    }
    for (size_t start = 0; start < 8; start++) {
        for (size_t bytes = 0; bytes <= 48; bytes++) {
            CHECK(flight_crc32c(data + start, bytes, 0) == crc_by_bits(data + start, bytes, 0));
            CHECK(flight_crc32c(data + start, bytes, 0x89abcdefu) == crc_by_bits(data + start, bytes, 0x89abcdefu));
        }
    }
    for (uint32_t byte = 0; byte < 256; byte++) { /* every row of every table */
        memset(data, (int)byte, 8);
        CHECK(flight_crc32c(data, 8, 0) == crc_by_bits(data, 8, 0));
    }
}

void test_checks(void)
{
    uint8_t data[33];
    uint8_t header[17] = {0};

    CHECK(flight_crc32c((const uint8_t *)"123456789", 9, 0) == 0xe3069283u);
    CHECK(flight_crc32c(data, 0, 0) == 0);
    CHECK(flight_crc32c(data, 0, 77) == 77);
    memset(data, 0, 32); /* the vectors of RFC 3720 */
    CHECK(flight_crc32c(data, 32, 0) == 0x8a9136aau);
    memset(data, 0xff, 32);
    CHECK(flight_crc32c(data, 32, 0) == 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++) {
        data[i] = i;
    }
    CHECK(flight_crc32c(data, 32, 0) == 0x46dd794eu);
    for (size_t cut = 0; cut <= 32; cut++) {
        CHECK(flight_crc32c(data + cut, 32 - cut, flight_crc32c(data, cut, 0)) == 0x46dd794eu);
    }
    test_crc_at_every_address();
    for (unsigned bit = 0; bit < 128; bit++) { /* every column, at an aligned and an odd address */
        for (unsigned offset = 0; offset < 2; offset++) {
            memset(header, 0, sizeof header);
            header[offset + bit / 8] = (uint8_t)(1u << bit % 8);
            CHECK(flight_header_check(header + offset) == (bit / 8 == 3 ? 0 : (0x80 | (bit ^ 24))));
        }
    }
}

void test_texts(void)
{
    CHECK(flight_version() == FLIGHT_CORE_VERSION);
    CHECK(strcmp(flight_error_text(0), "no error") == 0);
    CHECK(strcmp(flight_error_text(24), "no error") == 0);
    CHECK(strcmp(flight_error_text(FLIGHT_ERROR_ARGUMENT), "an argument is null, misaligned or out of range") == 0);
    CHECK(strcmp(flight_error_text(FLIGHT_ERROR_FULL), "the ring is full") == 0);
    CHECK(strcmp(flight_error_text(FLIGHT_ERROR_CRC), "the frame is damaged: its CRC does not match") == 0);
    for (int code = -1; code >= FLIGHT_ERROR_FRAGMENT; code--) { /* all different, none empty, none the unknown one */
        CHECK(flight_error_text(code)[0] != 0);
        CHECK(strcmp(flight_error_text(code), flight_error_text(code + 1)) != 0);
        CHECK(strcmp(flight_error_text(code), "an unknown error code") != 0);
    }
    CHECK(strcmp(flight_error_text(FLIGHT_ERROR_RECORD),
                 "an event record is cut, not canonical or of an unknown layout") == 0);
    for (int code = -1000; code < 0; code += 7) {
        CHECK(code >= FLIGHT_ERROR_FRAGMENT || strcmp(flight_error_text(code), "an unknown error code") == 0);
    }
    CHECK(strcmp(flight_error_text(FLIGHT_ERROR_FRAGMENT - 1), "an unknown error code") == 0);
    CHECK(strcmp(flight_error_text(-2147483647 - 1), "an unknown error code") == 0);
}

void test_selftest(void)
{
    uint32_t scratch[FLIGHT_SELFTEST_BYTES / 4 + 1];

    CHECK(flight_selftest(NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_selftest((uint8_t *)scratch + 1) == FLIGHT_ERROR_ARGUMENT);
    memset(scratch, 0xa5, sizeof scratch);
    CHECK(flight_selftest(scratch) == 0);
    CHECK(scratch[FLIGHT_SELFTEST_BYTES / 4] == 0xa5a5a5a5u);
}
