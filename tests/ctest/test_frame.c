/* What the corpus cannot ask: arguments, limits, errors of the sender, aliasing. */
#include <stdlib.h>
#include <string.h>

#include "ctest.h"

static flight_frame good(uint8_t flags, const uint8_t *payload, uint32_t bytes)
{
    flight_frame frame = {0};

    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = flags;
    frame.channel = 7;
    frame.seq = 5;
    frame.ack = 9;
    frame.payload = payload;
    frame.payload_bytes = bytes;
    return frame;
}

static void test_sender_errors(uint8_t *buffer)
{
    uint8_t payload[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    flight_frame frame = good(FLIGHT_FLAG_CHECKED, payload, 8);
    uint8_t before[64];

    memset(buffer, 0xa5, 64);
    memcpy(before, buffer, 64);
    CHECK(flight_frame_encode(NULL, 64, &frame) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_frame_encode(buffer, 64, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_frame_seal(NULL, 64, &frame) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_frame_seal(buffer, 64, NULL) == FLIGHT_ERROR_ARGUMENT);
    frame.payload = NULL;
    CHECK(flight_frame_encode(buffer, 64, &frame) == FLIGHT_ERROR_ARGUMENT);
    frame.payload = payload;
    CHECK(flight_frame_encode(buffer, 27, &frame) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_frame_seal(buffer, 27, &frame) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_frame_encode(buffer, 0, &frame) == FLIGHT_ERROR_NO_ROOM);
    for (unsigned type = 0; type < 256; type++) {
        frame.type = (uint8_t)type;
        CHECK(flight_frame_seal(buffer, 0, &frame) ==
              (type >= 1 && type <= FLIGHT_TYPE_RENEWED ? FLIGHT_ERROR_NO_ROOM : FLIGHT_ERROR_TYPE));
    }
    frame.type = FLIGHT_TYPE_DATA;
    for (unsigned flags = 0; flags < 256; flags++) {
        frame.flags = (uint8_t)flags;
        CHECK(flight_frame_seal(buffer, 0, &frame) ==
              ((flags | FLIGHT_FLAGS_SUPPORTED) == FLIGHT_FLAGS_SUPPORTED ? FLIGHT_ERROR_NO_ROOM : FLIGHT_ERROR_FLAGS));
    }
    frame.flags = 0;
    frame.seq = FLIGHT_NUMBER_LIMIT;
    CHECK(flight_frame_seal(buffer, 64, &frame) == FLIGHT_ERROR_NUMBER);
    frame.seq = 0;
    frame.ack = FLIGHT_NUMBER_LIMIT;
    CHECK(flight_frame_seal(buffer, 64, &frame) == FLIGHT_ERROR_NUMBER);
    frame.ack = 0;
    frame.payload_bytes = FLIGHT_MAX_FRAME_BYTES - 16 + 1;
    CHECK(flight_frame_seal(buffer, 64, &frame) == FLIGHT_ERROR_TOO_LARGE);
    frame.payload_bytes--;
    CHECK(flight_frame_seal(buffer, 64, &frame) == FLIGHT_ERROR_NO_ROOM);
    frame.flags = FLIGHT_FLAG_CHECKED;
    CHECK(flight_frame_seal(buffer, 64, &frame) == FLIGHT_ERROR_TOO_LARGE);
    frame.payload_bytes = 0xffffffffu;
    CHECK(flight_frame_seal(buffer, 64, &frame) == FLIGHT_ERROR_TOO_LARGE);
    CHECK(memcmp(buffer, before, 64) == 0); /* nothing has changed */
}

static void test_places(uint8_t *buffer)
{
    uint8_t payload[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    flight_frame frame = good(FLIGHT_FLAG_CHECKED, payload, 8);
    flight_frame read;
    uint8_t expected[28];

    CHECK(flight_frame_encode(expected, 28, &frame) == 28);
    for (int offset = 0; offset < 8; offset++) { /* the same bytes at every address, and none beside them */
        memset(buffer, 0xa5, 64);
        CHECK(flight_frame_encode(buffer + 8 + offset, 28, &frame) == 28);
        CHECK(memcmp(buffer + 8 + offset, expected, 28) == 0);
        CHECK(buffer[7 + offset] == 0xa5 && buffer[36 + offset] == 0xa5);
        CHECK(flight_frame_decode(buffer + 8 + offset, 28, 28, &read) == 28);
        CHECK(read.seq == 5 && read.ack == 9 && read.channel == 7 && read.type == FLIGHT_TYPE_DATA);
    }
    for (int from = 0; from < 40; from++) { /* the payload may stand anywhere in the buffer */
        memset(buffer, 0, 64);
        memcpy(buffer + from, payload, 8);
        frame.payload = buffer + from;
        CHECK(flight_frame_encode(buffer, 64, &frame) == 28);
        CHECK(memcmp(buffer, expected, 28) == 0);
    }
    memcpy(buffer + 16, payload, 8);
    frame.payload = NULL; /* seal does not look at it */
    CHECK(flight_frame_seal(buffer, 28, &frame) == 28);
    CHECK(memcmp(buffer, expected, 28) == 0);
    frame.payload_bytes = 0; /* no payload, so no pointer */
    CHECK(flight_frame_encode(buffer, 20, &frame) == 20);
    frame.flags = 0;
    CHECK(flight_frame_encode(buffer, 16, &frame) == 16);
    CHECK(flight_frame_encode(buffer, 15, &frame) == FLIGHT_ERROR_NO_ROOM);
}

static void test_receiver(uint8_t *buffer)
{
    uint8_t payload[8] = {0};
    flight_frame frame = good(FLIGHT_FLAG_CHECKED, payload, 8);
    flight_frame read;
    const uint8_t other = 0;

    CHECK(flight_frame_encode(buffer, 64, &frame) == 28);
    CHECK(flight_frame_decode(NULL, 28, 64, &read) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_frame_decode(buffer, 28, 64, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_frame_decode(buffer, 64, 28, &read) == 28);
    CHECK(flight_frame_decode(buffer, 64, 27, &read) == FLIGHT_ERROR_LENGTH);
    CHECK(flight_frame_decode(buffer, 64, 0, &read) == FLIGHT_ERROR_LENGTH);
    CHECK(flight_frame_decode(buffer, 28, 0xffffffffu, &read) == 28);
    CHECK(flight_frame_decode(&other, 0, 64, &read) == 0);
    CHECK(flight_frame_decode(&other, 1, 64, &read) == FLIGHT_ERROR_MAGIC);
    for (uint32_t payload_bytes = 65500; payload_bytes < 65536; payload_bytes++) { /* over 64 KiB in all, said by no sender */
        buffer[4] = (uint8_t)payload_bytes;
        buffer[5] = (uint8_t)(payload_bytes >> 8);
        buffer[3] = flight_header_check(buffer);
        CHECK(flight_frame_decode(buffer, 28, 0xffffffffu, &read) ==
              (payload_bytes > 65516 ? FLIGHT_ERROR_LENGTH : 0));
    }
    CHECK(flight_frame_bytes(0, 0) == 16 && flight_frame_bytes(48, 0) == 64);
    CHECK(flight_frame_bytes(48, FLIGHT_FLAG_CHECKED) == 68 && flight_frame_bytes(48, FLIGHT_FLAG_BATCH) == 64);
}

void test_frame(void)
{
    uint8_t *buffer = malloc(64);

    CHECK(buffer != NULL);
    test_sender_errors(buffer);
    test_places(buffer);
    test_receiver(buffer);
    free(buffer);
}
