/* Any CRC at all, of bytes whose ends are looked at: what is proved holds whatever the sum says. */
#ifndef STUB_CRC_H
#define STUB_CRC_H

#include "proof.h"

uint32_t flight_crc32c(const uint8_t *data, size_t bytes, uint32_t previous)
{
    volatile uint8_t end;

    if (bytes != 0) {
        end = data[0];
        end = data[bytes - 1];
    }
    (void)end;
    (void)previous;
    return nondet_uint();
}

#endif
