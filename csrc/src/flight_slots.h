/* Walking the slots of the ring, for its consumer side. Private. The slot itself is described in flight_emit.h. */
#ifndef FLIGHT_SLOTS_H
#define FLIGHT_SLOTS_H

#include "flight.h"
#include "flight_bytes.h"

#define RECORD_WORDS_LONG 255u /* in the record: a length of 32 bits follows */

#define CLOCK_MASK 0x3fffffffu /* clocks are 30 bits and wrap */
#define FUTURE_MS 0x10000u     /* a stamp up to a minute ahead was set between two looks at the clock: age 0 */

/* The age of a stamp, as it goes on the wire. */
static inline uint16_t flight_age_of(uint32_t stamp_ms, uint32_t now_ms)
{
    const uint32_t age_ms = (now_ms - stamp_ms) & CLOCK_MASK;

    if (FLIGHT_RARELY(age_ms >= FLIGHT_AGE_SECONDS_FLAG)) {
        return age_ms > CLOCK_MASK - FUTURE_MS ? 0 : flight_age_encode(age_ms);
    }
    return (uint16_t)age_ms;
}

static inline uint32_t flight_head_slots(uint32_t head)
{
    return (head >> 16) & 0xffu;
}

static inline uint32_t flight_head_state(uint32_t head)
{
    return head >> 24;
}

static inline uint32_t *flight_slot_at(const flight_ring *ring, uint32_t position)
{
    return ring->memory + FLIGHT_RING_INDEX(position) * ring->slot_words;
}

/* The position behind an entry, which never reaches over the end. */
static inline uint32_t flight_advance(const flight_ring *ring, uint32_t position, uint32_t slots)
{
    position += slots * FLIGHT_RING_SLOT;
    return FLIGHT_RARELY((uint16_t)position >= ring->end) ? (position - ring->end) ^ FLIGHT_RING_LAP : position;
}

static inline uint32_t flight_slot_channel(const uint32_t *slot)
{
    return slot[1] & 0xffffu;
}

static inline uint32_t flight_slot_layout(const uint32_t *slot)
{
    return ((const uint8_t *)slot)[8];
}

/* The first word of the record in a slot, its age zero. */
static inline uint32_t flight_slot_record_head(const uint32_t *slot)
{
    return flight_load32_aligned((const uint8_t *)(slot + 2));
}

/* The head of the record in a slot, its age filled in. Returns its end. */
static inline uint8_t *flight_write_record_head(uint8_t *at, const uint32_t *slot, uint32_t age)
{
    flight_store32(at, flight_slot_record_head(slot) | (age << 16));
    return at + FLIGHT_RECORD_HEAD_BYTES;
}

/* Bytes of the record in a slot: its head, the length where it has one, and the body. */
static inline uint32_t flight_slot_record_bytes(const uint32_t *slot)
{
    const uint32_t words = ((const uint8_t *)slot)[9];

    if (FLIGHT_RARELY(words == RECORD_WORDS_LONG)) {
        return FLIGHT_RECORD_HEAD_BYTES + 4u + flight_load32_aligned((const uint8_t *)(slot + 3));
    }
    return FLIGHT_RECORD_HEAD_BYTES + 4u * words;
}

/* The body in a slot, and its bytes. */
static inline const uint32_t *flight_slot_body(const uint32_t *slot)
{
    return FLIGHT_RARELY(((const uint8_t *)slot)[9] == RECORD_WORDS_LONG) ? slot + 4 : slot + 3;
}

static inline uint32_t flight_slot_body_words(const uint32_t *slot)
{
    const uint32_t words = ((const uint8_t *)slot)[9];

    return FLIGHT_RARELY(words == RECORD_WORDS_LONG) ? flight_load32_aligned((const uint8_t *)(slot + 3)) / 4u : words;
}

/* The consumer's walk over events that it has not released yet. */
typedef struct flight_cursor {
    const flight_ring *ring;
    uint32_t position;
    uint32_t tail; /* as it was at the start: what comes later waits for the next walk */
} flight_cursor;

static inline flight_cursor flight_cursor_start(const flight_ring *ring)
{
    flight_cursor cursor;

    cursor.ring = ring;
    cursor.position = ring->head;
    cursor.tail = FLIGHT_OBSERVE(ring->tail);
    return cursor;
}

/* The slot at the cursor, which must not stand at the end. Passes over a filler; an event always stands behind one. */
static inline const uint32_t *flight_cursor_slot(flight_cursor *cursor)
{
    const uint32_t *slot = flight_slot_at(cursor->ring, cursor->position);

    if (FLIGHT_RARELY(flight_head_state(slot[1]) == FLIGHT_SLOT_FILLER)) {
        cursor->position = flight_advance(cursor->ring, cursor->position, flight_head_slots(slot[1]));
        slot = cursor->ring->memory;
    }
    return slot;
}

static inline int flight_cursor_at_end(const flight_cursor *cursor)
{
    return (uint16_t)cursor->position == (uint16_t)cursor->tail;
}

static inline void flight_cursor_step(flight_cursor *cursor, const uint32_t *slot)
{
    cursor->position = flight_advance(cursor->ring, cursor->position, flight_head_slots(slot[1])) + FLIGHT_RING_EVENT;
}

/* Give everything before the cursor back to the producer. */
static inline void flight_cursor_release(const flight_cursor *cursor, flight_ring *ring)
{
    FLIGHT_PUBLISH(ring->head, cursor->position);
}

#endif
