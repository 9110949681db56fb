/* proves: flight_resume_unpack
 * with: flight_session_resume.c
 * bound: any 64 bytes, any CRC
 * unwind: 10
 * quick
 * bug: flight_session_resume.c: #define CRC_AT (FLIGHT_RESUME_BYTES - 4u) => #define CRC_AT (FLIGHT_RESUME_BYTES - 3u)
 */
#include "stub_crc.h"

int main(void)
{
    const uint8_t *data = any_bytes(FLIGHT_RESUME_BYTES);
    flight_resume resume;
    const int result = flight_resume_unpack(&resume, data);

    PROVE(result == 0 || result == 1);
    if (result == 1) {
        PROVE(resume.serial < FLIGHT_NUMBER_LIMIT && resume.starts < FLIGHT_NUMBER_LIMIT);
        PROVE(resume.mark >= 0 && (uint32_t)resume.mark < FLIGHT_NUMBER_LIMIT && resume.before >= 0);
    }
    return 0;
}
