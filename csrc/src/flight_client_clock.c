/* The client's clock, milliseconds of 30 bits out of the port's microseconds, without a division; and its jitter. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

#define STEP_US 2000000000u /* two steps are less than 2^32 */
#define STEP_MS 2000000u

/* A thousandth, rounded down: the product by 2^38 / 1000, rounded up, is exact for 32 bits. */
uint32_t flight_client_thousandth(uint32_t number)
{
    return (uint32_t)((uint64_t)number * 274877907u >> 32) >> 6;
}

void flight_client_clock(flight_client *client)
{
    const uint64_t now_us = client->port->now_us(client->port->io);
    uint32_t passed_ms;

    client->seen_us = now_us;
    if (now_us < client->clock_us) {
        client->clock_us = now_us; /* a port that breaks its promise: time stands still once */
    }
    while (now_us - client->clock_us >= STEP_US) { /* asleep for half an hour: one step each */
        client->clock_us += STEP_US;
        client->now_ms = flight_later(client->now_ms, (int32_t)STEP_MS);
    }
    passed_ms = flight_client_thousandth((uint32_t)(now_us - client->clock_us));
    client->clock_us += passed_ms * 1000u;
    client->now_ms = flight_later(client->now_ms, (int32_t)passed_ms);
}

/* xorshift32: for waits and masks, not for secrets. */
uint32_t flight_client_random(flight_client *client)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 17;
    client->random ^= client->random << 5;
    return client->random;
}

#endif
