/* The wire read a second time, from its definition and without the core: what the core says is compared with this. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "flight.h"

void reference_start(void); /* once, before the others */
uint8_t reference_check(const uint8_t *header);
uint32_t reference_crc(const uint8_t *data, size_t bytes);

/* Return what flight_frame_decode and flight_batch_next have to return. */
int reference_decode(const uint8_t *data, size_t bytes, uint32_t limit_bytes, flight_frame *frame);
int reference_record(const uint8_t *data, size_t bytes, flight_record *record);

/* Write check and, in a checked frame of `bytes`, the CRC where the header says that it stands, if that is inside. */
void reference_seal(uint8_t *data, size_t bytes);

#endif
