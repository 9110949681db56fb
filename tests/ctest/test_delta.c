/* Delta batches, entry by entry: each way to write something that is not the one way; arguments; room. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

static flight_delta lent;

static void put(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t first, uint32_t bytes)
{
    static uint32_t body[4096];

    body[0] = first;
    CHECK(flight_ring_put(ring, channel, layout, 0, body, bytes) == 0);
}

static int unpack(const uint8_t *data, size_t bytes)
{
    static uint8_t out[70000];

    return flight_delta_unpack(&lent, data, bytes, out, sizeof out);
}

/* A keyframe (layout 2, three words, age 5), then these bytes. */
static int behind_keyframe(const uint8_t *entry, size_t bytes)
{
    uint8_t *data = calloc(1, 16 + bytes);
    int result;

    CHECK(data != NULL);
    data[0] = FLIGHT_LAYOUT_COMPONENT_UPDATE;
    data[1] = 3;
    data[2] = 5;
    memcpy(data + 16, entry, bytes);
    result = unpack(data, 16 + bytes);
    free(data);
    return result;
}

#define ENTRY(...) behind_keyframe((const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__})

static void test_entries(void)
{
    CHECK(ENTRY(0x40) == 32);                               /* nothing changed */
    CHECK(ENTRY(0x41) == FLIGHT_ERROR_RECORD);              /* a layout that is not kept */
    CHECK(ENTRY(0x42) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x48, 1, 1, 0x48, 0) == 48);                /* no word any more */
    CHECK(ENTRY(0x48, 1, 0x80, 1) == 32);                   /* the first word, plus 64 */
    CHECK(ENTRY(0x60) == FLIGHT_ERROR_RECORD);              /* bits that mean nothing */
    CHECK(ENTRY(0xc0) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x44, 2) == 32);                            /* an age, one later than foreseen */
    CHECK(ENTRY(0x44) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x44, 0) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x44, 0xff, 0xff, 3) == FLIGHT_ERROR_RECORD); /* age 0x8005: seconds where ms would do */
    CHECK(ENTRY(0x44, 0x80, 0x80, 4) == FLIGHT_ERROR_RECORD); /* a difference over 16 bits */
    CHECK(ENTRY(0x48, 1, 1) == 32);                         /* the first word, minus one */
    CHECK(ENTRY(0x48, 1, 1, 0x40, 1) == 48);                /* the same word again */
    CHECK(ENTRY(0x48) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x48, 0) == FLIGHT_ERROR_RECORD);           /* the mask that would have been taken anyway */
    CHECK(ENTRY(0x48, 4, 2) == 32);
    CHECK(ENTRY(0x48, 8, 2) == FLIGHT_ERROR_RECORD);        /* a word that the layout does not have */
    CHECK(ENTRY(0x48, 5, 2) == FLIGHT_ERROR_RECORD);        /* a value is missing */
    CHECK(ENTRY(0x48, 1, 0) == FLIGHT_ERROR_RECORD);        /* changed by nothing */
    CHECK(ENTRY(0x48, 1, 0x80, 0) == FLIGHT_ERROR_RECORD);  /* longer than need be */
    CHECK(ENTRY(0x48, 1, 0x80) == FLIGHT_ERROR_RECORD);     /* cut */
    CHECK(ENTRY(0x48, 1, 0xff, 0xff, 0xff, 0xff, 15) == 32);
    CHECK(ENTRY(0x48, 1, 0xff, 0xff, 0xff, 0xff, 16) == FLIGHT_ERROR_RECORD);       /* over 32 bits */
    CHECK(ENTRY(0x48, 1, 0xff, 0xff, 0xff, 0xff, 0) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x48, 1, 0xff, 0xff, 0xff, 0xff, 0x8f, 0) == FLIGHT_ERROR_RECORD);  /* a sixth byte */
    CHECK(ENTRY(0x50, 1, 9, 9, 9, 9) == 36);                /* a tail of one word */
    CHECK(ENTRY(0x50) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x50, 0) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(0x50, 1, 9, 9, 9) == FLIGHT_ERROR_RECORD);
    CHECK(ENTRY(2, 3, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) == FLIGHT_ERROR_RECORD); /* a second keyframe */
    CHECK(ENTRY(7, 1, 5, 0, 1, 1, 1, 1, 0x41, 0x40) == 16 + 8 + 8 + 16);
    CHECK(ENTRY(7, 1, 5) == FLIGHT_ERROR_RECORD);
}

