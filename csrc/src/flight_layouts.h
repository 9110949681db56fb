/* Bytes of the fixed part of each layout. Private. */
#ifndef FLIGHT_LAYOUTS_H
#define FLIGHT_LAYOUTS_H

#include "flight.h"

/* Layouts are below 16; the wide forms stand behind the narrow ones. */
#define FLIGHT_LAYOUT_PLACE(layout) (((layout) & 15u) | (((layout) & FLIGHT_LAYOUT_WIDE) >> 3))
#define FLIGHT_LAYOUT_UNUSED_BITS 0x70u

static inline uint32_t flight_fixed_bytes(uint32_t layout)
{
    static const uint8_t bytes[32] = {
        [FLIGHT_LAYOUT_MEMORY_UPDATE] = FLIGHT_MEMORY_UPDATE_BYTES,
        [FLIGHT_LAYOUT_COMPONENT_UPDATE] = FLIGHT_COMPONENT_UPDATE_BYTES,
        [FLIGHT_LAYOUT_SYSTEM_MONITORING] = FLIGHT_SYSTEM_MONITORING_BYTES,
        [FLIGHT_LAYOUT_V6R_EVENT] = FLIGHT_V6R_EVENT_BYTES,
        [FLIGHT_LAYOUT_LOG] = FLIGHT_LOG_BYTES,
        [FLIGHT_LAYOUT_FRAME_TIME] = FLIGHT_FRAME_TIME_BYTES,
        [FLIGHT_LAYOUT_PAYLOAD] = FLIGHT_PAYLOAD_BYTES,
        [FLIGHT_LAYOUT_PLACE(FLIGHT_LAYOUT_MEMORY_UPDATE | FLIGHT_LAYOUT_WIDE)] = FLIGHT_MEMORY_UPDATE_WIDE_BYTES,
        [FLIGHT_LAYOUT_PLACE(FLIGHT_LAYOUT_COMPONENT_UPDATE | FLIGHT_LAYOUT_WIDE)] = FLIGHT_COMPONENT_UPDATE_WIDE_BYTES,
        [FLIGHT_LAYOUT_PLACE(FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE)] = FLIGHT_SYSTEM_MONITORING_WIDE_BYTES,
#ifdef FLIGHT_TEST_LAYOUT /* 48 bytes, the event that benchmarks and tests measure with; below 16 */
        [FLIGHT_TEST_LAYOUT] = 48,
#endif
    };

    return (layout & FLIGHT_LAYOUT_UNUSED_BITS) != 0 ? 0 : bytes[FLIGHT_LAYOUT_PLACE(layout)];
}

#endif
