/* Packing, ages and layouts; what reading does wrong, the corpus tells. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

#define CLOCK_MASK 0x3fffffffu

static void test_ages(void)
{
    uint32_t age_ms;

    CHECK(flight_age_decode(0, NULL) == FLIGHT_ERROR_ARGUMENT);
    for (uint32_t age = 0; age < 32768; age++) {
        CHECK(flight_age_encode(age) == age);
    }
    for (uint32_t age = 32768; age < 32767000; age += 53) {
        CHECK(flight_age_encode(age) == (0x8000u | age / 1000));
    }
    for (uint32_t second = 33; second < 32767; second++) { /* both sides of every second */
        CHECK(flight_age_encode(second * 1000 - 1) == (0x8000u | (second - 1)));
        CHECK(flight_age_encode(second * 1000) == (0x8000u | second));
    }
    CHECK(flight_age_encode(32766999) == 0xfffeu);
    CHECK(flight_age_encode(32767000) == 0xffffu);
    for (uint32_t age = 32767000; age < 33000000; age += 53) {
        CHECK(flight_age_encode(age) == 0xffffu);
    }
    CHECK(flight_age_encode(0xffffffffu) == 0xffffu);
    for (uint32_t wire = 0; wire < 65536; wire++) {
        const int code = flight_age_decode((uint16_t)wire, &age_ms);

        CHECK(code == (wire >= 0x8000 && wire < 0x8020 ? FLIGHT_ERROR_RECORD : 0));
        CHECK(code != 0 || flight_age_encode(age_ms) == wire);
    }
    CHECK(flight_age_decode(0xffff, &age_ms) == 0 && age_ms == FLIGHT_AGE_NONE);
    CHECK(flight_age_decode(0x8020, &age_ms) == 0 && age_ms == 32768);
    CHECK(flight_age_decode(0x8021, &age_ms) == 0 && age_ms == 33000);
}

static void test_layouts(void)
{
    static const uint8_t narrow[10] = {0, 20, 12, 28, 4, 4, 16, 4, 8, 8};
    static const uint8_t wide[10] = {0, 36, 16, 40, 0, 0, 0, 0, 0, 0};

    for (unsigned layout = 0; layout < 256; layout++) {
        const uint32_t expected = layout < 10 ? narrow[layout] : layout >= 128 && layout < 138 ? wide[layout - 128] : 0;

        CHECK(flight_layout_bytes((uint8_t)layout) == expected);
    }
}

/* The age on the wire of an event stamped then and packed now. */
static uint32_t packed_age(uint32_t stamp_ms, uint32_t now_ms)
{
    static uint32_t memory[16];
    flight_ring ring;
    flight_batch batch;
    uint8_t out[16];

    CHECK(flight_ring_init(&ring, memory, 2, 32) == 0);
    CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_LOG, stamp_ms, "\1\2\3\4", 4) == 0);
    CHECK(flight_batch_pack(&ring, out, 8, now_ms, 1, &batch) == 8);
    return out[2] | (uint32_t)out[3] << 8;
}

static void test_stamps(void)
{
    CHECK(packed_age(100, 100) == 0);
    CHECK(packed_age(100, 357) == 257);
    CHECK(packed_age(100, 100 + 32767) == 32767);
    CHECK(packed_age(100, 100 + 32768) == 0x8020);  /* the first that is told in seconds */
    CHECK(packed_age(CLOCK_MASK, 4) == 5);          /* the clock wraps */
    CHECK(packed_age(0xffffffffu, 4) == 5);         /* whatever stands above its 30 bits */
    CHECK(packed_age(101, 100) == 0);               /* stamped a moment after now was read */
    CHECK(packed_age(100 + 0x10000, 100) == 0);
    CHECK(packed_age(100 + 0x10001, 100) == 0xffff); /* a minute ahead is an age beyond counting */
    CHECK(packed_age(0, 32766999) == 0xfffe);
    CHECK(packed_age(0, 32767000) == 0xffff);
}

