/* A reader of delta batches in any state that its invariants allow, and the input of one step. The steps of an entry are
 * proved one by one: ESBMC 6.7 crashes on their row. */
#ifndef PROOF_DELTA_H
#define PROOF_DELTA_H

#include "proof.h"

#define write_record write_batch_record /* both files have one */
#include "flight_batch.c"
#undef write_record
#include "flight_delta_read.c"

/* The kept layout that the entry is of has so many words. */
static inline flight_delta any_reader(uint32_t kept, uint32_t words, const uint8_t *data, uint32_t bytes)
{
    flight_delta delta;

    delta.at = data;
    delta.end = data + bytes;
    delta.scratch = NULL;
    delta.scratch_bytes = 0;
    delta.count = FLIGHT_DELTA_LAYOUTS;
    delta.events = nondet_uint();
    delta.records_bytes = up_to(FLIGHT_MAX_FRAME_BYTES);
    delta.age = (uint16_t)nondet_uint();
    delta.step = (uint16_t)nondet_uint();
    for (uint32_t i = 0; i < FLIGHT_DELTA_LAYOUTS; i++) {
        delta.layouts[i] = nondet_uchar();
        delta.masks[i] = (uint16_t)nondet_uint();
    }
    ASSUME(delta.masks[kept] >> words == 0);
    return delta;
}

#endif
