/* Arguments, the credit for CRCs, and moving of bytes. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

enum { LIMIT = 64, CAPACITY = 2 * LIMIT };

static int make(uint8_t *buffer, uint32_t payload_bytes, uint8_t flags)
{
    static const uint8_t payload[LIMIT] = {1, 2, 3};
    flight_frame frame = {0};

    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = flags;
    frame.payload = payload;
    frame.payload_bytes = payload_bytes;
    return flight_frame_encode(buffer, 2 * LIMIT, &frame);
}

static void test_arguments(uint8_t *memory)
{
    flight_stream stream;
    flight_frame frame;

    CHECK(flight_stream_init(NULL, memory, CAPACITY, LIMIT, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_init(&stream, NULL, CAPACITY, LIMIT, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, 19, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, 20, 0) == 0);
    CHECK(flight_stream_init(&stream, memory, CAPACITY - 1, LIMIT, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_init(&stream, memory, 0x20000, 0x10001, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_init(&stream, memory, 0x20000, 0x10000, 0) == 0);
    CHECK(flight_stream_init(&stream, memory, 0x10000001u, 0x10000, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_init(&stream, memory, 0x10000000u, 0x10000, 0) == 0);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, 0x80) == FLIGHT_ERROR_ARGUMENT);
    memset(&stream, 0xff, sizeof stream);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
    CHECK(stream.buffer == memory && stream.capacity == CAPACITY && stream.limit_bytes == LIMIT);
    CHECK(stream.start == 0 && stream.end == 0 && stream.garbage_bytes == 0 && stream.summed_bytes == 0);
    CHECK(stream.required_flags == FLIGHT_FLAG_CHECKED && stream.credit_bytes == 0 && stream.summed_to == 0);
    CHECK(flight_stream_push(NULL, memory, 1) == 0);
    CHECK(flight_stream_push(&stream, NULL, 1) == 0);
    CHECK(flight_stream_push(&stream, memory, 0) == 0);
    CHECK(flight_stream_next(NULL, &frame) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_next(&stream, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_stream_next(&stream, &frame) == 0);
    flight_stream_give_up(NULL);
    flight_stream_give_up(&stream);
    CHECK(stream.start == 0 && stream.garbage_bytes == 0);
}

/* Frames that are garbage: too large, unchecked where checks are required; each byte of them is counted. */
static void test_refusals(uint8_t *memory)
{
    uint8_t bytes[2 * LIMIT];
    flight_stream stream;
    flight_frame frame;
    int size = make(bytes, LIMIT - 19, FLIGHT_FLAG_CHECKED);

    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, 0) == 0);
    CHECK(flight_stream_push(&stream, bytes, (size_t)size) == (size_t)size);
    CHECK(flight_stream_next(&stream, &frame) == 0 && stream.garbage_bytes == (uint32_t)size);
    size = make(bytes, LIMIT - 20, FLIGHT_FLAG_CHECKED);
    CHECK(flight_stream_push(&stream, bytes, (size_t)size) == LIMIT);
    CHECK(flight_stream_next(&stream, &frame) == LIMIT && frame.payload_bytes == LIMIT - 20);
    CHECK(stream.summed_bytes == LIMIT);
    size = make(bytes, 5, 0);
    CHECK(flight_stream_push(&stream, bytes, (size_t)size) == 21);
    CHECK(flight_stream_next(&stream, &frame) == 21 && stream.summed_bytes == LIMIT);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
    CHECK(flight_stream_push(&stream, bytes, (size_t)size) == 21);
    CHECK(flight_stream_next(&stream, &frame) == 0 && stream.garbage_bytes == 21);
}

/* Until a frame is there, the caller's object stays as it was. */
static void test_waiting(uint8_t *memory)
{
    uint8_t bytes[2 * LIMIT];
    flight_stream stream;
    flight_frame frame;
    flight_frame before;
    const int size = make(bytes, 5, FLIGHT_FLAG_CHECKED);

    memset(&frame, 0x55, sizeof frame);
    memcpy(&before, &frame, sizeof frame);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, 0) == 0);
    for (int i = 0; i < size; i++) {
        CHECK(flight_stream_next(&stream, &frame) == 0 && memcmp(&frame, &before, sizeof frame) == 0);
        CHECK(flight_stream_push(&stream, bytes + i, 1) == 1);
    }
    CHECK(flight_stream_next(&stream, &frame) == size && frame.payload_bytes == 5);
    bytes[size - 1] ^= 1;
    memcpy(&before, &frame, sizeof frame);
    CHECK(flight_stream_push(&stream, bytes, (size_t)size) == (size_t)size);
    CHECK(flight_stream_next(&stream, &frame) == 0 && memcmp(&frame, &before, sizeof frame) == 0);
}

