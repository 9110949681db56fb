/* needs: flight_reassembly_init flight_reassembly_push */
#include "flight.h"
#include "fuzz.h"

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
    free(memory);
    return 0;
}
