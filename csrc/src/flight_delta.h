/* What writer and reader of delta batches share. Private.
 *
 * A delta batch is a row of entries. An entry whose first byte has bit 6 clear is a record as in any batch (no layout has
 * that bit), the keyframe of its layout. The first four layouts of a frame whose fixed part is known and at most 48 bytes
 * long are kept; a layout that is not kept has keyframes only. Every later record of a kept layout is an entry of
 *
 *     control     bits 0 1   which kept layout, in the order of their keyframes
 *                 bit 2      an age follows; clear: the age goes on as it did (last age + last step)
 *                 bit 3      a mask follows; clear: the same words changed as in this layout's last entry (at first: none)
 *                 bit 4      a tail follows; clear: the body ends with the fixed part
 *                 bit 6      1; bits 5 and 7 are 0
 *     (age)       varint of the folded 16-bit difference from what was foreseen; never 0
 *     (mask)      varint: bit n = word n of the fixed part changed; never the mask that would have been taken anyway
 *     values      for each changed word, from the lowest: varint of its folded difference; never 0
 *     (tail)      varint of its 32-bit words, never 0; then the tail itself
 *
 * Step is the difference between the ages of the last two entries of the frame, whatever their layouts, in 16 bits; 0 after
 * the first entry. So there is exactly one way to write a row of records. In all they are at most FLIGHT_MAX_FRAME_BYTES
 * long as records: a short frame cannot grow without bound. */
#ifndef FLIGHT_DELTA_H
#define FLIGHT_DELTA_H

#include "flight.h"
#include "flight_layouts.h"

/* Whether delta batches are written; read they are in any case. flight_client.h has FLIGHT_DELTA's default: without it, 1. */
#if defined(FLIGHT_DELTA) && !FLIGHT_DELTA
#define FLIGHT_PACKS_DELTA 0
#else
#define FLIGHT_PACKS_DELTA 1
#endif

#define DELTA_KEPT_MASK 0x03u
#define DELTA_AGE 0x04u
#define DELTA_MASK 0x08u
#define DELTA_TAIL 0x10u
#define DELTA_ENTRY 0x40u
#define DELTA_CONTROL_BITS (DELTA_KEPT_MASK | DELTA_AGE | DELTA_MASK | DELTA_TAIL | DELTA_ENTRY)

#define FLIGHT_DELTA_NO_AGE 0xffffffffu /* delta_age before the first record */

/* The event in a slot as the next entry of a delta batch, but for the last batch->delta_rest bytes of its record, which are
 * to follow as they are. Returns its end, null where all of it does not fit (then there is no rest). The slot stays as it is
 * until the batch is whole. */
#if FLIGHT_PACKS_DELTA
uint8_t *flight_delta_write(flight_batch *batch, const uint32_t *slot, uint32_t age, uint8_t *at);
#endif

/* Words of the fixed part of a layout that can be kept, 0 for any other. */
static inline uint32_t flight_delta_words(uint32_t layout)
{
    const uint32_t words = flight_fixed_bytes(layout) / 4u;

    return words <= FLIGHT_DELTA_WORDS ? words : 0;
}

/* A 16-bit difference, folded, and back. */
static inline uint32_t flight_zigzag16(uint32_t difference)
{
    return ((difference << 1) ^ (0u - ((difference >> 15) & 1u))) & 0xffffu;
}

#endif
