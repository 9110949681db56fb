/* The same frames through a byte pipe: cut at every place, and behind a damaged one. */
#include <string.h>

#include "corpus.h"

typedef struct pipe_end {
    flight_stream stream;
    uint8_t *memory;
    const golden *from;
    uint64_t pushed;
    uint32_t found; /* frames that are the golden one */
    uint32_t other; /* frames that are not */
    uint32_t last_in_row; /* golden ones since the last other one */
} pipe_end;

static void pipe_open(pipe_end *pipe, const golden *from, uint32_t limit_bytes)
{
    memset(pipe, 0, sizeof *pipe);
    pipe->from = from;
    pipe->memory = exact(2 * (size_t)limit_bytes);
    if (flight_stream_init(&pipe->stream, pipe->memory, 2 * (size_t)limit_bytes, limit_bytes,
                           (uint8_t)(from->bytes[2] & FLIGHT_FLAG_CHECKED)) != 0) {
        corpus_fail("the stream is refused", from->bytes, from->size);
    }
}

static void pipe_drain(pipe_end *pipe)
{
    flight_frame frame;
    int bytes;

    while ((bytes = flight_stream_next(&pipe->stream, &frame)) > 0) {
        const uint8_t *start = frame.payload - FLIGHT_HEADER_BYTES;

        if (start < pipe->memory || start + bytes > pipe->memory + pipe->stream.capacity) {
            corpus_fail("a frame outside the stream's buffer", pipe->from->bytes, pipe->from->size);
        }
        if ((uint32_t)bytes == pipe->from->size && memcmp(start, pipe->from->bytes, (size_t)bytes) == 0) {
            pipe->found++;
            pipe->last_in_row++;
        } else {
            pipe->other++;
            pipe->last_in_row = 0;
        }
    }
    if (bytes < 0) {
        corpus_fail("the stream reports an error", pipe->from->bytes, pipe->from->size);
    }
}

static void pipe_push(pipe_end *pipe, const uint8_t *data, size_t bytes)
{
    while (bytes != 0) {
        const size_t taken = flight_stream_push(&pipe->stream, data, bytes);
        const uint32_t before = pipe->found + pipe->other;

        pipe->pushed += taken;
        data += taken;
        bytes -= taken;
        pipe_drain(pipe);
        if (taken == 0 && pipe->found + pipe->other == before) {
            corpus_fail("the stream is stuck", pipe->from->bytes, pipe->from->size);
        }
    }
}

static void pipe_close(pipe_end *pipe)
{
    const flight_stream *stream = &pipe->stream;

    corpus.cases++;
    if (stream->summed_bytes > 4 * pipe->pushed) {
        corpus_fail("the stream summed more than four times the bytes", pipe->from->bytes, pipe->from->size);
    }
    if (stream->start > stream->end || stream->end > stream->capacity) {
        corpus_fail("the stream's window is outside its buffer", pipe->from->bytes, pipe->from->size);
    }
    exact_free(pipe->memory);
}

/* Two frames, cut in three pieces. */
static void split(const golden *from, uint32_t a, uint32_t b)
{
    static uint8_t twice[2 * 65536];
    pipe_end pipe;

    if (a == 0) {
        memcpy(twice, from->bytes, from->size);
        memcpy(twice + from->size, from->bytes, from->size);
    }
    pipe_open(&pipe, from, from->size > 20 ? from->size : 20);
    pipe_push(&pipe, twice, a);
    pipe_push(&pipe, twice + a, b - a);
    pipe_push(&pipe, twice + b, 2 * from->size - b);
    if (pipe.found != 2 || pipe.other != 0 || pipe.stream.garbage_bytes != 0) {
        corpus_fail("two frames cut in three were not found", from->bytes, from->size);
    }
    corpus.accepted++;
    pipe_close(&pipe);
}

void family_splits(const golden *from)
{
    const uint32_t size = 2 * from->size;

    split(from, 0, 0);
    for (uint32_t a = 1; a < size; a++) {
        const int few = size > 2 * GOLDEN_BYTES && corpus_random(size) >= 64;

        if (!few) {
            split(from, a, size);
        }
        for (uint32_t b = a + 1; size <= 128 && b < size; b++) {
            split(from, a, b);
        }
    }
}

/* A damaged frame, then good ones: all but the first good one must be found, and nothing may hang. */
static void resync(const golden *from, const uint8_t *damaged, uint32_t bytes, uint32_t lost)
{
    pipe_end pipe;

    pipe_open(&pipe, from, from->size > 64 ? from->size : 64);
    pipe_push(&pipe, damaged, bytes);
    for (int i = 0; i < 3; i++) {
        pipe_push(&pipe, from->bytes, from->size);
    }
    for (uint32_t i = 0; i <= pipe.stream.capacity && pipe.stream.start < pipe.stream.end; i++) { /* the line goes silent */
        flight_stream_give_up(&pipe.stream);
        pipe_drain(&pipe);
    }
    if (pipe.last_in_row + lost < 3 || pipe.stream.start != pipe.stream.end) {
        corpus_fail("good frames behind a damaged one were lost", damaged, bytes);
    }
    if (pipe.found != 0) {
        corpus.accepted++;
    }
    pipe_close(&pipe);
}

void family_resync(const golden *from)
{
    const int is_checked = (from->bytes[2] & FLIGHT_FLAG_CHECKED) != 0;
    uint8_t *data;

    if (from->size > GOLDEN_BYTES) {
        return;
    }
    data = exact_copy(from->bytes, from->size);
    for (uint32_t bit = 0; bit < 8 * from->size; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        resync(from, data, from->size, 0);
        data[bit / 8] = from->bytes[bit / 8];
    }
    for (uint32_t at = 0; at < from->size; at++) {
        memmove(data + at, from->bytes + at + 1, from->size - at - 1);
        resync(from, data, from->size - 1, is_checked ? 0 : 1); /* one byte lost */
        resync(from, from->bytes, at, is_checked ? 0 : 1);      /* the rest lost */
        memcpy(data, from->bytes, from->size);
    }
    exact_free(data);
}
