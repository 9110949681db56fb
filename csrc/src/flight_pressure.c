/* Memory pressure: exact comparisons in 1/10000. Products are taken in 64 bits, which is one instruction on each machine, so
 * nothing is rounded and nothing wraps. */
#include "flight.h"

#define UNKNOWN_BYTES 0xffffffffu
#define UNKNOWN_SHARE 0xffffu
#define ONE 10000u

int flight_pressure_by(const flight_pressure_limits *limits, uint32_t total_bytes, uint32_t used_bytes,
                       uint32_t fragmentation)
{
    const int measured = total_bytes != 0 && total_bytes != UNKNOWN_BYTES && used_bytes != UNKNOWN_BYTES;

    if (measured && (uint64_t)used_bytes * ONE > (uint64_t)total_bytes * limits->pressure_used) {
        return FLIGHT_PRESSURE;
    }
    if (fragmentation >= UNKNOWN_SHARE) {
        return FLIGHT_CALM;
    }
    if (fragmentation > limits->pressure_fragmentation) {
        return FLIGHT_PRESSURE;
    }
    return fragmentation > limits->warning_fragmentation ? FLIGHT_WARNING : FLIGHT_CALM;
}

int flight_pressure(uint32_t total_bytes, uint32_t used_bytes, uint32_t fragmentation)
{
    static const flight_pressure_limits limits = {FLIGHT_WARNING_FRAGMENTATION, FLIGHT_PRESSURE_FRAGMENTATION,
                                                  FLIGHT_PRESSURE_USED};

    return flight_pressure_by(&limits, total_bytes, used_bytes, fragmentation);
}
