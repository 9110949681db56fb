/* needs: flight_stream_init flight_stream_push flight_stream_next flight_stream_give_up */
#include "fuzz.h"

/* Two bytes of set-up, then pieces: a length byte and that many bytes; a length of 255 gives up waiting. */
typedef struct feed {
    flight_stream stream;
    uint8_t *memory;
    uint64_t pushed;
    uint64_t accounted; /* bytes of frames found */
} feed;

static void drain(feed *at)
{
    flight_frame frame;
    int bytes;

    while ((bytes = flight_stream_next(&at->stream, &frame)) > 0) {
        REQUIRE(frame.payload >= at->memory + 16);
        REQUIRE(frame.payload - 16 + bytes == at->memory + at->stream.start);
        REQUIRE(flight_frame_bytes(frame.payload_bytes, frame.flags) == (uint32_t)bytes);
        REQUIRE((uint32_t)bytes <= at->stream.limit_bytes);
        REQUIRE((frame.flags & at->stream.required_flags) == at->stream.required_flags);
        at->accounted += (uint64_t)bytes;
    }
    REQUIRE(bytes == 0);
}

/* Every byte is in a frame, garbage, or still waiting; CRCs looked at each byte four times at most. */
static void account(const feed *at)
{
    const flight_stream *stream = &at->stream;

    REQUIRE(stream->start <= stream->end && stream->end <= stream->capacity);
    REQUIRE(at->pushed == at->accounted + stream->garbage_bytes + (stream->end - stream->start));
    REQUIRE(stream->summed_bytes <= 4 * at->pushed);
    REQUIRE(stream->credit_bytes <= 8 * stream->limit_bytes);
}

static void push(feed *at, const uint8_t *data, size_t bytes)
{
    uint8_t *piece = exactly(data, bytes);
    size_t offset = 0;

    while (offset < bytes) {
        const size_t taken = flight_stream_push(&at->stream, piece + offset, bytes - offset);
        const uint32_t before = at->stream.start;

        REQUIRE(taken <= bytes - offset);
        at->pushed += taken;
        offset += taken;
        drain(at);
        REQUIRE(taken != 0 || at->stream.start != before); /* never stuck */
        account(at);
    }
    free(piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    feed at;
    uint32_t limit_bytes;
    size_t capacity;

    if (bytes < 2) {
        return 0;
    }
    memset(&at, 0, sizeof at);
    limit_bytes = 20 + data[0] % 128;
    capacity = 2 * (size_t)limit_bytes + data[1] / 8;
    at.memory = exactly(NULL, capacity);
    REQUIRE(flight_stream_init(&at.stream, at.memory, capacity, limit_bytes, data[1] & 1 ? FLIGHT_FLAG_CHECKED : 0) == 0);
    data += 2;
    bytes -= 2;
    while (bytes != 0) {
        size_t piece = *data++;

        bytes--;
        if (piece == 255) {
            flight_stream_give_up(&at.stream);
            drain(&at);
            account(&at);
            continue;
        }
        piece = piece < bytes ? piece : bytes;
        push(&at, data, piece);
        data += piece;
        bytes -= piece;
    }
    free(at.memory);
    return 0;
}
