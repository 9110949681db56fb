/* needs: flight_lz4_expand flight_lz4_compress */
/* Waits for these calls; until flight.h has them this file is not compiled. Assumed: int expand(data, bytes, out, capacity),
 * out of exactly the declared size, and compress with the state of the caller; adapt the two lines when they come. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    const size_t capacity = bytes < 2 ? 0 : (size_t)(input[0] | input[1] << 8) % 4096;
    uint8_t *data = exactly(bytes < 2 ? NULL : input + 2, bytes < 2 ? 0 : bytes - 2);
    uint8_t *out = exactly(NULL, capacity);
    const int expanded = flight_lz4_expand(data, bytes < 2 ? 0 : bytes - 2, out, capacity);

    REQUIRE(expanded <= (int)capacity);
    free(data);
    free(out);
    return 0;
}
