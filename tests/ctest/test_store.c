/* The send store: its refusals and counters one by one, then against a model that keeps its lists as plain arrays. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"
#include "store_model.h"

#define HEAD_BYTES 20u /* of an entry, in front of its body */
#define NOBODY 0xffffu
#define LARGEST 1016u

static uint32_t *memory_for(uint32_t entries, uint32_t body_bytes)
{
    const size_t bytes = flight_store_need(entries, body_bytes);
    uint32_t *memory = malloc(bytes + 4);

    CHECK(memory != NULL);
    memset(memory, 0xa5, bytes + 4);
    return memory;
}

static void release(uint32_t *memory, uint32_t entries, uint32_t body_bytes)
{
    CHECK(memcmp((uint8_t *)memory + flight_store_need(entries, body_bytes), "\xa5\xa5\xa5\xa5", 4) == 0);
    free(memory);
}

static flight_store_event event_of(uint8_t policy, uint16_t channel, uint32_t key, uint32_t body_bytes, const void *body)
{
    flight_store_event event = {0};

    event.body = body;
    event.body_bytes = body_bytes;
    event.stamp_ms = 100;
    event.key = key;
    event.channel = channel;
    event.layout = FLIGHT_LAYOUT_LOG;
    event.policy = policy;
    return event;
}

static int put(flight_store *store, uint8_t policy, uint16_t channel, uint32_t key, uint32_t value)
{
    const flight_store_event event = event_of(policy, channel, key, 4, &value);

    return flight_store_put(store, &event);
}

static uint32_t in_list(const flight_store *store, int list)
{
    return store->lists[list].count;
}

static void test_need_of_a_store(void)
{
    CHECK(flight_store_need(1, 4) == 24 + 8);
    CHECK(flight_store_need(2, 8) == 2 * 28 + 8);
    CHECK(flight_store_need(3, 0) == 3 * 20 + 16);
    CHECK(flight_store_need(4, 0) == 4 * 20 + 16);
    CHECK(flight_store_need(5, 0) == 5 * 20 + 32);
    CHECK(flight_store_need(64, 48) == 64 * 68 + 256);
    CHECK(flight_store_need(16384, 1016) == (size_t)16384 * 1036 + 65536);
}

static void test_set_up(void)
{
    uint32_t *memory = memory_for(16384, 0);
    flight_store store;

    CHECK(flight_store_init(NULL, memory, 4, 8, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, NULL, 4, 8, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, (uint8_t *)memory + 2, 4, 8, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 0, 8, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 16385, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 4, 6, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 4, 9, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 4, 65536, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 4, 8, 4) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 4, 8, 5) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_init(&store, memory, 1, 65532, 0) == 0);
    CHECK(store.entry_words == (HEAD_BYTES + 65532) / 4 && store.index_mask == 3);
    CHECK(flight_store_init(&store, memory, 16384, 0, 16383) == 0);
    CHECK(store.index_mask == 32767 && store.lists[FLIGHT_STORE_FREE].last == 16383);
    release(memory, 16384, 0);

    memory = memory_for(5, 8);
    memset(&store, 0xa5, sizeof store);
    CHECK(flight_store_init(&store, memory, 5, 8, 3) == 0);
    CHECK(store.memory == memory && store.entry_words == 7 && store.index_mask == 15);
    CHECK((uint32_t *)(void *)store.index == memory + 5 * 7 && store.body_bytes == 8 && store.reserved == 3);
    CHECK(store.lists[FLIGHT_STORE_FREE].first == 0 && store.lists[FLIGHT_STORE_FREE].last == 4);
    CHECK(in_list(&store, FLIGHT_STORE_FREE) == 5);
    for (int list = FLIGHT_STORE_LOSSY; list < FLIGHT_STORE_LISTS; list++) {
        CHECK(store.lists[list].first == NOBODY && store.lists[list].last == NOBODY && in_list(&store, list) == 0);
    }
    for (int i = 0; i < 16; i++) {
        CHECK(store.index[i] == NOBODY);
    }
    CHECK((store.accepted | store.settled | store.replaced | store.dropped_oldest) == 0);
    CHECK((store.refused_full | store.refused_too_large) == 0);
    release(memory, 5, 8);
}

