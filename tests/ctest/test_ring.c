/* Arguments of the ring; what it does, its model tells (../fuzz/ring_model.c). */
#include <stdlib.h>
#include <string.h>

#include "../fuzz/ring_model.h"
#include "ctest.h"

void test_ring(void)
{
    uint32_t state = 1;
    uint8_t operations[600];

    for (int run = 0; run < 3000; run++) {
        for (size_t i = 0; i < sizeof operations; i++) {
            state = state * 1664525u + 1013904223u;
            operations[i] = (uint8_t)(state >> 24);
        }
        CHECK(ring_model_run(operations, sizeof operations) == NULL);
    }
}

static void test_init(void)
{
    static uint32_t memory[8192];
    flight_ring ring;

    CHECK(flight_ring_init(NULL, memory, 4, 16) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_init(&ring, NULL, 4, 16) == FLIGHT_ERROR_ARGUMENT);
    for (int offset = 1; offset < 4; offset++) {
        CHECK(flight_ring_init(&ring, (uint8_t *)memory + offset, 4, 16) == FLIGHT_ERROR_ARGUMENT);
    }
    CHECK(flight_ring_init(&ring, memory, 0, 16) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_init(&ring, memory, 32768, 16) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_init(&ring, memory, 4, 12) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_init(&ring, memory, 4, 18) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_init(&ring, memory, 4, 65536) == FLIGHT_ERROR_ARGUMENT);
    memset(&ring, 0xff, sizeof ring);
    CHECK(flight_ring_init(&ring, memory, 4, 16) == 0);
    CHECK(flight_ring_count(&ring) == 0);
}

static void test_extremes(void)
{
    uint32_t *memory = malloc(32767 * 16);
    flight_ring ring;
    flight_event event;

    CHECK(memory != NULL);
    CHECK(flight_ring_init(&ring, memory, 32767, 16) == 0);
    CHECK(flight_ring_body_limit(&ring) == 255 * 16 - 16); /* 255 slots at most, the long form's head */
    for (uint32_t lap = 0; lap < 3; lap++) {               /* the counters wrap at 65,536 events */
        for (uint32_t i = 0; i < 32767; i++) {
            CHECK(flight_ring_put(&ring, (uint16_t)i, FLIGHT_LAYOUT_LOG, i, "abcd", 4) == 0);
        }
        CHECK(flight_ring_put(&ring, 0, FLIGHT_LAYOUT_LOG, 0, "abcd", 4) == FLIGHT_ERROR_FULL);
        CHECK(flight_ring_count(&ring) == 32767);
        for (uint32_t i = 0; i < 32767; i++) {
            CHECK(flight_ring_peek(&ring, &event) == 0 && event.channel == i && event.stamp_ms == i);
            CHECK(flight_ring_release(&ring) == 0);
        }
    }
    CHECK(flight_ring_init(&ring, memory, 8, 65532) == 0);
    CHECK(flight_ring_body_limit(&ring) == 4 * 65532 - 16);
    CHECK(flight_ring_init(&ring, memory, 1, 16) == 0);
    CHECK(flight_ring_body_limit(&ring) == 4);
    CHECK(flight_ring_init(&ring, memory, 1, 1028) == 0);
    CHECK(flight_ring_body_limit(&ring) == 1016);
    CHECK(flight_ring_init(&ring, memory, 1, 1032) == 0);
    CHECK(flight_ring_body_limit(&ring) == 1016);
    CHECK(flight_ring_init(&ring, memory, 1, 1036) == 0);
    CHECK(flight_ring_body_limit(&ring) == 1020);
    free(memory);
}

