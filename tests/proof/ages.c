/* proves: flight_age_encode flight_age_decode
 * with: flight_batch.c
 * bound: all ages from 0 to 2^32 - 1: never younger than it is by a second or more, never older; all 65,536 wire values
 * unwind: 2
 * bug: flight_batch.c: if (seconds < SECONDS_FIRST) { => if (seconds + 1 < SECONDS_FIRST) {
 */
#include "proof.h"

int main(void)
{
    const uint32_t age_ms = nondet_uint();
    const uint16_t wire = (uint16_t)nondet_uint();
    uint32_t again;

    if (flight_age_decode(wire, &again) == 0) {
        PROVE(again == FLIGHT_AGE_NONE || again < 32767000);
        PROVE(wire < 0x8000 || again >= 32768);
    }
    if (age_ms < 32768) {
        PROVE(flight_age_encode(age_ms) == age_ms);
    } else if (age_ms >= 32767000) {
        PROVE(flight_age_encode(age_ms) == FLIGHT_AGE_UNKNOWN);
    } else {
        PROVE(flight_age_decode(flight_age_encode(age_ms), &again) == 0);
        PROVE(again <= age_ms && age_ms - again < 1000);
    }
    return 0;
}
