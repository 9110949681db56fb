/* The counters of a client, which make the law of conservation checkable: accepted = settled + queued + dropped. The reference
 * is flight_client/session/device/tally.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* Take what the store freed last. */
void flight_tally_acknowledged(flight_tally *tally, const flight_session_store *store)
{
    tally->critical_acked += store->acked_events;
}

/* The gateway has stored this many lossy events so far; more may be on their way. */
void flight_tally_lossy_stored(flight_tally *tally, int32_t count)
{
    if (tally->lossy_confirmed < count && count <= tally->lossy_handed) {
        tally->lossy_confirmed = count;
    }
}

/* The gateway refused lossy events instead of storing them. */
void flight_tally_lossy_refused(flight_tally *tally, int32_t events)
{
    if (events > 0 && events <= tally->lossy_handed - tally->lossy_confirmed) {
        tally->lossy_handed -= events;
        tally->lossy_settled -= (uint32_t)events;
        tally->refused += (uint32_t)events;
    }
}

/* On a new transport nothing is on its way: what was handed over and is not stored was lost with the link. With a new log, or a
 * count below what was confirmed, the gateway has lost its store: what it had not yet confirmed is then unconfirmed. */
void flight_tally_lossy_restart(flight_tally *tally, int32_t count, int log_replaced)
{
    const int replaced = log_replaced || count < tally->lossy_confirmed;
    const int32_t lost = tally->lossy_handed - (replaced ? tally->lossy_confirmed : count);

    if (lost > 0) {
        tally->lossy_settled -= (uint32_t)lost;
        if (replaced) {
            tally->unconfirmed += (uint32_t)lost;
        } else {
            tally->link_dropped += (uint32_t)lost;
        }
    }
    tally->lossy_handed = count;
    tally->lossy_confirmed = count;
}

#endif
