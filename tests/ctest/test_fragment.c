/* Fragments: how a payload is cut, how it is put together, and each fragment that does not follow. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

#define HEADS (FLIGHT_HEADER_BYTES + FLIGHT_FRAGMENT_HEAD_BYTES)
#define PLAIN (FLIGHT_FLAG_BATCH)

static uint8_t payload[65537];

static flight_frame whole_of(uint32_t bytes, uint8_t flags)
{
    flight_frame whole = {0};

    whole.payload = payload;
    whole.payload_bytes = bytes;
    whole.channel = 7;
    whole.type = FLIGHT_TYPE_DATA;
    whole.flags = flags;
    return whole;
}

static void test_start(void)
{
    flight_fragmenter cutter;
    flight_frame whole = whole_of(100, PLAIN);

    CHECK(flight_fragment_start(NULL, &whole, 1) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_fragment_start(&cutter, NULL, 1) == FLIGHT_ERROR_ARGUMENT);
    whole.payload = NULL;
    CHECK(flight_fragment_start(&cutter, &whole, 1) == FLIGHT_ERROR_ARGUMENT);
    whole = whole_of(100, PLAIN);
    whole.type = FLIGHT_TYPE_HELLO;
    CHECK(flight_fragment_start(&cutter, &whole, 1) == FLIGHT_ERROR_TYPE);
    whole = whole_of(100, PLAIN | FLIGHT_FLAG_AUTHENTICATED);
    CHECK(flight_fragment_start(&cutter, &whole, 1) == FLIGHT_ERROR_FLAGS);
    whole = whole_of(0, PLAIN);
    CHECK(flight_fragment_start(&cutter, &whole, 1) == FLIGHT_ERROR_TOO_LARGE);
    whole = whole_of(65537, PLAIN);
    CHECK(flight_fragment_start(&cutter, &whole, 1) == FLIGHT_ERROR_TOO_LARGE);
    whole = whole_of(65536, PLAIN);
    memset(&cutter, 0xa5, sizeof cutter);
    CHECK(flight_fragment_start(&cutter, &whole, 0x1234) == 0);
    CHECK(cutter.cut_bytes == 0 && cutter.message == 0x1234 && cutter.next == 0);
    CHECK(cutter.frame.flags == (PLAIN | FLIGHT_FLAG_MORE) && cutter.total_bytes == 65536);
    CHECK(cutter.frame.payload == payload && whole.flags == PLAIN);
}

static void test_cut(void)
{
    flight_fragmenter cutter;
    flight_frame whole = whole_of(10, PLAIN);
    flight_frame frame;
    uint8_t buffer[64];

    CHECK(flight_fragment_start(&cutter, &whole, 0x1234) == 0);
    CHECK(flight_fragment_next(NULL, buffer, 64, 1, 2) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_fragment_next(&cutter, NULL, 64, 1, 2) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_fragment_next(&cutter, buffer, 0, 1, 2) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_fragment_next(&cutter, buffer, HEADS, 1, 2) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_fragment_next(&cutter, buffer, 64, FLIGHT_NUMBER_LIMIT, 2) == FLIGHT_ERROR_NUMBER);
    CHECK(flight_fragment_next(&cutter, buffer, 64, 1, FLIGHT_NUMBER_LIMIT) == FLIGHT_ERROR_NUMBER);
    CHECK(cutter.cut_bytes == 0 && cutter.next == 0);
    memset(buffer, 0xa5, sizeof buffer);
    CHECK(flight_fragment_next(&cutter, buffer, HEADS + 1, 5, 6) == HEADS + 1);
    CHECK(buffer[HEADS] == payload[0] && buffer[HEADS + 1] == 0xa5);
    CHECK(memcmp(buffer + 16, "\x34\x12\0\0\12\0\0\0", 8) == 0);
    CHECK(flight_frame_decode(buffer, HEADS + 1, 64, &frame) == HEADS + 1);
    CHECK(frame.seq == 5 && frame.ack == 6 && frame.channel == 7 && frame.type == FLIGHT_TYPE_DATA);
    CHECK(frame.flags == (PLAIN | FLIGHT_FLAG_MORE) && frame.payload_bytes == 9);
    CHECK(flight_fragment_next(&cutter, buffer, HEADS + 5, 7, 6) == HEADS + 5);
    CHECK(memcmp(buffer + 16, "\x34\x12\1\0\12\0\0\0", 8) == 0 && memcmp(buffer + HEADS, payload + 1, 5) == 0);
    CHECK(flight_fragment_next(&cutter, buffer, HEADS + 4, 8, 6) == HEADS + 4);
    CHECK(memcmp(buffer + 16, "\x34\x12\2\0\12\0\0\0", 8) == 0 && memcmp(buffer + HEADS, payload + 6, 4) == 0);
    CHECK(flight_fragment_next(&cutter, buffer, 64, 9, 6) == 0 && cutter.cut_bytes == 10 && cutter.next == 3);

    whole = whole_of(10, PLAIN | FLIGHT_FLAG_CHECKED); /* with a CRC behind it */
    CHECK(flight_fragment_start(&cutter, &whole, 1) == 0);
    CHECK(flight_fragment_next(&cutter, buffer, HEADS + 4, 1, 0) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_fragment_next(&cutter, buffer, HEADS + 5, 1, 0) == HEADS + 5);
    CHECK(flight_frame_decode(buffer, HEADS + 5, 64, &frame) == HEADS + 5 && frame.payload_bytes == 9);
    CHECK(flight_fragment_next(&cutter, buffer, 64, 2, 0) == HEADS + 4 + 9);

    whole.type = 0;
    CHECK(flight_fragment_start(&cutter, &whole, 1) == 0);
    CHECK(flight_fragment_next(&cutter, buffer, 64, 1, 0) == FLIGHT_ERROR_TYPE);
    whole = whole_of(10, 0x80u);
    CHECK(flight_fragment_start(&cutter, &whole, 1) == 0);
    CHECK(flight_fragment_next(&cutter, buffer, 64, 1, 0) == FLIGHT_ERROR_FLAGS && cutter.cut_bytes == 0);
}

