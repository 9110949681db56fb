/* Ring of events in fixed slots. What a slot holds, and the usual way into one, stands in flight_emit.h; here is the rest:
 * events of several slots, and the consumer's side. */
#include "flight_slots.h"

/* How flight_ring_put finds room: for size, the call that can do everything; else the short way inline. */
#if FLIGHT_SMALL
#define RESERVE flight_ring_reserve_any
#else
#define RESERVE flight_ring_reserve
#endif

#define ENTRY_SLOTS 255u /* the most an entry takes: the field has 8 bits */

static uint32_t free_slots(const flight_ring *ring)
{
    const uint32_t head = FLIGHT_OBSERVE(ring->head);
    const uint32_t used = FLIGHT_RING_INDEX(ring->tail) - FLIGHT_RING_INDEX(head);

    return ((head ^ ring->tail) & FLIGHT_RING_LAP) != 0 ? 0u - used : ring->end / 2u - used;
}

/* The most slots one event may take: half, so that behind the longest filler there is still room in an empty ring. */
static uint32_t entry_limit(const flight_ring *ring)
{
    const uint32_t half = ring->end / 4u;

    if (half == 0) {
        return 1;
    }
    return half < ENTRY_SLOTS ? half : ENTRY_SLOTS;
}

static uint32_t heads_bytes(uint32_t body_bytes)
{
    return FLIGHT_SLOT_HEAD_BYTES + FLIGHT_RECORD_HEAD_BYTES + (body_bytes > FLIGHT_SHORT_BODY_BYTES ? 4u : 0u);
}

/* Slots for a body; a loop, because the consoles have no divide instruction and most events take one slot. */
static uint32_t slots_needed(const flight_ring *ring, uint32_t body_bytes)
{
    const uint32_t slot_bytes = 4u * ring->slot_words;
    uint32_t left = heads_bytes(body_bytes) + body_bytes;
    uint32_t slots = 1;

    while (left > slot_bytes) {
        left -= slot_bytes;
        slots++;
    }
    return slots;
}

int flight_ring_init(flight_ring *ring, void *memory, uint32_t slots, uint32_t slot_bytes)
{
    if (ring == NULL || memory == NULL || !flight_is_aligned(memory) || slots == 0 || slots > 32767u ||
        slot_bytes < 16u || slot_bytes > 65532u || (slot_bytes & 3u) != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(ring, 0, sizeof *ring);
    ring->memory = (uint32_t *)memory;
    ring->end = (uint16_t)(2u * slots);
    ring->slot_words = (uint16_t)(slot_bytes / 4u);
    return 0;
}

uint32_t flight_ring_body_limit(const flight_ring *ring)
{
    const uint32_t bytes = entry_limit(ring) * ring->slot_words * 4u;
    const uint32_t body_bytes = bytes - heads_bytes(0);

    return body_bytes > FLIGHT_SHORT_BODY_BYTES ? body_bytes - 4u : body_bytes;
}

uint32_t flight_ring_count(const flight_ring *ring)
{
    const uint32_t head = FLIGHT_OBSERVE(ring->head); /* first: the other one may only grow meanwhile */

    return ((FLIGHT_OBSERVE(ring->tail) >> 16) - (head >> 16)) & 0xffffu;
}

/* Where an event of so many slots goes; writes the filler if it has to go to the front. Null when there is no room.
 * Leaves the tail that follows in ring->next. */
static uint32_t *place(flight_ring *ring, uint32_t slots)
{
    const uint32_t tail = ring->tail;
    const uint32_t room = free_slots(ring);
    const uint32_t to_end = ring->end / 2u - FLIGHT_RING_INDEX(tail);

    if (slots <= to_end) {
        if (slots > room) {
            return NULL;
        }
        ring->next = flight_advance(ring, tail, slots) + FLIGHT_RING_EVENT;
        return flight_slot_at(ring, tail);
    }
    if (to_end + slots > room) {
        return NULL;
    }
    flight_slot_at(ring, tail)[1] = FLIGHT_SLOT_HEAD(0, to_end, FLIGHT_SLOT_FILLER);
    ring->next = flight_advance(ring, tail, to_end) + slots * FLIGHT_RING_SLOT + FLIGHT_RING_EVENT;
    return ring->memory;
}

/* The record head, and the long form's length. Returns where the body starts. */
static uint32_t *write_record_head(uint32_t *slot, uint8_t layout, uint32_t body_bytes)
{
    if (body_bytes <= FLIGHT_SHORT_BODY_BYTES) {
        flight_slot_record(slot, layout, body_bytes / 4u);
        return slot + 3;
    }
    flight_slot_record(slot, layout, RECORD_WORDS_LONG);
    flight_store32_aligned((uint8_t *)(slot + 3), body_bytes);
    return slot + 4;
}

int flight_ring_reserve_any(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes, void **body)
{
    uint32_t *slot;
    uint32_t slots;

    if (ring == NULL || body == NULL || (body_bytes & 3u) != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (body_bytes > flight_ring_body_limit(ring)) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    slots = slots_needed(ring, body_bytes);
    slot = place(ring, slots);
    if (slot == NULL) {
        return FLIGHT_ERROR_FULL;
    }
    ring->open = slot;
    slot[1] = FLIGHT_SLOT_HEAD(channel, slots, FLIGHT_SLOT_EVENT);
    *body = write_record_head(slot, layout, body_bytes);
    return 0;
}

int flight_ring_put(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t stamp_ms, const void *body,
                    uint32_t body_bytes)
{
    void *to;
    int problem;

    if (body == NULL && body_bytes != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    problem = RESERVE(ring, channel, layout, body_bytes, &to);
    if (problem != 0) {
        return problem;
    }
    if (body_bytes != 0) {
        memcpy(to, body, body_bytes);
    }
    ring->open[0] = stamp_ms;
    FLIGHT_PUBLISH(ring->tail, ring->next);
    return 0;
}

int flight_ring_peek(flight_ring *ring, flight_event *event)
{
    flight_cursor cursor;
    const uint32_t *slot;
    uint32_t record;

    if (ring == NULL || event == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    cursor = flight_cursor_start(ring);
    if (flight_cursor_at_end(&cursor)) {
        return FLIGHT_ERROR_EMPTY;
    }
    slot = flight_cursor_slot(&cursor);
    event->record = (const uint8_t *)(slot + 2);
    record = flight_load32_aligned(event->record);
    event->record_bytes = flight_slot_record_bytes(slot);
    event->body = event->record + (((record >> 8) & 0xffu) == RECORD_WORDS_LONG ? 8 : 4);
    event->body_bytes = event->record_bytes - (uint32_t)(event->body - event->record);
    event->stamp_ms = slot[0];
    event->channel = (uint16_t)slot[1];
    event->layout = (uint8_t)record;
    return 0;
}

int flight_ring_release(flight_ring *ring)
{
    flight_cursor cursor;
    const uint32_t *slot;

    if (ring == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    cursor = flight_cursor_start(ring);
    if (flight_cursor_at_end(&cursor)) {
        return FLIGHT_ERROR_EMPTY;
    }
    slot = flight_cursor_slot(&cursor);
    flight_cursor_step(&cursor, slot);
    flight_cursor_release(&cursor, ring);
    return 0;
}
