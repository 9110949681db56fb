/* How much memory a set-up takes. Sums only: whatever the set-up functions would refuse is refused here, in the same terms,
 * so that a plan that adds up can also be carried out. */
#include "flight.h"

#define SLOTS_LIMIT 32767u      /* as flight_ring_init */
#define SLOT_BYTES_FIRST 16u
#define SLOT_BYTES_LAST 65532u
#define NEED_LIMIT 0x7fffffffu  /* what the returned int can say */

/* Add a part to the sum. The product fits 32 bits: counts are below 2^16, sizes at most 2^16. */
static int add(uint32_t *total_bytes, uint32_t count, uint32_t each_bytes, uint32_t *part_bytes)
{
    const uint32_t bytes = count * each_bytes;

    if (bytes > NEED_LIMIT - *total_bytes) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    *part_bytes = bytes;
    *total_bytes += bytes;
    return 0;
}

static int is_possible(const flight_setup *setup)
{
    if (setup->critical_slots > SLOTS_LIMIT || setup->lossy_slots > SLOTS_LIMIT) {
        return 0;
    }
    if ((setup->critical_slots | setup->lossy_slots) != 0 &&
        (setup->slot_bytes < SLOT_BYTES_FIRST || setup->slot_bytes > SLOT_BYTES_LAST || (setup->slot_bytes & 3u) != 0)) {
        return 0;
    }
    if (setup->frame_bytes == 0) {
        return setup->window_frames == 0 && setup->byte_stream == 0;
    }
    return setup->frame_bytes >= FLIGHT_HEADER_BYTES + FLIGHT_TRAILER_BYTES &&
           setup->frame_bytes <= FLIGHT_MAX_FRAME_BYTES && setup->byte_stream <= 1;
}

int flight_core_need(const flight_setup *setup, flight_parts *parts)
{
    const flight_parts nothing = {0, 0, 0, 0, 0, 0};
    flight_parts found = nothing;
    uint32_t total_bytes = 0;
    uint32_t rings;
    int problem;

    if (setup == NULL || !is_possible(setup)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    rings = (setup->critical_slots != 0) + (uint32_t)(setup->lossy_slots != 0);
    found.objects_bytes = rings * (uint32_t)sizeof(flight_ring) + setup->byte_stream * (uint32_t)sizeof(flight_stream);
    total_bytes = found.objects_bytes;
    problem = add(&total_bytes, setup->critical_slots, setup->slot_bytes, &found.critical_bytes) |
              add(&total_bytes, setup->lossy_slots, setup->slot_bytes, &found.lossy_bytes) |
              add(&total_bytes, 1, setup->frame_bytes, &found.send_bytes) |
              add(&total_bytes, 1u + setup->byte_stream, setup->frame_bytes, &found.receive_bytes) |
              add(&total_bytes, setup->window_frames, setup->frame_bytes, &found.store_bytes);
    if (problem != 0) { /* one kind of error only, so that joining the bits keeps it */
        return problem;
    }
    if (parts != NULL) {
        *parts = found;
    }
    return (int)total_bytes;
}
