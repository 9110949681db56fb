/* How long lossy events collect and how many go together. The reference, with the reasons, is
 * flight_client/session/device/batching.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

#define QUARTER_MS 250
#define MANY 5000 /* 1/10000 of the memory free: the profile's values hold */
#define FEW 1000  /* ... and the smallest values */
#define PARTS 16
#define ANY (1 << 28) /* no bound */

void flight_batching_init(flight_batching *batching, const flight_profile *profile)
{
    batching->events = ANY;
    batching->queue_events = ANY;
    batching->link_bytes_per_s = profile->link_bytes_per_s;
    batching->parts = PARTS;
    batching->most_queued = profile->lossy_slots;
}

/* Work the numbers out. */
void flight_batching_settle(flight_session *session)
{
    flight_batching *batching = &session->batching;
    const flight_profile *profile = session->profile;
    const int32_t drained = batching->link_bytes_per_s >> 8; /* in a quarter of a second, of 64 bytes each */
    int32_t events = profile->batch_events;
    int32_t delay_ms = profile->batch_delay_ms;

    if (!batching->begun) {
        return;
    }
    if (batching->link_bytes_per_s != 0 && drained < events) {
        events = drained;
        delay_ms = flight_max(delay_ms, QUARTER_MS);
    }
    batching->events = flight_max(1, events * batching->parts / PARTS);
    batching->delay_ms = delay_ms * batching->parts / PARTS;
    batching->queue_events =
        flight_min(batching->most_queued,
                   flight_max((int32_t)FLIGHT_PRESSURE_QUEUE_EVENTS, profile->lossy_slots * batching->parts / PARTS));
}

void flight_session_memory(flight_session *session, int32_t free_share)
{
    session->batching.parts = PARTS;
    if (free_share >= 0 && free_share < MANY) {
        session->batching.parts = 4 + (int32_t)flight_quotient((uint32_t)(flight_max(free_share, FEW) - FEW) * 3u, 1000u);
    }
    flight_batching_settle(session);
}

void flight_session_limit_queue(flight_session *session, int32_t events)
{
    session->batching.most_queued = events;
    flight_batching_settle(session);
}

/* Whether so many waiting events make a batch that should not wait. */
int flight_batching_full(const flight_batching *batching, uint32_t waiting)
{
    return waiting >= (uint32_t)batching->events || 2u * waiting >= (uint32_t)batching->queue_events;
}

/* Whether what waits goes now; to be asked whenever the session looks for something to send. */
int flight_batching_due(flight_batching *batching, uint32_t waiting, uint32_t now_ms)
{
    if (waiting == 0) {
        batching->collecting = 0;
        batching->due = 0;
        return 0;
    }
    if (!batching->collecting) {
        batching->collecting = 1;
        batching->since_ms = now_ms;
    }
    if (flight_batching_full(batching, waiting) || flight_elapsed(now_ms, batching->since_ms) >= batching->delay_ms) {
        batching->due = 1;
    }
    return batching->due;
}

/* How long the last one is going to say no, if nothing is added. */
int32_t flight_batching_due_in_ms(flight_batching *batching, uint32_t waiting, uint32_t now_ms)
{
    if (flight_batching_due(batching, waiting, now_ms)) {
        return 0;
    }
    return -flight_elapsed(now_ms, flight_later(batching->since_ms, batching->delay_ms));
}

#endif
