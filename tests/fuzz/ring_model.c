#include "ring_model.h"

#include <stdlib.h>
#include <string.h>

#include "flight.h"

#define EVENTS 64 /* the model's ring never has more slots than this */
#define NOW_MS 0x23456789u

typedef struct model_event {
    uint32_t body_bytes;
    uint32_t stamp_ms;
    uint32_t filler; /* slots of filler in front */
    uint16_t channel;
    uint8_t layout;
    uint8_t mark;
} model_event;

typedef struct model {
    flight_ring ring;
    uint32_t *memory;
    uint32_t slots;
    uint32_t slot_bytes;
    uint64_t head; /* slots released since the start */
    uint64_t tail; /* slots committed since the start */
    model_event events[EVENTS];
    uint32_t first;
    uint32_t count;
    model_event reserved;
    void *reserved_body;
    const uint8_t *input;
    size_t left;
} model;

static uint32_t next_byte(model *at)
{
    if (at->left == 0) {
        return 0;
    }
    at->left--;
    return *at->input++;
}

static uint32_t slots_of(const model *at, uint32_t body_bytes)
{
    const uint32_t bytes = 8 + 4 + (body_bytes > 1016 ? 4 : 0) + body_bytes;

    return (bytes + at->slot_bytes - 1) / at->slot_bytes;
}

/* Whether a body of this size can ever fit: half the slots, but one slot in a ring of one. */
static int can_fit(const model *at, uint32_t body_bytes)
{
    return slots_of(at, body_bytes) <= (at->slots < 2 ? 1 : at->slots / 2);
}

/* Slots of filler that it takes now, or -1 where it does not fit now. */
static int filler_now(const model *at, uint32_t body_bytes)
{
    const uint32_t need = slots_of(at, body_bytes);
    const uint32_t to_end = at->slots - (uint32_t)(at->tail % at->slots);
    const uint32_t free_slots = at->slots - (uint32_t)(at->tail - at->head);

    if (need <= to_end) {
        return need <= free_slots ? 0 : -1;
    }
    return to_end + need <= free_slots ? (int)to_end : -1;
}

static int answer(const model *at, uint32_t body_bytes)
{
    if (body_bytes % 4 != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (!can_fit(at, body_bytes)) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    return filler_now(at, body_bytes) < 0 ? FLIGHT_ERROR_FULL : 0;
}

static model_event read_event(model *at)
{
    model_event event = {0};
    const uint32_t size = next_byte(at);

    event.body_bytes = size < 240 ? (size % 64) * 4 : 1000 + (size % 16) * 4; /* 240 and more: about the long form */
    if (size == 200) {
        event.body_bytes = 6; /* not a multiple of four */
    }
    event.channel = (uint16_t)(next_byte(at) % 3 * 0x7fff);
    event.layout = (uint8_t)(1 + next_byte(at) % 7);
    event.stamp_ms = NOW_MS - next_byte(at) * 0x01000193u;
    event.mark = (uint8_t)(event.body_bytes + event.layout + event.stamp_ms);
    return event;
}

static void append(model *at, model_event event)
{
    event.filler = (uint32_t)filler_now(at, event.body_bytes);
    at->events[(at->first + at->count++) % EVENTS] = event;
    at->tail += event.filler + slots_of(at, event.body_bytes);
    at->reserved_body = NULL;
}

static model_event *look(model *at)
{
    return at->count == 0 ? NULL : &at->events[at->first % EVENTS];
}

/* A filler is given back together with the event behind it. */
static void drop_oldest(model *at)
{
    at->head += look(at)->filler + slots_of(at, look(at)->body_bytes);
    at->first++;
    at->count--;
}

static int body_is(const uint8_t *body, uint32_t bytes, uint8_t mark)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (body[i] != (uint8_t)(mark + i)) {
            return 0;
        }
    }
    return 1;
}

static void write_body(uint8_t *body, uint32_t bytes, uint8_t mark)
{
    for (uint32_t i = 0; i < bytes; i++) {
        body[i] = (uint8_t)(mark + i);
    }
}

static const char *start(model *at)
{
    static const uint16_t sizes[] = {16, 20, 24, 32, 64, 128, 1024, 1032};

    at->slots = 1 + next_byte(at) % 40;
    at->slot_bytes = sizes[next_byte(at) % 8];
    free(at->memory);
    at->memory = malloc(FLIGHT_RING_BYTES(at->slots, at->slot_bytes));
    at->head = at->tail = 0;
    at->first = at->count = 0;
    at->reserved_body = NULL;
    if (at->memory == NULL || flight_ring_init(&at->ring, at->memory, at->slots, at->slot_bytes) != 0) {
        return "the ring is refused";
    }
    return NULL;
}

static const char *put(model *at)
{
    static uint8_t body[4096];
    const model_event event = read_event(at);
    const int expected = answer(at, event.body_bytes);

    write_body(body, event.body_bytes, event.mark);
    if (flight_ring_put(&at->ring, event.channel, event.layout, event.stamp_ms, body, event.body_bytes) != expected) {
        return "put answers differently";
    }
    if (expected == 0) {
        append(at, event);
    }
    return NULL;
}

static const char *reserve(model *at)
{
    const model_event event = read_event(at);
    const int expected = answer(at, event.body_bytes);
    void *body = NULL;

    if (flight_ring_reserve(&at->ring, event.channel, event.layout, event.body_bytes, &body) != expected) {
        return "reserve answers differently";
    }
    if (expected != 0) {
        return body == NULL ? NULL : "a refused reserve has changed the result";
    }
    if ((uintptr_t)body % 4 != 0) {
        return "a body that is not aligned";
    }
    write_body(body, event.body_bytes, event.mark); /* the sanitizer sees whether all of it is inside */
    at->reserved = event;
    at->reserved_body = body;
    return NULL;
}

