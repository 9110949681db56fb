/* needs: flight_frame_decode flight_frame_encode flight_frame_seal flight_header_check flight_crc32c */
#include "fuzz.h"

static int at_limit(const uint8_t *data, size_t bytes, uint32_t limit_bytes, flight_frame *frame)
{
    return flight_frame_decode(data, bytes, limit_bytes, frame);
}

/* What was accepted is encoded again: the same bytes but for the check values, which this build lets pass. */
static void encode_again(const uint8_t *data, int frame_bytes, const flight_frame *frame)
{
    uint8_t *out = exactly(NULL, (size_t)frame_bytes);
    uint8_t *sealed = exactly(data, (size_t)frame_bytes);
    flight_frame again;

    REQUIRE(flight_frame_encode(out, (size_t)frame_bytes, frame) == frame_bytes);
    REQUIRE(flight_frame_seal(sealed, (size_t)frame_bytes, frame) == frame_bytes);
    REQUIRE(memcmp(out, sealed, (size_t)frame_bytes) == 0);
    REQUIRE(memcmp(out, data, 3) == 0 && memcmp(out + 4, data + 4, 12 + frame->payload_bytes) == 0);
    REQUIRE(out[3] == flight_header_check(data));
    REQUIRE(flight_frame_decode(out, (size_t)frame_bytes, FLIGHT_MAX_FRAME_BYTES, &again) == frame_bytes);
    if (frame->flags & FLIGHT_FLAG_CHECKED) {
        const uint32_t crc = flight_crc32c(out, (size_t)frame_bytes - 4, 0);

        REQUIRE(out[frame_bytes - 4] == (uint8_t)crc && out[frame_bytes - 1] == (uint8_t)(crc >> 24));
    }
    free(out);
    free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    uint8_t *data = exactly(input, bytes);
    flight_frame frame;
    flight_frame other;
    const int frame_bytes = at_limit(data, bytes, FLIGHT_MAX_FRAME_BYTES, &frame);

    REQUIRE(frame_bytes >= FLIGHT_ERROR_RECORD && frame_bytes <= (int)bytes);
    if (frame_bytes > 0) {
        REQUIRE(frame.payload == data + 16);
        REQUIRE(flight_frame_bytes(frame.payload_bytes, frame.flags) == (uint32_t)frame_bytes);
        REQUIRE(frame.type >= 1 && frame.type <= FLIGHT_TYPE_RENEWED && frame.seq < FLIGHT_NUMBER_LIMIT);
        REQUIRE((frame.flags & ~FLIGHT_FLAGS_SUPPORTED) == 0 && frame.ack < FLIGHT_NUMBER_LIMIT);
        REQUIRE(at_limit(data, bytes, (uint32_t)frame_bytes, &other) == frame_bytes);
        REQUIRE(at_limit(data, bytes, (uint32_t)frame_bytes - 1, &other) == FLIGHT_ERROR_LENGTH);
        REQUIRE(at_limit(data, (size_t)frame_bytes - 1, FLIGHT_MAX_FRAME_BYTES, &other) == 0);
        encode_again(data, frame_bytes, &frame);
    }
    free(data);
    return 0;
}
