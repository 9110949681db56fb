/* needs: flight_ring_init flight_ring_reserve flight_ring_commit flight_ring_put flight_ring_peek flight_ring_release */
#include "fuzz.h"
#include "ring_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *problem = ring_model_run(data, bytes);

    if (problem != NULL) {
        fprintf(stderr, "%s\n", problem);
        abort();
    }
    return 0;
}
