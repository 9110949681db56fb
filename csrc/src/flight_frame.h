/* The part of decoding that looks at the header alone. Private: the stream uses it before the payload has arrived. */
#ifndef FLIGHT_FRAME_H
#define FLIGHT_FRAME_H

#include "flight.h"

/* Read the 16 bytes at data. Returns the bytes of the whole frame or an error; does not look at the CRC. */
int flight_frame_header(const uint8_t *data, uint32_t limit_bytes, flight_frame *frame);

/* 0 where the CRC behind a whole checked frame of frame_bytes matches, else FLIGHT_ERROR_CRC. */
int flight_frame_crc(const uint8_t *data, uint32_t frame_bytes);

#endif
