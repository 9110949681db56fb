/* A token bucket: so much per second on average, a second's worth at once. The reference is
 * flight_client/session/device/bucket.py. The level counts in thousandths, so that a millisecond brings exactly per_s of them. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

#define HIGHEST_PER_S 500000 /* a rate above it is no limit */
#define LEAST 1000           /* what must be there before anything leaves: one */

/* The quotient, rounded down; not by the division that small processors do not have. by: 1 to 2^30. */
uint32_t flight_quotient(uint32_t number, uint32_t by)
{
    uint32_t quotient = 0;
    uint32_t bit = 1;

    for (; by <= number >> 1; by <<= 1) {
        bit <<= 1;
    }
    for (; bit != 0; bit >>= 1, by >>= 1) {
        if (number >= by) {
            number -= by;
            quotient |= bit;
        }
    }
    return quotient;
}

void flight_bucket_begin(flight_bucket *bucket, int32_t per_s, int32_t most)
{
    bucket->per_s = per_s > HIGHEST_PER_S ? 0 : flight_max(0, per_s);
    bucket->most = 1000 * flight_max(1, flight_min(most, HIGHEST_PER_S));
    bucket->level = bucket->most;
    bucket->at_ms = 0;
}

/* So much leaves. */
void flight_bucket_take(flight_bucket *bucket, uint32_t amount)
{
    if (bucket->per_s != 0) {
        bucket->level = flight_max(bucket->level - (int32_t)(1000u * amount), -1000 * HIGHEST_PER_S);
    }
}

static void refill(flight_bucket *bucket, uint32_t now_ms)
{
    const int32_t missing = bucket->most - bucket->level;
    const int32_t passed_ms = flight_elapsed(now_ms, bucket->at_ms);

    bucket->at_ms = now_ms;
    /* Below 0: the clock has wrapped since. */
    if (passed_ms < 0 || (uint64_t)(uint32_t)passed_ms * (uint32_t)bucket->per_s > (uint32_t)missing) {
        bucket->level = bucket->most;
    } else {
        bucket->level += passed_ms * bucket->per_s;
    }
}

/* How long nothing more may leave; 0 = something may leave now. */
int32_t flight_bucket_wait_ms(flight_bucket *bucket, uint32_t now_ms)
{
    const uint32_t per_s = (uint32_t)bucket->per_s;

    if (per_s == 0) {
        return 0;
    }
    refill(bucket, now_ms);
    return bucket->level >= LEAST ? 0 : (int32_t)flight_quotient((uint32_t)(LEAST - bucket->level) + per_s - 1u, per_s);
}

/* How much may leave now without a debt; `longest` at most, and where there is no limit. */
int32_t flight_bucket_room(flight_bucket *bucket, uint32_t now_ms, int32_t longest)
{
    if (bucket->per_s == 0) {
        return longest;
    }
    refill(bucket, now_ms);
    return flight_min(longest, (int32_t)flight_quotient((uint32_t)flight_max(0, bucket->level), LEAST));
}

#endif
