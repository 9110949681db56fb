/* needs: flight_store_need flight_store_init flight_store_put flight_store_pack flight_store_ack flight_store_rewind */
#include "fuzz.h"
#include "store_model.h"

/* A store and its model do the same: a byte of set-up, then operations of one byte and their arguments. */
typedef struct world {
    flight_store store;
    store_model model;
    const uint8_t *input;
    size_t left;
    uint32_t now_ms;
    uint32_t frame_seq;
} world;

static uint32_t next_byte(world *at)
{
    if (at->left == 0) {
        return 0;
    }
    at->left--;
    return *at->input++;
}

/* Sizes that fit and that do not, keys near each other and far apart. */
static void put(world *at)
{
    const uint32_t shape = next_byte(at);
    const uint32_t key = next_byte(at);
    store_model_event event;
    flight_store_event given;
    uint8_t *body;

    memset(&event, 0, sizeof event);
    event.policy = (uint8_t)(shape & 3u);
    event.body_bytes = 4u * ((shape >> 2) & 3u);
    event.channel = (uint16_t)(((shape >> 4) & 1u) * 0xffffu);
    event.layout = (uint8_t)(1u + (shape >> 5));
    event.key = (key & 0x0fu) << ((key >> 4) & 1u ? 28 : 0);
    event.stamp_ms = at->now_ms - 100u * (key >> 5);
    body = exactly(NULL, event.body_bytes);
    for (uint32_t i = 0; i < event.body_bytes; i++) {
        body[i] = (uint8_t)(key + i);
    }
    given.body = body;
    given.body_bytes = event.body_bytes;
    given.stamp_ms = event.stamp_ms;
    given.key = event.key;
    given.channel = event.channel;
    given.layout = event.layout;
    given.policy = event.policy;
    if (event.body_bytes > sizeof event.bytes) {
        const uint32_t refused = at->store.refused_too_large;

        REQUIRE(flight_store_put(&at->store, &given) == FLIGHT_ERROR_TOO_LARGE);
        REQUIRE(at->store.refused_too_large == refused + 1u);
    } else {
        memcpy(event.bytes, body, event.body_bytes);
        REQUIRE(flight_store_put(&at->store, &given) == store_model_put(&at->model, &event));
    }
    free(body);
}

static void pack(world *at)
{
    const uint32_t shape = next_byte(at);
    const size_t capacity = shape >> 2;
    const uint32_t limit_events = next_byte(at) % 9u;
    uint8_t *ours = exactly(NULL, capacity);
    uint8_t *theirs = exactly(NULL, capacity);
    flight_batch batch, expected;
    const int kept = (int)(shape & 1u);
    const int bytes =
        flight_store_pack(&at->store, kept, ours, capacity, at->now_ms, limit_events, at->frame_seq, &batch);

    REQUIRE(bytes == store_model_pack(&at->model, kept, theirs, capacity, at->now_ms, limit_events, at->frame_seq, &expected));
    REQUIRE(batch.events == expected.events && batch.channel == expected.channel);
    REQUIRE(bytes <= 0 || memcmp(ours, theirs, (size_t)bytes) == 0);
    at->frame_seq += shape >> 1 & 1u;
    free(ours);
    free(theirs);
}

/* Acknowledged: what was sent, what was settled before, and what never was sent. */
static void acknowledge(world *at)
{
    const uint32_t next_expected = at->frame_seq + 2u - next_byte(at) % 16u;

    REQUIRE(flight_store_ack(&at->store, next_expected) == store_model_ack(&at->model, next_expected));
}

static void step(world *at)
{
    const uint32_t what = next_byte(at);

    at->now_ms += what;
    if (what % 16u < 9u) {
        put(at);
    } else if (what % 16u < 13u) {
        pack(at);
    } else if (what % 16u < 15u) {
        acknowledge(at);
    } else {
        REQUIRE(flight_store_rewind(&at->store) == store_model_rewind(&at->model));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static world at;
    uint32_t entries, reserved;
    uint8_t *memory;

    if (bytes == 0) {
        return 0;
    }
    memset(&at, 0, sizeof at);
    entries = 1u + data[0] % STORE_MODEL_MOST;
    reserved = (uint32_t)(data[0] >> 4) % entries;
    at.model.entries = entries;
    at.model.reserved = reserved;
    at.now_ms = 100000u;
    at.frame_seq = 20u;
    at.input = data + 1;
    at.left = bytes - 1;
    memory = exactly(NULL, flight_store_need(entries, sizeof at.model.events[0][0].bytes));
    REQUIRE(flight_store_init(&at.store, memory, entries, sizeof at.model.events[0][0].bytes, reserved) == 0);
    while (at.left != 0) {
        const char *problem;

        step(&at);
        problem = store_model_compare(&at.model, &at.store);
        if (problem != NULL) {
            fprintf(stderr, "%s\n", problem);
            abort();
        }
    }
    free(memory);
    return 0;
}
