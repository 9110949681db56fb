/* The header check on words that are already loaded. Private. */
#ifndef FLIGHT_CHECK_H
#define FLIGHT_CHECK_H

#include <stdint.h>

/* w0 to w3: the header, little-endian. The check byte (the top byte of w0) is left out. Four arguments, because that is
 * what the consoles pass in registers. Returns the check in the low byte, the rest zero. */
uint32_t flight_check_words(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3);

#endif
