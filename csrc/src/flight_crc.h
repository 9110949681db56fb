/* The CRC by its table, which the self-test wants to see also where the processor does the work. Private. */
#ifndef FLIGHT_CRC_H
#define FLIGHT_CRC_H

#include <stddef.h>
#include <stdint.h>

/* crc: without the inversions of start and end. */
uint32_t flight_crc_by_table(const uint8_t *data, size_t bytes, uint32_t crc);

#endif
