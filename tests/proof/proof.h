/* What the harnesses share. A harness is one file whose head says what is proved, with which files of the core, within
 * which bounds, and by which seeded bug the harness is checked: build_scripts/prove.py reads it.
 *
 *     proves: CALLS       with: FILES that are linked       bound: WORDS       unwind: N       quick
 *     adapt: FILE: text => text, where ESBMC does not cope with the form that stands there
 *     bug: FILE: text that stands there => text in its place
 */
#ifndef PROOF_H
#define PROOF_H

#include <stdlib.h>

#include "flight.h"

uint32_t nondet_uint(void);
uint8_t nondet_uchar(void);
void __ESBMC_assume(_Bool condition);
void __ESBMC_assert(_Bool condition, const char *text);

#define ASSUME(condition) __ESBMC_assume(condition)
#define PROVE(condition) __ESBMC_assert((condition), #condition)

/* Bytes of any content, exactly so many: the checker sees one byte too far. */
static inline uint8_t *any_bytes(uint32_t bytes)
{
    uint8_t *data = malloc(bytes + (bytes == 0));

    ASSUME(data != NULL);
    return data;
}

/* A number up to and with the limit. */
static inline uint32_t up_to(uint32_t limit)
{
    const uint32_t value = nondet_uint();

    ASSUME(value <= limit);
    return value;
}

#endif
