/* Memory pressure. A part of flight.h, which includes it; not to be included alone. */
#ifndef FLIGHT_PRESSURE_H
#define FLIGHT_PRESSURE_H

/* What flight_pressure answers. */
enum flight_pressure_level {
    FLIGHT_CALM = 0,
    FLIGHT_WARNING = 1, /* the free memory is cut into small pieces */
    FLIGHT_PRESSURE = 2 /* little is left, or only in small pieces: let go of what can be spared */
};

/* Where the levels begin, in 1/10000. Strict: a value that equals its limit is below the level. */
typedef struct flight_pressure_limits {
    uint32_t warning_fragmentation;  /* of fragmentation */
    uint32_t pressure_fragmentation; /* the same */
    uint32_t pressure_used;          /* of used / total */
} flight_pressure_limits;

/* How a machine with total_bytes of memory, of which used_bytes are in use, is doing. fragmentation: 1 - largest free block /
 * free memory, in 1/10000. The fields of a memory-update event may be handed on as they are: a number that is not known there
 * (all bits set; a total of 0 too) is not judged. A pure function, equal to the Python client's at every number. A console
 * that is under pressure drops its oldest lossy events beyond FLIGHT_PRESSURE_QUEUE_EVENTS. There are no errors.
 *
 *     if (flight_pressure(total_bytes, used_bytes, fragmentation) == FLIGHT_PRESSURE) { drop_what_can_be_spared(); }
 */
int flight_pressure(uint32_t total_bytes, uint32_t used_bytes, uint32_t fragmentation);

/* The same with limits of your own. fragmentation: in 1/10000. limits must not be null. There are no errors.
 *
 *     static const flight_pressure_limits mine = {3000, 6000, 9000};
 *     if (flight_pressure_by(&mine, total_bytes, used_bytes, fragmentation) == FLIGHT_PRESSURE) { drop_what_can_be_spared(); }
 */
int flight_pressure_by(const flight_pressure_limits *limits, uint32_t total_bytes, uint32_t used_bytes,
                       uint32_t fragmentation);

#endif