/* Layouts, ages and bodies of what is read, to the byte. */
static void test_values(void)
{
    static const uint8_t data[] = {2, 3, 0x40, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0,        /* a component update */
                                   5, 1, 0x40, 0, 9, 9, 9, 9,                                /* a log */
                                   0x48, 1, 0x80, 1, 0x45, 0xff, 0xff, 3, 0x50, 1, 7, 7, 7, 7};
    static const uint8_t expected[] = {2, 3, 0x40, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5, 1, 0x40, 0, 9, 9, 9, 9,
                                       2, 3, 0x40, 0, 65, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5, 1, 0x40, 0x80, 9, 9, 9, 9};
    uint8_t out[sizeof expected];

    CHECK(flight_delta_unpack(&lent, data, sizeof data - 6, out, sizeof out) == (int)sizeof out);
    CHECK(memcmp(out, expected, sizeof out) == 0);
    CHECK(flight_delta_unpack(&lent, (const uint8_t[]){5, 1, 0x40, 0, 9, 9, 9, 9, 0x44, 0x80, 0x80, 4}, 12, out, sizeof out) ==
          FLIGHT_ERROR_RECORD); /* 65,536 is no 16-bit difference */
    for (size_t room = 0; room < 28; room++) { /* a record with a tail, into too little room */
        uint8_t *tight = malloc(room + (room == 0));

        CHECK(flight_delta_unpack(&lent, (const uint8_t *)"\5\1\0\0aaaa\x50\3bbbbccccdddd", 22, tight, room) ==
              FLIGHT_ERROR_NO_ROOM);
        free(tight);
    }
    CHECK(flight_delta_unpack(&lent, (const uint8_t *)"\5\1\0\0aaaa\x50\3bbbbccccdddd", 22, out, 28) == 28);
}

/* What is counted is the length as records of their own, also around the long form. */
static void test_counting(void)
{
    uint8_t *data = calloc(1, 70000);
    uint8_t *out = malloc(65536);
    flight_delta delta;
    flight_record record;
    size_t used = 1020;

    CHECK(data != NULL && out != NULL);
    data[0] = FLIGHT_LAYOUT_PAYLOAD; /* 64 records of 1,020 bytes, then 256: exactly what a frame may hold */
    data[1] = 254;
    for (int i = 0; i < 64; i++) {
        const uint32_t tail_words = i < 63 ? 253 : 62;

        data[used++] = 0x50;
        data[used++] = (uint8_t)(tail_words < 128 ? tail_words : tail_words | 0x80);
        if (tail_words >= 128) {
            data[used++] = (uint8_t)(tail_words >> 7);
        }
        used += 4 * tail_words;
    }
    CHECK(flight_delta_unpack(&lent, data, used, out, 65536) == 65536);
    CHECK(flight_batch_count(out, 65536) == 65);
    memset(data, 0, 8);
    data[0] = FLIGHT_LAYOUT_PAYLOAD;
    data[1] = 255;
    data[4] = 0xf8;
    data[5] = 0x7f; /* 32,760 bytes and a head of 8, then 32,764 and a head of 8 */
    CHECK(flight_delta_start(&delta, data, 70000, NULL, 0) == 0);
    CHECK(flight_delta_next(&delta, &record) == 32768);
    data[32768] = FLIGHT_LAYOUT_LOG;
    data[32769] = 255;
    memset(data + 32770, 0, 6);
    data[32772] = 0xfc;
    data[32773] = 0x7f;
    CHECK(flight_delta_next(&delta, &record) == FLIGHT_ERROR_RECORD);
    free(data);
    free(out);
}

