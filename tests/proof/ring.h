/* A ring of four slots of 16 bytes whose head and tail stand anywhere, empty: what events do there, they do everywhere. */
#ifndef PROOF_RING_H
#define PROOF_RING_H

#include "proof.h"

enum { SLOTS = 4, WORDS = 4 };

static uint32_t ring_memory[SLOTS * WORDS];

static inline flight_ring any_empty_ring(void)
{
    flight_ring ring;

    ring.memory = ring_memory;
    ring.open = ring_memory;
    ring.end = 2 * SLOTS;
    ring.slot_words = WORDS;
    ring.tail = nondet_uint();
    ASSUME((ring.tail & 0xffffu) < 2 * SLOTS);
    ring.next = ring.tail;
    ring.head = ring.tail;
    return ring;
}

static inline int ring_is_sound(const flight_ring *ring)
{
    return (ring->tail & 0xffffu) < ring->end && (ring->head & 0xffffu) < ring->end && flight_ring_count(ring) <= SLOTS;
}

#endif