/* No fragment is larger than a frame can be, however large the buffer is. */
static void test_the_largest(void)
{
    const flight_frame whole = whole_of(65536, PLAIN);
    uint8_t *buffer = malloc(70000);
    uint8_t *joined = malloc(65536);
    flight_fragmenter cutter;
    flight_reassembly reassembly;
    flight_frame frame;

    CHECK(buffer != NULL && joined != NULL);
    CHECK(flight_reassembly_init(&reassembly, joined, 65536) == 0 && reassembly.capacity == 65536);
    CHECK(flight_fragment_start(&cutter, &whole, 1) == 0);
    CHECK(flight_fragment_next(&cutter, buffer, 70000, 1, 0) == 65536 && cutter.cut_bytes == 65536 - HEADS);
    CHECK(flight_frame_decode(buffer, 65536, 65536, &frame) == 65536);
    CHECK(flight_reassembly_push(&reassembly, &frame, &frame) == 0);
    CHECK(flight_fragment_next(&cutter, buffer, 70000, 2, 0) == 2 * HEADS && cutter.cut_bytes == 65536);
    CHECK(flight_frame_decode(buffer, 2 * HEADS, 65536, &frame) == 2 * HEADS);
    CHECK(flight_reassembly_push(&reassembly, &frame, &frame) == 65536);
    CHECK(frame.payload == joined && frame.payload_bytes == 65536 && memcmp(joined, payload, 65536) == 0);
    free(buffer);
    free(joined);
}

/* One fragment by its fields. The payload is a copy, so that each can differ in one thing. */
typedef struct fragment {
    flight_frame frame;
    uint8_t data[FLIGHT_FRAGMENT_HEAD_BYTES + 16];
} fragment;