/* The writer counts as the reader does. */
static void test_writer_counting(void)
{
    uint32_t *memory = malloc(32767 * 16);
    uint8_t *out = malloc(65536);
    uint8_t body[40] = {0};
    flight_ring ring;
    flight_batch batch;

    CHECK(memory != NULL && out != NULL);
    CHECK(flight_ring_init(&ring, memory, 32767, 16) == 0);
    for (int i = 0; i < 8200; i++) {
        put(&ring, 1, FLIGHT_LAYOUT_LOG, 1, 4);
    }
    CHECK(flight_delta_pack(&ring, out, 65536, 0, 9999, &batch) == 8 + 8191 && batch.events == 8192);
    CHECK(flight_ring_init(&ring, memory, 8000, 64) == 0);
    for (int i = 0; i < 1500; i++) {
        CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE, 0, body, 40) == 0);
    }
    CHECK(flight_delta_pack(&ring, out, 65536, 0, 9999, &batch) == 44 + 1488 && batch.events == 1489);
    free(memory);
    free(out);
}

/* Ages that do not go on as before; a mask of exactly 128; the least room an entry asks for; values and tails in it. */
static void test_entries_written(void)
{
    static uint32_t memory[16 * 64 / 4];
    uint32_t words[10] = {0};
    flight_ring ring;
    flight_batch batch;
    uint8_t out[256];

    CHECK(flight_ring_init(&ring, memory, 16, 64) == 0);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_LOG, 100 * i * i, words, 4) == 0);
    }
    CHECK(flight_delta_pack(&ring, out, 256, 1000, 9, &batch) == 8 + 3 + 3 + 3);
    CHECK(memcmp(out + 8, "\x44\xc7\x01\x44\x8f\x03\x44\x8f\x03", 9) == 0);
    CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE, 0, words, 40) == 0);
    words[7] = 64;
    CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE, 0, words, 40) == 0);
    CHECK(flight_delta_pack(&ring, out, 256, 0, 9, &batch) == 44 + 5);
    CHECK(memcmp(out + 44, "\x48\x80\x01\x80\x01", 5) == 0);
    for (uint32_t room = 18; room <= 19; room++) {
        put(&ring, 1, FLIGHT_LAYOUT_LOG, 1, 4);
        put(&ring, 1, FLIGHT_LAYOUT_LOG, 1, 4);
        CHECK(flight_delta_pack(&ring, out, 8 + room, 0, 9, &batch) == (room < 19 ? 8 : 9));
        CHECK(flight_delta_pack(&ring, out, 256, 0, 9, &batch) == (room < 19 ? 8 : 0));
    }
    for (uint32_t capacity = 44; capacity < 150; capacity++) {
        uint8_t *tight = malloc(capacity);
        uint32_t body[18];

        CHECK(tight != NULL && flight_ring_init(&ring, memory, 4, 256) == 0);
        for (uint32_t i = 0; i < 2; i++) {
            memset(body, i != 0 ? 0x70 : 0, sizeof body);
            CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE, 0, body,
                                  i != 0 ? 72 : 40) == 0);
        }
        CHECK(flight_delta_pack(&ring, tight, capacity, 0, 9, &batch) == (batch.events == 1 ? 44 : 44 + 3 + 50 + 1 + 32));
        free(tight);
    }
}

/* A fifth layout is never kept: every one of its records is whole. */
static void test_five_layouts(void)
{
    static const uint8_t sizes[6] = {0, 20, 12, 28, 4, 4};
    uint8_t data[200] = {0};
    size_t used = 0;

    for (unsigned i = 1; i <= 6; i++) {
        const unsigned layout = i < 6 ? i : 5;

        data[used] = (uint8_t)layout;
        data[used + 1] = sizes[layout] / 4;
        used += 4u + sizes[layout];
    }
    CHECK(unpack(data, used) == (int)used);
    data[used] = 0x43;
    CHECK(unpack(data, used + 1) == (int)used + 8);
    data[used] = 5;
    CHECK(unpack(data, used + 1) == FLIGHT_ERROR_RECORD);
}

