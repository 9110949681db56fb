/* needs: flight_batch_next flight_batch_count flight_batch_skip flight_batch_pack flight_age_decode flight_layout_bytes */
#include "corpus.h"
#include "fuzz.h"

/* The judge of the corpus: compares with the reference, packs again what was accepted. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    uint8_t *data = exactly(input, bytes);

    judge_records(data, bytes);
    free(data);
    return 0;
}
