/* The C core in a few lines: one event through a ring into a frame, printed in hex. No network, no malloc.
 * Build: cc -std=c99 -Icsrc/include examples/c/core_example.c csrc/src/flight_*.c -o core_example */
#include <stdio.h>

#include "flight.h"

int main(void)
{
    static uint32_t memory[FLIGHT_RING_BYTES(32, FLIGHT_DREAMCAST_SLOT_BYTES) / 4];
    static uint8_t buffer[FLIGHT_DREAMCAST_FRAME_BYTES];
    const flight_memory_update measured = {16777216, 8808038, 7969178, 0xffffffffu, 1250, 0}; /* budget: unknown */
    flight_ring ring;
    flight_batch batch;
    flight_frame frame = {0};
    int bytes;

    if (flight_ring_init(&ring, memory, 32, FLIGHT_DREAMCAST_SLOT_BYTES) != 0) {
        return 1;
    }
    /* At 1,000 ms something was measured; at 1,250 ms there is time to send what waits. */
    flight_ring_put(&ring, 7, FLIGHT_LAYOUT_MEMORY_UPDATE, 1000, &measured, FLIGHT_MEMORY_UPDATE_BYTES);
    bytes = flight_batch_pack(&ring, buffer + FLIGHT_HEADER_BYTES, sizeof buffer - 20, 1250, 16, &batch);
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED;
    frame.channel = batch.channel;
    frame.payload_bytes = (uint32_t)bytes;
    bytes = flight_frame_seal(buffer, sizeof buffer, &frame);
    for (int i = 0; i < bytes; i++) {
        printf("%02x%s", (unsigned)buffer[i], i + 1 < bytes ? " " : "\n");
    }
    return bytes > 0 ? 0 : 1;
}
