/* Golden frames made through the core: every type, every layout, every form of a record, the ends of every range. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"

golden goldens[GOLDENS];
uint32_t golden_count;

static uint8_t arena[1u << 20];
static size_t arena_used;
static uint32_t ring_memory[4096];
static flight_ring ring;

#define NOW_MS 0x12345678u

static uint8_t *arena_take(size_t bytes)
{
    uint8_t *at = arena + arena_used;

    arena_used += bytes;
    if (arena_used > sizeof arena || golden_count >= GOLDENS) {
        fprintf(stderr, "corpus: too many golden frames\n");
        exit(2);
    }
    return at;
}

static void add(const char *name, uint8_t type, uint8_t flags, uint32_t number, const uint8_t *payload, size_t bytes)
{
    flight_frame frame = {0};
    const uint32_t size = flight_frame_bytes((uint32_t)bytes, flags);
    uint8_t *at = arena_take(size);

    frame.type = type;
    frame.flags = flags;
    frame.channel = (uint16_t)(number * 7u);
    frame.seq = number;
    frame.ack = number / 2u;
    frame.payload = payload;
    frame.payload_bytes = (uint32_t)bytes;
    if (flight_frame_encode(at, size, &frame) != (int)size) {
        fprintf(stderr, "corpus: the core refuses the golden frame %s\n", name);
        exit(1);
    }
    goldens[golden_count++] = (golden){name, at, size};
}

static void fill(uint8_t *at, size_t bytes, uint32_t state)
{
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        at[i] = (uint8_t)(state >> 24);
    }
}

static void put(uint8_t layout, uint32_t body_bytes, uint32_t age_ms)
{
    static uint8_t body[8192];

    fill(body, body_bytes, body_bytes + layout);
    if (body_bytes > flight_layout_bytes(layout)) { /* a tail: its length, then text */
        const uint32_t fixed = flight_layout_bytes(layout);

        memset(body + fixed, 'a', body_bytes - fixed);
        body[fixed] = (uint8_t)(body_bytes - fixed - 2u);
        body[fixed + 1u] = (uint8_t)((body_bytes - fixed - 2u) >> 8);
    }
    if (flight_ring_put(&ring, 9, layout, (NOW_MS - age_ms) & 0x3fffffffu, body, body_bytes) != 0) {
        fprintf(stderr, "corpus: the core refuses an event of layout %u\n", (unsigned)layout);
        exit(1);
    }
}

/* A frame of everything that was put. */
static void add_batch(const char *name, uint8_t flags, uint32_t number, const uint8_t *prefix, size_t prefix_bytes)
{
    static uint8_t payload[16384];
    flight_batch batch;
    int bytes;

    if (prefix_bytes != 0) {
        memcpy(payload, prefix, prefix_bytes);
    }
    bytes = ((flags & FLIGHT_FLAG_DELTA) != 0 ? flight_delta_pack : flight_batch_pack)(
        &ring, payload + prefix_bytes, sizeof payload - prefix_bytes, NOW_MS & 0x3fffffffu, 99, &batch);
    if (bytes <= 0 || flight_ring_count(&ring) != 0) {
        fprintf(stderr, "corpus: the core does not pack the golden batch %s\n", name);
        exit(1);
    }
    add(name, FLIGHT_TYPE_DATA, (uint8_t)(flags | FLIGHT_FLAG_BATCH), number, payload, prefix_bytes + (size_t)bytes);
}

