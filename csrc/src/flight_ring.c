/* Ring of events in fixed slots.
 *
 * A slot begins with eight bytes of its own, then holds the record as it goes on the wire:
 *     word 0      stamp_ms
 *     word 1      channel (bits 0 to 15), slots this entry takes (16 to 23), state (24 to 31)
 *     word 2      record: layout, words, age (still zero)
 *     word 3      only for bodies over 1,016 bytes: body bytes
 *     ...         body
 * Words 0 and 1 never leave this machine and are native; the record is little-endian.
 *
 * Empty when head == tail; full when they are `slots` apart. Both run over 0 .. 2 * slots - 1. */
#include "flight_atomic.h"
#include "flight_bytes.h"
#include "flight.h"

#define RECORD_WORDS_LONG 255u                        /* in the record: a length follows */
#define SHORT_BODY_BYTES (4u * (RECORD_WORDS_LONG - 1u)) /* the largest body that does not need one */
#define ENTRY_SLOTS 255u                              /* the most an entry takes: the field has 8 bits */

enum slot_state { SLOT_RESERVED = 1, SLOT_EVENT = 2, SLOT_FILLER = 3 };

static uint32_t slot_head(uint32_t channel, uint32_t slots, enum slot_state state)
{
    return channel | (slots << 16) | ((uint32_t)state << 24);
}

static uint32_t head_slots(uint32_t head)
{
    return (head >> 16) & 0xffu;
}

static uint32_t head_state(uint32_t head)
{
    return head >> 24;
}

static inline uint32_t *slot_at(const flight_ring *ring, uint32_t position)
{
    const uint32_t index = position >= ring->slots ? position - ring->slots : position;

    return ring->memory + index * ring->slot_words;
}

static inline uint16_t advance(const flight_ring *ring, uint32_t position, uint32_t slots)
{
    const uint32_t end = 2u * ring->slots;

    position += slots;
    return (uint16_t)(position >= end ? position - end : position);
}

static uint32_t used_slots(const flight_ring *ring, uint32_t head, uint32_t tail)
{
    return tail >= head ? tail - head : tail + 2u * ring->slots - head;
}

/* Slots between a position and the end of the memory. */
static uint32_t slots_to_end(const flight_ring *ring, uint32_t position)
{
    return (position >= ring->slots ? 2u * ring->slots : ring->slots) - position;
}

/* The most slots one event may take: half, so that behind the longest filler there is still room in an empty ring. */
static uint32_t entry_limit(const flight_ring *ring)
{
    const uint32_t half = ring->slots / 2u;

    if (half == 0) {
        return 1;
    }
    return half < ENTRY_SLOTS ? half : ENTRY_SLOTS;
}

static uint32_t heads_bytes(uint32_t body_bytes)
{
    return FLIGHT_SLOT_HEAD_BYTES + FLIGHT_RECORD_HEAD_BYTES + (body_bytes > SHORT_BODY_BYTES ? 4u : 0u);
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
    memset(memory, 0, FLIGHT_RING_BYTES(slots, slot_bytes)); /* no slot looks reserved */
    ring->memory = memory;
    ring->slots = (uint16_t)slots;
    ring->slot_words = (uint16_t)(slot_bytes / 4u);
    return 0;
}

uint32_t flight_ring_body_limit(const flight_ring *ring)
{
    const uint32_t bytes = entry_limit(ring) * ring->slot_words * 4u;
    const uint32_t body_bytes = bytes - heads_bytes(0);

    return body_bytes > SHORT_BODY_BYTES ? body_bytes - 4u : body_bytes;
}

uint32_t flight_ring_count(const flight_ring *ring)
{
    const uint16_t taken = FLIGHT_OBSERVE(ring->taken); /* first: the other one may only grow meanwhile */
    const uint16_t put = FLIGHT_OBSERVE(ring->put);

    return (uint16_t)(put - taken);
}

