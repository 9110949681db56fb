/* needs: flight_delta_start flight_delta_next flight_delta_unpack flight_delta_pack */
#include "corpus.h"
#include "fuzz.h"

/* The judge of the corpus: unpacks, compares entry by entry, packs again what was accepted. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    uint8_t *data = exactly(input, bytes);

    judge_delta(data, bytes);
    free(data);
    return 0;
}