static void add_batches(void)
{
    static const uint8_t prefix[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    put(FLIGHT_LAYOUT_MEMORY_UPDATE, 20, 250);
    add_batch("one event", 0, 0, NULL, 0);
    put(FLIGHT_LAYOUT_MEMORY_UPDATE, 20, 250);
    add_batch("one checked event", FLIGHT_FLAG_CHECKED, 3, NULL, 0);
    put(FLIGHT_LAYOUT_V6R_EVENT, 12, 40);
    add_batch("critical event", FLIGHT_FLAG_CHECKED | FLIGHT_FLAG_CRITICAL, 4, prefix, sizeof prefix);
    put(FLIGHT_LAYOUT_PAYLOAD, 4, 0);
    put(FLIGHT_LAYOUT_V6R_EVENT, 4, 32767);
    put(FLIGHT_LAYOUT_LOG, 12, 32768);
    put(FLIGHT_LAYOUT_FRAME_TIME, 16, 33000);
    put(FLIGHT_LAYOUT_COMPONENT_UPDATE, 12, 18000000);
    put(FLIGHT_LAYOUT_SYSTEM_MONITORING, 28, 32766999);
    put(FLIGHT_LAYOUT_PAYLOAD, 8, 0x20000000);
    add_batch("mixed", FLIGHT_FLAG_CHECKED, 5, NULL, 0);
    put(FLIGHT_LAYOUT_MEMORY_UPDATE | FLIGHT_LAYOUT_WIDE, 36, 1);
    put(FLIGHT_LAYOUT_COMPONENT_UPDATE | FLIGHT_LAYOUT_WIDE, 16, 2);
    put(FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE, 40, 3);
    add_batch("wide", 0, 6, NULL, 0);
    for (uint32_t i = 0; i < 10; i++) {
        put(FLIGHT_LAYOUT_FRAME_TIME, 16, 16 * i);
    }
    add_batch("ten frame times", FLIGHT_FLAG_CHECKED, 7, NULL, 0);
    put(FLIGHT_LAYOUT_PAYLOAD, 1016, 5); /* the last short form, the first long one */
    add_batch("longest short record", FLIGHT_FLAG_CHECKED, 8, NULL, 0);
    put(FLIGHT_LAYOUT_PAYLOAD, 1020, 5);
    add_batch("shortest long record", FLIGHT_FLAG_CHECKED, 9, NULL, 0);
    put(FLIGHT_LAYOUT_PAYLOAD, 8000, 5);
    add_batch("long record, unchecked", 0, 9, NULL, 0);
}

/* One memory update after another, as a console sends them: a few words change a little. */
static void put_updates(uint32_t events, uint32_t step_ms)
{
    for (uint32_t i = 0; i < events; i++) {
        const uint32_t words[5] = {16777216u, 8808038u + 4096u * i, 7969178u - 4096u * i, 0xffffffffu, 1250u + i / 3u};
        uint8_t body[20];

        for (uint32_t byte = 0; byte < 20; byte++) {
            body[byte] = (uint8_t)(words[byte / 4] >> 8 * (byte % 4));
        }
        if (flight_ring_put(&ring, 9, FLIGHT_LAYOUT_MEMORY_UPDATE, (NOW_MS - step_ms * (events - i)) & 0x3fffffffu, body,
                            20) != 0) {
            exit(1);
        }
    }
}

static void add_deltas(void)
{
    static const uint8_t prefix[8] = {9, 8, 7, 6, 5, 4, 3, 2};

    put_updates(8, 16);
    add_batch("delta, eight updates", FLIGHT_FLAG_DELTA, 20, NULL, 0);
    put_updates(16, 1000);
    add_batch("delta, checked", FLIGHT_FLAG_DELTA | FLIGHT_FLAG_CHECKED, 21, NULL, 0);
    put_updates(2, 5);
    for (uint32_t i = 0; i < 2; i++) { /* five layouts: the last is not kept; tails; ages back and forth */
        put(FLIGHT_LAYOUT_LOG, 8 + 4 * i, 40000 * i);
        put(FLIGHT_LAYOUT_V6R_EVENT, 4, 7);
        put(FLIGHT_LAYOUT_PAYLOAD, 4, 0x20000000);
        put(FLIGHT_LAYOUT_FRAME_TIME, 16, 3);
    }
    add_batch("delta, mixed", FLIGHT_FLAG_DELTA, 22, NULL, 0);
    put_updates(3, 5);
    add_batch("delta, critical", FLIGHT_FLAG_DELTA | FLIGHT_FLAG_CRITICAL | FLIGHT_FLAG_CHECKED, 23, prefix, 8);
    put(FLIGHT_LAYOUT_PAYLOAD, 8, 1);
    put(FLIGHT_LAYOUT_PAYLOAD, 1100, 1);
    put(FLIGHT_LAYOUT_PAYLOAD, 1104, 1);
    add_batch("delta, long tails", FLIGHT_FLAG_DELTA, 24, NULL, 0);
}

void goldens_build(void)
{
    static uint8_t payload[65536];

    if (flight_ring_init(&ring, ring_memory, 256, 64) != 0) {
        exit(1);
    }
    for (unsigned type = 1; type <= FLIGHT_TYPE_RENEWED; type++) {
        fill(payload, 4, type);
        add("every type", (uint8_t)type, FLIGHT_FLAG_CHECKED, type, payload, 4);
    }
    add("smallest", FLIGHT_TYPE_HEARTBEAT, 0, 0, NULL, 0);
    add("smallest checked", FLIGHT_TYPE_ACK, FLIGHT_FLAG_CHECKED, 0, NULL, 0);
    add("ends of ranges", FLIGHT_TYPE_DELIVER, FLIGHT_FLAG_CHECKED, FLIGHT_NUMBER_LIMIT - 1u, payload, 7);
    fill(payload, 60, 99);
    add("hello", FLIGHT_TYPE_HELLO, FLIGHT_FLAG_CHECKED, 0, payload, 60);
    add("hello unchecked", FLIGHT_TYPE_WELCOME, 0, 1, payload, 33);
    memset(payload, FLIGHT_FIRST_BYTE, 80);
    memcpy(payload + 5, goldens[0].bytes, goldens[0].size);
    memcpy(payload + 40, goldens[1].bytes, 16);
    add("frames inside", FLIGHT_TYPE_DATA, FLIGHT_FLAG_CHECKED, 2, payload, 80);
    fill(payload, GOLDEN_BYTES, 7);
    add("of 224 bytes", FLIGHT_TYPE_DATA, FLIGHT_FLAG_CHECKED, 3, payload, GOLDEN_BYTES - 20);
    add_batches();
    add_deltas();
    fill(payload, sizeof payload, 8);
    add("largest", FLIGHT_TYPE_DATA, FLIGHT_FLAG_CHECKED, 3, payload, 65536 - 20);
    add("largest unchecked", FLIGHT_TYPE_DATA, 0, 3, payload, 65536 - 16);
}

void goldens_load(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t head[4];

    if (file == NULL) {
        perror(path);
        exit(2);
    }
    while (fread(head, 1, 4, file) == 4) {
        const uint32_t size = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
        uint8_t *at = arena_take(size);

        if (fread(at, 1, size, file) != size) {
            fprintf(stderr, "%s: cut\n", path);
            exit(2);
        }
        goldens[golden_count++] = (golden){"from the specification", at, size};
    }
    fclose(file);
}