static void test_arguments(void)
{
    flight_delta delta;
    flight_record record;
    flight_ring ring;
    flight_batch batch;
    static uint32_t memory[8];
    uint8_t data[22] = {FLIGHT_LAYOUT_COMPONENT_UPDATE, 3};
    uint8_t scratch[16];

    memcpy(data + 16, "\x50\x01zzzz", 6);
    CHECK(flight_delta_start(NULL, data, 16, NULL, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_start(&delta, NULL, 16, NULL, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_start(&delta, data, 16, NULL, 0) == 0);
    CHECK(flight_delta_next(NULL, &record) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_next(&delta, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_next(&delta, &record) == 16 && flight_delta_next(&delta, &record) == 0);
    CHECK(flight_delta_start(&delta, data, 22, NULL, 16) == 0 && flight_delta_next(&delta, &record) == 16);
    CHECK(flight_delta_next(&delta, &record) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_delta_start(&delta, data, 22, scratch, 15) == 0 && flight_delta_next(&delta, &record) == 16);
    CHECK(flight_delta_next(&delta, &record) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_delta_start(&delta, data, 22, scratch, (size_t)-1) == 0 && flight_delta_next(&delta, &record) == 16);
    CHECK(flight_delta_next(&delta, &record) == 6);
    CHECK(record.body == scratch && record.body_bytes == 16 && scratch[12] == 'z' && record.age_ms == 0);
    CHECK(flight_delta_unpack(NULL, data, 16, scratch, 16) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_unpack(&lent, NULL, 16, scratch, 16) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_unpack(&lent, data, 16, NULL, 16) == FLIGHT_ERROR_ARGUMENT);
    for (size_t room = 0; room < 16; room++) {
        CHECK(flight_delta_unpack(&lent, data, 16, scratch, room) == FLIGHT_ERROR_NO_ROOM);
    }
    CHECK(flight_delta_unpack(&lent, data, 16, scratch, 16) == 16);
    CHECK(flight_ring_init(&ring, memory, 1, 32) == 0);
    CHECK(flight_delta_pack(NULL, data, 16, 0, 1, &batch) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_pack(&ring, NULL, 16, 0, 1, &batch) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_pack(&ring, data, 16, 0, 1, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_delta_pack(&ring, data, 16, 0, 1, &batch) == 0 && batch.events == 0 && batch.channel == 0);
    CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_COMPONENT_UPDATE, 0, scratch, 12) == 0);
    CHECK(flight_delta_pack(&ring, data, 15, 0, 1, &batch) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_delta_pack(&ring, data, 16, 0, 0, &batch) == 0 && batch.events == 0);
    CHECK(flight_delta_pack(&ring, data, 16, 0, 1, &batch) == 16 && batch.events == 1 && batch.channel == 1);
}

/* Records of more than a frame in all are refused, however few bytes say them. */
static void test_growth(void)
{
    uint8_t *data = calloc(1, 140000);
    uint8_t *out = malloc(65536);
    flight_delta delta;
    flight_record record;
    size_t used = 44;
    int events;

    CHECK(data != NULL && out != NULL);
    data[0] = FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE;
    data[1] = 10;
    memset(data + 44, 0x40, 2000);
    events = 65536 / 44;
    CHECK(flight_delta_unpack(&lent, data, 44 + (size_t)events - 1, out, 65536) == events * 44);
    CHECK(flight_delta_unpack(&lent, data, 44 + (size_t)events, out, 65536) == FLIGHT_ERROR_RECORD);
    data[used] = 0x50; /* a tail: with the fixed part 65,536 bytes of body and more */
    for (uint32_t words = 16384 - 10 - 3; words < 16384 - 10 + 3; words++) {
        data[45] = (uint8_t)(words | 0x80);
        data[46] = (uint8_t)(words >> 7);
        CHECK(words < 0x4000);
        data[46] |= 0x80;
        data[47] = (uint8_t)(words >> 14);
        if (data[47] == 0) { /* two bytes are enough */
            data[46] &= 0x7f;
        }
        CHECK(flight_delta_unpack(&lent, data, 140000, out, 65536) == FLIGHT_ERROR_RECORD);
    }
    data[45] = 0x81; /* 16,385 words */
    data[46] = 0x80;
    data[47] = 1;
    CHECK(flight_delta_unpack(&lent, data, 140000, out, 65536) == FLIGHT_ERROR_RECORD);
    memset(data, 0, 140000); /* keyframes of a layout that is never kept would do it too */
    CHECK(flight_delta_start(&delta, data, 65536 + 8, NULL, 0) == 0);
    data[0] = FLIGHT_LAYOUT_PAYLOAD;
    data[1] = 255;
    data[4] = 0xf8;
    data[5] = 0xff; /* 65,528 bytes of body: 65,536 with its head */
    data[65536] = FLIGHT_LAYOUT_LOG;
    data[65537] = 1;
    CHECK(flight_delta_next(&delta, &record) == 65536);
    CHECK(flight_delta_next(&delta, &record) == FLIGHT_ERROR_RECORD);
    free(data);
    free(out);
}

/* Packing into every capacity: what fits is read back, what does not stays in the ring. */
static void test_capacities(void)
{
    uint32_t *memory = malloc(64 * 64);
    flight_ring ring;
    flight_batch batch;

    CHECK(memory != NULL);
    for (uint32_t capacity = 0; capacity < 160; capacity++) {
        uint8_t *out = malloc(capacity + (capacity == 0));
        int bytes;

        CHECK(flight_ring_init(&ring, memory, 64, 64) == 0);
        for (uint32_t i = 0; i < 12; i++) {
            put(&ring, 3, i % 4 == 3 ? FLIGHT_LAYOUT_LOG : FLIGHT_LAYOUT_MEMORY_UPDATE, i * i * i * 77777u,
                i % 4 == 3 ? 8 : 20);
        }
        put(&ring, 4, FLIGHT_LAYOUT_LOG, 0, 8);
        bytes = flight_delta_pack(&ring, out, capacity, 9, 99, &batch);
        if (capacity < 24) {
            CHECK(bytes == FLIGHT_ERROR_NO_ROOM && flight_ring_count(&ring) == 13);
        } else {
            CHECK(bytes > 0 && (uint32_t)bytes <= capacity && batch.channel == 3);
            CHECK(batch.events >= 1 && batch.events <= 12 && flight_ring_count(&ring) == 13 - batch.events);
            CHECK(unpack(out, (size_t)bytes) > 0);
            CHECK(capacity < 150 || batch.events == 12);
            CHECK(batch.events == 12 || (uint32_t)bytes + 13 + 25 >= capacity);
        }
        free(out);
    }
    free(memory);
}

/* Values of five bytes each, into every capacity. */
static void test_long_values(void)
{
    static uint32_t memory[8 * 64 / 4];
    uint32_t words[10];
    flight_ring ring;
    flight_batch batch;

    for (uint32_t capacity = 44; capacity < 120; capacity++) {
        uint8_t *out = malloc(capacity);
        int bytes;

        CHECK(flight_ring_init(&ring, memory, 8, 64) == 0);
        for (uint32_t i = 0; i < 2; i++) {
            memset(words, i != 0 ? 0x70 : 0, sizeof words);
            CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE, 0, words, 40) == 0);
        }
        bytes = flight_delta_pack(&ring, out, capacity, 0, 9, &batch);
        CHECK(bytes == (batch.events == 1 ? 44 : 44 + 1 + 2 + 50));
        CHECK(batch.events == (capacity < 100 ? 1 : 2)); /* three bytes before it has to */
        free(out);
    }
}

