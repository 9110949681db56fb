/* needs: flight_reassembly_init flight_reassembly_push flight_fragment_start flight_fragment_next */
#include "flight.h"
#include "fuzz.h"

/* The input as one payload, cut into frames of the size that its first byte says and joined again: it is the same, whatever
 * was being joined before, and no fragment is longer than it may be. */
static void cut_and_join(flight_reassembly *reassembly, const uint8_t *input, size_t bytes)
{
    const size_t capacity = input[0];
    const uint8_t flags = (uint8_t)(input[bytes - 1] & FLIGHT_FLAG_CHECKED);
    const uint32_t heads = flight_frame_bytes(FLIGHT_FRAGMENT_HEAD_BYTES, flags);
    uint8_t *buffer = exactly(NULL, capacity);
    flight_fragmenter cutter;
    flight_frame frame;
    size_t cut = 0;
    int fragment, joined = 0;

    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = flags;
    frame.payload = input;
    frame.payload_bytes = (uint32_t)bytes;
    REQUIRE(flight_fragment_start(&cutter, &frame, 9) == 0);
    while ((fragment = flight_fragment_next(&cutter, buffer, capacity, 0, 0)) > 0) {
        REQUIRE(cut < bytes && (size_t)fragment <= capacity);
        REQUIRE(flight_frame_decode(buffer, (size_t)fragment, (uint32_t)capacity, &frame) == fragment);
        cut += frame.payload_bytes - FLIGHT_FRAGMENT_HEAD_BYTES;
        joined = flight_reassembly_push(reassembly, &frame, &frame);
        REQUIRE(bytes > reassembly->capacity ? joined < 0 : joined == (cut < bytes ? 0 : (int)bytes));
    }
    REQUIRE(fragment == (capacity > heads ? 0 : FLIGHT_ERROR_NO_ROOM));
    if (fragment == 0 && bytes <= reassembly->capacity) {
        REQUIRE(cut == bytes && joined == (int)bytes && memcmp(frame.payload, input, bytes) == 0);
    }
    free(buffer);
}

/* Frames made of the input, one behind the other, pushed into a reassembly of a small buffer: never outside it, and what is
 * finished lies inside it. Each piece: channel, bytes of payload, then the payload. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    const size_t capacity = 200;
    uint8_t *memory = exactly(NULL, capacity);
    flight_reassembly reassembly;
    size_t at = 0;

    REQUIRE(flight_reassembly_init(&reassembly, memory, capacity) == 0);
    while (at + 2 <= bytes) {
        const size_t left = bytes - at - 2;
        const size_t piece_bytes = input[at + 1] < left ? input[at + 1] : left;
        uint8_t *piece = exactly(input + at + 2, piece_bytes);
        flight_frame whole;
        flight_frame frame;
        int joined;

        memset(&frame, 0, sizeof frame);
        frame.type = FLIGHT_TYPE_DATA;
        frame.flags = FLIGHT_FLAG_MORE;
        frame.channel = input[at] & 3u;
        frame.payload = piece;
        frame.payload_bytes = (uint32_t)piece_bytes;
        joined = flight_reassembly_push(&reassembly, &frame, &whole);
        REQUIRE(joined <= (int)capacity && reassembly.used_bytes <= capacity);
        if (joined > 0) {
            REQUIRE(whole.payload_bytes == (uint32_t)joined && whole.payload == memory);
        }
        free(piece);
        at += 2 + piece_bytes;
    }
    if (bytes != 0) {
        cut_and_join(&reassembly, input, bytes);
    }
    free(memory);
    return 0;
}