/* An event that fills its slot to the last byte takes that slot only, by either call. */
static void test_full_slots(void)
{
    static uint32_t memory[2 * 1032 / 4];
    static const uint32_t sizes[][2] = {{16, 4}, {1028, 1016}, {1032, 1016}};
    flight_ring ring;
    void *body;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CHECK(flight_ring_init(&ring, memory, 2, sizes[i][0]) == 0);
        CHECK(flight_ring_reserve_any(&ring, 0, FLIGHT_LAYOUT_LOG, sizes[i][1], &body) == 0);
        CHECK(flight_ring_commit(&ring, 0) == 0);
        CHECK(flight_ring_reserve(&ring, 0, FLIGHT_LAYOUT_LOG, sizes[i][1], &body) == 0);
        CHECK(flight_ring_commit(&ring, 0) == 0 && flight_ring_count(&ring) == 2);
        CHECK(flight_ring_reserve_any(&ring, 0, FLIGHT_LAYOUT_LOG, sizes[i][1], &body) == FLIGHT_ERROR_FULL);
        CHECK(flight_ring_reserve(&ring, 0, FLIGHT_LAYOUT_LOG, sizes[i][1], &body) == FLIGHT_ERROR_FULL);
    }
}

static void test_calls(void)
{
    static uint32_t memory[16];
    flight_ring ring;
    flight_event event;
    void *body = NULL;

    CHECK(flight_ring_init(&ring, memory, 2, 32) == 0);
    CHECK(flight_ring_reserve(NULL, 0, 1, 4, &body) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_reserve_any(NULL, 0, 1, 4, &body) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_reserve_any(&ring, 0, 1, 4, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_reserve(&ring, 0, 1, 4, NULL) == FLIGHT_ERROR_ARGUMENT);
    for (uint32_t bytes = 1; bytes < 4; bytes++) {
        CHECK(flight_ring_reserve(&ring, 0, 1, bytes, &body) == FLIGHT_ERROR_ARGUMENT);
        CHECK(flight_ring_put(&ring, 0, 1, 0, "abcd", bytes) == FLIGHT_ERROR_ARGUMENT);
    }
    CHECK(flight_ring_reserve(&ring, 0, 1, 24, &body) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(flight_ring_reserve(&ring, 0, 1, 0xfffffffcu, &body) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(body == NULL);
    CHECK(flight_ring_put(NULL, 0, 1, 0, "abcd", 4) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_put(&ring, 0, 1, 0, NULL, 4) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_put(&ring, 0, 1, 0, memory, 24) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(flight_ring_put(&ring, 0, 1, 0, memory, 0xfffffff8u) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(flight_ring_commit(NULL, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_commit(&ring, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_peek(NULL, &event) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_peek(&ring, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_peek(&ring, &event) == FLIGHT_ERROR_EMPTY);
    CHECK(flight_ring_release(NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_release(&ring) == FLIGHT_ERROR_EMPTY);
    CHECK(flight_ring_put(&ring, 0, 1, 0, NULL, 0) == 0); /* no bytes, so no pointer */
    CHECK(flight_ring_peek(&ring, &event) == 0 && event.body_bytes == 0 && event.record_bytes == 4);
}

/* A second commit is told, whatever bodies have left in the free memory. */
static void test_commit_without_reserve(void)
{
    static uint32_t memory[32];
    flight_ring ring;
    void *body;

    CHECK(flight_ring_init(&ring, memory, 8, 16) == 0);
    CHECK(flight_ring_reserve(&ring, 1, FLIGHT_LAYOUT_PAYLOAD, 32, &body) == 0);
    memset(body, 1, 32); /* whatever the free memory holds */
    CHECK(flight_ring_put(&ring, 1, FLIGHT_LAYOUT_LOG, 0, "abcd", 4) == 0); /* gives the reservation up */
    CHECK(flight_ring_commit(&ring, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_count(&ring) == 1);
    CHECK(flight_ring_reserve(&ring, 1, FLIGHT_LAYOUT_LOG, 4, &body) == 0);
    CHECK(flight_ring_commit(&ring, 5) == 0);
    CHECK(flight_ring_commit(&ring, 5) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_ring_count(&ring) == 2);
}

void test_ring_arguments(void)
{
    test_init();
    test_extremes();
    test_full_slots();
    test_calls();
    test_commit_without_reserve();
}