/* Long records are kept by their fixed part, which stands one word later in the slot. */
static void test_long_records(void)
{
    static uint32_t memory[8 * 1100 / 2];
    static uint8_t plain[8192];
    static uint8_t out[8192];
    static uint8_t back[8192];
    static uint32_t body[300];
    flight_ring ring;
    flight_batch batch;
    int bytes = 0;

    for (int way = 0; way < 2; way++) {
        CHECK(flight_ring_init(&ring, memory, 16, 1100) == 0);
        for (uint32_t i = 0; i < 6; i++) {
            for (uint32_t word = 0; word < 300; word++) {
                body[word] = i * i * 1000003u + word;
            }
            CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 0, body, i % 3 == 1 ? 12 : 1040) == 0);
        }
        bytes = way == 0 ? flight_batch_pack(&ring, plain, sizeof plain, 0, 9, &batch)
                         : flight_delta_pack(&ring, out, sizeof out, 0, 9, &batch);
        CHECK(batch.events == 6 && (way == 1 || bytes == 4 * 1048 + 2 * 16));
    }
    CHECK(flight_delta_unpack(&lent, out, (size_t)bytes, back, sizeof back) == 4 * 1048 + 2 * 16);
    CHECK(memcmp(back, plain, 4 * 1048 + 2 * 16) == 0);
}

