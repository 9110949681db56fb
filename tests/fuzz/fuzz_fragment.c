/* needs: flight_fragment_take flight_fragment_next */
/* Waits for these calls; until flight.h has them this file is not compiled. To be written with them: a sequence of pieces
 * (length byte, bytes, flag `more`) into a reassembly of bounded size; never outside it, never over the limit. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    (void)input;
    (void)bytes;
    return 0;
}
