/* The memory of a set-up: sums to the byte, and every set-up that is refused. */
#include <string.h>

#include "ctest.h"

/* What flight_core_need says, by its fields in their order. */
static int need(uint32_t frame_bytes, uint32_t slot_bytes, uint32_t critical_slots, uint32_t lossy_slots,
                uint32_t window_frames, uint32_t byte_stream)
{
    flight_setup setup = {0};

    setup.frame_bytes = frame_bytes;
    setup.slot_bytes = slot_bytes;
    setup.critical_slots = (uint16_t)critical_slots;
    setup.lossy_slots = (uint16_t)lossy_slots;
    setup.window_frames = (uint16_t)window_frames;
    setup.byte_stream = (uint16_t)byte_stream;
    return flight_core_need(&setup, NULL);
}

static void test_sums(void)
{
    const int ring = (int)sizeof(flight_ring);
    const int stream = (int)sizeof(flight_stream);

    CHECK(need(0, 0, 0, 0, 0, 0) == 0);
    CHECK(need(640, 0, 0, 0, 0, 0) == 1280);
    CHECK(need(640, 0, 0, 0, 4, 0) == 1280 + 2560);
    CHECK(need(640, 0, 0, 0, 0, 1) == 3 * 640 + stream);
    CHECK(need(0, 64, 32, 0, 0, 0) == 32 * 64 + ring);
    CHECK(need(0, 64, 0, 32, 0, 0) == 32 * 64 + ring);
    CHECK(need(0, 64, 1, 1, 0, 0) == 2 * 64 + 2 * ring);
    CHECK(need(640, 64, 32, 16, 4, 1) == 48 * 64 + 7 * 640 + 2 * ring + stream);
}

static void test_parts(void)
{
    flight_setup setup = {640, 64, 32, 16, 4, 1};
    flight_parts parts;
    flight_parts before;

    CHECK(flight_core_need(&setup, &parts) == (int)(48 * 64 + 7 * 640 + 2 * sizeof(flight_ring) + sizeof(flight_stream)));
    CHECK(parts.objects_bytes == 2 * sizeof(flight_ring) + sizeof(flight_stream));
    CHECK(parts.critical_bytes == 2048 && parts.lossy_bytes == 1024 && parts.send_bytes == 640);
    CHECK(parts.receive_bytes == 1280 && parts.store_bytes == 2560);
    memset(&parts, 0xa5, sizeof parts); /* written only on success */
    before = parts;
    setup.frame_bytes = 19;
    CHECK(flight_core_need(&setup, &parts) == FLIGHT_ERROR_ARGUMENT && memcmp(&parts, &before, sizeof parts) == 0);
    setup = (flight_setup){65536, 65532, 32767, 32767, 65535, 1};
    CHECK(flight_core_need(&setup, &parts) == FLIGHT_ERROR_TOO_LARGE && memcmp(&parts, &before, sizeof parts) == 0);
}

static void test_refusals(void)
{
    CHECK(flight_core_need(NULL, NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(0, 16, 32767, 0, 0, 0) == 32767 * 16 + (int)sizeof(flight_ring));
    CHECK(need(0, 16, 32768, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(0, 16, 0, 32767, 0, 0) == 32767 * 16 + (int)sizeof(flight_ring));
    CHECK(need(0, 16, 0, 32768, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(0, 12, 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(0, 12, 0, 1, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(0, 65532, 1, 0, 0, 0) == 65532 + (int)sizeof(flight_ring));
    CHECK(need(0, 65536, 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(0, 17, 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT && need(0, 18, 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(0, 7, 0, 0, 0, 0) == 0); /* without rings nobody looks at their slots */
    CHECK(need(0, 0, 0, 0, 1, 0) == FLIGHT_ERROR_ARGUMENT && need(0, 0, 0, 0, 0, 1) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(19, 0, 0, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT && need(20, 0, 0, 0, 0, 0) == 40);
    CHECK(need(65536, 0, 0, 0, 0, 0) == 131072 && need(65537, 0, 0, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(need(640, 0, 0, 0, 0, 2) == FLIGHT_ERROR_ARGUMENT);
}

/* 2 GiB less one byte is the most that can be said. */
static void test_the_largest_sum(void)
{
    const uint32_t frame_bytes = 65528;
    const uint32_t objects = 2 * (uint32_t)sizeof(flight_ring) + (uint32_t)sizeof(flight_stream);
    const uint32_t rest = 0x7fffffffu - objects - 3 * frame_bytes - 16 * 2;
    const uint32_t window = rest / frame_bytes;
    const int sum = (int)(objects + (3 + window) * frame_bytes + 16 * 2);

    CHECK(need(frame_bytes, 16, 1, 1, window, 1) == sum);
    CHECK(need(frame_bytes, 16, 1, 1, window + 1, 1) == FLIGHT_ERROR_TOO_LARGE);
    for (uint32_t slot_bytes = 16, found = 0; found == 0; slot_bytes += 4) { /* the limit itself, to the byte */
        const uint32_t frames_bytes = 0x7fffffffu - (uint32_t)sizeof(flight_ring) - slot_bytes;

        for (uint32_t each = 32771; each < 65536 && found == 0; each += 2) {
            if (frames_bytes % each == 0) {
                found = each;
                CHECK(need(each, slot_bytes, 1, 0, frames_bytes / each - 2, 0) == 0x7fffffff);
                CHECK(need(each, slot_bytes + 4, 1, 0, frames_bytes / each - 2, 0) == FLIGHT_ERROR_TOO_LARGE);
            }
        }
    }
    CHECK(need(65536, 0, 0, 0, 32765, 0) == 0x7fff0000);
    CHECK(need(65536, 0, 0, 0, 32766, 0) == FLIGHT_ERROR_TOO_LARGE); /* one byte more than can be said */
}

void test_need(void)
{
    test_sums();
    test_parts();
    test_refusals();
    test_the_largest_sum();
}
