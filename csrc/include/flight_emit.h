/* The hot path of emitting an event, inline. Not for callers: flight.h includes it and explains the calls.
 *
 * A slot begins with eight bytes of its own, then holds the record as it goes on the wire:
 *     word 0      stamp_ms
 *     word 1      channel (bits 0 to 15), slots this entry takes (16 to 23), state (24 to 31)
 *     word 2      record: layout, words, age (still zero)
 *     word 3      only for bodies over 1,016 bytes: body bytes
 *     ...         body
 * Words 0 and 1 never leave this machine and are native; the record is little-endian. */
#ifndef FLIGHT_EMIT_H
#define FLIGHT_EMIT_H

#include "flight_atomic.h"

/* Of a position: bit 0 the lap, bits 1 to 15 the index of a slot, bits 16 to 31 events counted. */
#define FLIGHT_RING_LAP 1u
#define FLIGHT_RING_SLOT 2u
#define FLIGHT_RING_EVENT 0x10000u
#define FLIGHT_RING_INDEX(position) (((position) & 0xffffu) >> 1)

#if defined(__GNUC__)
#define FLIGHT_RARELY(condition) __builtin_expect(!!(condition), 0)
#else
#define FLIGHT_RARELY(condition) (condition)
#endif

#define FLIGHT_SLOT_EVENT 2u
#define FLIGHT_SLOT_FILLER 3u /* covers the end of the memory; an event stands at the front */
#define FLIGHT_SLOT_HEAD(channel, slots, state) ((uint32_t)(channel) | ((uint32_t)(slots) << 16) | ((state) << 24))

/* The largest body whose words fit the record's byte for them. */
#define FLIGHT_SHORT_BODY_BYTES 1016u

/* The record's head as it goes on the wire, its age zero. */
static inline void flight_slot_record(uint32_t *slot, uint32_t layout, uint32_t words)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    slot[2] = layout | (words << 8);
#else
    uint8_t *at = (uint8_t *)(slot + 2);

    at[0] = (uint8_t)layout;
    at[1] = (uint8_t)words;
    at[2] = 0;
    at[3] = 0;
#endif
}

static inline int flight_ring_reserve(flight_ring *ring, uint16_t channel, uint8_t layout, uint32_t body_bytes,
                                      void **body)
{
    uint32_t *slot;
    uint32_t slot_words;
    uint32_t tail;
    uint32_t next;

    if (FLIGHT_RARELY(ring == NULL || body == NULL)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    slot_words = ring->slot_words; /* before the consumer's word is looked at: so it need not be loaded again behind it */
    tail = ring->tail;
    /* One slot, the short form, nothing wrong: else the long way, which also tells what is wrong. */
    if (FLIGHT_RARELY((body_bytes & 3u) != 0 || body_bytes > FLIGHT_SHORT_BODY_BYTES || slot_words < body_bytes / 4u + 3u)) {
        void *far = NULL; /* so that the caller's own pointer need not be in memory for the sake of this call */
        const int problem = flight_ring_reserve_any(ring, channel, layout, body_bytes, &far);

        if (problem == 0) {
            *body = far;
        }
        return problem;
    }
    if (FLIGHT_RARELY((uint16_t)(tail ^ FLIGHT_OBSERVE(ring->head)) == FLIGHT_RING_LAP)) {
        return FLIGHT_ERROR_FULL;
    }
    slot = ring->memory + FLIGHT_RING_INDEX(tail) * slot_words;
    next = tail + FLIGHT_RING_SLOT + FLIGHT_RING_EVENT;
    if (FLIGHT_RARELY((uint16_t)next >= ring->end)) {
        next = (next - ring->end) ^ FLIGHT_RING_LAP;
    }
    ring->next = next;
    ring->open = slot;
    slot[1] = FLIGHT_SLOT_HEAD(channel, 1u, FLIGHT_SLOT_EVENT);
    flight_slot_record(slot, layout, body_bytes / 4u);
    *body = slot + 3;
    return 0;
}

static inline int flight_ring_commit(flight_ring *ring, uint32_t stamp_ms)
{
    uint32_t next;

    if (FLIGHT_RARELY(ring == NULL)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    next = ring->next;
    if (FLIGHT_RARELY(next == ring->tail)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    ring->open[0] = stamp_ms;
    FLIGHT_PUBLISH(ring->tail, next);
    return 0;
}

#endif
