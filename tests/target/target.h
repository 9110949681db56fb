/* The parts of the test program. Each prints a line "name cases hash"; the hash must be the same on every machine. */
#ifndef TARGET_H
#define TARGET_H

#include "flight.h"
#include "runtime.h"

/* Written by test_targets.py from a second implementation in plain Python. Offsets point into vector_bytes. */
typedef struct crc_vector {
    uint32_t at, bytes, crc;
} crc_vector;

typedef struct check_vector {
    uint8_t header[16];
    uint8_t check;
} check_vector;

/* A frame and what decoding it gives; where result is an error the fields are not looked at. */
typedef struct frame_vector {
    uint32_t at, bytes;
    int result;
    uint32_t payload_bytes, seq, ack;
    uint16_t channel;
    uint8_t type, flags;
} frame_vector;

/* Events of one batch: bodies stand one after another at bodies_at, the packed batch at packed_at. */
typedef struct batch_event {
    uint32_t stamp_ms, body_bytes;
    uint8_t layout;
} batch_event;

typedef struct batch_vector {
    uint32_t first_event, events, now_ms, bodies_at, packed_at, packed_bytes;
} batch_vector;

extern const uint32_t vector_seed;
extern const uint8_t vector_bytes[];
extern const crc_vector crc_vectors[];
extern const uint32_t crc_vector_count;
extern const check_vector check_vectors[];
extern const uint32_t check_vector_count;
extern const frame_vector frame_vectors[];
extern const uint32_t frame_vector_count;
extern const batch_event batch_events[];
extern const batch_vector batch_vectors[];
extern const uint32_t batch_vector_count;

/* Say which case went wrong. Returns the exit status of a failure. */
int fail(const char *name, uint32_t number);

/* Print the line of a part; its cases join the total. */
void report(const char *name, uint32_t cases, uint32_t hash);

/* Memory to work in: ALIGNMENTS bytes more than each part needs. */
#define ALIGNMENTS 8u
#define WORK_BYTES 4096u
typedef union work {
    uint64_t align;
    uint8_t bytes[WORK_BYTES + ALIGNMENTS];
} work;
extern work work_a, work_b, work_c;

/* A number below limit, without a division. */
static inline uint32_t below(uint32_t *state, uint32_t limit)
{
    return (uint32_t)(((uint64_t)rt_random(state) * limit) >> 32);
}

/* Each returns 0, or the exit status of a failure. known_answers.c: */
int known_answers(void);

/* corpus.c, random cases from vector_seed: */
int corpus(void);

/* delta.c, the same for delta batches; does nothing where the core has none: */
int delta(void);

#endif
