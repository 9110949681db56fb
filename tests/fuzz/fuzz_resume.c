/* needs: flight_resume_pack flight_resume_unpack flight_resume_newest */
#include "fuzz.h"

/* Two copies of any bytes; where the last byte's lowest bits say so, their checks are put right. What is read as a record
 * and written again is read as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    uint8_t both[2 * FLIGHT_RESUME_BYTES] = {0};
    uint8_t again[FLIGHT_RESUME_BYTES];
    uint8_t once_more[FLIGHT_RESUME_BYTES];
    const uint32_t right = bytes == 0 ? 0 : input[bytes - 1];
    uint8_t *copies;
    flight_resume resume;
    int newest;

    memcpy(both, input, bytes < sizeof both ? bytes : sizeof both);
    for (uint32_t copy = 0; copy < 2; copy++) {
        uint8_t *at = both + copy * FLIGHT_RESUME_BYTES;
        const uint32_t crc = flight_crc32c(at, FLIGHT_RESUME_BYTES - 4u, 0);

        if ((right >> copy & 1u) != 0) {
            for (int i = 0; i < 4; i++) {
                at[FLIGHT_RESUME_BYTES - 4u + (uint32_t)i] = (uint8_t)(crc >> 8 * i);
            }
        }
    }
    copies = exactly(both, sizeof both);
    newest = flight_resume_newest(copies);
    if (newest < FLIGHT_RESUME_DAMAGED || newest > 1) {
        abort();
    }
    memset(&resume, 0, sizeof resume);
    if (newest >= 0) {
        if (flight_resume_unpack(&resume, copies + (uint32_t)newest * FLIGHT_RESUME_BYTES) != 1) {
            abort();
        }
        flight_resume_pack(&resume, again);
        memset(&resume, 0xee, sizeof resume);
        if (flight_resume_unpack(&resume, again) != 1) {
            abort();
        }
        flight_resume_pack(&resume, once_more);
        if (memcmp(again, once_more, sizeof again) != 0) {
            abort();
        }
    }
    free(copies);
    return 0;
}
