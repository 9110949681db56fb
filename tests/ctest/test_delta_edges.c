/* Delta batches at the edges of memory and of sizes: the last byte of a ring, the longest tail, room without end. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

static flight_delta lent;

/* Two events in slots that their records fill, in memory that ends with the second: nothing behind it is looked at. */
static void test_the_last_byte_of_the_ring(void)
{
    const flight_frame_time events[2] = {{1, 2, 3, 4, 5}, {1, 2, 3, 4, 6}};
    const uint32_t slot_bytes = 12 + FLIGHT_FRAME_TIME_BYTES;
    uint32_t *memory = malloc(2 * slot_bytes);
    uint8_t out[64];
    uint8_t back[64];
    flight_ring ring;
    flight_batch batch;
    int bytes;

    CHECK(memory != NULL && flight_ring_init(&ring, memory, 2, slot_bytes) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_FRAME_TIME, 0, &events[i], FLIGHT_FRAME_TIME_BYTES) == 0);
    }
    bytes = flight_delta_pack(&ring, out, sizeof out, 0, 2, &batch);
    CHECK(bytes > 0 && batch.events == 2);
    CHECK(flight_delta_unpack(&lent, out, (size_t)bytes, back, sizeof back) == 2 * (4 + FLIGHT_FRAME_TIME_BYTES));
    CHECK(memcmp(back + 4, &events[0], FLIGHT_FRAME_TIME_BYTES) == 0);
    CHECK(memcmp(back + 24, &events[1], FLIGHT_FRAME_TIME_BYTES) == 0);
    free(memory);
}

/* A tail of nearly a frame: the largest that the writer tries, which keeps room for what may stand round it. */
static void test_the_longest_tail(void)
{
    enum { SLOTS = 600, SLOT_BYTES = 260, LARGEST = 65536 - 24, RECORDS = 8 + 8 + LARGEST };
    uint8_t *memory = malloc(SLOTS * SLOT_BYTES);
    uint8_t *body = malloc(LARGEST);
    uint8_t *out = malloc(65536);
    uint8_t *back = malloc(RECORDS);
    flight_ring ring;
    flight_batch batch;
    int bytes;

    CHECK(memory != NULL && body != NULL && out != NULL && back != NULL);
    for (uint32_t i = 0; i < LARGEST; i++) {
        body[i] = (uint8_t)(i * 7u + (i >> 8));
    }
    CHECK(flight_ring_init(&ring, memory, SLOTS, SLOT_BYTES) == 0);
    CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 0, body, 4) == 0);
    CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 0, body, LARGEST) == 0);
    bytes = flight_delta_pack(&ring, out, 65536, 0, 2, &batch);
    CHECK(batch.events == 2 && bytes == 8 + 1 + 2 + LARGEST - 4);
    CHECK(flight_delta_unpack(&lent, out, (size_t)bytes, back, RECORDS) == RECORDS);
    CHECK(memcmp(back + 16, body, LARGEST) == 0);
    CHECK(flight_delta_unpack(&lent, out, (size_t)bytes, back, RECORDS - 1) == FLIGHT_ERROR_NO_ROOM);
    free(memory);
    free(body);
    free(out);
    free(back);
}

/* More room than 32 bits can say is room. */
static void test_room_without_end(void)
{
#if SIZE_MAX > 0xffffffffu
    static const uint8_t data[] = {FLIGHT_LAYOUT_PAYLOAD, 1, 0, 0, 1, 2, 3, 4, 0x50, 1, 5, 6, 7, 8};
    uint8_t out[20];

    CHECK(flight_delta_unpack(&lent, data, sizeof data, out, (size_t)0x100000000u + 16) == 20);
    CHECK(memcmp(out + 8, "\7\2\0\0\1\2\3\4\5\6\7\10", 12) == 0);
#endif
}

void test_delta_edges(void)
{
    test_the_last_byte_of_the_ring();
    test_the_longest_tail();
    test_room_without_end();
}
