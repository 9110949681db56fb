/* A stream in any state that its invariants allow: what holds of one step from there holds of every run of steps. */
#ifndef PROOF_STREAM_H
#define PROOF_STREAM_H

#include "stub_crc.h"

#ifndef WAITING
#define WAITING CAPACITY /* the most bytes in the window */
#endif

enum { LIMIT = 20, CAPACITY = 40 };

static uint8_t stream_memory[CAPACITY];

static inline int stream_is_sound(const flight_stream *stream)
{
    return stream->buffer == stream_memory && stream->capacity == CAPACITY && stream->limit_bytes == LIMIT &&
           stream->start <= stream->end && stream->end <= CAPACITY && stream->summed_to <= CAPACITY &&
           stream->credit_bytes <= 8 * LIMIT;
}

static inline flight_stream any_stream(void)
{
    flight_stream stream;

    stream.buffer = stream_memory;
    stream.capacity = CAPACITY;
    stream.limit_bytes = LIMIT;
    stream.start = nondet_uint();
    stream.end = nondet_uint();
    stream.summed_to = nondet_uint();
    stream.credit_bytes = nondet_uint();
    stream.garbage_bytes = nondet_uint();
    stream.summed_bytes = nondet_uint();
    stream.required_flags = nondet_uchar();
    for (int i = 0; i < CAPACITY; i++) {
        stream_memory[i] = nondet_uchar();
    }
    ASSUME(stream_is_sound(&stream));
    ASSUME(stream.end - stream.start <= WAITING);
    return stream;
}

#endif