/* Room for one slot at the tail, the usual case: null when the ring is full. */
static inline uint32_t *place_one(const flight_ring *ring)
{
    const uint32_t tail = ring->tail;
    const uint32_t head = FLIGHT_OBSERVE(ring->head);

    /* Full is when the two are `slots` apart, in either direction. */
    if (tail - head == ring->slots || head - tail == ring->slots) {
        return NULL;
    }
    return slot_at(ring, tail);
}

/* Where an event of so many slots goes; writes the filler if it has to go to the front. Null when there is no room. */
static uint32_t *place(flight_ring *ring, uint32_t slots)
{
    const uint32_t tail = ring->tail;
    const uint32_t free_slots = ring->slots - used_slots(ring, FLIGHT_OBSERVE(ring->head), tail);
    const uint32_t to_end = slots_to_end(ring, tail);

    if (slots <= to_end) {
        return slots <= free_slots ? slot_at(ring, tail) : NULL;
    }
    if (to_end + slots > free_slots) {
        return NULL;
    }
    slot_at(ring, tail)[1] = slot_head(0, to_end, SLOT_FILLER);
    return ring->memory;
}

/* The record head, and the long form's length. Returns where the body starts. */
static inline uint32_t *write_record_head(uint32_t *slot, uint8_t layout, uint32_t body_bytes)
{
    const uint32_t words = body_bytes > SHORT_BODY_BYTES ? RECORD_WORDS_LONG : body_bytes / 4u;

    flight_store32_aligned((uint8_t *)(slot + 2), layout | (words << 8));
    if (words != RECORD_WORDS_LONG) {
        return slot + 3;
    }
    flight_store32_aligned((uint8_t *)(slot + 3), body_bytes);
    return slot + 4;
}

/* Stands where the stamp will, from reserve to commit. Free memory holds what earlier bodies left there, which may look
 * like a reservation; it does not look like one made at this tail. */
static inline uint32_t reserved_at(uint32_t tail)
{
    return 0x5eed0000u ^ tail;
}

/* Reserve for a body that needs more than one slot or the long form. */
static int reserve_large(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes, void **body)
{
    uint32_t *slot;
    uint32_t slots;

    if (body_bytes > flight_ring_body_limit(ring)) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    slots = slots_needed(ring, body_bytes);
    slot = place(ring, slots);
    if (slot == NULL) {
        return FLIGHT_ERROR_FULL;
    }
    slot[0] = reserved_at(ring->tail);
    slot[1] = slot_head(channel, slots, SLOT_RESERVED);
    *body = write_record_head(slot, layout, body_bytes);
    return 0;
}

/* Three words of heads and the body in one slot, without the long form. */
static inline int fits_one_slot(const flight_ring *ring, uint32_t body_bytes)
{
    return body_bytes + 12u <= 4u * ring->slot_words && body_bytes <= SHORT_BODY_BYTES;
}