static void test_put_arguments(void)
{
    static const uint8_t body[1020] = {1, 2, 3, 4};
    uint32_t *memory = memory_for(4, 2000);
    flight_store store;
    flight_batch batch;
    flight_store_event event = event_of(FLIGHT_POLICY_KEEP, 1, 0, 4, body);
    uint8_t *out = malloc(1020);

    CHECK(out != NULL);
    CHECK(flight_store_init(&store, memory, 4, 8, 0) == 0);
    CHECK(flight_store_put(NULL, &event) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_put(&store, NULL) == FLIGHT_ERROR_ARGUMENT);
    event = event_of(FLIGHT_POLICY_KEEP, 1, 0, 4, NULL);
    CHECK(flight_store_put(&store, &event) == FLIGHT_ERROR_ARGUMENT);
    for (uint32_t bytes = 1; bytes < 8; bytes++) {
        event = event_of(FLIGHT_POLICY_KEEP, 1, 0, bytes, body);
        CHECK(bytes == 4 || flight_store_put(&store, &event) == FLIGHT_ERROR_ARGUMENT);
    }
    event = event_of(FLIGHT_POLICY_CONTROL + 1, 1, 0, 4, body);
    CHECK(flight_store_put(&store, &event) == FLIGHT_ERROR_ARGUMENT);
    CHECK(store.accepted == 0 && store.refused_full == 0 && store.refused_too_large == 0);
    event = event_of(FLIGHT_POLICY_KEEP, 1, 0, 12, body); /* over the limit of this store */
    CHECK(flight_store_put(&store, &event) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(store.refused_too_large == 1 && in_list(&store, FLIGHT_STORE_FREE) == 4);
    event = event_of(FLIGHT_POLICY_KEEP, 1, 0, 8, body);
    CHECK(flight_store_put(&store, &event) == FLIGHT_STORE_QUEUED);
    event = event_of(FLIGHT_POLICY_CONTROL, 1, 0, 0, NULL); /* an empty body needs no address */
    CHECK(flight_store_put(&store, &event) == FLIGHT_STORE_QUEUED);
    CHECK(store.accepted == 2 && in_list(&store, FLIGHT_STORE_KEPT) == 2);

    CHECK(flight_store_init(&store, memory, 4, 2000, 0) == 0);
    event = event_of(FLIGHT_POLICY_OLDEST, 1, 0, 1020, body); /* over what a short record says */
    CHECK(flight_store_put(&store, &event) == FLIGHT_ERROR_TOO_LARGE && store.refused_too_large == 1);
    event = event_of(FLIGHT_POLICY_OLDEST, 1, 0, LARGEST, body);
    CHECK(flight_store_put(&store, &event) == FLIGHT_STORE_QUEUED && store.refused_too_large == 1);
    CHECK(flight_store_pack(&store, 0, out, 1019, 100, 9, 0, &batch) == FLIGHT_ERROR_NO_ROOM && batch.events == 0);
    CHECK(flight_store_pack(&store, 0, out, 1020, 107, 9, 0, &batch) == 1020 && batch.events == 1);
    CHECK(memcmp(out, "\5\xfe\7\0\1\2\3\4\0", 9) == 0);
    free(out);
    release(memory, 4, 2000);
}

/* Who may take the last entries, and who goes for whom. */
static void test_room(void)
{
    uint32_t *memory = memory_for(4, 8);
    flight_store store;

    CHECK(flight_store_init(&store, memory, 4, 8, 2) == 0);
    CHECK(put(&store, FLIGHT_POLICY_KEEP, 1, 0, 1) == FLIGHT_STORE_QUEUED);
    CHECK(put(&store, FLIGHT_POLICY_OLDEST, 1, 0, 2) == FLIGHT_STORE_QUEUED);
    CHECK(put(&store, FLIGHT_POLICY_KEEP, 1, 0, 3) == FLIGHT_ERROR_FULL && store.refused_full == 1);
    CHECK(put(&store, FLIGHT_POLICY_OLDEST, 1, 0, 4) == FLIGHT_STORE_DROPPED_OLDEST && store.dropped_oldest == 1);
    CHECK(put(&store, FLIGHT_POLICY_LATEST, 1, 7, 5) == FLIGHT_STORE_DROPPED_OLDEST && store.dropped_oldest == 2);
    CHECK(put(&store, FLIGHT_POLICY_LATEST, 1, 7, 6) == FLIGHT_STORE_REPLACED && store.replaced == 1);
    CHECK(put(&store, FLIGHT_POLICY_LATEST, 1, 8, 6) == FLIGHT_STORE_DROPPED_OLDEST && store.dropped_oldest == 3);
    CHECK(put(&store, FLIGHT_POLICY_LATEST, 1, 7, 6) == FLIGHT_STORE_DROPPED_OLDEST && store.dropped_oldest == 4);
    CHECK(put(&store, FLIGHT_POLICY_CONTROL, 1, 0, 7) == FLIGHT_STORE_QUEUED);
    CHECK(put(&store, FLIGHT_POLICY_CONTROL, 1, 0, 8) == FLIGHT_STORE_QUEUED);
    CHECK(put(&store, FLIGHT_POLICY_CONTROL, 1, 0, 9) == FLIGHT_ERROR_FULL && store.refused_full == 2);
    CHECK(in_list(&store, FLIGHT_STORE_FREE) == 0 && in_list(&store, FLIGHT_STORE_LOSSY) == 1);
    CHECK(in_list(&store, FLIGHT_STORE_KEPT) == 3 && store.accepted == 9);

    CHECK(flight_store_init(&store, memory, 4, 8, 2) == 0); /* nothing lossy to drop */
    CHECK(put(&store, FLIGHT_POLICY_KEEP, 1, 0, 1) == 0 && put(&store, FLIGHT_POLICY_KEEP, 1, 0, 2) == 0);
    CHECK(put(&store, FLIGHT_POLICY_OLDEST, 1, 0, 3) == FLIGHT_ERROR_FULL);
    CHECK(put(&store, FLIGHT_POLICY_LATEST, 1, 0, 4) == FLIGHT_ERROR_FULL);
    CHECK(store.refused_full == 2 && store.dropped_oldest == 0 && store.accepted == 2);
    release(memory, 4, 8);
}

static void test_pack_arguments(void)
{
    uint32_t *memory = memory_for(4, 8);
    flight_store store;
    flight_batch batch = {.events = 9, .channel = 9};
    uint8_t out[32];

    CHECK(flight_store_init(&store, memory, 4, 8, 0) == 0);
    CHECK(flight_store_pack(NULL, 0, out, 32, 0, 9, 0, &batch) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_pack(&store, 0, NULL, 32, 0, 9, 0, &batch) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_pack(&store, 0, out, 32, 0, 9, 0, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_store_pack(&store, 0, out, 32, 0, 9, 0, &batch) == 0 && batch.events == 0 && batch.channel == 0);
    CHECK(put(&store, FLIGHT_POLICY_KEEP, 5, 0, 0x44332211) == 0);
    CHECK(put(&store, FLIGHT_POLICY_KEEP, 5, 0, 0x88776655) == 0);
    CHECK(put(&store, FLIGHT_POLICY_KEEP, 6, 0, 1) == 0);
    CHECK(flight_store_pack(&store, 0, out, 32, 0, 9, 0, &batch) == 0);
    CHECK(flight_store_pack(&store, 1, out, 32, 0, 0, 0, &batch) == 0 && batch.events == 0 && batch.channel == 0);
    CHECK(flight_store_pack(&store, 1, out, 7, 0, 9, 0, &batch) == FLIGHT_ERROR_NO_ROOM && batch.events == 0);
    CHECK(in_list(&store, FLIGHT_STORE_KEPT) == 3 && in_list(&store, FLIGHT_STORE_SENT) == 0);
    CHECK(flight_store_pack(&store, 1, out, 15, 100, 9, 1, &batch) == 8 && batch.events == 1 && batch.channel == 5);
    CHECK(memcmp(out, "\5\1\0\0\x11\x22\x33\x44", 8) == 0);
    CHECK(flight_store_pack(&store, 1, out, 32, 357, 9, 2, &batch) == 8 && batch.events == 1); /* then another channel */
    CHECK(memcmp(out, "\5\1\1\1\x55\x66\x77\x88", 8) == 0);
    CHECK(flight_store_pack(&store, 1, out, 32, 100, 9, 3, &batch) == 8 && batch.channel == 6);
    CHECK(in_list(&store, FLIGHT_STORE_SENT) == 3 && store.settled == 0);
    CHECK(flight_store_ack(&store, 0) == 0 && flight_store_ack(&store, 1) == 0);
    CHECK(flight_store_ack(&store, 3) == 2 && flight_store_ack(&store, 3) == 0 && store.settled == 2);
    CHECK(flight_store_rewind(&store) == 1 && flight_store_rewind(&store) == 0);
    CHECK(flight_store_ack(&store, 99) == 0 && in_list(&store, FLIGHT_STORE_KEPT) == 1);
    CHECK(flight_store_pack(&store, 1, out, 8, 100, 9, 0, &batch) == 8 && flight_store_ack(&store, 1) == 1);
    CHECK(in_list(&store, FLIGHT_STORE_FREE) == 4 && store.settled == 3 && store.accepted == 3);
    release(memory, 4, 8);
}

/* A capacity over 64 KiB counts as 64 KiB, here too. */
static void test_no_batch_is_larger_than_a_frame(void)
{
    static const uint8_t body[LARGEST];
    uint32_t *memory = memory_for(66, LARGEST);
    uint8_t *out = malloc(70000);
    flight_store store;
    flight_batch batch;

    CHECK(out != NULL);
    CHECK(flight_store_init(&store, memory, 66, LARGEST, 0) == 0);
    for (int i = 0; i < 66; i++) {
        const flight_store_event event = event_of(FLIGHT_POLICY_OLDEST, 2, 0, i == 64 ? 252 : LARGEST, body);

        CHECK(flight_store_put(&store, &event) == 0);
    }
    CHECK(flight_store_pack(&store, 0, out, 70000, 0, 99, 0, &batch) == 65536 && batch.events == 65);
    CHECK(flight_store_pack(&store, 0, out, 70000, 0, 99, 0, &batch) == 1020 && batch.events == 1);
    CHECK(store.settled == 66);
    free(out);
    release(memory, 66, LARGEST);
}

/* The longest row of taken places in an index that is half full: what a search has to look at, at most. */
static uint32_t longest_row(uint32_t key_step, uint32_t channel_step)
{
    uint32_t *memory = memory_for(512, 4);
    uint32_t row = 0, longest = 0;
    flight_store store;

    CHECK(flight_store_init(&store, memory, 512, 4, 0) == 0);
    for (uint32_t i = 0; i < 512; i++) {
        CHECK(put(&store, FLIGHT_POLICY_LATEST, (uint16_t)(i * channel_step), i * key_step, i) == 0);
    }
    for (uint32_t place = 0; place < 2048; place++) {
        row = store.index[place & 1023] != NOBODY ? row + 1 : 0;
        longest = row > longest ? row : longest;
    }
    release(memory, 512, 4);
    return longest;
}

/* ---- against the model ---- */

static uint32_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state = chance_state * 1664525u + 1013904223u;
    return (chance_state >> 8) % below;
}

static void put_both(flight_store *store, store_model *kept, uint32_t now_ms, uint32_t lossy_share)
{
    store_model_event event = {0};
    flight_store_event given;

    event.body_bytes = 4 * chance(3);
    for (uint32_t i = 0; i < event.body_bytes; i++) {
        event.bytes[i] = (uint8_t)chance(256);
    }
    event.stamp_ms = now_ms - chance(30000);
    event.key = chance(2) ? chance(9) : chance(4) << 30; /* near each other, and by their top bits only */
    event.channel = (uint16_t)chance(3);
    event.layout = (uint8_t)(1 + chance(7));
    event.policy = (uint8_t)(chance(8) < lossy_share ? 1 + (chance(4) != 0) : 3 * (chance(3) == 0));
    given = event_of(event.policy, event.channel, event.key, event.body_bytes, event.bytes);
    given.stamp_ms = event.stamp_ms;
    given.layout = event.layout;
    CHECK(flight_store_put(store, &given) == store_model_put(kept, &event));
}

static void pack_both(flight_store *store, store_model *kept, uint32_t now_ms, uint32_t frame_seq)
{
    uint8_t ours[256], theirs[256];
    flight_batch batch, expected;
    const int is_kept = (int)chance(2);
    const uint32_t limit = chance(5);
    const size_t capacity = chance(50);
    const int bytes = flight_store_pack(store, is_kept, ours, capacity, now_ms, limit, frame_seq, &batch);

    CHECK(bytes == store_model_pack(kept, is_kept, theirs, capacity, now_ms, limit, frame_seq, &expected));
    CHECK(batch.events == expected.events && batch.channel == expected.channel);
    CHECK(bytes <= 0 || memcmp(ours, theirs, (size_t)bytes) == 0);
}

static void test_against_the_model(uint32_t entries, uint32_t reserved, uint32_t seed, uint32_t steps)
{
    uint32_t *memory = memory_for(entries, 8);
    static store_model kept;
    flight_store store;
    uint32_t frame_seq = 1;

    memset(&kept, 0, sizeof kept);
    kept.entries = entries;
    kept.reserved = reserved;
    chance_state = seed;
    CHECK(flight_store_init(&store, memory, entries, 8, reserved) == 0);
    for (uint32_t step = 0; step < steps; step++) {
        const uint32_t now_ms = 50000 + step * 3;
        const uint32_t what = chance(100);

        if (what < 65) {
            put_both(&store, &kept, now_ms, step / 200 % 9);
        } else if (what < 90) {
            pack_both(&store, &kept, now_ms, frame_seq++);
        } else if (what < 98) {
            const uint32_t back = chance(6);
            const uint32_t next_expected = frame_seq > back ? frame_seq - back : 0;

            CHECK(flight_store_ack(&store, next_expected) == store_model_ack(&kept, next_expected));
        } else {
            CHECK(flight_store_rewind(&store) == store_model_rewind(&kept));
        }
        CHECK(store_model_compare(&kept, &store) == NULL);
    }
    release(memory, entries, 8);
}

void test_store(void)
{
    test_need_of_a_store();
    test_set_up();
    test_put_arguments();
    test_room();
    test_pack_arguments();
    test_no_batch_is_larger_than_a_frame();
    CHECK(longest_row(1, 0) < 32 && longest_row(0, 1) < 32 && longest_row(1u << 20, 0) < 32);
    test_against_the_model(1, 0, 1, 500);
    test_against_the_model(2, 1, 2, 2000);
    test_against_the_model(8, 0, 3, 8000);
    test_against_the_model(16, 3, 4, 8000);
    test_against_the_model(5, 4, 5, 3000);
}