static const char *commit(model *at)
{
    const int expected = at->reserved_body != NULL ? 0 : FLIGHT_ERROR_ARGUMENT;

    if (flight_ring_commit(&at->ring, at->reserved.stamp_ms) != expected) {
        return "commit answers differently";
    }
    if (expected == 0) {
        append(at, at->reserved);
    }
    return NULL;
}

static const char *peek(model *at)
{
    const model_event *expected = look(at);
    flight_event event;

    memset(&event, 0xa5, sizeof event);
    if (flight_ring_peek(&at->ring, &event) != (expected != NULL ? 0 : FLIGHT_ERROR_EMPTY)) {
        return "peek answers differently";
    }
    if (expected == NULL) {
        return event.channel == 0xa5a5 ? NULL : "an empty peek has changed the result";
    }
    if (event.channel != expected->channel || event.layout != expected->layout ||
        event.stamp_ms != expected->stamp_ms || event.body_bytes != expected->body_bytes ||
        event.record_bytes != expected->body_bytes + (expected->body_bytes > 1016 ? 8u : 4u) ||
        event.record + event.record_bytes != event.body + event.body_bytes) {
        return "the oldest event has other values";
    }
    return body_is(event.body, event.body_bytes, expected->mark) ? NULL : "the oldest event has another body";
}

static const char *release(model *at)
{
    const int expected = at->count != 0 ? 0 : FLIGHT_ERROR_EMPTY;

    if (flight_ring_release(&at->ring) != expected) {
        return "release answers differently";
    }
    if (expected == 0) {
        drop_oldest(at);
    }
    return NULL;
}

/* Take the events off the model that stand in these bytes. */
static const char *unpack(model *at, const uint8_t *data, uint32_t bytes, const flight_batch *batch)
{
    for (uint32_t i = 0; i < batch->events; i++) {
        const model_event *event = look(at);
        flight_record record;
        const int record_bytes = flight_batch_next(data, bytes, &record);

        /* layouts with a larger fixed part than this body are packed all the same: the producer answers for them */
        if (event == NULL || event->channel != batch->channel) {
            return "an event of another channel in the batch";
        }
        if (event->body_bytes >= flight_layout_bytes(event->layout)) {
            if (record_bytes <= 0 || record.layout != event->layout || record.body_bytes != event->body_bytes ||
                !body_is(record.body, record.body_bytes, event->mark)) {
                return "a packed record has other values";
            }
        }
        data += event->body_bytes + (event->body_bytes > 1016 ? 8 : 4);
        bytes -= event->body_bytes + (event->body_bytes > 1016 ? 8 : 4);
        drop_oldest(at);
    }
    return bytes == 0 ? NULL : "bytes behind the last record";
}

static const char *pack(model *at)
{
    const uint32_t capacity = next_byte(at) * 8;
    const uint32_t limit = next_byte(at) % 8;
    uint8_t *out = malloc(capacity + (capacity == 0));
    const model_event *oldest = limit != 0 ? look(at) : NULL;
    const uint32_t least = oldest == NULL ? 0 : oldest->body_bytes + (oldest->body_bytes > 1016 ? 8u : 4u);
    flight_batch batch;
    const char *problem = NULL;
    int bytes;

    if (out == NULL) {
        return "no memory";
    }
    bytes = flight_batch_pack(&at->ring, out, capacity, NOW_MS & 0x3fffffffu, limit, &batch);
    if (least > capacity) {
        problem = bytes == FLIGHT_ERROR_NO_ROOM ? NULL : "pack does not tell that there is no room";
    } else if (bytes < (int)least || bytes > (int)capacity || batch.events > limit || (least != 0) != (batch.events != 0)) {
        problem = "pack answers differently";
    } else {
        problem = unpack(at, out, (uint32_t)bytes, &batch);
    }
    if (problem == NULL && bytes > 0 && batch.events < limit) {
        model_event *next = look(at); /* it stopped before the limit: the next one has to be a reason */
        const uint32_t next_bytes = next == NULL ? 0 : next->body_bytes + (next->body_bytes > 1016 ? 8u : 4u);

        if (next != NULL && next->channel == batch.channel && next_bytes <= capacity - (uint32_t)bytes) {
            problem = "pack stopped too early";
        }
        if (next != NULL) { /* looking for that reason has passed the filler */
            at->head += next->filler;
            next->filler = 0;
        }
    }
    free(out);
    return problem;
}

static const char *compare(const model *at)
{
    if (flight_ring_count(&at->ring) != at->count) {
        return "the count differs";
    }
    if (!can_fit(at, flight_ring_body_limit(&at->ring)) || can_fit(at, flight_ring_body_limit(&at->ring) + 4)) {
        return "the body limit is not the limit";
    }
    return NULL;
}

const char *ring_model_run(const uint8_t *operations, size_t bytes)
{
    static const char *(*const steps[])(model *) = {put, put, reserve, commit, peek, release, pack, release};
    model at;
    const char *problem;

    memset(&at, 0, sizeof at);
    at.input = operations;
    at.left = bytes;
    problem = start(&at);
    while (problem == NULL && at.left != 0) {
        const uint32_t step = next_byte(&at);

        problem = step == 255 ? start(&at) : steps[step % 8](&at);
        if (problem == NULL) {
            problem = compare(&at);
        }
    }
    free(at.memory);
    return problem;
}