/* A mask of two bytes, layouts that are not known, bodies shorter than their layout, records of 64 KiB in all. */
static void test_odd_events(void)
{
    uint32_t *memory = malloc(65536 * 3);
    uint8_t *out = malloc(70000);
    uint32_t words[10] = {0};
    flight_ring ring;
    flight_batch batch;

    CHECK(memory != NULL && out != NULL);
    CHECK(flight_ring_init(&ring, memory, 16, 64) == 0);
    for (uint32_t i = 0; i < 3; i++) {
        words[9] = i;
        words[0] += i == 2;
        CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE, 0, words, 40) == 0);
    }
    CHECK(flight_delta_pack(&ring, out, 65536, 0, 9, &batch) == 44 + 4 + 5);
    CHECK(memcmp(out + 44, "\x48\x80\x04\x02\x48\x81\x04\x02\x02", 9) == 0);
    put(&ring, 1, 100, 1, 4); /* not known: whole, and not kept */
    put(&ring, 1, 100, 1, 4);
    put(&ring, 1, FLIGHT_LAYOUT_MEMORY_UPDATE, 1, 12); /* too short: whole, and not kept */
    put(&ring, 1, FLIGHT_LAYOUT_MEMORY_UPDATE, 1, 20);
    put(&ring, 1, FLIGHT_LAYOUT_MEMORY_UPDATE, 1, 12);
    CHECK(flight_delta_pack(&ring, out, 65536, 0, 9, &batch) == 8 + 8 + 16 + 24 + 16 && batch.events == 5);
    CHECK(flight_ring_init(&ring, memory, 6, 32764) == 0);
    for (uint32_t i = 0; i < 6; i++) { /* the same body again costs little, but counts in full */
        put(&ring, 1, FLIGHT_LAYOUT_FRAME_TIME, 1, 16);
    }
    CHECK(flight_delta_pack(&ring, out, 65536, 0, 9, &batch) == 20 + 5);
    put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 1, 12000);
    put(&ring, 1, FLIGHT_LAYOUT_LOG, 1, 12000);
    put(&ring, 1, FLIGHT_LAYOUT_V6R_EVENT, 1, 12000);
    put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 1, 12000);
    put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 1, 12000);
    put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 1, 12000);
    CHECK(flight_delta_pack(&ring, out, 70000, 0, 9, &batch) > 0 && batch.events == 5);
    CHECK(unpack(out, 65536) != 0);
    free(memory);
    free(out);
}

/* Ages of 3 and 1 ms foresee -1, which is no word for the start: the keyframe behind them goes on from 1 ms. */
static void test_ages_foreseen(void)
{
    static const uint8_t layouts[4] = {FLIGHT_LAYOUT_FRAME_TIME, FLIGHT_LAYOUT_FRAME_TIME, FLIGHT_LAYOUT_LOG,
                                       FLIGHT_LAYOUT_LOG};
    static const uint32_t ages[4] = {3, 1, 0, 0};
    static uint32_t memory[64];
    uint8_t out[96];
    uint32_t body[4] = {0, 0, 0, 0};
    flight_ring ring;
    flight_batch batch;
    flight_record record;
    int bytes;

    CHECK(flight_ring_init(&ring, memory, 8, 32) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(flight_ring_put(&ring, 1, layouts[i], 1000u - ages[i], body, i < 2 ? 16 : 4) == 0);
    }
    bytes = flight_delta_pack(&ring, out, sizeof out, 1000, 9, &batch);
    CHECK(bytes == 20 + 2 + 8 + 2 && batch.events == 4);
    CHECK(flight_delta_start(&lent, out, (size_t)bytes, NULL, 0) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(flight_delta_next(&lent, &record) > 0 && record.age_ms == ages[i]);
    }
}

void test_delta(void)
{
    test_ages_foreseen();
    test_entries();
    test_values();
    test_counting();
    test_writer_counting();
    test_entries_written();
    test_five_layouts();
    test_arguments();
    test_growth();
    test_capacities();
    test_long_values();
    test_long_records();
    test_odd_events();
}
