/* proves: flight_batch_count flight_batch_skip
 * with: flight_batch.c
 * bound: any batch of up to 20 bytes, so up to two records; any number to skip
 * unwind: 6
 * bug: flight_batch.c: data_bytes -= (size_t)bytes; => data_bytes -= (size_t)bytes - 1;
 */
#include "proof.h"

int main(void)
{
    const uint32_t bytes = up_to(20);
    const uint32_t skip = up_to(3);
    const uint8_t *data = any_bytes(bytes);
    const int events = flight_batch_count(data, bytes);
    const int offset = flight_batch_skip(data, bytes, skip);

    PROVE(events <= (int)bytes / 8);
    PROVE(offset <= (int)bytes);
    PROVE(events < 0 || skip > (uint32_t)events || offset >= 8 * (int)skip);
    PROVE(events < 0 || skip <= (uint32_t)events || offset == FLIGHT_ERROR_ARGUMENT);
    return 0;
}