/* Headers 16 bytes apart that each promise a whole frame: what is summed stays below four times the bytes. */
static void test_credit(uint8_t *memory)
{
    uint8_t bytes[2 * LIMIT];
    flight_stream stream;
    flight_frame frame;
    uint32_t pushed = 0;
    uint32_t most = 0;

    CHECK(make(bytes, LIMIT - 20, FLIGHT_FLAG_CHECKED) == LIMIT);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(flight_stream_push(&stream, bytes, 16) == 16);
        CHECK(flight_stream_next(&stream, &frame) == 0);
        pushed += 16;
        CHECK(stream.summed_bytes <= 4 * pushed);
        CHECK(stream.credit_bytes <= 8 * LIMIT);
        most = stream.credit_bytes > most ? stream.credit_bytes : most;
    }
    CHECK(stream.summed_bytes > 3 * pushed); /* and every one that can be paid for is looked at */
    CHECK(make(bytes, 0, FLIGHT_FLAG_CHECKED) == 20);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
    for (uint32_t i = 1; i <= 200; i++) { /* good frames save credit up to the cap, exactly */
        CHECK(flight_stream_push(&stream, bytes, 20) == 20);
        CHECK(flight_stream_next(&stream, &frame) == 20);
        CHECK(stream.credit_bytes == (i * 60 < 8 * LIMIT - 20 ? i * 60 : 8 * LIMIT - 20));
        CHECK(stream.summed_bytes == 20 * i);
    }
}

/* Where headers promise more than can be paid for, some are garbage unseen; those inside what was summed bring nothing. */
static void test_debt(void)
{
    static uint8_t memory[1280];
    uint8_t header[16];
    flight_stream stream;
    flight_frame frame;
    uint32_t pushed = 0;

    for (int lengths = 0; lengths < 2; lengths++) {
        CHECK(flight_stream_init(&stream, memory, sizeof memory, 640, FLIGHT_FLAG_CHECKED) == 0);
        pushed = 0;
        for (uint32_t i = 0; i < 2000; i++) {
            const uint32_t payload = lengths != 0 && i % 2 != 0 ? 40 : 600;

            memcpy(header, "\xf1\x0d\x22", 3);
            memset(header + 4, 0, 12);
            header[4] = (uint8_t)payload;
            header[5] = (uint8_t)(payload >> 8);
            header[3] = flight_header_check(header);
            CHECK(flight_stream_push(&stream, header, 16) == 16);
            CHECK(flight_stream_next(&stream, &frame) == 0);
            pushed += 16;
            CHECK(stream.summed_bytes <= 4 * pushed);
        }
        CHECK(stream.summed_bytes > 3 * pushed); /* what can be paid for is looked at */
        CHECK(stream.garbage_bytes > pushed - 640);
    }
}