int flight_ring_reserve(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes, void **body)
{
    uint32_t *slot;

    if (ring == NULL || body == NULL || (body_bytes & 3u) != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (!fits_one_slot(ring, body_bytes)) {
        return reserve_large(ring, channel, layout, body_bytes, body);
    }
    slot = place_one(ring);
    if (slot == NULL) {
        return FLIGHT_ERROR_FULL;
    }
    slot[0] = reserved_at(ring->tail);
    slot[1] = slot_head(channel, 1, SLOT_RESERVED);
    flight_store32_aligned((uint8_t *)(slot + 2), layout | (body_bytes << 6)); /* a quarter of the bytes, in byte 1 */
    *body = slot + 3;
    return 0;
}

/* The entry at the tail becomes visible. */
static inline void publish(flight_ring *ring, uint32_t slots)
{
    /* The count goes up first, so that a consumer that sees the event never counts below zero. */
    FLIGHT_PUBLISH(ring->put, (uint16_t)(ring->put + 1u));
    FLIGHT_PUBLISH(ring->tail, advance(ring, ring->tail, slots));
}

int flight_ring_commit(flight_ring *ring, uint32_t stamp_ms)
{
    uint32_t *slot;
    uint32_t slots = 0;
    uint32_t head;

    if (ring == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    slot = slot_at(ring, ring->tail);
    if (head_state(slot[1]) == SLOT_FILLER) {
        slots = head_slots(slot[1]);
        slot = ring->memory;
    }
    head = slot[1];
    if (head_state(head) != SLOT_RESERVED || slot[0] != reserved_at(ring->tail)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    slot[0] = stamp_ms;
    slot[1] = head + slot_head(0, 0, SLOT_EVENT) - slot_head(0, 0, SLOT_RESERVED);
    publish(ring, slots + head_slots(head));
    return 0;
}

/* Reserve, copy and commit for what is not the usual case; *body is not null where there are bytes. */
static int put_large(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t stamp_ms, const void *body,
                     uint32_t body_bytes)
{
    void *to;
    const int problem = flight_ring_reserve(ring, channel, layout, body_bytes, &to);

    if (problem != 0) {
        return problem;
    }
    memcpy(to, body, body_bytes);
    return flight_ring_commit(ring, stamp_ms);
}

int flight_ring_put(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t stamp_ms, const void *body,
                    uint32_t body_bytes)
{
    uint32_t *slot;

    if (ring == NULL || (body_bytes & 3u) != 0 || (body == NULL && body_bytes != 0)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (!fits_one_slot(ring, body_bytes)) {
        return put_large(ring, channel, layout, stamp_ms, body, body_bytes);
    }
    slot = place_one(ring);
    if (slot == NULL) {
        return FLIGHT_ERROR_FULL;
    }
    slot[0] = stamp_ms;
    slot[1] = slot_head(channel, 1, SLOT_EVENT);
    flight_store32_aligned((uint8_t *)(slot + 2), layout | (body_bytes << 6));
    if (body_bytes != 0) {
        memcpy(slot + 3, body, body_bytes);
    }
    publish(ring, 1);
    return 0;
}

/* The oldest event's slot, or null. Passes over a filler; an event always stands behind one. */
static uint32_t *oldest(flight_ring *ring)
{
    uint32_t *slot;

    if (ring->head == FLIGHT_OBSERVE(ring->tail)) {
        return NULL;
    }
    slot = slot_at(ring, ring->head);
    if (head_state(slot[1]) == SLOT_FILLER) {
        FLIGHT_PUBLISH(ring->head, advance(ring, ring->head, head_slots(slot[1])));
        slot = slot_at(ring, ring->head);
    }
    return slot;
}

int flight_ring_peek(flight_ring *ring, flight_event *event)
{
    const uint32_t *slot;
    uint32_t record;
    uint32_t words;

    if (ring == NULL || event == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    slot = oldest(ring);
    if (slot == NULL) {
        return FLIGHT_ERROR_EMPTY;
    }
    event->record = (const uint8_t *)(slot + 2);
    record = flight_load32_aligned(event->record);
    words = (record >> 8) & 0xffu;
    event->body = event->record + 4;
    event->body_bytes = words * 4u;
    if (words == RECORD_WORDS_LONG) {
        event->body_bytes = flight_load32_aligned(event->body);
        event->body += 4;
    }
    event->record_bytes = (uint32_t)(event->body - event->record) + event->body_bytes;
    event->stamp_ms = slot[0];
    event->channel = (uint16_t)slot[1];
    event->layout = (uint8_t)record;
    return 0;
}

int flight_ring_release(flight_ring *ring)
{
    const uint32_t *slot;

    if (ring == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    slot = oldest(ring);
    if (slot == NULL) {
        return FLIGHT_ERROR_EMPTY;
    }
    FLIGHT_PUBLISH(ring->taken, (uint16_t)(ring->taken + 1u));
    FLIGHT_PUBLISH(ring->head, advance(ring, ring->head, head_slots(slot[1])));
    return 0;
}
