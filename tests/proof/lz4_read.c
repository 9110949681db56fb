/* proves: flight_decompress flight_unpacked_bytes
 * bound: any payload of up to 7 bytes, so blocks of up to 3; any capacity up to 4
 * unwind: 8
 * bug: flight_lz4.c: bytes > (size_t)(in->out_end - in->out)) { => bytes > (size_t)(in->out_end - in->out) + 1) {
 */
#include "proof.h"

#include "flight_lz4.c"

#ifndef BLOCK
#define BLOCK 3
#define SIZE 4
#endif

int main(void)
{
    const uint32_t bytes = up_to(4 + BLOCK);
    const uint32_t capacity = up_to(SIZE);
    const uint8_t *data = any_bytes(bytes);
    uint8_t *out = any_bytes(capacity);
    const int size = flight_unpacked_bytes(data, bytes);
    const int result = flight_decompress(data, bytes, out, capacity);

    PROVE(size == FLIGHT_ERROR_COMPRESSED || (size > 0 && size <= (int)FLIGHT_UNPACKED_BYTES && bytes > 4));
    PROVE(result == size || result == FLIGHT_ERROR_COMPRESSED || (result == FLIGHT_ERROR_NO_ROOM && size > (int)capacity));
    PROVE(result <= (int)capacity);
    return 0;
}