/* Bytes are moved only when that frees at least as many; the room that is left is exact. */
static void test_moving(uint8_t *memory)
{
    uint8_t bytes[3 * LIMIT];
    flight_stream stream;
    flight_frame frame;

    memset(bytes, 0, sizeof bytes);
    CHECK(make(bytes, LIMIT - 20, FLIGHT_FLAG_CHECKED) == LIMIT);
    CHECK(make(bytes + LIMIT, LIMIT - 21, FLIGHT_FLAG_CHECKED) == LIMIT - 1);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
    CHECK(flight_stream_push(&stream, bytes, 2 * LIMIT - 1) == 2 * LIMIT - 1);
    CHECK(flight_stream_push(&stream, bytes, 9) == 1); /* nothing is read: nothing to free */
    CHECK(stream.start == 0 && stream.end == CAPACITY);
    CHECK(flight_stream_next(&stream, &frame) == LIMIT);
    CHECK(flight_stream_push(&stream, bytes + 1, 7) == 7); /* half is read: half is moved */
    CHECK(stream.start == 0 && stream.end == LIMIT + 7 && stream.summed_to == 0);
    CHECK(flight_stream_next(&stream, &frame) == LIMIT - 1);
    CHECK(memcmp(frame.payload - 16, bytes + LIMIT, LIMIT - 1) == 0);
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
    CHECK(flight_stream_push(&stream, bytes + LIMIT, LIMIT - 1) == LIMIT - 1);
    CHECK(flight_stream_push(&stream, bytes, LIMIT) == LIMIT);
    CHECK(flight_stream_push(&stream, bytes, 9) == 1);
    CHECK(flight_stream_next(&stream, &frame) == LIMIT - 1);
    CHECK(flight_stream_push(&stream, bytes + 1, 1) == 0); /* 63 read, 65 not: moving would not pay */
    CHECK(stream.start == LIMIT - 1 && stream.end == CAPACITY);
    flight_stream_give_up(&stream);
    CHECK(stream.start == LIMIT && stream.garbage_bytes == 1);
    CHECK(flight_stream_push(&stream, bytes + 1, 1) == 1);
    CHECK(stream.start == 0 && stream.end == LIMIT + 1);
}

/* What was summed of an unfinished candidate is remembered across a move. */
static void test_summed_to(uint8_t *memory)
{
    uint8_t bytes[2 * LIMIT];
    flight_stream stream;
    flight_frame frame;

    CHECK(make(bytes, LIMIT - 20, FLIGHT_FLAG_CHECKED) == LIMIT);
    bytes[20] ^= 1; /* refused by its CRC */
    CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
    CHECK(flight_stream_push(&stream, bytes, 32) == 32);
    CHECK(flight_stream_next(&stream, &frame) == 0);
    CHECK(flight_stream_push(&stream, bytes + 32, 32) == 32);
    CHECK(flight_stream_next(&stream, &frame) == 0);
    CHECK(stream.start == LIMIT && stream.summed_to == LIMIT && stream.credit_bytes == 3 * LIMIT);
    CHECK(make(bytes, LIMIT - 20, FLIGHT_FLAG_CHECKED) == LIMIT);
    CHECK(flight_stream_push(&stream, bytes, LIMIT) == LIMIT);
    stream.summed_to = CAPACITY - 4; /* as after a longer candidate that was refused */
    CHECK(flight_stream_push(&stream, bytes, LIMIT) == LIMIT);
    CHECK(stream.start == 0 && stream.summed_to == LIMIT - 4 && stream.credit_bytes == 3 * LIMIT);
    CHECK(flight_stream_next(&stream, &frame) == LIMIT);
    CHECK(stream.credit_bytes == 3 * LIMIT + 4 * 4 - LIMIT && stream.summed_to == LIMIT);
}

/* A frame whose bytes were all summed before brings no credit: one byte short and it is garbage unseen, exactly enough and it
 * is taken. */
static void test_last_credit(uint8_t *memory)
{
    uint8_t bytes[2 * LIMIT];
    flight_stream stream;
    flight_frame frame;

    CHECK(make(bytes, LIMIT - 20, FLIGHT_FLAG_CHECKED) == LIMIT);
    for (uint32_t missing = 0; missing < 2; missing++) {
        CHECK(flight_stream_init(&stream, memory, CAPACITY, LIMIT, FLIGHT_FLAG_CHECKED) == 0);
        CHECK(flight_stream_push(&stream, bytes, LIMIT) == LIMIT);
        stream.summed_to = LIMIT; /* as after candidates before it that were refused */
        stream.credit_bytes = LIMIT - missing;
        CHECK(flight_stream_next(&stream, &frame) == (missing != 0 ? 0 : LIMIT));
        CHECK(stream.summed_bytes == (missing != 0 ? 0 : LIMIT) && stream.credit_bytes == (missing != 0 ? LIMIT - 1 : 0));
        CHECK(stream.garbage_bytes == (missing != 0 ? LIMIT : 0));
    }
}

void test_stream(void)
{
    uint8_t *memory = malloc(CAPACITY);

    CHECK(memory != NULL);
    test_arguments(memory);
    test_refusals(memory);
    test_waiting(memory);
    test_credit(memory);
    test_debt();
    test_moving(memory);
    test_summed_to(memory);
    test_last_credit(memory);
    free(memory);
}