static fragment *made(fragment *each, uint16_t message, uint16_t index, uint32_t total_bytes, uint32_t bytes)
{
    memset(each, 0, sizeof *each);
    each->data[0] = (uint8_t)message;
    each->data[1] = (uint8_t)(message >> 8);
    each->data[2] = (uint8_t)index;
    each->data[3] = (uint8_t)(index >> 8);
    each->data[4] = (uint8_t)total_bytes;
    each->data[5] = (uint8_t)(total_bytes >> 8);
    each->data[6] = (uint8_t)(total_bytes >> 16);
    each->data[7] = (uint8_t)(total_bytes >> 24);
    memcpy(each->data + 8, &"ABCDEFGHIJKLMNOPQRST"[index], bytes);
    each->frame = whole_of(FLIGHT_FRAGMENT_HEAD_BYTES + bytes, PLAIN | FLIGHT_FLAG_MORE);
    each->frame.payload = each->data;
    each->frame.seq = 40u + index;
    each->frame.ack = 90u + index;
    return each;
}

static flight_reassembly state;
static flight_frame joined_frame;

static int push(const fragment *each)
{
    return flight_reassembly_push(&state, &each->frame, &joined_frame);
}

static void test_push_arguments(void)
{
    static uint8_t memory[16];
    fragment each;

    CHECK(flight_reassembly_init(NULL, memory, 16) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_reassembly_init(&state, NULL, 16) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_reassembly_init(&state, memory, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_reassembly_init(&state, memory, 70000) == 0 && state.capacity == 65536); /* no payload is larger */
    memset(&state, 0xa5, sizeof state);
    CHECK(flight_reassembly_init(&state, memory, 16) == 0 && state.capacity == 16 && state.buffer == memory);
    CHECK(state.total_bytes == 0 && state.abandoned == 0);
    made(&each, 1, 0, 8, 4);
    CHECK(flight_reassembly_push(NULL, &each.frame, &joined_frame) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_reassembly_push(&state, NULL, &joined_frame) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_reassembly_push(&state, &each.frame, NULL) == FLIGHT_ERROR_ARGUMENT);
    each.frame.flags = PLAIN;
    CHECK(push(&each) == FLIGHT_ERROR_ARGUMENT);
    CHECK(push(made(&each, 1, 0, 8, 0)) == FLIGHT_ERROR_FRAGMENT); /* a head and nothing behind it */
    made(&each, 1, 0, 8, 4)->frame.payload_bytes = 7;
    CHECK(push(&each) == FLIGHT_ERROR_FRAGMENT);
    made(&each, 1, 0, 8, 4)->frame.type = FLIGHT_TYPE_HELLO;
    CHECK(push(&each) == FLIGHT_ERROR_FRAGMENT);
    CHECK(push(made(&each, 1, 0, 0, 4)) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(push(made(&each, 1, 0, 17, 4)) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(push(made(&each, 1, 0, 0xffffffffu, 4)) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(push(made(&each, 1, 1, 8, 4)) == FLIGHT_ERROR_FRAGMENT); /* nothing that it could follow */
    CHECK(push(made(&each, 0, 1, 0, 4)) == FLIGHT_ERROR_FRAGMENT);
    CHECK(state.total_bytes == 0 && state.abandoned == 0);
    CHECK(push(made(&each, 1, 0, 16, 16)) == 16 && memcmp(memory, "ABCDEFGHIJKLMNOP", 16) == 0);
}

/* A first fragment of message 0x1234: eight bytes in all, three of them here. */
static void begin(uint8_t *memory)
{
    fragment each;

    CHECK(flight_reassembly_init(&state, memory, 16) == 0);
    memset(memory, 0, 16);
    CHECK(push(made(&each, 0x1234, 0, 8, 3)) == 0);
    CHECK(state.total_bytes == 8 && state.used_bytes == 3 && state.message == 0x1234 && state.next == 1);
    CHECK(state.channel == 7 && state.type == FLIGHT_TYPE_DATA && state.flags == (PLAIN | FLIGHT_FLAG_MORE));
}

static void finish(uint8_t *memory)
{
    fragment each;

    memset(&joined_frame, 0, sizeof joined_frame);
    CHECK(push(made(&each, 0x1234, 1, 8, 1)) == 0 && state.used_bytes == 4 && state.next == 2);
    CHECK(joined_frame.payload == NULL);
    CHECK(push(made(&each, 0x1234, 2, 8, 4)) == 8 && state.total_bytes == 0);
    CHECK(joined_frame.payload == memory && joined_frame.payload_bytes == 8 && joined_frame.flags == PLAIN);
    CHECK(joined_frame.seq == 42 && joined_frame.ack == 92 && joined_frame.channel == 7);
    CHECK(joined_frame.type == FLIGHT_TYPE_DATA && memcmp(memory, "ABCBCDEF\0", 9) == 0);
}

static void test_what_follows(void)
{
    uint8_t memory[16];
    fragment each;

    begin(memory);
    finish(memory);
    CHECK(push(made(&each, 0x1234, 3, 8, 1)) == FLIGHT_ERROR_FRAGMENT && state.abandoned == 0); /* it is complete */
    CHECK(push(made(&each, 0x1234, 3, 0, 1)) == FLIGHT_ERROR_FRAGMENT && state.used_bytes == 8 && memory[8] == 0);

    begin(memory); /* foreign or repeated ones do no harm */
    CHECK(push(made(&each, 0x1235, 1, 8, 1)) == FLIGHT_ERROR_FRAGMENT);
    CHECK(push(made(&each, 0x1334, 1, 8, 1)) == FLIGHT_ERROR_FRAGMENT);
    made(&each, 0x1234, 1, 8, 1)->frame.channel = 8;
    CHECK(push(&each) == FLIGHT_ERROR_FRAGMENT);
    made(&each, 0x1234, 1, 8, 1)->frame.type = FLIGHT_TYPE_DELIVER;
    CHECK(push(&each) == FLIGHT_ERROR_FRAGMENT);
    CHECK(push(made(&each, 0x1234, 1, 8, 1)) == 0);
    CHECK(push(made(&each, 0x1234, 1, 8, 1)) == FLIGHT_ERROR_FRAGMENT);
    CHECK(state.abandoned == 0 && state.used_bytes == 4 && state.next == 2);
    CHECK(push(made(&each, 0x1234, 2, 8, 4)) == 8);

    begin(memory); /* a gap, another size, other flags, too many bytes: the end of it */
    CHECK(push(made(&each, 0x1234, 2, 8, 1)) == FLIGHT_ERROR_FRAGMENT && state.abandoned == 1);
    CHECK(push(made(&each, 0x1234, 1, 8, 1)) == FLIGHT_ERROR_FRAGMENT && state.abandoned == 1);
    begin(memory);
    CHECK(push(made(&each, 0x1234, 1, 9, 1)) == FLIGHT_ERROR_FRAGMENT && state.abandoned == 1);
    begin(memory);
    made(&each, 0x1234, 1, 8, 1)->frame.flags |= FLIGHT_FLAG_CRITICAL;
    CHECK(push(&each) == FLIGHT_ERROR_FRAGMENT && state.abandoned == 1 && state.total_bytes == 0);
    begin(memory);
    CHECK(push(made(&each, 0x1234, 1, 8, 6)) == FLIGHT_ERROR_FRAGMENT && state.abandoned == 1 && memory[3] == 0);
    begin(memory);
    CHECK(push(made(&each, 0x1234, 1, 8, 5)) == 8 && state.abandoned == 0);

    begin(memory); /* another first one: whatever was not finished never will be */
    CHECK(push(made(&each, 9, 0, 20, 4)) == FLIGHT_ERROR_TOO_LARGE && state.abandoned == 1 && state.total_bytes == 0);
    begin(memory);
    CHECK(push(made(&each, 0x1234, 0, 8, 3)) == 0 && state.abandoned == 1 && state.used_bytes == 3);
    state.abandoned = 0;
    finish(memory);
    CHECK(state.abandoned == 0);
}

void test_fragment(void)
{
    for (uint32_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7 + (i >> 8) + 1);
    }
    test_start();
    test_cut();
    test_the_largest();
    test_push_arguments();
    test_what_follows();
}
