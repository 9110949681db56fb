/* needs: flight_compress flight_decompress flight_unpacked_bytes */
#include "flight.h"
#include "fuzz.h"

/* Any bytes as a compressed payload: never outside the buffers, never more than declared. What was unpacked, packed again and
 * unpacked once more, is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    static uint16_t table[FLIGHT_LZ4_TABLE_BYTES / 2];
    uint8_t *data = exactly(input, bytes);
    const int declared = flight_unpacked_bytes(data, bytes);

    if (declared > 0) {
        uint8_t *out = exactly(NULL, (size_t)declared);
        const int unpacked = flight_decompress(data, bytes, out, (size_t)declared);

        REQUIRE(unpacked < 0 || unpacked == declared);
        if (unpacked > 0) {
            const size_t room = (size_t)unpacked + (size_t)unpacked / 255 + 32;
            uint8_t *packed = exactly(NULL, room);
            uint8_t *again = exactly(NULL, (size_t)unpacked);
            const int packed_bytes = flight_compress(out, (size_t)unpacked, packed, room, table);

            REQUIRE(packed_bytes > 0);
            if (flight_unpacked_bytes(packed, (size_t)packed_bytes) == unpacked) { /* the ratio may pass the cap */
                REQUIRE(flight_decompress(packed, (size_t)packed_bytes, again, (size_t)unpacked) == unpacked);
                REQUIRE(memcmp(again, out, (size_t)unpacked) == 0);
            }
            free(packed);
            free(again);
        }
        free(out);
    }
    free(data);
    return 0;
}