static void test_arguments(void)
{
    static uint32_t memory[16];
    flight_ring ring;
    flight_batch batch = {.events = 9, .channel = 9};
    flight_record record;
    uint8_t out[16] = {0};

    CHECK(flight_ring_init(&ring, memory, 2, 32) == 0);
    CHECK(flight_batch_pack(NULL, out, 16, 0, 1, &batch) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_pack(&ring, NULL, 16, 0, 1, &batch) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_pack(&ring, out, 16, 0, 1, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_pack(&ring, out, 16, 0, 1, &batch) == 0 && batch.events == 0 && batch.channel == 0);
    CHECK(flight_ring_put(&ring, 5, FLIGHT_LAYOUT_LOG, 0, "\1\2\3\4", 4) == 0);
    CHECK(flight_batch_pack(&ring, out, 16, 0, 0, &batch) == 0 && batch.events == 0);
    CHECK(flight_batch_pack(&ring, out, 7, 0, 1, &batch) == FLIGHT_ERROR_NO_ROOM && batch.events == 0);
    CHECK(flight_ring_count(&ring) == 1);
    CHECK(flight_batch_next(NULL, 8, &record) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_next(out, 8, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_next(out, 0, &record) == 0);
    CHECK(flight_batch_count(NULL, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_count(NULL, 8) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_count(out, 0) == 0);
    CHECK(flight_batch_skip(NULL, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_batch_skip(out, 0, 0) == 0);
    CHECK(flight_batch_skip(out, 0, 1) == FLIGHT_ERROR_ARGUMENT);
}

static void test_what_ends_a_batch(void)
{
    static uint32_t memory[64];
    static const uint8_t body[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    flight_ring ring;
    flight_batch batch;
    uint8_t *out = malloc(64);

    CHECK(out != NULL);
    CHECK(flight_ring_init(&ring, memory, 8, 32) == 0);
    for (uint16_t i = 0; i < 6; i++) {
        CHECK(flight_ring_put(&ring, i < 4 ? 0 : 3, FLIGHT_LAYOUT_COMPONENT_UPDATE, 0, body, 12) == 0);
    }
    CHECK(flight_batch_pack(&ring, out, 16, 0, 9, &batch) == 16 && batch.events == 1);        /* room */
    CHECK(flight_batch_pack(&ring, out, 31, 0, 9, &batch) == 16 && batch.events == 1);
    CHECK(flight_batch_pack(&ring, out, 64, 0, 1, &batch) == 16 && batch.events == 1);        /* the limit */
    CHECK(flight_batch_pack(&ring, out, 64, 0, 9, &batch) == 16 && batch.channel == 0);       /* another channel */
    CHECK(flight_batch_pack(&ring, out, 32, 0, 9, &batch) == 32 && batch.channel == 3 && batch.events == 2);
    CHECK(memcmp(out + 20, body, 12) == 0 && out[0] == FLIGHT_LAYOUT_COMPONENT_UPDATE && out[1] == 3);
    CHECK(flight_ring_count(&ring) == 0);
    free(out);
}

/* A capacity over 64 KiB counts as 64 KiB: no batch is larger than a frame. */
static void test_no_batch_is_larger_than_a_frame(void)
{
    uint32_t *memory = malloc(131072);
    uint8_t *body = calloc(1, 32768);
    uint8_t *out = malloc(131072);
    flight_ring ring;
    flight_batch batch;

    CHECK(memory != NULL && body != NULL && out != NULL);
    CHECK(flight_ring_init(&ring, memory, 4, 32768) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 0, body, 32752) == 0);
    }
    CHECK(flight_batch_pack(&ring, out, 131072, 0, 9, &batch) == 2 * 32760 && batch.events == 2);
    CHECK(flight_batch_pack(&ring, out, 131072, 0, 9, &batch) == 32760 && batch.events == 1);
    free(memory);
    free(body);
    free(out);
}

/* A record of more bytes than a frame can hold is refused even where the buffer has them. */
static void test_no_record_is_larger_than_a_frame(void)
{
    uint8_t *data = calloc(1, 65536 + 16);
    flight_record record;

    CHECK(data != NULL);
    data[0] = FLIGHT_LAYOUT_PAYLOAD;
    data[1] = 255;
    data[6] = 1; /* 65,536 */
    CHECK(flight_batch_next(data, 65536 + 16, &record) == 65536 + 8);
    CHECK(flight_batch_next(data, 65536 + 8, &record) == 65536 + 8);
    CHECK(flight_batch_next(data, 65536 + 7, &record) == FLIGHT_ERROR_RECORD);
    for (size_t bytes = 1; bytes < 8; bytes++) { /* cut inside its head */
        CHECK(flight_batch_next(data, bytes, &record) == FLIGHT_ERROR_RECORD);
    }
    data[6] = 0;
    for (uint32_t body = 1000; body < 1100; body++) { /* the long form is for what the short one cannot say */
        data[4] = (uint8_t)body;
        data[5] = (uint8_t)(body >> 8);
        CHECK(flight_batch_next(data, 2000, &record) ==
              (body > 1016 && body % 4 == 0 ? (int)body + 8 : FLIGHT_ERROR_RECORD));
    }
    data[4] = data[5] = 0;
    data[6] = 1;
    data[4] = 4;
    CHECK(flight_batch_next(data, 65536 + 16, &record) == FLIGHT_ERROR_RECORD);
    free(data);
}

void test_batch(void)
{
    test_ages();
    test_layouts();
    test_stamps();
    test_arguments();
    test_what_ends_a_batch();
    test_no_batch_is_larger_than_a_frame();
    test_no_record_is_larger_than_a_frame();
}
