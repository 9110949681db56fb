/* Whether a check value that came with the bytes differs from the one that was computed from them. Private.
 *
 * FLIGHT_FUZZ is for fuzzing only: a fuzzer cannot guess a CRC, so with it a wrong value is let through unless its low
 * byte is 0xff. Both outcomes stay reachable that way. It also needs the macro that fuzzing builds are marked with by
 * common agreement, so that no other build can switch the checks off by accident. */
#ifndef FLIGHT_REFUSE_H
#define FLIGHT_REFUSE_H

#include <stdint.h>

#if defined(FLIGHT_FUZZ) && !defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
#error "FLIGHT_FUZZ accepts damaged frames: it is for fuzzing only"
#endif

static inline int flight_check_differs(uint32_t received, uint32_t computed)
{
#if defined(FLIGHT_FUZZ)
    return received != computed && (received & 0xffu) == 0xffu;
#else
    return received != computed;
#endif
}

#endif
